//! What an edit changes: the lines that count, as the reader sees them.

use std::net::IpAddr;

use super::layout::Layout;
use super::{Change, Edit, EditError, List, Origin};
use crate::around::Surroundings;
use crate::reading::{self, Block, Includes, Statement, Word, closest, network};
use crate::schema::{AUTHENTICATION, INSTANCE, Status};
use crate::source::{FileId, Sources};

/// Options of which each takes back the other; the one that stands last counts.
const OPPOSITES: [[&str; 2]; 2] = [["preempt", "nopreempt"], ["accept", "no_accept"]];

/// The instances of a configuration with their lines.
pub(super) struct Found<'s> {
    sources: &'s Sources,
    layout: Layout<'s>,
    instances: Vec<Statement<'s>>,
}

impl<'s> Found<'s> {
    pub(super) fn new(sources: &'s Sources, includes: &Includes, around: &Surroundings<'_>) -> Self {
        let instances =
            reading::statements(sources, includes, around, |statement| statement.keyword() == "vrrp_instance");
        Self { sources, layout: Layout::new(sources), instances }
    }

    /// What the edit changes in the text.
    pub(super) fn changes(&self, edit: &Edit) -> Result<Vec<Change>, EditError> {
        match edit {
            Edit::Set { instance, keyword, values } => {
                let instance = self.instance(instance)?;
                let keyword = option(keyword)?;
                self.set(instance, keyword, values)
            }
            Edit::Unset { instance, keyword } => {
                let instance = self.instance(instance)?;
                let keyword = option(keyword)?;
                let lines = lines(instance, keyword);
                if lines.is_empty() {
                    return Err(EditError::NotThere(format!("`{keyword}` in `{}`", name(instance))));
                }
                lines.into_iter().map(|line| self.remove(line)).collect()
            }
            Edit::AddEntry { instance, list, words } => self.add_entry(self.instance(instance)?, *list, words),
            Edit::RemoveEntry { instance, list, address } => {
                let instance = self.instance(instance)?;
                let found: Vec<_> = entries(instance, *list, *address).collect();
                if found.is_empty() {
                    return Err(EditError::NotThere(format!(
                        "{address} in `{}` of `{}`",
                        list.keyword(),
                        name(instance)
                    )));
                }
                found.into_iter().map(|line| self.remove(line)).collect()
            }
            Edit::AddInstance { name: new } => {
                if self.instances.iter().any(|instance| name(instance) == new) {
                    return Err(EditError::AlreadyThere(format!("`{new}`")));
                }
                let lines = [format!("vrrp_instance {} {{", written(new)?), "}".to_owned()];
                Ok(vec![self.layout.append_top(self.instances.last(), &lines)])
            }
            Edit::RemoveInstance { name } => {
                let instance = self.instance(name)?;
                if let Some(block) = instance.block.as_ref().filter(|block| !self.layout.is_block_literal(block)) {
                    let brace = Word { text: "}".into(), raw: "}".into(), at: block.close.unwrap_or(block.open) };
                    return Err(self.elsewhere(instance, &brace));
                }
                Ok(vec![self.remove(instance)?])
            }
        }
    }

    /// Whether the configuration says now what the edit wanted it to say.
    pub(super) fn is_done(&self, edit: &Edit) -> bool {
        let instance = self.instance(edit.instance()).ok();
        match (edit, instance) {
            (Edit::Set { keyword, values, .. }, Some(instance)) => option(keyword).is_ok_and(|keyword| {
                counting(instance, keyword).is_some_and(|line| {
                    canonical(line.keyword()) == keyword
                        && line.args().len() == values.len()
                        && line.args().iter().zip(values).all(|(word, value)| word.text == *value)
                })
            }),
            (Edit::Unset { keyword, .. }, Some(instance)) => {
                option(keyword).is_ok_and(|keyword| lines(instance, keyword).is_empty())
            }
            (Edit::AddEntry { list, words, .. }, Some(instance)) => list_lines(instance, *list).any(|line| {
                line.words.len() == words.len() && line.words.iter().zip(words).all(|(word, new)| word.text == *new)
            }),
            (Edit::RemoveEntry { list, address, .. }, Some(instance)) => {
                entries(instance, *list, *address).next().is_none()
            }
            (Edit::AddInstance { .. }, Some(_)) | (Edit::RemoveInstance { .. }, None) => true,
            (_, _) => false,
        }
    }

