//! The log on standard error. Under systemd each line carries its level for the journal, which adds the time itself;
//! elsewhere each line has both.

use std::io::Write;
use std::time::SystemTime;

use log::{Level, LevelFilter};

pub(super) fn start(level: LevelFilter) {
    let to_journal = std::env::var_os("JOURNAL_STREAM").is_some();
    env_logger::Builder::new()
        .filter_level(LevelFilter::Warn)
        .filter_module("locum", level)
        .format(move |out, record| {
            if to_journal {
                writeln!(out, "<{}>{}", syslog_level(record.level()), record.args())
            } else {
                let time = humantime::format_rfc3339_millis(SystemTime::now());
                writeln!(out, "{time} {:<5} {}", record.level(), record.args())
            }
        })
        .init();
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
