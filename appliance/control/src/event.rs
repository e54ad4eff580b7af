//! What happens, as it happens.

use std::net::IpAddr;

use serde::Serialize;

use crate::reading::{readable, readable_by};
use crate::{Block, Cause, NotifyStatus, Reject, State};

/// An event with its number and time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Notice {
    /// Counts up by one for each notice on this connection, from 1; 0 for what lies in the past.
    pub seq: u64,
    /// When, on the server's boot-time clock.
    pub at_us: u64,
    /// When, on the wall clock, in milliseconds since 1970.
    pub at_unix_ms: u64,
    /// What.
    #[serde(flatten)]
    pub event: Event,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// An instance changed its state.
    #[serde(serialize_with = "without_times::serialize")]
    Transition(TransitionRecord),
    /// Adverts heard, sent and rejected, batched, oldest first. Only with `watch` and `adverts`.
    Adverts {
        /// Whose.
        instance: String,
        /// Which.
        marks: Vec<AdvertMark>,
    },
    /// Something keeps an instance in FAULT.
    Blocked {
        /// Whose.
        instance: String,
        /// What.
        block: Block,
        /// The particulars, as "eth9 does not exist".
        detail: String,
    },
    /// It no longer does.
    Unblocked {
        /// Whose.
        instance: String,
        /// What.
        block: Block,
    },
    /// Packets were discarded: told for a (sender, reason) at most every ten seconds.
    Rejected {
        /// Whose, if the packet names a VRID that is ours.
        #[serde(skip_serializing_if = "Option::is_none")]
        instance: Option<String>,
        /// The interface it came in on.
        interface: String,
        /// The sender.
        source: IpAddr,
        /// Why.
        reason: Reject,
        /// How many packets of this sender since the last notice about it, whatever their reason.
        count: u32,
    },
    /// As MASTER we hear another MASTER.
    SecondMaster {
        /// Whose.
        instance: String,
        /// The other.
        source: IpAddr,
        /// Its priority.
        priority: u8,
        /// What differs from us, or who will give way, in words.
        detail: String,
    },
    /// The other master is no longer heard, or gave way.
    SecondMasterGone {
        /// Whose.
        instance: String,
        /// The other.
        source: IpAddr,
        /// How long it was heard.
        lasted_us: u64,
    },
    /// An advert of the master came late: a takeover came near.
    NearMiss {
        /// Whose.
        instance: String,
        /// The master.
        source: IpAddr,
        /// How long it was silent.
        silent_us: u64,
        /// What was left until we would have taken over.
        left_us: u64,
    },
    /// The kernel refused to add or remove an address.
    AddressFailed {
        /// Whose.
        instance: String,
        /// Which, with prefix length.
        address: String,
        /// The kernel's words.
        error: String,
    },
    /// Somebody has taken something away from a MASTER, and it is put back.
    VipLost {
        /// Whose.
        instance: String,
        /// What, or the last one of several: an address with its interface, a route or a rule in words.
        part: String,
        /// How many times since the last notice about this instance.
        count: u32,
    },
    /// A planned handover ended.
    HandoverEnded {
        /// Whose.
        instance: String,
        /// The router that took over, if one was heard within the bound.
        #[serde(skip_serializing_if = "Option::is_none")]
        to: Option<IpAddr>,
        /// How long it took.
        lasted_us: u64,
    },
    /// The priority that counts changed: a tracker, or an order of the operator.
    PriorityChanged {
        /// Whose.
        instance: String,
        /// What it was.
        from: u8,
        /// What it is.
        to: u8,
    },
    /// The running configuration was changed, or a change was confirmed or taken back; or a yield began or ended.
    Operator {
        /// Who: the connection's credentials, or "locum" for what ends by itself.
        who: String,
        /// What, in a sentence.
        text: String,
    },
    /// A notification script has ended.
    Notified {
        /// The instance that it was about; absent for a sync group.
        #[serde(skip_serializing_if = "Option::is_none")]
        instance: Option<String>,
        /// How it went.
        run: NotifyStatus,
    },
    /// The reader was too slow and missed notices; ask again with `watch`.
    Lagged {
        /// How many.
        missed: u64,
    },
    /// The service stops.
    Stopping,
}

