//! What the client goes without: the times between the answers to its probes.

use locum_core::time::{Duration, Instant};

use super::group::PROBE_INTERVAL;

/// A silence of this length is an outage: several probes in a row went unanswered. What is shorter may be a client that
/// was not scheduled in time.
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
    last_answer: Option<Instant>,
    /// The longest that has ended since [`Silences::measure_anew`].
    longest: Duration,
    outages: Option<Outages>,
}

impl Silences {
    /// An answer came. Returns the outage that it ended, if it ended one.
    pub(super) fn answered(&mut self, at: Instant) -> Option<Outage> {
        let before = self.last_answer.replace(at)?;
        let lasted = at.since(before);
        self.longest = self.longest.max(lasted);
        if lasted < OUTAGE_MIN {
            return None;
        }
        let outage = Outage { from: before, lasted };
        let outages = self.outages.get_or_insert(Outages { count: 0, last: outage, longest: outage });
        outages.count = outages.count.saturating_add(1);
        outages.last = outage;
        if outages.longest.lasted < lasted {
            outages.longest = outage;
        }
        Some(outage)
    }

    /// The client itself was not there for so long, and sent nothing: that is no silence of the others.
    pub(super) fn client_was_away(&mut self, away: Duration) {
        self.last_answer = self.last_answer.map(|last| last + away);
    }

    /// Forgets the longest silence, not the one that goes on.
    pub(super) const fn measure_anew(&mut self) {
        self.longest = Duration::ZERO;
    }

    /// The longest silence since [`Silences::measure_anew`], with the one that goes on; none before the first answer.
    pub(super) fn longest(&self, now: Instant) -> Option<Duration> {
        self.present(now).map(|present| present.max(self.longest))
    }

    /// How long the silence that goes on has lasted; none before the first answer.
    pub(super) fn present(&self, now: Instant) -> Option<Duration> {
        self.last_answer.map(|last| now.since(last))
    }

    /// Whether the client is being answered.
    pub(super) fn is_answered(&self, now: Instant) -> bool {
        self.present(now).is_some_and(|silent| silent < OUTAGE_MIN)
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

    #[test]
    fn a_few_lost_probes_are_no_outage_but_are_measured() {
        let mut silences = Silences::default();
        assert_eq!((silences.answered(at(100)), silences.longest(at(100))), (None, Some(Duration::ZERO)));
        assert_eq!(silences.answered(at(140)), None);
        assert_eq!(silences.longest(at(150)), Some(Duration::from_ms(40)));
        assert_eq!(silences.outages(), None);
    }

    #[test]
    fn an_outage_lasts_from_the_answer_before_to_the_answer_after() {
        let mut silences = Silences::default();
        silences.answered(at(100));
        assert!(!silences.is_answered(at(200)));
        let outage = Outage { from: at(100), lasted: Duration::from_ms(3_700) };
        assert_eq!(silences.answered(at(3_800)), Some(outage));
        assert!(silences.is_answered(at(3_810)));
        let last = Outage { from: at(3_810), lasted: Duration::from_ms(100) };
        silences.answered(at(3_810));
        silences.answered(at(3_910));
        assert_eq!(silences.outages(), Some(Outages { count: 2, last, longest: outage }));
    }

    #[test]
    fn the_time_in_which_the_client_did_not_ask_is_no_silence() {
        let mut silences = Silences::default();
        silences.answered(at(100));
        silences.client_was_away(Duration::from_ms(300));
        assert_eq!(silences.answered(at(412)), None);
        assert_eq!(silences.longest(at(412)), Some(Duration::from_ms(12)));
    }

    #[test]
    fn a_silence_that_goes_on_counts_also_when_measuring_began_within_it() {
        let mut silences = Silences::default();
        assert_eq!(silences.longest(at(5)), None);
        silences.answered(at(100));
        silences.answered(at(600));
        silences.measure_anew();
        assert_eq!(silences.longest(at(605)), Some(Duration::from_ms(5)));
        assert_eq!(silences.longest(at(900)), Some(Duration::from_ms(300)));
        silences.answered(at(1_000));
        assert_eq!(silences.longest(at(1_005)), Some(Duration::from_ms(400)));
    }
}
