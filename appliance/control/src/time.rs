//! Times as people read and write them. All are UTC.

/// The units that a length of time can be written in, with their seconds.
const UNITS: [(u64, &[&str]); 5] = [
    (1, &["s", "sec", "secs", "second", "seconds"]),
    (60, &["m", "min", "mins", "minute", "minutes"]),
    (3_600, &["h", "hr", "hrs", "hour", "hours"]),
    (86_400, &["d", "day", "days"]),
    (7 * 86_400, &["w", "wk", "wks", "week", "weeks"]),
];

fn unit_s(unit: &str) -> Option<u64> {
    UNITS.iter().find(|(_, words)| words.contains(&unit)).map(|(unit_s, _)| *unit_s)
}

/// A length of time in whole seconds: `90`, `90s`, `30m`, `1h 30m`. `None` where it is none.
pub fn seconds(text: &str) -> Option<u64> {
    let text = text.trim();
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok();
    }
    let mut sum: u64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let (number, behind) = split(rest, |byte| byte.is_ascii_digit());
        let (unit, behind) = split(behind.trim_start(), |byte| byte.is_ascii_alphabetic());
        sum = sum.checked_add(number.parse::<u64>().ok()?.checked_mul(unit_s(unit)?)?)?;
        rest = behind.trim_start();
    }
    Some(sum)
}

/// What `belongs` at the beginning, and the rest.
fn split(text: &str, belongs: fn(u8) -> bool) -> (&str, &str) {
    text.split_at(text.bytes().position(|byte| !belongs(byte)).unwrap_or(text.len()))
}

/// The time of day of a wall-clock time in milliseconds since 1970, as `16:40:01`.
pub fn time_of_day(unix_ms: u64) -> String {
    let s = unix_ms / 1_000 % 86_400;
    format!("{:02}:{:02}:{:02}", s / 3_600, s / 60 % 60, s % 60)
}

/// The same with milliseconds, as `16:40:01.123`.
pub fn time_of_day_ms(unix_ms: u64) -> String {
    format!("{}.{:03}", time_of_day(unix_ms), unix_ms % 1_000)
}

/// The date of a wall-clock time in milliseconds since 1970, as `2026-11-22`.
pub fn date(unix_ms: u64) -> String {
    let (year, month, day) = year_month_day(unix_ms);
    format!("{year}-{month:02}-{day:02}")
}

/// Year, month and day of the Gregorian calendar. Counts in eras of 400 years from 1 March of year 0, so that the leap day
/// is the last day of a year.
pub fn year_month_day(unix_ms: u64) -> (u64, u64, u64) {
    const DAYS_PER_ERA: u64 = 146_097;
    const DAYS_BEFORE_1970: u64 = 719_468;
    let days = unix_ms / 86_400_000 + DAYS_BEFORE_1970;
    let of_era = days % DAYS_PER_ERA;
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + days / DAYS_PER_ERA * 400 + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths() {
        let week = 7 * 86_400;
        for (text, time) in
            [("90", 90), ("0", 0), ("30m", 1_800), ("1h 30m", 5_400), ("1h30m", 5_400), ("2 weeks", 2 * week)]
        {
            assert_eq!(seconds(text), Some(time), "{text}");
        }
        for (text, time) in [("5sec", 5), ("3 mins", 180), (" 2hrs ", 7_200), ("1d1h1m1s", 90_061), ("1wk", week)] {
            assert_eq!(seconds(text), Some(time), "{text}");
        }
        // Half a second is no whole one; that it would be none at all is not what somebody means.
        for bad in ["", " ", "-1", "m", "1 fortnight", "soon", "1h 30", "30 1h", "1.5h", "500ms", "\u{e4}", "1\u{e4}"] {
            assert_eq!(seconds(bad), None, "{bad}");
        }
        for too_long in ["99999999999999999999", "99999999999999999w", "18446744073709551615s 1s"] {
            assert_eq!(seconds(too_long), None, "{too_long}");
        }
    }

    #[test]
    fn moments() {
        assert_eq!(date(1_795_365_601_123), "2026-11-22");
        assert_eq!(time_of_day(1_795_365_601_123), "16:40:01");
        assert_eq!(time_of_day_ms(1_795_365_601_023), "16:40:01.023");
        // A peer or a file can say what it likes.
        assert_eq!(date(u64::MAX), "584556019-04-03");
        assert_eq!(time_of_day_ms(u64::MAX), "14:25:51.615");
    }

    #[test]
    fn dates_are_right_at_the_edges() {
        for (days, want) in [
            (0, (1970, 1, 1)),
            (59, (1970, 3, 1)),
            (11_016, (2000, 2, 29)),
            (11_017, (2000, 3, 1)),
            (20_779, (2026, 11, 22)),
            (47_540, (2100, 2, 28)),
            (47_541, (2100, 3, 1)),
        ] {
            assert_eq!(year_month_day(days * 86_400_000), want);
            assert_eq!(year_month_day(days * 86_400_000 + 86_399_999), want);
        }
    }
}
