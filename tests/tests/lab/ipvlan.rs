//! An ipvlan of the instance's own (`use_ipvlan`): there in every state, with the address that adverts come from; the VIP on
//! it follows the master. A kernel without ipvlan is FAULT with what to do, and nothing else.

use std::net::Ipv4Addr;
use std::thread::sleep;
use std::time::Duration;

use locum_control::{Block, Cause, State};
use locum_tests::Daemon::Locum;
use locum_tests::Node::{A, B};
use locum_tests::{Group, Lab, Node, wait_for, with_lab};

use crate::TAKEOVER_MAX;

const GROUP: Group = Group::VI_1;
const SOON: Duration = Duration::from_secs(5);

const fn own(node: Node) -> Ipv4Addr {
    Ipv4Addr::new(172, 20, 45, if matches!(node, A) { 61 } else { 62 })
}

fn configuration(node: Node, options: &str) -> String {
    format!(
        "vrrp_instance VI_1 {{\n interface eth0\n virtual_router_id 45\n priority {}\n use_ipvlan ipv45 {}/24\n {options}\n \
         virtual_ipaddress {{\n {}/24\n }}\n}}\n",
        if matches!(node, A) { 100 } else { 80 },
        own(node),
        GROUP.vip
    )
}

fn kernel_has_ipvlan(lab: &mut Lab) -> bool {
    let mut ip = lab.router(A).command_in("ip");
    let made =
        ip.args(["link", "add", "link", "eth0", "name", "probe0", "type", "ipvlan", "mode", "l2"]).output().unwrap();
    if made.status.success() {
        lab.router(A).ip("link del probe0");
    }
    made.status.success()
}

/// What a kernel without ipvlan makes of it.
#[track_caller]
fn is_refused(lab: &mut Lab, options: &str) {
    lab.start(A, &configuration(A, options));
    // Without it there is no address to send from, either.
    let is_it = |cause| cause == Cause::Blocked { block: Block::NoSourceAddress };
    let fault = lab.router(A).wait_cause(GROUP.instance, State::Fault, TAKEOVER_MAX, is_it);
    let blocks = lab.router(A).expect_status(GROUP.instance).blocks;
    assert!(blocks.iter().any(|block| block.block == Block::Refused), "{blocks:?}");
    for words in ["interface ipv45", "Unknown device type", "modprobe ipvlan"] {
        assert!(fault.text.contains(words), "{words}: {fault:?}");
    }
    // It is tried again, and said once.
    sleep(Duration::from_secs(7));
    assert_eq!(lab.router(A).expect_status(GROUP.instance).state, State::Fault);
    assert_eq!(lab.router(A).log().matches("interface ipv45 on eth0 cannot be made").count(), 1);
    assert!(!lab.router(A).has(GROUP.vip), "the VIP must not go elsewhere");
    assert!(lab.timeline().adverts_by(A, GROUP.vrid).is_empty());
    lab.stop(A);
}

/// A takes over, fails and returns.
fn failover(lab: &mut Lab, options: [&str; 2]) {
    lab.start(A, &configuration(A, options[0]));
    lab.wait_master(GROUP, A, TAKEOVER_MAX);
    lab.start(B, &configuration(B, options[1]));
    sleep(Duration::from_secs(4));
    assert_eq!(lab.router(B).expect_status(GROUP.instance).state, State::Backup);
    let shown = lab.router(B).ip("-o addr show dev ipv45");
    assert!(shown.contains(&own(B).to_string()) && !shown.contains(&GROUP.vip.to_string()), "{shown}");
    assert!(lab.router(A).ip("-o addr show dev ipv45").contains(&GROUP.vip.to_string()));
    let probe = lab.probe(GROUP.vip);
    lab.kill9(A);
    let lost = lab.wait_master(GROUP, B, TAKEOVER_MAX);
    lab.start_again(A);
    let back = lab.wait_master(GROUP, A, TAKEOVER_MAX);
    // What somebody takes away is put back.
    lab.router(B).ip("link set ipv45 down");
    wait_for("the ipvlan to be set up again", SOON, || {
        lab.router(B).ip("-o link show ipv45").contains(",UP").then_some(())
    });
    sleep(Duration::from_secs(1));
    probe.finish();
    let timeline = lab.timeline();
    assert!(timeline.between(lost, back).answered_by(GROUP.vip).contains(&B), "the client is not answered");
    for node in [A, B] {
        let adverts = timeline.adverts_by(node, GROUP.vrid);
        assert!(adverts.len() > 2, "{node}");
        for advert in &adverts {
            assert_eq!((advert.what.source_mac, advert.what.source), (node.mac(), own(node).into()), "{advert:?}");
        }
        lab.stop(node);
        assert!(!lab.router(node).ip("-br link").contains("ipv45"), "it was left behind");
    }
}

#[test]
fn the_group_runs_on_ipvlans_or_says_that_the_kernel_has_none() {
    with_lab(&[Locum, Locum], |lab| match kernel_has_ipvlan(lab) {
        true => failover(lab, ["", ""]),
        false => is_refused(lab, ""),
    });
}

#[test]
fn peers_reach_the_ipvlan_by_its_address_or_are_told_that_there_is_none() {
    with_lab(&[Locum, Locum], |lab| {
        let peers = [B, A].map(|peer| format!("unicast_peer {{\n {}\n }}", own(peer)));
        match kernel_has_ipvlan(lab) {
            true => failover(lab, [&peers[0], &peers[1]]),
            false => is_refused(lab, &peers[0]),
        }
    });
}
