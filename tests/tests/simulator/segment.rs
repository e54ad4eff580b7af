//! A segment with routers on it, and time.
//!
//! Frames take a little while, and may be lost, doubled or overtake each other. Routers can be cut off in one direction or
//! both, paused (their time stands still while frames wait for them), stopped, killed and started again.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU8;

use locum_core::priority::Tracker;
use locum_core::router::{Action, Borrowed, Config, Event, InterfaceId, Preempt, Received, Transition, VirtualRouter};
use locum_core::set::{Interface, Link, Output, PACKET_BYTES_MAX, RouterId, RouterSet, Slot};
use locum_core::time::{Duration, Instant};
use locum_core::vocabulary::{Family, State};
use locum_core::wire::ipv4;
use locum_core::wire::vrrp::Version;

use super::random::Random;

const ETH0: InterfaceId = InterfaceId(0);
const VIPS: &[IpAddr] = &[IpAddr::V4(Ipv4Addr::new(10, 0, 0, 248))];

/// How long the faults last, and how long peace is watched after the group has settled.
const TROUBLE: Duration = Duration::from_s(40);
const PEACE: Duration = Duration::from_s(10);

type Set = RouterSet<Borrowed<'static>, Vec<Slot<Borrowed<'static>>>, Vec<Interface>, Vec<Tracker>>;

/// What can go wrong. The number is the router's.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// Its cable is out, and it knows.
    Cut(usize),
    /// What it sends is lost, and it does not know.
    Mute(usize),
    /// What is sent to it is lost.
    Deaf(usize),
    /// It does not run, and what comes for it waits.
    Pause(usize),
    /// It is killed, and started again when the fault ends.
    Kill(usize),
    /// It stops in order, and is started again when the fault ends.
    Stop(usize),
    /// This many frames of a hundred are lost.
    Loss(u64),
}

struct Router {
    set: Set,
    id: RouterId,
    priority: u8,
    nopreempt: bool,
    has_vip: bool,
    running: bool,
    cut: bool,
    mute: bool,
    deaf: bool,
    paused: bool,
    waiting: Vec<Vec<u8>>,
}

/// Things to come, the earliest first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Coming {
    at: u64,
    number: u64,
    what: What,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Frame { to: usize, bytes: Vec<u8> },
    Fault { heals: bool, index: usize },
}

pub(crate) struct Segment {
    random: Random,
    now: Instant,
    routers: Vec<Router>,
    coming: BinaryHeap<Reverse<Coming>>,
    number: u64,
    loss: u64,
    faults: Vec<Fault>,
    heals: bool,
    interval_cs: u16,
    version: Version,
    takeovers: u64,
    struck: u64,
    log: String,
}

fn address(index: usize) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1 + u8::try_from(index).expect("a small number")))
}

impl Segment {
    /// A group drawn from a seed, with the faults that will strike it.
    pub(crate) fn new(seed: u64) -> Self {
        let mut segment = Self::untroubled(seed);
        let count = segment.routers.len() as u64;
        for _ in 0..1 + segment.random.below(6) {
            let router = usize::try_from(segment.random.below(count)).expect("an index");
            let loss = segment.random.below(60);
            let fault = segment.random.pick(&[
                Fault::Cut(router),
                Fault::Mute(router),
                Fault::Deaf(router),
                Fault::Pause(router),
                Fault::Kill(router),
                Fault::Stop(router),
                Fault::Loss(loss),
            ]);
            segment.strike(fault);
        }
        segment
    }

    /// A group drawn from a seed, to which nothing happens.
    pub(crate) fn untroubled(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let (version, interval_cs) = random.pick(&[
            (Version::V2, 100),
            (Version::V2, 200),
            (Version::V3, 100),
            (Version::V3, 10),
            (Version::V3, 1),
        ]);
        let count = 2 + random.below(4);
        let equal = random.chance(10);
        let nopreempt = random.chance(20);
        let mut segment = Self {
            now: Instant::ZERO,
            routers: Vec::new(),
            coming: BinaryHeap::new(),
            number: 0,
            loss: 0,
            faults: Vec::new(),
            heals: true,
            interval_cs,
            version,
            takeovers: 0,
            struck: 0,
            log: String::new(),
            random,
        };
        for index in 0..usize::try_from(count).expect("a small number") {
            let priority = if equal { 100 } else { u8::try_from(1 + segment.random.below(254)).expect("below 255") };
            segment.add(index, priority, nopreempt);
        }
        segment
    }

    /// A fault is to strike at some time, and to heal at some later one.
    pub(crate) fn strike(&mut self, fault: Fault) {
        let index = self.faults.len();
        self.faults.push(fault);
        let begins = self.random.below(TROUBLE.us() / 2);
        let ends = begins + 1 + self.random.below(TROUBLE.us() - begins - 1);
        self.come(begins, What::Fault { heals: false, index });
        self.come(ends, What::Fault { heals: true, index });
    }

    /// No fault heals.
    pub(crate) fn forget_to_heal(&mut self) {
        self.heals = false;
    }

    pub(crate) fn takeovers(&self) -> u64 {
        self.takeovers
    }

