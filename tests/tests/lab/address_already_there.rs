//! An address that an interface has anyway is no VIP, and one that the MASTER has put there is no mistake.

use std::ffi::OsStr;

use locum_control::State;
use locum_tests::Daemon::{Keepalived, Locum};
use locum_tests::Node::{A, B};
use locum_tests::{Group, Outcome, Router, scenario, wait_for, with_lab};

use crate::{TAKEOVER_MAX, with_priority};

const GROUP: Group = Group::VI_1;
const SAID: &str = "W037";

fn check(router: &Router) -> Outcome {
    router.run_in(&[OsStr::new("check"), router.configuration().as_os_str()])
}

#[test]
fn it_is_said_by_check_and_at_the_start_and_not_of_a_master() {
    with_lab(&[Locum], |lab| {
        lab.start(A, &scenario("alone"));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        let of_a_master = check(lab.router(A));
        assert_eq!(of_a_master.code, Some(0), "{}", of_a_master.said());
        assert!(!of_a_master.said().contains(SAID), "{}", of_a_master.said());

        lab.stop(A);
        let router = lab.router(A);
        assert!(!router.log().contains(SAID), "{}", router.log());
        router.ip("addr add 172.20.45.248/24 dev eth0");
        let of_a_mistake = check(router);
        assert!(of_a_mistake.said().contains(SAID), "{}", of_a_mistake.said());
        lab.start(A, &scenario("alone"));
        let router = lab.router(A);
        wait_for("the warning in the log", TAKEOVER_MAX, || router.log().contains(SAID).then_some(()));
    });
}

#[test]
fn when_it_goes_the_master_puts_it_there_itself() {
    with_lab(&[Locum], |lab| {
        lab.router(A).ip("addr add 172.20.45.248/32 dev eth0");
        let second = scenario("alone").replace("VI_1", "VI_9").replace("virtual_router_id 45", "virtual_router_id 9");
        let shared =
            second.replace("172.20.45.248 dev eth0 label eth0:0", "172.20.45.247/32\n        172.20.45.246/32");
        let text = |added: &str| {
            let first = scenario("alone").replace("virtual_ipaddress {", &format!("virtual_ipaddress {{\n{added}"));
            format!("{first}{shared}")
        };
        lab.start(A, &text("        172.20.45.247/32\n"));
        lab.router(A).wait_state("VI_9", State::Master, TAKEOVER_MAX);
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        let router = lab.router(A);
        let left = || router.log().lines().filter(|line| line.contains("and leaves it there")).count();
        wait_for("both to be left as they are", TAKEOVER_MAX, || (left() == 2).then_some(()));

        router.ip("addr del 172.20.45.248/32 dev eth0");
        let vip = GROUP.vip;
        wait_for("the VIP to be put there", TAKEOVER_MAX, || router.has(vip).then_some(()));
        // An instance that gives an address up takes it from the other one that has it (W008).
        std::fs::write(router.configuration(), text("")).expect("the configuration is written");
        assert_eq!(router.locum(&["reload"]).code, Some(0));
        wait_for("the VIP of the other", TAKEOVER_MAX, || {
            let all_in = router.expect_status("VI_9").vips.iter().all(|vip| vip.installed);
            (all_in && router.has("172.20.45.247".parse().unwrap())).then_some(())
        });
        assert_eq!(router.history("VI_9").len(), 2, "it has not given up mastership");
    });
}

#[test]
fn it_is_said_of_a_reload_once() {
    with_lab(&[Locum, Keepalived], |lab| {
        lab.start(A, &scenario("alone"));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        // One that leaves no mark on its addresses, but in a namespace of its own: it puts none on the interfaces of this one.
        lab.start(B, &with_priority(&scenario("alone"), 80));
        let router = lab.router(A);
        router.ip("addr add 172.20.45.249/24 dev eth0");
        let file = router.configuration();
        let text = std::fs::read_to_string(&file).expect("the configuration");
        let with_vip = text.replacen("virtual_ipaddress {", "virtual_ipaddress {\n        172.20.45.249/24", 1);
        std::fs::write(&file, &with_vip).expect("the configuration is written");
        let said = || router.locum(&["reload", "--dry-run"]).said();
        wait_for("the address is known to the service", TAKEOVER_MAX, || said().contains(SAID).then_some(()));
        let foreseen = said();
        assert!(foreseen.contains("+        172.20.45.249/24\n"), "{foreseen}");
        let done = router.locum(&["reload"]);
        assert_eq!(done.code, Some(0), "{}", done.said());
        assert!(done.said().contains(SAID), "{}", done.said());
        // What was said before is not said again because it stands in another line.
        std::fs::write(&file, format!("# a comment\n{with_vip}")).expect("the configuration is written");
        let again = said();
        assert!(again.contains("+# a comment\n") && !again.contains(SAID), "{again}");

        std::fs::write(&file, &text).expect("the configuration is written");
        assert_eq!(router.locum(&["reload"]).code, Some(0));
        router.ip("addr del 172.20.45.249/24 dev eth0"); // nobody's VIP any more, so it stayed
    });
}
