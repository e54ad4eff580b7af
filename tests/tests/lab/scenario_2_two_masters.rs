//! Scenario 2: two instances, each node the master of one and the other's backup.

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::Duration;

use locum_tests::{Daemon, Group, Lab, Moment, Node, scenario, with_lab};

use crate::{TAKEOVER_MAX, each_pair};

const OF_A: Group = Group::VI_1;
const OF_B: Group = Group::VI_2;

each_pair!(each_others_backup);

fn each_others_backup(a: Daemon, b: Daemon) {
    with_lab(&[a, b], |lab| {
        lab.start(Node::A, &scenario("2-two-masters-a"));
        lab.start(Node::B, &scenario("2-two-masters-b"));
        each_holds_its_own(lab);

        lab.cut(Node::B);
        node_holds_both(lab, Node::A);
        lab.restore(Node::B);
        each_holds_its_own(lab);

        lab.stop(Node::A);
        node_holds_both(lab, Node::B);
        lab.start_again(Node::A);
        each_holds_its_own(lab);

        for (node, peer) in [(Node::A, Node::B), (Node::B, Node::A)] {
            for group in [OF_A, OF_B] {
                let targets = lab.timeline().advert_targets(node, group.vrid);
                assert_eq!(targets, BTreeSet::from([peer.address()]), "adverts of {node} go only to the peer");
            }
        }
    });
}

fn each_holds_its_own(lab: &mut Lab) {
    lab.wait_master(OF_A, Node::A, TAKEOVER_MAX);
    lab.wait_master(OF_B, Node::B, TAKEOVER_MAX);
    answers_on(lab, &[(OF_A, Node::A), (OF_B, Node::B)]);
    // The state is stable: nobody changes his mind in the time of a takeover.
    let from = Moment::now();
    sleep(Duration::from_secs(4));
    let timeline = lab.timeline().since(from);
    for (group, master, backup) in [(OF_A, Node::A, Node::B), (OF_B, Node::B, Node::A)] {
        assert!(timeline.longest_gap(master, group.vrid) < Duration::from_millis(1500));
        assert_eq!(timeline.adverts_by(master, group.vrid)[0].what.priority, 100);
        assert_eq!(timeline.adverts_by(backup, group.vrid).len(), 0, "one MASTER of {}", group.instance);
    }
    for (node, group, label) in [(Node::A, OF_A, "eth0:1"), (Node::B, OF_B, "eth0:2")] {
        let entries = lab.router(node).addresses();
        let entry = entries.iter().find(|entry| entry.address == group.vip).expect("its address");
        assert_eq!(entry.label, label);
    }
}

fn node_holds_both(lab: &mut Lab, node: Node) {
    lab.wait_master(OF_A, node, TAKEOVER_MAX);
    lab.wait_master(OF_B, node, TAKEOVER_MAX);
    answers_on(lab, &[(OF_A, node), (OF_B, node)]);
}

/// The client, which keeps what it knows of its neighbours, gets its answers from the masters and nobody else.
fn answers_on(lab: &Lab, masters: &[(Group, Node)]) {
    sleep(Duration::from_millis(500));
    let from = Moment::now();
    let probes: Vec<_> = masters.iter().map(|(group, _)| lab.probe(group.vip)).collect();
    sleep(Duration::from_millis(500));
    let until = Moment::now();
    for (probe, (group, master)) in probes.into_iter().zip(masters) {
        let (sent, answered) = probe.finish().count(from, until - Duration::from_millis(100));
        assert!(answered > 0 && answered * 10 >= sent * 9, "{answered} of {sent} for {}", group.instance);
        assert_eq!(lab.timeline().since(from).answered_by(group.vip), BTreeSet::from([*master]));
    }
}
