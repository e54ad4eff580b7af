//! The server's clocks, as far as a client knows them.

/// Two quartz clocks drift apart by so much a second at the most, in nanoseconds.
const DRIFT_NS_PER_S: u64 = 100_000;

/// Carries the server's boot-time and wall clock on with our own monotonic clock, all in microseconds.
///
/// Set by every greeting and every `show`; in between the two machines' (or processes') clocks run alike.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Clock {
    /// Our clock when the server's was read.
    read_at_us: u64,
    /// The server's boot-time clock then.
    boot_us: u64,
    /// The server's wall clock then.
    unix_us: u64,
    /// How far off that may be: half of the time in which it was asked and answered.
    error_us: u64,
}

impl Clock {
    /// The server said, at `now_us` of our clock, what its clocks show, when it was asked at `asked_at_us`: it read them
    /// somewhere between the two.
    pub(crate) const fn set(asked_at_us: u64, now_us: u64, boot_us: u64, unix_ms: u64) -> Self {
        let error_us = now_us.saturating_sub(asked_at_us) / 2;
        Self { read_at_us: now_us.saturating_sub(error_us), boot_us, unix_us: unix_ms.saturating_mul(1_000), error_us }
    }

    /// The server said it unasked, when it was attached to: how old that is, nobody knows.
    pub(crate) const fn greeted(now_us: u64, boot_us: u64, unix_ms: u64) -> Self {
        Self { read_at_us: now_us, boot_us, unix_us: unix_ms.saturating_mul(1_000), error_us: 500_000 }
    }

    /// The better of two readings at `now_us`: the older one may be the more exact, until the clocks have drifted apart.
    /// A wall clock that was set meanwhile makes the new one right.
    pub(crate) fn better(self, new: Self, now_us: u64) -> Self {
        let error_us = |clock: &Self| {
            let age_s = now_us.saturating_sub(clock.read_at_us) / 1_000_000;
            clock.error_us.saturating_add(age_s.saturating_mul(DRIFT_NS_PER_S) / 1_000)
        };
        let differs_us = self.unix_us.wrapping_sub(self.boot_us).abs_diff(new.unix_us.wrapping_sub(new.boot_us));
        let was_read = self.boot_us > 0 && new.boot_us >= self.boot_us && differs_us < 10_000;
        if was_read && error_us(&self) < new.error_us { self } else { new }
    }

    /// How far off it may be.
    pub(crate) const fn error_us(&self) -> u64 {
        self.error_us
    }

    /// The server's boot-time clock at `now_us` of ours.
    pub(crate) const fn boot_us(&self, now_us: u64) -> u64 {
        if now_us < self.read_at_us {
            return self.boot_us.saturating_sub(self.read_at_us - now_us);
        }
        self.boot_us.saturating_add(now_us - self.read_at_us)
    }

    /// The wall clock, in milliseconds since 1970, at a point of the server's boot-time clock.
    pub(crate) const fn unix_ms(&self, boot_us: u64) -> u64 {
        let us = if boot_us >= self.boot_us {
            self.unix_us.saturating_add(boot_us - self.boot_us)
        } else {
            self.unix_us.saturating_sub(self.boot_us - boot_us)
        };
        us / 1_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clocks_run_on_and_back() {
        let clock = Clock::set(5_000_000, 5_000_000, 100_000_000, 1_795_365_318_000);
        assert_eq!(clock.boot_us(7_500_000), 102_500_000);
        assert_eq!(clock.boot_us(4_000_000), 99_000_000);
        assert_eq!(clock.unix_ms(102_500_000), 1_795_365_320_500);
        assert_eq!(clock.unix_ms(99_000_000), 1_795_365_317_000);
        let clock = Clock::set(0, 0, u64::MAX, u64::MAX);
        let _ = (clock.boot_us(u64::MAX), clock.unix_ms(0));
    }

    #[test]
    fn the_reading_that_took_the_shortest_is_the_best() {
        let quick = Clock::set(1_000_000, 1_002_000, 100_001_000, 5_000);
        assert_eq!((quick.boot_us(1_001_000), quick.error_us()), (100_001_000, 1_000));
        let slow = Clock::set(6_000_000, 6_500_000, 105_100_000, 10_099);
        assert_eq!(quick.better(slow, 6_500_000).error_us(), 1_000);
        assert_eq!(quick.better(slow, 10_000_000_000).error_us(), 250_000, "after hours the old one is worth less");
        let set = Clock::set(6_000_000, 6_500_000, 105_100_000, 9_999_000);
        assert_eq!(quick.better(set, 6_500_000).error_us(), 250_000, "the wall clock was set");
        assert_eq!(Clock::default().better(slow, 6_500_000).error_us(), 250_000);
    }
}
