//! The routers through the door that everybody uses: inputs in, outputs out, time by hand.

mod bench;
mod groups;
mod moved;
mod sharing;
mod transport;

use std::string::ToString;
use std::vec::Vec;
use std::{assert_eq, format, println, vec};

use core::num::NonZeroU8;

use super::*;
use crate::router::{Borrowed, Peer, Preempt, Transport};
use crate::time::Duration;
use crate::vocabulary::State;
use crate::wire::ipv4;
use crate::wire::vrrp::{Advertisement, Checksum, GROUP_V6, Password, Version};
use bench::*;

#[test]
fn owner_is_master_at_once() {
    let mut bench = Bench::start(config(255));
    assert_eq!(
        bench.lines(),
        [
            "advert 255 to 224.0.0.18",
            "AddAddresses",
            "Announce",
            "INIT -> MASTER: started as owner of the addresses (priority 255)",
        ]
    );
}

#[test]
fn alone_it_listens_for_the_master_down_interval_and_takes_over() {
    let mut bench = Bench::start(config(100));
    assert_eq!(bench.lines(), ["INIT -> BACKUP: started, listens first"]);
    bench.until(DOWN_US - 1);
    assert_eq!(bench.lines(), [""; 0]);
    bench.until(DOWN_US);
    assert_eq!(
        bench.lines(),
        ["advert 100 to 224.0.0.18", "AddAddresses", "Announce", "BACKUP -> MASTER: nobody heard for 3.6 s",]
    );
}

#[test]
fn a_silent_master_is_replaced_after_the_master_down_interval() {
    let mut bench = Bench::start(config(100));
    bench.until(500_000);
    bench.hear(OTHER, 150);
    bench.until(1_500_000);
    bench.hear(OTHER, 150);
    bench.lines();
    bench.until(1_500_000 + DOWN_US - 1);
    assert_eq!(bench.state(), State::Backup);
    bench.until(1_500_000 + DOWN_US);
    assert_eq!(bench.last_cause().unwrap(), "master 172.20.45.132 silent for 3.6 s (3 intervals)");
}

#[test]
fn a_leaving_master_is_replaced_after_the_skew_time() {
    let mut bench = Bench::start(config(100));
    bench.hear(OTHER, 150);
    bench.until(1_000_000);
    bench.hear(OTHER, 0);
    bench.until(1_000_000 + SKEW_US - 1);
    assert_eq!(bench.state(), State::Backup);
    bench.until(1_000_000 + SKEW_US);
    assert_eq!(bench.last_cause().unwrap(), "master 172.20.45.132 left (priority 0)");
}

#[test]
fn preempts_a_lower_master_by_letting_the_timer_run_out() {
    let mut bench = Bench::start(config(100));
    for second in 0..4 {
        bench.until(second * 1_000_000);
        bench.hear(OTHER, 80);
    }
    bench.until(DOWN_US);
    assert_eq!(bench.last_cause().unwrap(), "we preempt 172.20.45.132 (priority 80)");
}

#[test]
fn the_goodbye_of_a_preempted_master_is_no_alarm_but_a_stubborn_one_is() {
    let mut bench = Bench::start(config(100));
    for second in 0..4 {
        bench.until(second * 1_000_000);
        bench.hear(OTHER, 80);
    }
    bench.until(DOWN_US + 300);
    assert_eq!(bench.state(), State::Master);
    bench.hear(OTHER, 80);
    assert_eq!(bench.times("SecondMaster"), [0; 0]);
    assert_eq!(bench.times("advert 100").len(), 2, "it is answered all the same, which heals neighbours");
    bench.until(DOWN_US + 800_000);
    bench.hear(OTHER, 80);
    assert_eq!(bench.times("SecondMaster"), [DOWN_US + 800_000]);
}

#[test]
fn nopreempt_follows_a_lower_master_until_it_fails() {
    let mut bench = Bench::start(Config { preempt: Preempt::Never, ..config(100) });
    for second in 0..30 {
        bench.until(second * 1_000_000);
        bench.hear(OTHER, 80);
    }
    assert_eq!(bench.state(), State::Backup);
    bench.until(29_000_000 + DOWN_US);
    assert_eq!(bench.last_cause().unwrap(), "master 172.20.45.132 silent for 3.6 s (3 intervals)");
}

