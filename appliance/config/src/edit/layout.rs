//! Where in the text a change goes, and how new lines are indented.

use super::{Change, main_text};
use crate::reading::{Block, Statement, Word};
use crate::source::{FileId, Sources, Span};
use crate::syntax::{self, SyntaxKind, SyntaxNode};

/// One step of indentation where the block has no line to take it from.
const STEP: &str = "    ";

/// The main file as it is laid out.
pub(super) struct Layout<'s> {
    sources: &'s Sources,
    pub(super) text: &'s str,
    tree: SyntaxNode,
}

impl<'s> Layout<'s> {
    pub(super) fn new(sources: &'s Sources) -> Self {
        let text = main_text(sources);
        Self { sources, text, tree: syntax::parse(text) }
    }

    /// Whether a word stands in the main file as it is, rather than coming out of something.
    pub(super) fn is_literal(&self, word: &Word<'_>) -> bool {
        word.at.file == FileId::MAIN && self.sources.text(word.at) == word.raw
    }

    /// Whether both braces stand in the main file as they are.
    pub(super) fn is_block_literal(&self, block: &Block<'_>) -> bool {
        let stands = |at: Span, brace| at.file == FileId::MAIN && self.sources.text(at) == brace;
        stands(block.open, "{") && block.close.is_some_and(|close| stands(close, "}"))
    }

    /// Where a statement starts and ends in the main file, or what it comes out of does. `None` for an included one.
    fn extent(statement: &Statement<'_>) -> Option<(usize, usize)> {
        let last = match &statement.block {
            Some(block) => block.close?,
            None => statement.words.last()?.at,
        };
        let first = statement.words.first()?.at;
        (first.file == FileId::MAIN && last.file == FileId::MAIN).then_some((first.start as usize, last.end() as usize))
    }