impl Event {
    /// The instance that it is about, if it is about one.
    pub fn instance(&self) -> Option<&str> {
        match self {
            Self::Transition(record) => Some(&record.instance),
            Self::Adverts { instance, .. }
            | Self::Blocked { instance, .. }
            | Self::Unblocked { instance, .. }
            | Self::SecondMaster { instance, .. }
            | Self::SecondMasterGone { instance, .. }
            | Self::NearMiss { instance, .. }
            | Self::AddressFailed { instance, .. }
            | Self::VipLost { instance, .. }
            | Self::PriorityChanged { instance, .. }
            | Self::HandoverEnded { instance, .. } => Some(instance),
            Self::Rejected { instance, .. } | Self::Notified { instance, .. } => instance.as_deref(),
            Self::Operator { .. } | Self::Lagged { .. } | Self::Stopping => None,
        }
    }
}

/// A change of state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TransitionRecord {
    /// Whose.
    pub instance: String,
    /// When, on the server's boot-time clock (of the boot it happened in).
    pub at_us: u64,
    /// When, on the wall clock, in milliseconds since 1970.
    pub at_unix_ms: u64,
    /// The state before.
    pub from: State,
    /// The state after.
    pub to: State,
    /// Why.
    pub cause: Cause,
    /// The cause in words, with the particulars.
    pub text: String,
}

/// A transition inside a notice, which has the times: read, it finds them there.
mod without_times {
    use serde::{Serialize, Serializer};

    use super::{Cause, State, TransitionRecord};

    #[derive(Serialize)]
    struct WithoutTimes<'r> {
        instance: &'r str,
        from: State,
        to: State,
        cause: &'r Cause,
        text: &'r str,
    }

    pub(super) fn serialize<S: Serializer>(record: &TransitionRecord, serializer: S) -> Result<S::Ok, S::Error> {
        let TransitionRecord { instance, at_us: _, at_unix_ms: _, from, to, cause, text } = record;
        WithoutTimes { instance, from: *from, to: *to, cause, text }.serialize(serializer)
    }
}

/// An advert on the timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct AdvertMark {
    /// When, on the server's boot-time clock.
    pub at_us: u64,
    /// The sender.
    pub source: IpAddr,
    /// The priority it carried; 0 says that the master leaves.
    pub priority: u8,
    /// Heard, sent or rejected.
    #[serde(flatten)]
    pub kind: MarkKind,
}

/// What became of an advert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "mark", rename_all = "snake_case")]
pub enum MarkKind {
    /// Heard.
    Received,
    /// Ours.
    Sent,
    /// Heard and discarded.
    Rejected {
        /// Why.
        reason: Reject,
    },
}

readable! {
    Notice { seq, at_us, at_unix_ms; within event }
    TransitionRecord { instance, at_us, at_unix_ms, from, to, cause, text }
    AdvertMark { at_us, source, priority; within kind }
}

readable_by! {
    Event by "event" or Stopping;
    "transition" => Transition(..),
    "adverts" => Adverts { instance, marks },
    "blocked" => Blocked { instance, block, detail },
    "unblocked" => Unblocked { instance, block },
    "rejected" => Rejected { instance, interface, source, reason, count },
    "second_master" => SecondMaster { instance, source, priority, detail },
    "second_master_gone" => SecondMasterGone { instance, source, lasted_us },
    "near_miss" => NearMiss { instance, source, silent_us, left_us },
    "address_failed" => AddressFailed { instance, address, error },
    "vip_lost" => VipLost { instance, part, count },
    "handover_ended" => HandoverEnded { instance, to, lasted_us },
    "priority_changed" => PriorityChanged { instance, from, to },
    "operator" => Operator { who, text },
    "notified" => Notified { instance, run },
    "lagged" => Lagged { missed },
    "stopping" => Stopping,
}

readable_by! {
    MarkKind by "mark" or Sent;
    "received" => Received,
    "sent" => Sent,
    "rejected" => Rejected { reason },
}
