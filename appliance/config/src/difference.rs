//! What differs between two configurations, line by line, as `diff -u` shows it.

use std::fmt::Write as _;
use std::ops::Range;

use crate::Configuration;
use crate::diagnostic::render::masked;
use crate::source::{FileId, Span};

/// Lines of context around a change.
const CONTEXT: usize = 3;

/// Lines taken away and put there that are looked for one by one. Texts that differ in more are shown as one change: the
/// search takes the square of it, and nobody reads so many changes one by one.
const CHANGES_MAX: usize = 400;

impl Configuration {
    /// What differs in the text of `new`, as `diff -u` shows it with these two names; nothing where they are the same. Of
    /// files that are included, and of line ends, nothing is said. Passwords are shown as asterisks.
    #[must_use]
    pub fn difference(&self, new: &Self, names: [&str; 2]) -> String {
        let (old, new) = (Text::of(self), Text::of(new));
        let changes = changes(&old.lines, &new.lines);
        let hunks = hunks(&changes, old.lines.len());
        let mut text = String::new();
        if let ([before, after], false) = (names, hunks.is_empty()) {
            let _ = write!(text, "--- {before}\n+++ {after}\n"); // a String takes everything
        }
        for hunk in hunks {
            hunk.render(&old, &new, &mut text);
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
        let whole = masked(main, 0..main.text().len(), &configuration.secrets, Span::new(FileId::MAIN, 0, 0));
        // A carriage return before the line end is shown as any other control character; here it is part of the line end.
        let shown = whole.split('\n').zip(main.text().split('\n'));
        let shown = shown.map(|(shown, line)| match line.ends_with('\r') {
            true => shown.get(..shown.len().saturating_sub(1)).unwrap_or_default().to_owned(),
            false => shown.to_owned(),
        });
        Self { shown: shown.take(lines.len()).collect(), lines }
    }
}

/// Lines of the old text, and those that stand in their place in the new one. One of the two may be empty.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Change {
    old: Range<usize>,
    new: Range<usize>,
}

/// Changes that stand so close together that they share their context.
struct Hunk<'c> {
    changes: Vec<&'c Change>,
    /// With the context.
    old: Range<usize>,
    new: Range<usize>,
}

fn hunks(changes: &[Change], old_len: usize) -> Vec<Hunk<'_>> {
    let mut hunks: Vec<Hunk<'_>> = Vec::new();
    for change in changes {
        let start = change.old.start.saturating_sub(CONTEXT);
        let end = (change.old.end + CONTEXT).min(old_len);
        let before = change.old.start - start;
        let new = change.new.start.saturating_sub(before)..change.new.end + (end - change.old.end);
        match hunks.last_mut().filter(|hunk| start <= hunk.old.end) {
            Some(hunk) => {
                hunk.changes.push(change);
                (hunk.old.end, hunk.new.end) = (end, new.end);
            }
            None => hunks.push(Hunk { changes: vec![change], old: start..end, new }),
        }
    }
    hunks
}

impl Hunk<'_> {
    fn render(&self, old: &Text<'_>, new: &Text<'_>, text: &mut String) {
        // An empty range is named by the line before it (POSIX, diff).
        let place = |lines: &Range<usize>| match lines.len() {
            0 => format!("{},0", lines.start),
            1 => format!("{}", lines.start + 1),
            len => format!("{},{len}", lines.start + 1),
        };
        let _ = writeln!(text, "@@ -{} +{} @@", place(&self.old), place(&self.new));
        let mut put = |sign: char, of: &Text<'_>, lines: Range<usize>| {
            for line in of.shown.get(lines).unwrap_or_default() {
                let _ = writeln!(text, "{sign}{line}");
            }
        };
        let mut at = self.old.start;
        for change in &self.changes {
            put(' ', old, at..change.old.start);
            put('-', old, change.old.clone());
            put('+', new, change.new.clone());
            at = change.old.end;
        }
        put(' ', old, at..self.old.end);
    }
}

/// The changes that lead from one text to the other, in their order: the fewest lines, as far as [`CHANGES_MAX`] goes.
fn changes(old: &[&str], new: &[&str]) -> Vec<Change> {
    let head = old.iter().zip(new).take_while(|(one, other)| one == other).count();
    let rest = |lines| -> &[&str] { <[&str]>::get(lines, head..).unwrap_or_default() };
    let (old_rest, new_rest) = (rest(old), rest(new));
    let tail = old_rest.iter().rev().zip(new_rest.iter().rev()).take_while(|(one, other)| one == other).count();
    let middle = |lines: &[&str]| head..head + lines.len() - tail;
    let (old_middle, new_middle) = (middle(old_rest), middle(new_rest));
    if old_middle.is_empty() && new_middle.is_empty() {
        return Vec::new();
    }
    let whole = Change { old: old_middle.clone(), new: new_middle.clone() };
    let same = same_lines(old.get(old_middle).unwrap_or_default(), new.get(new_middle).unwrap_or_default());
    let Some(same) = same else { return vec![whole] };
    let mut changes = Vec::new();
    let mut at = (head, head);
    let ends = (whole.old.end, whole.new.end);
    for (old, new) in same.into_iter().map(|(old, new)| (old + head, new + head)).chain([ends]) {
        if (old, new) != at {
            changes.push(Change { old: at.0..old, new: at.1..new });
        }
        at = (old + 1, new + 1);
    }
    changes
}

