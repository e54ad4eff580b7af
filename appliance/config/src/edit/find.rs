//! What an edit changes: the lines that count, as the reader sees them.

use super::known::{List, canonical, few_enough, kind_of, list_of, option};
use super::layout::Layout;
use super::{BlockName, Change, Edit, EditError, Origin, Tried};
use crate::around::Surroundings;
use crate::diagnostic::Diagnostics;
use crate::reading::{self, Block, Includes, Statement, Word, network};
use crate::schema::{AUTHENTICATION, FILE, GLOBAL_DEFS, INSTANCE, Place};
use crate::source::{FileId, Sources};
use crate::suggest::closest;
use crate::uci;

/// Options of which each takes back the other; the one that stands last counts.
const OPPOSITES: [[&str; 2]; 2] = [["preempt", "nopreempt"], ["accept", "no_accept"]];

/// The blocks of a configuration with their lines.
pub(crate) struct Found<'s> {
    sources: &'s Sources,
    layout: Layout<'s>,
    top: Vec<Statement<'s>>,
}

/// What an edit is about: a block as it stands, or several that count as one.
pub(crate) struct Target<'f, 's> {
    pub(crate) place: &'static Place,
    /// The blocks, in the order of reading; none outside all blocks.
    blocks: Vec<&'f Statement<'s>>,
    pub(crate) lines: Vec<&'f Statement<'s>>,
    name: &'f BlockName,
}

impl<'s> Found<'s> {
    /// Those of a UCI file are the statements that its sections stand for.
    pub(super) fn new(sources: &'s Sources, includes: &Includes, around: &Surroundings<'_>) -> Self {
        let layout = Layout::new(sources);
        let top = if uci::is_uci(layout.text) {
            uci::statements(sources, &mut Diagnostics::default())
        } else {
            reading::statements(sources, includes, around, &|_| true)
        };
        Self { sources, layout, top }
    }