    /// One kind of line end in a file: that of its first line.
    fn line_end(&self) -> &'static str {
        let first = self.text.find('\n').and_then(|end| self.text.get(..end));
        if first.is_some_and(|line| line.ends_with('\r')) { "\r\n" } else { "\n" }
    }

    fn line_start(&self, at: usize) -> usize {
        self.text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1)
    }

    /// The blanks that the line of `at` starts with.
    fn indent(&self, at: usize) -> &'s str {
        let line = self.text.get(self.line_start(at)..at).unwrap_or_default();
        let line = line.strip_prefix('\u{feff}').unwrap_or(line);
        let blanks = line.len() - line.trim_start_matches([' ', '\t']).len();
        line.get(..blanks).unwrap_or_default()
    }

    /// New lines at the end of a block: behind its last line that `after` takes, else behind its `{`. Indented like that
    /// line. Lines of a block inside stand in `lines` with their own indentation beyond that.
    pub(super) fn append(
        &self,
        owner: &Statement<'_>,
        block: &Block<'_>,
        lines: &[String],
        after: fn(&Statement<'_>) -> bool,
    ) -> Change {
        let open = block.open.start as usize;
        let owner_indent = self.indent(owner.words.first().map_or(open, |word| word.at.start as usize));
        let inside = |(start, end): &(usize, usize)| {
            *start >= block.open.end() as usize && block.close.is_some_and(|close| *end <= close.start as usize)
        };
        let lines_inside = block.statements.iter().rev().filter(|line| after(line)).filter_map(Self::extent);
        let (end, indent) = match lines_inside.into_iter().find(inside) {
            Some((start, end)) => {
                let shares_line = self.line_start(start) == self.line_start(open);
                (end, (!shares_line).then(|| self.indent(start).to_owned()))
            }
            None => (block.open.end() as usize, None),
        };
        let indent = indent.unwrap_or_else(|| format!("{owner_indent}{STEP}"));
        self.insert_lines(end, &indent, owner_indent, lines)
    }

    /// New lines behind the line in which `end` is the end of a statement.
    fn insert_lines(&self, end: usize, indent: &str, outer_indent: &str, lines: &[String]) -> Change {
        let line_end = self.line_end();
        let mut text = String::new();
        for line in lines {
            text.push_str(line_end);
            if !line.is_empty() {
                text.push_str(indent);
                text.push_str(line);
            }
        }
        let mut at = end;
        let mut token = self.token_at(end);
        while let Some(here) = token {
            match here.kind() {
                SyntaxKind::Blank | SyntaxKind::Comment => at = here.text_range().end().into(),
                SyntaxKind::LineEnd => break,
                SyntaxKind::Word
                | SyntaxKind::OpenQuote
                | SyntaxKind::Open
                | SyntaxKind::Close
                | SyntaxKind::Definition
                | SyntaxKind::Statement
                | SyntaxKind::Block
                | SyntaxKind::File => {
                    // The block goes on, or ends, on the same line.
                    text.push_str(line_end);
                    text.push_str(outer_indent);
                    break;
                }
            }
            token = here.next_token();
        }
        Change { start: at, end: at, text }
    }

    /// A block outside all others: behind `last`, else at the end of the file.
    pub(super) fn append_top(&self, last: Option<&Statement<'_>>, lines: &[String]) -> Change {
        if let Some((_, end)) = last.and_then(Self::extent) {
            let mut spaced = vec![String::new()];
            spaced.extend_from_slice(lines);
            return self.insert_lines(end, "", "", &spaced);
        }
        let line_end = self.line_end();
        let mut text = String::new();
        if !self.text.is_empty() {
            text.push_str(if self.text.ends_with('\n') { "" } else { line_end });
            text.push_str(line_end);
        }
        for line in lines {
            text.push_str(line);
            text.push_str(line_end);
        }
        Change { start: self.text.len(), end: self.text.len(), text }
    }

    /// Takes a statement away, with its line when nothing else stands on it. A comment beside it stays.
    pub(super) fn remove(&self, statement: &Statement<'_>) -> Change {
        let (mut start, mut end) = Self::extent(statement).unwrap_or_default();
        // A condition (`@node`) belongs to the line that it is about.
        let line = self.text.get(self.line_start(start)..start).unwrap_or_default();
        if line.trim_start().starts_with('@') {
            start = self.line_start(start) + (line.len() - line.trim_start().len());
        }
        let line_start = self.line_start(start);
        let alone_before = self.text.get(line_start..start).is_some_and(|before| before.trim().is_empty());
        let mut token = self.token_at(end);
        let mut blanks_end = end;
        if let Some(blank) = token.as_ref().filter(|token| token.kind() == SyntaxKind::Blank) {
            blanks_end = blank.text_range().end().into();
            token = blank.next_token();
        }
        let line_end =
            token.as_ref().filter(|token| token.kind() == SyntaxKind::LineEnd).map(|token| token.text_range().end());
        match (alone_before, line_end, token) {
            (true, Some(after), _) => (start, end) = (line_start, after.into()),
            (true, None, None) => (start, end) = (line_start, blanks_end),
            // What follows on the line moves to where the statement was.
            (true, None, Some(_)) => end = blanks_end,
            (false, _, _) => {
                let blanks = self.text.get(..start).unwrap_or_default();
                start -= blanks.len() - blanks.trim_end_matches([' ', '\t']).len();
            }
        }
        Change { start, end, text: String::new() }
    }

    /// Takes a word away, with the blanks before it.
    pub(super) fn remove_word(&self, word: &Word<'_>) -> Change {
        let (mut start, end) = (word.at.start as usize, word.at.end() as usize);
        let before = self.text.get(..start).unwrap_or_default();
        start -= before.len() - before.trim_end_matches([' ', '\t']).len();
        // At the start of its line the indentation stays, and the blanks behind the word go.
        if self.text.get(..start).is_none_or(|before| before.is_empty() || before.ends_with('\n')) {
            let after = self.text.get(end..).unwrap_or_default();
            let blanks = after.len() - after.trim_start_matches([' ', '\t']).len();
            return Change { start: word.at.start as usize, end: end + blanks, text: String::new() };
        }
        Change { start, end, text: String::new() }
    }

    fn token_at(&self, at: usize) -> Option<syntax::SyntaxToken> {
        let at = u32::try_from(at).ok()?;
        (usize::try_from(at).ok()? < self.text.len()).then_some(())?;
        self.tree.token_at_offset(at.into()).right_biased()
    }
}
