//! Requests and answers.

use serde::Serialize;
use serde_json::Value;

use crate::reading::{Reader, readable, readable_by, readable_words, word_or_key};
use crate::{
    ChangeRecord, Check, Edit, Forecast, FromJson, InstanceStatus, InterfaceStatus, Lasts, Notice, ServiceStatus,
    Setting, TransitionRecord,
};

/// What the connection may do, decided by the peer's credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// May look.
    Reader,
    /// May look and change: root and the admin group.
    Admin,
}

/// The server's first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Hello {
    /// The protocol version, [`crate::PROTOCOL`].
    pub locum: u32,
    /// The version of the service.
    pub version: String,
    /// The host's name.
    pub host: String,
    /// What this connection may do.
    pub role: Role,
    /// The boot-time clock now, in microseconds.
    pub now_us: u64,
    /// The wall clock now, in milliseconds since 1970.
    pub now_unix_ms: u64,
}

/// A question or an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Request {
    /// Repeated in the answer.
    pub id: u64,
    /// What is wanted.
    #[serde(flatten)]
    pub verb: Verb,
}

/// What can be asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "verb", rename_all = "snake_case")]
pub enum Verb {
    /// The service, its interfaces and its instances, or one instance: [`Item::Service`], [`Item::Interface`],
    /// [`Item::Instance`].
    Show {
        /// Only this instance.
        #[serde(skip_serializing_if = "Option::is_none")]
        instance: Option<String>,
    },
    /// How an instance came to be in its state: [`Item::Instance`], then an [`Item::Transition`] each, newest first.
    Why {
        /// Which.
        instance: String,
    },
    /// What `show` says, the kept history ([`Item::Transition`], oldest first) and the recent adverts
    /// ([`Item::Notice`] with [`crate::Event::Adverts`]), then every event as it happens, until the connection ends.
    Watch {
        /// Only this instance.
        #[serde(skip_serializing_if = "Option::is_none")]
        instance: Option<String>,
        /// Also each advert heard or sent.
        adverts: bool,
    },
    /// Has instances take part again: ends a yield, a preempt delay or a start delay (admin).
    Resume {
        /// An instance or a sync group; absent for all that stand back or wait.
        #[serde(skip_serializing_if = "Option::is_none")]
        instance: Option<String>,
    },
    /// Has instances hand over and stand back (admin).
    Yield {
        /// An instance or a sync group; absent for all.
        #[serde(skip_serializing_if = "Option::is_none")]
        instance: Option<String>,
        /// For how long. Absent: until the machine starts again; 5 minutes for a [`Session`](crate::Session) that came in
        /// through a virtual address.
        #[serde(skip_serializing_if = "Option::is_none")]
        lasts: Option<Lasts>,
        /// Whether to take over all the same, with the lowest priority, when nobody else is heard.
        last_resort: bool,
    },
    /// Makes an instance MASTER now, if the protocol allows (admin). Where the master that is heard would not give way,
    /// the priority is raised above that master's for a time, which is a change: an [`Item::Difference`] and an
    /// [`Item::Change`] then.
    Take {
        /// Which.
        instance: String,
        /// For how many seconds the priority is raised; absent for 1800.
        #[serde(skip_serializing_if = "Option::is_none")]
        for_s: Option<u64>,
    },
    /// Counts anew (admin): adverts, rejected packets, transitions. What is counted of an interface goes on, and so does the
    /// history.
    ClearStatistics {
        /// An instance or a sync group; absent for all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        instance: Option<String>,
    },
    /// Changes the running configuration (admin): an [`Item::Difference`] for what changes, and an [`Item::Change`]; for a
    /// dry run an [`Item::DiffLine`] for each line of what changes in the file, an [`Item::Finding`] for what the check of
    /// the configuration says that it did not say before, and an [`Item::Forecast`] for what would follow.
    Change {
        /// What.
        edits: Vec<Edit>,
        /// For how long.
        lasts: Lasts,
        /// If nobody confirms it within so many seconds, it is taken back; 0 for never. Absent: never; 300 for a
        /// [`Session`](crate::Session) that came in through a virtual address, unless it holds no longer than that anyway.
        #[serde(skip_serializing_if = "Option::is_none")]
        confirm_within_s: Option<u64>,
        /// The revision that it was made on; refused if that is not the present one.
        #[serde(skip_serializing_if = "Option::is_none")]
        revision: Option<u64>,
        /// Only says what would change. Readers may ask for this, too.
        dry_run: bool,
    },
    /// Confirms the change that is on trial (admin).
    Confirm,
    /// Takes a change back (admin).
    Rollback {
        /// Its number; absent for the last one that holds.
        #[serde(skip_serializing_if = "Option::is_none")]
        number: Option<u32>,
    },
    /// The last changes, newest first: an [`Item::Change`] each.
    Changes,
    /// What the running configuration says of an instance, option by option: an [`Item::Setting`] each. Lists and passwords
    /// are not told.
    Options {
        /// Which.
        instance: String,
    },
    /// Only says what would follow from a [`Verb::Yield`], [`Verb::Resume`] or [`Verb::Take`]: an [`Item::Forecast`] each.
    Foresee {
        /// The order that is not carried out.
        #[serde(serialize_with = "order::serialize")]
        order: Box<Self>,
    },
    /// What runs against what the configuration file says now: an [`Item::Difference`] each.
    Diff,
    /// The instances as keepalived's JSON dump has them: an [`Item::Keepalived`] each.
    Keepalived,
    /// Looks for what keeps the instances from working: an [`Item::Check`] each, the worst first. It may take some seconds.
    Doctor,
    /// Reads the configuration again and puts it into effect, as a whole or not at all (admin): an [`Item::Difference`]
    /// for each instance that it changes; for a dry run also what [`Verb::Change`] has for one.
    Reload {
        /// Only says what would change. Readers may ask for this, too.
        dry_run: bool,
    },
}

