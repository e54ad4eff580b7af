//! Parameters and sequences put in place: what a line with `$`, `~` or a condition inside a definition becomes.

use std::borrow::Cow;

use super::expand::{Definition, Expander};
use super::sequence::{self, Sequence};
use super::statement::Word;
use crate::diagnostic::{Diagnostic, code};
use crate::lex::{self, Lexer, TokenKind};
use crate::source::{Span, limits};

impl<'s> Expander<'s, '_, '_> {
    /// Puts in place what a line asks for, and reads the outcome. All of it counts as standing at `at`.
    pub(super) fn expand_line(&mut self, at: Span) {
        let mut pending = vec![Pending::Line(self.sources.text(at).to_owned(), 0)];
        while let Some(next) = pending.pop() {
            let (line, depth) = match next {
                Pending::Line(line, depth) => (line, depth),
                Pending::Sequence(mut sequence, depth) => {
                    let Some(values) = sequence.next() else { continue };
                    for (name, value) in values {
                        self.definitions.insert(name, Definition { lines: vec![value] });
                    }
                    let line = sequence.body().to_owned();
                    pending.push(Pending::Sequence(sequence, depth));
                    (line, depth + 1)
                }
            };
            self.expanded_bytes += line.len();
            self.expanded_lines += 1;
            if self.expanded_bytes > limits::EXPANDED_BYTES
                || self.expanded_lines > limits::EXPANDED_LINES
                || line.len() > limits::LINE_BYTES
            {
                self.exhaust(at);
            }
            if depth > limits::DEFINITION_DEPTH {
                self.endless(at);
            }
            if self.exhausted {
                return;
            }
            self.expand_one(line.trim(), depth, at, &mut pending);
        }
    }

    fn expand_one(&mut self, line: &str, depth: usize, at: Span, pending: &mut Vec<Pending>) {
        if line.starts_with('@') {
            let (condition, rest) = line.split_once([' ', '\t']).unwrap_or((line, ""));
            if self.condition_holds(condition) {
                pending.push(Pending::Line(rest.to_owned(), depth));
            }
        } else if let Some(name) = lex::definition_name(line) {
            let value = line.get(name.len() + 2..).unwrap_or_default().trim();
            self.definitions.insert(name.to_owned(), Definition { lines: vec![value.to_owned()] });
        } else if line.starts_with("~SEQ") || line.starts_with("~LST") {
            match sequence::parse(line) {
                Ok(sequence) => pending.push(Pending::Sequence(sequence, depth)),
                Err(message) => self.diagnostics.push(
                    Diagnostic::new(&code::E009_SUBSTITUTION, at, message)
                        .fix("write ~SEQ(NAME, FIRST, LAST), ~SEQ(NAME, FIRST, STEP, LAST) or ~LST(NAME, A, B, …)"),
                ),
            }
        } else {
            match self.substitute(line, depth, at, pending) {
                Some(replaced) if replaced.starts_with(['@', '$', '~']) => {
                    pending.push(Pending::Line(replaced, depth + 1));
                }
                Some(replaced) => self.emit(&replaced, at),
                None => self.emit(line, at),
            }
        }
    }

    /// The line with its parameters replaced; `None` when there are none. Further lines of a definition go to `pending`.
    fn substitute(&mut self, line: &str, depth: usize, at: Span, pending: &mut Vec<Pending>) -> Option<String> {
        let mut text = line.to_owned();
        let mut from = 0;
        let mut replaced = false;
        for _ in 0..limits::REPLACEMENTS_PER_LINE {
            let Some(dollar) = text.get(from..).and_then(|rest| rest.find('$')).map(|at| from + at) else {
                return replaced.then_some(text);
            };
            let Some(reference) = text.get(dollar..).and_then(Reference::parse) else {
                from = dollar + 1;
                continue;
            };
            let end = dollar + reference.len;
            if let Some(value) = self.predefined(&reference, at) {
                text.replace_range(dollar..end, &value);
                from = dollar + value.len();
                replaced = true;
                continue;
            }
            let last_on_line = end == text.len();
            match self.definitions.get(reference.name) {
                Some(definition) if definition.lines.len() <= 1 => {
                    let value = definition.lines.first().map_or("", String::as_str);
                    text.replace_range(dollar..end, value);
                    from = dollar;
                }
                Some(definition) if last_on_line => {
                    let further = definition.lines.iter().skip(1).rev().cloned();
                    pending.extend(further.map(|line| Pending::Line(line, depth + 1)));
                    let first = definition.lines.first().map_or("", String::as_str);
                    text.replace_range(dollar..end, first);
                    from = dollar;
                }
                Some(_) | None => {
                    self.undefined(&text, dollar, &reference, at);
                    from = end;
                    continue;
                }
            }
            replaced = true;
            if text.len() > limits::LINE_BYTES {
                break;
            }
        }
        self.diagnostics.push(
            Diagnostic::new(&code::E009_SUBSTITUTION, at, "the parameters on this line never come to an end").why(
                format_args!(
                    "More than {} replacements, or more than {} bytes: a definition probably names itself.",
                    limits::REPLACEMENTS_PER_LINE,
                    limits::LINE_BYTES
                ),
            ),
        );
        None
    }

