//! All nodes on one simulated network: each group has a network of its own, whose number is that of the group.

use locum_core::priority::{Reading, Tracker, TrackerId};
use locum_core::router::{AnnounceConfig, InterfaceId};
use locum_core::set::{Interface, Link, Slot};
use locum_core::time::{Duration, Instant};
use locum_core::vocabulary::State;

use super::Outcome;
use super::follow::{Followed, sync_group};
use super::group::{Group, Node};
use crate::engine::Set;
use crate::service::{Ties, core_config};
use crate::simulate::{self, GroupKey, TooLong};

/// Steps of one run. Hundred adverts a second of ten routers for half an hour fit.
const STEPS_MAX: usize = 2_000_000;

/// The nodes, on the networks of their groups.
pub(super) struct World<'g, 'n> {
    groups: &'g [Group<'n>],
    nodes: &'n [Node],
    /// How long it takes until nothing more happens by itself.
    settling: Duration,
    world: simulate::World,
}

impl<'g, 'n> World<'g, 'n> {
    /// All nodes have started at once, and nothing more happens.
    pub(super) fn started(groups: &'g [Group<'n>], nodes: &'n [Node]) -> Result<Self, TooLong> {
        let world = simulate::World::new(Instant::ZERO, STEPS_MAX, GroupKey::of_network);
        let mut world = Self { groups, nodes, settling: settling_time(groups), world };
        for node in 0..nodes.len() {
            world.start(node);
        }
        world.settle()?;
        Ok(world)
    }

    /// The same; what happens from here on is counted.
    pub(super) fn settled(groups: &'g [Group<'n>], nodes: &'n [Node]) -> Result<Self, TooLong> {
        let mut world = Self::started(groups, nodes)?;
        world.restart_watches();
        Ok(world)
    }

    /// Starts a node. All that it follows is well from the first moment.
    pub(super) fn start(&mut self, node: usize) {
        let Some(model) = self.nodes.get(node).map(|node| node.configuration.model()) else { return };
        let followed = Followed::of(model);
        let count = self.groups.len();
        let (slots, interfaces) = (vec![Slot::default(); count], vec![Interface::default(); count]);
        let set = Set::new(slots, interfaces, vec![Tracker::default(); followed.len()]);
        self.world.put(node, set);
        for (tracker, reading) in followed.readings() {
            self.read(node, tracker, reading);
        }
        for (index, group) in self.groups.iter().enumerate() {
            let (Some(interface), Some(member)) = (interface(index), group.member_of(node)) else { continue };
            self.world.with(node, |set, now| set.handle_link(now, interface, Link::Up));
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
            self.world.with(node, |set, now| set.insert(now, config, Some(member.address)).is_ok());
        }
    }

    /// A node goes dark, at a moment when it has just sent an advert in each group: nobody can notice later.
    pub(super) fn fail(&mut self, node: usize) {
        self.world.remove(node);
    }

    /// A tracker of a node says something else.
    pub(super) fn read(&mut self, node: usize, tracker: TrackerId, reading: Reading) {
        self.world.with(node, |set, now| set.handle_reading(now, tracker, reading));
    }

    /// A node loses the link on which it is a member of a group.
    pub(super) fn cut(&mut self, node: usize, group: usize) {
        let Some(interface) = interface(group) else { return };
        self.world.with(node, |set, now| set.handle_link(now, interface, Link::Down));
    }

    /// A node is stopped in order.
    pub(super) fn stop(&mut self, node: usize) {
        self.world.with(node, Set::handle_shutdown);
    }

    /// Forgets what the watches counted.
    pub(super) fn restart_watches(&mut self) {
        self.world.restart_watches();
    }

    /// Lets time pass until nothing more happens by itself.
    pub(super) fn settle(&mut self) -> Result<(), TooLong> {
        self.world.run(self.settling)
    }

    /// The nodes that are MASTER of a group, and hold its addresses.
    pub(super) fn masters(&self, group: usize) -> Vec<usize> {
        let is_master = |set: &Set| {
            let mut routers = set.routers().map(|(_, router)| router);
            routers.any(|router| Some(router.config().interface) == interface(group) && router.state() == State::Master)
        };
        self.world.nodes().filter(|(_, set)| is_master(set)).map(|(node, _)| node).collect()
    }

    /// What has become of a group. `before_us` have passed unnoticed before the watch began.
    pub(super) fn outcome(&self, group: usize, before_us: u64) -> Outcome {
        let watch = key(group).map(|key| self.world.watch(key)).unwrap_or_default();
        let masters = self.masters(group).into_iter().filter_map(|node| self.nodes.get(node));
        let nobody_us = if watch.nobody > Duration::ZERO { watch.nobody.us() + before_us } else { 0 };
        Outcome {
            masters: masters.map(|node| node.name.clone()).collect(),
            nobody_us,
            several_us: watch.several.us(),
            moved_us: watch.moved.us(),
        }
    }

    /// How long ago a node sent its last advert in a group.
    pub(super) fn since_advert_us(&self, node: usize, group: usize) -> u64 {
        key(group).map_or(0, |key| self.world.since_advert(node, key).us())
    }
}

fn key(group: usize) -> Option<GroupKey> {
    interface(group).map(|network| GroupKey { network, is_ipv6: false, vrid: 0 })
}

fn interface(group: usize) -> Option<InterfaceId> {
    u16::try_from(group).ok().map(InterfaceId)
}

/// How long to wait until nothing more happens by itself: twice the longest Master_Down_Interval and preempt delay.
fn settling_time(groups: &[Group<'_>]) -> Duration {
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
