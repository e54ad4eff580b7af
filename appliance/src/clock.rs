//! The only place that reads a clock.

use std::time::{SystemTime, UNIX_EPOCH};

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
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
