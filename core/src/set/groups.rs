//! Sync groups: their members move together, before the next input is taken.
//!
//! VRRP knows nothing of groups (they are keepalived's, keepalived.conf(5) "vrrp_sync_group"), so what holds is said here:
//!
//! - A member in FAULT for a reason of its own has all others in FAULT.
//! - A member that becomes MASTER takes all others along. It may do so only while no other member hears a master that it
//!   would follow: else the group would be torn down again by that master's next advert, and so on for ever.
//! - A member that gives way as MASTER has all others give way.
//! - A member that begins while the group is MASTER becomes MASTER.
//!
//! Only a move of a member's own makes others follow; following makes nobody follow. So one walk through the group ends it,
//! whatever the configurations of its members.

use super::{Interface, RouterId, RouterSet, Slot};
use crate::priority::Tracker;
use crate::router::{GroupId, GroupMove, Place, Storage, VirtualRouter};
use crate::time::Instant;
use crate::vocabulary::Block;

/// What a group looks at in a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    place: Place,
    is_blocked: bool,
}

impl Standing {
    /// That of a router that is not there yet.
    pub(super) const ABSENT: Self = Self { place: Place::Init, is_blocked: false };

    pub(super) fn of<S: Storage>(router: &VirtualRouter<S>) -> Self {
        Self { place: router.place(), is_blocked: router.is_blocked_itself() }
    }
}

/// The members that still have to follow.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walk {
    now: Instant,
    /// Who moved.
    leader: RouterId,
    /// Whereto.
    to: GroupMove,
    /// How many members are kept from taking part by reasons of their own.
    blocked: u16,
    /// Who is next.
    next: RouterId,
    /// Who is last.
    last: RouterId,
}

