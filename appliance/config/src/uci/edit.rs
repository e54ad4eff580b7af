//! Edits of a UCI file: the lines of sections that stand for what the edit names.

use super::lines::{Section, UciOption, sections};
use crate::diagnostic::Diagnostics;
use crate::edit::{BlockName, Change, Edit, EditError, Found, Tried, is_about, list_of, option};
use crate::reading::{Word, network};
use crate::source::{FileId, Sources};
use crate::suggest::closest;

/// Options of which each takes back the other; UCI has one line for each of them.
const OPPOSITES: [(&str, &str); 2] = [("preempt", "nopreempt"), ("accept", "no_accept")];

/// Adds to `changes` what an edit changes in the text. `found` are the statements that the file stands for now.
pub(crate) fn changes(sources: &Sources, found: &Found<'_>, edit: &Edit, changes: &mut Vec<Change>) -> Tried<()> {
    let text = sources.file(FileId::MAIN).map_or("", |main| main.text());
    let sections = sections(FileId::MAIN, text, &mut Diagnostics::default());
    let file = UciFile { text, sections: &sections };
    if let Edit::AddBlock { block } = edit {
        changes.push(file.add_block(block)?);
        return Ok(());
    }
    let block = edit.block();
    let section = file.section(block)?;
    match edit {
        Edit::Set { keyword, values, .. } => {
            // `fail` of a script is UCI's word for `fall`.
            option(found.target(block)?.place, if keyword == "fail" { "fall" } else { keyword })?;
            file.set(section, keyword, values, changes)
        }
        Edit::Unset { keyword, .. } => {
            changes.extend(section.of(keyword).map(|option| file.remove_line(option)));
            if changes.is_empty() {
                return Err(EditError::NotThere(format!("`{keyword}` in `{block}`")).into());
            }
            Ok(())
        }
        Edit::AddEntry { list, words, .. } => {
            let target = found.target(block)?;
            list_of(target.place, list)?;
            let first = words.first().ok_or(EditError::Unwritable)?;
            let lists = target.lines.iter().filter(|line| line.keyword() == list);
            if lists.flat_map(|line| line.statements()).any(|line| is_about(line, first)) {
                return Err(EditError::AlreadyThere(format!("`{first}`")).into());
            }
            file.add_entry(section, list, words, changes)
        }
        Edit::SetEntry { list, words, .. } => {
            list_of(found.target(block)?.place, list)?;
            file.set_entry(section, list, words, changes)
        }
        Edit::RemoveEntry { list, entry, .. } => {
            file.remove_entry(section, list, entry, changes)?;
            if changes.is_empty() {
                return Err(EditError::NotThere(format!("`{entry}` in `{list}` of `{block}`")).into());
            }
            Ok(())
        }
        Edit::RemoveBlock { .. } => {
            changes.push(file.remove_section(section));
            Ok(())
        }
        Edit::AddBlock { .. } => Ok(()), // Done above: there is no such section yet.
    }
}

/// The kind of section that a block is in UCI.
fn kind_of(block: &BlockName) -> Tried<&'static str> {
    const KINDS: [&str; 3] = ["vrrp_instance", "vrrp_sync_group", "vrrp_script"];
    let kind = match block {
        BlockName::File => None,
        BlockName::GlobalDefs => Some("globals"),
        BlockName::Named { keyword, .. } => KINDS.into_iter().find(|kind| kind == keyword),
    };
    kind.ok_or_else(|| EditError::NotInUci(format!("`{block}`")).into())
}

struct UciFile<'f, 's> {
    text: &'s str,
    sections: &'f [Section<'s>],
}

impl<'f, 's> UciFile<'f, 's> {
    fn section(&self, block: &BlockName) -> Tried<&'f Section<'s>> {
        let kind = kind_of(block)?;
        let mut of_kind = self.sections.iter().filter(|section| section.kind.text == kind);
        let BlockName::Named { name, .. } = block else {
            return of_kind.next().ok_or_else(|| EditError::NoBlock { block: block.clone(), near: None }.into());
        };
        let names = of_kind.clone().filter_map(Section::own_name).map(|name| name.text.as_ref());
        of_kind.find(|section| section.own_name().is_some_and(|own| own.text == *name)).ok_or_else(|| {
            EditError::NoBlock { block: block.clone(), near: closest(name, names).map(str::to_owned) }.into()
        })
    }

