//! The virtual router's MAC address (`use_vmac`): only the master uses it, in whatever company.

use std::thread::sleep;
use std::time::Duration;

use locum_control::State;
use locum_tests::Daemon::{self, Keepalived, Locum};
use locum_tests::Node::{A, B, C};
use locum_tests::{Arp, ArpKind, Group, Lab, Moment, Node, wait_for, with_lab};

use crate::{TAKEOVER_MAX, each_pair};

const GROUP: Group = Group::VI_1;
const VIRTUAL_MAC: [u8; 6] = [0, 0, 0x5e, 0, 1, 45];

fn configuration(priority: u8, options: &str) -> String {
    format!(
        "vrrp_instance VI_1 {{\n    interface eth0\n    virtual_router_id 45\n    priority {priority}\n    {options}\n    \
         virtual_ipaddress {{\n        {}/24\n    }}\n}}\n",
        GROUP.vip
    )
}

/// A takes over, fails, is cut off and returns; the client is answered from the virtual MAC address all the time.
fn failover(a: Daemon, b: Daemon) {
    with_lab(&[a, b], |lab| {
        lab.start(A, &configuration(100, "use_vmac"));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        lab.start(B, &configuration(80, "use_vmac"));
        sleep(Duration::from_secs(2));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        let probe = lab.probe(GROUP.vip);

        let cut = lab.cut(A);
        lab.wait_master(GROUP, B, TAKEOVER_MAX);
        lab.restore(A);
        // Both advertise from the same MAC address, and must hear each other all the same.
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        lab.stop(A);
        let left = lab.wait_master(GROUP, B, TAKEOVER_MAX);
        sleep(Duration::from_secs(1));
        probe.finish();

        uses_virtual_mac(lab, A);
        uses_virtual_mac(lab, B);
        assert!(lab.timeline().since(left).answered_by(GROUP.vip).contains(&B), "the client is not answered");
        assert!(!lab.timeline().since(cut).announcements(B, GROUP.vip).is_empty(), "B announced nothing");
    });
}
each_pair!(failover);

/// What a node says about the VIP it says from the virtual MAC address, and nothing else comes from there while it is no
/// master. (keepalived keeps its macvlan up, so other frames may come from it.)
#[track_caller]
fn uses_virtual_mac(lab: &mut Lab, node: Node) {
    let timeline = lab.timeline();
    let adverts = timeline.adverts_by(node, GROUP.vrid);
    assert!(adverts.len() > 2, "{node} sent {} adverts", adverts.len());
    for advert in &adverts {
        assert_eq!(advert.what.source_mac, VIRTUAL_MAC, "{node}: {advert:?}");
    }
    // keepalived asks neighbours in the VIP's name from the MAC address below, which teaches them the wrong one.
    let asks_rightly = lab.router(node).daemon() == Locum;
    let counts = |arp: &Arp| arp.sender == GROUP.vip && (asks_rightly || arp.kind != ArpKind::Request);
    let spoken = timeline.arp(|arp, from| from == node && counts(arp));
    assert!(!spoken.is_empty(), "{node} never spoke for the VIP");
    for arp in &spoken {
        assert_eq!(arp.what.sender_mac, VIRTUAL_MAC, "{node}: {arp:?}");
    }
    if lab.router(node).daemon() == Locum {
        let masterships = timeline.masterships(GROUP.vrid, Duration::from_secs(4));
        let slack = Duration::from_millis(2_500);
        for record in timeline.records().iter().filter(|record| record.from == node) {
            let is_master = masterships.iter().any(|it| {
                it.node == node && record.at >= it.from - Duration::from_millis(200) && record.at <= it.until + slack
            });
            let from_it = record.bytes.get(6..12) == Some(&VIRTUAL_MAC[..]);
            assert!(!from_it || is_master, "{node} is no master and sent {:?} at {:?}", record.frame, record.at);
        }
    }
}

#[test]
fn a_master_with_a_virtual_mac_and_a_backup_without() {
    with_lab(&[Locum, Keepalived], |lab| {
        lab.start(A, &configuration(100, "use_vmac"));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        lab.start(B, &configuration(80, ""));
        sleep(Duration::from_secs(2));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        lab.stop(A);
        lab.wait_master(GROUP, B, TAKEOVER_MAX);
        lab.start_again(A);
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
    });
}

