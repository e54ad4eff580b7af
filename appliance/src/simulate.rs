//! Routers on simulated time: the core of the service itself, on networks where packets arrive a moment later. It knows
//! nothing of configurations and of nothing that runs; who uses it puts the routers there, and moves them.

use locum_control::{SortedMap, SortedSet};
use std::net::IpAddr;

use locum_core::router::{Action, Event, InterfaceId, Received, Transition, Transport, VirtualRouter};
use locum_core::set::{self, Output, PACKET_BYTES_MAX};
use locum_core::time::{Duration, Instant};
use locum_core::vocabulary::Family;
use locum_core::wire::{ipv4, ipv6};

use crate::engine::Set;
use crate::engine::storage::Owned;

/// How long a packet takes. Far below every timer.
const LATENCY: Duration = Duration::from_us(200);
/// Changes of state that are remembered.
const CHANGES_MAX: usize = 1024;

/// A group of routers of which one is to hold the addresses. The same number of interface on all nodes is the same network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct GroupKey {
    pub(crate) network: InterfaceId,
    pub(crate) is_ipv6: bool,
    pub(crate) vrid: u8,
}

impl GroupKey {
    /// As routers know each other: by VRID and family.
    pub(crate) fn of(router: &VirtualRouter<Owned>) -> Self {
        let config = router.config();
        Self { network: config.interface, is_ipv6: config.family == Family::Ipv6, vrid: config.vrid.get() }
    }

    /// Where each network has one group only, also if its members do not agree on the VRID.
    pub(crate) fn of_network(router: &VirtualRouter<Owned>) -> Self {
        Self { network: router.config().interface, is_ipv6: false, vrid: 0 }
    }
}

/// Why a simulation ends early: the steps that it may take are used up.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

/// A change of state.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change {
    /// Whose.
    pub(crate) node: usize,
    /// Of which group.
    pub(crate) group: GroupKey,
    /// Which.
    pub(crate) transition: Transition,
}

/// Who held the addresses of a group since the watch began.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watch {
    since: Instant,
    counted: Instant,
    holders: SortedSet<usize>,
    /// When each node sent its last advert.
    adverts: SortedMap<usize, Instant>,
    /// How long after the begin of the watch somebody took or left them for the last time.
    pub(crate) moved: Duration,
    /// How long nobody held them.
    pub(crate) nobody: Duration,
    /// How long more than one did.
    pub(crate) several: Duration,
}

impl Watch {
    fn begin(now: Instant) -> Self {
        Self { since: now, counted: now, ..Self::default() }
    }

    /// Whether anybody holds them now.
    pub(crate) fn is_held(&self) -> bool {
        !self.holders.is_empty()
    }

    fn count(&mut self, now: Instant) {
        let passed = now.since(self.counted);
        match self.holders.len() {
            0 => self.nobody = self.nobody + passed,
            1 => {}
            _ => self.several = self.several + passed,
        }
        self.counted = now;
    }

    fn hold(&mut self, node: usize, holds: bool, now: Instant) {
        self.count(now);
        self.moved = now.since(self.since);
        if holds {
            self.holders.insert(node);
        } else {
            self.holders.remove(&node);
        }
    }
}

struct Packet {
    from: usize,
    interface: InterfaceId,
    source: IpAddr,
    destination: IpAddr,
    ttl: u8,
    message: Vec<u8>,
}

/// The nodes, what is on its way between them, and the time.
pub(crate) struct World {
    key: fn(&VirtualRouter<Owned>) -> GroupKey,
    now: Instant,
    /// When the watches began.
    watched_since: Instant,
    /// `None` for one that is dark.
    nodes: Vec<Option<Set>>,
    /// By the time of arrival and the order of sending.
    flying: SortedMap<(Instant, usize), Packet>,
    sent: usize,
    watches: SortedMap<GroupKey, Watch>,
    changes: Vec<Change>,
    steps_left: usize,
    buffer: Vec<u8>,
}

impl World {
    /// Nobody there yet. At most `steps` packets and timers are played. `key` says which routers are one group.
    pub(crate) fn new(now: Instant, steps: usize, key: fn(&VirtualRouter<Owned>) -> GroupKey) -> Self {
        Self {
            key,
            now,
            watched_since: now,
            nodes: Vec::new(),
            flying: SortedMap::new(),
            sent: 0,
            watches: SortedMap::new(),
            changes: Vec::new(),
            steps_left: steps,
            buffer: vec![0; PACKET_BYTES_MAX],
        }
    }

    /// Adds a node with its routers as they are. Returns its number.
    pub(crate) fn add(&mut self, set: Set) -> usize {
        let node = self.nodes.len();
        self.nodes.push(None);
        self.put(node, set);
        node
    }

    /// Puts routers as they are in the place of a node that is dark.
    pub(crate) fn put(&mut self, node: usize, set: Set) {
        for (_, router) in set.routers() {
            let watch = self.watches.get_or_insert_with((self.key)(router), || Watch::begin(self.watched_since));
            if router.holds_addresses() {
                watch.hold(node, true, self.now);
            }
        }
        if self.nodes.len() <= node {
            self.nodes.resize_with(node + 1, || None);
        }
        if let Some(place) = self.nodes.get_mut(node) {
            *place = Some(set);
        }
        self.drain(node);
    }

    /// A node goes dark, without a word.
    pub(crate) fn remove(&mut self, node: usize) {
        if let Some(place) = self.nodes.get_mut(node) {
            *place = None;
        }
        self.watches.values_mut().for_each(|watch| watch.hold(node, false, self.now));
    }

