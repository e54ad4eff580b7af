//! Asking at intervals: what scripts and probes have in common.

use std::pin::{Pin, pin};
use std::time::Duration;

use locum_core::priority::Reading;
use tokio::time::Instant;

use super::board::Pen;
use super::judge::{Count, Hold, reading, until};
use crate::clock;

/// Nothing is asked more often.
const INTERVAL_MIN: Duration = Duration::from_millis(1);

/// Something that can be asked.
pub(super) trait Check {
    /// Asks once.
    fn check(&mut self) -> Pin<Box<dyn Future<Output = Verdict> + '_>>;

    /// What is left to do before it may be asked again, if anything is.
    fn settle<'a>(&'a mut self, _pen: &'a Pen) -> Option<Pin<Box<dyn Future<Output = ()> + 'a>>> {
        None
    }
}

/// What came of asking.
#[derive(Clone, Debug)]
pub(super) struct Verdict {
    pub(super) answer: Answer,
    /// The same in words.
    pub(super) result: String,
    pub(super) duration: Duration,
    pub(super) last_lines: Vec<String>,
}

/// Whether all is well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Good,
    Bad,
    /// It could not be asked, which says nothing about it.
    Unasked,
}

/// How often it is asked, and what counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub(super) interval: Duration,
    pub(super) rise: u32,
    pub(super) fall: u32,
    pub(super) fail_hold: Duration,
    pub(super) recover_hold: Duration,
    pub(super) starts_failed: bool,
}

/// Asks for ever.
///
/// An answer that takes longer than the interval is waited for; the runs that were due meanwhile are left out
/// (keepalived does the same: two runs of one script never meet).
pub(super) async fn watch(mut check: Box<dyn Check>, plan: Plan, pen: Pen) {
    let mut count = Count::new(plan.rise, plan.fall, plan.starts_failed);
    let mut hold = Hold::new(plan.fail_hold, plan.recover_hold);
    if plan.starts_failed {
        hold = hold.failed();
        pen.reading(Reading::Bad, "counts as failed until its first success".into());
    }
    let interval = plan.interval.max(INTERVAL_MIN);
    let mut due = Instant::now();
    loop {
        let verdict = {
            let mut next = pin!(async {
                tokio::time::sleep_until(due).await;
                check.check().await
            });
            loop {
                tokio::select! {
                    next = &mut next => break next,
                    () = until(hold.due()) => {
                        if hold.expire(Instant::now()) {
                            say(&pen, &hold, "it has lasted for its hold time".into());
                        }
                    }
                }
            }
        };
        let now = Instant::now();
        let Verdict { answer, result, duration, last_lines } = verdict;
        match answer {
            Answer::Good | Answer::Bad => {
                let is_good = count.take(answer == Answer::Good);
                let detail = match count.progress() {
                    Some((so_far, of)) => format!("{result} ({so_far} of {of})"),
                    None => result.clone(),
                };
                hold.take(now, is_good);
                say(&pen, &hold, detail);
            }
            Answer::Unasked if hold.settled().is_none() => {
                // Like a script that keepalived has disabled: neither for nor against.
                pen.reading(Reading::Value(0), format!("{result}; it does not count until it can be asked"));
            }
            Answer::Unasked => pen.detail(result.clone()),
        }
        pen.ran(result, duration, last_lines);
        if let Some(rest) = check.settle(&pen) {
            rest.await;
        }
        let passed = intervals_begun(due, Instant::now(), interval);
        due += interval.saturating_mul(passed);
        pen.next_in(due.saturating_duration_since(Instant::now()), u64::from(passed - 1));
    }
}

/// How many intervals have begun between two instants; at least one.
fn intervals_begun(since: Instant, now: Instant, interval: Duration) -> u32 {
    let passed_us = clock::whole_us(now.saturating_duration_since(since));
    u32::try_from(passed_us.div_ceil(clock::whole_us(interval).max(1))).unwrap_or(u32::MAX).max(1)
}