#[test]
fn preempt_delay_counts_from_the_first_lower_advert() {
    let delayed = Config { preempt: Preempt::After(Duration::from_s(300)), ..config(100) };
    let mut bench = Bench::start(delayed.clone());
    for second in 2..302 {
        bench.until(second * 1_000_000);
        bench.hear(OTHER, 80);
        assert_eq!(bench.router().timers().preempt_at, Some(Instant::from_us(302_000_000)));
    }
    bench.until(302_000_000 - 1);
    assert_eq!(bench.state(), State::Backup);
    bench.until(302_000_000);
    assert_eq!(bench.last_cause().unwrap(), "we preempt 172.20.45.132 (priority 80)");

    let mut bench = Bench::start(delayed.clone());
    bench.hear(OTHER, 80);
    bench.until(DOWN_US);
    assert_eq!(
        bench.last_cause().unwrap(),
        "master 172.20.45.132 silent for 3.6 s (3 intervals)",
        "but not if it fails"
    );

    let mut bench = Bench::start(delayed);
    bench.hear(OTHER, 80);
    bench.until(1_000_000);
    bench.hear(OTHER, 120);
    assert_eq!(bench.router().timers().preempt_at, None, "a higher master ends the delay");
}

#[test]
fn resume_skips_the_preempt_delay_and_nothing_else() {
    let mut bench = Bench::start(Config { preempt: Preempt::After(Duration::from_s(300)), ..config(100) });
    let refused = bench.set.handle_command(bench.now, bench.id, Command::Resume);
    assert_eq!(refused, Err(CommandError::NothingToResume));
    bench.drain();
    bench.hear(OTHER, 80);
    bench.set.handle_command(bench.now, bench.id, Command::Resume).unwrap();
    bench.drain();
    assert_eq!(bench.state(), State::Master);
    let cause = bench.last_cause().unwrap();
    assert_eq!(cause, "preempt delay ended by operator, we preempt 172.20.45.132 (priority 80)");
}

/// A master, started as such at time zero, with an empty log.
fn master() -> Bench {
    let mut bench = Bench::start(config(100));
    bench.until(DOWN_US + 10_000_000);
    bench.lines();
    assert_eq!(bench.state(), State::Master);
    bench
}

#[test]
fn a_master_gives_way_to_a_higher_one_and_lets_it_know() {
    let mut bench = master();
    bench.hear(OTHER, 101);
    assert_eq!(
        bench.lines(),
        ["advert 100 to 224.0.0.18", "RemoveAddresses", "MASTER -> BACKUP: preempted by 172.20.45.132 (priority 101)",]
    );
}

#[test]
fn the_higher_address_wins_a_tie() {
    let mut bench = master();
    bench.hear(OTHER, 100);
    assert_eq!(
        bench.last_cause().unwrap(),
        "second master 172.20.45.132 has the same priority 100 and the higher address"
    );
    let mut bench = master();
    bench.hear(LOWER_ADDRESS, 100);
    assert_eq!(bench.state(), State::Master);
}

#[test]
fn a_beaten_second_master_is_answered_and_neighbours_are_healed() {
    let mut bench = master();
    bench.hear(OTHER, 80);
    assert_eq!(bench.lines(), ["SecondMaster { source: 172.20.45.132, priority: 80 }", "advert 100 to 224.0.0.18",]);
    let heard_at = bench.now.us();
    bench.until(heard_at + 200_000);
    assert_eq!(bench.times("Announce"), [0, 50, 100, 150, 200].map(|ms| heard_at + ms * 1_000));
    bench.until(heard_at + DOWN_US);
    let gone = bench.lines().into_iter().find(|line| line.contains("Gone")).unwrap();
    assert!(gone.starts_with("SecondMasterGone { source: 172.20.45.132"), "{gone}");
}

#[test]
fn a_thousand_lower_adverts_a_second_are_not_answered_one_by_one() {
    let mut bench = master();
    let start = bench.now.us();
    for ms in 0..1_000 {
        bench.until(start + ms * 1_000);
        bench.hear(OTHER, 80);
    }
    bench.until(start + 1_000_000);
    assert_eq!(bench.times("advert 100").len(), 3, "one that was due, and one each half interval");
    assert!(bench.times("Announce").len() <= 10);
    assert_eq!(bench.times("SecondMaster").len(), 1);
}

#[test]
fn a_priority_zero_is_answered_at_once() {
    let mut bench = master();
    bench.until(bench.now.us() + 300_000);
    bench.hear(OTHER, 0);
    assert_eq!(bench.lines()[0], "advert 100 to 224.0.0.18");
    assert_eq!(bench.router().timers().advertise_at, Some(bench.now + Duration::from_s(1)));
}

