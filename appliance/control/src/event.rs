//! What happens, as it happens.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{Block, Cause, NotifyStatus, Reject, State};

/// An event with its number and time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "OnTheWire")]
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

/// A notice as it is read. A transition has the times of its notice, which are not said twice.
#[derive(Deserialize)]
struct OnTheWire {
    seq: u64,
    at_us: u64,
    at_unix_ms: u64,
    #[serde(flatten)]
    event: Event,
}

impl From<OnTheWire> for Notice {
    fn from(OnTheWire { seq, at_us, at_unix_ms, mut event }: OnTheWire) -> Self {
        if let Event::Transition(record) = &mut event {
            record.at_us = at_us;
            record.at_unix_ms = at_unix_ms;
        }
        Self { seq, at_us, at_unix_ms, event }
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// An instance changed its state.
    Transition(#[serde(with = "without_times")] TransitionRecord),
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
        #[serde(default, skip_serializing_if = "Option::is_none")]
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
        #[serde(default, skip_serializing_if = "Option::is_none")]
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
        #[serde(default, skip_serializing_if = "Option::is_none")]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

/// A transition inside a notice, which has the times.
mod without_times {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Cause, State, TransitionRecord};

    #[derive(Serialize, Deserialize)]
    struct WithoutTimes {
        instance: String,
        from: State,
        to: State,
        cause: Cause,
        text: String,
    }

    pub(super) fn serialize<S: Serializer>(record: &TransitionRecord, serializer: S) -> Result<S::Ok, S::Error> {
        let TransitionRecord { instance, at_us: _, at_unix_ms: _, from, to, cause, text } = record.clone();
        WithoutTimes { instance, from, to, cause, text }.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TransitionRecord, D::Error> {
        let WithoutTimes { instance, from, to, cause, text } = WithoutTimes::deserialize(deserializer)?;
        Ok(TransitionRecord { instance, at_us: 0, at_unix_ms: 0, from, to, cause, text })
    }
}

/// An advert on the timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
