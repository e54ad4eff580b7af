//! Nodes on two segments, each with a router on either, the two in a sync group: an inside and an outside.
//!
//! As [`Segment`](crate::segment::Segment), and besides: the members of a group may differ in priority and interval, follow
//! trackers (one that lowers a priority, one that means FAULT), and are told to yield and to resume, and other priorities.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt::Write;
use std::num::NonZeroU8;

use locum_core::priority::{Reading, Tracker, TrackerId};
use locum_core::router::{Action, Command, Event, Received, Transition};
use locum_core::set::{Interface, Link, Output, PACKET_BYTES_MAX, RouterId, Slot};
use locum_core::time::{Duration, Instant};
use locum_core::vocabulary::State;
use locum_core::wire::ipv4;
use locum_core::wire::vrrp::Version;

use crate::node::{Member, Node, PROCESS, Port, Set, TRACKS, UPLINK, address, interface, small};
use crate::random::Random;

const TROUBLE: Duration = Duration::from_s(40);
const PEACE: Duration = Duration::from_s(10);
/// One input has no more outputs than this; a group that chases its own tail would.
const OUTPUTS_MAX: usize = 200;

/// What can go wrong. The first number is the node's, the second the segment's.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Cut(usize, usize),
    Mute(usize, usize),
    Deaf(usize, usize),
    Pause(usize),
    Kill(usize),
    Stop(usize),
    Loss(usize, u64),
    /// What it follows fails.
    Tracker(usize, TrackerId),
    /// It is told to stand back, with all its members.
    Yield(usize),
    /// It is told another priority.
    Priority(usize, usize, u8),
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Coming {
    at: u64,
    number: u64,
    what: What,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Frame { to: usize, segment: usize, bytes: Vec<u8> },
    Fault { heals: bool, index: usize },
}

pub(crate) struct World {
    random: Random,
    now: Instant,
    nodes: Vec<Node>,
    coming: BinaryHeap<Reverse<Coming>>,
    number: u64,
    loss: [u64; 2],
    faults: Vec<Fault>,
    version: Version,
    /// The longest interval of any member.
    slowest_cs: u16,
    /// All frames flow, nobody is told anything: no transition is to happen any more.
    at_peace: bool,
    pub(crate) takeovers: u64,
    pub(crate) struck: u64,
    log: String,
}

impl World {
    /// Nodes drawn from a seed, with the faults that will strike them.
    pub(crate) fn new(seed: u64) -> Self {
        let mut world = Self::untroubled(seed);
        let count = world.nodes.len() as u64;
        for _ in 0..1 + world.random.below(6) {
            let node = index(world.random.below(count));
            let segment = index(world.random.below(2));
            let tracker = world.random.pick(&[UPLINK, PROCESS]);
            let (loss, priority) = (world.random.below(60), small(1 + world.random.below(254)));
            let fault = world.random.pick(&[
                Fault::Cut(node, segment),
                Fault::Mute(node, segment),
                Fault::Deaf(node, segment),
                Fault::Pause(node),
                Fault::Kill(node),
                Fault::Stop(node),
                Fault::Loss(segment, loss),
                Fault::Tracker(node, tracker),
                Fault::Yield(node),
                Fault::Priority(node, segment, priority),
            ]);
            world.strike(fault);
        }
        world
    }

    /// Nodes drawn from a seed, all of them deaf for good.
    pub(crate) fn of_the_deaf(seed: u64) -> Self {
        let mut world = Self::untroubled(seed);
        world.nodes.iter_mut().flat_map(|node| &mut node.ports).for_each(|port| port.deaf = true);
        world
    }

    fn untroubled(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let (version, interval_cs) =
            random.pick(&[(Version::V2, 100), (Version::V2, 200), (Version::V3, 100), (Version::V3, 10)]);
        let count = 2 + random.below(3);
        let (nopreempt, unequal, other_interval) = (random.chance(20), random.chance(30), random.chance(20));
        let second_cs = if other_interval { interval_cs * 2 } else { interval_cs };
        let tracks = random.pick(&TRACKS);
        let tracks = [tracks, if random.chance(50) { tracks } else { &[] }];
        let mut world = Self {
            now: Instant::ZERO,
            nodes: Vec::new(),
            coming: BinaryHeap::new(),
            number: 0,
            loss: [0; 2],
            faults: Vec::new(),
            version,
            slowest_cs: second_cs,
            at_peace: false,
            takeovers: 0,
            struck: 0,
            log: String::new(),
            random,
        };
        for index in 0..index(count) {
            let priority = small(1 + world.random.below(254));
            let second = if unequal { small(1 + world.random.below(254)) } else { priority };
            let member = |priority, interval_cs, tracks| Member { priority, interval_cs, nopreempt, tracks };
            let members = [member(priority, interval_cs, tracks[0]), member(second, second_cs, tracks[1])];
            world.start(index, members);
        }
        world
    }

