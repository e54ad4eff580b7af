//! The adverts of one router, for the timeline.

use std::collections::VecDeque;
use std::net::IpAddr;

use locum_control::{AdvertMark, MarkKind, Reject};

/// How much time a column of the timeline can stand for.
pub(crate) const COLUMN_US: [u64; 14] = [
    2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000, 2_000_000, 5_000_000, 10_000_000,
    30_000_000, 60_000_000,
];

/// How long after a router's last advert its silence is drawn as missed adverts, in intervals: a bit more than the
/// Master_Down_Interval, after which somebody else is master and this router need not say anything.
const SILENCE_INTERVALS: u64 = 4;

/// The adverts of one router.
#[derive(Debug)]
pub(crate) struct Lane {
    /// The sender; for our own lane, the address last sent from.
    pub(crate) source: IpAddr,
    /// Whether it is this router.
    pub(crate) ours: bool,
    /// Oldest first.
    marks: VecDeque<Mark>,
}

/// An advert. Small: there are many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) at_us: u64,
    pub(crate) priority: u8,
    pub(crate) reject: Option<Reject>,
}

/// What a column of a lane shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    /// Nothing, and nothing expected.
    Blank,
    /// Between two adverts.
    Quiet,
    /// An advert should have come and did not.
    Missed,
    /// An advert.
    One,
    /// More than one.
    Several,
    /// An advert whose priority is another than that of the one before.
    Priority,
    /// An advert of priority 0: the master leaves.
    Zero,
    /// An advert that was discarded.
    Rejected,
}

/// A stretch of time in columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// The number of the first column since the server's clock began.
    pub(crate) first: u64,
    pub(crate) columns: u64,
    pub(crate) column_us: u64,
    /// Up to where time is drawn: now, or when it was frozen.
    pub(crate) until_us: u64,
    /// What has to be added to a time to have it on the clock of the columns.
    pub(crate) shift_us: i64,
}

impl Window {
    /// The window whose last column holds `until_us` or comes soon after: marks stand still while time runs to the right,
    /// and only after a quarter of the width everything moves. A strip that crawls would have to be sent anew at every
    /// step.
    pub(crate) fn at(until_us: u64, columns: u64, column_us: u64, panned: u64) -> Self {
        let column_us = column_us.max(1);
        let step = (columns / 4).max(1);
        let end = (until_us / column_us / step + 1).saturating_mul(step);
        Self { first: end.saturating_sub(columns).saturating_sub(panned), columns, column_us, until_us, shift_us: 0 }
    }

    /// The same window for marks whose clock is another: `shift_us` brings their times to that of the columns.
    pub(crate) const fn shifted(self, shift_us: i64) -> Self {
        Self { until_us: self.until_us.saturating_add_signed(shift_us.saturating_neg()), shift_us, ..self }
    }

    /// The column in which a point in time lies, if it is in the window.
    pub(crate) fn column(&self, at_us: u64) -> Option<usize> {
        let column = (at_us.saturating_add_signed(self.shift_us) / self.column_us).checked_sub(self.first)?;
        (column < self.columns).then(|| usize::try_from(column).ok())?
    }

    /// When column `index` begins.
    pub(crate) const fn start_us(&self, index: u64) -> u64 {
        let start_us = self.first.saturating_add(index).saturating_mul(self.column_us);
        start_us.saturating_add_signed(self.shift_us.saturating_neg())
    }
}

impl Lane {
    pub(crate) const fn new(source: IpAddr, ours: bool) -> Self {
        Self { source, ours, marks: VecDeque::new() }
    }

    /// Adds an advert, and forgets the oldest beyond `marks_max`.
    pub(crate) fn push(&mut self, mark: &AdvertMark, marks_max: usize) {
        let reject = match mark.kind {
            MarkKind::Received | MarkKind::Sent => None,
            MarkKind::Rejected { reason } => Some(reason),
        };
        let mark = Mark { at_us: mark.at_us, priority: mark.priority, reject };
        // They arrive in order, except where a second answer overlaps with what was heard before. One advert sent to
        // several unicast peers at once is one mark.
        let at = self.marks.partition_point(|other| other.at_us < mark.at_us);
        if self.marks.get(at) == Some(&mark) {
            return;
        }
        self.marks.insert(at, mark);
        while self.marks.len() > marks_max {
            self.marks.pop_front();
        }
    }

    /// The last advert that counted.
    pub(crate) fn last_accepted(&self) -> Option<Mark> {
        self.marks.iter().rev().find(|mark| mark.reject.is_none()).copied()
    }

    /// The last advert before a moment, discarded or not.
    pub(crate) fn last_before(&self, at_us: u64) -> Option<Mark> {
        let end = self.marks.partition_point(|mark| mark.at_us < at_us);
        self.marks.get(end.checked_sub(1)?).copied()
    }