    /// The block of this name.
    pub(crate) fn target<'f>(&'f self, wanted: &'f BlockName) -> Tried<Target<'f, 's>> {
        let (place, blocks): (&'static Place, Vec<&Statement<'s>>) = match wanted {
            BlockName::File => {
                let lines = self.top.iter().collect();
                return Ok(Target { place: &FILE, blocks: Vec::new(), lines, name: wanted });
            }
            BlockName::GlobalDefs => (&GLOBAL_DEFS, self.of(GLOBAL_DEFS.name)),
            BlockName::Named { keyword, name: wanted } => {
                let (keyword, place) = kind_of(keyword)?;
                let mut blocks = self.of(keyword);
                blocks.retain(|block| name(block) == wanted);
                blocks.truncate(1);
                (place, blocks)
            }
        };
        if blocks.is_empty() {
            let near = match wanted {
                BlockName::Named { keyword, name: wanted } => {
                    closest(wanted, self.of(keyword).into_iter().map(name)).map(str::to_owned)
                }
                BlockName::File | BlockName::GlobalDefs => None,
            };
            return Err(EditError::NoBlock { block: wanted.clone(), near }.into());
        }
        let lines = blocks.iter().flat_map(|block| block.statements()).collect();
        Ok(Target { place, blocks, lines, name: wanted })
    }

    /// The blocks that a keyword opens.
    fn of(&self, keyword: &str) -> Vec<&Statement<'s>> {
        self.top.iter().filter(|line| canonical(&FILE, line.keyword()) == keyword).collect()
    }

    /// Adds to `changes` what the edit changes in the text.
    pub(super) fn changes(&self, edit: &Edit, changes: &mut Vec<Change>) -> Tried<()> {
        if let Edit::AddBlock { block } = edit {
            changes.push(self.add_block_of(block)?);
            return Ok(());
        }
        if let Edit::Set { block: BlockName::GlobalDefs, keyword, values } = edit
            && self.of(GLOBAL_DEFS.name).is_empty()
        {
            let keyword = option(&GLOBAL_DEFS, keyword)?;
            let lines = ["global_defs {".to_owned(), format!("    {}", line_of(keyword, values)?), "}".to_owned()];
            changes.push(self.layout.append_top(None, &lines));
            return Ok(());
        }
        let target = self.target(edit.block())?;
        let place = target.place;
        match edit {
            Edit::Set { keyword, values, .. } => {
                let keyword = option(place, keyword)?;
                few_enough(place, keyword, values)?;
                self.set(&target, keyword, values, changes)
            }
            Edit::Unset { block, keyword } => {
                let keyword = option(place, keyword)?;
                let lines = target.matching(&|word| word == keyword);
                if lines.is_empty() {
                    return Err(EditError::NotThere(format!("`{keyword}` in `{block}`")).into());
                }
                for line in lines {
                    changes.push(self.remove(line)?);
                }
                Ok(())
            }
            Edit::AddEntry { list, words, .. } => self.add_entry(&target, &list_of(place, list)?, words, changes),
            Edit::SetEntry { list, words, .. } => self.set_entry(&target, &list_of(place, list)?, words, changes),
            Edit::RemoveEntry { list, entry, .. } => self.remove_entry(&target, &list_of(place, list)?, entry, changes),
            Edit::RemoveBlock { .. } => {
                for statement in &target.blocks {
                    if let Some(block) = statement.block.as_ref().filter(|block| !self.layout.is_block_literal(block)) {
                        let brace = Word { text: "}".into(), raw: "}".into(), at: block.close.unwrap_or(block.open) };
                        return Err(self.elsewhere(statement, &brace));
                    }
                    changes.push(self.remove(statement)?);
                }
                Ok(())
            }
            Edit::AddBlock { .. } => Ok(()), // Done above: there is no such block yet.
        }
    }

    fn add_block_of(&self, block: &BlockName) -> Tried<Change> {
        let head = match block {
            BlockName::File => return Err(EditError::UnknownBlock(block.to_string()).into()),
            BlockName::GlobalDefs => GLOBAL_DEFS.name.to_owned(),
            BlockName::Named { keyword, name } => format!("{} {}", kind_of(keyword)?.0, written(name)?),
        };
        if self.target(block).is_ok() {
            return Err(EditError::AlreadyThere(format!("`{block}`")).into());
        }
        let last = match block {
            BlockName::Named { keyword, .. } => self.of(keyword).pop(),
            BlockName::File | BlockName::GlobalDefs => None,
        };
        Ok(self.layout.append_top(last, &[format!("{head} {{"), "}".to_owned()]))
    }

    /// Whether the configuration says now what the edit wanted it to say.
    pub(super) fn is_done(&self, edit: &Edit) -> bool {
        let Ok(target) = self.target(edit.block()) else { return matches!(edit, Edit::RemoveBlock { .. }) };
        let place = target.place;
        match edit {
            Edit::Set { keyword, values, .. } => option(place, keyword).is_ok_and(|keyword| {
                target
                    .counting(keyword)
                    .is_some_and(|line| canonical(place, line.keyword()) == keyword && says(line.args(), values))
            }),
            Edit::Unset { keyword, .. } => {
                option(place, keyword).is_ok_and(|keyword| target.matching(&|word| word == keyword).is_empty())
            }
            Edit::AddEntry { list, words, .. } | Edit::SetEntry { list, words, .. } => {
                list_of(place, list).is_ok_and(|list| match (list.many_per_line, words.as_slice()) {
                    (true, [name]) => target.names(&list, name),
                    (true, _) => false,
                    (false, _) => target.entries(&list).iter().any(|line| says(&line.words, words)),
                })
            }
            Edit::RemoveEntry { list, entry, .. } => list_of(place, list).is_ok_and(|list| {
                if list.many_per_line {
                    !target.names(&list, entry)
                } else {
                    !target.entries(&list).iter().any(|line| is_about(line, entry))
                }
            }),
            Edit::AddBlock { .. } => true,
            Edit::RemoveBlock { .. } => false,
        }
    }

    fn set(
        &self,
        target: &Target<'_, 's>,
        keyword: &'static str,
        values: &[String],
        changes: &mut Vec<Change>,
    ) -> Tried<()> {
        if let Some(line) = target.counting(keyword) {
            self.check_literal(line)?;
            return self.rewrite(target.place, line, keyword, values, changes);
        }
        let text = line_of(keyword, values)?;
        let Some(owner) = target.blocks.last() else {
            changes.push(self.layout.append_top(None, &[text]));
            return Ok(());
        };
        let owner = if target.is_authentication(keyword) {
            match target.lines.iter().rfind(|line| line.keyword() == AUTHENTICATION.name) {
                Some(authentication) => authentication,
                None => {
                    changes.push(self.add_inner_block(target, AUTHENTICATION.name, &text)?);
                    return Ok(());
                }
            }
        } else {
            owner
        };
        let block = self.block(owner)?;
        changes.push(self.layout.append(owner, block, &[text], |line| line.block.is_none()));
        Ok(())
    }

    /// Changes the words of a line that differ.
    fn rewrite(
        &self,
        place: &Place,
        line: &Statement<'_>,
        keyword: &'static str,
        values: &[String],
        changes: &mut Vec<Change>,
    ) -> Tried<()> {
        if let Some(word) = line.words.first()
            && canonical(place, &word.text) != keyword
        {
            changes.push(Change { text: keyword.to_owned(), ..over(word) });
        }
        self.rewrite_args(line, values, changes)
    }

    /// Changes the words after the first that differ.
    fn rewrite_args(&self, line: &Statement<'_>, values: &[String], changes: &mut Vec<Change>) -> Tried<()> {
        let args = line.args();
        for (word, value) in args.iter().zip(values) {
            if word.text != *value {
                let text = written(value)?;
                // Quotes that somebody has put there stay.
                let has_quotes = word.raw.len() > 1 && word.raw.starts_with('"') && word.raw.ends_with('"');
                let text = if has_quotes && !text.starts_with('"') { format!("\"{text}\"") } else { text };
                changes.push(Change { text, ..over(word) });
            }
        }
        let end_of = |count: usize| line.words.get(count).map_or(0, |word| word.at.end() as usize);
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
        Ok(())
    }

    fn add_entry(
        &self,
        target: &Target<'_, 's>,
        list: &List,
        words: &[String],
        changes: &mut Vec<Change>,
    ) -> Tried<()> {
        let first = words.first().ok_or(EditError::Unwritable)?;
        let there = if list.many_per_line {
            target.names(list, first)
        } else {
            // Of routes and rules many may start alike; of all others the first word is what they are about.
            let whole = words.join(" ");
            target.entries(list).iter().any(|line| is_about(line, if list.first_tells { first } else { &whole }))
        };
        if there {
            return Err(EditError::AlreadyThere(format!("`{first}`")).into());
        }
        let text = line_of(&written(first)?, words.get(1..).unwrap_or_default())?;
        changes.push(match target.lists(list).pop() {
            Some(owner) => self.layout.append(owner, self.block(owner)?, &[text], |_| true),
            None => self.add_inner_block(target, list.keyword, &text)?,
        });
        Ok(())
    }

    fn set_entry(
        &self,
        target: &Target<'_, 's>,
        list: &List,
        words: &[String],
        changes: &mut Vec<Change>,
    ) -> Tried<()> {
        let (first, options) = words.split_first().ok_or(EditError::Unwritable)?;
        let line = target.entries(list).into_iter().find(|line| !list.many_per_line && is_about(line, first));
        let absent = || EditError::NotThere(format!("`{first}` in `{}` of `{}`", list.keyword, target.name));
        let line = line.ok_or_else(absent)?;
        self.check_literal(line)?;
        self.rewrite_args(line, options, changes)
    }

    fn remove_entry(&self, target: &Target<'_, 's>, list: &List, entry: &str, changes: &mut Vec<Change>) -> Tried<()> {
        for line in target.entries(list) {
            if !list.many_per_line {
                if is_about(line, entry) {
                    changes.push(self.remove(line)?);
                }
                continue;
            }
            let (gone, kept): (Vec<&Word<'s>>, Vec<&Word<'s>>) = line.words.iter().partition(|word| word.text == entry);
            if kept.is_empty() {
                changes.push(self.remove(line)?);
                continue;
            }
            for word in gone {
                self.check_literal_word(line, word)?;
                changes.push(self.layout.remove_word(word));
            }
        }
        if changes.is_empty() {
            let what = format!("`{entry}` in `{}` of `{}`", list.keyword, target.name);
            return Err(EditError::NotThere(what).into());
        }
        Ok(())
    }

    /// A block of one line, behind all that the target holds.
    fn add_inner_block(&self, target: &Target<'_, 's>, keyword: &str, line: &str) -> Tried<Change> {
        let lines = [format!("{keyword} {{"), format!("    {line}"), "}".to_owned()];
        let Some(owner) = target.blocks.last() else {
            return Ok(self.layout.append_top(None, &lines));
        };
        Ok(self.layout.append(owner, self.block(owner)?, &lines, |_| true))
    }

    /// The block of a statement, if it can take a line.
    fn block<'b>(&self, owner: &'b Statement<'s>) -> Tried<&'b Block<'s>> {
        let block = owner.block.as_ref().ok_or(EditError::Untellable)?;
        if self.layout.is_block_literal(block) {
            return Ok(block);
        }
        let brace = Word { text: "{".into(), raw: "{".into(), at: block.open };
        Err(self.elsewhere(owner, &brace))
    }

    fn remove(&self, statement: &Statement<'s>) -> Tried<Change> {
        self.check_literal(statement)?;
        Ok(self.layout.remove(statement))
    }

    fn check_literal(&self, line: &Statement<'_>) -> Tried<()> {
        line.words.iter().try_for_each(|word| self.check_literal_word(line, word))
    }

    fn check_literal_word(&self, line: &Statement<'_>, word: &Word<'_>) -> Tried<()> {
        if self.layout.is_literal(word) { Ok(()) } else { Err(self.elsewhere(line, word)) }
    }

    fn elsewhere(&self, line: &Statement<'_>, word: &Word<'_>) -> Box<EditError> {
        let what = match (line.keyword(), line.args().first()) {
            ("vrrp_instance", Some(name)) => format!("the instance `{}`", name.text),
            (keyword, _) => format!("`{keyword}`"),
        };
        let origin = if word.at.file == FileId::MAIN || self.sources.text(word.at).contains(['$', '~']) {
            Origin::Substitution
        } else {
            Origin::Include
        };
        EditError::Elsewhere { what, place: self.sources.place(word.at).to_string(), origin }.into()
    }
}

