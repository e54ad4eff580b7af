//! What a set of routers wants done.

use core::net::IpAddr;

use super::RouterId;
use crate::router::{Action, Event, InterfaceId};
use crate::time::Instant;
use crate::vocabulary::Family;
use crate::wire::ipv6;
use crate::wire::vrrp;

/// The longest packet that [`RouterSet::poll_output`](super::RouterSet::poll_output) writes.
pub const PACKET_BYTES_MAX: usize = ipv6::HEADER_BYTES + vrrp::MESSAGE_BYTES_MAX;

/// A packet to be sent, as it lies in the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "the packet is not sent otherwise"]
pub struct Transmit {
    /// Whose it is.
    pub router: RouterId,
    /// Where to send it.
    pub interface: InterfaceId,
    /// From which address.
    pub source: IpAddr,
    /// To which address.
    pub destination: IpAddr,
    /// The TTL or hop limit.
    pub ttl: u8,
    /// Bytes in the buffer: the whole packet with its IP header.
    pub len: usize,
}

/// What the caller is to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "an output that is dropped is not done"]
pub enum Output {
    /// Send a packet.
    Transmit(Transmit),
    /// Change or announce the addresses of a router.
    Action {
        /// Whose.
        router: RouterId,
        /// What.
        action: Action,
    },
    /// Take note of what happened to a router.
    Event {
        /// Whose.
        router: RouterId,
        /// What.
        event: Event,
    },
    /// Take note of a packet that is for no router.
    Stray {
        /// Where.
        interface: InterfaceId,
        /// Whose and why.
        stray: Stray,
    },
    /// Nothing more to do before this time; never, if it is `None`.
    Timeout(Option<Instant>),
}

/// A packet that is for no router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stray {
    /// A group that is not ours was heard, for the first time on this interface.
    ForeignVrid {
        /// Its family.
        family: Family,
        /// Its virtual router ID.
        vrid: u8,
        /// Who was heard.
        source: IpAddr,
    },
    /// A packet was too short to say what it is. Reported at most every [`REJECT_REPORT_EVERY`](crate::router::REJECT_REPORT_EVERY) for an interface.
    Malformed {
        /// Who sent it, if as much can be read.
        source: Option<IpAddr>,
        /// How many since the last report, this one included.
        count: u32,
    },
}
