//! Routers, their clock, and all that came out of them.

use std::collections::VecDeque;
use std::string::ToString;
use std::vec::Vec;
use std::{format, vec};

use core::net::Ipv4Addr;
use core::num::NonZeroU8;

use super::super::*;
use crate::router::{Borrowed, Event, Transition};
use crate::vocabulary::State;
use crate::wire::vrrp::{Advertisement, Checksum, GROUP_V4, Password, Version};

pub(super) type Set = RouterSet<Borrowed<'static>, Vec<Slot<Borrowed<'static>>>, Vec<Interface>, Vec<Tracker>>;

pub(super) const ETH0: InterfaceId = InterfaceId(0);
pub(super) const ME: IpAddr = IpAddr::V4(Ipv4Addr::new(172, 20, 45, 131));
pub(super) const LOWER_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(172, 20, 45, 130));
pub(super) const OTHER: IpAddr = IpAddr::V4(Ipv4Addr::new(172, 20, 45, 132));
pub(super) const VIPS: &[IpAddr] = &[IpAddr::V4(Ipv4Addr::new(172, 20, 45, 248))];
pub(super) const GROUP: IpAddr = IpAddr::V4(GROUP_V4);

/// `Master_Down_Interval` of priority 100 at one advert a second: 3 s + 156/256 s.
pub(super) const DOWN_US: u64 = 3_609_375;
pub(super) const SKEW_US: u64 = 609_375;

pub(super) fn config(priority: u8) -> Config<Borrowed<'static>> {
    Config {
        version: Version::V2,
        priority: NonZeroU8::new(priority).unwrap(),
        password: Some(Password::new(b"admin123")),
        ..Config::new(NonZeroU8::new(45).unwrap(), Family::Ipv4, VIPS)
    }
}

/// One router or more, their clock, and all that came out. With more than one, each line names the router's place.
pub(super) struct Bench {
    pub(super) set: Set,
    pub(super) now: Instant,
    pub(super) id: RouterId,
    pub(super) log: VecDeque<(u64, std::string::String)>,
    pub(super) sent: Vec<(u64, Transmit, Vec<u8>)>,
}

impl Bench {
    pub(super) fn start(config: Config<Borrowed<'static>>) -> Self {
        Self::start_with(config, Some(ME), Link::Up)
    }

    pub(super) fn start_with(config: Config<Borrowed<'static>>, source: Option<IpAddr>, link: Link) -> Self {
        let mut set = Set::new(vec![Slot::default(); 4], vec![Interface::default(); 2], vec![Tracker::default(); 4]);
        set.handle_link(Instant::ZERO, ETH0, link);
        assert_eq!(set.poll_output(&mut [0; 128]), Output::Timeout(None));
        let id = set.insert(Instant::ZERO, config, source).unwrap();
        let mut bench = Self { set, now: Instant::ZERO, id, log: VecDeque::new(), sent: Vec::new() };
        bench.drain();
        bench
    }

    /// Another router, on an interface that works.
    pub(super) fn add(&mut self, config: Config<Borrowed<'static>>) -> RouterId {
        self.set.handle_link(self.now, config.interface, Link::Up);
        self.drain();
        let id = self.set.insert(self.now, config, Some(ME)).unwrap();
        self.drain();
        id
    }

    pub(super) fn drain(&mut self) {
        let mut buffer = [0; 512];
        loop {
            let line = match self.set.poll_output(&mut buffer) {
                Output::Timeout(_) => return,
                Output::Transmit(transmit) => {
                    self.sent.push((self.now.us(), transmit, buffer[..transmit.len].to_vec()));
                    let priority = buffer[22];
                    (transmit.router, format!("advert {priority} to {}", transmit.destination))
                }
                Output::Action { router, action } => (router, format!("{action:?}")),
                Output::Event { router, event: Event::Transition(Transition { from, to, cause, .. }) } => {
                    (router, format!("{from} -> {to}: {cause}"))
                }
                Output::Event { event: Event::Sent { .. } | Event::Heard { .. }, .. } => continue,
                Output::Event { router, event } => (router, format!("{event:?}")),
                Output::Stray { stray, .. } => (self.id, format!("{stray:?}")),
            };
            let (router, line) = line;
            let is_alone = self.set.routers().count() == 1;
            let line = if is_alone { line } else { format!("{} {line}", router.index()) };
            self.log.push_back((self.now.us(), line));
        }
    }

    /// Lets time pass up to and including `us`, handling each deadline when it is due.
    pub(super) fn until(&mut self, us: u64) {
        while let Some(at) = self.set.deadline().filter(|at| at.us() <= us) {
            self.now = at;
            self.set.handle_timeout(at);
            self.drain();
        }
        self.now = Instant::from_us(us);
    }

    pub(super) fn advert(priority: u8) -> Vec<u8> {
        Self::advert_to(priority, OTHER, GROUP)
    }

    pub(super) fn advert_to(priority: u8, source: IpAddr, destination: IpAddr) -> Vec<u8> {
        let mut buffer = [0; 64];
        let advert = Advertisement {
            version: Version::V2,
            vrid: 45,
            priority,
            advert_interval_cs: 100,
            password: Some(Password::new(b"admin123")),
            addresses: VIPS,
            checksum: Checksum::Plain,
        };
        advert.emit(&mut buffer, source, destination).unwrap().to_vec()
    }

    pub(super) fn hear(&mut self, source: IpAddr, priority: u8) {
        self.packet(Received { source, destination: GROUP, ttl: 255, message: &Self::advert(priority) });
    }

    pub(super) fn packet(&mut self, packet: Received<'_>) {
        self.packet_on(ETH0, packet);
    }

    pub(super) fn hear_on(&mut self, interface: InterfaceId, source: IpAddr, priority: u8) {
        let message = Self::advert(priority);
        self.packet_on(interface, Received { source, destination: GROUP, ttl: 255, message: &message });
    }

    fn packet_on(&mut self, interface: InterfaceId, packet: Received<'_>) {
        self.set.handle_packet(self.now, interface, &packet);
        self.drain();
    }

    pub(super) fn reading(&mut self, tracker: u16, reading: Reading) {
        self.set.handle_reading(self.now, TrackerId(tracker), reading);
        self.drain();
    }

    pub(super) fn command(&mut self, id: RouterId, command: Command) -> Result<(), CommandError> {
        let result = self.set.handle_command(self.now, id, command);
        self.drain();
        result
    }

    pub(super) fn state_of(&self, id: RouterId) -> State {
        self.set.router(id).unwrap().state()
    }

    pub(super) fn router(&self) -> &VirtualRouter<Borrowed<'static>> {
        self.set.router(self.id).unwrap()
    }

    pub(super) fn state(&self) -> State {
        self.router().state()
    }

    /// What came out since the last call, without the announcements after the first.
    pub(super) fn lines(&mut self) -> Vec<std::string::String> {
        self.log.drain(..).map(|(_, line)| line).collect()
    }

    /// Times of the lines that contain `what`.
    pub(super) fn times(&self, what: &str) -> Vec<u64> {
        self.log.iter().filter(|(_, line)| line.contains(what)).map(|(at, _)| *at).collect()
    }

    pub(super) fn last_cause(&self) -> Option<std::string::String> {
        self.log.iter().rev().find_map(|(_, line)| line.split_once(": ").map(|(_, cause)| cause.to_string()))
    }
}
