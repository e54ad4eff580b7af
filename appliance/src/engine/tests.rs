//! The engine on real sockets, in a network namespace of its own.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::num::{NonZeroU8, NonZeroU32};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration as StdDuration, Instant as StdInstant};

use locum_core::router::{AnnounceConfig, Command, Config, Peer, Transport};
use locum_core::set::Link;
use locum_core::vocabulary::State;
use locum_core::wire::ipv4;
use locum_core::wire::vrrp::{self, Advertisement, Checksum, Version};
use nix::sched::{CloneFlags, unshare};

use super::install::Item;
use super::link::{InstanceKey, Order};
use super::*;
use crate::counting::allocations;
use crate::netlink::NETLINK_ROUTE;
use crate::netlink::link::set_up;
use crate::netlink::requests::Requests;

const ETH: InterfaceId = InterfaceId(0);
const HERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 1);
const PEER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const VIP: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 100));

fn config(vrid: u8, priority: u8) -> Config<Owned> {
    Config {
        priority: NonZeroU8::new(priority).unwrap(),
        advert_interval_cs: 1,
        down_timer_adverts: NonZeroU8::new(100).unwrap(),
        transport: Transport::Unicast { peers: Box::new([Peer::new(PEER.into())]), ttl: 255, check_source: true },
        announce: AnnounceConfig { delay: Duration::ZERO, ..AnnounceConfig::default() },
        ..Config::new(NonZeroU8::new(vrid).unwrap(), Family::Ipv4, [VIP].into())
    }
}

/// Sets the loopback interface of this thread's namespace up.
fn loopback_up() {
    const LOOPBACK: u32 = 1;
    Requests::open(NETLINK_ROUTE).unwrap().request(&[&set_up(LOOPBACK)]).unwrap();
}

/// A peer that advertises VRID 2 to us.
struct PeerRouter {
    socket: socket2::Socket,
    packet: Vec<u8>,
}

impl PeerRouter {
    fn new() -> Self {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::RAW, Some(112.into())).unwrap();
        socket.set_header_included_v4(true).unwrap();
        let advert = Advertisement {
            version: Version::V3,
            vrid: 2,
            priority: 200,
            advert_interval_cs: 1,
            password: None,
            addresses: &[VIP],
            checksum: Checksum::Plain,
        };
        let len = advert.len(Family::Ipv4);
        let mut packet = vec![0; ipv4::HEADER_BYTES + len];
        ipv4::emit(&mut packet, PEER, HERE, 255, vrrp::PROTOCOL, len).unwrap();
        advert.emit(&mut packet[ipv4::HEADER_BYTES..], PEER.into(), HERE.into()).unwrap();
        Self { socket, packet }
    }

    fn send(&self) {
        let to = socket2::SockAddr::from(std::net::SocketAddrV4::new(HERE, 0));
        self.socket.send_to(&self.packet, &to).unwrap();
    }
}

/// Runs `test` on a thread of its own, whose network namespace is gone with it; says so where there can be none.
fn in_namespace(name: &str, test: impl FnOnce() + Send) {
    thread::scope(|scope| {
        let inside = scope.spawn(|| match unshare(CloneFlags::CLONE_NEWNET) {
            Ok(()) => {
                loopback_up();
                test();
            }
            // Not by println, which the harness would keep to itself.
            Err(errno) => drop(writeln!(io::stderr(), "SKIPPED {name}: no network namespace: {errno}")),
        });
        inside.join().unwrap();
    });
}

/// An engine with these virtual routers (VRID and priority) on the loopback interface.
fn engine(routers: &[(u8, u8)]) -> (Engine, ServiceEnd) {
    let (end, service) = link::link().unwrap();
    let sizes = Sizes { routers: routers.len(), interfaces: 1, trackers: 0 };
    let mut engine = Engine::new(sizes, end, Jobs::new(routers.len()).unwrap());
    let attachment = Attachment::open("lo", NonZeroU32::MIN, None, &[]).unwrap();
    engine.handle_order(Order::Attach { interface: ETH, attachment: Box::new(attachment) });
    engine.handle_order(Order::SetLink { interface: ETH, link: Link::Up });
    for (vrid, priority) in routers.iter().copied() {
        engine.handle_order(Order::Insert {
            key: InstanceKey(vrid.into()),
            config: Box::new(config(vrid, priority)),
            source: Some(HERE.into()),
            plan: Box::default(),
            last_resort: None,
        });
    }
    (engine, service)
}

