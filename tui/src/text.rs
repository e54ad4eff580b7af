//! Words, numbers and times as they are drawn. Whatever a server sent goes through [`clean`] first.

use std::borrow::Cow;

use locum_control::time::date;
pub(crate) use locum_control::time::time_of_day;
use ratatui::text::Span;

use crate::model::list::Moment;

/// `text` without anything that could steer a terminal or hide what it says, at most `chars_max` characters long.
///
/// Control characters and the invisible ones that reorder text (Unicode Bidi_Control) or join it become `?`.
pub(crate) fn clean(text: &str, chars_max: usize) -> String {
    // Nearly all of it: a thousand names a second.
    if text.len() <= chars_max && text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.to_owned();
    }
    let mut out: String =
        text.chars().take(chars_max).map(|letter| if is_safe(letter) { letter } else { '?' }).collect();
    if text.chars().nth(chars_max).is_some() {
        out.pop();
        out.push('…');
    }
    out
}

fn is_safe(letter: char) -> bool {
    !letter.is_control()
        && !matches!(letter, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// How many cells `text` takes.
pub(crate) fn width(text: &str) -> usize {
    Span::raw(text).width()
}

/// `text` in at most `cells` cells; an ellipsis says that something is missing.
pub(crate) fn fit(text: &str, cells: usize) -> Cow<'_, str> {
    if width(text) <= cells {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    let mut used = 0;
    for letter in text.chars() {
        let letter_width = width(letter.encode_utf8(&mut [0; 4]));
        if used + letter_width >= cells {
            break;
        }
        used += letter_width;
        out.push(letter);
    }
    if cells > 0 {
        out.push('…');
    }
    Cow::Owned(out)
}

/// The end of `text` in at most `cells` cells: for addresses, which differ at their end.
pub(crate) fn fit_end(text: &str, cells: usize) -> Cow<'_, str> {
    if width(text) <= cells {
        return Cow::Borrowed(text);
    }
    let mut rest: Vec<char> = text.chars().rev().take(cells.saturating_sub(1)).collect();
    if cells > 0 {
        rest.push('…');
    }
    Cow::Owned(rest.into_iter().rev().collect())
}

/// The ASCII stand-in for a character, if there is a better one than `?`.
pub(crate) const fn ascii(letter: char) -> char {
    match letter {
        '…' => '~',
        '–' | '—' | '─' => '-',
        '│' => '|',
        '║' => ':',
        '┌' | '┐' | '└' | '┘' | '├' | '┤' | '┬' | '┴' | '┼' => '+',
        '·' => '.',
        '░' => '_',
        '█' => '#',
        '×' => 'x',
        '►' => '>',
        _ => '?',
    }
}

/// A span of time in one unit, so that it changes seldom: `12 s`, `4 min`, `7 h`, `3 d`.
pub(crate) fn span(us: u64) -> String {
    let s = us / 1_000_000;
    match s {
        0..60 => format!("{s} s"),
        60..3_600 => format!("{} min", s / 60),
        3_600..86_400 => format!("{} h", s / 3_600),
        _ => format!("{} d", s / 86_400),
    }
}

/// A count in at most five characters: `99999`, `123k`, `45M`.
pub(crate) fn count(number: u32) -> String {
    match number {
        0..100_000 => number.to_string(),
        100_000..10_000_000 => format!("{}k", number / 1_000),
        _ => format!("{}M", number / 1_000_000),
    }
}

/// Date and time (UTC) of a wall-clock time in milliseconds since 1970; only the time if it is of the same day as `now`.
pub(crate) fn date_time(unix_ms: u64, now_unix_ms: u64) -> String {
    const DAY_MS: u64 = 86_400_000;
    if unix_ms / DAY_MS == now_unix_ms / DAY_MS {
        return time_of_day(unix_ms);
    }
    format!("{} {}", date(unix_ms), time_of_day(unix_ms))
}

/// A time as it is typed, as 90, 90s, 5m, 2h, 1d; not none at all.
pub(crate) fn seconds(text: &str) -> Option<u64> {
    locum_control::time::seconds(text).filter(|seconds| *seconds > 0)
}

/// A point in time as it is typed: 16:35 or 16:35:15 (UTC), or 10m, which is ten minutes ago.
pub(crate) fn moment(text: &str) -> Option<Moment> {
    if !text.contains(':') {
        return Some(Moment::Ago(seconds(text)?.checked_mul(1_000)?));
    }
    let mut of_day_s = 0;
    let mut parts = text.split(':');
    for (most, unit_s) in [(23, 3_600), (59, 60), (59, 1)] {
        let Some(part) = parts.next().filter(|part| !part.is_empty()) else {
            if unit_s == 1 {
                break;
            }
            return None;
        };
        of_day_s += part.parse::<u64>().ok().filter(|part| *part <= most)? * unit_s;
    }
    parts.next().is_none().then_some(Moment::OfDay(of_day_s * 1_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_steers_a_terminal_survives() {
        assert_eq!(clean("a\x1b[2Jb\r\n\u{202e}c\u{9b}", 100), "a?[2Jb???c?");
        assert_eq!(clean("abcdef", 4), "abc…");
        assert_eq!(clean("abcd", 4), "abcd");
        assert_eq!(clean("", 0), "");
    }

    #[test]
    fn cutting_counts_cells() {
        assert_eq!(fit("routeur-né", 20), "routeur-né");
        assert_eq!(fit("路由器甲", 5), "路由…");
        assert!(width(&fit("路由器甲", 4)) <= 4);
        assert_eq!(fit("abc", 0), "");
        assert_eq!(fit_end("2001:db8::1:2:3", 8), "…::1:2:3");
        assert_eq!(fit_end("10.0.0.1", 8), "10.0.0.1");
    }

    #[test]
    fn spans_and_counts_are_short() {
        for (us, text) in [(0, "0 s"), (59_999_999, "59 s"), (60_000_000, "1 min"), (7_199_000_000, "1 h")] {
            assert_eq!(span(us), text);
        }
        assert_eq!(span(u64::MAX), "213503982 d");
        for (number, text) in [(0, "0"), (99_999, "99999"), (123_456, "123k"), (u32::MAX, "4294M")] {
            assert_eq!(count(number), text);
        }
    }

    #[test]
    fn times_are_read_as_they_are_typed() {
        const NOW_MS: u64 = 1_795_365_318_000; // 16:35:18
        for (text, ago_ms) in [
            ("90", Some(90_000)),
            ("10m", Some(600_000)),
            ("16:35", Some(18_000)),
            ("16:35:10", Some(8_000)),
            ("16:36", Some(86_400_000 - 42_000)),
            ("0:00", Some(16 * 3_600_000 + 35 * 60_000 + 18_000)),
            ("24:00", None),
            ("16:", None),
            (":", None),
            ("16:35:10:1", None),
            ("", None),
            ("0m", None),
            ("10x", None),
            ("99999999999999999999d", None),
        ] {
            assert_eq!(moment(text).map(|moment| NOW_MS - moment.unix_ms(NOW_MS)), ago_ms, "{text}");
        }
    }

    #[test]
    fn the_date_is_there_on_another_day() {
        assert_eq!(date_time(1_795_365_318_000, 1_795_365_319_000), "16:35:18");
        assert_eq!(date_time(1_795_365_318_000, 1_795_465_319_000), "2026-11-22 16:35:18");
        let _ = date_time(u64::MAX, 0);
    }
}