    pub(crate) fn now(&self) -> Instant {
        self.now
    }

    pub(crate) fn set(&self, node: usize) -> Option<&Set> {
        self.nodes.get(node)?.as_ref()
    }

    /// The nodes that are not dark.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = (usize, &Set)> {
        (0..).zip(&self.nodes).filter_map(|(node, set)| Some((node, set.as_ref()?)))
    }

    /// The changes of state so far, in their order.
    pub(crate) fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Who held the addresses of a group.
    pub(crate) fn watch(&self, group: GroupKey) -> Watch {
        self.watches.get(&group).cloned().unwrap_or_default()
    }

    /// Forgets what the watches counted.
    pub(crate) fn restart_watches(&mut self) {
        self.watched_since = self.now;
        for watch in self.watches.values_mut() {
            let Watch { holders, adverts, .. } = std::mem::take(watch);
            *watch = Watch { holders, adverts, ..Watch::begin(self.now) };
        }
    }

    /// How long ago a node sent its last advert in a group.
    pub(crate) fn since_advert(&self, node: usize, group: GroupKey) -> Duration {
        let sent = self.watches.get(&group).and_then(|watch| watch.adverts.get(&node));
        sent.map_or(Duration::ZERO, |sent| self.now.since(*sent))
    }

    /// Does something to the routers of a node, and all that follows from it at once.
    pub(crate) fn with<T>(&mut self, node: usize, act: impl FnOnce(&mut Set, Instant) -> T) -> Option<T> {
        let now = self.now;
        let result = act(self.nodes.get_mut(node)?.as_mut()?, now);
        self.drain(node);
        Some(result)
    }

    /// Lets time pass.
    ///
    /// # Errors
    /// When the steps are used up.
    pub(crate) fn run(&mut self, time: Duration) -> Result<(), TooLong> {
        let end = self.now + time;
        loop {
            let arrival = self.flying.first_key_value().map(|((at, _), _)| *at);
            let timer = self.nodes().filter_map(|(node, set)| Some((set.deadline()?, node))).min();
            let is_arrival = arrival.is_some_and(|at| timer.is_none_or(|(due, _)| at <= due));
            match (is_arrival, arrival, timer) {
                (true, Some(at), _) if at <= end => {
                    self.now = self.now.max(at);
                    self.deliver();
                }
                (false, _, Some((due, node))) if due <= end => {
                    self.now = self.now.max(due);
                    self.with(node, Set::handle_timeout);
                }
                (..) => {
                    self.now = end;
                    self.watches.values_mut().for_each(|watch| watch.count(end));
                    return Ok(());
                }
            }
            self.steps_left = self.steps_left.checked_sub(1).ok_or(TooLong)?;
        }
    }

    fn deliver(&mut self) {
        let Some((_, packet)) = self.flying.pop_first() else { return };
        let Packet { from, interface, source, destination, ttl, message } = packet;
        let listens = |router: &VirtualRouter<Owned>| {
            router.config().interface == interface
                && (router.source() == Some(destination)
                    || matches!(&router.config().transport, Transport::Multicast { group } if *group == destination))
        };
        let nodes =
            self.nodes().filter(|(node, set)| *node != from && set.routers().any(|(_, router)| listens(router)));
        let listeners: Vec<usize> = nodes.map(|(node, _)| node).collect();
        for node in listeners {
            let received = Received { source, destination, ttl, message: &message };
            self.with(node, |set, now| set.handle_packet(now, interface, &received));
        }
    }

    fn drain(&mut self, node: usize) {
        loop {
            let Some(set) = self.nodes.get_mut(node).and_then(Option::as_mut) else { return };
            match set.poll_output(&mut self.buffer) {
                Output::Timeout(_) => return,
                Output::Transmit(transmit) => self.transmit(node, &transmit),
                Output::Action { router, action } => {
                    let Some(group) = set.router(router).map(self.key) else { continue };
                    match action {
                        Action::AddAddresses => self.hold(node, group, true),
                        Action::RemoveAddresses => self.hold(node, group, false),
                        Action::Announce => {}
                    }
                }
                Output::Event { router, event: Event::Transition(transition) } => {
                    let Some(group) = set.router(router).map(self.key) else { continue };
                    if self.changes.len() < CHANGES_MAX {
                        self.changes.push(Change { node, group, transition });
                    }
                }
                Output::Event { .. } | Output::Stray { .. } => {}
            }
        }
    }

    fn hold(&mut self, node: usize, group: GroupKey, holds: bool) {
        let now = self.now;
        self.watches.get_or_insert_with(group, || Watch::begin(self.watched_since)).hold(node, holds, now);
    }

    fn transmit(&mut self, node: usize, transmit: &set::Transmit) {
        let header = if transmit.source.is_ipv4() { ipv4::HEADER_BYTES } else { ipv6::HEADER_BYTES };
        let Some(message) = self.buffer.get(header..transmit.len).map(<[u8]>::to_vec) else { return };
        let group = self.set(node).and_then(|set| set.router(transmit.router)).map(self.key);
        if let Some(watch) = group.and_then(|group| self.watches.get_mut(&group)) {
            watch.adverts.insert(node, self.now);
        }
        let packet = Packet {
            from: node,
            interface: transmit.interface,
            source: transmit.source,
            destination: transmit.destination,
            ttl: transmit.ttl,
            message,
        };
        self.flying.insert((self.now + LATENCY, self.sent), packet);
        self.sent += 1;
    }
}