#[test]
fn adverts_from_the_interface_itself() {
    with_lab(&[Locum, Locum], |lab| {
        lab.router(B).ip("link set eth0 group 9");
        lab.start(A, &configuration(100, "use_vmac vmac45 group 7\n    vmac_xmit_base"));
        lab.start(B, &configuration(80, "use_vmac 02:00:00:00:45\n    vmac_xmit_base"));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        assert!(lab.router(A).ip("-br link show vmac45").contains("00:00:5e:00:01:2d"));
        assert!(lab.router(B).ip("-br link show vrrp.45").contains("02:00:00:00:45:2d"));
        for (node, name, group) in [(A, "vmac45", " group 7 "), (B, "vrrp.45", " group 9 ")] {
            let link = lab.router(node).ip(&format!("-o link show {name}"));
            assert!(link.contains(group), "as told, else as the interface below: {link}");
        }
        sleep(Duration::from_secs(2));
        let timeline = lab.timeline();
        for advert in timeline.adverts_by(A, GROUP.vrid) {
            assert_eq!(advert.what.source_mac, A.mac(), "{advert:?}");
        }
        for arp in timeline.announcements(A, GROUP.vip) {
            assert_eq!(arp.what.sender_mac, VIRTUAL_MAC, "{arp:?}");
        }
        lab.stop(A);
        lab.wait_master(GROUP, B, TAKEOVER_MAX);
    });
}

#[test]
fn what_was_made_and_set_goes_at_the_end_and_after_a_crash() {
    with_lab(&[Locum], |lab| {
        let setting = |lab: &mut Lab, name: &str| {
            let path = format!("/proc/sys/net/ipv4/conf/eth0/{name}");
            lab.router(A).inside(&["cat", &path]).trim().to_owned()
        };
        let before = (setting(lab, "arp_ignore"), setting(lab, "arp_announce"));
        lab.start(A, &configuration(100, "use_vmac"));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        assert_eq!((setting(lab, "arp_ignore"), setting(lab, "arp_announce")), ("1".into(), "2".into()));

        lab.kill9(A);
        assert!(lab.router(A).ip("-br link").contains("vrrp.45"), "the kernel keeps what nobody removes");
        lab.start_again(A);
        let router = lab.router(A);
        wait_for("the address to go", Duration::from_secs(3), || (!router.has(GROUP.vip)).then_some(()));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);

        // Its base goes, and it with it; both return.
        lab.delete_interface(A);
        lab.add_interface(A);
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        uses_virtual_mac(lab, A);

        lab.stop(A);
        assert!(!lab.router(A).ip("-br link").contains("vrrp.45"), "it was left behind");
        assert_eq!((setting(lab, "arp_ignore"), setting(lab, "arp_announce")), before);
    });
}

/// RFC 9568 section 7.3: 00-00-5E-00-02-{VRID} for IPv6.
#[test]
fn an_ipv6_master_speaks_from_the_virtual_mac_address() {
    with_lab(&[Locum, Locum], |lab| {
        lab.enable_ipv6(A);
        lab.enable_ipv6(B);
        let text = "vrrp_instance VI_6 {\n interface eth0\n virtual_router_id 46\n priority 100\n use_vmac\n \
                    virtual_ipaddress {\n  fe80::248/64\n }\n}\n";
        lab.start(A, text);
        lab.router(A).wait_state("VI_6", State::Master, TAKEOVER_MAX);
        wait_for("the VIP to answer", Duration::from_secs(5), || {
            let mut ping = lab.router(B).command_in("ping");
            let reply = ping.args(["-n", "-c", "1", "-W", "1", "fe80::248%eth0"]).output().unwrap();
            reply.status.success().then_some(())
        });
        let neighbours = lab.router(B).ip("-6 neigh show fe80::248");
        assert!(neighbours.contains("lladdr 00:00:5e:00:02:2e"), "{neighbours}");
        let adverts = lab.timeline();
        let adverts = adverts.adverts6(46);
        assert!(!adverts.is_empty());
        for advert in &adverts {
            assert_eq!(advert.what.source_mac, [0, 0, 0x5e, 0, 2, 46], "{advert:?}");
        }
        lab.stop(A);
        assert!(!lab.router(A).ip("-br link").contains("vrrp6.46"), "it was left behind");
    });
}