    fn predefined(&self, reference: &Reference<'_>, at: Span) -> Option<String> {
        Some(match reference.name {
            "_HASH" => "\\#".to_owned(),
            "_BANG" => "\\!".to_owned(),
            "_INSTANCE" => self.setting.config_id?.to_owned(),
            "_PWD" => self.sources.file(at.file)?.path()?.parent()?.to_str()?.to_owned(),
            "_ENV" => (self.setting.environment?)(reference.arguments.trim())?,
            _ => return None,
        })
    }

    fn undefined(&mut self, text: &str, dollar: usize, reference: &Reference<'_>, at: Span) {
        // In a script, `$NAME` is the shell's business.
        let quoted = text.get(..dollar).is_some_and(|before| before.matches('"').count() % 2 == 1);
        if quoted {
            return;
        }
        let name = reference.name;
        // A definition with a blank before `=`, which is said of the line.
        let rest = text.get(dollar + 1..).and_then(|rest| rest.strip_prefix(name)).unwrap_or_default();
        if text.get(..dollar).is_some_and(|before| before.trim().is_empty()) && rest.trim_start().starts_with('=') {
            return;
        }
        let diagnostic =
            Diagnostic::new(&code::W026_UNDEFINED_PARAMETER, at, format_args!("`${name}` is not defined here"));
        let near = self.diagnostics.suggest(name, self.definitions.keys().map(String::as_str));
        self.diagnostics.push(match (name, near) {
            ("_RANDOM", _) => diagnostic.why("`${_RANDOM}` is not supported: a configuration that differs at each start cannot be compared or reloaded."),
            ("_ENV", _) => diagnostic.why("There is no such environment variable."),
            (_, Some(near)) => diagnostic.fix(format_args!("did you mean `${near}`?")),
            (_, None) => diagnostic.fix(format_args!("define it before this line: `${name}=…`")),
        });
    }

    /// Reads a line that has been put in place.
    fn emit(&mut self, line: &str, at: Span) {
        let mut words: Vec<Word<'s>> = Vec::new();
        for token in Lexer::new(line) {
            match token.kind {
                TokenKind::Blank | TokenKind::Comment | TokenKind::LineEnd | TokenKind::Definition => {}
                TokenKind::Open => {
                    self.builder.statement(std::mem::take(&mut words));
                    self.builder.open(at);
                }
                TokenKind::Close => {
                    self.builder.statement(std::mem::take(&mut words));
                    self.builder.close(at);
                }
                TokenKind::Word | TokenKind::OpenQuote => {
                    if token.kind == TokenKind::OpenQuote {
                        self.open_quote(at);
                    }
                    self.check_utf8(token.text, at);
                    words.push(Word {
                        text: Cow::Owned(lex::unquote(token.text).into_owned()),
                        raw: Cow::Owned(token.text.to_owned()),
                        at,
                    });
                }
            }
        }
        self.builder.statement(words);
    }

    /// A definition that names itself, perhaps by way of others.
    fn endless(&mut self, at: Span) {
        if !std::mem::replace(&mut self.exhausted, true) {
            self.diagnostics.push(
                Diagnostic::new(&code::E009_SUBSTITUTION, at, "the definitions on this line never come to an end")
                    .label("put in place here")
                    .why(format_args!(
                        "They stand more than {} deep in each other: one of them probably names itself. What the file says \
                         cannot be told, so the service does not start with it.",
                        limits::DEFINITION_DEPTH
                    ))
                    .fix("take the reference to itself out of the definition")
                    .refuse_start(),
            );
        }
    }

    fn exhaust(&mut self, at: Span) {
        if !std::mem::replace(&mut self.exhausted, true) {
            let message = format!(
                "definitions and sequences write more than {} lines or {} MiB, or a line of more than {} bytes",
                limits::EXPANDED_LINES,
                limits::EXPANDED_BYTES >> 20,
                limits::LINE_BYTES
            );
            self.diagnostics
                .push(Diagnostic::new(&code::E005_BOUND, at, message).label("the bound was met here").refuse_start());
        }
    }
}

/// What is still to be put in place for a line.
enum Pending {
    /// A line, and the number of definitions and sequences that it came out of, one in the other.
    Line(String, usize),
    /// A sequence, and the same of its line.
    Sequence(Sequence, usize),
}

/// `$NAME`, `${NAME}` or `${NAME arguments}` at the start of a text.
struct Reference<'t> {
    name: &'t str,
    arguments: &'t str,
    /// Bytes, with the dollar sign and the braces.
    len: usize,
}

impl<'t> Reference<'t> {
    fn parse(text: &'t str) -> Option<Self> {
        let rest = text.strip_prefix('$')?;
        if let Some(len) = lex::reference_len(rest) {
            let inner = rest.get(1..len - 1)?;
            let (name, arguments) = inner.split_at_checked(lex::name_len(inner)?)?;
            return Some(Self { name, arguments, len: len + 1 });
        }
        let len = lex::name_len(rest)?;
        let ends = rest.get(len..)?.chars().next().is_none_or(|c| matches!(c, ' ' | '\t' | ',' | ')'));
        ends.then_some(Self { name: rest.get(..len)?, arguments: "", len: len + 1 })
    }
}
