//! When the addresses are announced on the link by gratuitous ARP or unsolicited neighbour advertisements: in rounds, one
//! announcement of every address a round, so that a lost frame costs little and neighbours with many addresses are not
//! flooded at once.

use crate::time::{Duration, Instant};

/// How often to announce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnnounceConfig {
    /// Rounds when becoming MASTER (`garp_master_repeat`).
    pub repeat: u8,
    /// Between the rounds of a burst (`garp_interval`).
    pub spacing: Duration,
    /// A second burst this long after becoming MASTER; zero for none (`garp_master_delay`).
    pub delay: Duration,
    /// While MASTER, a burst every so often; zero for never (`garp_master_refresh`).
    pub refresh: Duration,
    /// Rounds of that burst (`garp_master_refresh_repeat`).
    pub refresh_repeat: u8,
    /// Rounds after a second master was heard or gave way (`garp_lower_prio_repeat`).
    pub heal_repeat: u8,
    /// As many again this long after that; zero for none (`garp_lower_prio_delay`).
    pub heal_delay: Duration,
}

impl Default for AnnounceConfig {
    /// keepalived's defaults, but the rounds of a burst are spaced: five frames within a millisecond are lost together.
    fn default() -> Self {
        Self {
            repeat: 5,
            spacing: Duration::from_ms(50),
            delay: Duration::from_s(5),
            refresh: Duration::ZERO,
            refresh_repeat: 1,
            heal_repeat: 5,
            heal_delay: Duration::from_s(5),
        }
    }
}

/// At most one healing burst in this time, so that a stubborn second master cannot make us flood the link.
const HEAL_EVERY: Duration = Duration::from_ms(500);

/// The announcements of one router.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Announcer {
    /// When to send the next round of the burst under way.
    round_at: Option<Instant>,
    /// How many rounds it still has.
    rounds_left: u8,
    /// When to start the second burst after becoming MASTER or healing.
    again_at: Option<Instant>,
    /// How many rounds that will have.
    rounds_again: u8,
    /// When to start the next refresh.
    refresh_at: Option<Instant>,
    /// When healing was last begun.
    healed_at: Option<Instant>,
}

impl Announcer {
    /// Begins: the router has become MASTER.
    pub(super) fn start(&mut self, now: Instant, config: &AnnounceConfig) {
        *self = Self {
            round_at: None,
            rounds_left: 0,
            again_at: (config.delay > Duration::ZERO).then(|| now + config.delay),
            rounds_again: config.repeat,
            refresh_at: None,
            healed_at: None,
        };
        self.schedule_refresh(now, config);
        self.burst(now, config.repeat);
    }

    /// Ends: the router is no longer MASTER.
    pub(super) fn stop(&mut self) {
        *self = Self::default();
    }

    /// Begins a burst because neighbours may have learnt a wrong owner of the addresses.
    pub(super) fn heal(&mut self, now: Instant, config: &AnnounceConfig) {
        if self.healed_at.is_none_or(|at| now.since(at) >= HEAL_EVERY) {
            self.healed_at = Some(now);
            self.burst(now, config.heal_repeat);
            if config.heal_delay > Duration::ZERO && config.heal_repeat > 0 {
                self.again_at = Some(now + config.heal_delay);
                self.rounds_again = config.heal_repeat;
            }
        }
    }

    /// When [`Announcer::poll`] has something to do.
    pub(super) fn next_at(&self) -> Option<Instant> {
        [self.round_at, self.again_at, self.refresh_at].into_iter().flatten().min()
    }

    /// Whether to announce every address now. Handles one deadline; call it until it is not due.
    pub(super) fn poll(&mut self, now: Instant, config: &AnnounceConfig) -> bool {
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if due(self.again_at) {
            self.again_at = None;
            self.burst(now, self.rounds_again);
        }
        if due(self.refresh_at) {
            self.schedule_refresh(now, config);
            self.burst(now, config.refresh_repeat);
        }
        if !due(self.round_at) {
            return false;
        }
        self.rounds_left = self.rounds_left.saturating_sub(1);
        self.round_at = (self.rounds_left > 0).then(|| now + config.spacing);
        true
    }

    /// The configuration of a MASTER has changed: the next refresh is no later than it says, and none is due where it wants
    /// none.
    pub(super) fn reconfigure(&mut self, now: Instant, config: &AnnounceConfig) {
        let before = self.refresh_at;
        self.schedule_refresh(now, config);
        self.refresh_at = self.refresh_at.map(|at| before.map_or(at, |before| before.min(at)));
    }

