//! Sequences of operations on a set of routers, drawn from bytes, and what must hold after each.
//!
//! Used by libFuzzer, which looks for bytes that break it, and by an ordinary test that plays bytes from seeds.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU8;
use std::sync::LazyLock;

use locum_core::priority::{Reading, Track, Tracker, TrackerId, Weight};
use locum_core::router::{
    Action, AnnounceConfig, Borrowed, Command, Config, Event, GroupId, InterfaceId, Peer, Preempt, Received, Transport,
};
use locum_core::set::{Interface, Link, Output, PACKET_BYTES_MAX, RouterId, RouterSet, Slot};
use locum_core::time::{Duration, Instant};
use locum_core::vocabulary::{Family, State};
use locum_core::wire::vrrp::{Advertisement, Checksum, GROUP_V4, GROUP_V6, Password, Version};

const ROUTERS_MAX: usize = 6;
const INTERFACES: usize = 2;
const TRACKERS: usize = 3;
/// More than any input of six routers has.
const OUTPUTS_MAX: usize = 400;
/// How many operations are played of one string of bytes.
const OPERATIONS_MAX: usize = 2_000;

type Set = RouterSet<Borrowed<'static>, Vec<Slot<Borrowed<'static>>>, Vec<Interface>, Vec<Tracker>>;

const VIPS_V4: [&[IpAddr]; 3] = [
    &[],
    &[IpAddr::V4(Ipv4Addr::new(10, 0, 0, 248))],
    &[IpAddr::V4(Ipv4Addr::new(10, 0, 0, 248)), IpAddr::V4(Ipv4Addr::new(10, 0, 0, 249))],
];
const VIPS_V6: [&[IpAddr]; 2] = [&[], &[IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0x248))]];
const PEERS_V4: [&[Peer]; 3] = [
    &[],
    &[Peer::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2)))],
    &[
        Peer::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2))),
        Peer { address: IpAddr::V4(Ipv4Addr::new(10, 0, 0, 3)), ttl_min: 250, ttl_max: 255 },
    ],
];
const PEERS_V6: [&[Peer]; 2] = [&[], &[Peer::new(IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2)))]];
const fn track(tracker: u16, value: i16, reverse: bool) -> Track {
    Track { tracker: TrackerId(tracker), weight: Weight { value, reverse } }
}
const TRACKS: [&[Track]; 5] = [
    &[],
    &[track(0, 0, false)],
    &[track(0, -20, false), track(1, 10, true)],
    &[track(1, 254, false), track(2, 0, true)],
    &[track(9, 0, false)],
];

/// Bytes, one after the other; zeros when they have run out.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn next(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn bool(&mut self) -> bool {
        self.next() & 1 == 1
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::from(self.next()) % from.len()]
    }

    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// With `OPERATIONS_TRACE` set, says what happens: for a person who looks for the reason of a failure.
fn trace(text: impl FnOnce() -> String) {
    static WANTED: LazyLock<bool> = LazyLock::new(|| std::env::var_os("OPERATIONS_TRACE").is_some());
    if *WANTED {
        eprintln!("{}", text());
    }
}

struct Stage {
    set: Set,
    now: Instant,
    /// What each router has, by what the set has said.
    states: [State; ROUTERS_MAX],
    has_addresses: [bool; ROUTERS_MAX],
    ids: Vec<RouterId>,
}

/// Plays the operations that `bytes` say.
pub(crate) fn play(bytes: &[u8]) {
    let mut bytes = Bytes(bytes);
    let mut stage = Stage {
        set: Set::new(
            vec![Slot::default(); ROUTERS_MAX],
            vec![Interface::default(); INTERFACES],
            vec![Tracker::default(); TRACKERS],
        ),
        now: Instant::ZERO,
        states: [State::Init; ROUTERS_MAX],
        has_addresses: [false; ROUTERS_MAX],
        ids: Vec::new(),
    };
    for _ in 0..OPERATIONS_MAX {
        if bytes.is_empty() {
            break;
        }
        stage.operate(&mut bytes);
    }
    stage.end();
}

