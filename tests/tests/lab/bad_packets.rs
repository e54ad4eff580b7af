//! A packet that fails a check is counted by its reason and touches nothing else.

use std::net::Ipv4Addr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use locum_control::{Counters, Reject, SortedMap, State};
use locum_tests::Daemon::Locum;
use locum_tests::Node::{A, B, X};
use locum_tests::{Group, Lab, Moment, Node, VrrpPacket, scenario, wait_for, with_lab};

use crate::{TAKEOVER_MAX, with_priority};

const GROUP: Group = Group::VI_1;

/// What a router says at most about one sender and one reason in ten seconds is a line.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// Each with the reason that it is refused for.
fn bad_packets() -> Vec<(VrrpPacket, Reject)> {
    let good = VrrpPacket::default;
    vec![
        (VrrpPacket { cut_to: Some(7), ..good() }, Reject::Malformed),
        (VrrpPacket { vrid: 46, ..good() }, Reject::UnknownVrid),
        (VrrpPacket { ttl: 254, ..good() }, Reject::Ttl),
        (VrrpPacket { version: 3, ..good() }, Reject::Version),
        (VrrpPacket { packet_type: 2, ..good() }, Reject::PacketType),
        (VrrpPacket { cut_to: Some(15), ..good() }, Reject::Length),
        (VrrpPacket { count: Some(20), ..good() }, Reject::Length),
        (VrrpPacket { checksum_error: 1, ..good() }, Reject::Checksum),
        (VrrpPacket { auth_type: 0, auth: [0; 8], ..good() }, Reject::AuthenticationType),
        (VrrpPacket { auth: *b"admin124", ..good() }, Reject::Password),
        (VrrpPacket { interval_s: 2, ..good() }, Reject::Interval),
        (VrrpPacket { addresses: vec![Ipv4Addr::new(172, 20, 45, 9)], ..good() }, Reject::Addresses),
    ]
}

/// What may follow from junk: nothing that beats every priority is left out.
fn as_dangerous_as_can_be(packet: VrrpPacket) -> Vec<VrrpPacket> {
    [0, 90, 255].map(|priority| VrrpPacket { priority, ..packet.clone() }).to_vec()
}

#[test]
fn bad_packets_are_counted_and_move_neither_master_nor_backup() {
    with_lab(&[Locum, Locum], |lab| {
        master_and_backup(lab);
        let before = [A, B].map(|node| Snapshot::of(lab, node));
        let injector = lab.injector();
        let from = Moment::now();
        let mut sent: SortedMap<Reject, u32> = SortedMap::new();
        // Ten rounds a second, for longer than a master-down interval.
        for _ in 0..50 {
            for (packet, reason) in bad_packets() {
                for packet in as_dangerous_as_can_be(packet) {
                    injector.send(&packet);
                    *sent.get_or_default(reason) += 1;
                }
            }
            sleep(Duration::from_millis(100));
        }
        for (node, before) in [A, B].into_iter().zip(&before) {
            wait_for(&format!("{node} to count every packet by its reason"), Duration::from_secs(5), || {
                (before.rejected_since(lab, node) == sent).then_some(())
            });
        }
        undisturbed(lab, from, &before);
    });
}

#[test]
fn a_burst_disturbs_neither_master_nor_backup() {
    with_lab(&[Locum, Locum], |lab| {
        master_and_backup(lab);
        let before = [A, B].map(|node| Snapshot::of(lab, node));
        let injector = lab.injector();
        let from = Moment::now();
        let packet = VrrpPacket { priority: 255, auth: *b"stranger", ..VrrpPacket::default() };
        for _ in 0..2000 {
            injector.send(&packet);
        }
        sleep(Duration::from_secs(5));
        for (node, before) in [A, B].into_iter().zip(&before) {
            let rejected = before.rejected_since(lab, node);
            let count = rejected.get(&Reject::Password).copied().unwrap_or(0);
            // What the kernel's buffer does not hold is lost before anybody can count it.
            assert!(count > 100 && count <= 2000 && rejected.len() == 1, "{node}: {rejected:?}");
        }
        undisturbed(lab, from, &before);
    });
}