impl Verb {
    /// The word on the wire and the command line.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Show { .. } => "show",
            Self::Why { .. } => "why",
            Self::Watch { .. } => "watch",
            Self::Resume { .. } => "resume",
            Self::Reload { .. } => "reload",
            Self::Yield { .. } => "yield",
            Self::Take { .. } => "take",
            Self::ClearStatistics { .. } => "clear-statistics",
            Self::Change { .. } => "change",
            Self::Confirm => "confirm",
            Self::Rollback { .. } => "rollback",
            Self::Changes => "changes",
            Self::Options { .. } => "options",
            Self::Diff => "diff",
            Self::Keepalived => "keepalived",
            Self::Doctor => "doctor",
            Self::Foresee { .. } => "foresee",
        }
    }

    /// Whether only an admin may ask for it.
    pub const fn changes_something(&self) -> bool {
        match self {
            Self::Show { .. }
            | Self::Why { .. }
            | Self::Watch { .. }
            | Self::Changes
            | Self::Options { .. }
            | Self::Diff
            | Self::Keepalived
            | Self::Doctor
            | Self::Foresee { .. } => false,
            Self::Resume { .. }
            | Self::Yield { .. }
            | Self::Take { .. }
            | Self::ClearStatistics { .. }
            | Self::Confirm
            | Self::Rollback { .. } => true,
            Self::Reload { dry_run } | Self::Change { dry_run, .. } => !*dry_run,
        }
    }
}

/// An order is written as the one of a request is, by the same code.
mod order {
    use serde::{Serialize, Serializer};

    use super::Verb;

    #[derive(Serialize)]
    struct Order<'v> {
        #[serde(flatten)]
        verb: &'v Verb,
    }

    pub(super) fn serialize<S: Serializer>(verb: &Verb, serializer: S) -> Result<S::Ok, S::Error> {
        Order { verb }.serialize(serializer)
    }
}

/// One line of an answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// A part of it; more follows.
    Item(Item),
    /// The end: done, in a sentence that says what took effect.
    Done(String),
    /// The end: refused or failed, nothing took effect.
    Error(Refusal),
}

/// A part of an answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Item {
    /// The service as a whole.
    Service(Box<ServiceStatus>),
    /// A network interface that instances use.
    Interface(InterfaceStatus),
    /// A virtual router.
    Instance(Box<InstanceStatus>),
    /// A change of state that lies in the past.
    Transition(TransitionRecord),
    /// An event that lies in the past.
    Notice(Notice),
    /// What a new configuration changes.
    Difference(Difference),
    /// A change that was made.
    Change(ChangeRecord),
    /// What would follow.
    Forecast(Forecast),
    /// What the check of a configuration says, in a line: "warning W012: …".
    Finding(String),
    /// A line of what differs in the text of the configuration file, as `diff -u` shows it. Passwords are asterisks.
    DiffLine(String),
    /// An option that stands in the configuration.
    Setting(Setting),
    /// A virtual router in keepalived's JSON: its `data` and its `stats`.
    Keepalived(Box<Value>),
    /// How something is that was looked at.
    Check(Check),
}

