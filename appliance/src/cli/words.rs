//! Times in words.

use std::time::{Duration, UNIX_EPOCH};

use locum_control::Duration as Span;

/// A moment on the wall clock, as `2026-11-22 16:40:01Z`.
pub(super) fn wall_clock(unix_ms: u64) -> String {
    let time = UNIX_EPOCH.checked_add(Duration::from_millis(unix_ms)).unwrap_or(UNIX_EPOCH);
    humantime::format_rfc3339_seconds(time).to_string().replacen('T', " ", 1)
}

/// A moment of today, as `16:40:01.123`.
pub(super) fn time_of_day(unix_ms: u64) -> String {
    let time = UNIX_EPOCH.checked_add(Duration::from_millis(unix_ms)).unwrap_or(UNIX_EPOCH);
    let text = humantime::format_rfc3339_millis(time).to_string();
    text.split_once('T').map_or(text.as_str(), |(_, time)| time).trim_end_matches('Z').to_owned()
}

/// How long ago, as `3 min 12 s`.
pub(super) fn ago(now_us: u64, at_us: u64) -> String {
    Span::from_us(now_us.saturating_sub(at_us)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments() {
        assert_eq!(wall_clock(1_795_365_601_123), "2026-11-22 16:40:01Z");
        assert_eq!(time_of_day(1_795_365_601_123), "16:40:01.123");
        assert_eq!(ago(200_000_000, 8_000_000), "3 min 12 s");
        assert_eq!(ago(1, 2), "0 ms");
    }
}
