//! The log on standard error. Under systemd each line carries its level for the journal, which adds the time itself;
//! elsewhere each line has both.

use std::io::Write;
use std::time::SystemTime;

use log::{Level, LevelFilter, Record};
use serde::Serialize;

/// What a line of `run --json` says.
#[derive(Serialize)]
struct JsonLine {
    time: String,
    level: &'static str,
    message: String,
}

pub(super) fn start(level: LevelFilter, json: bool) {
    let to_journal = std::env::var_os("JOURNAL_STREAM").is_some();
    env_logger::Builder::new()
        .filter_level(LevelFilter::Warn)
        .filter_module("locum", level)
        .format(move |out, record| {
            if json {
                writeln!(out, "{}", json_line(record))
            } else if to_journal {
                writeln!(out, "<{}>{}", syslog_level(record.level()), record.args())
            } else {
                writeln!(out, "{} {:<5} {}", now(), record.level(), record.args())
            }
        })
        .init();
}

fn json_line(record: &Record<'_>) -> String {
    let line = JsonLine { time: now(), level: record.level().as_str(), message: record.args().to_string() };
    serde_json::to_string(&line).unwrap_or_default()
}

fn now() -> String {
    humantime::format_rfc3339_millis(SystemTime::now()).to_string()
}

/// sd-daemon(3)
const fn syslog_level(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    }
}
