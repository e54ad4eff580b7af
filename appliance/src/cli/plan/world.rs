//! All nodes on one simulated network: the core of the service itself, on time that is handed in.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use locum_core::priority::{Reading, Tracker, TrackerId};
use locum_core::router::{Action, AnnounceConfig, InterfaceId, Received};
use locum_core::set::{self, Interface, Link, Output, PACKET_BYTES_MAX, RouterId, RouterSet, Slot};
use locum_core::time::{Duration, Instant};
use locum_core::vocabulary::State;
use locum_core::wire::{ipv4, ipv6};

use super::follow::{Followed, sync_group};
use super::group::{Group, Node};
use crate::engine::storage::Owned;
use crate::service::{Ties, core_config};

/// How long a packet takes. Far below every timer.
const LATENCY_US: u64 = 200;
/// Steps of one run. Hundred adverts a second of ten routers for half an hour fit.
const STEPS_MAX: usize = 2_000_000;

type Set = RouterSet<Owned, Vec<Slot<Owned>>, Vec<Interface>, Vec<Tracker>>;

/// Why a simulation ends early.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLong;

/// The nodes, what is on its way between them, and the time. Each group has a network of its own.
pub(super) struct World<'g, 'n> {
    groups: &'g [Group<'n>],
    nodes: &'n [Node],
    now_us: u64,
    stations: Vec<Option<Station>>,
    /// By the time of arrival and the order of sending.
    flying: BTreeMap<(u64, usize), Packet>,
    sent: usize,
    watches: Vec<Watch>,
    buffer: Vec<u8>,
}

struct Station {
    set: Set,
    /// The group of each router.
    groups: HashMap<RouterId, usize>,
    /// The router of each group.
    routers: Vec<Option<RouterId>>,
}

struct Packet {
    node: usize,
    group: usize,
    source: IpAddr,
    destination: IpAddr,
    ttl: u8,
    message: Vec<u8>,
}

/// Who held the addresses of a group since the watch began.
#[derive(Clone, Debug, Default)]
pub(super) struct Watch {
    since_us: u64,
    changed_us: u64,
    holders: BTreeSet<usize>,
    /// When each node sent its last advert.
    adverts_us: BTreeMap<usize, u64>,
    /// How long after the begin of the watch somebody took or left them for the last time.
    pub(super) moved_us: u64,
    /// How long nobody held them.
    pub(super) nobody_us: u64,
    /// How long more than one did.
    pub(super) several_us: u64,
}

impl Watch {
    fn count(&mut self, now_us: u64) {
        let passed = now_us.saturating_sub(self.changed_us.max(self.since_us));
        match self.holders.len() {
            0 => self.nobody_us += passed,
            1 => {}
            _ => self.several_us += passed,
        }
        self.changed_us = now_us;
    }

    fn hold(&mut self, node: usize, holds: bool, now_us: u64) {
        self.count(now_us);
        self.moved_us = now_us.saturating_sub(self.since_us);
        if holds {
            self.holders.insert(node);
        } else {
            self.holders.remove(&node);
        }
    }

    fn restart(&mut self, now_us: u64) {
        (self.since_us, self.changed_us) = (now_us, now_us);
        (self.moved_us, self.nobody_us, self.several_us) = (0, 0, 0);
    }
}

