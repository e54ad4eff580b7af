//! Instances that share a VRID on an interface, because they talk to different peers.

use std::net::Ipv4Addr;

use locum_control::{Mac, State};
use locum_tests::Node::{A, B};
use locum_tests::{Daemon, Group, Lab, Node, wait_for, with_lab};

use crate::{TAKEOVER_MAX, each_pair};

const GROUP: Group = Group::VI_1;

each_pair!(one_vrid_for_two_groups);

/// As with keepalived: A is in one group with B, in another with C.
fn one_vrid_for_two_groups(a: Daemon, b: Daemon) {
    let second = Ipv4Addr::new(172, 20, 45, 247);
    let of = |name, vip: Ipv4Addr, priority, peer: Node| {
        let peer = format!("unicast_peer {{\n  {}\n }}", peer.address());
        format!(
            "vrrp_instance {name} {{\n interface eth0\n virtual_router_id {}\n priority {priority}\n version 3\n \
             advert_int 0.2\n {peer}\n virtual_ipaddress {{\n {vip}/24\n }}\n}}\n",
            GROUP.vrid
        )
    };
    with_lab(&[a, b, Daemon::Locum], |lab| {
        // The lab tells groups by their VRID, and would see two masters of one.
        lab.excuse_all();
        lab.start(A, &(of("VI_1", GROUP.vip, 100, B) + &of("VI_2", second, 80, Node::C)));
        lab.start(B, &of("VI_1", GROUP.vip, 80, A));
        lab.start(Node::C, &of("VI_2", second, 100, A));
        let holders = |lab: &mut Lab, first: Node, other: Node| {
            wait_for("each group to have its master", TAKEOVER_MAX, || {
                let mut holds =
                    |node: Node, vip| [A, B, Node::C].iter().all(|it| lab.router(*it).has(vip) == (*it == node));
                (holds(first, GROUP.vip) && holds(other, second)).then_some(())
            });
        };
        holders(lab, A, Node::C);
        if a == Daemon::Locum {
            for (name, state) in [("VI_1", State::Master), ("VI_2", State::Backup)] {
                let status = lab.router(A).expect_status(name);
                assert_eq!((status.state, status.counters.rejected), (state, [].into()), "{name}");
            }
            // Played they would be one group.
            let told = lab.router(A).locum(&["resume", "--all", "--dry-run"]);
            for name in ["VI_1", "VI_2"] {
                assert!(told.stdout.contains(&format!("{name}: what follows is not known")), "{told:?}");
            }
            wait_for("A to know whose adverts those of VI_2 are", TAKEOVER_MAX, || {
                let status = lab.router(A).expect_status("VI_2");
                status.senders.iter().any(|it| it.mac == Some(Mac(Node::C.mac()))).then_some(())
            });
        }
        // One group moves, and the other stays.
        lab.stop(Node::C);
        holders(lab, A, A);
        lab.start_again(Node::C);
        holders(lab, A, Node::C);
        lab.stop(A);
        holders(lab, B, Node::C);
    });
}
