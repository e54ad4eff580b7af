//! The text of the configuration and where in it something stands.

use std::fmt;
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};

/// What the reader takes on at most. A file beyond a bound is refused with a message that names the bound; nothing is
/// cut off silently.
pub mod limits {
    /// Bytes of all files of a configuration together. 10,000 instances take about 4 MB.
    pub const TOTAL_BYTES: usize = 16 * 1024 * 1024;
    /// Bytes of one line. keepalived ignores lines beyond 1,024.
    pub const LINE_BYTES: usize = 16 * 1024;
    /// Blocks inside blocks. The language needs three; LVS blocks, which are skipped, need four.
    pub const BLOCK_DEPTH: usize = 32;
    /// Files included by files that are included, and so on.
    pub const INCLUDE_DEPTH: usize = 16;
    /// Files of one configuration.
    pub const FILES: usize = 1024;
    /// Bytes that definitions and sequences may write when they are put in place.
    pub const EXPANDED_BYTES: usize = 64 * 1024 * 1024;
    /// Lines that they may write. 65,024 instances from one `~SEQ` line, the manual's example, take 850,000.
    pub const EXPANDED_LINES: usize = 1_000_000;
    /// Definitions and sequences that come out of each other, so that one which names itself ends.
    pub const DEFINITION_DEPTH: usize = 64;
    /// Replacements inside one line, so that a definition which names itself ends.
    pub const REPLACEMENTS_PER_LINE: usize = 1000;
    /// Diagnostics kept; a last one counts what was dropped.
    pub const DIAGNOSTICS: usize = 1000;
}

/// One file of the configuration, by its order of opening. Counted from 1, so that `Option<Span>` is no longer than a
/// span: every value of the model has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(NonZeroU16);

impl FileId {
    /// The file that was asked for.
    pub const MAIN: Self = Self(NonZeroU16::MIN);

    /// The file at this place of the order.
    pub(crate) fn at(index: usize) -> Self {
        Self(u16::try_from(index).map_or(NonZeroU16::MAX, |index| NonZeroU16::MIN.saturating_add(index)))
    }

    /// Its place in the order.
    pub(crate) fn index(self) -> usize {
        usize::from(self.0.get()) - 1
    }
}

/// Bytes of a file, all on one line: [`limits::LINE_BYTES`] fit its length. It takes two registers of a small processor, on
/// which it is handed from place to place a thousand times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// First byte.
    pub start: u32,
    len: u16,
}

const _: () = assert!(size_of::<Option<Span>>() == 8 && limits::LINE_BYTES <= u16::MAX as usize);

impl Span {
    /// The start of the main file, for what stands nowhere.
    pub(crate) const START: Self = Self { file: FileId::MAIN, start: 0, len: 0 };

    /// From one byte to before another one. One of a line that is longer than any that is read ends early.
    pub(crate) fn new(file: FileId, start: u32, end: u32) -> Self {
        Self { file, start, len: u16::try_from(end.saturating_sub(start)).unwrap_or(u16::MAX) }
    }

    /// One past the last byte.
    #[must_use]
    pub fn end(self) -> u32 {
        self.start.saturating_add(self.len.into())
    }

    /// The same to another end.
    #[must_use]
    pub(crate) fn until(self, end: u32) -> Self {
        Self::new(self.file, self.start, end)
    }

    /// From the start of `self` to the end of `other`, where both stand in one file.
    #[must_use]
    pub(crate) fn to(self, other: Self) -> Self {
        if self.file == other.file && other.end() > self.start { self.until(other.end()) } else { self }
    }
}

/// A place as people and editors count: from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

/// The files of a configuration, every byte of them.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    files: Vec<Source>,
}

/// One file.
#[derive(Clone, Debug)]
pub struct Source {
    name: String,
    path: Option<PathBuf>,
    /// The text; where the bytes are not UTF-8, each byte that is not stands as SUBSTITUTE, so that offsets are the same.
    text: Box<str>,
    /// The bytes, where they are not those of the text.
    original: Option<Box<[u8]>>,
    /// Offsets of the first byte of every [`LINES_APART`]th line.
    line_starts: Vec<u32>,
}

/// So many lines are looked through to find one. An offset for each would be a third of what the text itself takes.
const LINES_APART: usize = 64;

/// Stands in the text for a byte that is not UTF-8 (ASCII SUB).
pub(crate) const SUBSTITUTE: char = '\u{1a}';

impl Sources {
    /// Takes a file in. The caller has checked the number and size of the files against [`limits`].
    pub(crate) fn add(&mut self, name: String, path: Option<PathBuf>, bytes: &[u8]) -> FileId {
        let id = FileId::at(self.files.len());
        self.files.push(Source::new(name, path, bytes));
        id
    }

    /// Puts another text in the place of the first file's.
    pub(crate) fn replace_main(&mut self, text: &str) {
        if let Some(main) = self.files.first_mut() {
            *main = Source::new(std::mem::take(&mut main.name), main.path.take(), text.as_bytes());
        }
    }

    /// The files in order of opening.
    pub fn iter(&self) -> impl Iterator<Item = &Source> {
        self.files.iter()
    }

    /// The file of a span of this configuration. A span of another configuration may have none.
    #[must_use]
    pub fn file(&self, id: FileId) -> Option<&Source> {
        self.files.get(id.index())
    }

    pub(crate) fn len(&self) -> usize {
        self.files.len()
    }

    /// Bytes of all files together.
    #[must_use]
    pub fn total_bytes(&self) -> usize {
        self.files.iter().map(|file| file.text.len()).sum()
    }