    fn instance(&self, wanted: &str) -> Result<&Statement<'s>, EditError> {
        self.instances.iter().find(|instance| name(instance) == wanted).ok_or_else(|| EditError::NoInstance {
            name: wanted.to_owned(),
            near: closest(wanted, self.instances.iter().map(|instance| name(instance))).map(str::to_owned),
        })
    }

    fn set(
        &self,
        instance: &Statement<'s>,
        keyword: &'static str,
        values: &[String],
    ) -> Result<Vec<Change>, EditError> {
        if let Some(line) = counting(instance, keyword) {
            self.check_literal(line)?;
            return self.rewrite(line, keyword, values);
        }
        let mut text = keyword.to_owned();
        for value in values {
            text.push(' ');
            text.push_str(&written(value)?);
        }
        let plain = |line: &Statement<'_>| line.block.is_none();
        if AUTHENTICATION.keyword(keyword).is_none() {
            let block = self.block(instance, instance)?;
            return Ok(vec![self.layout.append(instance, block, &[text], plain)]);
        }
        let authentication = instance.statements().iter().rfind(|line| line.keyword() == "authentication");
        match authentication {
            Some(authentication) => {
                let block = self.block(authentication, instance)?;
                Ok(vec![self.layout.append(authentication, block, &[text], plain)])
            }
            None => self.add_block(instance, "authentication", &text),
        }
    }

    /// Changes the words of a line that differ.
    fn rewrite(
        &self,
        line: &Statement<'_>,
        keyword: &'static str,
        values: &[String],
    ) -> Result<Vec<Change>, EditError> {
        let mut changes = Vec::new();
        if let Some(word) = line.words.first()
            && canonical(&word.text) != keyword
        {
            changes.push(Change { text: keyword.to_owned(), ..over(word) });
        }
        let args = line.args();
        for (word, value) in args.iter().zip(values) {
            if word.text != *value {
                changes.push(Change { text: written(value)?, ..over(word) });
            }
        }
        let end_of = |count: usize| line.words.get(count).map_or(0, |word| word.at.end as usize);
        if let Some(more) = values.get(args.len()..) {
            let mut text = String::new();
            for value in more {
                text.push(' ');
                text.push_str(&written(value)?);
            }
            let end = end_of(args.len());
            if !text.is_empty() {
                changes.push(Change { start: end, end, text });
            }
        } else {
            changes.push(Change { start: end_of(values.len()), end: end_of(args.len()), text: String::new() });
        }
        Ok(changes)
    }

    fn add_entry(&self, instance: &Statement<'s>, list: List, words: &[String]) -> Result<Vec<Change>, EditError> {
        let address = words.first().and_then(|word| network(word).ok());
        if let Some((address, _)) = address.filter(|(address, _)| entries(instance, list, *address).next().is_some()) {
            return Err(EditError::AlreadyThere(format!("{address}")));
        }
        let words: Vec<String> = words.iter().map(|word| written(word)).collect::<Result<_, _>>()?;
        let text = words.join(" ");
        let owner = instance.statements().iter().rfind(|line| line.keyword() == list.keyword());
        match owner {
            Some(owner) => {
                let block = self.block(owner, instance)?;
                Ok(vec![self.layout.append(owner, block, &[text], |_| true)])
            }
            None => self.add_block(instance, list.keyword(), &text),
        }
    }

    /// A block of one line, behind all that the instance holds.
    fn add_block(&self, instance: &Statement<'s>, keyword: &str, line: &str) -> Result<Vec<Change>, EditError> {
        let block = self.block(instance, instance)?;
        let lines = [format!("{keyword} {{"), format!("    {line}"), "}".to_owned()];
        Ok(vec![self.layout.append(instance, block, &lines, |_| true)])
    }

    /// The block of a statement, if it can take a line.
    fn block<'b>(&self, owner: &'b Statement<'s>, instance: &Statement<'s>) -> Result<&'b Block<'s>, EditError> {
        let block = owner.block.as_ref().ok_or(EditError::Untellable)?;
        if self.layout.is_block_literal(block) {
            return Ok(block);
        }
        let brace = Word { text: "{".into(), raw: "{".into(), at: block.open };
        Err(self.elsewhere(if std::ptr::eq(owner, instance) { instance } else { owner }, &brace))
    }

    fn remove(&self, statement: &Statement<'s>) -> Result<Change, EditError> {
        self.check_literal(statement)?;
        Ok(self.layout.remove(statement))
    }

    fn check_literal(&self, line: &Statement<'_>) -> Result<(), EditError> {
        match line.words.iter().find(|word| !self.layout.is_literal(word)) {
            Some(word) => Err(self.elsewhere(line, word)),
            None => Ok(()),
        }
    }

    fn elsewhere(&self, line: &Statement<'_>, word: &Word<'_>) -> EditError {
        let what = match (line.keyword(), line.args().first()) {
            ("vrrp_instance", Some(name)) => format!("the instance `{}`", name.text),
            (keyword, _) => format!("`{keyword}`"),
        };
        let origin = if word.at.file == FileId::MAIN || self.sources.text(word.at).contains(['$', '~']) {
            Origin::Substitution
        } else {
            Origin::Include
        };
        EditError::Elsewhere { what, place: self.sources.place(word.at).to_string(), origin }
    }
}

