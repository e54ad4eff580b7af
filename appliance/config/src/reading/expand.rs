//! From the bytes of the files to statements: conditions, definitions, sequences and includes put in place
//! (keepalived.conf(5), "ADVANCED CONFIGURATION").
//!
//! Everything here is a loop over a stack of its own, and what it may write is bounded by [`crate::source::limits`].

use std::borrow::Cow;

use locum_sorted::SortedMap;

use super::statement::{Builder, Outcome, Statement, Word};
use crate::around::Environment;
use crate::diagnostic::{Diagnostic, Diagnostics, code};
use crate::lex::{self, Lexer, TokenKind};
use crate::source::{FileId, SUBSTITUTE, Sources, Span, offset};

/// What stands in place of each `include` line, by the file and the offset of the line's first word.
pub(crate) type Includes = SortedMap<(FileId, u32), Included>;

/// The files of an `include` line, or what is wrong with it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Included {
    pub(crate) files: Vec<FileId>,
    pub(crate) problems: Vec<Diagnostic>,
}

/// What the language can ask for beside the files.
pub(crate) struct Setting<'a> {
    pub(crate) includes: &'a Includes,
    /// What `@NAME` lines compare with and `${_INSTANCE}` becomes.
    pub(crate) config_id: Option<&'a str>,
    pub(crate) environment: Option<&'a Environment>,
}

/// Reads all files and hands each statement outside all blocks to `sink`.
pub(crate) fn run<'s>(
    sources: &'s Sources,
    setting: &Setting<'_>,
    recover: bool,
    sink: &mut dyn FnMut(Statement<'s>),
) -> (Outcome, Diagnostics) {
    let mut expander = Expander {
        sources,
        setting,
        builder: Builder::new(recover, sink),
        definitions: SortedMap::new(),
        diagnostics: Diagnostics::default(),
        expanded_bytes: 0,
        expanded_lines: 0,
        exhausted: false,
    };
    if sources.len() > 0 {
        expander.files();
    }
    (expander.builder.finish(), expander.diagnostics)
}

pub(super) struct Expander<'s, 'a, 'k> {
    pub(super) sources: &'s Sources,
    pub(super) setting: &'a Setting<'a>,
    pub(super) builder: Builder<'s, 'k>,
    pub(super) definitions: SortedMap<String, Definition>,
    pub(super) diagnostics: Diagnostics,
    pub(super) expanded_bytes: usize,
    pub(super) expanded_lines: usize,
    /// A bound was met; nothing more is put in place.
    pub(super) exhausted: bool,
}

/// The value of a `$NAME`: its lines.
pub(super) struct Definition {
    pub(super) lines: Vec<String>,
}

/// How far a file is read.
struct Cursor<'s> {
    file: FileId,
    lexer: Lexer<'s>,
    at: usize,
    /// Says once per file that a comment is not UTF-8.
    comment_reported: bool,
}