fn say(pen: &Pen, hold: &Hold, detail: String) {
    match hold.settled() {
        Some(is_good) => pen.reading(reading(is_good), detail),
        None => pen.detail(detail),
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use tokio::runtime::{Builder, LocalOptions};

    use super::super::Kind;
    use super::super::board::{Board, Report};
    use super::*;

    /// Answers by the time at which it is asked.
    struct Played<F>(Instant, F);

    impl<F: FnMut(u64) -> (Answer, u64)> Check for Played<F> {
        fn check(&mut self) -> Pin<Box<dyn Future<Output = Verdict> + '_>> {
            let started = self.0.elapsed();
            let (answer, takes_ms) = (self.1)(u64::try_from(started.as_millis()).unwrap());
            let duration = Duration::from_millis(takes_ms);
            Box::pin(async move {
                tokio::time::sleep(duration).await;
                Verdict { answer, result: format!("{answer:?}"), duration, last_lines: Vec::new() }
            })
        }
    }

    const PLAN: Plan = Plan {
        interval: Duration::from_secs(1),
        rise: 1,
        fall: 1,
        fail_hold: Duration::ZERO,
        recover_hold: Duration::ZERO,
        starts_failed: false,
    };

    /// Plays so many seconds of it; gives the changes with the time of each in ms, and the status at the end.
    fn play(
        plan: Plan,
        seconds: u64,
        answer: impl FnMut(u64) -> (Answer, u64) + 'static,
    ) -> (Vec<(u64, Reading)>, super::super::TrackerStatus) {
        let runtime = Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build_local(LocalOptions::default())
            .unwrap();
        runtime.block_on(async {
            let board = Rc::new(Board::default());
            let pen = board.insert(Kind::Script, "played").unwrap();
            let tracker = pen.tracker();
            let start = Instant::now();
            tokio::task::spawn_local(watch(Box::new(Played(start, answer)), plan, pen));
            let reports = board.reports();
            let mut changes = Vec::new();
            while let Ok(Report { reading, .. }) =
                tokio::time::timeout_at(start + Duration::from_secs(seconds), reports.next()).await
            {
                changes.push((u64::try_from(start.elapsed().as_millis()).unwrap(), reading));
            }
            (changes, board.status(tracker).unwrap())
        })
    }

    fn good_if(is_good: bool) -> (Answer, u64) {
        (if is_good { Answer::Good } else { Answer::Bad }, 0)
    }

    #[test]
    fn only_changes_are_told_and_the_first_answer_is_one() {
        let (changes, status) = play(PLAN, 60, |ms| good_if(!(20_000..30_000).contains(&ms)));
        assert_eq!(changes, [(0, Reading::Good), (20_000, Reading::Bad), (30_000, Reading::Good)]);
        assert_eq!(status.runs, 60);
        assert_eq!(status.skipped, 0);
    }

    #[test]
    fn rise_and_fall_are_waited_for() {
        let plan = Plan { rise: 2, fall: 3, ..PLAN };
        let (changes, _) = play(plan, 60, |ms| good_if(!(20_000..30_000).contains(&ms)));
        assert_eq!(changes, [(0, Reading::Good), (22_000, Reading::Bad), (31_000, Reading::Good)]);
    }

    #[test]
    fn one_that_starts_failed_says_so_before_it_is_asked() {
        let plan = Plan { rise: 3, starts_failed: true, ..PLAN };
        let (changes, _) = play(plan, 10, |_| good_if(true));
        assert_eq!(changes, [(0, Reading::Bad), (2_000, Reading::Good)]);
    }

    #[test]
    fn a_hold_ends_between_two_answers() {
        let plan = Plan { interval: Duration::from_secs(10), fail_hold: Duration::from_secs(3), ..PLAN };
        let (changes, status) = play(plan, 40, |ms| good_if(ms < 20_000));
        assert_eq!(changes, [(0, Reading::Good), (23_000, Reading::Bad)]);
        assert_eq!(status.detail, "Bad");
    }

    #[test]
    fn flapping_every_300_ms_changes_at_most_once_a_hold_time() {
        let hold = Duration::from_secs(1);
        let plan = Plan { interval: Duration::from_millis(100), fail_hold: hold, recover_hold: hold, ..PLAN };
        let (changes, _) = play(plan, 60, |ms| good_if((ms / 300).is_multiple_of(2)));
        assert_eq!(changes, [(0, Reading::Good)]);
        let without = Plan { fail_hold: Duration::ZERO, recover_hold: Duration::ZERO, ..plan };
        let (changes, _) = play(without, 60, |ms| good_if((ms / 300).is_multiple_of(2)));
        assert_eq!(changes.len(), 200, "the flapping is there");
    }

    #[test]
    fn two_runs_never_meet() {
        let (changes, status) = play(PLAN, 61, |ms| (good_if(ms < 30_000).0, 2_500));
        assert_eq!(changes, [(2_500, Reading::Good), (32_500, Reading::Bad)]);
        assert_eq!((status.runs, status.skipped), (20, 40), "each third second");
    }

    #[test]
    fn what_cannot_be_asked_does_not_count_until_it_was() {
        let answer = |ms| match ms {
            ..5_000 => (Answer::Unasked, 0),
            8_000..10_000 => (Answer::Unasked, 0),
            _ => good_if(ms < 12_000),
        };
        let (changes, _) = play(PLAN, 20, answer);
        assert_eq!(changes, [(0, Reading::Value(0)), (5_000, Reading::Good), (12_000, Reading::Bad)]);
    }
}
