//! Times in words.

use locum_control::{Duration, time};

/// A moment on the wall clock, as `2026-11-22 16:40:01Z`.
pub(super) fn wall_clock(unix_ms: u64) -> String {
    format!("{} {}Z", time::date(unix_ms), time::time_of_day(unix_ms))
}

/// How long ago, as `3 min 12 s`.
pub(super) fn ago(now_us: u64, at_us: u64) -> String {
    Duration::from_us(now_us.saturating_sub(at_us)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments() {
        assert_eq!(wall_clock(1_795_365_601_123), "2026-11-22 16:40:01Z");
        assert_eq!(wall_clock(u64::MAX), "584556019-04-03 14:25:51Z");
        assert_eq!(ago(200_000_000, 8_000_000), "3 min 12 s");
        assert_eq!(ago(1, 2), "0 ms");
    }
}