    fn schedule_refresh(&mut self, now: Instant, config: &AnnounceConfig) {
        self.refresh_at = (config.refresh > Duration::ZERO).then(|| now + config.refresh);
    }

    /// Begins a burst, or lengthens the one under way.
    fn burst(&mut self, now: Instant, rounds: u8) {
        self.rounds_left = self.rounds_left.max(rounds);
        self.round_at = (self.rounds_left > 0).then_some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    /// Plays `announcer` until `end`, and gives the milliseconds of each round.
    fn play(announcer: &mut Announcer, config: &AnnounceConfig, end: Instant) -> Vec<u64> {
        let mut rounds = Vec::new();
        while let Some(at) = announcer.next_at().filter(|at| *at <= end) {
            while announcer.poll(at, config) {
                rounds.push(at.us() / 1_000);
                if announcer.next_at() != Some(at) {
                    break;
                }
            }
        }
        rounds
    }

    #[test]
    fn two_spaced_bursts_after_becoming_master() {
        let mut announcer = Announcer::default();
        let config = AnnounceConfig::default();
        announcer.start(Instant::ZERO, &config);
        let rounds = play(&mut announcer, &config, Instant::ZERO + Duration::from_s(60));
        assert_eq!(rounds, [0, 50, 100, 150, 200, 5_000, 5_050, 5_100, 5_150, 5_200]);
        assert_eq!(announcer.next_at(), None);
    }

    /// Found by the operations of the fuzzer: a refresh every zero seconds never ended.
    #[test]
    fn a_refresh_that_is_turned_off_ends_and_one_that_is_turned_on_begins() {
        let mut announcer = Announcer::default();
        let config =
            |refresh| AnnounceConfig { repeat: 1, delay: Duration::ZERO, refresh, ..AnnounceConfig::default() };
        let (on, off) = (config(Duration::from_s(10)), config(Duration::ZERO));
        announcer.start(Instant::ZERO, &on);
        announcer.reconfigure(Instant::ZERO + Duration::from_s(1), &off);
        assert_eq!(play(&mut announcer, &off, Instant::ZERO + Duration::from_s(60)), [0]);
        assert_eq!(announcer.next_at(), None);
        announcer.reconfigure(Instant::ZERO + Duration::from_s(70), &on);
        assert_eq!(play(&mut announcer, &on, Instant::ZERO + Duration::from_s(95)), [80_000, 90_000]);
        announcer.reconfigure(Instant::ZERO + Duration::from_s(96), &on);
        assert_eq!(announcer.next_at(), Some(Instant::ZERO + Duration::from_s(100)), "it goes on as it was");
    }

    #[test]
    fn refresh_repeats_for_ever() {
        let mut announcer = Announcer::default();
        let config = AnnounceConfig {
            repeat: 1,
            delay: Duration::ZERO,
            refresh: Duration::from_s(10),
            refresh_repeat: 2,
            ..AnnounceConfig::default()
        };
        announcer.start(Instant::ZERO, &config);
        let rounds = play(&mut announcer, &config, Instant::ZERO + Duration::from_s(25));
        assert_eq!(rounds, [0, 10_000, 10_050, 20_000, 20_050]);
    }

    #[test]
    fn healing_is_rate_limited() {
        let mut announcer = Announcer::default();
        let config = AnnounceConfig { spacing: Duration::ZERO, delay: Duration::ZERO, ..AnnounceConfig::default() };
        announcer.start(Instant::ZERO, &config);
        play(&mut announcer, &config, Instant::ZERO);
        let mut rounds = 0;
        for ms in 0..1_000 {
            let now = Instant::ZERO + Duration::from_ms(ms);
            announcer.heal(now, &config);
            while announcer.poll(now, &config) {
                rounds += 1;
            }
        }
        assert_eq!(rounds, 10, "two bursts of five in a second of provocation");
        let later = play(&mut announcer, &config, Instant::ZERO + Duration::from_s(60));
        assert_eq!(later, [5_500; 5], "and one more after the last of them");
    }

    #[test]
    fn nothing_is_announced_where_repeat_is_zero() {
        let mut announcer = Announcer::default();
        let config = AnnounceConfig { repeat: 0, delay: Duration::ZERO, heal_repeat: 0, ..AnnounceConfig::default() };
        announcer.start(Instant::ZERO, &config);
        announcer.heal(Instant::ZERO, &config);
        assert_eq!(announcer.next_at(), None);
    }
}
