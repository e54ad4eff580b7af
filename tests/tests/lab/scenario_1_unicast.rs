//! Scenario 1: adverts go only to the peer, and the virtual address goes where the scenario says.

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::Duration;

use locum_control::State;
use locum_tests::{Checksum, Daemon, Group, Lab, Moment, Node, scenario, with_lab};

use crate::{TAKEOVER_MAX, each_pair};

const GROUP: Group = Group::VI_1;

each_pair!(unicast_instead_of_multicast);

/// The lab's own check: what it says of two daemons that are known to work is right.
#[test]
fn keepalived_with_keepalived() {
    unicast_instead_of_multicast(Daemon::Keepalived, Daemon::Keepalived);
}

fn unicast_instead_of_multicast(a: Daemon, b: Daemon) {
    with_lab(&[a, b], |lab| {
        lab.start(Node::A, &scenario("1-unicast-a"));
        lab.start(Node::B, &scenario("1-unicast-b"));
        lab.wait_master(GROUP, Node::A, TAKEOVER_MAX);
        the_master_speaks_to_its_peer_only(lab);
        the_address_carries_its_label(lab, Node::A);

        node_1_stops_and_node_2_has_the_address(lab, a);
        node_1_comes_back_and_takes_it_again(lab, |lab| lab.start_again(Node::A));

        node_1_is_cut_off_and_node_2_has_the_address(lab, a);
        node_1_comes_back_and_takes_it_again(lab, |lab| lab.restore(Node::A));

        let targets = |node| lab.timeline().advert_targets(node, GROUP.vrid);
        assert_eq!(targets(Node::A), BTreeSet::from([Node::B.address()]), "adverts go only to the peer");
        assert_eq!(targets(Node::B), BTreeSet::from([Node::A.address()]), "adverts go only to the peer");
    });
}

fn the_master_speaks_to_its_peer_only(lab: &Lab) {
    // An advert of B may be under way while A takes over.
    sleep(Duration::from_millis(500));
    let from = Moment::now();
    sleep(Duration::from_secs(4));
    let timeline = lab.timeline().since(from);
    let adverts = timeline.adverts_by(Node::A, GROUP.vrid);
    assert!(adverts.len() >= 3, "{adverts:?}");
    for advert in adverts {
        let what = advert.what;
        assert!(what.source == Node::A.address() && what.target == Node::B.address(), "{what:?}");
        assert_eq!((what.source_mac, what.target_mac), (Node::A.mac(), Node::B.mac()));
        assert_eq!((what.version, what.packet_type, what.ttl, what.priority, what.interval_cs), (2, 1, 255, 100, 100));
        assert_eq!((what.auth_type, &what.auth), (1, b"admin123"));
        assert_eq!(what.addresses, [GROUP.vip]);
        assert!(what.checksum == Checksum::Plain && what.whole, "{what:?}");
    }
    assert!(timeline.longest_gap(Node::A, GROUP.vrid) < Duration::from_millis(1500));
    assert_eq!(timeline.adverts_by(Node::B, GROUP.vrid).len(), 0, "one MASTER");
}

fn the_address_carries_its_label(lab: &mut Lab, node: Node) {
    let entries = lab.router(node).addresses();
    let entry = entries.iter().find(|entry| entry.address == GROUP.vip).unwrap();
    assert_eq!((entry.label.as_str(), entry.prefix), ("eth0:0", 32));
}

fn node_1_stops_and_node_2_has_the_address(lab: &mut Lab, a: Daemon) {
    let probe = lab.probe(GROUP.vip);
    sleep(Duration::from_millis(300));
    let (asked, status) = lab.stop(Node::A);
    assert!(status.success(), "{status}");
    let at = lab.wait_master(GROUP, Node::B, TAKEOVER_MAX);
    the_address_carries_its_label(lab, Node::B);
    sleep(Duration::from_millis(500));
    let answers = probe.finish();
    let timeline = lab.timeline();

    let farewell = *timeline.since(asked).farewells(Node::A, GROUP.vrid).first().expect("it says that it leaves");
    let claim = timeline.since(asked).first_claim(Node::B, GROUP.vrid).unwrap();
    assert!(claim.since(farewell) < Duration::from_millis(2500), "it waits only its skew, not for silence");
    assert!(!timeline.since(asked).announcements(Node::B, GROUP.vip).is_empty(), "it tells the segment");
    assert_eq!(timeline.since(at).answered_by(GROUP.vip), BTreeSet::from([Node::B]));
    if a == Daemon::Locum {
        // B waits 0.69 s before it takes over: an outage below that shows that the address stayed until then.
        let (_, silence) = answers.longest_silence(asked, claim + Duration::from_millis(500));
        assert!(silence < Duration::from_millis(400), "the address went before the next master came: {silence:?}");
    }
}

fn node_1_is_cut_off_and_node_2_has_the_address(lab: &mut Lab, a: Daemon) {
    let probe = lab.probe(GROUP.vip);
    sleep(Duration::from_millis(300));
    let cut = lab.cut(Node::A);
    let at = lab.wait_master(GROUP, Node::B, TAKEOVER_MAX);
    sleep(Duration::from_millis(500));
    let answers = probe.finish();
    let timeline = lab.timeline();

    let last = timeline.between(Moment::BEGINNING, cut + Duration::from_millis(500)).last_claim(Node::A, GROUP.vrid);
    let claim = timeline.since(cut).first_claim(Node::B, GROUP.vrid).unwrap();
    let silent = claim.since(last.unwrap());
    // RFC 3768 §6.1: three intervals and the skew of priority 80, 3.6875 s.
    assert!(silent > Duration::from_millis(3600) && silent < Duration::from_secs(6), "{silent:?}");
    assert!(!timeline.since(cut).announcements(Node::B, GROUP.vip).is_empty(), "it tells the segment");
    assert_eq!(timeline.since(at).answered_by(GROUP.vip), BTreeSet::from([Node::B]));
    let (_, silence) = answers.longest_silence(cut, at + Duration::from_millis(500));
    assert!(silence < silent + Duration::from_secs(2), "{silence:?}");
    if a == Daemon::Locum {
        lab.router(Node::A).wait_state(GROUP.instance, State::Fault, Duration::from_secs(3));
        assert!(!lab.router(Node::A).has(GROUP.vip), "FAULT holds no address");
    }
}

fn node_1_comes_back_and_takes_it_again(lab: &mut Lab, come_back: impl FnOnce(&mut Lab) -> Moment) {
    let probe = lab.probe(GROUP.vip);
    sleep(Duration::from_millis(300));
    let back = come_back(lab);
    let at = lab.wait_master(GROUP, Node::A, TAKEOVER_MAX);
    sleep(Duration::from_millis(1500));
    let end = Moment::now();
    let answers = probe.finish();
    let timeline = lab.timeline().since(back);

    assert!(!timeline.announcements(Node::A, GROUP.vip).is_empty(), "it tells the segment");
    assert_eq!(timeline.since(at + Duration::from_millis(200)).answered_by(GROUP.vip), BTreeSet::from([Node::A]));
    let (begun, silence) = answers.longest_silence(back, end);
    assert!(silence < Duration::from_secs(1), "the client was without answer for {silence:?} from {begun:?} on");
    assert_eq!(timeline.since(at + Duration::from_millis(500)).adverts_by(Node::B, GROUP.vrid).len(), 0, "one MASTER");
}
