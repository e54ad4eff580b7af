//! The server's clocks, as far as a client knows them.

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
}

impl Clock {
    /// The server said, at `now_us` of our clock, what its clocks show.
    pub(crate) const fn set(now_us: u64, boot_us: u64, unix_ms: u64) -> Self {
        Self { read_at_us: now_us, boot_us, unix_us: unix_ms.saturating_mul(1_000) }
    }

    /// The server's boot-time clock at `now_us` of ours.
    pub(crate) const fn boot_us(&self, now_us: u64) -> u64 {
        self.boot_us.saturating_add(now_us.saturating_sub(self.read_at_us))
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
        let clock = Clock::set(5_000_000, 100_000_000, 1_795_365_318_000);
        assert_eq!(clock.boot_us(7_500_000), 102_500_000);
        assert_eq!(clock.boot_us(4_000_000), 100_000_000, "our clock never runs backwards");
        assert_eq!(clock.unix_ms(102_500_000), 1_795_365_320_500);
        assert_eq!(clock.unix_ms(99_000_000), 1_795_365_317_000);
        let clock = Clock::set(0, u64::MAX, u64::MAX);
        let _ = (clock.boot_us(u64::MAX), clock.unix_ms(0));
    }
}
