//! What differs between two configurations, line by line, as `diff -u` shows it.

use std::fmt::Write as _;
use std::ops::Range;

use similar::{Algorithm, DiffOp, DiffTag, capture_diff_slices, group_diff_ops};

use crate::Configuration;
use crate::diagnostic::render::masked;
use crate::source::{FileId, Span};

/// Lines of context around a change.
const CONTEXT: usize = 3;

/// Lines in which two texts may differ for the changes to be looked for one by one. The search takes up to the square of
/// it; longer stretches are shown as one change, for nobody reads so many one by one.
const STRETCH_MAX: usize = 2_000;

impl Configuration {
    /// What differs in the text of `new`, as `diff -u` shows it with these two names; nothing where they are the same. Of
    /// files that are included, and of line ends, nothing is said. Passwords are shown as asterisks.
    #[must_use]
    pub fn difference(&self, new: &Self, names: [&str; 2]) -> String {
        let (old, new) = (Text::of(self), Text::of(new));
        let mut text = String::new();
        for hunk in group_diff_ops(changes(&old.lines, &new.lines), CONTEXT) {
            if let ([before, after], true) = (names, text.is_empty()) {
                let _ = write!(text, "--- {before}\n+++ {after}\n"); // a String takes everything
            }
            render(&hunk, &old, &new, &mut text);
        }
        text
    }
}

/// The lines of a file: as they are, and as they are shown.
struct Text<'s> {
    lines: Vec<&'s str>,
    shown: Vec<String>,
}

impl<'s> Text<'s> {
    fn of(configuration: &'s Configuration) -> Self {
        let Some(main) = configuration.sources.file(FileId::MAIN) else {
            return Self { lines: Vec::new(), shown: Vec::new() };
        };
        let lines: Vec<&str> = main.text().lines().collect();
        let whole = masked(main, 0..main.text().len(), &configuration.secrets, Span::START);
        // A carriage return before the line end is shown as any other control character; here it is part of the line end.
        let shown = whole.split('\n').zip(main.text().split('\n'));
        let shown = shown.map(|(shown, line)| match line.ends_with('\r') {
            true => shown.get(..shown.len().saturating_sub(1)).unwrap_or_default().to_owned(),
            false => shown.to_owned(),
        });
        Self { shown: shown.take(lines.len()).collect(), lines }
    }
}

/// What leads from one text to the other.
fn changes(old: &[&str], new: &[&str]) -> Vec<DiffOp> {
    let head = old.iter().zip(new).take_while(|(one, other)| one == other).count();
    let rest = |lines: &[&str]| lines.len() - head;
    let (old_left, new_left) = (rest(old), rest(new));
    let backwards = old.iter().rev().zip(new.iter().rev()).take(old_left.min(new_left));
    let tail = backwards.take_while(|(one, other)| one == other).count();
    let (old_len, new_len) = (old_left - tail, new_left - tail);
    if old_len.max(new_len) <= STRETCH_MAX {
        return capture_diff_slices(Algorithm::Myers, old, new);
    }
    vec![
        DiffOp::Equal { old_index: 0, new_index: 0, len: head },
        DiffOp::Replace { old_index: head, old_len, new_index: head, new_len },
        DiffOp::Equal { old_index: head + old_len, new_index: head + new_len, len: tail },
    ]
}