    fn strike(&mut self, fault: Fault) {
        let index = self.faults.len();
        self.faults.push(fault);
        let begins = self.random.below(TROUBLE.us() / 2);
        let ends = begins + 1 + self.random.below(TROUBLE.us() - begins - 1);
        self.come(begins, What::Fault { heals: false, index });
        self.come(ends, What::Fault { heals: true, index });
    }

    pub(crate) fn log(&self) -> &str {
        &self.log
    }

    /// Plays it all. `Err` says what did not hold.
    pub(crate) fn live(&mut self) -> Result<(), String> {
        self.until(Instant::ZERO + TROUBLE)?;
        // As long as one member hears a better master, the group waits; and that is forgotten after a master-down
        // interval. Then the next in rank may have to be preempted in turn.
        let slowest = Duration::from_cs(self.slowest_cs).times(4) + Duration::from_s(1);
        self.until(self.now + slowest.times(4))?;
        let master = self.the_master()?;
        self.at_peace = true;
        self.until(self.now + PEACE)?;
        if self.the_master()? != master {
            return Err("the master changed in peace".into());
        }
        Ok(())
    }

    /// The node that is master on both segments, alone. All frames flow, and all had their time.
    fn the_master(&self) -> Result<usize, String> {
        let mut masters: [Vec<usize>; 2] = Default::default();
        for (index, node) in self.nodes.iter().enumerate() {
            for (segment, masters) in masters.iter_mut().enumerate() {
                if node.state(segment) == State::Master {
                    masters.push(index);
                }
            }
        }
        match (&masters[0][..], &masters[1][..]) {
            ([one], [other]) if one == other => Ok(*one),
            _ => Err(format!("masters of the segments when all is settled: {masters:?}")),
        }
    }

    fn start(&mut self, index: usize, members: [Member; 2]) {
        let trackers = vec![Tracker::default(); 2];
        let mut set = Set::new(vec![Slot::default(); 2], vec![Interface::default(); 2], trackers);
        let now = self.now;
        let before = self.nodes.get(index);
        let (ports, failed) = before.map_or(([Port::default(); 2], [false; 2]), |node| (node.ports, node.failed));
        let ports = ports.map(|port| Port { has_vip: false, ..port });
        let paused = before.is_some_and(|node| node.paused);
        for (segment, port) in ports.iter().enumerate() {
            set.handle_link(now, interface(segment), if port.cut { Link::Down } else { Link::Up });
            let _ = set.poll_output(&mut []);
        }
        self.say(index, &format!("starts: {members:?}"));
        let version = self.version;
        let ids = [0, 1].map(|segment| {
            let config = members[segment].config(segment, version);
            let id = set.insert(now, config, Some(address(index, segment))).expect("it can be run");
            // Nothing that it does can be seen yet: it only begins to listen, or to wait.
            while !matches!(set.poll_output(&mut [0; PACKET_BYTES_MAX]), Output::Timeout(_)) {}
            id
        });
        let node = Node {
            set,
            ids,
            members,
            ports,
            failed,
            yields: false,
            running: true,
            paused,
            waiting: Vec::new(),
            split_since: None,
        };
        match self.nodes.get_mut(index) {
            Some(slot) => *slot = node,
            None => self.nodes.push(node),
        }
        for (number, tracker) in [UPLINK, PROCESS].into_iter().enumerate() {
            let reading = if failed[number] { Reading::Bad } else { Reading::Good };
            self.nodes[index].set.handle_reading(now, tracker, reading);
            self.drain(index).expect("a start breaks nothing");
        }
    }