/// As fast as can be, and slowly: the clients notice neither. `LAB_FLOOD_SECONDS=60` is the full length.
#[test]
fn a_flood_and_a_trickle_cost_the_clients_nothing() {
    let lasts = std::env::var("LAB_FLOOD_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(4);
    with_lab(&[Locum, Locum], |lab| {
        master_and_backup(lab);
        let injector = lab.injector();
        let packets: Vec<_> =
            bad_packets().into_iter().flat_map(|(packet, _)| as_dangerous_as_can_be(packet)).collect();
        for every in [Duration::from_millis(100), Duration::from_micros(50)] {
            let before = [A, B].map(|node| Snapshot::of(lab, node));
            let probe = lab.probe(GROUP.vip);
            sleep(Duration::from_millis(500));
            let from = Moment::now();
            let began = Instant::now();
            let mut sent = 0;
            for packet in packets.iter().cycle() {
                injector.send(packet);
                sent += 1;
                // By the clock, so that what is late is made up for.
                sleep((every * sent).saturating_sub(began.elapsed()));
                if began.elapsed() > Duration::from_secs(lasts) {
                    break;
                }
            }
            let until = Moment::now();
            // The last answers are on their way.
            sleep(Duration::from_millis(500));
            let answers = probe.finish();
            let (_, silence) = answers.longest_silence(from, until);
            let (asked, answered) = answers.count(from, until);
            let lost = asked - answered;
            eprintln!(
                "{sent} packets, one every {every:?}: {lost} of {asked} probes lost, the longest silence was {silence:?}"
            );
            // On a machine that does something else as well, the kernel may drop what it has no time for.
            assert!(lost * 100 <= asked, "{lost} of {asked} probes are lost");
            assert!(silence < Duration::from_secs(1), "{silence:?} of silence");
            let timeline = lab.timeline().since(from);
            let gap = timeline.longest_gap(A, GROUP.vrid);
            assert!(gap < Duration::from_millis(1500), "an advert was late: {gap:?}");
            assert!(timeline.adverts_by(B, GROUP.vrid).is_empty(), "the backup spoke");
            for snapshot in before {
                assert_eq!(lab.router(snapshot.node).history(GROUP.instance).len(), snapshot.transitions);
            }
        }
    });
}

#[test]
fn a_packet_with_our_own_address_is_refused() {
    with_lab(&[Locum], |lab| {
        // The kernel drops such packets itself, unless it is told to let them in.
        lab.router(A).ip("link set eth0 up");
        lab.set_sysctl(A, "ipv4/conf/all/accept_local", "1");
        lab.start(A, &scenario("alone"));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        refuses(lab, Reject::OwnSource, &VrrpPacket { source: A.address(), priority: 255, ..VrrpPacket::default() });
    });
}

#[test]
fn a_unicast_packet_is_refused_by_a_multicast_instance() {
    with_lab(&[Locum], |lab| {
        lab.start(A, &scenario("alone"));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        refuses(lab, Reject::Unicast, &VrrpPacket { target: A.address(), priority: 255, ..VrrpPacket::default() });
    });
}

#[test]
fn strangers_are_refused_by_a_unicast_instance() {
    // B is there, so that adverts to it find their way, and runs nothing.
    with_lab(&[Locum, Locum], |lab| {
        let unicast = scenario("1-unicast-a").replace("priority 100", "priority 100\n    check_unicast_src");
        lab.start(A, &unicast);
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        refuses(lab, Reject::UnknownPeer, &VrrpPacket { target: A.address(), priority: 255, ..VrrpPacket::default() });
    });
}

#[test]
fn a_multicast_packet_is_refused_by_a_unicast_instance() {
    with_lab(&[Locum, Locum], |lab| {
        // Multicast comes in at all because another instance on the interface uses it.
        let other = scenario("alone").replace("VI_1", "VI_2").replace("router_id 45", "router_id 144");
        let other = other.replace("172.20.45.248", "172.20.45.249").replace("eth0:0", "eth0:2");
        lab.start(A, &format!("{}{other}", scenario("1-unicast-a")));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        lab.wait_master(Group::VI_2, A, TAKEOVER_MAX);
        refuses(lab, Reject::Multicast, &VrrpPacket { priority: 255, ..VrrpPacket::default() });
    });
}

#[test]
fn an_owner_obeys_nobody() {
    with_lab(&[Locum], |lab| {
        lab.start(A, &with_priority(&scenario("alone"), 255));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        refuses(lab, Reject::LocalOwner, &VrrpPacket { priority: 255, ..VrrpPacket::default() });
    });
}

/// The lone master A refuses `packet` for `reason`, ten times a second, and goes on.
fn refuses(lab: &mut Lab, reason: Reject, packet: &VrrpPacket) {
    let before = [Snapshot::of(lab, A)];
    let injector = lab.injector();
    let from = Moment::now();
    for _ in 0..30 {
        injector.send(packet);
        sleep(Duration::from_millis(100));
    }
    wait_for(&format!("30 packets to be counted as {reason}"), Duration::from_secs(5), || {
        (before[0].rejected_since(lab, A) == SortedMap::from([(reason, 30)])).then_some(())
    });
    undisturbed(lab, from, &before);
}

/// A is the master of the multicast group, B its backup.
fn master_and_backup(lab: &mut Lab) {
    lab.start(A, &scenario("alone"));
    lab.start(B, &with_priority(&scenario("alone"), 80));
    lab.wait_master(GROUP, A, TAKEOVER_MAX);
    // What was said while they sorted themselves out lies behind us.
    sleep(Duration::from_secs(1));
}

/// What a router said before it was disturbed.
struct Snapshot {
    node: Node,
    state: State,
    transitions: usize,
    rejected: SortedMap<Reject, u32>,
    log_bytes: usize,
    taken: Instant,
}

impl Snapshot {
    fn of(lab: &mut Lab, node: Node) -> Self {
        Self {
            node,
            state: lab.router(node).expect_status(GROUP.instance).state,
            transitions: lab.router(node).history(GROUP.instance).len(),
            rejected: rejected(lab, node),
            log_bytes: lab.router(node).log().len(),
            taken: Instant::now(),
        }
    }

    fn rejected_since(&self, lab: &mut Lab, node: Node) -> SortedMap<Reject, u32> {
        let now = rejected(lab, node);
        let grown = now.into_iter().map(|(reason, count)| {
            let before = self.rejected.get(&reason).copied().unwrap_or(0);
            (reason, count - before)
        });
        grown.filter(|(_, count)| *count > 0).collect()
    }
}

/// What the router has refused so far, for the instance and before an instance was found.
fn rejected(lab: &mut Lab, node: Node) -> SortedMap<Reject, u32> {
    let Counters { mut rejected, .. } = lab.router(node).expect_status(GROUP.instance).counters;
    for (reason, count) in lab.router(node).interface("eth0").expect("eth0").rejected {
        *rejected.get_or_default(reason) += count;
    }
    rejected
}

/// Since `from` nothing has changed its state, no advert was late, and little was logged.
fn undisturbed(lab: &mut Lab, from: Moment, before: &[Snapshot]) {
    let timeline = lab.timeline().since(from);
    assert!(!timeline.adverts_by(A, GROUP.vrid).is_empty());
    let gap = timeline.longest_gap(A, GROUP.vrid);
    assert!(gap < Duration::from_millis(1200), "an advert was late: {gap:?}");
    assert!(timeline.adverts_by(B, GROUP.vrid).is_empty(), "the backup spoke");
    for snapshot in before {
        let router = lab.router(snapshot.node);
        assert_eq!(router.expect_status(GROUP.instance).state, snapshot.state);
        assert_eq!(router.history(GROUP.instance).len(), snapshot.transitions, "{}", snapshot.node);
        let log = router.log().split_off(snapshot.log_bytes);
        let periods = usize::try_from(snapshot.taken.elapsed().as_secs() / LOG_EVERY.as_secs()).unwrap();
        for reason in Reject::ALL {
            let is_about = |line: &&str| line.contains(words(reason));
            let lines: Vec<&str> = log.lines().filter(is_about).collect();
            assert!(lines.len() <= 1 + periods, "{reason} is logged too often: {lines:#?}");
            let counted = rejected(lab, snapshot.node).get(&reason) > snapshot.rejected.get(&reason);
            assert!(!counted || lines.iter().any(|line| names(line)), "{reason} is not in the log: {log}");
        }
    }
}

/// What a log line about it says.
const fn words(reason: Reject) -> &'static str {
    match reason {
        // That is no fault of anybody's, so it is told as news about the segment.
        Reject::UnknownVrid => "another group is here, VRID 46",
        reason => reason.name(),
    }
}

/// Whether a line names a sender of these tests.
fn names(line: &str) -> bool {
    [X, A].iter().any(|node| line.contains(&node.address().to_string()))
}
