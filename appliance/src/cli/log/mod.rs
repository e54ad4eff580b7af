//! The log: to standard error, to the journal, to syslog.
//!
//! Nothing here waits: a line that its target does not take at once is kept, up to a bound, and tried again before the next
//! line and every second; beyond that, lines are lost and counted, and the count is told when the target takes lines again.
//! All lines come from the service's thread; the engine logs nothing.

mod line;
mod sink;

use std::collections::VecDeque;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Mutex;

use log::{Level, LevelFilter, Log, Metadata, Record};

pub(crate) use self::line::LogFormat;
use self::line::{Line, Shape};
pub(crate) use self::sink::Facility;
use self::sink::{Sink, StandardError, Syslog, Taken};
use crate::clock;

/// Lines that a target that takes none may let wait.
const WAITING_MAX: usize = 256;

/// Where lines go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogTarget {
    /// Standard error; with the journal's prefixes, if that is where it leads.
    StandardError,
    /// Standard error, with the journal's prefixes (sd-daemon(3)).
    Journal,
    /// The local syslog daemon.
    Syslog(Facility),
}

/// What is logged, how and where.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// What.
    pub(crate) level: LevelFilter,
    /// How.
    pub(crate) format: LogFormat,
    /// Where, all of them.
    pub(crate) targets: Vec<LogTarget>,
    /// Who says it, for syslog.
    pub(crate) name: String,
}

/// Begins to log. The first call counts.
pub(crate) fn start(settings: &Settings) {
    let outputs = settings.targets.iter().map(|target| output(*target, settings)).collect();
    let logger = Logger { level: settings.level, outputs: Mutex::new(outputs) };
    if log::set_boxed_logger(Box::new(logger)).is_ok() {
        log::set_max_level(settings.level.max(LevelFilter::Warn));
    }
}

fn output(target: LogTarget, settings: &Settings) -> Output {
    let (shape, sink): (_, Box<dyn Sink>) = match target {
        LogTarget::Journal => (Shape::Journal, Box::new(StandardError)),
        LogTarget::StandardError if leads_to_journal() => (Shape::Journal, Box::new(StandardError)),
        LogTarget::StandardError => (Shape::Stream, Box::new(StandardError)),
        LogTarget::Syslog(facility) => {
            // Once in the life of the process.
            let name = settings.name.clone().leak();
            let shape = Shape::Syslog { facility, name, pid: std::process::id() };
            (shape, Box::new(Syslog::at(Path::new("/dev/log"))))
        }
    };
    Output { format: settings.format, shape, sink, waiting: VecDeque::new(), lost: 0 }
}

/// Whether standard error is a stream of the journal (systemd.exec(5), `JOURNAL_STREAM`). The variable alone says little: a
/// child inherits it also where its output goes somewhere else.
fn leads_to_journal() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else { return false };
    let Ok(file) = std::io::stderr().as_fd().try_clone_to_owned().map(std::fs::File::from) else { return false };
    file.metadata().is_ok_and(|meta| format!("{}:{}", meta.dev(), meta.ino()) == stream)
}

struct Logger {
    level: LevelFilter,
    outputs: Mutex<Vec<Output>>,
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // Of other people's code, what is wrong.
        let is_ours = metadata.target().starts_with("locum");
        metadata.level() <= if is_ours { self.level } else { LevelFilter::Warn }
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let line = Line { at_unix_ms: clock::unix_ms(), level: record.level(), text: record.args().to_string() };
        let Ok(mut outputs) = self.outputs.lock() else { return };
        outputs.iter_mut().for_each(|output| output.put(&line));
    }

    /// Tries again what waits.
    fn flush(&self) {
        let Ok(mut outputs) = self.outputs.lock() else { return };
        outputs.iter_mut().for_each(Output::drain);
    }
}

/// A target, and what waits for it.
struct Output {
    format: LogFormat,
    shape: Shape,
    sink: Box<dyn Sink>,
    waiting: VecDeque<Vec<u8>>,
    lost: u32,
}

impl Output {
    fn put(&mut self, line: &Line) {
        self.drain();
        for record in line.records(self.format, self.shape) {
            let taken = if self.waiting.is_empty() && self.lost == 0 { self.sink.take(&record) } else { Taken::Later };
            match taken {
                Taken::Now => {}
                Taken::Later if self.waiting.len() < WAITING_MAX => self.waiting.push_back(record),
                Taken::Later => self.lost = self.lost.saturating_add(1),
            }
        }
    }

    fn drain(&mut self) {
        while let Some(record) = self.waiting.front() {
            if self.sink.take(record) == Taken::Later {
                return;
            }
            self.waiting.pop_front();
        }
        if self.lost > 0 {
            let text = format!("{} lines of the log are lost: they were not taken in time", self.lost);
            let line = Line { at_unix_ms: clock::unix_ms(), level: Level::Warn, text };
            let all_taken = line.records(self.format, self.shape).all(|record| self.sink.take(&record) == Taken::Now);
            if all_taken {
                self.lost = 0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    /// Takes as many records as it has room for.
    #[derive(Clone, Default)]
    struct Narrow(Arc<Mutex<(usize, Vec<String>)>>);

    impl Sink for Narrow {
        fn take(&mut self, record: &[u8]) -> Taken {
            let mut state = self.0.lock().unwrap();
            if state.0 == 0 {
                return Taken::Later;
            }
            state.0 -= 1;
            state.1.push(String::from_utf8(record.to_vec()).unwrap());
            Taken::Now
        }
    }

    #[test]
    fn what_is_not_taken_waits_up_to_a_bound_and_then_is_counted() {
        let narrow = Narrow::default();
        let sink = Box::new(narrow.clone());
        let mut output =
            Output { format: LogFormat::Plain, shape: Shape::Journal, sink, waiting: VecDeque::new(), lost: 0 };
        let say = |output: &mut Output, text: &str| {
            output.put(&Line { at_unix_ms: 0, level: Level::Info, text: text.into() });
        };
        for number in 0..WAITING_MAX + 3 {
            say(&mut output, &number.to_string());
        }
        assert_eq!((output.waiting.len(), output.lost), (WAITING_MAX, 3));
        // Room for all that waits and not for the count: nothing overtakes it.
        narrow.0.lock().unwrap().0 = WAITING_MAX;
        say(&mut output, "later");
        narrow.0.lock().unwrap().0 = 10;
        output.drain();
        let said = std::mem::take(&mut narrow.0.lock().unwrap().1);
        assert_eq!(said.len(), WAITING_MAX + 2);
        assert_eq!(said[0], "<6>0\n");
        assert!(said[WAITING_MAX..].iter().any(|line| line == "<6>later\n"), "{said:?}");
        assert!(said[WAITING_MAX..].iter().any(|line| line.starts_with("<4>3 lines")), "{said:?}");
        say(&mut output, "now");
        assert_eq!(narrow.0.lock().unwrap().1, ["<6>now\n"]);
    }

    #[test]
    fn of_other_peoples_code_only_what_is_wrong() {
        let logger = Logger { level: LevelFilter::Debug, outputs: Mutex::default() };
        let is_logged = |target, level| logger.enabled(&Metadata::builder().target(target).level(level).build());
        assert!(is_logged("locum::service", Level::Debug) && !is_logged("locum::service", Level::Trace));
        assert!(is_logged("rtnetlink", Level::Warn) && !is_logged("rtnetlink", Level::Info));
    }
}
