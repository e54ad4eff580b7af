//! Diagnostics as compilers show them: the lines in question, with marks below their words.
//!
//! ```text
//! error[E022]: `V1` and `V2` both use VRID 51 with IPv4 on eth0
//!   --> locum.conf:14:23
//!    |
//!  4 |     virtual_router_id 51
//!    |                       -- first here
//! ...
//! 14 |     virtual_router_id 51
//!    |                       ^^ the same VRID again
//!    |
//!    = help: give one of them another virtual_router_id, on all routers of its group
//! ```
//!
//! A general library for this is forty kilobytes on MIPS, most of it for marks over several lines, which a configuration
//! has none of.

use std::ops::Range;

use super::render::{Style, masked};
use super::{Diagnostic, Severity};
use crate::source::{Source, Sources, Span};

/// Columns that a page has at least: with fewer there is no room for a line beside its number.
const WIDTH_MIN: usize = 40;

/// Columns of a tab.
const TAB: &str = "    ";

/// Stands where a line is cut off.
const CUT: &str = "...";

// SGR parameters: bold, with a colour.
const BOLD: &str = "1";
const RED: &str = "1;91";
const YELLOW: &str = "1;33";
const GREEN: &str = "1;92";
const BLUE: &str = "1;94";
const CYAN: &str = "1;96";

/// One diagnostic with its lines. What `secrets` covers is shown as asterisks.
pub(crate) fn text(sources: &Sources, secrets: &[Span], diagnostic: &Diagnostic, style: Style) -> String {
    let (color, severity) = match diagnostic.severity() {
        Severity::Error => (RED, "error"),
        Severity::Warning => (YELLOW, "warning"),
        Severity::Lint => (BLUE, "lint"),
    };
    let mut files: Vec<(&Source, Vec<Mark<'_>>)> = Vec::new();
    let own = Mark { at: diagnostic.at, label: &diagnostic.label, sign: "^", color };
    let others = diagnostic.related.iter();
    let others = others.map(|other| Mark { at: other.at, label: &other.label, sign: "-", color: BLUE });
    for mark in std::iter::once(own).chain(others) {
        let Some(source) = sources.file(mark.at.file) else { continue };
        match files.iter_mut().find(|(known, _)| std::ptr::eq(*known, source)) {
            Some((_, marks)) => {
                let behind = marks.iter().position(|known| known.at.start > mark.at.start);
                marks.insert(behind.unwrap_or(marks.len()), mark);
            }
            None => files.push((source, vec![mark])),
        }
    }
    let last_line = files.iter().flat_map(|(source, marks)| marks.iter().map(|mark| mark.line(source)));
    let number_width = last_line.max().unwrap_or(1).to_string().len();
    let mut page = Page { text: String::new(), style, secrets, number_width };
    page.paint(color, &format!("{severity}[{}]", diagnostic.code.id));
    page.paint(BOLD, &format!(": {}", diagnostic.message));
    let mut arrow = "-->";
    for (source, marks) in &files {
        let named = marks.iter().find(|mark| mark.at == diagnostic.at).or(marks.first());
        let place = named.map(|mark| sources.place(mark.at).to_string()).unwrap_or_default();
        if arrow == ":::" {
            page.margin("", " |");
        }
        page.margin("", arrow);
        page.text.push(' ');
        page.text.push_str(&place);
        page.margin("", " |");
        page.lines(source, marks);
        arrow = ":::";
    }
    let notes = [("note", GREEN, &diagnostic.why), ("help", CYAN, &diagnostic.fix)];
    let notes = notes.into_iter().filter(|(.., text)| !text.is_empty());
    for (at, (name, color, text)) in notes.enumerate() {
        if at == 0 {
            page.margin("", " |");
        }
        page.margin("", " = ");
        page.paint(color, name);
        page.text.push_str(": ");
        page.text.push_str(text);
    }
    page.text
}

/// Words of a line, and what is said about them.
struct Mark<'a> {
    at: Span,
    label: &'a str,
    sign: &'static str,
    color: &'static str,
}

impl Mark<'_> {
    fn line(&self, source: &Source) -> usize {
        source.line_index(self.at.start) + 1
    }
}

/// The text as far as it is written.
struct Page<'a> {
    text: String,
    style: Style,
    secrets: &'a [Span],
    /// Digits of the largest line number.
    number_width: usize,
}

