//! What became of notifications: scripts, FIFOs, mail.

use serde::Serialize;

use crate::RunStatus;
use crate::reading::readable;

/// A run of a notification script.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NotifyStatus {
    /// Whether it was about an instance or a sync group: `INSTANCE` or `GROUP`.
    pub kind: String,
    /// The name of that.
    pub name: String,
    /// Which script, as `notify_master`.
    pub script: String,
    /// What it was told, as `MASTER`.
    pub state: String,
    /// Whether it did what it was asked for.
    pub ok: bool,
    /// States that were passed over since the run before, because that took so long.
    pub skipped: u32,
    /// How it went.
    #[serde(flatten)]
    pub run: RunStatus,
}

/// A FIFO that changes of state are written to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FifoStatus {
    /// Where it is.
    pub path: String,
    /// Lines that wait until somebody reads.
    pub waiting: u32,
    /// Lines that were thrown away because nobody did.
    pub lost: u64,
}

/// Built-in mail.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MailStatus {
    /// Mails that the relay has not taken yet.
    pub waiting: u32,
    /// Changes of state that are collected for one mail.
    pub collected: u32,
    /// Mails that the relay has taken.
    pub sent: u64,
    /// Mails that it refused for good.
    pub refused: u64,
    /// Mails that were thrown away because too many waited.
    pub lost: u64,
    /// Why the last attempt failed; absent when it did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
}

readable! {
    NotifyStatus { kind, name, script, state, ok; or_default skipped; within run }
    FifoStatus { path, waiting, lost }
    MailStatus { waiting, collected, sent, refused, lost, last_error }
}