impl<S, R, I, T> RouterSet<S, R, I, T>
where
    S: Storage,
    R: AsRef<[Slot<S>]> + AsMut<[Slot<S>]>,
    I: AsRef<[Interface]> + AsMut<[Interface]>,
    T: AsRef<[Tracker]> + AsMut<[Tracker]>,
{
    /// Moves a router into a sync group, or out of it with `None`. From one group to another takes two steps. It does what
    /// its new group does; a MASTER takes the group along if that may become MASTER, and gives way otherwise.
    pub fn handle_group(&mut self, now: Instant, id: RouterId, group: Option<GroupId>) {
        self.assert_drained();
        let others = self.next_member(id);
        self.leave_group(id);
        self.with_router(now, id, |router, _, out| {
            router.set_group(group);
            router.handle_block(now, Block::Group, false, out);
        });
        if group.is_none() && others != id {
            let blocked = self.others(others).chain(self.router(others).map(|router| (others, router)));
            let blocked = blocked.filter(|(_, router)| router.is_blocked_itself()).count();
            let blocked = u16::try_from(blocked).unwrap_or(u16::MAX);
            self.walk = Some(Walk { now, leader: id, to: GroupMove::None, blocked, next: others, last: others });
        }
        if group.is_some() {
            self.enter_ring(id);
            let is_blocked = self.others(id).any(|(_, router)| router.is_blocked_itself());
            let is_held = self.others(id).any(|(_, router)| router.objects_to_takeover(now));
            self.with_router(now, id, |router, _, out| {
                router.handle_block(now, Block::Group, is_blocked, out);
                if is_held {
                    router.follow_group(now, id.0, GroupMove::FromMaster, is_blocked, out);
                }
            });
            let after = self.router(id).map_or(Standing::ABSENT, Standing::of);
            self.walk = self.walk_from(now, id, Standing::ABSENT, after);
        }
    }

    /// Puts a new router into the ring of its group. What blocks the group blocks it from the beginning.
    pub(super) fn join_group(&mut self, now: Instant, id: RouterId) {
        self.enter_ring(id);
        if self.others(id).any(|(_, router)| router.is_blocked_itself())
            && let Some(router) = self.router_mut(id)
        {
            // Nothing has begun, so that there is nothing to tell.
            router.block_from_the_beginning(now, Block::Group);
        }
    }

    fn enter_ring(&mut self, id: RouterId) {
        let Some(group) = self.router(id).and_then(|router| router.config().group) else { return };
        let member = self.routers().find(|(other, router)| *other != id && router.config().group == Some(group));
        let neighbour = member.map(|(other, _)| other);
        let next = neighbour.map_or(id, |neighbour| self.next_member(neighbour));
        self.link(id, Some(next));
        if let Some(neighbour) = neighbour {
            self.link(neighbour, Some(id));
        }
    }

    /// Takes a router out of the ring of its group.
    pub(super) fn leave_group(&mut self, id: RouterId) {
        let previous = self.others(id).last().map(|(other, _)| other);
        if let Some(previous) = previous {
            self.link(previous, Some(self.next_member(id)));
        }
        self.link(id, None);
    }

    /// Has the router know whether its group lets it take over, if it is about to.
    pub(super) fn ask_group(&mut self, now: Instant, id: RouterId) {
        let asks = |router: &VirtualRouter<S>| router.config().group.is_some() && router.place() != Place::Master;
        if self.router(id).is_some_and(asks) {
            let held = self.others(id).any(|(_, router)| router.objects_to_takeover(now));
            if let Some(router) = self.router_mut(id) {
                router.set_held_by_group(held);
            }
        }
    }

    /// What the others have to follow after a member has moved.
    pub(super) fn walk_from(&self, now: Instant, id: RouterId, before: Standing, after: Standing) -> Option<Walk> {
        let next = self.next_member(id);
        if next == id {
            return None;
        }
        let blocked = |(_, router): &(RouterId, &VirtualRouter<S>)| router.is_blocked_itself();
        let others_blocked = u16::try_from(self.others(id).filter(blocked).count()).unwrap_or(u16::MAX);
        let blocked = others_blocked.saturating_add(u16::from(after.is_blocked));
        let walk = Walk { now, leader: id, to: GroupMove::None, blocked, next, last: id };
        match (before.place, after.place) {
            (_, Place::Master) => Some(Walk { to: GroupMove::ToMaster, ..walk }),
            (Place::Master, Place::Backup) => Some(Walk { to: GroupMove::FromMaster, ..walk }),
            (Place::Init, Place::Backup) if let Some(master) = self.master_of(id) => {
                // It follows the others: a walk of one step.
                let last = self.next_member(id);
                Some(Walk { leader: master, to: GroupMove::ToMaster, next: id, last, ..walk })
            }
            _ => Some(walk),
        }
    }

    fn master_of(&self, id: RouterId) -> Option<RouterId> {
        self.others(id).find(|(_, router)| router.place() == Place::Master).map(|(other, _)| other)
    }

    /// Has the next member follow.
    pub(super) fn step(&mut self, walk: Walk) {
        let Walk { now, leader, to, blocked, next: id, last } = walk;
        let next = self.next_member(id);
        self.walk = (next != last).then_some(Walk { next, ..walk });
        let Some(router) = self.slots.as_mut().get_mut(id.index()).and_then(|slot| slot.router.as_mut()) else {
            return;
        };
        let others_blocked = blocked > u16::from(router.is_blocked_itself());
        router.follow_group(now, leader.0, to, others_blocked, &mut self.effects);
        self.effects_of = id;
        self.reschedule(id);
    }

    /// The other members of a router's group.
    fn others(&self, id: RouterId) -> impl Iterator<Item = (RouterId, &VirtualRouter<S>)> {
        let after = move |current: RouterId| Some(self.next_member(current)).filter(|next| *next != id);
        core::iter::successors(after(id), move |current| after(*current))
            .filter_map(|other| Some((other, self.router(other)?)))
    }

    fn next_member(&self, id: RouterId) -> RouterId {
        self.slots.as_ref().get(id.index()).and_then(|slot| slot.next_in_group).unwrap_or(id)
    }

    fn link(&mut self, id: RouterId, next: Option<RouterId>) {
        if let Some(slot) = self.slots.as_mut().get_mut(id.index()) {
            slot.next_in_group = next;
        }
    }

    fn router_mut(&mut self, id: RouterId) -> Option<&mut VirtualRouter<S>> {
        self.slots.as_mut().get_mut(id.index())?.router.as_mut()
    }
}
