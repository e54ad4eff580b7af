//! Every transition names its cause: each cause is provoked once.

use std::net::{IpAddr, Ipv4Addr};
use std::thread::sleep;
use std::time::Duration;

use locum_control::{Cause, State};
use locum_tests::Daemon::Locum;
use locum_tests::Node::{A, B};
use locum_tests::{Group, Node, VrrpPacket, scenario, with_lab};

use crate::{TAKEOVER_MAX, with_priority};

const VI_1: &str = Group::VI_1.instance;

fn address(node: Node) -> IpAddr {
    node.address().into()
}

#[test]
fn started_and_nobody_heard() {
    with_lab(&[Locum], |lab| {
        lab.start(A, &scenario("alone"));
        lab.wait_master(Group::VI_1, A, TAKEOVER_MAX);
        let history = lab.router(A).history(VI_1);
        let [start, up] = &history[..] else { panic!("{history:#?}") };
        assert_eq!((start.from, start.to, start.cause), (State::Init, State::Backup, Cause::Start));
        assert_eq!((up.from, up.to), (State::Backup, State::Master));
        let Cause::NobodyHeard { waited_us } = up.cause else { panic!("{up:?}") };
        // RFC 3768 §6.1 at priority 100: 3.609 s.
        assert!((3_600_000..6_000_000).contains(&waited_us), "{up:?}");
    });
}

#[test]
fn started_as_owner() {
    with_lab(&[Locum], |lab| {
        let started = lab.start(A, &with_priority(&scenario("alone"), 255));
        lab.wait_master(Group::VI_1, A, TAKEOVER_MAX);
        let history = lab.router(A).history(VI_1);
        let [up] = &history[..] else { panic!("{history:#?}") };
        assert_eq!((up.from, up.to, up.cause), (State::Init, State::Master, Cause::StartOwner));
        let claim = lab.timeline().first_claim(A, Group::VI_1.vrid).unwrap();
        assert!(claim.since(started) < Duration::from_secs(3), "an owner does not wait");
    });
}

#[test]
fn the_master_leaves_and_returns() {
    with_lab(&[Locum, Locum], |lab| {
        lab.start(A, &scenario("1-unicast-a"));
        lab.start(B, &scenario("1-unicast-b"));
        lab.wait_master(Group::VI_1, A, TAKEOVER_MAX);

        lab.stop(A);
        lab.wait_master(Group::VI_1, B, TAKEOVER_MAX);
        let is_it = |cause| cause == Cause::PriorityZero { from: address(A) };
        lab.router(B).wait_cause(VI_1, State::Master, TAKEOVER_MAX, is_it);

        lab.start_again(A);
        lab.wait_master(Group::VI_1, A, TAKEOVER_MAX);
        let is_it = |cause| cause == Cause::WePreempt { master: address(B), priority: 80 };
        lab.router(A).wait_cause(VI_1, State::Master, TAKEOVER_MAX, is_it);
        let is_it = |cause| cause == Cause::PreemptedBy { by: address(A), priority: 100 };
        lab.router(B).wait_cause(VI_1, State::Backup, TAKEOVER_MAX, is_it);
        // The history survives a restart.
        lab.router(A).wait_cause(VI_1, State::Init, TAKEOVER_MAX, |cause| cause == Cause::Shutdown);
    });
}

#[test]
fn the_master_goes_silent() {
    with_lab(&[Locum, Locum], |lab| {
        lab.start(A, &scenario("1-unicast-a"));
        lab.start(B, &scenario("1-unicast-b"));
        lab.wait_master(Group::VI_1, A, TAKEOVER_MAX);
        sleep(Duration::from_secs(1));

        lab.kill9(A);
        lab.wait_master(Group::VI_1, B, TAKEOVER_MAX);
        let is_it = |cause| matches!(cause, Cause::MasterSilent { .. });
        let record = lab.router(B).wait_cause(VI_1, State::Master, TAKEOVER_MAX, is_it);
        let Cause::MasterSilent { master, silent_us, intervals } = record.cause else { unreachable!() };
        assert_eq!((master, intervals), (address(A), 3), "{record:?}");
        // RFC 3768 §6.1 at priority 80: 3.6875 s.
        assert!((3_687_500..6_000_000).contains(&silent_us), "{record:?}");
    });
}

