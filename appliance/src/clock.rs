//! The only place that reads a clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use locum_core::time::Instant;
use nix::time::{ClockId, clock_gettime};

/// Now on `CLOCK_BOOTTIME`: steady, not moved when somebody sets the clock, and counting while the machine sleeps.
pub(crate) fn now() -> Instant {
    // The clock exists since Linux 2.6.39; where it could not be read, time would stand still, which harms nobody.
    let time = clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(0, |time| {
        let seconds = u64::try_from(time.tv_sec()).unwrap_or(0);
        seconds * 1_000_000 + u64::try_from(time.tv_nsec()).unwrap_or(0) / 1_000
    });
    Instant::from_us(time)
}

/// The wall clock in milliseconds since 1970. For people only: it can be wrong and can jump.
pub(crate) fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    whole_ms(since)
}

/// A length in whole milliseconds. 64 bits are enough, and no board has instructions for 128.
pub(crate) fn whole_ms(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}

/// A length in whole microseconds.
pub(crate) fn whole_us(length: Duration) -> u64 {
    u64::try_from(length.as_micros()).unwrap_or(u64::MAX)
}

/// How far a moment may seem to move on the wall clock without the clock having been set: it is disciplined, and read a
/// moment later.
const SET_MS: u64 = 2_000;

/// When `at` is on the wall clock, in milliseconds since 1970. What was told of it before stays the same, unless the clock
/// has been set since.
pub(crate) fn told_again(before_unix_ms: u64, at: Instant) -> u64 {
    let now_unix_ms = unix_ms_at(at);
    if now_unix_ms.abs_diff(before_unix_ms) < SET_MS { before_unix_ms } else { now_unix_ms }
}

/// When `at`, which is not over, is on the wall clock, in milliseconds since 1970.
pub(crate) fn unix_ms_at(at: Instant) -> u64 {
    unix_ms().saturating_add(at.since(now()).us() / 1_000)
}

#[cfg(test)]
mod tests {
    use locum_core::time::Duration;

    use super::*;

    #[test]
    fn what_was_told_stays_until_the_clock_is_set() {
        let at = now() + Duration::from_s(1_000);
        let told = unix_ms_at(at);
        assert_eq!(told_again(told + 500, at), told + 500);
        let set_since = told_again(told - 3_600_000, at);
        assert!(set_since.abs_diff(told) < SET_MS, "{set_since} {told}");
    }
}
