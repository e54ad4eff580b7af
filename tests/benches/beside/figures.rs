//! Figures and the table that they are printed in.

use std::fmt;
use std::time::Duration;

use crate::daemon::Which;

/// Milliseconds.
pub(crate) fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Microseconds.
pub(crate) fn us(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// Values of one quantity.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sample(Vec<f64>);

impl Sample {
    /// One more.
    pub(crate) fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    /// All of another.
    pub(crate) fn extend(&mut self, values: impl IntoIterator<Item = f64>) {
        self.0.extend(values);
    }

    /// How many.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The value below which so much of it lies, from 0 to 1.
    pub(crate) fn quantile(&self, share: f64) -> Option<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "counts"
        )]
        let at = (share * (sorted.len().saturating_sub(1)) as f64).round() as usize;
        sorted.get(at).copied()
    }

    /// The middle; between the two in the middle of an even number.
    pub(crate) fn median(&self) -> Option<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        let upper = sorted.get(middle).copied()?;
        let is_even = sorted.len().is_multiple_of(2);
        Some(if is_even { f64::midpoint(upper, sorted[middle - 1]) } else { upper })
    }

    /// The sum divided by the count.
    pub(crate) fn mean(&self) -> Option<f64> {
        #[allow(clippy::cast_precision_loss, reason = "counts")]
        let len = self.0.len() as f64;
        (!self.0.is_empty()).then(|| self.0.iter().sum::<f64>() / len)
    }

    /// The largest divided by the smallest.
    pub(crate) fn spread(&self) -> f64 {
        match (self.quantile(0.0), self.quantile(1.0)) {
            (Some(least), Some(most)) if least > 0.0 => most / least,
            _ => 1.0,
        }
    }
}

impl fmt::Display for Sample {
    /// The median, with the least and the most in brackets; with so many decimals where a precision is asked for.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |value| f.precision().map_or_else(|| short(value), |decimals| format!("{value:.decimals$}"));
        let text = match (self.quantile(0.0), self.median(), self.quantile(1.0)) {
            (Some(_), Some(median), Some(_)) if self.len() == 1 => number(median),
            (Some(least), Some(median), Some(most)) => {
                format!("{} ({}..{})", number(median), number(least), number(most))
            }
            _ => "-".into(),
        };
        // Not `pad`, which would cut it to the precision.
        write!(f, "{text:<width$}", width = f.width().unwrap_or(0))
    }
}

/// Four digits or so.
fn short(value: f64) -> String {
    match value.abs() {
        it if !(1e-9..10_000.0).contains(&it) => format!("{value:.0}"),
        it if it >= 1000.0 => format!("{value:.1}"),
        it if it >= 100.0 => format!("{value:.0}"),
        it if it >= 10.0 => format!("{value:.1}"),
        it if it >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// What must hold for the median of ours.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    /// Nothing: it is printed for comparison.
    None,
    /// At most so much.
    AtMost(f64),
    /// At most so much of the peer's.
    OfPeers(f64),
    /// At most so far from this value, to either side.
    Near(f64, f64),
}

/// A line of the table.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// What was measured, with its unit.
    pub(crate) what: String,
    /// Ours.
    pub(crate) ours: Sample,
    /// The peer's; may be empty.
    pub(crate) theirs: Sample,
    /// What must hold.
    pub(crate) goal: Goal,
}

impl Line {
    /// An empty one.
    pub(crate) fn new(what: impl Into<String>, goal: Goal) -> Self {
        Self { what: what.into(), ours: Sample::default(), theirs: Sample::default(), goal }
    }

    /// Another value of one of the two.
    pub(crate) fn push(&mut self, which: Which, value: f64) {
        self.of(which).push(value);
    }

    /// The values of one of the two.
    pub(crate) fn of(&mut self, which: Which) -> &mut Sample {
        match which {
            Which::Locum => &mut self.ours,
            Which::Peer => &mut self.theirs,
        }
    }

    /// What came of the goal.
    fn verdict(&self) -> String {
        let (Some(ours), theirs) = (self.ours.median(), self.theirs.median()) else { return String::new() };
        let (goal, holds) = match (self.goal, theirs) {
            (Goal::None, _) | (Goal::OfPeers(_), None) => return String::new(),
            (Goal::AtMost(most), _) => (format!("<= {}", short(most)), ours <= most),
            (Goal::OfPeers(share), Some(theirs)) => (format!("<= x{share}"), ours <= share * theirs),
            (Goal::Near(value, by), _) => (format!("{value} +- {by}"), (ours - value).abs() <= by),
        };
        format!("{goal} {}", if holds { "ok" } else { "MISSED" })
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ratio = match (self.ours.median(), self.theirs.median()) {
            (Some(ours), Some(theirs)) if theirs > 0.0 => format!("x{:.2}", ours / theirs),
            _ => String::new(),
        };
        let Self { what, ours, theirs, .. } = self;
        let cells = match self.goal {
            // What must be hit is not seen in four digits.
            Goal::Near(..) => format!("{ours:<26.3} {theirs:<26.3}"),
            _ => format!("{ours:<26} {theirs:<26}"),
        };
        let line = format!("{what:<46} {cells} {ratio:>7}  {}", self.verdict());
        f.write_str(line.trim_end())
    }
}

/// The heading of the table.
pub(crate) fn heading(peer: &str) -> String {
    format!("{:<46} {:<26} {:<26} {:>7}  goal\n{}", "", "locum", peer, "ratio", "-".repeat(124))
}