#[test]
fn a_long_wait_ends_in_time_however_late_the_kernel_may_end_a_part_of_it() {
    for wait_us in [1, 99_999, 100_000, 100_001, 609_375, 1_000_000, 3_609_369, 40_950_000, 3_600_000_000_u64] {
        let mut left = Duration::from_us(wait_us);
        for _ in 0..8 {
            let part = waited_first(left);
            // With a nice value: a two-hundredth of the part, at least.
            let late_us = part.us() / 200;
            assert!(part == left || part.us() + late_us < left.us(), "{wait_us}: {part} of {left}");
            left = Duration::from_us(left.us().saturating_sub(part.us() + late_us));
            if left.us() == 0 {
                assert!(late_us <= 100_000 / 200, "{wait_us}: late by {late_us} us");
            }
        }
        assert_eq!(left, Duration::ZERO, "{wait_us}");
    }
}

/// MASTER of one virtual router and BACKUP of another, each at a hundred adverts a second.
#[test]
fn adverts_are_sent_and_received_without_allocating() {
    in_namespace("adverts_are_sent_and_received_without_allocating", || {
        let (mut engine, mut service) = engine(&[(1, 255), (2, 100)]);
        let done = Arc::new(AtomicBool::new(false));
        let sender = {
            let done = Arc::clone(&done);
            // Inherits the namespace.
            thread::spawn(move || {
                let peer = PeerRouter::new();
                while !done.load(Ordering::Relaxed) {
                    peer.send();
                    thread::sleep(StdDuration::from_millis(10));
                }
            })
        };
        let turns = |engine: &mut Engine, time: StdDuration| {
            let end = StdInstant::now() + time;
            while StdInstant::now() < end {
                assert!(engine.turn().is_continue());
            }
        };
        turns(&mut engine, StdDuration::from_millis(500));
        let counted = |engine: &Engine| {
            let views: Vec<_> = engine.set.routers().map(|(_, router)| (router.state(), *router.counters())).collect();
            (views[0], views[1])
        };
        let before = counted(&engine);
        let count = allocations(|| turns(&mut engine, StdDuration::from_secs(2)));
        let after = counted(&engine);
        done.store(true, Ordering::Relaxed);
        sender.join().unwrap();
        while service.report().is_some() {}

        assert_eq!((after.0.0, after.1.0), (State::Master, State::Backup));
        let sent = after.0.1.adverts_sent - before.0.1.adverts_sent;
        let received = after.1.1.adverts_received - before.1.1.adverts_received;
        assert!(sent > 50 && received > 50, "{sent} sent, {received} received: nothing was measured");
        assert_eq!(count, 0, "allocations for {sent} adverts sent and {received} received");
    });
}

#[test]
fn a_burst_is_left_to_grow_only_while_it_is_one_and_nothing_in_it_is_lost() {
    in_namespace("a_burst_is_left_to_grow_only_while_it_is_one_and_nothing_in_it_is_lost", || {
        let (mut engine, _service) = engine(&[(2, 100)]);
        let peer = PeerRouter::new();
        let received = |engine: &Engine| {
            let counters = engine.set.routers().map(|(_, router)| router.counters().adverts_received);
            counters.sum::<u32>()
        };
        // What is sent over the loopback interface has arrived when the call returns.
        (0..BURST).for_each(|_| peer.send());
        assert!(engine.turn().is_continue());
        assert!(engine.is_burst, "so many at once");
        let so_far = received(&engine);
        assert_eq!(usize::try_from(so_far).unwrap(), BURST);
        peer.send();
        assert!(engine.turn().is_continue());
        assert_eq!(received(&engine), so_far + 1);
        assert!(!engine.is_burst, "a single one");
        (0..BURST - 1).for_each(|_| peer.send());
        assert!(engine.turn().is_continue());
        assert!(!engine.is_burst, "too few");
    });
}

/// Otherwise a takeover waits until the service has written its log.
#[test]
fn the_service_is_woken_only_when_the_kernel_work_is_done() {
    in_namespace("the_service_is_woken_only_when_the_kernel_work_is_done", || {
        let (mut engine, service) = engine(&[(1, 255), (2, 255)]);
        let first = engine.set.routers().next().map(|(id, _)| id).unwrap();
        let ready = service.ready.as_ref().unwrap();
        let is_woken = || {
            let mut fds = [PollFd::new(ready.as_fd(), PollFlags::POLLIN)];
            nix::poll::poll(&mut fds, nix::poll::PollTimeout::ZERO).unwrap() > 0
        };
        assert!(engine.jobs.has(first), "it is MASTER, and its addresses are to be put in place");
        let mut turns = 0;
        while !engine.jobs.is_empty() {
            assert!(!is_woken(), "after {turns} turns");
            assert!(engine.turn().is_continue());
            turns += 1;
            // Later turns may be due for its second round.
            assert!(turns > 1 || !engine.jobs.has(first), "what is in place is announced in the same turn");
        }
        assert!(turns > 1, "nothing was seen");
        assert!(is_woken());
    });
}

