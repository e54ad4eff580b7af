//! What a router tells and is told: events, actions, orders, and what it shows of itself.

use core::net::IpAddr;

use crate::reject::{Reject, RejectCounters};
use crate::time::{Duration, Instant};
use crate::vocabulary::{Block, Cause, State};

/// Something that the caller is to do or to know, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Send an advert of this priority.
    Advert { priority: u8 },
    /// Change or announce addresses.
    Action(Action),
    /// Take note.
    Event(Event),
}

/// What is to be done with the addresses of a router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Put them on their interfaces.
    AddAddresses,
    /// Take them off.
    RemoveAddresses,
    /// Send one gratuitous ARP or neighbour advertisement for each.
    Announce,
}

/// A change of state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    /// When.
    pub at: Instant,
    /// The state before.
    pub from: State,
    /// The state after.
    pub to: State,
    /// Why.
    pub cause: Cause,
}

/// What a router tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// It changed its state.
    Transition(Transition),
    /// It accepted an advert.
    Heard {
        /// From whom.
        source: IpAddr,
        /// Of which priority.
        priority: u8,
    },
    /// It sent an advert.
    Sent {
        /// Of which priority.
        priority: u8,
    },
    /// It discarded a packet. Reported at most every [`REJECT_REPORT_EVERY`](super::REJECT_REPORT_EVERY) for a (sender, reason).
    Rejected {
        /// From whom.
        source: IpAddr,
        /// Why.
        reason: Reject,
        /// How many packets of this sender were discarded since the last report about it.
        count: u32,
    },
    /// Something keeps it from taking part.
    Blocked(Block),
    /// It no longer does.
    Unblocked(Block),
    /// As MASTER it hears another master.
    SecondMaster {
        /// The other.
        source: IpAddr,
        /// Its priority.
        priority: u8,
    },
    /// The other master is not heard any more, gave way, or we gave way to it.
    SecondMasterGone {
        /// The other.
        source: IpAddr,
        /// How long it was heard.
        lasted: Duration,
    },
    /// An advert of the master came so late that a takeover was near.
    NearMiss {
        /// The master.
        source: IpAddr,
        /// How long it was silent.
        silent: Duration,
        /// What was left until the takeover.
        left: Duration,
    },
    /// The addresses in a sender's adverts differ from ours, or no longer do.
    AddressesDiffer {
        /// The sender.
        source: IpAddr,
        /// Whether they do.
        differ: bool,
    },
    /// A planned handover ended, and the addresses are gone.
    HandoverEnded {
        /// The router that took over, if one was heard in time.
        to: Option<IpAddr>,
        /// How long it took.
        lasted: Duration,
    },
}

/// An order of the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Do not wait for the end of the preempt delay.
    Resume,
}

/// Why an order was not carried out. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandError {
    /// There is no such router.
    NoSuchRouter,
    /// No preempt delay runs.
    NothingToResume,
}

/// What was counted since the router was made. Counters saturate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Adverts sent, one for each destination.
    pub adverts_sent: u32,
    /// Adverts accepted.
    pub adverts_received: u32,
    /// Adverts of priority 0 sent, one for each destination.
    pub priority_zero_sent: u32,
    /// Adverts of priority 0 accepted.
    pub priority_zero_received: u32,
    /// How often it became MASTER.
    pub became_master: u32,
    /// Packets discarded.
    pub rejected: RejectCounters,
}

/// The master that was heard last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Its address.
    pub address: IpAddr,
    /// The priority it advertised.
    pub priority: u8,
    /// When.
    pub at: Instant,
}

/// Another master, heard while MASTER.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Second {
    /// Its address.
    pub address: IpAddr,
    /// Its priority.
    pub priority: u8,
    /// When it was first heard.
    pub since: Instant,
    /// When it was last heard.
    pub last: Instant,
}

/// Deadlines; `None` where the timer does not run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timers {
    /// BACKUP: when to take over unless the master is heard.
    pub master_down_at: Option<Instant>,
    /// BACKUP: when to take over from a master of lower priority.
    pub preempt_at: Option<Instant>,
    /// MASTER: when to send the next advert.
    pub advertise_at: Option<Instant>,
    /// Leaving: when to remove the addresses at the latest.
    pub handover_until: Option<Instant>,
}
