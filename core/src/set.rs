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
mod output;
mod sharing;
mod tables;
mod work;
mod writing;

use core::net::IpAddr;

pub use output::{Output, PACKET_BYTES_MAX, Stray, Transmit};
pub use tables::{Interface, Link, Slot};

use deadlines::Deadlines;
use groups::{Standing, Walk};
use work::Work;
use writing::Sending;

use crate::priority::{Reading, Track, Tracker, TrackerId};
use crate::reject::Reject;
use crate::router::{
    Command, CommandError, Config, ConfigError, Effect, Effects, InterfaceId, REJECT_REPORT_EVERY, Received, Storage,
    VirtualRouter,
};
use crate::time::Instant;
use crate::vocabulary::{Block, Cause, Family};
use crate::wire::vrrp::Message;

/// A router of a set: its place in the table of slots. Stays the same until the router is removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouterId(u16);

impl RouterId {
    /// The index of its slot.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
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
        if self.is_taken(&config) {
            return Err((ConfigError::Duplicate, config));
        }
        let trackers = self.trackers.as_ref();
        let Some(place) = self.interfaces.as_mut().get_mut(usize::from(interface.0)) else {
            return Err((ConfigError::Interface, config));
        };
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
        let mut router = VirtualRouter::new(now, config, source, &held, trackers);
        if let Some(last_resort) = last_resort {
            router.stand_back_from_the_beginning(now, last_resort);
        }
        slot.router = Some(router);
        self.share(id, interface, family, vrid);
        self.join_group(now, id);
        // It is a member only now: what blocks it from the beginning is a change to the others.
        self.act_from(now, id, Standing::ABSENT, |router, _, out| router.start(now, out));
        Ok(id)
    }

    /// Gives a router a new configuration for the same interface, family, VRID and group. It goes on with it: no change of state
    /// unless the new configuration says so. Whether others with its VRID hear the same adverts is not asked, for two may be
    /// about to exchange their peers; an advert is for the first that awaits it.
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
        let Config { interface, family, vrid, .. } = *self.router(id)?.config();
        self.unshare(id, interface, family, vrid.get());
        let config = self.slots.as_mut().get_mut(id.index())?.router.take()?.into_config();
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
        let Some(message) = Message::new(packet.message) else {
            self.handle_malformed(now, interface, Some(packet.source));
            return;
        };
        let Some(id) = self.addressee(interface, family, message.vrid(), packet) else {
            let Some(place) = self.interfaces.as_mut().get_mut(usize::from(interface.0)) else { return };
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