#[test]
fn a_tie_is_lost_against_the_higher_address() {
    with_lab(&[Locum], |lab| {
        lab.start(A, &scenario("alone"));
        lab.wait_master(Group::VI_1, A, TAKEOVER_MAX);
        let injector = lab.injector();

        let lower = VrrpPacket { priority: 100, source: Ipv4Addr::new(172, 20, 45, 130), ..VrrpPacket::default() };
        injector.send(&lower);
        sleep(Duration::from_millis(500));
        let status = lab.router(A).expect_status(VI_1);
        assert_eq!(status.state, State::Master, "the lower address loses");
        assert_eq!(status.second_master.map(|second| second.address), Some(lower.source.into()));

        let higher = VrrpPacket { source: Ipv4Addr::new(172, 20, 45, 200), ..lower };
        injector.send(&higher);
        let is_it = |cause| cause == Cause::TieLost { to: higher.source.into(), priority: 100 };
        lab.router(A).wait_cause(VI_1, State::Backup, Duration::from_secs(2), is_it);
    });
}

#[test]
fn the_link_goes_and_returns() {
    with_lab(&[Locum], |lab| {
        lab.start(A, &scenario("alone"));
        lab.wait_master(Group::VI_1, A, TAKEOVER_MAX);
        lab.cut(A);
        blocked_then_recovered(lab, locum_control::Block::LinkDown, |lab| {
            lab.restore(A);
        });
    });
}

#[test]
fn the_interface_goes_and_returns() {
    with_lab(&[Locum], |lab| {
        lab.start(A, &scenario("alone"));
        lab.wait_master(Group::VI_1, A, TAKEOVER_MAX);
        lab.delete_interface(A);
        blocked_then_recovered(lab, locum_control::Block::InterfaceMissing, |lab| {
            lab.add_interface(A);
        });
    });
}

#[test]
fn the_source_address_goes_and_returns() {
    with_lab(&[Locum], |lab| {
        lab.start(A, &scenario("1-unicast-a"));
        lab.wait_master(Group::VI_1, A, TAKEOVER_MAX);
        lab.delete_address(A);
        blocked_then_recovered(lab, locum_control::Block::NoSourceAddress, |lab| {
            lab.add_address(A);
        });
    });
}

/// A has just lost something: it says what, holds no address, and goes on when it returns.
fn blocked_then_recovered(
    lab: &mut locum_tests::Lab,
    block: locum_control::Block,
    mend: impl FnOnce(&mut locum_tests::Lab),
) {
    let limit = Duration::from_secs(5);
    let router = lab.router(A);
    router.wait_state(VI_1, State::Fault, limit);
    // An interface that vanishes first loses its carrier, so the cause may be the lesser one; the block is the one.
    let is_block = |cause| matches!(cause, Cause::Blocked { .. });
    router.wait_cause(VI_1, State::Fault, limit, is_block);
    let status = locum_tests::wait_for("the block to be named", limit, || {
        router.status(VI_1).filter(|status| status.blocks.iter().any(|it| it.block == block))
    });
    let named = status.blocks.iter().find(|it| it.block == block).unwrap();
    assert!(named.since_us > 0 && !named.detail.is_empty(), "{named:?}");
    assert!(!router.has(Group::VI_1.vip), "FAULT holds no address");
    mend(lab);
    let is_it = |cause| matches!(cause, Cause::Recovered { .. });
    lab.router(A).wait_cause(VI_1, State::Backup, limit, is_it);
    assert!(lab.router(A).expect_status(VI_1).blocks.is_empty());
    lab.wait_master(Group::VI_1, A, TAKEOVER_MAX);
}