impl<'g, 'n> World<'g, 'n> {
    /// All nodes off.
    pub(super) fn new(groups: &'g [Group<'n>], nodes: &'n [Node]) -> Self {
        Self {
            groups,
            nodes,
            now_us: 0,
            stations: nodes.iter().map(|_| None).collect(),
            flying: BTreeMap::new(),
            sent: 0,
            watches: vec![Watch::default(); groups.len()],
            buffer: vec![0; PACKET_BYTES_MAX],
        }
    }

    /// Starts a node. All that it follows is well from the first moment.
    pub(super) fn start(&mut self, node: usize) {
        let Some(model) = self.nodes.get(node).map(|node| node.configuration.model()) else { return };
        let interfaces = vec![Interface::default(); self.groups.len()];
        let count = self.groups.len();
        let followed = Followed::of(model);
        let set = Set::new(vec![Slot::default(); count], interfaces, vec![Tracker::default(); followed.len()]);
        let mut station = Station { set, groups: HashMap::new(), routers: vec![None; count] };
        let now = Instant::from_us(self.now_us);
        for (tracker, reading) in followed.readings() {
            station.set.handle_reading(now, tracker, reading);
            self.drain(node, &mut station);
        }
        for (index, group) in self.groups.iter().enumerate() {
            let (Ok(interface), Some(member)) = (u16::try_from(index).map(InterfaceId), group.member_of(node)) else {
                continue;
            };
            station.set.handle_link(now, interface, Link::Up);
            self.drain(node, &mut station);
            if member.instance.broken {
                continue; // held in FAULT
            }
            // Announcements are of no consequence here.
            let announce = AnnounceConfig::default();
            let ties = Ties {
                tracks: followed.tracks(model, member.instance),
                group: sync_group(model, &member.instance.name),
                start_delay: Duration::ZERO,
            };
            let Some(config) = core_config(member.instance, interface, announce, ties) else { continue };
            if let Ok(id) = station.set.insert(now, config, Some(member.address)) {
                station.groups.insert(id, index);
                if let Some(router) = station.routers.get_mut(index) {
                    *router = Some(id);
                }
                self.drain(node, &mut station);
            }
        }
        if let Some(place) = self.stations.get_mut(node) {
            *place = Some(station);
        }
    }

    /// A node goes dark, at a moment when it has just sent an advert in each group: nobody can notice later.
    pub(super) fn fail(&mut self, node: usize) {
        if let Some(station) = self.stations.get_mut(node) {
            *station = None;
        }
        for watch in &mut self.watches {
            watch.hold(node, false, self.now_us);
        }
    }

    /// A tracker of a node says something else.
    pub(super) fn read(&mut self, node: usize, tracker: TrackerId, reading: Reading) {
        let now = Instant::from_us(self.now_us);
        self.with(node, |set| set.handle_reading(now, tracker, reading));
    }

    /// A node loses the link on which it is a member of a group.
    pub(super) fn cut(&mut self, node: usize, group: usize) {
        let Ok(interface) = u16::try_from(group).map(InterfaceId) else { return };
        let now = Instant::from_us(self.now_us);
        self.with(node, |set| set.handle_link(now, interface, Link::Down));
    }

    /// A node is stopped in order.
    pub(super) fn stop(&mut self, node: usize) {
        let now = Instant::from_us(self.now_us);
        self.with(node, |set| set.handle_shutdown(now));
    }

    /// Forgets what the watches counted.
    pub(super) fn restart_watches(&mut self) {
        self.watches.iter_mut().for_each(|watch| watch.restart(self.now_us));
    }

    /// Lets time pass.
    pub(super) fn run(&mut self, time: Duration) -> Result<(), TooLong> {
        let end_us = self.now_us.saturating_add(time.us());
        for _ in 0..STEPS_MAX {
            let arrival = self.flying.first_key_value().map(|((at_us, _), _)| *at_us);
            let timer = self
                .stations
                .iter()
                .enumerate()
                .filter_map(|(node, station)| Some((station.as_ref()?.set.deadline()?.us(), node)))
                .min();
            match (arrival, timer) {
                (Some(at_us), timer) if at_us <= end_us && timer.is_none_or(|(due_us, _)| at_us <= due_us) => {
                    self.now_us = self.now_us.max(at_us);
                    self.deliver();
                }
                (_, Some((due_us, node))) if due_us <= end_us => {
                    self.now_us = self.now_us.max(due_us);
                    let now = Instant::from_us(self.now_us);
                    self.with(node, |set| set.handle_timeout(now));
                }
                (_, _) => {
                    self.now_us = end_us;
                    self.watches.iter_mut().for_each(|watch| watch.count(end_us));
                    return Ok(());
                }
            }
        }
        Err(TooLong)
    }

    /// The nodes that are MASTER of a group, and hold its addresses.
    pub(super) fn masters(&self, group: usize) -> Vec<usize> {
        let is_master = |station: &Station| {
            let router = station.routers.get(group).copied().flatten();
            router.and_then(|id| station.set.router(id)).is_some_and(|router| router.state() == State::Master)
        };
        let stations = self.stations.iter().enumerate();
        stations.filter(|(_, station)| station.as_ref().is_some_and(is_master)).map(|(node, _)| node).collect()
    }

    pub(super) fn watch(&self, group: usize) -> Watch {
        self.watches.get(group).cloned().unwrap_or_default()
    }

    /// How long ago a node sent its last advert in a group.
    pub(super) fn since_advert_us(&self, node: usize, group: usize) -> u64 {
        let sent = self.watches.get(group).and_then(|watch| watch.adverts_us.get(&node));
        sent.map_or(0, |sent_us| self.now_us.saturating_sub(*sent_us))
    }

    fn with(&mut self, node: usize, act: impl FnOnce(&mut Set)) {
        let Some(mut station) = self.stations.get_mut(node).and_then(Option::take) else { return };
        act(&mut station.set);
        self.drain(node, &mut station);
        if let Some(place) = self.stations.get_mut(node) {
            *place = Some(station);
        }
    }

    fn deliver(&mut self) {
        let Some((_, packet)) = self.flying.pop_first() else { return };
        let Ok(interface) = u16::try_from(packet.group).map(InterfaceId) else { return };
        let now = Instant::from_us(self.now_us);
        let Packet { source, destination, ttl, .. } = packet;
        let received = Received { source, destination, ttl, message: &packet.message };
        self.with(packet.node, |set| set.handle_packet(now, interface, &received));
    }

    fn drain(&mut self, node: usize, station: &mut Station) {
        loop {
            match station.set.poll_output(&mut self.buffer) {
                Output::Timeout(_) => return,
                Output::Transmit(transmit) => self.transmit(node, &transmit),
                Output::Action { router, action } => {
                    let holds = match action {
                        Action::AddAddresses => true,
                        Action::RemoveAddresses => false,
                        Action::Announce => continue,
                    };
                    let watch = station.groups.get(&router).and_then(|group| self.watches.get_mut(*group));
                    if let Some(watch) = watch {
                        watch.hold(node, holds, self.now_us);
                    }
                }
                Output::Event { .. } | Output::Stray { .. } => {}
            }
        }
    }

    fn transmit(&mut self, node: usize, transmit: &set::Transmit) {
        let index = usize::from(transmit.interface.0);
        let Some(group) = self.groups.get(index) else { return };
        let header = if transmit.source.is_ipv4() { ipv4::HEADER_BYTES } else { ipv6::HEADER_BYTES };
        let Some(message) = self.buffer.get(header..transmit.len) else { return };
        if let Some(watch) = self.watches.get_mut(index) {
            watch.adverts_us.insert(node, self.now_us);
        }
        let to = transmit.destination;
        for member in group.members.iter().filter(|member| member.node != node) {
            let listens = !member.instance.is_unicast() && *member.instance.multicast_group == to;
            if listens || to == member.address {
                let packet = Packet {
                    node: member.node,
                    group: index,
                    source: transmit.source,
                    destination: to,
                    ttl: transmit.ttl,
                    message: message.to_vec(),
                };
                self.flying.insert((self.now_us + LATENCY_US, self.sent), packet);
                self.sent += 1;
            }
        }
    }
}

/// How long to wait until nothing more happens by itself: twice the longest Master_Down_Interval and preempt delay.
pub(super) fn settling_time(groups: &[Group<'_>]) -> Duration {
    let of = |group: &Group<'_>| {
        let instances = || group.members.iter().map(|member| member.instance);
        let interval_cs = instances().map(|it| *it.advert_interval_cs).max().unwrap_or(0);
        let adverts = instances().map(|it| *it.down_timer_adverts).max().unwrap_or(0);
        let delay_ms = instances().map(|it| *it.preempt_delay_ms).max().unwrap_or(0);
        let interval = Duration::from_cs(interval_cs);
        let down = interval.times(u64::from(adverts)) + interval.max(Duration::from_s(1));
        (down + Duration::from_ms(u64::from(delay_ms))).times(2) + Duration::from_s(1)
    };
    groups.iter().map(of).max().unwrap_or(Duration::ZERO)
}
