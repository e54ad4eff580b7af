//! Instances that elect a master of nothing that adverts could list (`no_virtual_ipaddress`).

use std::time::Duration;

use locum_control::State;
use locum_tests::Node::{A, B};
use locum_tests::{Daemon, Group, wait_for, with_lab};

use crate::{TAKEOVER_MAX, each_pair};

const GROUP: Group = Group::VI_1;
const EXCLUDED: &str = "172.20.45.240";

each_pair!(a_master_of_nothing);

fn a_master_of_nothing(a: Daemon, b: Daemon) {
    with_lab(&[a, b], |lab| {
        for (node, daemon, priority) in [(A, a, 100), (B, b, 80)] {
            // keepalived has the word since 2.2.8, and before needs none.
            let word = if daemon == Daemon::Locum { "no_virtual_ipaddress" } else { "" };
            let instance = |name: &str, vrid: u8, more: &str| {
                format!(
                    "vrrp_instance {name} {{\n interface eth0\n virtual_router_id {vrid}\n priority {priority}\n \
                     {word}\n {more}\n}}\n"
                )
            };
            let excluded = format!("virtual_ipaddress_excluded {{\n {EXCLUDED}/32\n }}");
            let text = instance("VI_1", GROUP.vrid, "") + &instance("VI_2", 46, &excluded);
            lab.start(node, &text);
        }
        let has = |lab: &mut locum_tests::Lab, node| lab.router(node).has(EXCLUDED.parse().unwrap());
        wait_for("the better one to have the address", TAKEOVER_MAX, || (has(lab, A) && !has(lab, B)).then_some(()));
        std::thread::sleep(Duration::from_secs(2));
        for advert in lab.timeline().adverts_by(A, GROUP.vrid) {
            assert!(advert.what.addresses.is_empty() && advert.what.whole, "{advert:?}");
        }
        for (node, daemon, state) in [(A, a, State::Master), (B, b, State::Backup)] {
            if daemon == Daemon::Locum {
                for status in lab.router(node).instances() {
                    assert_eq!(
                        (status.state, &status.counters.rejected),
                        (state, &[].into()),
                        "{node} {}",
                        status.name
                    );
                }
            }
        }
        lab.stop(A);
        wait_for("the other to take over", TAKEOVER_MAX, || (!has(lab, A) && has(lab, B)).then_some(()));
        let claim = lab.timeline().last_claim(B, GROUP.vrid);
        assert!(claim.is_some(), "B advertises, too");
    });
}