#[test]
fn what_finds_no_room_is_told_when_there_is_some() {
    in_namespace("what_finds_no_room_is_told_when_there_is_some", || {
        let (mut engine, mut service) = engine(&[(1, 255)]);
        let link = |engine: &mut Engine, link| {
            engine.set.handle_link(clock::now(), ETH, link);
            engine.drain(clock::now());
        };
        let told = |engine: &mut Engine, service: &mut ServiceEnd| {
            let mut told = Vec::new();
            while let Some(report) = service.report() {
                if let Report::Event { event: Event::Transition(it), .. } = report {
                    told.push(format!("{} -> {}", it.from, it.to));
                } else if let Report::Item { outcome, .. } = report {
                    told.push(format!("{outcome:?}"));
                }
            }
            service.shared.has_made_room();
            if engine.end.wanted_room() {
                assert!(engine.turn().is_continue());
            }
            told
        };
        let fill = |engine: &mut Engine| {
            while engine.end.has_room() {
                engine.end.tell(Report::Unpaced(Box::default()));
            }
        };
        let plan = engine.beside[0].plan.as_mut().unwrap();
        plan.items = [true, false, true].map(|installed| Item { installed, ..Item::default() }).into();
        let item = |engine: &mut Engine, index| {
            let router = engine.set.routers().next().unwrap().0;
            engine.parts().1.done(router, index, ItemOutcome::Installed);
        };
        assert_eq!(told(&mut engine, &mut service), ["INIT -> MASTER"]);
        fill(&mut engine);
        link(&mut engine, Link::Down);
        assert!(told(&mut engine, &mut service).is_empty());
        assert_eq!(told(&mut engine, &mut service), ["MASTER -> FAULT"]);
        // There and back is nothing to tell.
        fill(&mut engine);
        link(&mut engine, Link::Up);
        link(&mut engine, Link::Down);
        item(&mut engine, 2);
        item(&mut engine, 1);
        assert!(told(&mut engine, &mut service).is_empty());
        assert_eq!(told(&mut engine, &mut service), ["Removed", "Installed"], "from the first that found no room");
        item(&mut engine, 0);
        assert_eq!(told(&mut engine, &mut service), ["Installed"]);
        assert!(!engine.end.wanted_room());
    });
}

/// A thousand instances begin before the service has taken a single report.
#[test]
fn every_order_is_answered_however_long_nobody_listens() {
    in_namespace("every_order_is_answered", || {
        let (mut engine, mut service) = engine(&[(1, 100)]);
        let router = engine.set.routers().next().unwrap().0;
        let mut given = Vec::new();
        for ticket in 0..5_000 {
            let command = Order::Command { router, command: Command::ClearCounters, ticket };
            if service.order(command).is_ok() {
                given.push(ticket);
            }
            if ticket % 8 == 0 {
                let _ = engine.turn();
            }
        }
        engine.end.wake_again();
        for _ in 0..10 {
            let _ = engine.turn();
        }
        let mut answered = Vec::new();
        while let Some(report) = service.report() {
            if let Report::Obeyed { ticket, .. } = report {
                answered.push(ticket);
            }
        }
        assert_eq!(answered, given);
        let again = Order::Command { router, command: Command::ClearCounters, ticket: 0 };
        assert!(service.order(again).is_ok(), "there is room again");
    });
}

#[test]
fn an_engine_that_sleeps_with_nothing_left_undone_is_on_time() {
    let (end, _service) = link::link().unwrap();
    let at = |ms| Instant::ZERO + Duration::from_ms(ms);
    assert!(!end.shared.is_on_time(at(0)), "nothing is known of it");
    for start in [0, u64::from(u32::MAX) - 500, u64::from(u32::MAX), 1 << 40] {
        end.sleeps_until(Some(at(start + 1000)));
        assert!(end.shared.is_on_time(at(start)) && end.shared.is_on_time(at(start + 990)));
        assert!(!end.shared.is_on_time(at(start + 1010)) && !end.shared.is_on_time(at(start + 1_000_000)));
    }
    end.sleeps_until(None);
    assert!(!end.shared.is_on_time(at(0)), "nothing is due, so that nothing shows whether it moves");
}

#[test]
fn the_service_learns_that_the_engine_has_ended() {
    let (end, mut service) = link::link().unwrap();
    assert!(!service.shared.has_ended());
    drop(end);
    assert!(service.shared.has_ended());
    let mut wake_up = [0];
    assert_eq!(service.ready.take().unwrap().read(&mut wake_up).unwrap(), 1, "and is woken to see it");
    assert!(matches!(service.order(Order::Shutdown), Err(link::OrderError::Gone)));
}
