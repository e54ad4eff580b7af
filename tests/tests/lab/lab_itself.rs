//! The lab does what it says, and what must hold in every test is really checked: here it does not hold, and the lab
//! notices.

use std::thread::sleep;
use std::time::Duration;

use locum_tests::Daemon::Keepalived;
use locum_tests::Node::{A, B};
use locum_tests::{Group, Lab, Moment, scenario, wait_for, with_broken_lab, with_lab};

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

#[test]
fn faults_cut_off_what_they_say_and_only_while_they_last() {
    with_lab(&[Keepalived, Keepalived], |lab| {
        lab.start(A, &scenario("1-unicast-a"));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        assert!(answered(lab) > 0);
        lab.silence(A);
        assert_eq!(answered(lab), 0);
        lab.forward_all();
        assert!(answered(lab) > 0);
        lab.cut(A);
        assert_eq!(answered(lab), 0);
        lab.restore(A);
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        assert!(answered(lab) > 0);
        // Only adverts, and only to B: the client does not notice, and B does.
        lab.drop_adverts(A, B);
        lab.start(B, &scenario("1-unicast-b"));
        wait_for("B to hear nothing", TAKEOVER_MAX, || lab.router(B).has(GROUP.vip).then_some(()));
        lab.forward_all();
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
    });
}

/// How many probes a client gets answered right now.
fn answered(lab: &Lab) -> usize {
    let from = Moment::now();
    let probe = lab.probe(GROUP.vip);
    sleep(Duration::from_millis(400));
    probe.finish().count(from, Moment::END).1
}

fn complains(complaint: Option<String>, of: &str) {
    if let Some(complaint) = complaint {
        assert!(complaint.contains(of), "it complains of something else: {complaint}");
    }
}
