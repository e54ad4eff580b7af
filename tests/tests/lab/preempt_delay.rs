//! Scenario 3 again: `preempt_delay` makes the returning node wait, shows how long, and can be skipped.

use std::thread::sleep;
use std::time::Duration;

use locum_control::{Cause, State, Verb};
use locum_tests::Daemon::{self, Keepalived, Locum};
use locum_tests::Node::{A, B};
use locum_tests::{Group, scenario, with_lab};

use crate::TAKEOVER_MAX;

const GROUP: Group = Group::VI_1;

#[test]
fn waits_behind_locum_until_it_is_resumed() {
    waits_until_it_is_resumed(Locum);
}

#[test]
fn waits_behind_keepalived_until_it_is_resumed() {
    waits_until_it_is_resumed(Keepalived);
}

fn waits_until_it_is_resumed(other: Daemon) {
    with_lab(&[Locum, other], |lab| {
        lab.start(B, &scenario("3-preempt-delay-b"));
        lab.wait_master(GROUP, B, TAKEOVER_MAX);
        let back = lab.start(A, &scenario("3-preempt-delay-a"));
        sleep(Duration::from_secs(6));
        let status = lab.router(A).expect_status(GROUP.instance);
        assert_eq!(status.state, State::Backup, "it waits longer than a takeover takes");
        assert_eq!(status.preempt_delay_us, 300_000_000);
        // The countdown runs from the moment in which it heard the master of lower priority.
        let left = |at_us: u64, now_us: u64| Duration::from_micros(at_us - now_us);
        let now_us = lab.router(A).client().hello().now_us;
        let counted = left(status.timers.preempt_at_us.expect("a countdown"), now_us);
        assert!(counted > Duration::from_secs(280) && counted < Duration::from_secs(297), "{counted:?}");
        assert_eq!(lab.timeline().since(back).adverts_by(A, GROUP.vrid).len(), 0, "it does not speak");

        let resume = Verb::Resume { instance: Some(GROUP.instance.into()) };
        lab.router(A).client().request(resume.clone()).expect("resume is done");
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        let is_it = |cause| cause == Cause::Resumed { master: B.address().into(), priority: 80 };
        lab.router(A).wait_cause(GROUP.instance, State::Master, TAKEOVER_MAX, is_it);
        lab.router(A).client().request(resume).expect_err("there is nothing left to resume");
    });
}

#[test]
fn a_master_that_fails_is_not_waited_for() {
    with_lab(&[Locum, Locum], |lab| {
        lab.start(B, &scenario("3-preempt-delay-b"));
        lab.wait_master(GROUP, B, TAKEOVER_MAX);
        lab.start(A, &scenario("3-preempt-delay-a"));
        sleep(Duration::from_secs(3));
        lab.silence(B);
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        lab.forward_all();
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
    });
}
