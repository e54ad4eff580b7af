//! A node of the world: its set of routers, and how things stand with it.

use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU8;

use locum_core::priority::{Track, Tracker, TrackerId, Weight};
use locum_core::router::{AnnounceConfig, Borrowed, Config, GroupId, InterfaceId, Preempt};
use locum_core::set::{Interface, RouterId, RouterSet, Slot};
use locum_core::time::{Duration, Instant};
use locum_core::vocabulary::{Family, State};
use locum_core::wire::vrrp::Version;

const VIPS: [&[IpAddr]; 2] = [&[IpAddr::V4(Ipv4Addr::new(10, 0, 0, 248))], &[IpAddr::V4(Ipv4Addr::new(10, 0, 1, 248))]];

pub(crate) const UPLINK: TrackerId = TrackerId(0);
pub(crate) const PROCESS: TrackerId = TrackerId(1);
const fn track(tracker: TrackerId, value: i16) -> Track {
    Track { tracker, weight: Weight { value, reverse: false } }
}
/// What a member may follow.
pub(crate) const TRACKS: [&[Track]; 4] =
    [&[], &[track(UPLINK, -60)], &[track(PROCESS, 0)], &[track(UPLINK, -60), track(PROCESS, 0)]];

pub(crate) type Set = RouterSet<Borrowed<'static>, Vec<Slot<Borrowed<'static>>>, Vec<Interface>, Vec<Tracker>>;

/// A member of a node's group, as it is configured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member {
    pub(crate) priority: u8,
    pub(crate) interval_cs: u16,
    pub(crate) nopreempt: bool,
    pub(crate) tracks: &'static [Track],
}

/// How things stand between a member and its segment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Port {
    pub(crate) cut: bool,
    pub(crate) mute: bool,
    pub(crate) deaf: bool,
    pub(crate) has_vip: bool,
}

pub(crate) struct Node {
    pub(crate) set: Set,
    pub(crate) ids: [RouterId; 2],
    pub(crate) members: [Member; 2],
    pub(crate) ports: [Port; 2],
    pub(crate) failed: [bool; 2],
    pub(crate) yields: bool,
    pub(crate) running: bool,
    pub(crate) paused: bool,
    pub(crate) waiting: Vec<(usize, Vec<u8>)>,
    /// Since when one member is MASTER and the other not.
    pub(crate) split_since: Option<Instant>,
}

impl Member {
    /// What the router on this segment is told.
    pub(crate) fn config(self, segment: usize, version: Version) -> Config<Borrowed<'static>> {
        Config {
            interface: interface(segment),
            version,
            priority: NonZeroU8::new(self.priority).expect("not zero"),
            advert_interval_cs: self.interval_cs,
            preempt: if self.nopreempt { Preempt::Never } else { Preempt::AtOnce },
            announce: AnnounceConfig { repeat: 1, delay: Duration::ZERO, heal_repeat: 1, ..AnnounceConfig::default() },
            tracks: self.tracks,
            group: Some(GroupId(1)),
            ..Config::new(NonZeroU8::new(45).expect("not zero"), Family::Ipv4, VIPS[segment])
        }
    }
}

impl Node {
    pub(crate) fn state(&self, segment: usize) -> State {
        let state = self.set.router(self.ids[segment]).expect("it is there").state();
        if self.running { state } else { State::Init }
    }

    /// Whatever it still answers, it is no longer of the group.
    pub(crate) fn end(&mut self) {
        self.running = false;
        self.yields = false;
        self.split_since = None;
        self.ports.iter_mut().for_each(|port| port.has_vip = false);
    }
}

pub(crate) fn interface(segment: usize) -> InterfaceId {
    InterfaceId(u16::try_from(segment).expect("0 or 1"))
}

pub(crate) fn address(node: usize, segment: usize) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 0, small(segment as u64), 1 + small(node as u64)))
}

pub(crate) fn small(number: u64) -> u8 {
    u8::try_from(number).expect("a small number")
}
