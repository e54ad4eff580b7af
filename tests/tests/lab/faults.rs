//! What the system does to a service: interfaces that come late, stalls.

use std::thread::sleep;
use std::time::Duration;

use locum_control::{Block, Cause, State};
use locum_tests::Daemon::Locum;
use locum_tests::Node::{A, B};
use locum_tests::{Group, scenario, with_lab};

use crate::TAKEOVER_MAX;

const GROUP: Group = Group::VI_1;

#[test]
fn an_interface_that_does_not_exist_yet_is_waited_for() {
    with_lab(&[Locum], |lab| {
        lab.delete_interface(A);
        lab.start(A, &scenario("1-unicast-a"));
        let status = lab.router(A).wait_state(GROUP.instance, State::Fault, Duration::from_secs(5));
        assert_eq!(status.blocks[0].block, Block::InterfaceMissing);
        assert!(status.blocks[0].detail.contains("eth0"), "{:?}", status.blocks);
        let is_it = |cause| cause == Cause::Blocked { block: Block::InterfaceMissing };
        lab.router(A).wait_cause(GROUP.instance, State::Fault, Duration::from_secs(1), is_it);
        lab.add_interface(A);
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
    });
}

#[test]
fn an_address_that_comes_late_is_waited_for() {
    with_lab(&[Locum], |lab| {
        lab.delete_address(A);
        lab.start(A, &scenario("1-unicast-a"));
        let status = lab.router(A).wait_state(GROUP.instance, State::Fault, Duration::from_secs(5));
        assert_eq!(status.blocks[0].block, Block::NoSourceAddress);
        assert!(status.blocks[0].detail.contains("172.20.45.131"), "{:?}", status.blocks);
        sleep(Duration::from_secs(5));
        assert!(lab.timeline().adverts_by(A, GROUP.vrid).is_empty(), "never without the source address");
        lab.add_address(A);
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
    });
}

#[test]
fn a_backup_that_stalls_reads_what_waits_before_it_takes_over() {
    with_lab(&[Locum, Locum], |lab| {
        lab.start(A, &scenario("1-unicast-a"));
        lab.start(B, &scenario("1-unicast-b"));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        sleep(Duration::from_secs(1));
        let paused = lab.pause(B);
        sleep(Duration::from_secs(6));
        lab.resume(B);
        sleep(Duration::from_secs(3));
        assert!(lab.timeline().since(paused).adverts_by(B, GROUP.vrid).is_empty(), "a stall is no takeover");
        assert_eq!(lab.router(B).expect_status(GROUP.instance).state, State::Backup);
    });
}

#[test]
fn a_master_that_stalls_is_no_second_master_for_longer_than_an_advert() {
    with_lab(&[Locum, Locum], |lab| {
        lab.start(A, &scenario("1-unicast-a"));
        lab.start(B, &scenario("1-unicast-b"));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        lab.pause(A);
        lab.router(B).wait_state(GROUP.instance, State::Master, TAKEOVER_MAX);
        sleep(Duration::from_secs(1));
        let resumed = lab.resume(A);
        sleep(Duration::from_secs(4));
        let timeline = lab.timeline().since(resumed);
        // A has the higher priority: what B has not heard of yet it may say once.
        let of_b = timeline.adverts_by(B, GROUP.vrid).len();
        assert!(of_b <= 1, "{of_b} adverts of B after A was back");
        lab.wait_master(GROUP, A, Duration::from_secs(1));
    });
}

#[test]
fn an_interface_that_goes_and_returns_many_times_ends_like_a_fresh_start() {
    with_lab(&[Locum], |lab| {
        lab.start(A, &scenario("alone"));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        for _ in 0..15 {
            lab.delete_interface(A);
            lab.add_interface(A);
        }
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        let status = lab.router(A).expect_status(GROUP.instance);
        assert!(status.blocks.is_empty(), "{:?}", status.blocks);
        assert_eq!(status.source, Some(A.address().into()));
        // It hears and is heard again.
        let sent = status.counters.adverts_sent;
        sleep(Duration::from_secs(2));
        assert!(lab.router(A).expect_status(GROUP.instance).counters.adverts_sent > sent);
    });
}