fn name<'a>(instance: &'a Statement<'_>) -> &'a str {
    instance.args().first().map_or("", |word| word.text.as_ref())
}

impl<'f, 's> Target<'f, 's> {
    fn is_authentication(&self, keyword: &str) -> bool {
        self.place.name == INSTANCE.name && AUTHENTICATION.keyword(keyword).is_some()
    }

    /// The lines with such a keyword, in the order of reading; those of `authentication` among them.
    pub(crate) fn matching(&self, wanted: &dyn Fn(&str) -> bool) -> Vec<&'f Statement<'s>> {
        let mut found = Vec::new();
        for line in &self.lines {
            if line.keyword() == AUTHENTICATION.name {
                found.extend(line.statements().iter().filter(|line| wanted(line.keyword())));
            } else if line.block.is_none() && wanted(canonical(self.place, line.keyword())) {
                found.push(*line);
            }
        }
        found
    }

    /// The line that says what holds of an option or its opposite: of several the last, of notify scripts the first.
    pub(crate) fn counting(&self, keyword: &str) -> Option<&'f Statement<'s>> {
        let pair = OPPOSITES.iter().find(|pair| pair.contains(&keyword));
        let found = self.matching(&|word| word == keyword || pair.is_some_and(|pair| pair.contains(&word)));
        let first_counts =
            self.place.name == INSTANCE.name && keyword.starts_with("notify") && keyword != "notify_priority_changes";
        if first_counts { found.first().copied() } else { found.last().copied() }
    }