impl Page<'_> {
    fn paint(&mut self, color: &str, text: &str) {
        if self.style.color {
            self.text.push_str(&format!("\x1b[{color}m{text}\x1b[0m"));
        } else {
            self.text.push_str(text);
        }
    }

    /// Begins a line: a line number, or room for one, and what parts it from the rest.
    fn margin(&mut self, number: &str, sign: &str) {
        self.text.push('\n');
        self.paint(BLUE, &format!("{number:>width$}{sign}", width = self.number_width));
    }

    /// The lines of a file that have marks, and the marks, which are in order.
    fn lines(&mut self, source: &Source, marks: &[Mark<'_>]) {
        let mut before: Option<(usize, Range<usize>)> = None;
        for mark in marks {
            let (number, line) = (mark.line(source), source.line_range(mark.at.start));
            let shown = masked(source, line.clone(), self.secrets, mark.at);
            let start = (mark.at.start as usize).clamp(line.start, line.end) - line.start;
            let end = (mark.at.end as usize).clamp(line.start + start, line.end) - line.start;
            let first = columns(shown.get(..start).unwrap_or_default());
            let marked = first..first + columns(shown.get(start..end).unwrap_or_default()).max(1);
            let window = match &before {
                Some((known, window)) if *known == number && window.contains(&marked.start) => window.clone(),
                _ => {
                    match number - before.as_ref().map_or(number, |(known, _)| *known) {
                        0 | 1 => {}
                        // In place of a sign that one is left out.
                        2 => {
                            let between = source.line_range(crate::source::offset(line.start).saturating_sub(1));
                            let text = masked(source, between, self.secrets, mark.at);
                            self.line(number - 1, &text, 0..self.room());
                        }
                        _ => {
                            self.text.push('\n');
                            self.paint(BLUE, CUT);
                        }
                    }
                    let window = self.window(&shown, &marked);
                    self.line(number, &shown, window.clone());
                    window
                }
            };
            self.margin("", " | ");
            self.text.push_str(&" ".repeat(marked.start.saturating_sub(window.start)));
            let length = marked.end.min(window.end).saturating_sub(marked.start).max(1);
            self.paint(mark.color, &mark.sign.repeat(length));
            if !mark.label.is_empty() {
                self.text.push(' ');
                self.paint(mark.color, mark.label);
            }
            before = Some((number, window));
        }
    }

    /// Columns beside the line numbers.
    fn room(&self) -> usize {
        self.style.width.max(WIDTH_MIN).saturating_sub(self.number_width + " | ".len())
    }

    /// The columns of a line to show, so that what is marked is among them.
    fn window(&self, line: &str, marked: &Range<usize>) -> Range<usize> {
        let (room, length) = (self.room(), columns(line));
        let fits = marked.end + CUT.len() <= room;
        let start = if fits { 0 } else { marked.start.saturating_sub(room / 3).min(length.saturating_sub(room)) };
        start..start + room
    }

    /// A line, as far as it is in the window.
    fn line(&mut self, number: usize, line: &str, window: Range<usize>) {
        self.margin(&number.to_string(), " |");
        let cut_after = columns(line) > window.end;
        let inner = Range {
            start: if window.start > 0 { window.start + CUT.len() } else { 0 },
            end: if cut_after { window.end - CUT.len() } else { window.end },
        };
        let mut text = String::from(if window.start > 0 { CUT } else { "" });
        let mut at = 0;
        for c in line.chars() {
            let width = width(c);
            if inner.contains(&at) && at + width <= inner.end {
                match c {
                    '\t' => text.push_str(TAB),
                    c => text.push(c),
                }
            }
            at += width;
        }
        text.push_str(if cut_after { CUT } else { "" });
        let text = text.trim_end();
        if !text.is_empty() {
            self.text.push(' ');
            self.text.push_str(text);
        }
    }
}

/// How many columns a text takes.
fn columns(text: &str) -> usize {
    text.chars().map(width).sum()
}