#[test]
fn adverts_keep_an_absolute_schedule() {
    let mut bench = Bench::start(config(255));
    for n in 1..=10 {
        // Each is served late by another amount; the next is due on the second all the same.
        bench.now = Instant::from_us(n * 1_000_000 + n * 7_000);
        bench.set.handle_timeout(bench.now);
        bench.drain();
        assert_eq!(bench.router().timers().advertise_at, Some(Instant::from_us((n + 1) * 1_000_000)));
    }
    bench.now = Instant::from_us(60_500_000);
    bench.set.handle_timeout(bench.now);
    bench.drain();
    let after_a_stall = bench.times("advert").into_iter().filter(|at| *at == 60_500_000).count();
    assert_eq!(after_a_stall, 1, "what was missed is not made up for");
    assert_eq!(bench.router().timers().advertise_at, Some(Instant::from_us(61_000_000)), "on the second as before");
    // Late by whole intervals, to the microsecond: the advert that is due now goes out once.
    bench.now = Instant::from_us(64_000_000);
    bench.set.handle_timeout(bench.now);
    bench.drain();
    assert_eq!(bench.times("advert").into_iter().filter(|at| *at == 64_000_000).count(), 1);
    assert_eq!(bench.router().timers().advertise_at, Some(Instant::from_us(65_000_000)));
}

/// Two that advertise half an interval apart do so still after both have stalled.
#[test]
fn a_stall_does_not_make_adverts_of_several_instances_meet() {
    let mut bench = Bench::start(config(255));
    bench.until(500_000);
    let other = bench.add(Config { vrid: NonZeroU8::new(46).unwrap(), ..config(255) });
    bench.now = Instant::from_us(7_300_000);
    bench.set.handle_timeout(bench.now);
    bench.drain();
    let due = |id| bench.set.router(id).and_then(|router| router.timers().advertise_at);
    assert_eq!(bench.router().timers().advertise_at, Some(Instant::from_us(8_000_000)));
    assert_eq!(due(other), Some(Instant::from_us(7_500_000)));
}

#[test]
fn an_ordered_stop_keeps_the_addresses_until_the_next_master_is_heard() {
    let mut bench = master();
    let start = bench.now.us();
    bench.set.handle_shutdown(bench.now);
    bench.drain();
    assert_eq!(bench.lines(), ["advert 0 to 224.0.0.18", "MASTER -> INIT: service stopped"]);
    assert!(bench.router().holds_addresses() && !bench.set.is_stopped());
    bench.until(start + 600_000);
    bench.hear(OTHER, 80);
    assert_eq!(
        bench.lines(),
        ["RemoveAddresses", "HandoverEnded { to: Some(172.20.45.132), lasted: Duration(600000) }"]
    );
    assert!(bench.set.is_stopped());
}

#[test]
fn an_ordered_stop_ends_by_itself_where_nobody_follows() {
    let mut bench = master();
    let start = bench.now.us();
    bench.set.handle_shutdown(bench.now);
    bench.drain();
    bench.lines();
    bench.hear(OTHER, 0);
    bench.until(start + 1_246_092);
    assert_eq!(bench.lines(), [""; 0], "neither a router that leaves as well nor time ends it early");
    bench.until(start + 1_246_093);
    assert_eq!(bench.lines(), ["RemoveAddresses", "HandoverEnded { to: None, lasted: Duration(1246093) }"]);
}

#[test]
fn faults_are_told_apart_and_counted_together() {
    let mut bench = Bench::start_with(config(100), None, Link::Missing);
    assert_eq!(bench.lines(), ["INIT -> FAULT: interface missing"]);
    bench.set.handle_link(bench.now, ETH0, Link::Down);
    bench.drain();
    assert_eq!(bench.lines(), ["Blocked(LinkDown)", "Unblocked(InterfaceMissing)"]);
    bench.set.handle_link(bench.now, ETH0, Link::Up);
    bench.drain();
    assert_eq!(bench.lines(), ["Unblocked(LinkDown)"]);
    assert_eq!(bench.state(), State::Fault, "still without a source address");
    bench.set.handle_source(bench.now, bench.id, Some(ME));
    bench.drain();
    assert_eq!(bench.lines(), ["Unblocked(NoSourceAddress)", "FAULT -> BACKUP: source address is there"]);
}

