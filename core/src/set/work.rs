//! An input that concerns many routers is handled one router at a time, between the outputs of one and the next.

use super::deadlines::Deadlines;
use super::{Interface, Link, RouterId, RouterSet, Slot};
use crate::priority::{Tracker, TrackerId};
use crate::router::{InterfaceId, Storage, VirtualRouter};
use crate::time::Instant;
use crate::vocabulary::{Block, Cause};

/// What is still to be done about the last input.
#[derive(Clone, Copy, Debug)]
pub(super) enum Work {
    None,
    /// Expired timers, up to and including this time.
    Timers(Instant),
    /// The link of an interface changed; from this slot on.
    Link {
        now: Instant,
        interface: InterfaceId,
        next: usize,
    },
    /// A tracker says something else; from this slot on.
    Reading {
        now: Instant,
        tracker: TrackerId,
        next: usize,
    },
    /// Everything stops; from this slot on.
    Shutdown {
        now: Instant,
        next: usize,
    },
}

impl<S, R, I, T> RouterSet<S, R, I, T>
where
    S: Storage,
    R: AsRef<[Slot<S>]> + AsMut<[Slot<S>]>,
    I: AsRef<[Interface]> + AsMut<[Interface]>,
    T: AsRef<[Tracker]> + AsMut<[Tracker]>,
{
    /// Does the next piece of work. Returns whether there was one.
    pub(super) fn advance(&mut self) -> bool {
        if let Some(walk) = self.walk {
            self.step(walk);
            return true;
        }
        match self.work {
            Work::None => false,
            Work::Timers(now) => {
                let due = Deadlines::new(self.slots.as_ref(), self.heap_len).earliest().filter(|(at, _)| *at <= now);
                match due {
                    Some((_, index)) => {
                        self.ask_group(now, RouterId(index));
                        self.with_router(now, RouterId(index), |router, _, out| router.handle_timer(now, out));
                    }
                    None => self.work = Work::None,
                }
                true
            }
            Work::Link { now, interface, next } => {
                let link = self.interface(interface).map_or(Link::Missing, Interface::link);
                let found = self.next_router(next, |router| router.config().interface == interface);
                match found {
                    Some(id) => {
                        self.work = Work::Link { now, interface, next: id.index() + 1 };
                        self.with_router(now, id, |router, _, out| {
                            // First what begins to hold, so that an exchange of the two never looks like recovery.
                            let missing = (Block::InterfaceMissing, link == Link::Missing);
                            let down = (Block::LinkDown, link == Link::Down);
                            let order = if down.1 { [down, missing] } else { [missing, down] };
                            for (block, holds) in order {
                                router.handle_block(now, block, holds, out);
                            }
                        });
                    }
                    None => self.work = Work::None,
                }
                true
            }
            Work::Reading { now, tracker, next } => {
                let follows = |router: &VirtualRouter<S>| {
                    router.config().tracks.as_ref().iter().any(|track| track.tracker == tracker)
                };
                match self.next_router(next, follows) {
                    Some(id) => {
                        self.work = Work::Reading { now, tracker, next: id.index() + 1 };
                        self.with_router(now, id, |router, trackers, out| {
                            router.handle_reading(now, trackers, tracker, out);
                        });
                    }
                    None => self.work = Work::None,
                }
                true
            }
            Work::Shutdown { now, next } => {
                match self.next_router(next, |_| true) {
                    Some(id) => {
                        self.work = Work::Shutdown { now, next: id.index() + 1 };
                        self.with_router(now, id, |router, _, out| router.shutdown(now, Cause::Shutdown, out));
                    }
                    None => self.work = Work::None,
                }
                true
            }
        }
    }

    fn next_router(&self, from: usize, wanted: impl Fn(&VirtualRouter<S>) -> bool) -> Option<RouterId> {
        self.routers().skip_while(|(id, _)| id.index() < from).find(|(_, router)| wanted(router)).map(|(id, _)| id)
    }
}
