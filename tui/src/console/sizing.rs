//! How the terminal's size is found out: by asking the kernel, then the options, then the environment, then the terminal.

use crate::options::WindowSize;
use crate::profile::Environment;
use crate::terminal::Terminal;

/// How long the terminal may take to say where its cursor is.
const ANSWER_US: u64 = 300_000;
/// An answer that comes later than this is none.
const ANSWER_LATE_US: u64 = 5_000_000;
/// Moves the cursor as far as it goes and asks where it is (ECMA-48 §8.3.35, DSR).
const QUESTION: &[u8] = b"\x1b[999;999H\x1b[6n";
/// The question and its answer on the line.
const BYTES: u64 = 24;

/// Where the question stands.
pub(super) struct Sizing {
    option: Option<WindowSize>,
    environment: Environment,
    /// How long to wait for an answer: on a slow line, question and answer take their time.
    patience_us: u64,
    /// When the terminal was asked for its cursor, and has not answered.
    asked_at_us: Option<u64>,
    /// Drawing waits for the answer until then.
    waits_until_us: Option<u64>,
}

/// What came of a probe.
pub(super) enum Probe {
    /// The size is known.
    Known(WindowSize),
    /// The terminal has to be asked by sending it this.
    Ask(&'static [u8]),
}

impl Sizing {
    pub(super) fn new(option: Option<WindowSize>, environment: Environment, bytes_per_s: Option<u32>) -> Self {
        let line_us = bytes_per_s.map_or(0, |rate| BYTES * 1_000_000 / u64::from(rate.max(1)));
        Self { option, environment, patience_us: ANSWER_US + line_us, asked_at_us: None, waits_until_us: None }
    }

    /// Until when drawing waits for the terminal's answer, if it does.
    pub(super) const fn waits_until_us(&self) -> Option<u64> {
        self.waits_until_us
    }

    /// Whether an answer may still come.
    pub(super) const fn is_asking(&self) -> bool {
        self.asked_at_us.is_some()
    }

    /// Looks for the size; where nobody knows it, the terminal is to be asked.
    pub(super) fn probe(&mut self, now_us: u64, terminal: &Terminal) -> Probe {
        if let (Some(columns), Some(rows)) = self.known(terminal) {
            self.waits_until_us = None;
            return Probe::Known(WindowSize { columns, rows });
        }
        self.asked_at_us = Some(now_us);
        self.waits_until_us = Some(now_us.saturating_add(self.patience_us));
        Probe::Ask(QUESTION)
    }

    /// The terminal said where its cursor is; the size, if that answers the question.
    pub(super) fn answered(&mut self, now_us: u64, answer: WindowSize, terminal: &Terminal) -> Option<WindowSize> {
        let asked = self.asked_at_us.take();
        if asked.is_none_or(|at| now_us > at.saturating_add(ANSWER_LATE_US)) {
            return None;
        }
        Some(self.give_up(terminal, answer))
    }

    /// Waits no longer: what is known of the size, and the rest from `otherwise`.
    pub(super) fn give_up(&mut self, terminal: &Terminal, otherwise: WindowSize) -> WindowSize {
        self.waits_until_us = None;
        let (columns, rows) = self.known(terminal);
        WindowSize { columns: columns.unwrap_or(otherwise.columns), rows: rows.unwrap_or(otherwise.rows) }
    }

    /// Columns and rows as far as they can be known without asking the terminal.
    fn known(&self, terminal: &Terminal) -> (Option<u16>, Option<u16>) {
        let (columns, rows) = terminal.size();
        let known = |count: Option<u16>| count.filter(|count| *count > 0);
        (
            columns.or(known(self.option.map(|size| size.columns))).or(known(self.environment.columns)),
            rows.or(known(self.option.map(|size| size.rows))).or(known(self.environment.lines)),
        )
    }
}
