//! The tables that a set of routers lives in, which the caller provides.

use super::{RouterId, deadlines};
use crate::reject::RejectCounters;
use crate::router::{Storage, VirtualRouter};
use crate::time::Instant;
use crate::vocabulary::Family;

/// Whether an interface can carry packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// It does not exist.
    Missing,
    /// It exists, and is set down or has no carrier.
    Down,
    /// It works.
    Up,
}

/// The place for one router.
#[derive(Clone, Debug)]
pub struct Slot<S: Storage> {
    pub(super) router: Option<VirtualRouter<S>>,
    /// This slot's part of the heap of deadlines.
    pub(super) node: deadlines::Node,
    /// The next member of the router's sync group, in a ring; itself, if it is alone.
    pub(super) next_in_group: Option<RouterId>,
    /// The next router that shares the VRID on the interface.
    pub(super) next_of_vrid: Option<RouterId>,
}

impl<S: Storage> Default for Slot<S> {
    fn default() -> Self {
        Self { router: None, node: deadlines::Node::default(), next_in_group: None, next_of_vrid: None }
    }
}

/// The place for one interface.
#[derive(Clone, Debug)]
pub struct Interface {
    pub(super) link: Link,
    /// The first router of each VRID, by family; index 0 is never used.
    by_vrid: [[Option<RouterId>; 256]; 2],
    /// VRIDs that are not ours and were reported, a bit each, by family.
    foreign: [[u32; 8]; 2],
    pub(super) rejected: RejectCounters,
    /// How many malformed packets are reported, and when they last were.
    pub(super) malformed_reported: u32,
    pub(super) malformed_reported_at: Option<Instant>,
}

impl Default for Interface {
    fn default() -> Self {
        Self {
            link: Link::Missing,
            by_vrid: [[None; 256]; 2],
            foreign: [[0; 8]; 2],
            rejected: RejectCounters::default(),
            malformed_reported: 0,
            malformed_reported_at: None,
        }
    }
}

impl Interface {
    /// Whether it can carry packets.
    pub const fn link(&self) -> Link {
        self.link
    }

    /// Packets discarded before a router was found for them.
    pub const fn rejected(&self) -> &RejectCounters {
        &self.rejected
    }

    /// The first of the routers with a VRID, which leads to the others.
    pub(super) fn first_router(&self, family: Family, vrid: u8) -> Option<RouterId> {
        self.by_vrid.get(family as usize)?.get(usize::from(vrid)).copied().flatten()
    }

    pub(super) fn set_first_router(&mut self, family: Family, vrid: u8, id: Option<RouterId>) {
        if let Some(slot) = self.by_vrid.get_mut(family as usize).and_then(|by_vrid| by_vrid.get_mut(usize::from(vrid)))
        {
            *slot = id;
        }
    }

    /// Notes a VRID that is not ours. Returns whether it is news.
    pub(super) fn note_foreign(&mut self, family: Family, vrid: u8) -> bool {
        let word = self.foreign.get_mut(family as usize).and_then(|words| words.get_mut(usize::from(vrid / 32)));
        word.is_some_and(|word| {
            let bit = 1 << (vrid % 32);
            let is_news = *word & bit == 0;
            *word |= bit;
            is_news
        })
    }
}
