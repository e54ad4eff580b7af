//! Routers on simulated time: the core of the service itself, on networks where packets arrive a moment later. It knows
//! nothing of configurations and of nothing that runs; who uses it puts the routers there, and moves them.

use std::collections::BTreeMap;
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

/// A group of routers, as it is known on the network: the same number of interface on all nodes is the same network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct GroupKey {
    pub(crate) network: InterfaceId,
    pub(crate) is_ipv6: bool,
    pub(crate) vrid: u8,
}

impl GroupKey {
    /// That of a router.
    pub(crate) fn of(router: &VirtualRouter<Owned>) -> Self {
        let config = router.config();
        Self { network: config.interface, is_ipv6: config.family == Family::Ipv6, vrid: config.vrid.get() }
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

/// Who holds the addresses of a group.
#[derive(Clone, Debug, Default)]
struct Watch {
    holders: Vec<usize>,
    /// Since when nobody does.
    nobody_since: Option<Instant>,
    /// How long nobody did, when somebody did before.
    nobody: Duration,
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
    now: Instant,
    nodes: Vec<Set>,
    /// By the time of arrival and the order of sending.
    flying: BTreeMap<(Instant, usize), Packet>,
    sent: usize,
    watches: BTreeMap<GroupKey, Watch>,
    changes: Vec<Change>,
    steps_left: usize,
    buffer: Vec<u8>,
}

impl World {
    /// Nobody there yet. At most `steps` packets and timers are played.
    pub(crate) fn new(now: Instant, steps: usize) -> Self {
        Self {
            now,
            nodes: Vec::new(),
            flying: BTreeMap::new(),
            sent: 0,
            watches: BTreeMap::new(),
            changes: Vec::new(),
            steps_left: steps,
            buffer: vec![0; PACKET_BYTES_MAX],
        }
    }

    /// Adds a node with its routers as they are. Returns its number.
    pub(crate) fn add(&mut self, set: Set) -> usize {
        let node = self.nodes.len();
        for (_, router) in set.routers().filter(|(_, router)| router.holds_addresses()) {
            self.watches.entry(GroupKey::of(router)).or_default().holders.push(node);
        }
        self.nodes.push(set);
        node
    }

    pub(crate) fn now(&self) -> Instant {
        self.now
    }

    pub(crate) fn set(&self, node: usize) -> Option<&Set> {
        self.nodes.get(node)
    }

    /// The changes of state so far, in their order.
    pub(crate) fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// How long nobody held the addresses of a group after somebody did, and whether anybody holds them now.
    pub(crate) fn unheld(&self, group: GroupKey) -> (Duration, bool) {
        let Some(watch) = self.watches.get(&group) else { return (Duration::ZERO, false) };
        let open = watch.nobody_since.map_or(Duration::ZERO, |since| self.now.since(since));
        (watch.nobody + open, !watch.holders.is_empty())
    }

    /// Does something to the routers of a node, and all that follows from it at once.
    pub(crate) fn with<T>(&mut self, node: usize, act: impl FnOnce(&mut Set, Instant) -> T) -> Option<T> {
        let now = self.now;
        let result = act(self.nodes.get_mut(node)?, now);
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
            let timers = (0..).zip(&self.nodes);
            let timer = timers.filter_map(|(node, set)| Some((set.deadline()?, node))).min();
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
                && match &router.config().transport {
                    Transport::Multicast { group } => *group == destination,
                    Transport::Unicast { .. } => router.source() == Some(destination),
                }
        };
        let listeners: Vec<usize> = (0..)
            .zip(&self.nodes)
            .filter(|(node, set)| *node != from && set.routers().any(|(_, router)| listens(router)))
            .map(|(node, _)| node)
            .collect();
        for node in listeners {
            let received = Received { source, destination, ttl, message: &message };
            self.with(node, |set, now| set.handle_packet(now, interface, &received));
        }
    }

    fn drain(&mut self, node: usize) {
        loop {
            let Some(set) = self.nodes.get_mut(node) else { return };
            match set.poll_output(&mut self.buffer) {
                Output::Timeout(_) => return,
                Output::Transmit(transmit) => self.transmit(node, &transmit),
                Output::Action { router, action } => {
                    let Some(group) = set.router(router).map(GroupKey::of) else { continue };
                    match action {
                        Action::AddAddresses => self.hold(node, group, true),
                        Action::RemoveAddresses => self.hold(node, group, false),
                        Action::Announce => {}
                    }
                }
                Output::Event { router, event: Event::Transition(transition) } => {
                    let Some(group) = set.router(router).map(GroupKey::of) else { continue };
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
        let watch = self.watches.entry(group).or_default();
        watch.holders.retain(|holder| *holder != node);
        if holds {
            watch.holders.push(node);
            if let Some(since) = watch.nobody_since.take() {
                watch.nobody = watch.nobody + now.since(since);
            }
        } else if watch.holders.is_empty() {
            watch.nobody_since.get_or_insert(now);
        }
    }

    fn transmit(&mut self, node: usize, transmit: &set::Transmit) {
        let header = if transmit.source.is_ipv4() { ipv4::HEADER_BYTES } else { ipv6::HEADER_BYTES };
        let Some(message) = self.buffer.get(header..transmit.len) else { return };
        let packet = Packet {
            from: node,
            interface: transmit.interface,
            source: transmit.source,
            destination: transmit.destination,
            ttl: transmit.ttl,
            message: message.to_vec(),
        };
        self.flying.insert((self.now + LATENCY, self.sent), packet);
        self.sent += 1;
    }
}