/// A macvlan does not talk to the interface below it: the host must not need that.
#[test]
fn the_hosts_themselves_reach_everything() {
    const OWN6: [(Node, &str); 2] = [(A, "2001:db8::131"), (B, "2001:db8::132")];
    const VIP6: &str = "2001:db8::248";
    with_lab(&[Locum, Locum], |lab| {
        for (node, own) in OWN6 {
            lab.enable_ipv6(node);
            lab.set_sysctl(node, "ipv6/conf/lo/disable_ipv6", "0"); // where what is for the host itself comes in
            lab.router(node).ip(&format!("-6 addr add {own}/64 dev eth0 nodad"));
            let v6 = format!(
                "vrrp_instance VI_6 {{\n interface eth0\n virtual_router_id 46\n priority {}\n use_vmac\n \
                 virtual_ipaddress {{\n  fe80::248/64\n  {VIP6}/64\n }}\n}}\n",
                if node == A { 100 } else { 80 }
            );
            lab.start(node, &format!("{}{v6}", configuration(if node == A { 100 } else { 80 }, "use_vmac")));
        }
        for master in [A, B] {
            lab.wait_master(GROUP, master, TAKEOVER_MAX);
            lab.router(master).wait_state("VI_6", State::Master, TAKEOVER_MAX);
            let (vip, a, b) = (GROUP.vip.to_string(), A.address().to_string(), B.address().to_string());
            let everything = [&vip, &a, &b, VIP6, OWN6[0].1, OWN6[1].1];
            for (from, to) in [A, B].into_iter().flat_map(|from| everything.map(|to| (from, to))) {
                wait_for(&format!("{to} to answer {from}"), Duration::from_secs(5), || {
                    let mut ping = lab.router(from).command_in("ping");
                    let output = ping.args(["-n", "-c", "1", "-W", "1", to]).output().unwrap();
                    output.status.success().then_some(())
                });
            }
            sleep(Duration::from_secs(2)); // for some adverts
            if master == A {
                lab.router(A).locum(&["yield", "--all"]);
            }
        }
        uses_virtual_mac(lab, A);
        uses_virtual_mac(lab, B);
    });
}

#[test]
fn an_interface_that_somebody_deletes_is_made_again() {
    with_lab(&[Locum, Locum], |lab| {
        lab.start(A, &configuration(100, "use_vmac"));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        let probe = lab.probe(GROUP.vip);
        let router = lab.router(A);
        router.ip("link del vrrp.45");
        wait_for("the VIP to be on a new one", Duration::from_secs(5), || {
            let links = router.ip("-o addr show");
            links.lines().any(|line| line.contains("vrrp.45") && line.contains("172.20.45.248/24")).then_some(())
        });
        let log = router.log();
        assert!(log.contains("interface vrrp.45 was deleted by somebody; it is made again"), "{log}");
        assert_eq!(router.history(GROUP.instance).len(), 2, "without a change of state");
        let again = Moment::now();
        sleep(Duration::from_secs(2));
        probe.finish();
        assert!(lab.timeline().since(again).answered_by(GROUP.vip).contains(&A), "the client is not answered");
        uses_virtual_mac(lab, A);
    });
}

/// Sends a router advertisement of a prefix, `sys.argv[1]`, from which every host makes an address.
const ANNOUNCE_PREFIX: &str = "
import socket, struct, sys
s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
prefix = socket.inet_pton(socket.AF_INET6, sys.argv[1])
option = struct.pack('!BBBBIII', 3, 4, 64, 0xc0, 86400, 14400, 0) + prefix
s.sendto(struct.pack('!BBHBBHII', 134, 0, 0, 64, 0, 1800, 0, 0) + option, ('ff02::1', 0, 0, socket.if_nametoindex('eth0')))
";

/// RFC 9568 section 7.4: the virtual MAC address must not become part of an address.
#[test]
fn the_virtual_mac_makes_no_address() {
    with_lab(&[Locum, Locum, Locum], |lab| {
        for node in [A, B, C] {
            lab.enable_ipv6(node);
        }
        for (name, vrid, address) in [("VI_6", 46, "fe80::248/64"), ("VI_7", 47, "fe80::249/64\n  2001:db8::1/64")] {
            let text = format!(
                "vrrp_instance {name} {{\n interface eth0\n virtual_router_id {vrid}\n priority 100\n use_vmac\n \
                 virtual_ipaddress {{\n  {address}\n }}\n}}\n"
            );
            lab.start(if vrid == 46 { A } else { B }, &text);
        }
        lab.router(A).wait_state("VI_6", State::Master, TAKEOVER_MAX);
        lab.router(B).wait_state("VI_7", State::Master, TAKEOVER_MAX);
        lab.router(C).inside(&["python3", "-c", ANNOUNCE_PREFIX, "2001:db8:5::"]);
        let takes = |lab: &mut Lab, node| lab.router(node).ip("-6 -o addr show dev eth0").contains("2001:db8:5:");
        wait_for("eth0 to make itself an address", Duration::from_secs(5), || {
            (takes(lab, A) && takes(lab, B)).then_some(())
        });
        for (node, device, wanted) in [(A, "vrrp6.46", 1), (B, "vrrp6.47", 2)] {
            let addresses = lab.router(node).ip(&format!("-6 -o addr show dev {device}"));
            assert_eq!(addresses.lines().count(), wanted, "nothing but the VIPs: {addresses}");
            assert!(!addresses.contains("5eff:fe00"), "{addresses}");
            let routes = lab.router(node).ip("-6 route");
            assert!(!routes.lines().any(|route| route.contains("default") && route.contains(device)), "{routes}");
        }
    });
}
