//! Scenario 3: who is master stays master, whatever his priority.

use std::thread::sleep;
use std::time::Duration;

use locum_tests::{Daemon, Group, Lab, Moment, Node, scenario, with_lab};

use crate::{TAKEOVER_MAX, each_pair};

const GROUP: Group = Group::VI_1;

each_pair!(no_preemption);

fn no_preemption(a: Daemon, b: Daemon) {
    with_lab(&[a, b], |lab| {
        // First up is MASTER, though the other has the higher priority.
        lab.start(Node::B, &scenario("3-no-preemption-b"));
        lab.wait_master(GROUP, Node::B, TAKEOVER_MAX);
        let back = lab.start(Node::A, &scenario("3-no-preemption-a"));
        stays_master(lab, Node::B, back);

        // When the 80 fails, the 100 takes over.
        let cut = lab.cut(Node::B);
        lab.wait_master(GROUP, Node::A, TAKEOVER_MAX);
        let claim = lab.timeline().since(cut).first_claim(Node::A, GROUP.vrid).unwrap();
        assert!(claim.since(cut) > Duration::from_secs(2), "only after the silence of a master-down interval");
        let back = lab.restore(Node::B);
        stays_master(lab, Node::A, back);

        // The 100 fails and returns: it stays BACKUP.
        lab.stop(Node::A);
        lab.wait_master(GROUP, Node::B, TAKEOVER_MAX);
        let back = lab.start_again(Node::A);
        stays_master(lab, Node::B, back);
        lab.stop(Node::B);
        lab.wait_master(GROUP, Node::A, TAKEOVER_MAX);
    });
}

/// `node` goes on as master without a gap, and nobody else sends an advert, for longer than a takeover takes.
fn stays_master(lab: &mut Lab, node: Node, from: Moment) {
    sleep(Duration::from_secs(6));
    let timeline = lab.timeline().since(from);
    let adverts = timeline.adverts(GROUP.vrid);
    assert!(adverts.len() >= 4 && adverts.iter().all(|advert| advert.from == node), "{adverts:#?}");
    assert!(timeline.longest_gap(node, GROUP.vrid) < Duration::from_millis(1500));
    lab.wait_master(GROUP, node, Duration::from_secs(1));
}
