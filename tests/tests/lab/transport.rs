//! How adverts travel, as the configuration says: other groups, other source addresses, other TTLs.

use std::net::Ipv4Addr;
use std::time::Duration;

use locum_control::{Reject, State};
use locum_tests::Node::{A, B};
use locum_tests::{Daemon, Group, Lab, Node, wait_for, with_lab};

use crate::{TAKEOVER_MAX, each_pair};

const GROUP: Group = Group::VI_1;
const VRID6: u8 = 46;
const OTHER_GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 55);

/// A second address of a node, to send from.
fn second(node: Node) -> Ipv4Addr {
    let [a, b, c, d] = node.address().octets();
    Ipv4Addr::new(a, b, c, d + 20)
}

fn instance(name: &str, vrid: u8, priority: u8, options: &str, vips: &str) -> String {
    format!(
        "vrrp_instance {name} {{\n interface eth0\n virtual_router_id {vrid}\n priority {priority}\n version 3\n \
         advert_int 0.2\n {options}\n virtual_ipaddress {{\n {vips}\n }}\n}}\n"
    )
}

each_pair!(other_groups_and_sources);

/// One instance an address family, each to a group of its own. A third has the first one's VRID in the usual group, on
/// another router: neither hears the other.
fn other_groups_and_sources(a: Daemon, b: Daemon) {
    with_lab(&[a, b, Daemon::Locum], |lab| {
        for (node, priority) in [(A, 100), (B, 80)] {
            lab.enable_ipv6(node);
            lab.router(node).ip(&format!("addr add {}/24 dev eth0", second(node)));
            let v4 = format!("mcast_src_ip {}\n mcast_dst_ip {OTHER_GROUP}", second(node));
            let text = instance("VI_1", GROUP.vrid, priority, &v4, &format!("{}/24", GROUP.vip))
                + &instance("VI_6", VRID6, priority, "mcast_dst_ip ff02::55", "fe80::248/64");
            lab.start(node, &text);
        }
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        let third = instance("VI_3", GROUP.vrid, 200, "", "172.20.45.247/24");
        lab.start(Node::C, &third);
        lab.router(Node::C).wait_state("VI_3", State::Master, TAKEOVER_MAX);
        std::thread::sleep(Duration::from_secs(2));

        assert_eq!(lab.timeline().advert_targets(A, GROUP.vrid), [OTHER_GROUP].into());
        for advert in lab.timeline().adverts_by(A, GROUP.vrid) {
            assert_eq!(advert.what.source, second(A), "{advert:?}");
        }
        let timeline = lab.timeline();
        let v6 = timeline.adverts6(VRID6);
        assert!(
            v6.iter().any(|advert| advert.from == A) && v6.iter().all(|it| it.what.target.to_string() == "ff02::55")
        );
        for (node, daemon, state) in [(A, a, State::Master), (B, b, State::Backup)] {
            if daemon == Daemon::Locum {
                for status in lab.router(node).instances() {
                    let rejected = status.counters.rejected;
                    assert_eq!((status.state, &rejected), (state, &[].into()), "{node} {}", status.name);
                }
            }
        }
        lab.excuse_all(); // two groups with one VRID look like two masters
        lab.stop(A);
        let has = |lab: &mut Lab| lab.router(B).has(GROUP.vip);
        wait_for("the other to take over", TAKEOVER_MAX, || has(lab).then_some(()));
    });
}

#[test]
fn peers_that_are_some_hops_away() {
    with_lab(&[Daemon::Locum, Daemon::Locum], |lab| {
        for (node, other, priority, ttl) in [(A, B, 100, 62), (B, A, 80, 255)] {
            let options = format!(
                "unicast_src_ip {}\n unicast_ttl {ttl}\n unicast_peer {{\n {} min_ttl 60 max_ttl 64\n }}",
                node.address(),
                other.address()
            );
            lab.start(node, &instance("VI_1", GROUP.vrid, priority, &options, &format!("{}/24", GROUP.vip)));
        }
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        std::thread::sleep(Duration::from_secs(1));
        assert_eq!(lab.router(B).expect_status(GROUP.instance).state, State::Backup);
        let timeline = lab.timeline();
        let adverts = timeline.adverts_by(A, GROUP.vrid);
        assert!(!adverts.is_empty() && adverts.iter().all(|advert| advert.what.ttl == 62), "{adverts:?}");
        assert_eq!(lab.router(B).expect_status(GROUP.instance).counters.rejected, [].into());

        // B's own are outside of what A takes, so A does not hear it where it should.
        lab.excuse_all();
        lab.drop_adverts(A, B);
        lab.router(B).wait_state(GROUP.instance, State::Master, TAKEOVER_MAX);
        let router = lab.router(A);
        wait_for("A to count them", TAKEOVER_MAX, || {
            router.expect_status(GROUP.instance).counters.rejected.contains_key(&Reject::Ttl).then_some(())
        });
        assert_eq!(router.expect_status(GROUP.instance).state, State::Master, "and nothing else happens");
        lab.forward_all();
        lab.router(B).wait_state(GROUP.instance, State::Backup, TAKEOVER_MAX);
    });
}