#[test]
fn a_master_whose_link_fails_drops_its_addresses_without_a_word() {
    let mut bench = master();
    bench.set.handle_link(bench.now, ETH0, Link::Down);
    bench.drain();
    assert_eq!(bench.lines(), ["Blocked(LinkDown)", "RemoveAddresses", "MASTER -> FAULT: link down"]);
    bench.until(bench.now.us() + 60_000_000);
    assert_eq!(bench.lines(), [""; 0], "no timer runs in FAULT");
    bench.set.handle_link(bench.now, ETH0, Link::Up);
    bench.drain();
    assert_eq!(bench.lines(), ["Unblocked(LinkDown)", "FAULT -> BACKUP: link is up"]);
}

#[test]
fn a_near_miss_is_told() {
    let mut bench = Bench::start(config(100));
    bench.hear(OTHER, 150);
    bench.until(2_900_000);
    bench.hear(OTHER, 150);
    assert_eq!(bench.times("NearMiss"), [2_900_000]);
    let sender = bench.router().senders()[0];
    assert_eq!((sender.late, sender.missed, sender.longest_gap()), (1, 2, Duration::from_us(2_900_000)));
}

/// Each reason once, in both states that listen: a counter goes up, and nothing else changes.
#[test]
fn every_refused_packet_touches_its_counter_and_nothing_else() {
    let bytes = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut message = Bench::advert(200);
        change(&mut message);
        message[6..8].fill(0);
        let checksum = crate::wire::checksum::Sum::default().bytes(&message).finish().to_be_bytes();
        message[6..8].copy_from_slice(&checksum);
        message
    };
    let good = bytes(&|_| {});
    let cases: Vec<(Reject, IpAddr, IpAddr, u8, Vec<u8>)> = vec![
        (Reject::OwnSource, ME, GROUP, 255, good.clone()),
        (Reject::Ttl, OTHER, GROUP, 254, good.clone()),
        (Reject::Version, OTHER, GROUP, 255, bytes(&|m| m[0] = 0x31)),
        (Reject::PacketType, OTHER, GROUP, 255, bytes(&|m| m[0] = 0x22)),
        (Reject::Length, OTHER, GROUP, 255, bytes(&|m| m[3] = 200)),
        (Reject::Length, OTHER, GROUP, 255, bytes(&|m| m.truncate(12))),
        (Reject::Checksum, OTHER, GROUP, 255, {
            let mut m = good.clone();
            m[6] ^= 1;
            m
        }),
        (Reject::Unicast, OTHER, ME, 255, good.clone()),
        (Reject::AuthenticationType, OTHER, GROUP, 255, bytes(&|m| m[4] = 0)),
        (Reject::Password, OTHER, GROUP, 255, bytes(&|m| m[19] = b'4')),
        (Reject::Interval, OTHER, GROUP, 255, bytes(&|m| m[5] = 2)),
        (Reject::Addresses, OTHER, GROUP, 255, bytes(&|m| m[11] = 249)),
    ];
    let backup = || {
        let mut bench = Bench::start(config(100));
        bench.hear(LOWER_ADDRESS, 150);
        bench.until(1_000_000);
        bench
    };
    for make in [&backup as &dyn Fn() -> Bench, &master] {
        for (reason, source, destination, ttl, message) in &cases {
            let mut bench = make();
            bench.lines();
            let before = (bench.router().timers(), bench.state(), bench.router().heard(), bench.router().second());
            bench.packet(Received { source: *source, destination: *destination, ttl: *ttl, message });
            assert_eq!(bench.router().counters().rejected.of(*reason), 1, "{reason:?}");
            let after = (bench.router().timers(), bench.state(), bench.router().heard(), bench.router().second());
            assert_eq!(before, after, "{reason:?}");
            let lines = bench.lines();
            assert!(lines.iter().all(|line| line.starts_with("Rejected")), "{reason:?}: {lines:?}");
        }
    }
}

#[test]
fn packets_for_nobody_are_counted_at_the_interface() {
    let mut bench = master();
    let mut message = Bench::advert(100);
    message[1] = 77;
    for _ in 0..3 {
        bench.packet(Received { source: OTHER, destination: GROUP, ttl: 255, message: &message });
    }
    for _ in 0..2 {
        bench.packet(Received { source: OTHER, destination: GROUP, ttl: 255, message: &message[..7] });
    }
    bench.now = bench.now + REJECT_REPORT_EVERY;
    bench.set.handle_malformed(bench.now, ETH0, None);
    bench.drain();
    assert_eq!(
        bench.lines(),
        [
            "ForeignVrid { family: Ipv4, vrid: 77, source: 172.20.45.132 }",
            "Malformed { source: Some(172.20.45.132), count: 1 }",
            "Malformed { source: None, count: 2 }",
        ]
    );
    let rejected = bench.set.interface(ETH0).unwrap().rejected();
    assert_eq!((rejected.of(Reject::UnknownVrid), rejected.of(Reject::Malformed)), (3, 3));
}

