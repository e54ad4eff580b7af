//! What a router tells and is told: events, actions, orders, and what it shows of itself.

use core::fmt;
use core::net::IpAddr;
use core::num::NonZeroU8;

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
    /// Its effective priority changed.
    PriorityChanged {
        /// What it was.
        from: u8,
        /// What it is.
        to: u8,
    },
}

/// An order of the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Do not stand back any longer; do not wait for the end of the preempt delay or of the start delay.
    Resume,
    /// Be MASTER now, if the protocol allows.
    Take,
    /// The same, because it was MASTER when its program crashed, and no other can have missed it yet.
    GoOn,
    /// Stand back: hand over, and do not take over again until told to.
    Yield {
        /// Whether to take over all the same, with the lowest priority, when nobody else is heard.
        last_resort: bool,
    },
    /// The same as a yield with a last resort, because somebody takes away what a master has in the kernel.
    GiveWay,
    /// The base priority is this from now on.
    SetPriority(NonZeroU8),
    /// Count anew.
    ClearCounters,
}

/// Why an order was not carried out. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandError {
    /// There is no such router.
    NoSuchRouter,
    /// It does not stand back, and no delay runs.
    NothingToResume,
    /// It is not running, or on its way out.
    NotRunning,
    /// It is in FAULT.
    Blocked,
    /// It stands back.
    StandsBack,
    /// The master that is heard would not give way.
    Outranked {
        /// That master.
        master: IpAddr,
        /// Its priority.
        priority: u8,
    },
    /// Another member of its sync group hears a better master.
    HeldByGroup,
    /// Only the owner of the addresses has priority 255, and it has no other.
    Owner,
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchRouter => f.write_str("it has just been removed"),
            Self::NothingToResume => f.write_str("it does not stand back, and no delay runs"),
            Self::NotRunning => f.write_str("it has not begun yet, or is about to end"),
            Self::Blocked => f.write_str("it is in FAULT"),
            Self::StandsBack => f.write_str("it stands back: resume it first"),
            Self::Outranked { master, priority } => write!(
                f,
                "master {master} has priority {priority}, which is not lower than ours: it would take over again at once"
            ),
            Self::HeldByGroup => f.write_str("another member of its sync group hears a better master"),
            Self::Owner => f.write_str("priority 255 is the owner's alone, and the owner has no other"),
        }
    }
}

impl core::error::Error for CommandError {}

/// That the operator has a router stand back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StandingBack {
    /// Since when.
    pub since: Instant,
    /// Whether it takes over when nobody else is heard.
    pub last_resort: bool,
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
    /// INIT: when to begin.
    pub start_at: Option<Instant>,
    /// BACKUP: when to take over unless the master is heard.
    pub master_down_at: Option<Instant>,
    /// BACKUP: when to take over from a master of lower priority.
    pub preempt_at: Option<Instant>,
    /// MASTER: when to send the next advert.
    pub advertise_at: Option<Instant>,
    /// Leaving: when to remove the addresses at the latest. Standing back: when to be MASTER again unless another is
    /// heard.
    pub handover_until: Option<Instant>,
}
