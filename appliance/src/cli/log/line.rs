//! What a line of the log looks like.

use std::borrow::Cow;

use locum_control::{time, to_json};
use log::Level;
use serde::Serialize;

use super::sink::Facility;
use crate::text::Append;

/// A record for syslog is no longer than this: daemons cut what is longer at places of their own.
const SYSLOG_BYTES_MAX: usize = 2048;

/// How lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    Plain,
    /// key=value pairs.
    Logfmt,
    /// A JSON value a line.
    Json,
}

/// What a target wants around a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Lines, with their time.
    Stream,
    /// Lines that begin with their priority (sd-daemon(3)); the journal has the time itself.
    Journal,
    /// Datagrams for the local syslog daemon.
    Syslog {
        /// The kind of program.
        facility: Facility,
        /// Its name.
        name: &'static str,
        /// Its process.
        pid: u32,
    },
}

/// A line.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) at_unix_ms: u64,
    pub(super) level: Level,
    /// Text that may hold anything: parts of it come from the network and from scripts.
    pub(super) text: String,
}

/// What a line of JSON says.
#[derive(Serialize)]
struct JsonLine<'a> {
    time: String,
    level: &'a str,
    message: &'a str,
}

impl Line {
    /// As the target takes it: a record, or one for each line of the text.
    pub(super) fn records(&self, format: LogFormat, shape: Shape) -> impl Iterator<Item = Vec<u8>> {
        let whole = match format {
            LogFormat::Plain => self.plain(shape),
            LogFormat::Logfmt => {
                let text = self.text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
                let level = self.level.as_str().to_ascii_lowercase();
                format!("time={} level={level} msg=\"{}\"", self.time(), printable(&text))
            }
            LogFormat::Json => {
                let line = JsonLine { time: self.time(), level: self.level.as_str(), message: &self.text };
                to_json(&line)
            }
        };
        let level = self.level;
        let lines: Vec<_> = whole.lines().map(|line| record(line, level, shape)).collect();
        lines.into_iter()
    }

    fn plain(&self, shape: Shape) -> String {
        let text = printable(&self.text);
        match shape {
            // Lines that belong to the one before are set off, so that each that is not begins with its time.
            Shape::Stream => format!("{} {:<5} {}", self.time(), self.level, text.replace('\n', "\n    ")),
            Shape::Journal | Shape::Syslog { .. } => text.into_owned(),
        }
    }

    fn time(&self) -> String {
        format!("{}T{}Z", time::date(self.at_unix_ms), time::time_of_day_ms(self.at_unix_ms))
    }
}

fn record(line: &str, level: Level, shape: Shape) -> Vec<u8> {
    let severity = severity(level);
    match shape {
        Shape::Stream => format!("{line}\n").into_bytes(),
        Shape::Journal => format!("<{severity}>{line}\n").into_bytes(),
        // Without a time: the daemon takes its own then, in its own time zone, while that of a sender in another one, or
        // of a C library that knows none, would be wrong in the file (RFC 3164 §4.3.2).
        Shape::Syslog { facility, name, pid } => {
            let priority = facility.code() * 8 + severity;
            let mut record = format!("<{priority}>{name}[{pid}]: {line}");
            let end = (0..=SYSLOG_BYTES_MAX.min(record.len())).rev().find(|end| record.is_char_boundary(*end));
            record.truncate(end.unwrap_or(0));
            record.into_bytes()
        }
    }
}

/// Severities of RFC 3164 §4.1.1, which sd-daemon(3) shares.
const fn severity(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    }
}

/// Without what a terminal would obey.
fn printable(text: &str) -> Cow<'_, str> {
    let is_odd = |char: char| char.is_control() && char != '\n';
    if !text.contains(is_odd) {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len());
    for char in text.chars() {
        if is_odd(char) { clean.append(format_args!("{}", char.escape_default())) } else { clean.push(char) }
    }
    Cow::Owned(clean)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(text: &str, format: LogFormat, shape: Shape) -> Vec<String> {
        let line = Line { at_unix_ms: 0, level: Level::Warn, text: text.into() };
        line.records(format, shape).map(|record| String::from_utf8(record).unwrap()).collect()
    }

    #[test]
    fn plain_lines() {
        let syslog = Shape::Syslog { facility: Facility::Daemon, name: "locum", pid: 7 };
        let plain = |text, shape| records(text, LogFormat::Plain, shape);
        assert_eq!(plain("a \"b\"", Shape::Stream), ["1970-01-01T00:00:00.000Z WARN  a \"b\"\n"]);
        assert_eq!(plain("a\nb", Shape::Stream), ["1970-01-01T00:00:00.000Z WARN  a\n", "    b\n"]);
        assert_eq!(plain("a\nb", Shape::Journal), ["<4>a\n", "<4>b\n"]);
        assert_eq!(plain("a", syslog), ["<28>locum[7]: a"]);
        let cut = plain(&"é".repeat(3000), syslog).remove(0);
        assert!((SYSLOG_BYTES_MAX - 1..=SYSLOG_BYTES_MAX).contains(&cut.len()), "{}", cut.len());
    }

    #[test]
    fn lines_for_programs_are_one_line_and_read_back() {
        let odd = "a \"b\" \\ c\nd\u{1b}[2J";
        let [json] = &records(odd, LogFormat::Json, Shape::Stream)[..] else { panic!("one line") };
        let value: serde_json::Value = serde_json::from_str(json).unwrap();
        assert_eq!((value["message"].as_str(), value["level"].as_str()), (Some(odd), Some("WARN")));
        assert_eq!(
            records(odd, LogFormat::Logfmt, Shape::Journal),
            ["<4>time=1970-01-01T00:00:00.000Z level=warn msg=\"a \\\"b\\\" \\\\ c\\nd\\u{1b}[2J\"\n"]
        );
    }

    #[test]
    fn a_terminal_is_told_nothing_that_it_would_obey() {
        let [line] = &records("\u{1b}]0;x\u{7}\r", LogFormat::Plain, Shape::Journal)[..] else { panic!("one line") };
        assert_eq!(line, "<4>\\u{1b}]0;x\\u{7}\\r\n");
    }
}
