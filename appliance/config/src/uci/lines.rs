//! Sections and options of one UCI file (OpenWrt's "The UCI system", File syntax).

use std::borrow::Cow;

use crate::diagnostic::{Diagnostic, Diagnostics, code};
use crate::reading::Word;
use crate::source::{FileId, Span, offset};

/// `config KIND ['NAME']` and the lines up to the next one.
#[derive(Debug)]
pub(super) struct Section<'s> {
    pub(super) kind: Word<'s>,
    pub(super) name: Option<Word<'s>>,
    pub(super) options: Vec<UciOption<'s>>,
    /// The last word of its lines, also of one that makes no sense.
    pub(super) end: Span,
}

/// `option NAME VALUE` or `list NAME VALUE`.
#[derive(Clone, Debug)]
pub(super) struct UciOption<'s> {
    pub(super) name: Word<'s>,
    pub(super) value: Word<'s>,
}

impl<'s> Section<'s> {
    /// The last value of an option: later lines replace earlier ones.
    pub(super) fn get(&self, name: &str) -> Option<&Word<'s>> {
        self.all(name).last()
    }

    /// All values of a list.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &Word<'s>> {
        self.options.iter().filter(move |option| option.name.text == name).map(|option| &option.value)
    }

    /// What others call it: `option name`, else the name of the section.
    pub(super) fn own_name(&self) -> Option<&Word<'s>> {
        self.get("name").or(self.name.as_ref())
    }
}

/// Whether a text is read as UCI. Where that is left out none is, and what follows from it is not in the program.
pub(crate) fn is_uci(text: &str) -> bool {
    cfg!(feature = "uci") && looks_like_uci(text)
}

/// Whether a text is UCI: its first word is one of UCI's, which start no line of keepalived.conf.
pub(crate) fn looks_like_uci(text: &str) -> bool {
    let mut lines = text.lines().map(|line| line.trim_start_matches('\u{feff}').trim());
    let first = lines.find(|line| !line.is_empty() && !line.starts_with('#'));
    first.is_some_and(|line| matches!(line.split_whitespace().next(), Some("config" | "package" | "option" | "list")))
}

/// Reads the sections of a file.
pub(super) fn sections<'s>(file: FileId, text: &'s str, found: &mut Diagnostics) -> Vec<Section<'s>> {
    let mut sections: Vec<Section<'s>> = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let words = words(file, at, line, found);
        at += line.len();
        let Some(last) = words.last().map(|word| word.at) else { continue };
        let mut words = words.into_iter();
        let Some(verb) = words.next() else { continue };
        let (first, second, extra) = (words.next(), words.next(), words.next());
        if let Some(extra) = &extra {
            found.push(
                Diagnostic::new(&code::W010_EXTRA, extra.at, "more words than the line takes")
                    .label("ignored")
                    .fix("put a value that holds blanks in quotes"),
            );
        }
        if let Some(section) = sections.last_mut().filter(|_| verb.text != "config") {
            section.end = last;
        }
        match (verb.text.as_ref(), first, second) {
            ("config", Some(kind), name) => sections.push(Section { kind, name, options: Vec::new(), end: last }),
            ("option" | "list", Some(name), Some(value)) => match sections.last_mut() {
                Some(section) => section.options.push(UciOption { name, value }),
                None => found.push(
                    Diagnostic::new(
                        &code::E011_MISPLACED,
                        verb.at,
                        format_args!("`{}` stands before the first section", verb.text),
                    )
                    .fix("put it below a `config` line"),
                ),
            },
            ("package", _, _) => {}
            ("config" | "option" | "list", _, _) => found.push(
                Diagnostic::new(&code::E012_MISSING_VALUE, verb.at, format_args!("`{}` needs more words", verb.text))
                    .fix("write `config TYPE`, `option NAME 'VALUE'` or `list NAME 'VALUE'`"),
            ),
            (other, _, _) => found.push(
                Diagnostic::new(
                    &code::E010_UNKNOWN,
                    verb.at,
                    format_args!("unknown word `{}`", crate::reading::shorten(other)),
                )
                .fix("lines start with `config`, `option` or `list`"),
            ),
        }
    }
    sections
}

/// The words of a line. Single quotes hold everything, double quotes everything but `\`; quoted parts and others may stand
/// side by side in one word. `#` starts a comment between words.
fn words<'s>(file: FileId, start: usize, line: &'s str, found: &mut Diagnostics) -> Vec<Word<'s>> {
    let mut words = Vec::new();
    let mut chars = line.char_indices().peekable();
    while let Some(&(from, c)) = chars.peek() {
        if c.is_whitespace() || c == '\u{feff}' {
            chars.next();
            continue;
        }
        if c == '#' {
            break;
        }
        let mut text = String::new();
        let mut quote = None;
        let mut end = from;
        while let Some(&(at, c)) = chars.peek() {
            if matches!(c, '\n' | '\r') || (quote.is_none() && c.is_whitespace()) {
                break;
            }
            chars.next();
            end = at + c.len_utf8();
            if quote == Some(c) {
                quote = None;
            } else if quote.is_none() && matches!(c, '\'' | '"') {
                quote = Some(c);
            } else if c == '\\' && quote != Some('\'') {
                if let Some((at, next)) = chars.next_if(|(_, next)| !matches!(next, '\n' | '\r')) {
                    end = at + next.len_utf8();
                    text.push(next);
                }
            } else {
                text.push(c);
            }
        }
        let at = Span::new(file, offset(start + from), offset(start + end));
        if quote.is_some() {
            found.push(
                Diagnostic::new(&code::E006_QUOTE, at, "a quote is not closed")
                    .label("opened in this word")
                    .fix("close it before the end of the line"),
            );
        }
        // As the reader of keepalived.conf sees a word in quotes: one word, whatever it holds.
        words.push(Word { raw: Cow::Owned(format!("\"{text}\"")), text: Cow::Owned(text), at });
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_uci() {
        let mut found = Diagnostics::default();
        let text = "option a 'b c'\"d\\\"\"e # f\n";
        let words = words(FileId::MAIN, 0, text, &mut found);
        let texts: Vec<&str> = words.iter().map(|word| word.text.as_ref()).collect();
        assert_eq!(texts, ["option", "a", "b cd\"e"]);
        assert_eq!(text.get(words[2].at.start as usize..words[2].at.end() as usize), Some("'b c'\"d\\\"\"e"));
    }

    #[test]
    fn uci_is_told_by_its_first_word() {
        assert!(looks_like_uci("\n# x\nconfig globals 'globals'\n"));
        assert!(looks_like_uci("package keepalived\n"));
        assert!(!looks_like_uci("vrrp_instance V {\n}\n"));
        assert!(!looks_like_uci("configure {\n"));
        assert!(!looks_like_uci(""));
    }
}