impl Stage {
    fn operate(&mut self, bytes: &mut Bytes<'_>) {
        let now = self.now;
        trace(|| format!("{} us, operation {}", now.us(), bytes.0.first().map_or(0, |byte| byte % 16)));
        match bytes.next() % 16 {
            0 | 1 => {
                let (config, source) = config(bytes);
                if let Ok(id) = self.set.insert(now, config, source) {
                    self.ids.retain(|known| *known != id);
                    self.ids.push(id);
                    self.states[id.index()] = State::Init;
                    assert!(!self.has_addresses[id.index()], "the one before it has gone");
                }
            }
            2 => {
                if let Some(id) = self.id(bytes)
                    && self.set.remove(id).is_some()
                {
                    assert!(!self.has_addresses[id.index()], "it was stopped");
                    self.ids.retain(|known| *known != id);
                }
            }
            3 | 4 => {
                // From a microsecond to a minute.
                let us = u64::from(bytes.next()) << (bytes.next() % 19);
                self.until(now + Duration::from_us(us));
            }
            5 | 6 => {
                if let Some(due) = self.set.deadline() {
                    self.until(due);
                }
            }
            7 => {
                // A stall: time has passed, and nobody has looked at the timers.
                self.now = now + Duration::from_ms(u64::from(bytes.next()) * 40);
                self.set.handle_timeout(self.now);
            }
            8 => {
                let interface = InterfaceId(u16::from(bytes.next() % 3));
                let length = usize::from(bytes.next() % 64);
                let (source, destination) = (address(bytes), address(bytes));
                let received = Received { source, destination, ttl: bytes.next(), message: bytes.take(length) };
                self.set.handle_packet(now, interface, &received);
            }
            9 | 10 => self.advert(bytes),
            11 => {
                let link = bytes.pick(&[Link::Up, Link::Up, Link::Down, Link::Missing]);
                self.set.handle_link(now, InterfaceId(u16::from(bytes.next() % 3)), link);
            }
            12 => {
                let reading = bytes.pick(&[
                    Reading::Unknown,
                    Reading::Good,
                    Reading::Bad,
                    Reading::Value(-3),
                    Reading::Value(0),
                    Reading::Value(i32::MAX),
                    Reading::Value(i32::MIN),
                ]);
                self.set.handle_reading(now, TrackerId(u16::from(bytes.next() % 4)), reading);
            }
            13 => {
                let Some(id) = self.id(bytes) else { return };
                let priority = NonZeroU8::new(bytes.next()).unwrap_or(NonZeroU8::MIN);
                let last_resort = bytes.bool();
                let command = bytes.pick(&[
                    Command::Resume,
                    Command::Take,
                    Command::GoOn,
                    Command::GiveWay,
                    Command::ClearCounters,
                    Command::Yield { last_resort },
                    Command::SetPriority(priority),
                ]);
                let _ = self.set.handle_command(now, id, command);
            }
            14 => {
                let Some(id) = self.id(bytes) else { return };
                match bytes.next() % 4 {
                    0 => self.set.handle_stop(now, id),
                    1 => {
                        let family = self.set.router(id).map_or(Family::Ipv4, |router| router.config().family);
                        let source = bytes.bool().then(|| own(family));
                        self.set.handle_source(now, id, source);
                    }
                    2 => {
                        let group = group(bytes);
                        if self.set.router(id).is_some_and(|it| it.config().group.is_none() || group.is_none()) {
                            self.set.handle_group(now, id, group);
                        }
                    }
                    _ => {
                        let (mut config, _) = config(bytes);
                        if let Some(router) = self.set.router(id) {
                            let old = router.config();
                            (config.interface, config.vrid, config.group) = (old.interface, old.vrid, old.group);
                        }
                        // Families may differ, which is refused.
                        let _ = self.set.reconfigure(now, id, config);
                    }
                }
            }
            _ => match bytes.next() % 16 {
                0 => self.set.handle_shutdown(now),
                _ => self.set.handle_malformed(now, InterfaceId(u16::from(bytes.next() % 3)), None),
            },
        }
        self.drain();
    }