fn name<'a>(instance: &'a Statement<'_>) -> &'a str {
    instance.args().first().map_or("", |word| word.text.as_ref())
}

/// A keyword that an edit may set, in its present spelling.
fn option(word: &str) -> Result<&'static str, EditError> {
    let Some(keyword) = INSTANCE.keyword(word).or_else(|| AUTHENTICATION.keyword(word)) else {
        let near = closest(word, INSTANCE.keywords.iter().map(|keyword| keyword.name));
        return Err(EditError::UnknownKeyword { keyword: word.to_owned(), near: near.map(str::to_owned) });
    };
    if keyword.block.is_some() {
        return Err(EditError::TakesBlock(word.to_owned()));
    }
    Ok(match keyword.status {
        Status::Renamed(new) => new,
        Status::Supported | Status::NoEffect(_) | Status::NotYet(_) | Status::Outside(_) => keyword.name,
    })
}

/// The present spelling of a keyword of an instance.
fn canonical(word: &str) -> &str {
    match INSTANCE.keyword(word).map(|keyword| keyword.status) {
        Some(Status::Renamed(new)) => new,
        _ => word,
    }
}

/// The lines of an instance with this keyword, in the order of reading; those of `authentication` among them.
fn lines<'i, 's>(instance: &'i Statement<'s>, keyword: &str) -> Vec<&'i Statement<'s>> {
    matching(instance, |word| word == keyword)
}

fn matching<'i, 's>(instance: &'i Statement<'s>, wanted: impl Fn(&str) -> bool) -> Vec<&'i Statement<'s>> {
    let mut found = Vec::new();
    for line in instance.statements() {
        if line.keyword() == "authentication" {
            found.extend(line.statements().iter().filter(|line| wanted(line.keyword())));
        } else if line.block.is_none() && wanted(canonical(line.keyword())) {
            found.push(line);
        }
    }
    found
}

/// The line that says what holds of an option or its opposite: of several the last, of notify scripts the first.
fn counting<'i, 's>(instance: &'i Statement<'s>, keyword: &str) -> Option<&'i Statement<'s>> {
    let pair = OPPOSITES.iter().find(|pair| pair.contains(&keyword));
    let found = matching(instance, |word| word == keyword || pair.is_some_and(|pair| pair.contains(&word)));
    if keyword.starts_with("notify") && keyword != "notify_priority_changes" {
        found.first().copied()
    } else {
        found.last().copied()
    }
}

fn list_lines<'i, 's>(instance: &'i Statement<'s>, list: List) -> impl Iterator<Item = &'i Statement<'s>> {
    let blocks = instance.statements().iter().filter(move |line| line.keyword() == list.keyword());
    blocks.flat_map(Statement::statements)
}

/// The lines of a list that are about an address.
fn entries<'i, 's>(
    instance: &'i Statement<'s>,
    list: List,
    address: IpAddr,
) -> impl Iterator<Item = &'i Statement<'s>> {
    list_lines(instance, list).filter(move |line| network(line.keyword()).is_ok_and(|(found, _)| found == address))
}

/// The bytes of a word.
fn over(word: &Word<'_>) -> Change {
    Change { start: word.at.start as usize, end: word.at.end as usize, text: String::new() }
}

/// A word as the language writes it: in double quotes where it must be.
fn written(word: &str) -> Result<String, EditError> {
    if word.chars().any(|c| c.is_control() || c == '"') {
        return Err(EditError::Word);
    }
    let plain = !word.is_empty()
        && !word.starts_with(['@', '~', '$'])
        && !word.contains(|c: char| c.is_whitespace() || matches!(c, '#' | '!' | '{' | '}' | '$' | '\\' | '\u{feff}'));
    Ok(if plain { word.to_owned() } else { format!("\"{word}\"") })
}