impl<'s, 'a> Expander<'s, 'a, '_> {
    fn files(&mut self) {
        let mut stack = vec![self.cursor(FileId::MAIN)];
        while let Some(mut cursor) = stack.pop() {
            if let Some(included) = self.file(&mut cursor) {
                stack.push(cursor);
                stack.extend(included.iter().rev().map(|file| self.cursor(*file)));
            }
        }
    }

    fn cursor(&self, file: FileId) -> Cursor<'s> {
        let text = self.sources.file(file).map_or("", |source| source.text());
        Cursor { file, lexer: Lexer::new(text), at: 0, comment_reported: false }
    }

    /// Reads on in a file, to its end or to a line that includes others.
    fn file(&mut self, cursor: &mut Cursor<'s>) -> Option<&'a [FileId]> {
        let mut words: Vec<Word<'s>> = Vec::new();
        let mut after_word = false;
        while let Some(token) = cursor.lexer.next() {
            let at = Span::new(cursor.file, offset(cursor.at), offset(cursor.at + token.text.len()));
            cursor.at += token.text.len();
            let follows_word = std::mem::replace(&mut after_word, false);
            match token.kind {
                TokenKind::Blank => {}
                TokenKind::Comment => {
                    if follows_word {
                        self.glued_comment(&words, at);
                    }
                    self.comment(cursor, token.text, at);
                }
                TokenKind::LineEnd => self.builder.statement(std::mem::take(&mut words)),
                TokenKind::Open => {
                    self.builder.statement(std::mem::take(&mut words));
                    self.builder.open(at);
                }
                TokenKind::Close => {
                    self.builder.statement(std::mem::take(&mut words));
                    self.builder.close(at);
                }
                TokenKind::Definition => self.definition(cursor, token.text),
                TokenKind::Word | TokenKind::OpenQuote => {
                    after_word = true;
                    let first = words.is_empty();
                    if token.kind == TokenKind::OpenQuote {
                        self.open_quote(at);
                    }
                    if first && token.text.starts_with('@') {
                        if line_is_over(cursor) {
                            self.diagnostics.push(
                                Diagnostic::new(&code::W027_CONDITION, at, "a condition without a line")
                                    .label("nothing follows it")
                                    .fix("write what it is about behind it, on the same line; or take it away"),
                            );
                        }
                        if !self.condition_holds(token.text) {
                            skip_line(cursor);
                        }
                    } else if (first && token.text.starts_with("~")) || token.text.contains('$') {
                        let start = words.first().map_or(at, |word| word.at);
                        words.clear();
                        let end = rest_of_line(cursor);
                        self.expand_line(start.until(offset(end)));
                    } else if first && is_include(token.text) {
                        skip_line(cursor);
                        let setting = self.setting;
                        if let Some(included) = setting.includes.get(&(cursor.file, at.start)) {
                            for problem in &included.problems {
                                self.diagnostics.push(problem.clone());
                            }
                            return Some(&included.files);
                        }
                        self.diagnostics.push(
                            Diagnostic::new(&code::W029_INCLUDE_NOT_READ, at, "the included files are not read")
                                .why("Only the text itself is checked here."),
                        );
                    } else {
                        self.check_utf8(token.text, at);
                        words.push(Word { text: lex::unquote(token.text), raw: Cow::Borrowed(token.text), at });
                    }
                }
            }
        }
        self.builder.statement(words);
        None
    }

    pub(super) fn check_utf8(&mut self, text: &str, at: Span) {
        if text.contains(SUBSTITUTE) && self.sources.file(at.file).is_some_and(|file| !file.is_utf8()) {
            self.diagnostics.push(
                Diagnostic::new(&code::E007_NOT_UTF8, at, "this word is not UTF-8")
                    .label("bytes outside UTF-8, shown as `?`")
                    .fix("save the file as UTF-8"),
            );
        }
    }

    fn comment(&mut self, cursor: &mut Cursor<'s>, text: &str, at: Span) {
        let latin = text.contains(SUBSTITUTE) && self.sources.file(at.file).is_some_and(|file| !file.is_utf8());
        if latin && !std::mem::replace(&mut cursor.comment_reported, true) {
            self.diagnostics.push(
                Diagnostic::new(&code::W015_COMMENT_NOT_UTF8, at, "a comment is not UTF-8")
                    .why("The service does not mind; the console will not edit the file as it is.")
                    .fix("save the file as UTF-8"),
            );
        }
    }

    /// `auth_pass ab#cd`: the value ends at the `#`.
    fn glued_comment(&mut self, words: &[Word<'_>], at: Span) {
        let (Some(first), Some(word)) = (words.first(), words.last()) else { return };
        let place = word.at.to(at.until(at.start + 1));
        self.diagnostics.push(if matches!(first.text.as_ref(), "auth_pass" | "key") {
            Diagnostic::new(&code::W020_GLUED_COMMENT, place, "a comment starts inside a password")
                .label("the password ends here")
                .why("What follows the sign is not part of it, on all routers with the same line.")
                .fix("put the password in double quotes, or a blank before the comment")
        } else {
            Diagnostic::new(&code::L011_GLUED_COMMENT, place, "a comment starts directly after a word")
                .fix("put a blank before it; or, if it belongs to the value, put the value in double quotes")
        });
    }

    pub(super) fn open_quote(&mut self, at: Span) {
        self.diagnostics.push(
            Diagnostic::new(&code::E006_QUOTE, at, "a double quote is not closed")
                .label("opened in this word")
                .fix("close it before the end of the line"),
        );
    }

    /// `@NAME` holds where the configuration id is NAME, `@^NAME` everywhere else.
    pub(super) fn condition_holds(&self, word: &str) -> bool {
        let (negated, name) = match word.strip_prefix("@^") {
            Some(name) => (true, name),
            None => (false, word.strip_prefix('@').unwrap_or(word)),
        };
        (self.setting.config_id == Some(name)) != negated
    }

    /// `$NAME=…` and its further lines.
    fn definition(&mut self, cursor: &mut Cursor<'s>, first: &str) {
        let Some(name) = lex::definition_name(first) else { return };
        let value = first.get(name.len() + 2..).unwrap_or_default();
        let mut lines = Vec::new();
        let mut push = |text: &str| -> bool {
            let continues = text.ends_with('\\');
            let line = text.strip_suffix('\\').unwrap_or(text).trim();
            if !line.is_empty() || !continues {
                lines.push(line.to_owned());
            }
            continues
        };
        let mut continues = push(value);
        while continues {
            // Blanks, the line end, then the next line's part.
            let mut ahead = cursor.lexer.clone();
            let mut len = 0;
            let next = ahead.find(|token| {
                len += token.text.len();
                !matches!(token.kind, TokenKind::Blank | TokenKind::LineEnd)
            });
            match next {
                Some(token) if token.kind == TokenKind::Definition => {
                    cursor.at += len;
                    cursor.lexer = ahead;
                    continues = push(token.text);
                }
                _ => break,
            }
        }
        self.definitions.insert(name.to_owned(), Definition { lines });
    }
}

/// `include` and its variants, which say what counts as an error.
pub(crate) fn is_include(word: &str) -> bool {
    matches!(word, "include" | "includer" | "includem" | "includew" | "includeb" | "includea")
}

/// Whether nothing follows on a line but a comment.
fn line_is_over(cursor: &Cursor<'_>) -> bool {
    let next = cursor.lexer.clone().find(|token| token.kind != TokenKind::Blank);
    next.is_none_or(|token| matches!(token.kind, TokenKind::LineEnd | TokenKind::Comment))
}

/// Passes over the rest of a line, and over the further lines of a definition on it.
fn skip_line(cursor: &mut Cursor<'_>) {
    loop {
        let mut ahead = cursor.lexer.clone();
        match ahead.next() {
            Some(token) if token.kind != TokenKind::LineEnd || ahead.is_in_definition() => {
                cursor.at += token.text.len();
                cursor.lexer = ahead;
            }
            _ => return,
        }
    }
}

/// Passes over the rest of a line and gives the offset where its last word or brace ends.
fn rest_of_line(cursor: &mut Cursor<'_>) -> usize {
    let mut end = cursor.at;
    loop {
        let mut ahead = cursor.lexer.clone();
        match ahead.next() {
            Some(token) if !matches!(token.kind, TokenKind::LineEnd | TokenKind::Comment) => {
                cursor.at += token.text.len();
                cursor.lexer = ahead;
                if token.kind != TokenKind::Blank {
                    end = cursor.at;
                }
            }
            _ => return end,
        }
    }
}