    /// What the columns of `window` show. `interval_us` is the advert interval; `others` are the group's other lanes,
    /// because a router that hears a higher priority falls silent rightly.
    pub(crate) fn columns(&self, window: &Window, interval_us: u64, others: &[&Self]) -> Vec<Column> {
        let mut columns = vec![Column::Blank; usize::try_from(window.columns).unwrap_or(0)];
        let accepted: Vec<Mark> = self.marks.iter().filter(|mark| mark.reject.is_none()).copied().collect();
        for (index, mark) in accepted.iter().enumerate() {
            let next = accepted.get(index + 1).map(|next| next.at_us);
            if next.is_some_and(|next| next < window.start_us(0)) || mark.priority == 0 {
                continue;
            }
            // Almost every advert is followed by the next one in time: only the others are worth a look at the other lanes.
            let end = match next {
                Some(next) if next <= missed_from(mark.at_us, interval_us) => next,
                Some(next) => next.min(silence_ends(mark, interval_us, others)),
                None => silence_ends(mark, interval_us, others),
            };
            let silent_until = end.min(window.until_us);
            fill(&mut columns, window, mark.at_us, silent_until, interval_us);
        }
        let mut before = 0;
        for mark in self.marks.iter().filter(|mark| mark.at_us <= window.until_us) {
            // After a priority of 0 it begins anew, which is no change.
            let is_other = mark.reject.is_none() && mark.priority > 0 && before > 0 && mark.priority != before;
            if mark.reject.is_none() {
                before = mark.priority;
            }
            let Some(column) = window.column(mark.at_us).and_then(|index| columns.get_mut(index)) else { continue };
            *column = match (mark, *column) {
                (Mark { reject: Some(_), .. }, _) | (_, Column::Rejected) => Column::Rejected,
                (Mark { priority: 0, .. }, _) | (_, Column::Zero) => Column::Zero,
                (_, Column::Priority) => Column::Priority,
                (_, _) if is_other => Column::Priority,
                (_, Column::One | Column::Several) => Column::Several,
                (_, Column::Blank | Column::Quiet | Column::Missed) => Column::One,
            };
        }
        columns
    }
}

/// Until when an advert obliges its sender to send the next.
fn silence_ends(mark: &Mark, interval_us: u64, others: &[&Lane]) -> u64 {
    let end = mark.at_us.saturating_add(interval_us.saturating_mul(SILENCE_INTERVALS));
    let beaten = others
        .iter()
        .flat_map(|lane| lane.marks.iter())
        .filter(|other| other.reject.is_none() && other.at_us > mark.at_us && other.priority >= mark.priority.max(1))
        .map(|other| other.at_us)
        .min();
    beaten.map_or(end, |beaten| beaten.min(end))
}

/// From when on a router that advertised at `at_us` is late: half an interval after its next advert was due.
const fn missed_from(at_us: u64, interval_us: u64) -> u64 {
    at_us.saturating_add(interval_us).saturating_add(interval_us / 2)
}