#[test]
fn an_owner_obeys_nobody_but_tells_of_a_second_one() {
    let mut bench = Bench::start(config(255));
    bench.lines();
    bench.hear(OTHER, 255);
    assert_eq!(bench.state(), State::Master);
    assert!(bench.lines().contains(&"SecondMaster { source: 172.20.45.132, priority: 255 }".into()));
}

#[test]
fn a_shared_address_is_enough_to_be_of_the_group() {
    let mut bench = master();
    let more = [VIPS[0], OTHER];
    let mut buffer = [0; 64];
    let advert = Advertisement {
        version: Version::V2,
        vrid: 45,
        priority: 200,
        advert_interval_cs: 100,
        password: Some(Password::new(b"admin123")),
        addresses: &more,
        checksum: Checksum::Plain,
    };
    let message = advert.emit(&mut buffer, OTHER, GROUP).unwrap();
    bench.packet(Received { source: OTHER, destination: GROUP, ttl: 255, message });
    assert_eq!(bench.state(), State::Backup);
    assert!(bench.lines()[0].starts_with("AddressesDiffer"));
}

#[test]
fn impossible_configurations_come_back() {
    let mut bench = master();
    let v6 = [IpAddr::V6("2001:db8::1".parse().unwrap())];
    let v6: &'static [IpAddr] = std::boxed::Box::leak(std::boxed::Box::new(v6));
    let other = |vrid: u8| Config { vrid: NonZeroU8::new(vrid).unwrap(), ..config(100) };
    let none: &'static [Peer] = &[];
    for (error, config) in [
        (ConfigError::Duplicate, other(45)),
        (ConfigError::Interval, Config { advert_interval_cs: 50, ..other(1) }),
        (ConfigError::Interval, Config { advert_interval_cs: 0, version: Version::V3, password: None, ..other(1) }),
        (ConfigError::Addresses, Config { addresses: v6, ..other(1) }),
        (ConfigError::Version, Config { family: Family::Ipv6, ..other(1) }),
        (ConfigError::Password, Config { version: Version::V3, ..other(1) }),
        (
            ConfigError::Transport,
            Config { transport: Transport::Unicast { peers: none, ttl: 255, check_source: false }, ..other(1) },
        ),
        (ConfigError::Interface, Config { interface: InterfaceId(9), ..other(1) }),
    ] {
        let (refused, _) = bench.set.insert(bench.now, config, Some(ME)).unwrap_err();
        assert_eq!(refused, error);
    }
    for vrid in 1..=3 {
        bench.set.insert(bench.now, other(vrid), Some(ME)).unwrap();
        bench.drain();
    }
    assert_eq!(bench.set.insert(bench.now, other(4), Some(ME)).unwrap_err().0, ConfigError::Full);
}

#[test]
fn a_stopped_router_can_be_removed_and_its_place_used_again() {
    let mut bench = master();
    assert!(bench.set.remove(bench.id).is_none(), "not while it holds addresses");
    bench.set.handle_stop(bench.now, bench.id);
    bench.drain();
    bench.until(bench.now.us() + 2_000_000);
    assert!(bench.set.remove(bench.id).is_some());
    bench.drain();
    assert_eq!(bench.set.deadline(), None);
    bench.hear(OTHER, 100);
    assert_eq!(bench.set.interface(ETH0).unwrap().rejected().of(Reject::UnknownVrid), 1);
    bench.set.insert(bench.now, config(100), Some(ME)).unwrap();
    bench.drain();
}

#[test]
fn the_link_does_not_matter_where_it_is_not_tracked() {
    let mut bench = Bench::start_with(Config { ignores_link: true, ..config(100) }, Some(ME), Link::Down);
    assert_eq!(bench.state(), State::Backup);
    bench.set.handle_link(bench.now, ETH0, Link::Missing);
    bench.drain();
    assert_eq!(bench.state(), State::Fault, "a missing interface does");
}

#[test]
fn a_lower_master_is_not_answered_where_that_is_not_wanted() {
    let mut bench = Bench::start(Config { answers_lower: false, ..config(100) });
    bench.until(DOWN_US + 500_000);
    bench.lines();
    bench.hear(OTHER, 80);
    assert_eq!(bench.times("advert"), [0; 0]);
    assert_eq!(bench.times("SecondMaster").len(), 1, "it is told all the same");
}

