//! Many virtual routers: finds the one that a packet is for, knows the earliest deadline, and hands out what the routers
//! want done.
//!
//! # Use
//!
//! One mutation, then drain: after each call of a `handle_…` or `insert` method call [`RouterSet::poll_output`] until it
//! yields [`Output::Timeout`], and do what each output says, in order. Wait until then or until something comes in.
//!
//! ```text
//! loop {
//!     match set.poll_output(&mut buffer) {
//!         Output::Transmit(what) => send(&buffer[..what.len]),
//!         Output::Action { router, action } => change_or_announce_addresses(router, action),
//!         Output::Event { router, event } => tell(router, event),
//!         Output::Stray { interface, stray } => tell(interface, stray),
//!         Output::Timeout(when) => { wait_until(when); set.handle_timeout(now) }
//!     }
//! }
//! ```
//!
//! Calling `handle_timeout` early is harmless; late costs lateness.

mod deadlines;
mod groups;
mod tables;
mod writing;

use core::net::IpAddr;

pub use tables::{Interface, Link, Slot};

use deadlines::Deadlines;
use groups::{Standing, Walk};
use writing::{destination, write};

use crate::priority::{Reading, Track, Tracker, TrackerId};
use crate::reject::Reject;
use crate::router::{
    Action, Command, CommandError, Config, ConfigError, Effect, Effects, Event, InterfaceId, REJECT_REPORT_EVERY,
    Received, Storage, VirtualRouter,
};
use crate::time::Instant;
use crate::vocabulary::{Block, Cause, Family};
use crate::wire::ipv6;
use crate::wire::vrrp::{self, Message};

/// The longest packet that [`RouterSet::poll_output`] writes.
pub const PACKET_BYTES_MAX: usize = ipv6::HEADER_BYTES + vrrp::MESSAGE_BYTES_MAX;

/// A router of a set: its place in the table of slots. Stays the same until the router is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouterId(u16);

impl RouterId {
    /// The index of its slot.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

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
    /// A packet was too short to say what it is. Reported at most every [`REJECT_REPORT_EVERY`] for an interface.
    Malformed {
        /// Who sent it, if as much can be read.
        source: Option<IpAddr>,
        /// How many since the last report, this one included.
        count: u32,
    },
}

/// An advert that is being sent, to one destination after the other.
#[derive(Clone, Copy, Debug)]
struct Sending {
    router: RouterId,
    priority: u8,
    next_destination: usize,
}