    fn add_block(&self, block: &BlockName) -> Tried<Change> {
        if self.section(block).is_ok() {
            return Err(EditError::AlreadyThere(format!("`{block}`")).into());
        }
        let kind = kind_of(block)?;
        let lines = match block {
            BlockName::Named { name, .. } => vec![format!("config {kind}"), format!("\toption name {}", quoted(name)?)],
            BlockName::GlobalDefs | BlockName::File => vec!["config globals 'globals'".to_owned()],
        };
        Ok(self.append_section(kind, &lines))
    }

    fn set(&self, section: &Section<'s>, keyword: &str, values: &[String], changes: &mut Vec<Change>) -> Tried<()> {
        let value = match values {
            [] => "1",
            [value] => value,
            _ => return Err(EditError::NotInUci(format!("`{keyword}` with several values")).into()),
        };
        for (one, other) in OPPOSITES {
            let opposite = if keyword == one {
                other
            } else if keyword == other {
                one
            } else {
                continue;
            };
            changes.extend(section.of(opposite).map(|option| self.remove_line(option)));
        }
        // Of several lines the reader takes the last, of notify scripts the first.
        let mut lines = section.of(keyword);
        let line = if keyword.starts_with("notify") { lines.next() } else { lines.next_back() };
        match line {
            Some(option) => {
                let on = |word: &str| matches!(word, "1" | "yes" | "on" | "true" | "enabled");
                let same = option.value.text == value || (values.is_empty() && on(&option.value.text));
                if !same {
                    changes.push(self.over(&option.value, value)?);
                }
            }
            None => changes.push(self.append(section, &format!("option {keyword} {}", quoted(value)?))),
        }
        Ok(())
    }

    fn add_entry(&self, section: &Section<'s>, list: &str, words: &[String], changes: &mut Vec<Change>) -> Tried<()> {
        let item = match words {
            [item] if list != "track_interface" => {
                if item.is_empty() || item.contains(char::is_whitespace) {
                    return Err(EditError::Unwritable.into());
                }
                item.clone()
            }
            _ => {
                let (kind, options) = described(list, words)?;
                let name = self.free_name(kind, words);
                let mut lines = vec![format!("config {kind}"), format!("\toption name {}", quoted(&name)?)];
                for (option, value) in options {
                    lines.push(format!("\toption {option} {}", quoted(value)?));
                }
                changes.push(self.append_section(kind, &lines));
                name
            }
        };
        let line = format!("list {list} {}", quoted(&item)?);
        changes.push(match section.of(list).next_back() {
            Some(last) => self.append_after(last, &line),
            None => self.append(section, &line),
        });
        Ok(())
    }

    fn set_entry(&self, section: &Section<'s>, list: &str, words: &[String], changes: &mut Vec<Change>) -> Tried<()> {
        let first = words.first().ok_or(EditError::Unwritable)?;
        let absent = || EditError::NotThere(format!("`{first}` in `{list}`"));
        let mut items = section.of(list).flat_map(|line| line.value.text.split_whitespace());
        let item = items.find(|item| self.stands_for(list, item, first)).ok_or_else(absent)?;
        let (kind, options) = described(list, words)?;
        let mut sections = self.sections.iter().filter(|section| section.kind.text == kind);
        let own = sections.find(|section| section.own_name().is_some_and(|name| name.text == item));
        let own =
            own.ok_or_else(|| EditError::NotInUci(format!("options of `{item}`, which has no section of its own")))?;
        // What is not said any more goes; what the entry is about stays.
        for gone in own.options.iter().filter(|line| !matches!(line.name.text.as_ref(), "name" | "value" | "address")) {
            if !options.iter().any(|(option, _)| gone.name.text == **option) {
                changes.push(self.remove_line(gone));
            }
        }
        for (option, value) in options.iter().filter(|(option, _)| !matches!(*option, "value" | "address")) {
            self.set(own, option, &[(*value).to_owned()], changes)?;
        }
        Ok(())
    }

    fn remove_entry(&self, section: &Section<'s>, list: &str, entry: &str, changes: &mut Vec<Change>) -> Tried<()> {
        for option in section.of(list) {
            let items = option.value.text.split_whitespace();
            let (gone, kept): (Vec<&str>, Vec<&str>) = items.partition(|item| self.stands_for(list, item, entry));
            if gone.is_empty() {
                continue;
            }
            changes.push(if kept.is_empty() {
                self.remove_line(option)
            } else {
                self.over(&option.value, &kept.join(" "))?
            });
        }
        Ok(())
    }

