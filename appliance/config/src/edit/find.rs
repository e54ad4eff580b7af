//! What an edit changes: the lines that count, as the reader sees them.

use super::layout::Layout;
use super::{BlockName, Change, Edit, EditError, Origin};
use crate::around::Surroundings;
use crate::diagnostic::Diagnostics;
use crate::reading::{self, Block, Includes, Statement, Word, network};
use crate::schema::{AUTHENTICATION, Count, FILE, GLOBAL_DEFS, INSTANCE, Place, Status};
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
    name: BlockName,
}

impl<'s> Found<'s> {
    pub(super) fn new(sources: &'s Sources, includes: &Includes, around: &Surroundings<'_>) -> Self {
        let top = reading::statements(sources, includes, around, &|_| true);
        Self { sources, layout: Layout::new(sources), top }
    }

    /// The same for a UCI file: the statements that its sections stand for.
    pub(super) fn uci(sources: &'s Sources) -> Self {
        let top = uci::statements(sources, &mut Diagnostics::default());
        Self { sources, layout: Layout::new(sources), top }
    }

    /// The block of this name.
    pub(crate) fn target(&self, wanted: &BlockName) -> Result<Target<'_, 's>, EditError> {
        let (place, blocks): (&'static Place, Vec<&Statement<'s>>) = match wanted {
            BlockName::File => {
                let lines = self.top.iter().collect();
                return Ok(Target { place: &FILE, blocks: Vec::new(), lines, name: wanted.clone() });
            }
            BlockName::GlobalDefs => {
                (&GLOBAL_DEFS, self.top.iter().filter(|line| line.keyword() == GLOBAL_DEFS.name).collect())
            }
            BlockName::Named { keyword, name: wanted } => {
                let (keyword, place) = kind_of(keyword)?;
                (place, self.of(keyword).filter(|block| name(block) == wanted).take(1).collect())
            }
        };
        if blocks.is_empty() {
            let near = match wanted {
                BlockName::Named { keyword, name: wanted } => {
                    let names: Vec<&str> = self.of(keyword).map(|block| name(block)).collect();
                    closest(wanted, names.into_iter()).map(str::to_owned)
                }
                BlockName::File | BlockName::GlobalDefs => None,
            };
            return Err(EditError::NoBlock { block: wanted.clone(), near });
        }
        let lines = blocks.iter().flat_map(|block| block.statements()).collect();
        Ok(Target { place, blocks, lines, name: wanted.clone() })
    }