    pub(crate) fn faults(&self) -> u64 {
        self.struck
    }

    /// What happened, a line an event.
    pub(crate) fn log(&self) -> &str {
        &self.log
    }

    /// Plays it all. `Err` says what did not hold.
    pub(crate) fn live(&mut self) -> Result<(), String> {
        self.until(Instant::ZERO + TROUBLE)?;
        // The slowest has to notice that nobody speaks: three intervals and its skew; and a preempting one as long again.
        let unit = Duration::from_cs(self.interval_cs);
        let slowest = unit.times(3) + Duration::from_s(1) + unit;
        let settled = self.now + slowest.times(2) + Duration::from_ms(50);
        self.until(settled)?;
        let master = self.the_master()?;
        let Router { priority, nopreempt, .. } = self.routers[master];
        let best = self.routers.iter().filter(|router| router.running).map(|router| router.priority).max();
        // Of equals the one that holds it keeps it (RFC 3768 6.4.2): only a higher priority preempts.
        if !nopreempt && best > Some(priority) {
            return Err(format!("router {master} is master with priority {priority}, but there is one with {best:?}"));
        }
        let takeovers = self.takeovers;
        self.until(settled + PEACE)?;
        if self.the_master()? != master || self.takeovers != takeovers {
            return Err("the master changed in peace".into());
        }
        Ok(())
    }

    /// The one master. All frames flow, and the group has had its time.
    fn the_master(&self) -> Result<usize, String> {
        let state = |router: &Router| router.set.router(router.id).map(VirtualRouter::state);
        let is_master = |(_, router): &(usize, &Router)| router.running && state(router) == Some(State::Master);
        let masters: Vec<_> = self.routers.iter().enumerate().filter(is_master).map(|(index, _)| index).collect();
        match masters[..] {
            [master] => Ok(master),
            _ => Err(format!("masters when all is settled: {masters:?}")),
        }
    }

    /// The router that has the least right to be master.
    pub(crate) fn the_worst(&self) -> usize {
        let routers = self.routers.iter().enumerate();
        routers.min_by_key(|(index, router)| (router.priority, address(*index))).expect("there are some").0
    }

    fn add(&mut self, index: usize, priority: u8, nopreempt: bool) {
        let mut set = Set::new(vec![Slot::default(); 1], vec![Interface::default(); 1], Vec::new());
        set.handle_link(self.now, ETH0, Link::Up);
        let _ = set.poll_output(&mut []);
        let id = set.insert(self.now, self.config(priority, nopreempt), Some(address(index))).expect("it can be run");
        let router = Router {
            set,
            id,
            priority,
            nopreempt,
            has_vip: false,
            running: true,
            cut: false,
            mute: false,
            deaf: false,
            paused: false,
            waiting: Vec::new(),
        };
        match self.routers.get_mut(index) {
            Some(slot) => *slot = router,
            None => self.routers.push(router),
        }
        self.say(index, &format!("starts with priority {priority}"));
        self.drain(index).expect("a start breaks nothing");
    }

