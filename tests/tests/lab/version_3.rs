//! VRRPv3 over both families, adverts ten times a second: locum with itself, and with keepalived in both roles.

use std::time::Duration;

use locum_tests::{Daemon, Group, Lab, Node, scenario, wait_for, with_lab};

use crate::{TAKEOVER_MAX, each_pair, with_priority};

const GROUP: Group = Group::VI_1;
const VIP6: &str = "2001:db8::248";

each_pair!(moves_there_and_back);

/// Two instances on each router: one a family.
fn moves_there_and_back(a: Daemon, b: Daemon) {
    with_lab(&[a, b], |lab| {
        for (node, priority) in [(Node::A, 100), (Node::B, 80)] {
            lab.enable_ipv6(node);
            lab.start(node, &with_priority(&both_families(), priority));
        }
        lab.wait_master(GROUP, Node::A, TAKEOVER_MAX);
        only_on(lab, Node::A);
        lab.stop(Node::A);
        lab.wait_master(GROUP, Node::B, TAKEOVER_MAX);
        only_on(lab, Node::B);
        lab.start_again(Node::A);
        lab.wait_master(GROUP, Node::A, TAKEOVER_MAX);
        only_on(lab, Node::A);

        let timeline = lab.timeline();
        let adverts = timeline.adverts(GROUP.vrid);
        assert!(adverts.len() > 5, "{adverts:?}");
        for advert in adverts {
            assert_eq!((advert.what.version, advert.what.ttl), (3, 255), "{advert:?}");
        }
    });
}

/// The IPv4 instance of the scenarios without its password, which version 3 has not, and an IPv6 one beside it.
fn both_families() -> String {
    let v4 = scenario("alone").replace("advert_int 1\n", "advert_int 0.1\n    version 3\n");
    let password =
        v4.find("authentication").expect("it has one")..v4.find("    virtual_ipaddress").expect("it has one");
    let mut v4 = v4;
    v4.replace_range(password, "");
    let v6 = v4
        .replace("VI_1", "VI_6")
        .replace("172.20.45.248 dev eth0 label eth0:0", &format!("fe80::248\n        {VIP6}/64"));
    format!("{v4}\n{v6}")
}

/// The IPv6 address is on this router, and not on the other.
fn only_on(lab: &mut Lab, node: Node) {
    let has_it = |lab: &mut Lab, node| lab.router(node).ip("-6 -o address show dev eth0").contains(VIP6);
    let other = if node == Node::A { Node::B } else { Node::A };
    wait_for(&format!("{VIP6} to be on {node} alone"), TAKEOVER_MAX + Duration::from_secs(1), || {
        (has_it(lab, node) && !has_it(lab, other)).then_some(())
    });
}
