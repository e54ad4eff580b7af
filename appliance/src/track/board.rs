//! Where trackers write what they know, and where the service reads it. A tracker never waits for a reader, and what it
//! says twice before somebody looks is told once: there is no queue that could fill.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use locum_core::priority::{Reading, TrackerId};
use locum_core::time::Instant;
use tokio::sync::Notify;

use super::Kind;
use crate::clock;

/// A tracker's reading has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    /// Which tracker.
    pub(crate) tracker: TrackerId,
    /// What it says now.
    pub(crate) reading: Reading,
    /// Why, in words.
    pub(crate) detail: String,
}

/// A tracker as `show` puts it.
#[derive(Clone, Debug)]
pub(crate) struct TrackerStatus {
    /// Its name; for an interface, that of the interface.
    pub(crate) name: String,
    /// What it is.
    pub(crate) kind: Kind,
    /// What it says.
    pub(crate) reading: Reading,
    /// Since when it says so.
    pub(crate) since: Instant,
    /// Why, in words.
    pub(crate) detail: String,
    /// The last run of a script or a probe.
    pub(crate) last: Option<LastRun>,
    /// When it is run next.
    pub(crate) next: Option<Instant>,
    /// How many runs there have been.
    pub(crate) runs: u64,
    /// How many were due while the one before still ran, and were left out.
    pub(crate) skipped: u64,
}

/// The last run of a script or a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LastRun {
    /// When it ended.
    pub(crate) at: Instant,
    /// What came of it, in words.
    pub(crate) result: String,
    /// How long it took.
    pub(crate) duration: Duration,
    /// The last lines that it printed.
    pub(crate) last_lines: Vec<String>,
}

/// Where changes come from. Any number of these give each change once.
#[derive(Clone, Debug)]
pub(crate) struct Reports(Rc<Board>);

impl Reports {
    /// The next change. Nothing is lost when the future is dropped.
    pub(crate) async fn next(&self) -> Report {
        loop {
            if let Some(report) = self.0.take() {
                return report;
            }
            self.0.wake.notified().await;
        }
    }

    /// The next change if there is one already.
    #[cfg(test)]
    pub(crate) fn try_next(&self) -> Option<Report> {
        self.0.take()
    }
}

/// All trackers' places.
#[derive(Debug, Default)]
pub(super) struct Board {
    places: RefCell<Vec<Option<Place>>>,
    /// Places that have changed, each at most once.
    changed: RefCell<VecDeque<TrackerId>>,
    wake: Notify,
}

#[derive(Debug)]
struct Place {
    status: TrackerStatus,
    /// What the service was told last.
    told: Reading,
    is_in_line: bool,
}

impl Board {
    /// The place of a new tracker, as low as one is free.
    pub(super) fn insert(self: &Rc<Self>, kind: Kind, name: &str) -> Option<Pen> {
        let mut places = self.places.borrow_mut();
        let index = places.iter().position(Option::is_none).unwrap_or(places.len());
        let tracker = TrackerId(u16::try_from(index).ok()?);
        let status = TrackerStatus {
            name: name.to_owned(),
            kind,
            reading: Reading::Unknown,
            since: clock::now(),
            detail: "not known yet".to_owned(),
            last: None,
            next: None,
            runs: 0,
            skipped: 0,
        };
        let place = Place { status, told: Reading::Unknown, is_in_line: false };
        match places.get_mut(index) {
            Some(free) => *free = Some(place),
            None => places.push(Some(place)),
        }
        Some(Pen { board: Rc::clone(self), tracker })
    }

    fn remove(&self, tracker: TrackerId) {
        if let Some(place) = self.places.borrow_mut().get_mut(usize::from(tracker.0)) {
            *place = None;
        }
        self.changed.borrow_mut().retain(|changed| *changed != tracker);
    }

    pub(super) fn status(&self, tracker: TrackerId) -> Option<TrackerStatus> {
        let places = self.places.borrow();
        places.get(usize::from(tracker.0))?.as_ref().map(|place| place.status.clone())
    }

    pub(super) fn reports(self: &Rc<Self>) -> Reports {
        Reports(Rc::clone(self))
    }

    fn take(&self) -> Option<Report> {
        let mut places = self.places.borrow_mut();
        let mut changed = self.changed.borrow_mut();
        while let Some(tracker) = changed.pop_front() {
            let Some(Some(place)) = places.get_mut(usize::from(tracker.0)) else { continue };
            place.is_in_line = false;
            if place.told != place.status.reading {
                place.told = place.status.reading;
                return Some(Report { tracker, reading: place.told, detail: place.status.detail.clone() });
            }
        }
        None
    }
}

