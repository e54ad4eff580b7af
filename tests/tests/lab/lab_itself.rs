//! What must hold in every test is really checked: here it does not hold, and the lab notices.

use std::thread::sleep;
use std::time::Duration;

use locum_tests::Daemon::Keepalived;
use locum_tests::Node::{A, B};
use locum_tests::{Group, scenario, wait_for, with_broken_lab};

use crate::TAKEOVER_MAX;

const GROUP: Group = Group::VI_1;

#[test]
fn two_masters_are_not_overlooked() {
    let complaint = with_broken_lab(&[Keepalived, Keepalived], |lab| {
        // Neither speaks to the other.
        let stranger = "172.20.45.66 ";
        lab.start(A, &scenario("1-unicast-a").replace("172.20.45.132 ", stranger));
        lab.start(B, &scenario("1-unicast-b").replace("172.20.45.131 ", stranger));
        for node in [A, B] {
            wait_for("two masters", TAKEOVER_MAX, || lab.router(node).has(GROUP.vip).then_some(()));
        }
        // Longer than a master-down interval.
        sleep(Duration::from_secs(6));
    });
    complains(complaint, "were both master of VRID 45");
}

#[test]
fn an_answer_from_one_who_is_not_master_is_not_overlooked() {
    let complaint = with_broken_lab(&[Keepalived, Keepalived], |lab| {
        lab.start(A, &scenario("1-unicast-a"));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        lab.router(B).ip("addr add 172.20.45.248/32 dev eth0");
        let probe = lab.probe(GROUP.vip);
        sleep(Duration::from_secs(1));
        probe.finish();
    });
    complains(complaint, "B spoke for 172.20.45.248");
}

fn complains(complaint: Option<String>, of: &str) {
    if let Some(complaint) = complaint {
        assert!(complaint.contains(of), "it complains of something else: {complaint}");
    }
}