/// How many columns a character takes: on terminals, those of East Asian scripts and the pictures take two, and marks that
/// stand above or below another none.
fn width(c: char) -> usize {
    match c {
        '\t' => TAB.len(),
        '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{20d0}'..='\u{20ff}' | '\u{fe00}'..='\u{fe0f}' => 0,
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{303e}'
        | '\u{3041}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1f64f}'
        | '\u{1f680}'..='\u{1f6ff}'
        | '\u{1f900}'..='\u{1f9ff}'
        | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::code;
    use crate::source::FileId;

    /// A diagnostic about the first `marked` in a text, related to the others; in the second file to all.
    fn shown(texts: &[&str], width: usize) -> String {
        let mut sources = Sources::default();
        let mut places = Vec::new();
        for (name, text) in ["a.conf", "b.conf"].into_iter().zip(texts) {
            let file = sources.add(name.to_owned(), None, text.as_bytes());
            let at = |(start, word): (usize, &str)| {
                Span::new(file, crate::source::offset(start), crate::source::offset(start + word.len()))
            };
            places.extend(text.match_indices("marked").map(at));
        }
        let mut places = places.into_iter();
        let own = places.next().unwrap_or(Span::new(FileId::MAIN, 0, 0));
        let diagnostic = Diagnostic::new(&code::E010_UNKNOWN, own, "wrong").label("here").fix("mend it");
        let diagnostic = places.fold(diagnostic, |diagnostic, at| diagnostic.related(at, "there"));
        text(&sources, &[], &diagnostic, Style { color: false, width })
    }

    #[test]
    fn lines_between_are_left_out_unless_there_is_one() {
        let text = "one\nmarked\nthree\nmarked\n5\n6\n7\n8\n9\nten marked";
        let expected = "\
error[E010]: wrong
  --> a.conf:2:1
   |
 2 | marked
   | ^^^^^^ here
 3 | three
 4 | marked
   | ------ there
...
10 | ten marked
   |     ------ there
   |
   = help: mend it";
        assert_eq!(shown(&[text], 80), expected);
    }

    #[test]
    fn marks_of_one_line_stand_below_each_other_and_another_file_follows() {
        let expected = "\
error[E010]: wrong
 --> a.conf:1:1
  |
1 | marked marked
  | ^^^^^^ here
  |        ------ there
  |
 ::: b.conf:3:2
  |
3 |  marked
  |  ------ there
  |
  = help: mend it";
        assert_eq!(shown(&["marked marked", "\n\n marked\n"], 80), expected);
    }

    #[test]
    fn marks_stand_below_their_words_behind_tabs_and_wide_characters() {
        let line = |text: &str| shown(&[text], 80).lines().skip(3).take(2).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(line("\tmarked"), ["1 |     marked", "  |     ^^^^^^ here"]);
        assert_eq!(line("日本 marked"), ["1 | 日本 marked", "  |      ^^^^^^ here"]);
        assert_eq!(line("e\u{301} marked"), ["1 | e\u{301} marked", "  |   ^^^^^^ here"]);
    }

    #[test]
    fn a_long_line_is_cut_so_that_the_mark_is_seen() {
        let text = format!("{}marked{}", "x".repeat(100), "y".repeat(100));
        let lines: Vec<String> = shown(&[&text], 0).lines().map(str::to_owned).collect();
        assert_eq!(lines[3], "1 | ...xxxxxxxxxmarkedyyyyyyyyyyyyyyy...");
        assert_eq!(lines[4], "  |             ^^^^^^ here");
        let text = format!("marked{} marked", "x".repeat(100));
        let lines: Vec<String> = shown(&[&text], 0).lines().map(str::to_owned).collect();
        assert_eq!(lines[3], "1 | markedxxxxxxxxxxxxxxxxxxxxxxxxxxx...");
        // The second is beyond that.
        assert_eq!(lines[5], format!("1 | ...{} marked", "x".repeat(26)));
        assert_eq!(lines[6], format!("  | {}------ there", " ".repeat(30)));
    }

    #[test]
    fn an_empty_file_has_a_first_line_to_point_at() {
        assert!(shown(&[""], 80).starts_with("error[E010]: wrong\n --> a.conf:1:1\n  |\n1 |\n  | ^ here\n"));
    }

    #[test]
    fn colours_are_ended_where_they_end() {
        let mut sources = Sources::default();
        let file = sources.add("a.conf".into(), None, b"key");
        let diagnostic = Diagnostic::new(&code::E010_UNKNOWN, Span::new(file, 0, 3), "wrong").why("so it is");
        let said = text(&sources, &[], &diagnostic, Style { color: true, width: 80 });
        let plain = text(&sources, &[], &diagnostic, Style { color: false, width: 80 });
        assert!(said.starts_with("\x1b[1;91merror[E010]\x1b[0m\x1b[1m: wrong\x1b[0m\n"), "{said:?}");
        assert_eq!(said.matches("\x1b[1").count(), said.matches("\x1b[0m").count());
        let stripped =
            [BOLD, RED, BLUE, GREEN, "0"].iter().fold(said, |text, of| text.replace(&format!("\x1b[{of}m"), ""));
        assert_eq!(stripped, plain);
    }
}