/// What is still to be done about the last input.
#[derive(Clone, Copy, Debug)]
enum Work {
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

/// A set of virtual routers, in tables that the caller provides: their sizes are the most routers, interfaces and trackers
/// there can be (at most 65,535 of each).
#[derive(Clone, Debug)]
pub struct RouterSet<S, R, I, T>
where
    S: Storage,
    R: AsRef<[Slot<S>]> + AsMut<[Slot<S>]>,
    I: AsRef<[Interface]> + AsMut<[Interface]>,
    T: AsRef<[Tracker]> + AsMut<[Tracker]>,
{
    slots: R,
    interfaces: I,
    trackers: T,
    heap_len: u16,
    work: Work,
    /// The members of a sync group that are still to follow one of them.
    walk: Option<Walk>,
    /// Effects of the router that was handled last.
    effects: Effects,
    effects_of: RouterId,
    sending: Option<Sending>,
    stray: Option<(InterfaceId, Stray)>,
    storage: core::marker::PhantomData<S>,
}

impl<S, R, I, T> RouterSet<S, R, I, T>
where
    S: Storage,
    R: AsRef<[Slot<S>]> + AsMut<[Slot<S>]>,
    I: AsRef<[Interface]> + AsMut<[Interface]>,
    T: AsRef<[Tracker]> + AsMut<[Tracker]>,
{
    /// An empty set. The tables must hold default values.
    pub fn new(slots: R, interfaces: I, trackers: T) -> Self {
        Self {
            slots,
            interfaces,
            trackers,
            heap_len: 0,
            work: Work::None,
            walk: None,
            effects: Effects::new(),
            effects_of: RouterId(0),
            sending: None,
            stray: None,
            storage: core::marker::PhantomData,
        }
    }

    /// Hands out the tables so that they can be made longer with default values; nothing else may be done with them.
    pub fn grow(&mut self, extend: impl FnOnce(&mut R, &mut I, &mut T)) {
        self.assert_drained();
        extend(&mut self.slots, &mut self.interfaces, &mut self.trackers);
    }

    /// A router.
    pub fn router(&self, id: RouterId) -> Option<&VirtualRouter<S>> {
        self.slots.as_ref().get(id.index())?.router.as_ref()
    }

    /// Every router.
    pub fn routers(&self) -> impl Iterator<Item = (RouterId, &VirtualRouter<S>)> {
        (0..=u16::MAX).map(RouterId).zip(self.slots.as_ref()).filter_map(|(id, slot)| Some((id, slot.router.as_ref()?)))
    }

    /// An interface.
    pub fn interface(&self, id: InterfaceId) -> Option<&Interface> {
        self.interfaces.as_ref().get(usize::from(id.0))
    }

    /// What a tracker said last.
    pub fn tracker(&self, id: TrackerId) -> Option<&Tracker> {
        self.trackers.as_ref().get(usize::from(id.0))
    }

    /// The earliest deadline.
    pub fn deadline(&self) -> Option<Instant> {
        Deadlines::new(self.slots.as_ref(), self.heap_len).earliest().map(|(at, _)| at)
    }

    /// Whether all routers are in INIT and without addresses.
    pub fn is_stopped(&self) -> bool {
        self.slots.as_ref().iter().all(|slot| slot.router.as_ref().is_none_or(VirtualRouter::is_stopped))
    }

    /// Adds a router and starts it. `source` is the address to send from, if there is one.
    ///
    /// # Errors
    /// Why the configuration cannot be run; it comes back with the error, and nothing has changed.
    pub fn insert(
        &mut self,
        now: Instant,
        config: Config<S>,
        source: Option<IpAddr>,
    ) -> Result<RouterId, (ConfigError, Config<S>)> {
        self.insert_standing_back(now, config, source, None)
    }

    /// As [`RouterSet::insert`], but with `last_resort` the router stands back from the beginning, as after
    /// [`Command::Yield`]; so not even an owner of the addresses is MASTER for a moment.
    ///
    /// # Errors
    /// As for `insert`.
    pub fn insert_standing_back(
        &mut self,
        now: Instant,
        config: Config<S>,
        source: Option<IpAddr>,
        last_resort: Option<bool>,
    ) -> Result<RouterId, (ConfigError, Config<S>)> {
        self.assert_drained();
        let (interface, family, vrid) = (config.interface, config.family, config.vrid.get());
        if let Err(error) = self.validate(&config) {
            return Err((error, config));
        }
        let trackers = self.trackers.as_ref();
        let Some(place) = self.interfaces.as_mut().get_mut(usize::from(interface.0)) else {
            return Err((ConfigError::Interface, config));
        };
        if place.router(family, vrid).is_some() {
            return Err((ConfigError::Duplicate, config));
        }
        let free = (0..u16::MAX).zip(self.slots.as_mut()).find(|(_, slot)| slot.router.is_none());
        let Some((index, slot)) = free else {
            return Err((ConfigError::Full, config));
        };
        let id = RouterId(index);
        let blocks = [
            (place.link == Link::Missing, Block::InterfaceMissing),
            (place.link == Link::Down, Block::LinkDown),
            (source.is_none(), Block::NoSourceAddress),
        ];
        let mut held: heapless::Vec<Block, 3> = heapless::Vec::new();
        held.extend(blocks.into_iter().filter_map(|(holds, block)| holds.then_some(block)));
        place.set_router(family, vrid, Some(id));
        let mut router = VirtualRouter::new(now, config, source, &held, trackers);
        if let Some(last_resort) = last_resort {
            router.stand_back_from_the_beginning(now, last_resort);
        }
        slot.router = Some(router);
        self.join_group(now, id);
        // It is a member only now: what blocks it from the beginning is a change to the others.
        self.act_from(now, id, Standing::ABSENT, |router, _, out| router.start(now, out));
        Ok(id)
    }

    /// Gives a router a new configuration for the same interface, family, VRID and group. It goes on with it: no change of state
    /// unless the new configuration says so.
    ///
    /// # Errors
    /// Why it cannot be run; it comes back with the error, and nothing has changed. Otherwise the old one comes back.
    pub fn reconfigure(
        &mut self,
        now: Instant,
        id: RouterId,
        config: Config<S>,
    ) -> Result<Config<S>, (ConfigError, Config<S>)> {
        self.assert_drained();
        let identity = |config: &Config<S>| (config.interface, config.family, config.vrid, config.group);
        if self.router(id).map(|router| identity(router.config())) != Some(identity(&config)) {
            return Err((ConfigError::Identity, config));
        }
        if let Err(error) = self.validate(&config) {
            return Err((error, config));
        }
        let link_is_down = self.interface(config.interface).is_some_and(|place| place.link == Link::Down);
        let slot = self.slots.as_mut().get_mut(id.index());
        let Some(router) = slot.and_then(|slot| slot.router.as_mut()) else {
            return Err((ConfigError::Identity, config));
        };
        let before = Standing::of(router);
        let old = router.reconfigure(now, config, link_is_down, self.trackers.as_ref(), &mut self.effects);
        self.has_acted(now, id, before);
        Ok(old)
    }

    fn validate(&self, config: &Config<S>) -> Result<(), ConfigError> {
        let trackers = self.trackers.as_ref().len();
        let is_unknown = |track: &Track| usize::from(track.tracker.0) >= trackers;
        if config.tracks.as_ref().iter().any(is_unknown) {
            return Err(ConfigError::Tracker);
        }
        config.validate()
    }

    /// Removes a router that is stopped and gives back its configuration. `None` if there is none, or it is not stopped.
    pub fn remove(&mut self, id: RouterId) -> Option<Config<S>> {
        self.router(id).filter(|router| router.is_stopped())?;
        self.forget(id)
    }

    /// Takes a router out as it stands, without a word to anybody and without an effect on its sync group. For a copy of a
    /// set on which only some of the routers are to be played; what runs is ended in order and removed.
    pub fn forget(&mut self, id: RouterId) -> Option<Config<S>> {
        self.assert_drained();
        self.leave_group(id);
        let slot = self.slots.as_mut().get_mut(id.index())?;
        let router = slot.router.take()?;
        let config = router.into_config();
        if let Some(place) = self.interfaces.as_mut().get_mut(usize::from(config.interface.0)) {
            place.set_router(config.family, config.vrid.get(), None);
        }
        self.reschedule(id);
        Some(config)
    }

    /// Time has passed: handles the timers that have expired.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.assert_drained();
        self.work = Work::Timers(now);
    }

