//! Interfaces that locum makes for single addresses (`use_vmac` of an address, `use_vmac_addr`), and what they are told from
//! time to time (`garp_extra_if`).

use std::net::Ipv4Addr;
use std::thread::sleep;
use std::time::Duration;

use locum_tests::Daemon::Locum;
use locum_tests::Node::{A, B};
use locum_tests::{Arp, Group, Lab, Moment, Node, Sighting, Timeline, wait_for, with_lab};

use crate::TAKEOVER_MAX;

const GROUP: Group = Group::VI_1;
const VIRTUAL_MAC: [u8; 6] = [0, 0, 0x5e, 0, 1, 45];
/// An address of the instance that is to have the virtual router's MAC address, beside the group's, which is not.
const WITH_MAC: Ipv4Addr = Ipv4Addr::new(172, 20, 45, 249);
const SOON: Duration = Duration::from_secs(5);

fn configuration(priority: u8, options: &str, addresses: &str) -> String {
    format!(
        "vrrp_instance VI_1 {{\n interface eth0\n virtual_router_id 45\n priority {priority}\n garp_master_delay 0\n \
         garp_master_repeat 1\n {options}\n virtual_ipaddress {{\n {}/24\n {addresses}\n }}\n}}\n",
        GROUP.vip
    )
}

fn sender_macs(spoken: &[Sighting<'_, Arp>]) -> Vec<[u8; 6]> {
    let mut macs: Vec<_> = spoken.iter().map(|arp| arp.what.sender_mac).collect();
    macs.sort_unstable();
    macs.dedup();
    macs
}

/// What a node said about an address, as sender.
fn spoken(timeline: &Timeline, node: Node, address: Ipv4Addr) -> Vec<Sighting<'_, Arp>> {
    timeline.arp(|arp, from| from == node && arp.sender == address)
}

/// Whether the macvlan of the virtual router is set up.
fn is_up(lab: &mut Lab, node: Node) -> bool {
    lab.router(node).ip("-br link show vrrp.45").contains("UP")
}

#[test]
fn one_address_has_the_virtual_mac_and_the_other_has_not() {
    with_lab(&[Locum, Locum], |lab| {
        let address = format!("{WITH_MAC}/24 use_vmac");
        lab.start(A, &configuration(100, "", &address));
        lab.start(B, &configuration(80, "", &address));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        let probe = lab.probe(WITH_MAC);
        wait_for("the interface to be set up", SOON, || is_up(lab, A).then_some(()));
        assert!(!is_up(lab, B), "a backup does not answer for it");
        assert!(lab.router(A).ip("-o addr show dev vrrp.45").contains(&format!("{WITH_MAC}/24")));
        assert!(lab.router(A).ip("-o addr show dev eth0").contains(&format!("{}/24", GROUP.vip)));
        sleep(Duration::from_secs(2));

        lab.stop(A);
        let left = lab.wait_master(GROUP, B, TAKEOVER_MAX);
        sleep(Duration::from_secs(2));
        probe.finish();
        let timeline = lab.timeline();
        for node in [A, B] {
            assert_eq!(sender_macs(&spoken(&timeline, node, WITH_MAC)), [VIRTUAL_MAC], "{node}");
            assert_eq!(sender_macs(&spoken(&timeline, node, GROUP.vip)), [node.mac()], "{node}");
            // Adverts do not come from it: the instance itself has no virtual MAC address.
            for advert in timeline.adverts_by(node, GROUP.vrid) {
                assert_eq!(advert.what.source_mac, node.mac(), "{advert:?}");
            }
        }
        assert!(timeline.since(left).answered_by(WITH_MAC).contains(&B), "the client is not answered");
        assert!(!lab.router(A).ip("-br link").contains("vrrp.45"), "it was left behind");
    });
}

/// Gives A and B an interface each, joined by a cable of their own.
fn second_network(lab: &mut Lab) {
    let b = lab.router(B).inside(&["ip", "netns", "identify"]);
    lab.router(A).ip("link add eth1 type veth peer name eth1p");
    lab.router(A).ip(&format!("link set eth1p netns {}", b.trim()));
    lab.router(A).ip("link set eth1 up");
    lab.router(B).ip("link set eth1p up");
    lab.router(B).ip("addr add 172.20.46.2/24 dev eth1p");
}

#[test]
fn addresses_on_other_interfaces_have_a_virtual_mac_there() {
    with_lab(&[Locum, Locum], |lab| {
        second_network(lab);
        lab.start(A, &configuration(100, "use_vmac_addr", "172.20.46.1/24 dev eth1"));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        let router = lab.router(B);
        wait_for("the address beyond to answer", SOON, || {
            let mut ping = router.command_in("ping");
            ping.args(["-n", "-c", "1", "-W", "1", "172.20.46.1"]).output().unwrap().status.success().then_some(())
        });
        let neighbour = lab.router(B).ip("neigh show 172.20.46.1 dev eth1p");
        assert!(neighbour.contains("lladdr 00:00:5e:00:01:2d"), "{neighbour}");
        // On the instance's own interface it changes nothing.
        assert!(lab.router(A).ip("-o addr show dev eth0").contains(&format!("{}/24", GROUP.vip)));
        let links = lab.router(A).ip("-o link show type macvlan");
        assert_eq!((links.lines().count(), links.contains("@eth1")), (1, true), "{links}");

        lab.stop(A);
        assert_eq!(lab.router(A).ip("-o link show type macvlan"), "", "it was left behind");
    });
}

/// Adverts keep the switches' memory of the MAC address that they come from alive, and of no other.
#[test]
fn what_adverts_do_not_keep_alive_is_announced_again_and_again() {
    with_lab(&[Locum], |lab| {
        let address = format!("{WITH_MAC}/24 use_vmac");
        lab.start(A, &configuration(100, "garp_extra_if 1", &address));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        let begun = Moment::now();
        sleep(Duration::from_secs(8));
        let timeline = lab.timeline().since(begun);
        let again = timeline.announcements(A, WITH_MAC);
        // Eight seconds, and time to be late on a busy machine.
        assert!((4..=10).contains(&again.len()), "{again:?}");
        assert_eq!(sender_macs(&again), [VIRTUAL_MAC]);
        assert!(timeline.announcements(A, GROUP.vip).len() <= 1, "the interface of the adverts needs none");
    });
}
