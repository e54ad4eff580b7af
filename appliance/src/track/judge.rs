//! From single answers to a reading: how often and how long something must be so before it counts. No clock is read here.

use std::time::Duration;

use locum_core::priority::Reading;
use tokio::time::Instant;

/// Counts successes and failures in a row, as `vrrp_script` does (keepalived.conf(5), `rise` and `fall`).
///
/// The first answer of all counts at once, whichever it is: nobody waits `fall` intervals with nothing known.
#[derive(Clone, Debug)]
pub(super) struct Count {
    rise: u32,
    fall: u32,
    state: CountState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CountState {
    /// No answer yet.
    Fresh,
    /// Good, and so many failures since.
    Good(u32),
    /// Bad, and so many successes since.
    Bad(u32),
}

impl Count {
    /// Begins with nothing known; or, `starts_failed`, as if it had failed.
    pub(super) const fn new(rise: u32, fall: u32, starts_failed: bool) -> Self {
        let state = if starts_failed { CountState::Bad(0) } else { CountState::Fresh };
        Self { rise, fall, state }
    }

    /// Takes an answer. Returns whether all is well now.
    pub(super) const fn take(&mut self, is_good: bool) -> bool {
        self.state = match (self.state, is_good) {
            (CountState::Fresh | CountState::Good(_), true) => CountState::Good(0),
            (CountState::Fresh | CountState::Bad(_), false) => CountState::Bad(0),
            (CountState::Good(failures), false) if failures + 1 < self.fall => CountState::Good(failures + 1),
            (CountState::Good(_), false) => CountState::Bad(0),
            (CountState::Bad(successes), true) if successes + 1 < self.rise => CountState::Bad(successes + 1),
            (CountState::Bad(_), true) => CountState::Good(0),
        };
        matches!(self.state, CountState::Good(_))
    }

    /// Whether it is on its way to the other side, and how far: `2 of 3`.
    pub(super) const fn progress(&self) -> Option<(u32, u32)> {
        match self.state {
            CountState::Good(failures @ 1..) => Some((failures, self.fall)),
            CountState::Bad(successes @ 1..) => Some((successes, self.rise)),
            CountState::Fresh | CountState::Good(0) | CountState::Bad(0) => None,
        }
    }
}

/// A change counts after it has lasted for its hold time without a break. What flaps faster never changes at all.
#[derive(Clone, Debug)]
pub(super) struct Hold {
    /// How long it must be bad.
    fail: Duration,
    /// How long it must be good.
    recover: Duration,
    settled: Option<bool>,
    /// The other side, and when it will have lasted long enough.
    pending: Option<(bool, Instant)>,
}

impl Hold {
    /// Begins with nothing known: the first fact settles at once.
    pub(super) const fn new(fail: Duration, recover: Duration) -> Self {
        Self { fail, recover, settled: None, pending: None }
    }

    /// Begins as bad.
    pub(super) const fn failed(mut self) -> Self {
        self.settled = Some(false);
        self
    }

    /// What counts.
    pub(super) const fn settled(&self) -> Option<bool> {
        self.settled
    }

    /// Takes a fact. Returns whether what counts has changed.
    pub(super) fn take(&mut self, now: Instant, is_good: bool) -> bool {
        match (self.settled, self.pending) {
            (Some(settled), _) if settled == is_good => {
                self.pending = None;
                false
            }
            (Some(_), Some((_, due))) if now < due => false,
            (Some(_), None) if !self.hold(is_good).is_zero() => {
                self.pending = Some((is_good, now + self.hold(is_good)));
                false
            }
            (None, _) | (Some(_), Some(_) | None) => {
                self.settled = Some(is_good);
                self.pending = None;
                true
            }
        }
    }

    /// What will count, and when, unless it breaks off before.
    pub(super) const fn pending(&self) -> Option<(bool, Instant)> {
        self.pending
    }