#[test]
fn other_addresses_of_the_known_master_pass_where_they_are_not_checked() {
    for skips in [false, true] {
        let mut bench = Bench::start(Config { skips_address_check: skips, ..config(100) });
        bench.hear(OTHER, 150);
        let mut message = Bench::advert(150);
        message[11] = 249;
        message[6..8].fill(0);
        let checksum = crate::wire::checksum::Sum::default().bytes(&message).finish().to_be_bytes();
        message[6..8].copy_from_slice(&checksum);
        bench.packet(Received { source: OTHER, destination: GROUP, ttl: 255, message: &message });
        assert_eq!(bench.router().counters().rejected.of(Reject::Addresses), u32::from(!skips));
    }
}

#[test]
fn ipv6_adverts_are_whole_packets_that_a_peer_accepts() {
    let ip = |text: &str| IpAddr::V6(text.parse().unwrap());
    let vips: &'static [IpAddr] = std::boxed::Box::leak(std::boxed::Box::new([ip("fe80::248"), ip("2001:db8::248")]));
    let v6 = |priority| Config {
        family: Family::Ipv6,
        version: Version::V3,
        password: None,
        transport: Transport::Multicast { group: IpAddr::V6(GROUP_V6) },
        addresses: vips,
        ..config(priority)
    };
    let master = Bench::start_with(v6(255), Some(ip("fe80::1")), Link::Up);
    let (_, transmit, packet) = &master.sent[0];
    assert_eq!((transmit.len, packet[6], packet[7]), (40 + 8 + 32, 112, 255));
    let mut backup = Bench::start_with(v6(100), Some(ip("fe80::2")), Link::Up);
    backup.packet(Received {
        source: ip("fe80::1"),
        destination: transmit.destination,
        ttl: 255,
        message: &packet[40..],
    });
    assert_eq!(backup.router().heard().map(|heard| heard.priority), Some(255));
    assert_eq!(backup.router().senders()[0].checksum, Some(Checksum::PseudoHeader));
}

/// Version 3: the backup takes the master's interval (RFC 9568 §6.4.2), and goes back to its own as MASTER.
#[test]
fn a_backup_adopts_the_masters_interval() {
    let mut bench = Bench::start(Config { version: Version::V3, password: None, ..config(100) });
    let mut buffer = [0; 64];
    let advert = Advertisement {
        version: Version::V3,
        vrid: 45,
        priority: 200,
        advert_interval_cs: 10,
        password: None,
        addresses: VIPS,
        checksum: Checksum::Plain,
    };
    let message = advert.emit(&mut buffer, OTHER, GROUP).unwrap();
    bench.packet(Received { source: OTHER, destination: GROUP, ttl: 255, message });
    // Three intervals of 100 ms, and 156/256 of one.
    assert_eq!(bench.router().master_down_interval(), Duration::from_us(360_937));
    bench.until(360_937);
    assert_eq!(bench.state(), State::Master);
    assert_eq!(bench.router().timers().advertise_at, Some(Instant::from_us(360_937 + 1_000_000)));
}

/// Two sets on one wire, at adverts of 10 ms (version 3): the better one ends up master, and nothing is lost or doubled
/// while a million other inputs would be waiting.
#[test]
fn ten_millisecond_adverts_are_on_time() {
    let fast = |priority| Config { version: Version::V3, password: None, advert_interval_cs: 1, ..config(priority) };
    let mut bench = Bench::start(fast(200));
    bench.until(10_000_000);
    let times = bench.times("advert 200");
    let gaps: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps.iter().all(|gap| *gap == 10_000), "{gaps:?}");
    assert!(times.len() > 990);
}

#[test]
fn a_router_with_eight_peers_fits_in_a_kibibyte() {
    let size = size_of::<VirtualRouter<Borrowed<'static>>>();
    println!("{size} bytes");
    assert!(size <= 1024, "{size} bytes");
    assert!(size_of::<Slot<Borrowed<'static>>>() <= 1024 + 32);
}

#[test]
fn causes_survive_a_round_through_words() {
    // The words are what a technician reads; this holds the ones that no other test shows.
    assert_eq!(
        Cause::PreemptedBy { by: OTHER, priority: 200 }.to_string(),
        "preempted by 172.20.45.132 (priority 200)"
    );
    assert_eq!(Cause::Blocked { block: Block::Configuration }.to_string(), "configuration error");
}
