//! Scenario 5: of three nodes the highest that is left holds the address.

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::Duration;

use locum_tests::Daemon::{self, Keepalived, Locum};
use locum_tests::Node::{A, B, C};
use locum_tests::{Group, Lab, Moment, Node, scenario, with_lab};

use crate::TAKEOVER_MAX;

const GROUP: Group = Group::VI_1;

#[test]
fn only_locum() {
    the_highest_that_is_left_holds_the_address([Locum, Locum, Locum]);
}

#[test]
fn keepalived_in_the_middle() {
    the_highest_that_is_left_holds_the_address([Locum, Keepalived, Locum]);
}

#[test]
fn locum_in_the_middle() {
    the_highest_that_is_left_holds_the_address([Keepalived, Locum, Keepalived]);
}

fn the_highest_that_is_left_holds_the_address(daemons: [Daemon; 3]) {
    with_lab(&daemons, |lab| {
        // The lowest is up first, so that each one takes over from the one below.
        for (node, configuration) in [(C, "5-three-nodes-c"), (B, "5-three-nodes-b"), (A, "5-three-nodes-a")] {
            lab.start(node, &scenario(configuration));
        }
        holds(lab, A);

        // They fail one after the other.
        lab.cut(A);
        holds(lab, B);
        lab.stop(B);
        holds(lab, C);

        // They return, the highest first: the middle one must not disturb it.
        lab.restore(A);
        holds(lab, A);
        let back = lab.start_again(B);
        sleep(Duration::from_secs(5));
        assert_eq!(lab.timeline().since(back).adverts_by(B, GROUP.vrid).len(), 0, "it has no cause to speak");

        // Two fail at once, and return from the lowest to the highest.
        lab.stop(A);
        lab.cut(B);
        holds(lab, C);
        lab.restore(B);
        holds(lab, B);
        lab.start_again(A);
        holds(lab, A);

        for (node, peers) in [(A, [B, C]), (B, [A, C]), (C, [A, B])] {
            let targets = lab.timeline().advert_targets(node, GROUP.vrid);
            assert_eq!(targets, BTreeSet::from(peers.map(Node::address)), "each lists the two others");
        }
    });
}

/// `node` becomes the only one that advertises and answers.
fn holds(lab: &mut Lab, node: Node) {
    lab.wait_master(GROUP, node, TAKEOVER_MAX);
    sleep(Duration::from_millis(500));
    let from = Moment::now();
    let probe = lab.probe(GROUP.vip);
    sleep(Duration::from_millis(1300));
    let (_, answered) = probe.finish().count(from, Moment::END);
    assert!(answered > 0, "{node} holds the address and the client gets no answer");
    let timeline = lab.timeline().since(from);
    assert_eq!(timeline.answered_by(GROUP.vip), BTreeSet::from([node]));
    let speakers: BTreeSet<Node> = timeline.adverts(GROUP.vrid).iter().map(|advert| advert.from).collect();
    assert_eq!(speakers, BTreeSet::from([node]), "one MASTER");
}
