//! What is said over locum's control socket: one JSON value a line, UTF-8, lines of at most [`LINE_BYTES_MAX`].
//!
//! A conversation:
//!
//! 1. The server opens with a [`Hello`] that names the protocol version and what the client may do.
//! 2. The client sends a [`Request`] a line, each with an `id` of its choice. Before the first it may say in which ssh
//!    session it runs, a [`Session`], which is not answered.
//! 3. The server answers each with zero or more lines that carry an [`Item`] and one that ends the answer, all with the
//!    request's `id`: see [`Answer`]. Answers to different requests do not interleave.
//! 4. After [`Verb::Watch`], [`Notice`]s arrive between answers, numbered without gaps. A client that falls behind gets
//!    [`Event::Lagged`] and should ask again with `watch`, which sends a fresh snapshot, or is dropped.
//!
//! Times ending in `_us` are microseconds of the server's boot-time clock; [`Hello`] ties it to the wall clock.
//! Unknown fields are to be ignored, so that fields can be added without a new protocol version.

mod change;
mod check;
pub mod client;
mod event;
mod framing;
mod heard;
mod histogram;
mod mac;
mod message;
mod notification;
mod outlook;
mod reading;
mod session;
mod statistics;
mod status;
#[cfg(test)]
mod tests;
pub mod time;
mod writing;

pub use change::{ChangeRecord, ChangeStanding, Edit, Forecast, Lasts, List, Setting};
pub use check::{Check, CheckResult};
pub use event::{AdvertMark, Event, MarkKind, Notice, TransitionRecord};
pub use framing::{FramingError, LineBuffer};
pub use heard::{ChecksumFlavour, ForeignVrid, SecondMaster, SenderStatus};
pub use histogram::{Bucket, Histogram};
pub use locum_core::reject::Reject;
pub use locum_core::time::Duration;
pub use locum_core::vocabulary::{Block, Cause, Family, State};
pub use locum_sorted::{SortedMap, SortedSet};
pub use mac::{Mac, mac_words, sender_mac_words};
pub use message::{Answer, Difference, DifferenceKind, ErrorCode, Hello, Item, Line, Refusal, Request, Role, Verb};
pub use notification::{FifoStatus, MailStatus, NotifyStatus};
pub use outlook::{headline, outlook, priority_sum};
pub use reading::{FromJson, JsonError, Reader, from_json, from_value, word};
pub use serde_json::Value;
pub use session::{Said, Session};
pub use statistics::rfc8347;
pub use status::{
    BlockStatus, Counters, InstanceStatus, InterfaceStatus, MasterStatus, Mode, NoAcceptStatus, PartKind, PartStatus,
    RunStatus, ServiceStatus, StandingBack, Timers, TrackReading, TrackStatus, VipStatus,
};
pub use writing::{to_json, to_json_line};

/// The version of what is said here. A server of another version is not talked to.
pub const PROTOCOL: u32 = 1;

/// The schema number in `--json` output.
pub const SCHEMA: u32 = 1;

/// The longest line either side may send, its newline included.
pub const LINE_BYTES_MAX: usize = 64 * 1024;