    fn config(&self, priority: u8, nopreempt: bool) -> Config<Borrowed<'static>> {
        Config {
            version: self.version,
            priority: NonZeroU8::new(priority).expect("not zero"),
            advert_interval_cs: self.interval_cs,
            preempt: if nopreempt { Preempt::Never } else { Preempt::AtOnce },
            ..Config::new(NonZeroU8::new(45).expect("not zero"), Family::Ipv4, VIPS)
        }
    }

    /// Lets time pass, one event after the other.
    fn until(&mut self, end: Instant) -> Result<(), String> {
        loop {
            let deadline = |router: &Router| router.set.deadline().filter(|_| router.running && !router.paused);
            let timers = self.routers.iter().enumerate().filter_map(|(index, router)| Some((deadline(router)?, index)));
            let timer = timers.min();
            let coming = self.coming.peek().map(|Reverse(coming)| Instant::from_us(coming.at));
            // What arrives is heard before a timer of the same moment counts.
            match (coming, timer) {
                (Some(at), timer) if at <= end && timer.is_none_or(|(due, _)| at <= due) => {
                    let Some(Reverse(Coming { what, .. })) = self.coming.pop() else { continue };
                    self.now = self.now.max(at);
                    self.happen(what)?;
                }
                (_, Some((due, index))) if due <= end => {
                    self.now = self.now.max(due);
                    self.routers[index].set.handle_timeout(self.now);
                    self.drain(index)?;
                }
                _ => {
                    self.now = end;
                    return Ok(());
                }
            }
        }
    }

    fn happen(&mut self, what: What) -> Result<(), String> {
        match what {
            What::Frame { to, bytes } => self.arrive(to, bytes),
            What::Fault { heals: true, .. } if !self.heals => Ok(()),
            What::Fault { heals, index } => self.fault(self.faults[index], heals),
        }
    }

    fn arrive(&mut self, to: usize, bytes: Vec<u8>) -> Result<(), String> {
        let router = &mut self.routers[to];
        if !router.running || router.cut || router.deaf {
            return Ok(());
        }
        if router.paused {
            router.waiting.push(bytes);
            return Ok(());
        }
        let packet = ipv4::Packet::parse(&bytes).ok_or("the core wrote a packet that cannot be read")?;
        let received = Received {
            source: packet.source.into(),
            destination: packet.destination.into(),
            ttl: packet.ttl,
            message: packet.payload,
        };
        router.set.handle_packet(self.now, ETH0, &received);
        self.drain(to)
    }

    fn fault(&mut self, fault: Fault, heals: bool) -> Result<(), String> {
        self.struck += u64::from(!heals);
        let _ = writeln!(self.log, "{:>12} us  {} {fault:?}", self.now.us(), if heals { "heals" } else { "fault" });
        match fault {
            Fault::Cut(index) => {
                let link = if heals { Link::Up } else { Link::Down };
                let router = &mut self.routers[index];
                router.cut = !heals;
                if router.running {
                    router.set.handle_link(self.now, ETH0, link);
                    return self.drain(index);
                }
            }
            Fault::Mute(index) => self.routers[index].mute = !heals,
            Fault::Deaf(index) => self.routers[index].deaf = !heals,
            Fault::Pause(index) => {
                self.routers[index].paused = !heals;
                // As the engine does after a stall: what has queued up is heard before an expired timer counts.
                for bytes in std::mem::take(&mut self.routers[index].waiting) {
                    self.arrive(index, bytes)?;
                }
            }
            Fault::Kill(index) | Fault::Stop(index) if heals => {
                let Router { priority, nopreempt, cut, mute, deaf, paused, running, .. } = self.routers[index];
                if running {
                    // Another fault's end has started it already; to start it anew would be a kill.
                    return Ok(());
                }
                self.add(index, priority, nopreempt);
                let router = &mut self.routers[index];
                (router.mute, router.deaf, router.paused, router.cut) = (mute, deaf, paused, cut);
                if cut {
                    router.set.handle_link(self.now, ETH0, Link::Down);
                    return self.drain(index);
                }
            }
            Fault::Kill(index) => {
                self.routers[index].running = false;
                self.routers[index].has_vip = false;
            }
            Fault::Stop(index) => {
                if self.routers[index].running && !self.routers[index].paused {
                    self.routers[index].set.handle_shutdown(self.now);
                    self.drain(index)?;
                }
                // Whatever it still answers, it is no longer of the group.
                self.routers[index].running = false;
                self.routers[index].has_vip = false;
            }
            Fault::Loss(percent) => self.loss = if heals { 0 } else { percent },
        }
        Ok(())
    }

    /// Does what a router says, and checks what must hold of one router at all times.
    fn drain(&mut self, index: usize) -> Result<(), String> {
        let mut buffer = [0; PACKET_BYTES_MAX];
        loop {
            match self.routers[index].set.poll_output(&mut buffer) {
                Output::Timeout(_) => break,
                Output::Transmit(transmit) => self.send(index, &buffer[..transmit.len]),
                Output::Action { action: Action::AddAddresses, .. } => {
                    if std::mem::replace(&mut self.routers[index].has_vip, true) {
                        return Err(format!("router {index} adds addresses that it has"));
                    }
                }
                Output::Action { action: Action::RemoveAddresses, .. } => {
                    if !std::mem::replace(&mut self.routers[index].has_vip, false) {
                        return Err(format!("router {index} removes addresses that it has not"));
                    }
                }
                Output::Action { action: Action::Announce, .. } => {
                    if !self.routers[index].has_vip {
                        return Err(format!("router {index} announces addresses that it has not"));
                    }
                }
                Output::Event { event: Event::Transition(Transition { from, to, cause, .. }), .. } => {
                    self.takeovers += u64::from(to == State::Master);
                    self.say(index, &format!("{from} -> {to}: {cause}"));
                }
                Output::Event { .. } | Output::Stray { .. } => {}
            }
        }
        // The VIP is on a router if and only if it is MASTER; or it leaves in order.
        let router = &self.routers[index];
        let virtual_router = router.set.router(router.id).expect("it is there");
        if router.has_vip != virtual_router.holds_addresses() {
            return Err(format!(
                "router {index} is {}, and has the addresses: {}",
                virtual_router.state(),
                router.has_vip
            ));
        }
        Ok(())
    }

    fn send(&mut self, from: usize, bytes: &[u8]) {
        if self.routers[from].cut || self.routers[from].mute {
            return;
        }
        for to in (0..self.routers.len()).filter(|to| *to != from) {
            if self.random.chance(self.loss) {
                continue;
            }
            let copies = if self.loss > 0 && self.random.chance(5) { 2 } else { 1 };
            for _ in 0..copies {
                let takes = 50 + self.random.below(if self.loss > 0 { 2_000 } else { 200 });
                self.come(self.now.us() + takes, What::Frame { to, bytes: bytes.to_vec() });
            }
        }
    }

    fn come(&mut self, at: u64, what: What) {
        self.number += 1;
        self.coming.push(Reverse(Coming { at, number: self.number, what }));
    }

    fn say(&mut self, router: usize, what: &str) {
        let _ = writeln!(self.log, "{:>12} us  router {router} {what}", self.now.us());
    }
}