    /// Whether an item of a list is about an entry: by itself, or by the section that it names.
    fn stands_for(&self, list: &str, item: &str, entry: &str) -> bool {
        let same = |word: &str| match (network(word), network(entry)) {
            (Ok((one, _)), Ok((other, _))) => one == other,
            _ => word == entry,
        };
        if same(item) {
            return true;
        }
        let (kind, option) = match list {
            "virtual_ipaddress" | "virtual_ipaddress_excluded" => ("ipaddress", "address"),
            "unicast_peer" => ("peer", "address"),
            "track_interface" => ("track_interface", "value"),
            "track_script" => ("track_script", "value"),
            "virtual_routes" => ("route", "address"),
            _ => return false,
        };
        let named = |section: &&Section<'_>| {
            section.kind.text == kind && section.own_name().is_some_and(|name| name.text == item)
        };
        self.sections.iter().find(named).and_then(|section| section.get(option)).is_some_and(|word| same(&word.text))
    }

    /// A name that no section of the kind has.
    fn free_name(&self, kind: &str, words: &[String]) -> String {
        let first = words.first().map_or("", String::as_str);
        let plain: String = first.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).take(40).collect();
        let taken = |name: &str| {
            let alike = |section: &&Section<'_>| {
                section.kind.text == kind || (kind == "track_script" && section.kind.text == "vrrp_script")
            };
            let mut sections = self.sections.iter().filter(alike);
            sections.any(|section| section.own_name().is_some_and(|own| own.text == name))
        };
        let mut name = format!("{kind}_{plain}");
        let mut number = 2;
        while taken(&name) {
            name = format!("{kind}_{plain}_{number}");
            number += 1;
        }
        name
    }

    // The text.

    /// Another value in the place of one, with the quotes that it has, as far as they can hold the new one.
    fn over(&self, word: &Word<'_>, value: &str) -> Tried<Change> {
        let (start, end) = (word.at.start as usize, word.at.end() as usize);
        let quotes = self.text.get(start..end).unwrap_or_default();
        let plain = !value.is_empty()
            && value.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '/' | '-' | '_'));
        let text = match quotes.as_bytes().first() {
            Some(b'"') if !value.contains(|c: char| c.is_control() || matches!(c, '"' | '\\' | '\'')) => {
                format!("\"{value}\"")
            }
            Some(b'\'' | b'"') => quoted(value)?,
            _ if plain => value.to_owned(),
            _ => quoted(value)?,
        };
        Ok(Change { start, end, text })
    }

    fn line_end(&self) -> &'static str {
        let first = self.text.find('\n').and_then(|end| self.text.get(..end));
        if first.is_some_and(|line| line.ends_with('\r')) { "\r\n" } else { "\n" }
    }

    fn line_start(&self, at: u32) -> usize {
        let before = self.text.get(..at as usize).unwrap_or_default();
        before.rfind('\n').map_or(0, |end| end + 1)
    }

    /// One past the line end behind `at`.
    fn line_after(&self, at: u32) -> usize {
        let rest = self.text.get(at as usize..).unwrap_or_default();
        rest.find('\n').map_or(self.text.len(), |end| at as usize + end + 1)
    }

    fn remove_line(&self, option: &UciOption<'_>) -> Change {
        let (start, end) = (self.line_start(option.name.at.start), self.line_after(option.value.at.end()));
        Change { start, end, text: String::new() }
    }

    /// A line at the end of a section.
    fn append(&self, section: &Section<'_>, line: &str) -> Change {
        match section.options.last() {
            Some(last) => self.append_after(last, line),
            None => self.insert(self.line_after(section.end.end()), "\t", line),
        }
    }

    /// A line behind that of an option, indented like it.
    fn append_after(&self, option: &UciOption<'_>, line: &str) -> Change {
        let start = self.line_start(option.name.at.start);
        let whole = self.text.get(start..option.name.at.start as usize).unwrap_or_default();
        let indent = whole.get(..whole.len() - whole.trim_start_matches([' ', '\t']).len()).unwrap_or_default();
        self.insert(self.line_after(option.value.at.end()), indent, line)
    }

    fn insert(&self, at: usize, indent: &str, line: &str) -> Change {
        let end = self.line_end();
        let complete = self.text.get(..at).is_none_or(|before| before.is_empty() || before.ends_with('\n'));
        let text = if complete { format!("{indent}{line}{end}") } else { format!("{end}{indent}{line}") };
        Change { start: at, end: at, text }
    }

    /// A section behind the last one of its kind, else at the end of the file.
    fn append_section(&self, kind: &str, lines: &[String]) -> Change {
        let end = self.line_end();
        let last = self.sections.iter().rfind(|section| section.kind.text == kind);
        let at = last.map_or(self.text.len(), |section| self.line_after(section.end.end()));
        let complete = self.text.get(..at).is_none_or(|before| before.is_empty() || before.ends_with('\n'));
        let mut text = if complete { String::new() } else { end.to_owned() };
        text.push_str(end);
        for line in lines {
            text.push_str(line);
            text.push_str(end);
        }
        Change { start: at, end: at, text }
    }

    /// Takes the lines of a section away, and one of the blank lines around it.
    fn remove_section(&self, section: &Section<'_>) -> Change {
        let (start, mut end) = (self.line_start(section.kind.at.start), self.line_after(section.end.end()));
        let before = self.text.get(..start).unwrap_or_default();
        let blank_before =
            before.trim_end_matches([' ', '\t']).is_empty() || before.ends_with("\n\n") || before.ends_with("\n\r\n");
        let rest = self.text.get(end..).unwrap_or_default();
        let first = rest.split_inclusive('\n').next().unwrap_or_default();
        if blank_before && first.ends_with('\n') && first.trim().is_empty() {
            end += first.len();
        }
        Change { start, end, text: String::new() }
    }
}

