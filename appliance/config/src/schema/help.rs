//! What there is to say about a word of the language: from the tables alone, so that help and reading cannot disagree.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::{Arg, Count, FILE, Keyword, Kind, OWN, Place, Status, places};
use crate::reading;

/// Columns of the text.
const WIDTH: usize = 80;

/// Help about a word: each place that knows it, what it takes, and what locum does with it. `None` for an unknown word.
#[must_use]
pub fn help(word: &str) -> Option<String> {
    // What is the same in several places is said once.
    let mut said: Vec<(String, String, Vec<&str>)> = Vec::new();
    for place in places() {
        let option = place.entry.as_ref().and_then(|entry| entry.option(word));
        for keyword in place.keyword(word).into_iter().chain(option) {
            let (usage, body) = (usage(keyword), body(keyword));
            let name = if std::ptr::eq(place, &FILE) { "outside all blocks" } else { place.name };
            match said.iter_mut().find(|(known_usage, known_body, _)| (known_usage, known_body) == (&usage, &body)) {
                Some((.., names)) => names.push(name),
                None => said.push((usage, body, vec![name])),
            }
        }
    }
    let text = said.iter().map(|(usage, body, names)| {
        let places = names.join(", ");
        let at = if places == "outside all blocks" { places } else { format!("in {places}") };
        format!("{usage}    ({at})\n{body}")
    });
    let text: Vec<String> = text.collect();
    (!text.is_empty()).then(|| text.join("\n"))
}

/// The known word that is nearest to this one.
#[must_use]
pub fn nearest(word: &str) -> Option<&'static str> {
    let options = |place: &&'static Place| place.entry.as_ref().map_or(&[][..], |entry| entry.options);
    let places = places();
    let words = places.iter().flat_map(|place| place.keywords.iter().chain(options(place))).map(|keyword| keyword.name);
    crate::suggest::closest(word, words)
}

/// The keyword with its values.
fn usage(keyword: &Keyword) -> String {
    let mut text = keyword.name.to_owned();
    for arg in keyword.args {
        let _ = match arg.count {
            Count::One => write!(text, " {}", arg.name), // writing to a String does not fail
            Count::Optional => write!(text, " [{}]", arg.name),
            Count::Any => write!(text, " {}…", arg.name.trim_end_matches('…')),
        };
    }
    text.push_str(if keyword.block.is_some() { " { … }" } else { "" });
    text
}

/// What there is to say about it.
fn body(keyword: &Keyword) -> String {
    let mut text = String::new();
    paragraph(&mut text, keyword.help);
    for arg in keyword.args {
        if let Some(line) = value(arg) {
            paragraph(&mut text, &line);
        }
    }
    if !keyword.default.is_empty() {
        paragraph(&mut text, &format!("Without it: {}.", keyword.default));
    }
    paragraph(&mut text, &status(keyword));
    if let Some(block) = keyword.block {
        inside(&mut text, block);
    }
    text
}

/// What a value may be, where its name does not say it.
fn value(arg: &Arg) -> Option<String> {
    let plain = matches!(arg.kind, Kind::Word | Kind::Switch);
    (!plain).then(|| format!("{}: {}.", arg.name, reading::describe(arg.kind)))
}

fn status(keyword: &Keyword) -> String {
    let since = match keyword.since {
        OWN => "locum's own; keepalived does not know it.".to_owned(),
        release => format!("keepalived has it since {release}."),
    };
    match keyword.status {
        Status::Supported => since,
        Status::NoEffect(why) => format!("{since} It has no effect in locum: {why}."),
        Status::Outside(instead) => format!("{since} It is not part of locum: {instead}."),
        Status::Renamed(new) => format!("An old spelling of `{new}`, and read as that."),
    }
}

fn inside(text: &mut String, block: &Place) {
    let names = |keywords: &[Keyword]| keywords.iter().map(|keyword| keyword.name).collect::<Vec<_>>().join(" ");
    if !block.keywords.is_empty() {
        paragraph(text, &format!("In its block: {}.", names(block.keywords)));
    }
    if let Some(entry) = &block.entry {
        let what: Cow<'_, str> = if entry.first.name == "…" { "anything".into() } else { entry.first.name.into() };
        paragraph(text, &format!("A line of its block: {what}."));
        if !entry.options.is_empty() {
            paragraph(text, &format!("It may be followed by: {}.", names(entry.options)));
        }
    }
}

/// Adds a paragraph, indented and broken between words.
fn paragraph(text: &mut String, words: &str) {
    const INDENT: &str = "  ";
    let mut column = 0;
    for word in words.split(' ') {
        let len = word.chars().count();
        if column > 0 && column + 1 + len > WIDTH {
            text.push('\n');
            column = 0;
        }
        let before = if column == 0 { INDENT } else { " " };
        text.push_str(before);
        text.push_str(word);
        column += before.len() + len;
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_tells_what_the_tables_hold() {
        assert!(help("priority").unwrap().starts_with(
            "priority PRIORITY    (in vrrp_instance)\n  The highest wins the election. 255 means owner of the \
             addresses.\n  PRIORITY: a whole number from 1 to 255.\n  Without it: 100.\n  keepalived has it since 0.5.3.\n"
        ));
        assert!(help("label").unwrap().contains("(in virtual_ipaddress)"));
        assert!(help("virtual_server").unwrap().contains("not part of locum"));
        assert!(help("virtual_ipaddress").unwrap().contains("It may be followed by: dev "));
        assert_eq!(help("priorty"), None);
        assert_eq!(nearest("priorty"), Some("priority"));
    }

    #[test]
    fn every_word_has_help_that_fits_the_terminal() {
        for place in places() {
            for keyword in place.keywords {
                let text = help(keyword.name).unwrap();
                assert!(text.lines().skip(1).all(|line| line.chars().count() <= WIDTH), "{text}");
            }
        }
    }
}
