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

#[test]
fn a_kernel_that_does_not_say_when_something_comes_in_is_looked_at_all_the_time() {
    with_lab(&[Locum], |lab| {
        let group = Group::VI_1;
        lab.start(A, &scenario("alone"));
        lab.wait_master(group, A, TAKEOVER_MAX);
        let items = lab.router(A).show();
        let pid = items.iter().find_map(|item| match item {
            locum_control::Item::Service(status) => Some(status.pid.to_string()),
            _ => None,
        });
        let pid = pid.expect("the service's process");
        // ppoll(2) refuses more descriptors than a process may have.
        let limit = |nofile: &str| {
            let status = std::process::Command::new("prlimit").args(["--pid", &pid, nofile]).status();
            assert!(status.expect("prlimit").success());
        };
        limit("--nofile=1:1024");
        sleep(Duration::from_millis(500));
        let from = locum_tests::Moment::now();
        sleep(Duration::from_secs(3));
        let adverts = lab.timeline().since(from).adverts_by(A, group.vrid).len();
        limit("--nofile=1024:1024");
        assert!(adverts >= 2, "{adverts} adverts in 3 s");
        assert!(lab.router(A).log().contains("cannot wait for packets (ppoll: Invalid argument)"));
        assert_eq!(lab.router(A).expect_status(group.instance).state, State::Master);
    });
}