    /// Lets time pass, one event after the other.
    fn until(&mut self, end: Instant) -> Result<(), String> {
        loop {
            let deadline = |node: &Node| node.set.deadline().filter(|_| node.running && !node.paused);
            let timers = self.nodes.iter().enumerate().filter_map(|(index, node)| Some((deadline(node)?, index)));
            let timer = timers.min();
            let coming = self.coming.peek().map(|Reverse(coming)| Instant::from_us(coming.at));
            match (coming, timer) {
                (Some(at), timer) if at <= end && timer.is_none_or(|(due, _)| at <= due) => {
                    let Some(Reverse(Coming { what, .. })) = self.coming.pop() else { continue };
                    self.now = self.now.max(at);
                    match what {
                        What::Frame { to, segment, bytes } => self.arrive(to, segment, bytes)?,
                        What::Fault { heals, index } => self.fault(self.faults[index], heals)?,
                    }
                }
                (_, Some((due, index))) if due <= end => {
                    self.now = self.now.max(due);
                    self.nodes[index].set.handle_timeout(self.now);
                    self.drain(index)?;
                    if self.nodes[index].set.deadline().is_some_and(|next| next <= self.now) {
                        return Err(format!("a timer of node {index} that was handled is still due"));
                    }
                }
                _ => {
                    self.now = end;
                    return Ok(());
                }
            }
        }
    }

    fn arrive(&mut self, to: usize, segment: usize, bytes: Vec<u8>) -> Result<(), String> {
        let node = &mut self.nodes[to];
        let port = node.ports[segment];
        if !node.running || port.cut || port.deaf {
            return Ok(());
        }
        if node.paused {
            node.waiting.push((segment, bytes));
            return Ok(());
        }
        let packet = ipv4::Packet::parse(&bytes).ok_or("the core wrote a packet that cannot be read")?;
        let received = Received {
            source: packet.source.into(),
            destination: packet.destination.into(),
            ttl: packet.ttl,
            message: packet.payload,
        };
        node.set.handle_packet(self.now, interface(segment), &received);
        self.drain(to)
    }

    fn fault(&mut self, fault: Fault, heals: bool) -> Result<(), String> {
        self.struck += u64::from(!heals);
        let _ = writeln!(self.log, "{:>12} us  {} {fault:?}", self.now.us(), if heals { "heals" } else { "fault" });
        match fault {
            Fault::Cut(node, segment) => {
                self.nodes[node].ports[segment].cut = !heals;
                if self.nodes[node].running {
                    let link = if heals { Link::Up } else { Link::Down };
                    self.nodes[node].set.handle_link(self.now, interface(segment), link);
                    return self.drain(node);
                }
            }
            Fault::Mute(node, segment) => self.nodes[node].ports[segment].mute = !heals,
            Fault::Deaf(node, segment) => self.nodes[node].ports[segment].deaf = !heals,
            Fault::Pause(node) => {
                self.nodes[node].paused = !heals;
                // As the engine does after a stall: what has queued up is heard before an expired timer counts.
                for (segment, bytes) in std::mem::take(&mut self.nodes[node].waiting) {
                    self.arrive(node, segment, bytes)?;
                }
                self.nodes[node].split_since = None;
            }
            Fault::Kill(node) | Fault::Stop(node) if heals => {
                if !self.nodes[node].running {
                    self.start(node, self.nodes[node].members);
                }
            }
            Fault::Kill(node) => self.nodes[node].end(),
            Fault::Stop(node) => {
                if self.nodes[node].running && !self.nodes[node].paused {
                    self.nodes[node].set.handle_shutdown(self.now);
                    self.drain(node)?;
                }
                self.nodes[node].end();
            }
            Fault::Loss(segment, percent) => self.loss[segment] = if heals { 0 } else { percent },
            Fault::Tracker(node, tracker) => {
                self.nodes[node].failed[usize::from(tracker.0)] = !heals;
                let reading = if heals { Reading::Good } else { Reading::Bad };
                return self.tell(node, |set, now| set.handle_reading(now, tracker, reading));
            }
            Fault::Yield(node) => {
                if self.nodes[node].yields == heals {
                    self.nodes[node].yields = !heals;
                    let command = if heals { Command::Resume } else { Command::Yield { last_resort: true } };
                    self.order(node, 0, command)?;
                    return self.order(node, 1, command);
                }
            }
            Fault::Priority(node, segment, priority) => {
                let priority = if heals { self.nodes[node].members[segment].priority } else { priority };
                let command = Command::SetPriority(NonZeroU8::new(priority).expect("not zero"));
                return self.order(node, segment, command);
            }
        }
        Ok(())
    }

