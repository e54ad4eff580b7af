//! What has been done to the service, by whom and when: changes and what became of them, and orders. The list survives a
//! restart.

use std::path::{Path, PathBuf};

use locum_control::{ChangeRecord, ChangeStanding, Event, Notice, readable, to_json};
use locum_core::time::{Duration, Instant};
use serde::Serialize;

use super::kept;
use crate::clock;

const FILE: &str = "changes.json";
const VERSION: u32 = 1;
/// Records that are kept.
const RECORDS_MAX: usize = 64;
/// A file longer than this is none of ours.
const BYTES_MAX: u64 = 4 << 20;
/// Attempts of those who may not are noted at most this often.
const NOT_ALLOWED_EVERY: Duration = Duration::from_s(10);

/// The list.
#[derive(Debug)]
pub(super) struct Done {
    path: PathBuf,
    records: Vec<ChangeRecord>,
    /// When it was last noted that somebody may not do something.
    not_allowed_at: Option<Instant>,
}

#[derive(Serialize)]
struct Content {
    version: u32,
    records: Vec<ChangeRecord>,
}

readable! {
    Content { version, records }
}

impl Done {
    /// Reads the list that an earlier run has left. What held only as long as that is lost, and says so.
    pub(super) fn in_directory(directory: &Path) -> Self {
        let path = directory.join(FILE);
        let content = kept::read(&path, BYTES_MAX, VERSION).unwrap_or_else(|error| {
            log::warn!("{}: {error}: the list of changes begins anew", path.display());
            None
        });
        let mut records = content.map_or_else(Vec::new, |content: Content| content.records);
        for record in &mut records {
            match record.standing {
                ChangeStanding::OnTrial { .. } => record.standing = ChangeStanding::NotConfirmed,
                ChangeStanding::HoldsUntil { .. } | ChangeStanding::Holds => record.standing = ChangeStanding::Lost,
                ChangeStanding::Saved
                | ChangeStanding::TakenBack
                | ChangeStanding::NotConfirmed
                | ChangeStanding::Over
                | ChangeStanding::Lost
                | ChangeStanding::Done
                | ChangeStanding::NotAllowed => {}
            }
        }
        Self { path, records, not_allowed_at: None }
    }

    /// All records, the oldest first.
    pub(super) fn records(&self) -> impl DoubleEndedIterator<Item = &ChangeRecord> {
        self.records.iter()
    }

    /// The record of this number.
    pub(super) fn find(&self, number: u32) -> Option<&ChangeRecord> {
        self.records.iter().find(|record| record.number == number)
    }

    /// Adds a record and returns its number. The oldest goes of those that are not held on to.
    pub(super) fn push(
        &mut self,
        who: &str,
        what: Vec<String>,
        standing: ChangeStanding,
        is_held: impl Fn(u32) -> bool,
    ) -> u32 {
        let number = self.records.last().map_or(1, |last| last.number.saturating_add(1));
        let record = ChangeRecord { number, at_unix_ms: clock::unix_ms(), who: who.to_owned(), what, standing };
        self.records.push(record);
        if self.records.len() > RECORDS_MAX
            && let Some(oldest) = self.records.iter().position(|record| !is_held(record.number))
        {
            self.records.remove(oldest);
        }
        self.write();
        number
    }

    /// What has become of a change.
    pub(super) fn note(&mut self, number: u32, standing: ChangeStanding) {
        if let Some(record) = self.records.iter_mut().find(|record| record.number == number) {
            record.standing = standing;
        }
        self.write();
    }

    /// Whether it is time to note again that somebody may not do something: whoever tries again and again does not push
    /// out what others have done.
    pub(super) fn may_note_refusal(&mut self, now: Instant) -> bool {
        let may = self.not_allowed_at.is_none_or(|at| now.since(at) >= NOT_ALLOWED_EVERY);
        if may {
            self.not_allowed_at = Some(now);
        }
        may
    }

    /// As those were told who watched when it was done, the oldest first.
    pub(super) fn notices(&self, now: Instant, now_unix_ms: u64) -> impl Iterator<Item = Notice> {
        self.records.iter().map(move |record| {
            let what = record.what.join(", ");
            let text = match record.standing {
                ChangeStanding::Done => what,
                ChangeStanding::NotAllowed => format!("may not: {what}"),
                ChangeStanding::OnTrial { .. }
                | ChangeStanding::HoldsUntil { .. }
                | ChangeStanding::Holds
                | ChangeStanding::Saved
                | ChangeStanding::TakenBack
                | ChangeStanding::NotConfirmed
                | ChangeStanding::Over
                | ChangeStanding::Lost => format!("change {}: {what}", record.number),
            };
            let ago_us = now_unix_ms.saturating_sub(record.at_unix_ms).saturating_mul(1_000);
            let event = Event::Operator { who: record.who.clone(), text };
            Notice { seq: 0, at_us: now.us().saturating_sub(ago_us), at_unix_ms: record.at_unix_ms, event }
        })
    }

    fn write(&self) {
        let content = Content { version: VERSION, records: self.records.clone() };
        if let Err(error) = kept::write(&self.path, to_json(&content).as_bytes()) {
            log::warn!("{}: {error}", self.path.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("locum-done-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        path
    }

    #[test]
    fn what_is_held_on_to_is_never_pushed_out() {
        let directory = directory("held");
        let mut done = Done::in_directory(&directory);
        let trial = ChangeStanding::OnTrial { until_unix_ms: 1 };
        let held = done.push("root", vec!["VI_1 priority 70".into()], trial, |_| false);
        for _ in 0..2 * RECORDS_MAX {
            done.push("root", vec!["VI_1 stands back".into()], ChangeStanding::Done, |number| number == held);
        }
        assert_eq!(done.records().count(), RECORDS_MAX);
        assert!(done.find(held).is_some());
        let again = Done::in_directory(&directory);
        assert_eq!(again.find(held).map(|record| record.standing), Some(ChangeStanding::NotConfirmed));
        std::fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn refusals_are_noted_once_in_a_while() {
        let directory = directory("refusals");
        let mut done = Done::in_directory(&directory);
        let noted = (0..100).filter(|second| done.may_note_refusal(Instant::ZERO + Duration::from_s(*second))).count();
        assert_eq!(noted, 10);
        std::fs::remove_dir_all(directory).unwrap();
    }
}