impl<'s> Section<'s> {
    /// The lines of an option or list, in the order of the file.
    fn of<'a>(&'a self, name: &'a str) -> impl DoubleEndedIterator<Item = &'a UciOption<'s>> + 'a {
        self.options.iter().filter(move |option| option.name.text == name)
    }
}

/// The kind of a section, and its options.
type Described<'w> = (&'static str, Vec<(&'static str, &'w str)>);

/// The section that says what an entry with options says.
fn described<'w>(list: &str, words: &'w [String]) -> Tried<Described<'w>> {
    let mut words = words.iter().map(String::as_str);
    let first = words.next().unwrap_or_default();
    let (kind, mut options) = match list {
        "virtual_ipaddress" | "virtual_ipaddress_excluded" => ("ipaddress", vec![("address", first)]),
        "unicast_peer" => ("peer", vec![("address", first)]),
        "track_interface" => ("track_interface", vec![("value", first)]),
        "track_script" => ("track_script", vec![("value", first)]),
        _ => return Err(EditError::NotInUci(format!("an entry of `{list}` with options")).into()),
    };
    let mut device = "";
    while let Some(word) = words.next() {
        let option = match (kind, word) {
            ("ipaddress", "dev") => "device",
            ("ipaddress", "scope") => "scope",
            ("ipaddress", "label") => "label_suffix",
            ("peer", "min_ttl") => "min_ttl",
            ("peer", "max_ttl") => "max_ttl",
            ("track_interface" | "track_script", "weight") => "weight",
            ("track_interface" | "track_script", "reverse") => {
                options.push(("direction", "reverse"));
                continue;
            }
            _ => return Err(EditError::NotInUci(format!("`{word}` in `{list}`")).into()),
        };
        let mut value = words.next().ok_or(EditError::Unwritable)?;
        if option == "device" {
            device = value;
        } else if option == "label_suffix" {
            let suffix = value.strip_prefix(device).and_then(|rest| rest.strip_prefix(':'));
            value = suffix.ok_or_else(|| {
                EditError::NotInUci(format!("the label `{value}`: it must be DEVICE:SUFFIX, behind `dev`"))
            })?;
        }
        options.push((option, value));
    }
    let labelled = options.iter().any(|(option, _)| *option == "label_suffix");
    let v4 = network(first).is_ok_and(|(address, _)| address.is_ipv4());
    if kind == "ipaddress" && v4 && !device.is_empty() && !labelled {
        let what = format!("an address with `dev` and without label; write `label {device}:vip`");
        return Err(EditError::NotInUci(what).into());
    }
    Ok((kind, options))
}

/// A value as UCI writes it.
fn quoted(value: &str) -> Tried<String> {
    if value.chars().any(char::is_control) {
        return Err(EditError::Word.into());
    }
    Ok(format!("'{}'", value.replace('\'', "'\\''")))
}