    /// What is pending counts now. Returns whether there was something.
    pub(super) fn skip(&mut self) -> bool {
        let pending = self.pending.take();
        self.settled = pending.map(|(is_good, _)| is_good).or(self.settled);
        pending.is_some()
    }

    /// When [`Hold::expire`] must be called.
    pub(super) fn due(&self) -> Option<Instant> {
        self.pending.map(|(_, due)| due)
    }

    /// Time has passed. Returns whether what counts has changed.
    pub(super) fn expire(&mut self, now: Instant) -> bool {
        match self.pending {
            Some((is_good, due)) if due <= now => self.take(now, is_good),
            Some(_) | None => false,
        }
    }

    const fn hold(&self, is_good: bool) -> Duration {
        if is_good { self.recover } else { self.fail }
    }
}

/// Until an instant, or for ever.
pub(super) async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// In the core's words.
pub(super) const fn reading(is_good: bool) -> Reading {
    if is_good { Reading::Good } else { Reading::Bad }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(count: &mut Count, answers: &str) -> String {
        answers.chars().map(|answer| if count.take(answer == '+') { '+' } else { '-' }).collect()
    }

    #[test]
    fn the_first_answer_counts_at_once_and_later_ones_in_a_row() {
        assert_eq!(take(&mut Count::new(2, 3, false), "+--+---++--+++"), "+++++".to_owned() + "+-" + "-++++++");
        assert_eq!(take(&mut Count::new(2, 3, false), "-+-++"), "----+");
        assert_eq!(take(&mut Count::new(2, 1, true), "+++-"), "-++-");
        assert_eq!(take(&mut Count::new(1, 1, false), "+-+-"), "+-+-");
    }

    #[test]
    fn progress_is_told() {
        let mut count = Count::new(2, 3, false);
        assert_eq!(count.progress(), None);
        take(&mut count, "+--");
        assert_eq!(count.progress(), Some((2, 3)));
        take(&mut count, "-+");
        assert_eq!(count.progress(), Some((1, 2)));
    }

    #[test]
    fn a_change_must_last() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut hold = Hold::new(Duration::from_millis(500), Duration::from_millis(2_000));
        assert!(hold.take(at(0), true), "the first fact needs no time");
        assert!(!hold.take(at(100), false));
        assert!(!hold.take(at(200), false), "does not begin anew");
        assert_eq!(hold.due(), Some(at(600)));
        assert!(!hold.take(at(599), true), "and is over when the change is");
        assert_eq!(hold.due(), None);
        assert!(!hold.take(at(700), false));
        assert!(!hold.expire(at(1_199)));
        assert!(hold.expire(at(1_200)));
        assert_eq!(hold.settled(), Some(false));
        assert!(!hold.take(at(1_300), true));
        assert!(!hold.expire(at(3_299)));
        assert!(hold.take(at(3_300), true), "a fact that comes late counts at once");
        let mut none = Hold::new(Duration::ZERO, Duration::ZERO).failed();
        assert!(none.take(at(0), true) && none.take(at(0), false));
    }

    #[test]
    fn what_flaps_changes_at_most_once_a_hold_time() {
        let start = Instant::now();
        for (fail_ms, recover_ms) in [(1_000, 1_000), (200, 1_000), (0, 1_000), (1_000, 0), (299, 301)] {
            let mut hold = Hold::new(Duration::from_millis(fail_ms), Duration::from_millis(recover_ms));
            hold.take(start, true);
            let mut changes = 0;
            for ms in 1..=60_000_u64 {
                let now = start + Duration::from_millis(ms);
                changes += u64::from(hold.expire(now));
                if ms % 300 == 0 {
                    changes += u64::from(hold.take(now, (ms / 300) % 2 == 0));
                }
            }
            let longest = fail_ms.max(recover_ms);
            assert!(changes <= 60_000 / longest + 1, "{changes} changes with {fail_ms} and {recover_ms} ms");
        }
    }
}