    /// A packet came in on `interface`. One that is not wanted is counted by its reason and has no other effect.
    pub fn handle_packet(&mut self, now: Instant, interface: InterfaceId, packet: &Received<'_>) {
        self.assert_drained();
        let family = Family::of(packet.source);
        let Some(place) = self.interfaces.as_mut().get_mut(usize::from(interface.0)) else { return };
        let Some(message) = Message::new(packet.message) else {
            self.handle_malformed(now, interface, Some(packet.source));
            return;
        };
        let Some(id) = place.router(family, message.vrid()) else {
            place.rejected.count(Reject::UnknownVrid);
            if place.note_foreign(family, message.vrid()) {
                let (vrid, source) = (message.vrid(), packet.source);
                self.stray = Some((interface, Stray::ForeignVrid { family, vrid, source }));
            }
            return;
        };
        self.with_router(now, id, |router, _, out| router.handle_packet(now, packet, &message, out));
    }

    /// A packet came in on `interface` that cannot be read.
    pub fn handle_malformed(&mut self, now: Instant, interface: InterfaceId, source: Option<IpAddr>) {
        self.assert_drained();
        let Some(place) = self.interfaces.as_mut().get_mut(usize::from(interface.0)) else { return };
        place.rejected.count(Reject::Malformed);
        if place.malformed_reported_at.is_none_or(|at| now.since(at) >= REJECT_REPORT_EVERY) {
            place.malformed_reported_at = Some(now);
            let total = place.rejected.of(Reject::Malformed);
            let count = total.saturating_sub(core::mem::replace(&mut place.malformed_reported, total));
            self.stray = Some((interface, Stray::Malformed { source, count }));
        }
    }

    /// The link of an interface is this now.
    pub fn handle_link(&mut self, now: Instant, interface: InterfaceId, link: Link) {
        self.assert_drained();
        let Some(place) = self.interfaces.as_mut().get_mut(usize::from(interface.0)) else { return };
        if place.link != link {
            place.link = link;
            self.work = Work::Link { now, interface, next: 0 };
        }
    }

    /// The address that a router is to send from is this now.
    pub fn handle_source(&mut self, now: Instant, id: RouterId, source: Option<IpAddr>) {
        self.assert_drained();
        self.with_router(now, id, |router, _, out| router.handle_source(now, source, out));
    }

    /// Something keeps a router from taking part, or no longer does. For what the set cannot know by itself.
    pub fn handle_block(&mut self, now: Instant, id: RouterId, block: Block, holds: bool) {
        self.assert_drained();
        self.with_router(now, id, |router, _, out| router.handle_block(now, block, holds, out));
    }

    /// A tracker says this now. All who follow it act on it.
    pub fn handle_reading(&mut self, now: Instant, tracker: TrackerId, reading: Reading) {
        self.assert_drained();
        let Some(place) = self.trackers.as_mut().get_mut(usize::from(tracker.0)) else { return };
        if place.reading != reading {
            *place = Tracker { reading, since: now };
            self.work = Work::Reading { now, tracker, next: 0 };
        }
    }

