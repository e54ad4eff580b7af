//! The routers around ours, as far as they have been heard.
//!
//! What a neighbour does next follows from its priority, its interval and the moment of its last advert, all of which its
//! adverts tell. That it preempts is assumed, unless it was heard before and has let a worse master be.

use std::net::IpAddr;
use std::num::NonZeroU8;

use locum_core::router::{Config, Peer, Preempt, Sender, Transport, VirtualRouter};
use locum_core::set::{Interface, Link, Output, PACKET_BYTES_MAX, Slot};
use locum_core::time::{Duration, Instant};
use locum_core::vocabulary::State;

use crate::engine::Set;
use crate::engine::storage::Owned;

/// A router that was heard.
#[derive(Clone)]
pub(super) struct Neighbour {
    pub(super) address: IpAddr,
    pub(super) priority: u8,
    pub(super) last_heard: Instant,
    /// Whether it is MASTER now, for all that is known.
    pub(super) is_master: bool,
    set: Set,
}

impl Neighbour {
    /// It as it is now, ready to be played.
    pub(super) fn set(&self) -> Set {
        self.set.clone()
    }
}

/// Those around a router.
pub(super) fn around(router: &VirtualRouter<Owned>, now: Instant) -> Vec<Neighbour> {
    let master = master(router, now);
    let senders = router.senders().iter().filter(|sender| sender.received > 0 && sender.priority > 0);
    senders.filter_map(|sender| neighbour(router, sender, master, now)).collect()
}

/// The address, the priority and the last advert of whoever else is MASTER.
fn master(router: &VirtualRouter<Owned>, now: Instant) -> Option<(IpAddr, u8, Instant)> {
    let (address, priority, at) = match router.state() {
        State::Master => router.second().map(|second| (second.address, second.priority, second.last))?,
        State::Backup | State::Init | State::Fault => {
            router.heard().map(|heard| (heard.address, heard.priority, heard.at))?
        }
    };
    let sender = router.senders().iter().find(|sender| sender.address == address)?;
    let interval = Duration::from_cs(sender.advert_interval_cs);
    let down = router.config().master_down_interval(1, interval);
    (priority > 0 && now.since(at) <= down).then_some((address, priority, at))
}

fn neighbour(
    router: &VirtualRouter<Owned>,
    sender: &Sender,
    master: Option<(IpAddr, u8, Instant)>,
    now: Instant,
) -> Option<Neighbour> {
    let is_master = master.is_some_and(|(address, ..)| address == sender.address);
    let ours = router.config();
    let interval = Duration::from_cs(sender.advert_interval_cs);
    // Who is better than the master and lets it be does not preempt.
    let (master_priority, last_advert) = match (master, router.state()) {
        (Some((_, priority, at)), _) => (priority, at),
        (None, State::Master) => {
            let next = router.timers().advertise_at.unwrap_or(now);
            (router.effective_priority(), next - ours.advert_interval())
        }
        (None, State::Backup | State::Init | State::Fault) => (0, now),
    };
    let preempts = is_master || sender.priority <= master_priority || master_priority == 0;
    let config = Config {
        priority: NonZeroU8::new(sender.priority)?,
        advert_interval_cs: sender.advert_interval_cs,
        preempt: if preempts { Preempt::AtOnce } else { Preempt::Never },
        transport: transport(router, sender.address)?,
        start_delay: Duration::ZERO,
        tracks: Box::default(),
        group: None,
        ..ours.clone()
    };
    let down = config.master_down_interval(sender.priority, interval);
    let is_owner = config.is_owner();
    let begins = match (is_master, is_owner) {
        (true, true) => sender.last_heard,
        // Nobody is heard, so it is MASTER after this time, and its adverts come when those that were heard did.
        (true, false) => sender.last_heard - down,
        (false, _) => last_advert,
    };
    let interface = ours.interface;
    let interfaces = vec![Interface::default(); usize::from(interface.0) + 1];
    let mut set = Set::new(vec![Slot::default(); 1], interfaces, Vec::new());
    set.handle_link(begins, interface, Link::Up);
    let mut due = settle(&mut set);
    set.insert(begins, config, Some(sender.address)).ok()?;
    due = settle(&mut set).or(due);
    // A silent one stays where it begins: it hears the adverts that we play to it.
    while is_master && let Some(at) = due.filter(|at| *at <= now) {
        set.handle_timeout(at);
        due = settle(&mut set);
    }
    let (address, priority, last_heard) = (sender.address, sender.priority, sender.last_heard);
    Some(Neighbour { address, priority, last_heard, is_master, set })
}

/// How a neighbour reaches us and the others.
fn transport(router: &VirtualRouter<Owned>, of: IpAddr) -> Option<Transport<Box<[Peer]>>> {
    Some(match &router.config().transport {
        Transport::Multicast { group } => Transport::Multicast { group: *group },
        Transport::Unicast { peers, ttl, .. } => {
            let others = peers.iter().map(|peer| peer.address).filter(|peer| *peer != of);
            let peers = others.chain(router.source()).map(Peer::new).collect();
            Transport::Unicast { peers, ttl: *ttl, check_source: false }
        }
    })
}

/// Lets a set do what it has to do at once, with nobody there. Returns its next deadline.
fn settle(set: &mut Set) -> Option<Instant> {
    let mut buffer = [0; PACKET_BYTES_MAX];
    loop {
        if let Output::Timeout(due) = set.poll_output(&mut buffer) {
            return due;
        }
    }
}