    /// A good advert for one of the routers, or nearly.
    fn advert(&mut self, bytes: &mut Bytes<'_>) {
        let Some(id) = self.id(bytes) else { return };
        let Some(config) = self.set.router(id).map(|router| router.config().clone()) else { return };
        let source = match config.family {
            Family::Ipv4 => IpAddr::V4(Ipv4Addr::new(10, 0, 0, bytes.next() % 4)),
            Family::Ipv6 => IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, u16::from(bytes.next() % 4))),
        };
        let destination = match &config.transport {
            Transport::Multicast { group } => *group,
            Transport::Unicast { .. } => own(config.family),
        };
        let priority = bytes.pick(&[0, 1, 99, 100, 101, 200, 254, 255]);
        let intervals = [config.advert_interval_cs, config.advert_interval_cs, 1, 100, 4_095, 0];
        let advert = Advertisement {
            version: config.version,
            vrid: config.vrid.get(),
            priority,
            advert_interval_cs: bytes.pick(&intervals),
            password: config.password,
            addresses: config.addresses,
            checksum: bytes.pick(&[Checksum::Plain, Checksum::PseudoHeader]),
        };
        let mut buffer = [0; 256];
        let Some(message) = advert.emit(&mut buffer, source, destination) else { return };
        let received = Received { source, destination, ttl: 255, message };
        self.set.handle_packet(self.now, config.interface, &received);
    }

    /// Lets time pass: every timer on its time.
    fn until(&mut self, end: Instant) {
        for _ in 0..2_000 {
            let Some(due) = self.set.deadline().filter(|due| *due <= end) else { break };
            self.now = due.max(self.now);
            self.set.handle_timeout(self.now);
            self.drain();
            let next = self.set.deadline();
            assert!(next.is_none_or(|next| next > self.now), "a timer that was handled is still due");
        }
        self.now = end.max(self.now);
    }

    fn drain(&mut self) {
        let mut buffer = [0; PACKET_BYTES_MAX];
        for _ in 0..OUTPUTS_MAX {
            let output = self.set.poll_output(&mut buffer);
            trace(|| format!("  {output:?}"));
            match output {
                Output::Timeout(_) => return self.check(),
                Output::Transmit(transmit) => {
                    assert!(transmit.len > 0 && transmit.len <= buffer.len());
                    assert_eq!(transmit.source.is_ipv4(), transmit.destination.is_ipv4());
                }
                Output::Action { router, action } => {
                    let has = &mut self.has_addresses[router.index()];
                    match action {
                        Action::AddAddresses => assert!(!std::mem::replace(has, true), "added twice"),
                        Action::RemoveAddresses => assert!(std::mem::replace(has, false), "removed twice"),
                        Action::Announce => assert!(*has, "announces what it has not"),
                    }
                }
                Output::Event { router, event: Event::Transition(transition) } => {
                    let state = &mut self.states[router.index()];
                    assert_eq!(*state, transition.from, "a transition begins where the last one ended");
                    assert_eq!(transition.at, self.now);
                    *state = transition.to;
                }
                Output::Event { .. } | Output::Stray { .. } => {}
            }
        }
        panic!("one input has no end of outputs");
    }

    /// What must hold of every router at all times.
    fn check(&self) {
        for (id, router) in self.set.routers() {
            let index = id.index();
            assert_eq!(router.state(), self.states[index], "its state and what was told of it");
            assert_eq!(router.holds_addresses(), self.has_addresses[index], "{:?}", router.state());
            let (effective, config) = (router.effective_priority(), router.config());
            assert!(effective > 0);
            assert!(effective < 255 || config.is_owner(), "only the owner has 255");
            let blocked = router.blocks().next().is_some();
            match router.state() {
                State::Master => assert!(!blocked && router.source().is_some(), "a master can speak"),
                State::Backup => assert!(!blocked),
                State::Fault => assert!(blocked, "FAULT has a reason"),
                State::Init => {}
            }
            if !router.is_stopped() && router.state() != State::Init && router.state() != State::Fault {
                assert!(router.timers() != locum_core::router::Timers::default(), "something is to happen");
            }
        }
    }

    /// Everything ends in order, within the bound of a handover.
    fn end(&mut self) {
        self.set.handle_shutdown(self.now);
        self.drain();
        // The longest handover is two intervals of 255 s.
        self.until(self.now + Duration::from_s(600));
        assert!(self.set.is_stopped(), "the handovers have their bound");
        assert_eq!(self.has_addresses, [false; ROUTERS_MAX]);
        for id in std::mem::take(&mut self.ids) {
            assert!(self.set.remove(id).is_some(), "it is stopped");
        }
        assert_eq!(self.set.deadline(), None);
    }

    fn id(&self, bytes: &mut Bytes<'_>) -> Option<RouterId> {
        (!self.ids.is_empty()).then(|| bytes.pick(&self.ids))
    }
}