    /// The blocks of a list.
    fn lists(&self, list: &List) -> Vec<&'f Statement<'s>> {
        self.lines.iter().copied().filter(|line| line.keyword() == list.keyword).collect()
    }

    /// Their lines.
    fn entries(&self, list: &List) -> Vec<&'f Statement<'s>> {
        self.lists(list).into_iter().flat_map(Statement::statements).collect()
    }

    /// Whether a list of words has this one.
    fn names(&self, list: &List, name: &str) -> bool {
        self.entries(list).iter().any(|line| line.words.iter().any(|word| word.text == name))
    }
}

/// Whether the words are these.
fn says(words: &[Word<'_>], wanted: &[String]) -> bool {
    words.iter().map(|word| &*word.text).eq(wanted.iter().map(String::as_str))
}

/// Whether a line of a list is about this: its address, its first word, or all of it.
pub(crate) fn is_about(line: &Statement<'_>, entry: &str) -> bool {
    let same_address = || match (network(line.keyword()), network(entry)) {
        (Ok((one, _)), Ok((other, _))) => one == other,
        _ => false,
    };
    let words = || line.words.iter().map(|word| word.text.as_ref());
    line.keyword() == entry || same_address() || words().eq(entry.split(' '))
}

/// A line as it is written.
fn line_of(keyword: &str, values: &[String]) -> Tried<String> {
    let mut text = keyword.to_owned();
    for value in values {
        text.push(' ');
        text.push_str(&written(value)?);
    }
    Ok(text)
}

/// The bytes of a word.
fn over(word: &Word<'_>) -> Change {
    Change { start: word.at.start as usize, end: word.at.end() as usize, text: String::new() }
}

/// A word as the language writes it: in double quotes where it must be.
fn written(word: &str) -> Tried<String> {
    if word.chars().any(|c| c.is_control() || c == '"') {
        return Err(EditError::Word.into());
    }
    let plain = !word.is_empty()
        && !word.starts_with(['@', '~', '$'])
        && !word.contains(|c: char| c.is_whitespace() || matches!(c, '#' | '!' | '{' | '}' | '$' | '\\' | '\u{feff}'));
    Ok(if plain { word.to_owned() } else { format!("\"{word}\"") })
}