/// Draws the silence after an advert: quiet while the next one may still come in time, then missed.
fn fill(columns: &mut [Column], window: &Window, from_us: u64, until_us: u64, interval_us: u64) {
    let missed_from = missed_from(from_us, interval_us);
    let first = (from_us / window.column_us).saturating_add(1).max(window.first);
    let last = (until_us / window.column_us).min(window.first.saturating_add(window.columns));
    for number in first..=last {
        let index = usize::try_from(number - window.first).unwrap_or(usize::MAX);
        let Some(column) = columns.get_mut(index) else { break };
        let is_missed = number.saturating_mul(window.column_us) >= missed_from;
        *column = if is_missed { Column::Missed } else { Column::Quiet };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000;

    fn mark(at_us: u64, priority: u8) -> AdvertMark {
        AdvertMark { at_us, source: [10, 0, 0, 2].into(), priority, kind: MarkKind::Received }
    }

    fn lane(marks: &[AdvertMark]) -> Lane {
        let mut lane = Lane::new([10, 0, 0, 2].into(), false);
        for mark in marks {
            lane.push(mark, 100);
        }
        lane
    }

    /// Half a second a column, from 100 s on.
    fn drawn(lane: &Lane, others: &[&Lane], until_us: u64) -> String {
        let window = Window { first: 200, columns: 20, column_us: S / 2, until_us, shift_us: 0 };
        let columns = lane.columns(&window, S, others);
        let letter = |column: &Column| match column {
            Column::Blank => ' ',
            Column::Quiet => '.',
            Column::Missed => '_',
            Column::One => '|',
            Column::Several => ':',
            Column::Priority => '*',
            Column::Zero => '0',
            Column::Rejected => 'X',
        };
        columns.iter().map(letter).collect()
    }

    #[test]
    fn a_regular_master_is_a_regular_row() {
        let lane = lane(&(100..106).map(|s| mark(s * S, 100)).collect::<Vec<_>>());
        assert_eq!(drawn(&lane, &[], 105 * S + 400_000), "|.|.|.|.|.|         ");
    }

    #[test]
    fn missed_adverts_are_a_gap() {
        let lane = lane(&[mark(100 * S, 100), mark(101 * S, 100), mark(104 * S, 100)]);
        assert_eq!(drawn(&lane, &[], 104 * S), "|.|..___|           ");
    }

    #[test]
    fn a_master_that_fell_silent_is_missed_until_another_takes_over() {
        let dead = lane(&[mark(100 * S, 100)]);
        assert_eq!(drawn(&dead, &[], 109 * S), "|..______           ", "nobody else: four intervals");
        let heir = lane(&[mark(103 * S, 80), mark(104 * S, 80)]);
        assert_eq!(
            drawn(&dead, &[&heir], 109 * S),
            "|..______           ",
            "a lower priority is no reason for silence"
        );
        let better = lane(&[mark(101 * S, 200)]);
        assert_eq!(drawn(&dead, &[&better], 109 * S), "|..                 ");
    }

    #[test]
    fn priority_zero_ends_the_row_and_rejects_are_crossed_out() {
        let mut leaving = lane(&[mark(100 * S, 100), mark(100 * S + S / 2, 0)]);
        assert_eq!(drawn(&leaving, &[], 109 * S), "|0                  ");
        leaving.push(&AdvertMark { kind: MarkKind::Rejected { reason: Reject::Password }, ..mark(103 * S, 100) }, 100);
        assert_eq!(drawn(&leaving, &[], 109 * S), "|0    X             ");
    }

    #[test]
    fn another_priority_is_marked_where_it_begins() {
        let marks = [mark(100 * S, 100), mark(101 * S, 100), mark(102 * S, 70), mark(103 * S, 70), mark(104 * S, 0)];
        let mut changing = lane(&marks);
        changing.push(&mark(105 * S, 100), 100);
        assert_eq!(drawn(&changing, &[], 105 * S), "|.|.*.|.0 |         ");
    }

    #[test]
    fn several_in_a_column_look_different_and_the_future_is_blank() {
        let lane = lane(&[mark(100 * S, 100), mark(100 * S + 1, 100), mark(107 * S, 100)]);
        assert_eq!(drawn(&lane, &[], 101 * S), ":..                 ");
    }

    #[test]
    fn memory_is_bounded_and_order_is_kept() {
        let mut lane = lane(&[]);
        for n in (0..500).rev() {
            lane.push(&mark(n, 1), 50);
        }
        assert_eq!(lane.marks.len(), 50);
        lane.push(&mark(1_000, 1), 50);
        lane.push(&mark(1_000, 1), 50);
        assert_eq!(lane.marks.len(), 50);
        assert_eq!(lane.marks.back().unwrap().at_us, 1_000);
        assert!(lane.marks.iter().is_sorted_by_key(|mark| mark.at_us));
        assert_eq!(lane.marks.iter().filter(|mark| mark.at_us == 1_000).count(), 1, "drawn once");
    }

    #[test]
    fn the_window_stands_still_and_then_moves_by_a_quarter() {
        let at = |us| Window::at(us, 40, S, 0);
        let first = at(1_000 * S).first;
        assert_eq!(at(1_009 * S).first, first, "ten columns without a move");
        assert_eq!(at(1_010 * S).first, first + 10);
        assert_eq!(at(1_000 * S).column(1_000 * S), Some(30));
        assert_eq!(at(1_009 * S).column(1_009 * S), Some(39));
        assert_eq!(at(1_009 * S).column(1_010 * S), None);
        assert_eq!(Window::at(5, 40, 1, 1_000).first, 0);
        let _ = (Window::at(u64::MAX, u64::MAX, 0, 1), Window::at(0, 0, 0, 0).start_us(u64::MAX));
    }

    #[test]
    fn marks_of_another_clock_stand_at_their_time() {
        let there = lane(&[mark(7 * S, 100), mark(8 * S, 100), mark(9 * S, 100)]);
        let here = Window { first: 200, columns: 20, column_us: S / 2, until_us: 104 * S, shift_us: 0 };
        let window = here.shifted(93_000_000);
        assert_eq!(window.column(7 * S), Some(0));
        assert_eq!(there.columns(&window, S, &[])[0], Column::One);
        assert_eq!((window.start_us(2), window.until_us), (8 * S, 11 * S));
        let _ = here.shifted(i64::MIN).column(0);
    }

    #[test]
    fn absurd_times_do_not_overflow() {
        let lane = lane(&[mark(u64::MAX, 1), mark(0, 255)]);
        let window = Window { first: u64::MAX - 3, columns: 20, column_us: S, until_us: u64::MAX, shift_us: 0 };
        assert_eq!(lane.columns(&window, u64::MAX, &[&lane]).len(), 20);
    }
}