    /// Gives a member an order. It may be refused: where there is nothing to resume, for one.
    fn order(&mut self, node: usize, segment: usize, command: Command) -> Result<(), String> {
        let id = self.nodes[node].ids[segment];
        self.tell(node, |set, now| {
            let _ = set.handle_command(now, id, command);
        })
    }

    /// Tells a node something, if it runs.
    fn tell(&mut self, node: usize, what: impl FnOnce(&mut Set, Instant)) -> Result<(), String> {
        let Node { set, running: true, .. } = &mut self.nodes[node] else { return Ok(()) };
        what(set, self.now);
        self.drain(node)
    }

    /// Does what a node says, and checks what must hold of one node at all times.
    fn drain(&mut self, index: usize) -> Result<(), String> {
        let mut buffer = [0; PACKET_BYTES_MAX];
        for outputs in 0.. {
            if outputs > OUTPUTS_MAX {
                return Err(format!("node {index} comes to no end"));
            }
            let ids = self.nodes[index].ids;
            let segment = |id: RouterId| usize::from(id != ids[0]);
            match self.nodes[index].set.poll_output(&mut buffer) {
                Output::Timeout(_) => break,
                Output::Transmit(transmit) => self.send(index, segment(transmit.router), &buffer[..transmit.len]),
                Output::Action { router, action } => {
                    let has = &mut self.nodes[index].ports[segment(router)].has_vip;
                    let right = match action {
                        Action::AddAddresses => !std::mem::replace(has, true),
                        Action::RemoveAddresses => std::mem::replace(has, false),
                        Action::Announce => *has,
                    };
                    if !right {
                        return Err(format!("node {index}, segment {}: {action:?} is out of place", segment(router)));
                    }
                }
                Output::Event { router, event: Event::Transition(Transition { from, to, cause, .. }) } => {
                    self.takeovers += u64::from(to == State::Master);
                    self.say(index, &format!("segment {}: {from} -> {to}: {cause}", segment(router)));
                    if self.at_peace {
                        return Err(format!("node {index} moves in peace: {from} -> {to}: {cause}"));
                    }
                }
                Output::Event { .. } | Output::Stray { .. } => {}
            }
        }
        self.check(index)
    }

    fn check(&mut self, index: usize) -> Result<(), String> {
        let (now, bound) = (self.now, Duration::from_cs(self.slowest_cs));
        let node = &mut self.nodes[index];
        for segment in 0..2 {
            let router = node.set.router(node.ids[segment]).expect("it is there");
            if node.ports[segment].has_vip != router.holds_addresses() {
                return Err(format!("node {index} is {} on {segment}, and its addresses are not", router.state()));
            }
        }
        let is_split = (node.state(0) == State::Master) != (node.state(1) == State::Master);
        node.split_since = is_split.then(|| node.split_since.unwrap_or(now));
        match node.split_since {
            Some(since) if now.since(since) > bound => Err(format!("node {index} is master on one segment alone")),
            _ => Ok(()),
        }
    }

    fn send(&mut self, from: usize, segment: usize, bytes: &[u8]) {
        let port = self.nodes[from].ports[segment];
        if port.cut || port.mute {
            return;
        }
        let loss = self.loss[segment];
        for to in (0..self.nodes.len()).filter(|to| *to != from) {
            if self.random.chance(loss) {
                continue;
            }
            let copies = if loss > 0 && self.random.chance(5) { 2 } else { 1 };
            for _ in 0..copies {
                let takes = 50 + self.random.below(if loss > 0 { 2_000 } else { 200 });
                self.come(self.now.us() + takes, What::Frame { to, segment, bytes: bytes.to_vec() });
            }
        }
    }

    fn come(&mut self, at: u64, what: What) {
        self.number += 1;
        self.coming.push(Reverse(Coming { at, number: self.number, what }));
    }

    fn say(&mut self, node: usize, what: &str) {
        let _ = writeln!(self.log, "{:>12} us  node {node} {what}", self.now.us());
    }
}

fn index(number: u64) -> usize {
    usize::try_from(number).expect("an index")
}