/// What one tracker writes with.
#[derive(Clone, Debug)]
pub(super) struct Pen {
    board: Rc<Board>,
    tracker: TrackerId,
}

impl Pen {
    pub(super) const fn tracker(&self) -> TrackerId {
        self.tracker
    }

    /// What it says now.
    pub(super) fn says(&self) -> Reading {
        self.board.status(self.tracker).map_or(Reading::Unknown, |status| status.reading)
    }

    /// Gives its place away.
    pub(super) fn erase(&self) {
        self.board.remove(self.tracker);
    }

    /// What it says, and why.
    pub(super) fn reading(&self, reading: Reading, detail: String) {
        self.with(|place| {
            place.status.detail = detail;
            if place.status.reading == reading {
                return;
            }
            place.status.reading = reading;
            place.status.since = clock::now();
            let TrackerStatus { kind, name, detail, .. } = &place.status;
            match reading {
                Reading::Bad => log::warn!("{kind} {name} has failed: {detail}"),
                Reading::Good | Reading::Unknown => log::info!("{kind} {name} is well: {detail}"),
                Reading::Value(value) => log::info!("{kind} {name} says {value}: {detail}"),
            }
            if !place.is_in_line {
                place.is_in_line = true;
                self.board.changed.borrow_mut().push_back(self.tracker);
            }
        });
        self.board.wake.notify_one();
    }

    /// Why it says what it says, where only that has changed.
    pub(super) fn detail(&self, detail: String) {
        self.with(|place| place.status.detail = detail);
    }

    /// A run is over.
    pub(super) fn ran(&self, result: String, duration: Duration, last_lines: Vec<String>) {
        self.with(|place| {
            place.status.runs += 1;
            place.status.last = Some(LastRun { at: clock::now(), result, duration, last_lines });
        });
    }

    /// What the last run printed has come later than its result.
    pub(super) fn printed(&self, last_lines: Vec<String>) {
        self.with(|place| {
            if let Some(last) = &mut place.status.last {
                last.last_lines = last_lines;
            }
        });
    }

    /// When the next run is due, after so many that were left out.
    pub(super) fn next_in(&self, left: Duration, skipped: u64) {
        let left = locum_core::time::Duration::from_us(clock::whole_us(left));
        self.with(|place| {
            place.status.next = Some(clock::now() + left);
            place.status.skipped += skipped;
        });
    }

    fn with(&self, act: impl FnOnce(&mut Place)) {
        let mut places = self.board.places.borrow_mut();
        if let Some(Some(place)) = places.get_mut(usize::from(self.tracker.0)) {
            act(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_once_and_only_if_it_lasts_until_somebody_looks() {
        let board = Rc::new(Board::default());
        let reports = board.reports();
        let first = board.insert(Kind::Script, "first").unwrap();
        let second = board.insert(Kind::Script, "second").unwrap();
        assert_eq!((first.tracker(), second.tracker()), (TrackerId(0), TrackerId(1)));
        assert_eq!(reports.try_next(), None);
        second.reading(Reading::Bad, "exit 1".into());
        first.reading(Reading::Good, "done".into());
        second.reading(Reading::Good, "done".into());
        second.reading(Reading::Bad, "exit 2".into());
        let report = |tracker, reading, detail: &str| Report { tracker, reading, detail: detail.into() };
        assert_eq!(reports.try_next(), Some(report(TrackerId(1), Reading::Bad, "exit 2")));
        assert_eq!(reports.try_next(), Some(report(TrackerId(0), Reading::Good, "done")));
        second.reading(Reading::Good, "done".into());
        second.reading(Reading::Bad, "exit 3".into());
        assert_eq!(reports.try_next(), None, "it says what was told already");
        assert_eq!(board.status(TrackerId(1)).unwrap().detail, "exit 3");
    }

    #[test]
    fn a_place_that_is_free_is_given_away_again_with_nothing_left_in_it() {
        let board = Rc::new(Board::default());
        let old = board.insert(Kind::File, "old").unwrap();
        board.insert(Kind::File, "other").unwrap();
        old.reading(Reading::Value(7), "7".into());
        board.remove(old.tracker());
        assert!(board.status(old.tracker()).is_none());
        old.reading(Reading::Value(8), "8".into());
        assert_eq!(board.reports().try_next(), None);
        let new = board.insert(Kind::Probe, "new").unwrap();
        assert_eq!(new.tracker(), old.tracker());
        assert_eq!(board.status(new.tracker()).unwrap().reading, Reading::Unknown);
    }

    #[test]
    fn there_are_no_more_places_than_numbers() {
        let board = Rc::new(Board::default());
        for _ in 0..=u16::MAX {
            assert!(board.insert(Kind::File, "").is_some());
        }
        assert!(board.insert(Kind::File, "").is_none());
    }
}