    /// An order of the operator.
    ///
    /// # Errors
    /// Why it was not carried out.
    pub fn handle_command(&mut self, now: Instant, id: RouterId, command: Command) -> Result<(), CommandError> {
        self.assert_drained();
        self.ask_group(now, id);
        self.with_router(now, id, |router, trackers, out| router.handle_command(now, command, trackers, out))
            .unwrap_or(Err(CommandError::NoSuchRouter))
    }

    /// Ends one router in order; it can be removed when it is stopped.
    pub fn handle_stop(&mut self, now: Instant, id: RouterId) {
        self.assert_drained();
        self.with_router(now, id, |router, _, out| router.shutdown(now, Cause::Removed, out));
    }

    /// Ends all routers in order. Go on with timeouts and packets until [`RouterSet::is_stopped`].
    pub fn handle_shutdown(&mut self, now: Instant) {
        self.assert_drained();
        self.work = Work::Shutdown { now, next: 0 };
    }

    /// The next thing to do. `buffer` takes the packet of [`Output::Transmit`] and needs [`PACKET_BYTES_MAX`] bytes; an
    /// advert that does not fit is not sent.
    pub fn poll_output(&mut self, buffer: &mut [u8]) -> Output {
        loop {
            if let Some((interface, stray)) = self.stray.take() {
                return Output::Stray { interface, stray };
            }
            if let Some(transmit) = self.next_transmit(buffer) {
                return Output::Transmit(transmit);
            }
            let router = self.effects_of;
            match self.effects.pop_front() {
                Some(Effect::Advert { priority }) => {
                    self.sending = Some(Sending { router, priority, next_destination: 0 });
                }
                Some(Effect::Action(action)) => return Output::Action { router, action },
                Some(Effect::Event(event)) => return Output::Event { router, event },
                None if self.advance() => {}
                None => return Output::Timeout(self.deadline()),
            }
        }
    }

    /// Does the next piece of work. Returns whether there was one.
    fn advance(&mut self) -> bool {
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

    /// Lets a router act.
    fn with_router<A>(
        &mut self,
        now: Instant,
        id: RouterId,
        act: impl FnOnce(&mut VirtualRouter<S>, &[Tracker], &mut Effects) -> A,
    ) -> Option<A> {
        let before = Standing::of(self.router(id)?);
        self.act_from(now, id, before, act)
    }

    /// As `with_router`, with the standing from which the group takes its move.
    fn act_from<A>(
        &mut self,
        now: Instant,
        id: RouterId,
        before: Standing,
        act: impl FnOnce(&mut VirtualRouter<S>, &[Tracker], &mut Effects) -> A,
    ) -> Option<A> {
        let router = self.slots.as_mut().get_mut(id.index())?.router.as_mut()?;
        let result = act(router, self.trackers.as_ref(), &mut self.effects);
        self.has_acted(now, id, before);
        Some(result)
    }

    /// A router has acted: its effects, its new deadline, and what its group must follow.
    fn has_acted(&mut self, now: Instant, id: RouterId, before: Standing) {
        self.effects_of = id;
        self.reschedule(id);
        let member = self.router(id).filter(|router| router.config().group.is_some());
        if let Some(after) = member.map(Standing::of).filter(|after| *after != before) {
            self.walk = self.walk_from(now, id, before, after);
        }
    }

    fn reschedule(&mut self, id: RouterId) {
        let at = self.router(id).and_then(VirtualRouter::deadline);
        Deadlines::new(self.slots.as_mut(), self.heap_len).set(id.0, at, &mut self.heap_len);
    }

    /// Writes the advert under way for its next destination.
    fn next_transmit(&mut self, buffer: &mut [u8]) -> Option<Transmit> {
        while let Some(sending) = self.sending {
            let router = self.slots.as_mut().get_mut(sending.router.index()).and_then(|slot| slot.router.as_mut());
            let next = router.and_then(|router| {
                let (destination, ttl) = destination(&router.config().transport, sending.next_destination)?;
                Some((router, destination, ttl))
            });
            let Some((router, destination, ttl)) = next else {
                self.sending = None;
                return None;
            };
            self.sending = Some(Sending { next_destination: sending.next_destination + 1, ..sending });
            let written = router
                .source()
                .and_then(|source| Some((source, write(router, sending.priority, source, destination, ttl, buffer)?)));
            debug_assert!(written.is_some(), "the buffer is large enough and the families agree");
            if let Some((source, len)) = written {
                router.count_sent(sending.priority);
                let interface = router.config().interface;
                return Some(Transmit { router: sending.router, interface, source, destination, ttl, len });
            }
        }
        None
    }

    fn assert_drained(&self) {
        debug_assert!(
            self.effects.is_empty()
                && self.sending.is_none()
                && self.stray.is_none()
                && self.walk.is_none()
                && matches!(self.work, Work::None),
            "poll_output until Timeout before the next input"
        );
    }
}

#[cfg(test)]
mod tests;