/// What a new configuration changes about an instance, or about another block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The instance; for another block its keyword and name, as "vrrp_script chk".
    pub name: String,
    /// How.
    pub kind: DifferenceKind,
    /// What, as "priority 100 -> 120".
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<String>,
}

/// How a new configuration changes an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceKind {
    /// It begins.
    Added,
    /// It goes on with other values.
    Changed,
    /// It ends and begins again, since others know it by what changes.
    Restarted,
    /// It ends.
    Removed,
    /// It is no instance: what it says is different now.
    Block,
}

/// Why a request was refused or failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// For programs.
    pub code: ErrorCode,
    /// For people.
    pub message: String,
}

/// The kinds of refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The line is not a request that this version knows.
    BadRequest,
    /// The line is longer than [`crate::LINE_BYTES_MAX`].
    TooLong,
    /// There is no such instance.
    UnknownInstance,
    /// The connection's role does not allow it.
    NotAllowed,
    /// It makes no sense in the present state.
    NotNow,
    /// The configuration has changed since the one that the request was made for.
    Stale,
    /// The service could not do it.
    Failed,
}

/// Any line that a server sends.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Line {
    /// The first line.
    Hello(Hello),
    /// A line of an answer. `id` is absent where the request could not be read.
    Answer {
        /// The request's.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<u64>,
        /// What it says.
        #[serde(flatten)]
        answer: Answer,
    },
    /// An event.
    Notice(Notice),
}

readable! {
    Hello { locum, version, host, role, now_us, now_unix_ms }
    Request { id; within verb }
    Difference { name, kind; or_default details }
    Refusal { code, message }
}

readable_words! {
    Role: Reader, Admin;
    DifferenceKind: Added, Changed, Restarted, Removed, Block;
    ErrorCode: BadRequest, TooLong, UnknownInstance, NotAllowed, NotNow, Stale, Failed;
}

readable_by! {
    Verb by "verb" or Confirm;
    "show" => Show { instance },
    "why" => Why { instance },
    "watch" => Watch { instance; or_default adverts },
    "resume" => Resume { instance },
    "yield" => Yield { instance, lasts; or_default last_resort },
    "take" => Take { instance, for_s },
    "clear_statistics" => ClearStatistics { instance },
    "change" => Change { edits, confirm_within_s, revision; or_default lasts, dry_run },
    "confirm" => Confirm,
    "rollback" => Rollback { number },
    "changes" => Changes,
    "options" => Options { instance },
    "foresee" => Foresee { order },
    "diff" => Diff,
    "keepalived" => Keepalived,
    "doctor" => Doctor,
    "reload" => Reload {; or_default dry_run },
}

macro_rules! readable_items {
    ($($key:literal => $variant:ident,)*) => {
        impl FromJson for Item {
            fn read(value: &Value, reader: &mut Reader) -> Self {
                // None is forgotten.
                const _: fn(&Item) = |one| match one { $(Item::$variant(_))|* => () };
                match word_or_key(value) {
                    $(($key, inner) => Self::$variant(FromJson::read(inner, reader)),)*
                    _ => {
                        reader.expected("an item that this version knows");
                        Self::Finding(String::new())
                    }
                }
            }
        }
    };
}

impl FromJson for Line {
    fn read(value: &Value, reader: &mut Reader) -> Self {
        if value.get("locum").is_some() {
            Self::Hello(Hello::read(value, reader))
        } else if value.get("event").is_some() {
            Self::Notice(Notice::read(value, reader))
        } else {
            Self::Answer { id: reader.field(value, "id"), answer: Answer::read(value, reader) }
        }
    }
}

impl FromJson for Answer {
    /// The key stands beside the `id`.
    fn read(value: &Value, reader: &mut Reader) -> Self {
        if let Some(item) = value.get("item") {
            Self::Item(Item::read(item, reader))
        } else if let Some(refusal) = value.get("error") {
            Self::Error(Refusal::read(refusal, reader))
        } else {
            Self::Done(reader.field(value, "done"))
        }
    }
}

readable_items! {
    "service" => Service,
    "interface" => Interface,
    "instance" => Instance,
    "transition" => Transition,
    "notice" => Notice,
    "difference" => Difference,
    "change" => Change,
    "forecast" => Forecast,
    "finding" => Finding,
    "diff_line" => DiffLine,
    "setting" => Setting,
    "keepalived" => Keepalived,
    "check" => Check,
}
