//! What the client goes without: the times between the answers to its probes.
//!
//! A time between two answers is a silence only if a probe in between went unanswered. On a busy machine the client itself
//! may not be scheduled for a while: then it has not asked, and nobody has failed to answer.

use locum_core::time::{Duration, Instant};

use super::group::PROBE_INTERVAL;

/// A silence of this length is an outage: several probes in a row went unanswered.
pub(super) const OUTAGE_MIN: Duration = PROBE_INTERVAL.times(5);

/// A time without an answer: from the answer before to the answer after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outage {
    /// The last answer before.
    pub(super) from: Instant,
    /// How long.
    pub(super) lasted: Duration,
}

/// The outages that have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outages {
    /// How many.
    pub(super) count: u32,
    /// The last one.
    pub(super) last: Outage,
    /// The longest one, the first of those that lasted as long.
    pub(super) longest: Outage,
}

/// The silences of a client.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Silences {
    /// The number of the last probe that was sent, counted from 1.
    sent: u64,
    /// The last probe that was answered, and when.
    answered: Option<(u64, Instant)>,
    /// The longest silence that has ended since [`Silences::measure_anew`].
    longest: Duration,
    /// The largest delay of a probe since then.
    lateness_max: Duration,
    outages: Option<Outages>,
}

impl Silences {
    /// A probe is sent, so long after it was due. Returns its number.
    pub(super) fn send(&mut self, late: Duration) -> u64 {
        self.lateness_max = self.lateness_max.max(late);
        self.sent += 1;
        self.sent
    }

    /// An answer came to the probe of this number. Returns the outage that it ended, if it ended one.
    pub(super) fn answered(&mut self, number: u64, at: Instant) -> Option<Outage> {
        let Some((before, from)) = self.answered else {
            self.answered = Some((number, at));
            return None;
        };
        if number <= before {
            return None; // overtaken by a later one, or told twice
        }
        self.answered = Some((number, at));
        if number == before + 1 {
            return None;
        }
        let lasted = at.since(from);
        self.longest = self.longest.max(lasted);
        if lasted < OUTAGE_MIN {
            return None;
        }
        let outage = Outage { from, lasted };
        let outages = self.outages.get_or_insert(Outages { count: 0, last: outage, longest: outage });
        outages.count = outages.count.saturating_add(1);
        outages.last = outage;
        if outages.longest.lasted < lasted {
            outages.longest = outage;
        }
        Some(outage)
    }

    /// Forgets the longest silence, not the one that goes on.
    pub(super) const fn measure_anew(&mut self) {
        self.longest = Duration::ZERO;
        self.lateness_max = Duration::ZERO;
    }

    /// The longest silence since [`Silences::measure_anew`], with the one that goes on; none before the first answer.
    pub(super) fn longest(&self, now: Instant) -> Option<Duration> {
        self.present(now).map(|present| present.max(self.longest))
    }

    /// How long the silence that goes on has lasted, zero if there is none; none before the first answer.
    pub(super) fn present(&self, now: Instant) -> Option<Duration> {
        // The last probe may be on its way still.
        self.answered.map(|(number, at)| if self.sent > number + 1 { now.since(at) } else { Duration::ZERO })
    }

    /// Whether the client is being answered.
    pub(super) fn is_answered(&self, now: Instant) -> bool {
        self.present(now).is_some_and(|silent| silent < OUTAGE_MIN)
    }

    /// The largest delay of a probe since [`Silences::measure_anew`]: how late this machine does what is due.
    pub(super) const fn lateness_max(&self) -> Duration {
        self.lateness_max
    }

    /// The outages that have ended; none if there was none.
    pub(super) const fn outages(&self) -> Option<Outages> {
        self.outages
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::from_us(ms * 1_000)
    }

    /// A client that has sent probes up to this one, and was answered to those.
    fn client(sent: u64, answers: &[(u64, u64)]) -> Silences {
        let mut silences = Silences::default();
        for _ in 0..sent {
            silences.send(Duration::ZERO);
        }
        for (number, ms) in answers {
            silences.answered(*number, at(*ms));
        }
        silences
    }

    #[test]
    fn a_few_lost_probes_are_no_outage_but_are_measured() {
        let silences = client(6, &[(1, 100), (2, 110), (5, 140)]);
        assert_eq!(silences.longest(at(150)), Some(Duration::from_ms(30)));
        assert_eq!(silences.outages(), None);
    }

    #[test]
    fn an_outage_lasts_from_the_answer_before_to_the_answer_after() {
        let mut silences = client(400, &[(1, 100)]);
        assert!(!silences.is_answered(at(200)));
        let longest = Outage { from: at(100), lasted: Duration::from_ms(3_700) };
        assert_eq!(silences.answered(371, at(3_800)), Some(longest));
        let last = Outage { from: at(3_800), lasted: Duration::from_ms(100) };
        assert_eq!(silences.answered(381, at(3_900)), Some(last));
        assert_eq!(silences.outages(), Some(Outages { count: 2, last, longest }));
    }

    #[test]
    fn a_client_that_did_not_ask_misses_no_answer() {
        let mut silences = client(1, &[(1, 100)]);
        assert!(silences.is_answered(at(5_000)));
        assert_eq!(silences.send(Duration::from_ms(4_900)), 2);
        assert_eq!(silences.answered(2, at(5_000)), None);
        assert_eq!(silences.longest(at(5_001)), Some(Duration::ZERO));
        assert_eq!(silences.lateness_max(), Duration::from_ms(4_900));
    }

    #[test]
    fn late_and_repeated_answers_change_nothing() {
        let silences = client(9, &[(7, 170), (6, 171), (7, 172), (8, 180)]);
        assert_eq!(silences.longest(at(181)), Some(Duration::ZERO));
    }

    #[test]
    fn a_silence_that_goes_on_counts_also_when_measuring_began_within_it() {
        assert_eq!(client(3, &[]).longest(at(5)), None);
        let mut silences = client(100, &[(1, 100), (50, 600)]);
        silences.measure_anew();
        assert_eq!(silences.longest(at(605)), Some(Duration::from_ms(5)));
        assert_eq!(silences.longest(at(900)), Some(Duration::from_ms(300)));
        silences.answered(90, at(1_000));
        silences.answered(100, at(1_100));
        assert_eq!(silences.longest(at(1_105)), Some(Duration::from_ms(400)));
    }
}