/// Pairs of lines that stay, by the greedy search of Myers, "An O(ND) Difference Algorithm and Its Variations", figure 2:
/// for each number of changes, how far each diagonal of the edit graph leads. `None` beyond [`CHANGES_MAX`].
fn same_lines(old: &[&str], new: &[&str]) -> Option<Vec<(usize, usize)>> {
    // Diagonal k is `old - new`; it stands at k + CHANGES_MAX + 1.
    let place = |diagonal: isize| usize::try_from(diagonal + CHANGES_MAX as isize + 1).unwrap_or_default();
    let mut furthest = vec![0_usize; 2 * CHANGES_MAX + 3];
    let mut trace: Vec<Vec<usize>> = Vec::new();
    let reach = |furthest: &[usize], diagonal| furthest.get(place(diagonal)).copied().unwrap_or_default();
    for count in 0..=CHANGES_MAX as isize {
        let window = place(-count - 1)..=place(count + 1);
        trace.push(furthest.get(window).unwrap_or_default().to_vec());
        for diagonal in (-count..=count).step_by(2) {
            let down = diagonal == -count
                || (diagonal != count && reach(&furthest, diagonal - 1) < reach(&furthest, diagonal + 1));
            let mut x = if down { reach(&furthest, diagonal + 1) } else { reach(&furthest, diagonal - 1) + 1 };
            let mut y = usize::try_from(isize::try_from(x).ok()? - diagonal).unwrap_or(usize::MAX);
            while let (Some(one), Some(other)) = (old.get(x), new.get(y)) {
                if one != other {
                    break;
                }
                (x, y) = (x + 1, y + 1);
            }
            if let Some(slot) = furthest.get_mut(place(diagonal)) {
                *slot = x;
            }
            if x >= old.len() && y >= new.len() {
                return Some(backtrack(&trace, old.len(), new.len()));
            }
        }
    }
    None
}

/// The way back through the edit graph; its diagonal steps are lines that stay.
fn backtrack(trace: &[Vec<usize>], old_len: usize, new_len: usize) -> Vec<(usize, usize)> {
    let mut same = Vec::new();
    let (mut x, mut y) = (old_len, new_len);
    for (count, furthest) in trace.iter().enumerate().rev() {
        let signed = count as isize;
        // The window was kept from diagonal -count - 1 on.
        let reach = |diagonal: isize| {
            usize::try_from(diagonal + signed + 1).ok().and_then(|at| furthest.get(at)).copied().unwrap_or_default()
        };
        let diagonal = x as isize - y as isize;
        let down = diagonal == -signed || (diagonal != signed && reach(diagonal - 1) < reach(diagonal + 1));
        let before = if down { diagonal + 1 } else { diagonal - 1 };
        let (from_x, from_y) = match count {
            0 => (0, 0),
            _ => (reach(before), usize::try_from(reach(before) as isize - before).unwrap_or_default()),
        };
        while x > from_x && y > from_y {
            (x, y) = (x - 1, y - 1);
            same.push((x, y));
        }
        (x, y) = (from_x, from_y);
    }
    same.reverse();
    same
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
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

    /// Makes the new text from the old one and the changes.
    fn applied(old: &[&str], new: &[&str], changes: &[Change]) -> Vec<String> {
        let mut lines: Vec<&str> = Vec::new();
        let mut at = 0;
        for change in changes {
            lines.extend(old[at..change.old.start].iter());
            lines.extend(new[change.new.clone()].iter());
            at = change.old.end;
        }
        lines.extend(old[at..].iter());
        lines.into_iter().map(str::to_owned).collect()
    }

    proptest! {
        #[test]
        fn changes_lead_from_one_to_the_other(
            old in prop::collection::vec(0_u8..5, 0..40), new in prop::collection::vec(0_u8..5, 0..40),
        ) {
            let words = ["a", "b", "c", "d", "e"];
            let text = |numbers: &[u8]| numbers.iter().map(|n| words[usize::from(*n)]).collect::<Vec<_>>();
            let (old, new) = (text(&old), text(&new));
            let changes = changes(&old, &new);
            prop_assert_eq!(applied(&old, &new, &changes), new.clone());
            for pair in changes.windows(2) {
                prop_assert!(pair[0].old.end < pair[1].old.start || pair[0].new.end < pair[1].new.start);
            }
            prop_assert_eq!(changes.is_empty(), old == new);
        }
    }
}