    /// The blocks that a keyword opens.
    fn of(&self, keyword: &str) -> impl Iterator<Item = &Statement<'s>> {
        self.top.iter().filter(move |line| canonical(&FILE, line.keyword()) == keyword)
    }

    /// What the edit changes in the text.
    pub(super) fn changes(&self, edit: &Edit) -> Result<Vec<Change>, EditError> {
        match edit {
            Edit::Set { block: BlockName::GlobalDefs, keyword, values }
                if self.of(GLOBAL_DEFS.name).next().is_none() =>
            {
                let keyword = option(&GLOBAL_DEFS, keyword)?;
                let lines = ["global_defs {".to_owned(), format!("    {}", line_of(keyword, values)?), "}".to_owned()];
                Ok(vec![self.layout.append_top(None, &lines)])
            }
            Edit::Set { block, keyword, values } => {
                let target = self.target(block)?;
                let keyword = option(target.place, keyword)?;
                few_enough(target.place, keyword, values)?;
                self.set(&target, keyword, values)
            }
            Edit::Unset { block, keyword } => {
                let target = self.target(block)?;
                let keyword = option(target.place, keyword)?;
                let lines = target.matching(|word| word == keyword);
                if lines.is_empty() {
                    return Err(EditError::NotThere(format!("`{keyword}` in `{block}`")));
                }
                lines.into_iter().map(|line| self.remove(line)).collect()
            }
            Edit::AddEntry { block, list, words } => {
                let target = self.target(block)?;
                self.add_entry(&target, list_of(target.place, list)?, words)
            }
            Edit::SetEntry { block, list, words } => {
                let target = self.target(block)?;
                self.set_entry(&target, list_of(target.place, list)?, words)
            }
            Edit::RemoveEntry { block, list, entry } => {
                let target = self.target(block)?;
                self.remove_entry(&target, list_of(target.place, list)?, entry)
            }
            Edit::AddBlock { block } => self.add_block_of(block),
            Edit::RemoveBlock { block } => {
                let target = self.target(block)?;
                let mut changes = Vec::new();
                for statement in &target.blocks {
                    if let Some(block) = statement.block.as_ref().filter(|block| !self.layout.is_block_literal(block)) {
                        let brace = Word { text: "}".into(), raw: "}".into(), at: block.close.unwrap_or(block.open) };
                        return Err(self.elsewhere(statement, &brace));
                    }
                    changes.push(self.remove(statement)?);
                }
                Ok(changes)
            }
        }
    }

    fn add_block_of(&self, block: &BlockName) -> Result<Vec<Change>, EditError> {
        let head = match block {
            BlockName::File => return Err(EditError::UnknownBlock(block.to_string())),
            BlockName::GlobalDefs => GLOBAL_DEFS.name.to_owned(),
            BlockName::Named { keyword, name } => format!("{} {}", kind_of(keyword)?.0, written(name)?),
        };
        if self.target(block).is_ok() {
            return Err(EditError::AlreadyThere(format!("`{block}`")));
        }
        let last = match block {
            BlockName::Named { keyword, .. } => self.of(keyword).last(),
            BlockName::File | BlockName::GlobalDefs => None,
        };
        Ok(vec![self.layout.append_top(last, &[format!("{head} {{"), "}".to_owned()])])
    }

    /// Whether the configuration says now what the edit wanted it to say.
    pub(super) fn is_done(&self, edit: &Edit) -> bool {
        let Ok(target) = self.target(edit.block()) else { return matches!(edit, Edit::RemoveBlock { .. }) };
        let place = target.place;
        match edit {
            Edit::Set { keyword, values, .. } => option(place, keyword).is_ok_and(|keyword| {
                target.counting(keyword).is_some_and(|line| {
                    canonical(place, line.keyword()) == keyword
                        && line.args().len() == values.len()
                        && line.args().iter().zip(values).all(|(word, value)| word.text == *value)
                })
            }),
            Edit::Unset { keyword, .. } => {
                option(place, keyword).is_ok_and(|keyword| target.matching(|word| word == keyword).is_empty())
            }
            Edit::AddEntry { list, words, .. } | Edit::SetEntry { list, words, .. } => {
                list_of(place, list).is_ok_and(|list| {
                    let stands = |line: &&Statement<'_>| {
                        line.words.len() == words.len()
                            && line.words.iter().zip(words).all(|(word, new)| word.text == *new)
                    };
                    match (list.many_per_line, words.as_slice()) {
                        (true, [name]) => target.entry_words(&list).any(|word| word.text == *name),
                        (true, _) => false,
                        (false, _) => target.entries(&list).any(|line| stands(&line)),
                    }
                })
            }
            Edit::RemoveEntry { list, entry, .. } => list_of(place, list).is_ok_and(|list| {
                if list.many_per_line {
                    !target.entry_words(&list).any(|word| word.text == *entry)
                } else {
                    !target.entries(&list).any(|line| is_about(line, entry))
                }
            }),
            Edit::AddBlock { .. } => true,
            Edit::RemoveBlock { .. } => false,
        }
    }

    fn set(&self, target: &Target<'_, 's>, keyword: &'static str, values: &[String]) -> Result<Vec<Change>, EditError> {
        if let Some(line) = target.counting(keyword) {
            self.check_literal(line)?;
            return self.rewrite(target.place, line, keyword, values);
        }
        let text = line_of(keyword, values)?;
        let plain = |line: &Statement<'_>| line.block.is_none();
        let Some(owner) = target.blocks.last() else {
            return Ok(vec![self.layout.append_top(None, &[text])]);
        };
        if !target.is_authentication(keyword) {
            let block = self.block(owner)?;
            return Ok(vec![self.layout.append(owner, block, &[text], plain)]);
        }
        let authentication = target.lines.iter().rfind(|line| line.keyword() == AUTHENTICATION.name);
        match authentication {
            Some(authentication) => {
                let block = self.block(authentication)?;
                Ok(vec![self.layout.append(authentication, block, &[text], plain)])
            }
            None => self.add_inner_block(target, AUTHENTICATION.name, &text),
        }
    }

    /// Changes the words of a line that differ.
    fn rewrite(
        &self,
        place: &Place,
        line: &Statement<'_>,
        keyword: &'static str,
        values: &[String],
    ) -> Result<Vec<Change>, EditError> {
        let mut changes = Vec::new();
        if let Some(word) = line.words.first()
            && canonical(place, &word.text) != keyword
        {
            changes.push(Change { text: keyword.to_owned(), ..over(word) });
        }
        changes.extend(self.rewrite_args(line, values)?);
        Ok(changes)
    }

    /// Changes the words after the first that differ.
    fn rewrite_args(&self, line: &Statement<'_>, values: &[String]) -> Result<Vec<Change>, EditError> {
        let mut changes = Vec::new();
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

    fn add_entry(&self, target: &Target<'_, 's>, list: List, words: &[String]) -> Result<Vec<Change>, EditError> {
        let first = words.first().ok_or(EditError::Unwritable)?;
        let there = if list.many_per_line {
            target.entry_words(&list).any(|word| word.text == *first)
        } else {
            // Of routes and rules many may start alike; of all others the first word is what they are about.
            let whole = words.join(" ");
            target.entries(&list).any(|line| is_about(line, if list.first_tells { first } else { &whole }))
        };
        if there {
            return Err(EditError::AlreadyThere(format!("`{first}`")));
        }
        let words: Vec<String> = words.iter().map(|word| written(word)).collect::<Result<_, _>>()?;
        let text = words.join(" ");
        match target.lists(&list).last() {
            Some(owner) => {
                let block = self.block(owner)?;
                Ok(vec![self.layout.append(owner, block, &[text], |_| true)])
            }
            None => self.add_inner_block(target, list.keyword, &text),
        }
    }

    fn set_entry(&self, target: &Target<'_, 's>, list: List, words: &[String]) -> Result<Vec<Change>, EditError> {
        let (first, options) = words.split_first().ok_or(EditError::Unwritable)?;
        let line = target.entries(&list).find(|line| !list.many_per_line && is_about(line, first));
        let absent = || EditError::NotThere(format!("`{first}` in `{}` of `{}`", list.keyword, target.name));
        let line = line.ok_or_else(absent)?;
        self.check_literal(line)?;
        self.rewrite_args(line, options)
    }

    fn remove_entry(&self, target: &Target<'_, 's>, list: List, entry: &str) -> Result<Vec<Change>, EditError> {
        let absent = || EditError::NotThere(format!("`{entry}` in `{}` of `{}`", list.keyword, target.name));
        let mut changes = Vec::new();
        for line in target.entries(&list) {
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
        if changes.is_empty() { Err(absent()) } else { Ok(changes) }
    }

    /// A block of one line, behind all that the target holds.
    fn add_inner_block(&self, target: &Target<'_, 's>, keyword: &str, line: &str) -> Result<Vec<Change>, EditError> {
        let lines = [format!("{keyword} {{"), format!("    {line}"), "}".to_owned()];
        let Some(owner) = target.blocks.last() else {
            return Ok(vec![self.layout.append_top(None, &lines)]);
        };
        let block = self.block(owner)?;
        Ok(vec![self.layout.append(owner, block, &lines, |_| true)])
    }

    /// The block of a statement, if it can take a line.
    fn block<'b>(&self, owner: &'b Statement<'s>) -> Result<&'b Block<'s>, EditError> {
        let block = owner.block.as_ref().ok_or(EditError::Untellable)?;
        if self.layout.is_block_literal(block) {
            return Ok(block);
        }
        let brace = Word { text: "{".into(), raw: "{".into(), at: block.open };
        Err(self.elsewhere(owner, &brace))
    }

    fn remove(&self, statement: &Statement<'s>) -> Result<Change, EditError> {
        self.check_literal(statement)?;
        Ok(self.layout.remove(statement))
    }

    fn check_literal(&self, line: &Statement<'_>) -> Result<(), EditError> {
        line.words.iter().try_for_each(|word| self.check_literal_word(line, word))
    }

    fn check_literal_word(&self, line: &Statement<'_>, word: &Word<'_>) -> Result<(), EditError> {
        if self.layout.is_literal(word) { Ok(()) } else { Err(self.elsewhere(line, word)) }
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

/// The keyword of a kind of block, in its present spelling, and what may stand in it.
fn kind_of(keyword: &str) -> Result<(&'static str, &'static Place), EditError> {
    let known = FILE.keyword(canonical(&FILE, keyword));
    match known.map(|known| (known, known.block)) {
        Some((known, Some(place))) if !known.args.is_empty() && !place.keywords.is_empty() => Ok((known.name, place)),
        _ => Err(EditError::UnknownBlock(keyword.to_owned())),
    }
}

/// A keyword that an edit may set, in its present spelling.
pub(crate) fn option(place: &'static Place, word: &str) -> Result<&'static str, EditError> {
    let authentication = || AUTHENTICATION.keyword(word).filter(|_| place.name == INSTANCE.name);
    let Some(keyword) = place.keyword(word).or_else(authentication) else {
        let near = closest(word, place.keywords.iter().map(|keyword| keyword.name));
        return Err(EditError::UnknownKeyword {
            keyword: word.to_owned(),
            place: place.name,
            near: near.map(str::to_owned),
        });
    };
    if keyword.block.is_some() {
        return Err(EditError::TakesBlock(word.to_owned()));
    }
    Ok(match keyword.status {
        Status::Renamed(new) => new,
        Status::Supported | Status::NoEffect(_) | Status::Outside(_) => keyword.name,
    })
}

/// Words beyond those that a keyword takes would be read over, so that the answer would be wrong.
fn few_enough(place: &'static Place, keyword: &str, values: &[String]) -> Result<(), EditError> {
    let known = place.keyword(keyword).or_else(|| AUTHENTICATION.keyword(keyword));
    let args = known.map(|known| known.args).unwrap_or_default();
    let endless = args.iter().any(|arg| arg.count == Count::Any);
    if endless || values.len() <= args.len() {
        return Ok(());
    }
    Err(EditError::TooManyValues { keyword: keyword.to_owned(), most: args.len() })
}

/// A list of a place.
pub(crate) struct List {
    pub(crate) keyword: &'static str,
    /// Several names may share a line.
    many_per_line: bool,
    /// The first word of a line tells it from the others.
    first_tells: bool,
}

pub(crate) fn list_of(place: &'static Place, word: &str) -> Result<List, EditError> {
    let keyword = place.keyword(word).ok_or_else(|| EditError::NoList(word.to_owned()))?;
    match keyword.block.and_then(|block| block.entry.as_ref()) {
        Some(entry) if !entry.first.name.starts_with('…') => Ok(List {
            keyword: keyword.name,
            many_per_line: entry.many_per_line,
            first_tells: !keyword.name.ends_with("_routes") && !keyword.name.ends_with("_rules"),
        }),
        _ => Err(EditError::NoList(word.to_owned())),
    }
}

/// The present spelling of a keyword.
pub(super) fn canonical<'w>(place: &Place, word: &'w str) -> &'w str {
    match place.keyword(word).map(|keyword| keyword.status) {
        Some(Status::Renamed(new)) => new,
        _ => word,
    }
}

impl<'f, 's> Target<'f, 's> {
    fn is_authentication(&self, keyword: &str) -> bool {
        self.place.name == INSTANCE.name && AUTHENTICATION.keyword(keyword).is_some()
    }

    /// The lines with such a keyword, in the order of reading; those of `authentication` among them.
    pub(crate) fn matching(&self, wanted: impl Fn(&str) -> bool) -> Vec<&'f Statement<'s>> {
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
        let found = self.matching(|word| word == keyword || pair.is_some_and(|pair| pair.contains(&word)));
        let first_counts =
            self.place.name == INSTANCE.name && keyword.starts_with("notify") && keyword != "notify_priority_changes";
        if first_counts { found.first().copied() } else { found.last().copied() }
    }

    /// The blocks of a list.
    fn lists(&self, list: &List) -> impl Iterator<Item = &'f Statement<'s>> {
        let keyword = list.keyword;
        self.lines.iter().copied().filter(move |line| line.keyword() == keyword)
    }

    fn entries(&self, list: &List) -> impl Iterator<Item = &'f Statement<'s>> {
        self.lists(list).flat_map(Statement::statements)
    }

    fn entry_words(&self, list: &List) -> impl Iterator<Item = &'f Word<'s>> {
        self.entries(list).flat_map(|line| &line.words)
    }
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
fn line_of(keyword: &str, values: &[String]) -> Result<String, EditError> {
    let mut text = keyword.to_owned();
    for value in values {
        text.push(' ');
        text.push_str(&written(value)?);
    }
    Ok(text)
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