/// Changes that stand so close together that they share their context.
fn render(hunk: &[DiffOp], old: &Text<'_>, new: &Text<'_>, text: &mut String) {
    let whole = |range: fn(&DiffOp) -> Range<usize>| {
        let start = hunk.first().map_or(0, |op| range(op).start);
        start..hunk.last().map_or(start, |op| range(op).end)
    };
    // An empty range is named by the line before it (POSIX, diff).
    let place = |lines: Range<usize>| match lines.len() {
        0 => format!("{},0", lines.start),
        1 => format!("{}", lines.start + 1),
        len => format!("{},{len}", lines.start + 1),
    };
    let _ = writeln!(text, "@@ -{} +{} @@", place(whole(DiffOp::old_range)), place(whole(DiffOp::new_range)));
    let mut put = |sign: char, of: &Text<'_>, lines: Range<usize>| {
        for line in of.shown.get(lines).unwrap_or_default() {
            let _ = writeln!(text, "{sign}{line}");
        }
    };
    for op in hunk {
        if op.tag() == DiffTag::Equal {
            put(' ', old, op.old_range());
        } else {
            put('-', old, op.old_range());
            put('+', new, op.new_range());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::{Surroundings, check};

    fn difference(old: &str, new: &str) -> String {
        let read = |text: &str| check("a", text.as_bytes(), &Surroundings::default());
        read(old).difference(&read(new), ["saved", "running"])
    }

    #[test]
    fn it_looks_as_from_diff() {
        let old = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n";
        assert_eq!(difference(old, old), "");
        let new = old.replace("2\n3\n", "2\n3a\n3b\n").replace("11\n1a\n", "");
        assert_eq!(
            difference(old, &new),
            "--- saved\n+++ running\n@@ -1,6 +1,7 @@\n 1\n 2\n-3\n+3a\n+3b\n 4\n 5\n 6\n"
        );
        assert_eq!(difference("", "1\n"), "--- saved\n+++ running\n@@ -0,0 +1 @@\n+1\n");
        assert_eq!(difference("1\n", ""), "--- saved\n+++ running\n@@ -1 +0,0 @@\n-1\n");
        let two = old.replace("1\n2\n", "2\n").replace("12\n", "12\n13\n");
        let said = difference(old, &two);
        assert_eq!(said.matches("@@ -").count(), 2, "{said}");
    }

    #[test]
    fn a_password_that_changes_is_not_told() {
        let text =
            "vrrp_instance V {\r\n  authentication {\r\n    auth_type PASS\r\n    auth_pass geheim77\r\n  }\r\n}\r\n";
        let said = difference(text, &text.replace("geheim77", "geheim78"));
        assert!(said.contains("-    auth_pass ********\n+    auth_pass ********\n"), "{said}");
        assert!(!said.contains("geheim") && !said.contains('?'), "{said}");
    }

    #[test]
    fn texts_without_end_are_shown_as_one_change() {
        let lines = |word: &str| (0..3_000).map(|n| format!("{word}{n}\n")).collect::<String>();
        let said = difference(&lines("a"), &lines("b"));
        assert_eq!(said.matches("@@ -").count(), 1);
        assert_eq!(said.lines().count(), 3 + 6_000);
    }

    /// Makes the new text from the old one and what is said, as `patch` does.
    fn patched(old: &str, said: &str) -> String {
        let mut old = old.lines();
        let (mut text, mut at) = (String::new(), 0);
        for line in said.lines().skip(2) {
            if let Some(place) = line.strip_prefix("@@ -") {
                let mut numbers = place.split([' ', ',']).map(|number| number.parse::<usize>().unwrap_or(1));
                let start = numbers.next().unwrap();
                let before = if place.split(' ').next().unwrap().ends_with(",0") { start } else { start - 1 };
                old.by_ref().take(before - at).for_each(|line| text.extend([line, "\n"]));
                at = before;
                continue;
            }
            let (sign, line) = line.split_at(1);
            if sign != "+" {
                assert_eq!(old.next(), Some(line));
                at += 1;
            }
            if sign != "-" {
                text.extend([line, "\n"]);
            }
        }
        old.for_each(|line| text.extend([line, "\n"]));
        text
    }

    proptest! {
        #[test]
        fn it_leads_from_one_to_the_other(
            old in prop::collection::vec(0_u8..5, 0..40), new in prop::collection::vec(0_u8..5, 0..40),
        ) {
            let text = |numbers: &[u8]| numbers.iter().map(|number| format!("w{number}\n")).collect::<String>();
            let (old, new) = (text(&old), text(&new));
            prop_assert_eq!(patched(&old, &difference(&old, &new)), new);
        }
    }
}