    /// The text that a span covers; empty when the span is not of this configuration.
    #[must_use]
    pub fn text(&self, span: Span) -> &str {
        self.file(span.file)
            .and_then(|file| file.text().get(span.start as usize..span.end() as usize))
            .unwrap_or_default()
    }

    /// Where a span starts.
    #[must_use]
    pub fn position(&self, span: Span) -> Position {
        self.file(span.file).map_or(Position { line: 1, column: 1 }, |file| file.position(span.start))
    }

    /// `file:line:column`, as compilers write it and editors understand it.
    #[must_use]
    pub fn place(&self, span: Span) -> impl fmt::Display + '_ {
        let Position { line, column } = self.position(span);
        let name = self.file(span.file).map_or("?", Source::name);
        Place { name, line, column }
    }
}

struct Place<'a> {
    name: &'a str,
    line: u32,
    column: u32,
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.name, self.line, self.column)
    }
}

impl Source {
    fn new(name: String, path: Option<PathBuf>, bytes: &[u8]) -> Self {
        let (text, original) = match std::str::from_utf8(bytes) {
            Ok(text) => (text.into(), None),
            Err(_) => (patch(bytes), Some(bytes.into())),
        };
        let line_starts = std::iter::once(0)
            .chain(bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| offset(at + 1)))
            .step_by(LINES_APART)
            .collect();
        Self { name, path, text, original, line_starts }
    }

    /// The name as it was given or written in the `include` line: what diagnostics call the file.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it was read, when it came from a file.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// The bytes as they were read.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.original.as_deref().unwrap_or(self.text.as_bytes())
    }

    /// Whether all bytes are UTF-8.
    #[must_use]
    pub fn is_utf8(&self) -> bool {
        self.original.is_none()
    }

    /// The text. Bytes that are not UTF-8 stand in it as U+001A, so that offsets are those of [`Self::bytes`].
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Line and column of a byte offset.
    #[must_use]
    pub fn position(&self, at: u32) -> Position {
        let (line, start) = self.line(at);
        let before = self.text().get(start..at as usize).unwrap_or_default();
        Position { line: offset(line + 1), column: offset(before.chars().count() + 1) }
    }

    /// Byte range of the line that `at` stands in, without its line end.
    pub(crate) fn line_range(&self, at: u32) -> std::ops::Range<usize> {
        let (_, start) = self.line(at);
        let text = self.text().get(start..).unwrap_or_default();
        let line = text.split('\n').next().unwrap_or_default();
        start..start + line.trim_end_matches('\r').len()
    }

    /// The line that `at` stands in, counted from 0, and the offset of its first byte.
    fn line(&self, at: u32) -> (usize, usize) {
        let known = self.line_starts.partition_point(|start| *start <= at).saturating_sub(1);
        let from = self.line_starts.get(known).map_or(0, |start| *start as usize);
        let before = self.text.as_bytes().get(from..(at as usize).min(self.text.len())).unwrap_or_default();
        let lines = before.iter().filter(|byte| **byte == b'\n').count();
        let start = before.iter().rposition(|byte| *byte == b'\n').map_or(from, |end| from + end + 1);
        (known * LINES_APART + lines, start)
    }
}

/// Offsets fit: `limits::TOTAL_BYTES` is far below 4 GiB.
pub(crate) fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

fn patch(bytes: &[u8]) -> Box<str> {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| SUBSTITUTE));
    }
    text.into_boxed_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_from_one() {
        let mut sources = Sources::default();
        let file = sources.add("a.conf".into(), None, "ä b\r\nc".as_bytes());
        assert_eq!(sources.position(Span::new(file, 3, 4)), Position { line: 1, column: 3 });
        assert_eq!(sources.position(Span::new(file, 6, 7)), Position { line: 2, column: 1 });
        assert_eq!(sources.file(file).unwrap().line_range(1), 0..4);
        assert_eq!(sources.place(Span::new(file, 6, 7)).to_string(), "a.conf:2:1");
    }

    #[test]
    fn spans_end_where_their_line_may() {
        let at = |start, end| Span::new(FileId::MAIN, start, end);
        let longest = u32::try_from(limits::LINE_BYTES).unwrap();
        assert_eq!(at(7, 7 + longest).end(), 7 + longest);
        assert_eq!(at(3, 5).to(at(8, 10)), at(3, 10));
        assert_eq!(at(8, 10).to(at(3, 5)), at(8, 10));
        assert_eq!(at(0, 1_000_000).end(), u32::from(u16::MAX));
        assert_eq!(at(9, 8).end(), 9);
    }

    #[test]
    fn lines_far_from_those_that_are_noted_are_found() {
        let text: String = (1..=200).map(|line| format!("{line}\r\n")).collect();
        let mut sources = Sources::default();
        let file = sources.add("a.conf".into(), None, text.as_bytes());
        let source = sources.file(file).unwrap();
        for line in 1..=200 {
            let at = text.find(&format!("\n{line}\r")).map_or(0, |end| end + 1);
            let word = line.to_string();
            assert_eq!(source.position(offset(at)), Position { line, column: 1 });
            assert_eq!(source.line_range(offset(at + word.len())), at..at + word.len(), "the line end is of this line");
        }
        assert_eq!(source.position(offset(text.len())), Position { line: 201, column: 1 });
        assert_eq!(source.line_range(offset(text.len())), text.len()..text.len());
    }

    #[test]
    fn bytes_that_are_not_utf8_keep_their_place() {
        let mut sources = Sources::default();
        let file = sources.add("a.conf".into(), None, b"# K\xfcche\nstate");
        let source = sources.file(file).unwrap();
        assert!(!source.is_utf8());
        assert_eq!(source.text().len(), source.bytes().len());
        assert_eq!(sources.text(Span::new(file, 8, 13)), "state");
    }
}