fn group(bytes: &mut Bytes<'_>) -> Option<GroupId> {
    bytes.pick(&[None, Some(GroupId(1)), Some(GroupId(2))])
}

fn own(family: Family) -> IpAddr {
    match family {
        Family::Ipv4 => IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)),
        Family::Ipv6 => IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1)),
    }
}

fn address(bytes: &mut Bytes<'_>) -> IpAddr {
    match bytes.next() {
        0 => IpAddr::V4(GROUP_V4),
        1 => IpAddr::V6(GROUP_V6),
        last if last % 2 == 0 => IpAddr::V4(Ipv4Addr::new(10, 0, 0, last % 8)),
        last => IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, u16::from(last % 8))),
    }
}

/// A configuration, mostly one that can be run.
fn config(bytes: &mut Bytes<'_>) -> (Config<Borrowed<'static>>, Option<IpAddr>) {
    let some = |number| NonZeroU8::new(number).unwrap_or(NonZeroU8::MIN);
    let kinds = [(Version::V2, Family::Ipv4), (Version::V3, Family::Ipv4), (Version::V3, Family::Ipv6)];
    let (version, family) = bytes.pick(&kinds);
    let v4 = family == Family::Ipv4;
    let intervals: &[u16] = if version == Version::V2 { &[100, 300, 25_500] } else { &[1, 10, 100, 4_095] };
    let unicast = bytes.bool();
    let peers = if v4 { bytes.pick(&PEERS_V4) } else { bytes.pick(&PEERS_V6) };
    let group_address = if v4 { IpAddr::V4(GROUP_V4) } else { IpAddr::V6(GROUP_V6) };
    let transport = if unicast {
        Transport::Unicast { peers, ttl: 255, check_source: bytes.bool() }
    } else {
        Transport::Multicast { group: group_address }
    };
    let delay = Duration::from_ms(u64::from(bytes.next()) * 100);
    let announce = AnnounceConfig {
        repeat: bytes.next() % 3,
        refresh: Duration::from_ms(u64::from(bytes.next() % 4) * 500),
        ..AnnounceConfig::default()
    };
    let source = (!bytes.next().is_multiple_of(8)).then(|| own(family));
    let config = Config {
        interface: InterfaceId(u16::from(bytes.next() % 2)),
        vrid: some(1 + bytes.next() % 3),
        family,
        version,
        priority: some(bytes.pick(&[1, 50, 99, 100, 101, 150, 200, 254, 255])),
        advert_interval_cs: bytes.pick(intervals),
        down_timer_adverts: some(bytes.pick(&[1, 3, 100])),
        preempt: bytes.pick(&[Preempt::AtOnce, Preempt::Never, Preempt::After(delay)]),
        transport,
        password: (version == Version::V2 && bytes.bool()).then(|| Password::new(b"admin123")),
        addresses: if v4 { bytes.pick(&VIPS_V4) } else { bytes.pick(&VIPS_V6) },
        announce,
        checksum: bytes.pick(&[Checksum::Plain, Checksum::PseudoHeader]),
        skips_address_check: bytes.bool(),
        answers_lower: bytes.bool(),
        ignores_link: bytes.bool(),
        owner_ignores_adverts: bytes.bool(),
        resigns_when_overdue: bytes.bool(),
        start_delay: bytes.pick(&[Duration::ZERO, Duration::ZERO, delay]),
        tracks: bytes.pick(&TRACKS),
        group: group(bytes),
    };
    (config, source)
}
