//! What a master has in the kernel: addresses with all their options, routes and rules. It comes and goes with the state,
//! is put back when somebody takes it away, and is FAULT when the kernel refuses it.

use std::thread::sleep;
use std::time::Duration;

use locum_control::{Block, Cause, State};
use locum_tests::Daemon::Locum;
use locum_tests::Node::A;
use locum_tests::{Group, Lab, wait_for, with_lab};

use crate::TAKEOVER_MAX;

const GROUP: Group = Group::VI_1;

/// Longer than it takes to notice.
const SOON: Duration = Duration::from_secs(5);

/// VI_1 alone, with more blocks in it.
fn configuration(vip_options: &str, blocks: &str) -> String {
    format!(
        "vrrp_instance VI_1 {{\n interface eth0\n virtual_router_id 45\n priority 100\n virtual_ipaddress {{\n  \
         {} {vip_options}\n }}\n {blocks}\n}}\n",
        GROUP.vip
    )
}

#[test]
fn addresses_have_all_their_options() {
    with_lab(&[Locum], |lab| {
        let excluded = "virtual_ipaddress_excluded {\n 172.20.46.1/24 brd + scope link noprefixroute\n \
                        172.20.47.1 peer 172.20.47.2/30\n 2001:db8::248/64 preferred_lft 0 home\n }";
        lab.enable_ipv6(A);
        lab.start(A, &configuration("label eth0:v", excluded));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        let shown = lab.router(A).ip("-o addr show dev eth0");
        let line = |part: &str| shown.lines().find(|line| line.contains(part)).unwrap_or_else(|| panic!("{shown}"));
        assert!(line("172.20.45.248/32").contains("eth0:v"), "{shown}");
        let second = line("172.20.46.1/24");
        assert!(["brd 172.20.46.255", "scope link", "noprefixroute"].iter().all(|it| second.contains(it)), "{shown}");
        assert!(line("172.20.47.1").contains("peer 172.20.47.2/30"), "{shown}");
        let v6 = line("2001:db8::248/64");
        assert!(["home", "nodad", "preferred_lft 0sec"].iter().all(|it| v6.contains(it)), "{shown}");

        lab.stop(A);
        let left = lab.router(A).ip("-o addr show dev eth0");
        assert!(!["172.20.46.1", "172.20.47.1", "2001:db8::248"].iter().any(|it| left.contains(it)), "{left}");
    });
}

#[test]
fn an_address_that_somebody_deletes_is_put_back_unless_it_is_not_tracked() {
    with_lab(&[Locum], |lab| {
        let excluded = "virtual_ipaddress_excluded {\n 172.20.46.1/32 no_track\n }";
        lab.start(A, &configuration("", excluded));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        let router = lab.router(A);
        router.ip("addr del 172.20.46.1/32 dev eth0");
        router.ip(&format!("addr del {}/32 dev eth0", GROUP.vip));
        wait_for("the VIP to be put back", SOON, || router.has(GROUP.vip).then_some(()));
        sleep(Duration::from_millis(500));
        assert!(!router.has("172.20.46.1".parse().unwrap()), "nobody follows this one");
        assert_eq!(router.expect_status(GROUP.instance).state, State::Master);
        router.ip("addr add 172.20.46.1/32 dev eth0"); // so that the lab finds all as it should be
    });
}

#[test]
fn what_the_kernel_refuses_is_fault_with_its_words() {
    with_lab(&[Locum], |lab| {
        let routes = "virtual_routes {\n 192.168.110.0/24 via 10.99.99.1 dev eth0\n }";
        lab.start(A, &configuration("", routes));
        let is_it = |cause| cause == Cause::Blocked { block: Block::Refused };
        let fault = lab.router(A).wait_cause(GROUP.instance, State::Fault, TAKEOVER_MAX, is_it);
        assert!(fault.text.contains("192.168.110.0/24"), "{fault:?}");
        assert!(fault.text.contains("Nexthop has invalid gateway"), "the kernel's words: {fault:?}");
        wait_gone(lab);
        // What is mended by itself is noticed by itself.
        lab.router(A).ip("addr add 10.99.99.9/24 dev eth0");
        lab.wait_master(GROUP, A, TAKEOVER_MAX * 2);
        assert!(lab.router(A).ip("route").contains("192.168.110.0/24 via 10.99.99.1"));
    });
}

fn wait_gone(lab: &mut Lab) {
    let router = lab.router(A);
    wait_for("the VIP to go", SOON, || (!router.has(GROUP.vip)).then_some(()));
}

#[test]
fn what_the_kernel_refuses_is_a_warning_where_nobody_follows_it() {
    with_lab(&[Locum], |lab| {
        let routes = "virtual_routes {\n 192.168.110.0/24 via 10.99.99.1 dev eth0 no_track\n }";
        lab.start(A, &configuration("", routes));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        sleep(Duration::from_secs(1));
        assert_eq!(lab.router(A).expect_status(GROUP.instance).state, State::Master);
        let log = lab.router(A).log();
        assert!(log.contains("Nexthop has invalid gateway; nobody follows it"), "{log}");
    });
}

const ROUTES_AND_RULES: &str = "virtual_routes {
  src 172.20.45.248 to 192.168.109.0/24 via 172.20.45.254 dev eth0
  192.168.110.0/24 via 172.20.45.254 table 77 metric 5 mtu 1400
  blackhole 192.168.114.0/24
  192.168.113.0/24 nexthop via 172.20.45.252 weight 1 nexthop via 172.20.45.253 weight 3
  2001:db8:1::/64 dev eth0 metric 7
 }
 virtual_rules {
  from 192.168.28.0/24 to 192.168.29.0/26 table 77 preference 39
  to 2001:db8:1::/64 table 77 preference 40
 }";

/// What must be among the routes and rules of a master.
const PRESENT: [&str; 8] = [
    "192.168.109.0/24 via 172.20.45.254 dev eth0 proto 76 src 172.20.45.248",
    "192.168.110.0/24 via 172.20.45.254 dev eth0 table 77 proto 76 metric 5 mtu 1400",
    "blackhole 192.168.114.0/24 proto 76",
    "nexthop via 172.20.45.252 dev eth0 weight 1",
    "nexthop via 172.20.45.253 dev eth0 weight 3",
    "2001:db8:1::/64 dev eth0 proto 76 metric 7",
    "39:\tfrom 192.168.28.0/24 to 192.168.29.0/26 lookup 77 proto 76",
    "40:\tfrom all to 2001:db8:1::/64 lookup 77 proto 76",
];

fn routes_and_rules(lab: &mut Lab) -> String {
    let router = lab.router(A);
    let shown = ["route show table all", "-6 route show table all", "rule", "-6 rule"].map(|what| router.ip(what));
    shown.concat()
}

#[track_caller]
fn assert_routes(lab: &mut Lab, present: bool) {
    let shown = routes_and_rules(lab);
    for part in PRESENT {
        assert_eq!(shown.contains(part), present, "{part} in {shown}");
    }
}

#[test]
fn routes_and_rules_follow_the_master() {
    with_lab(&[Locum], |lab| {
        lab.enable_ipv6(A);
        lab.router(A).ip("route add default via 172.20.45.250");
        lab.router(A).ip("route add blackhole 192.168.99.0/24 proto 76"); // looks like ours
        lab.start(A, &configuration("", ROUTES_AND_RULES));
        assert_routes(lab, false);
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        assert_routes(lab, true);

        lab.kill9(A);
        assert_routes(lab, true);
        lab.start_again(A);
        let router = lab.router(A);
        wait_for("the address to go", SOON, || (!router.has(GROUP.vip)).then_some(()));
        assert_routes(lab, false);
        let shown = routes_and_rules(lab);
        assert!(shown.contains("192.168.99.0/24") && shown.contains("172.20.45.250"), "others' routes: {shown}");

        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        assert_routes(lab, true);
        // Somebody deletes a route, and an address is disturbed at the same time.
        lab.router(A).ip("route del blackhole 192.168.114.0/24");
        lab.router(A).ip(&format!("addr del {}/32 dev eth0", GROUP.vip));
        let router = lab.router(A);
        wait_for("the VIP to be put back", SOON, || router.has(GROUP.vip).then_some(()));
        wait_for("the route to be put back", SOON, || router.ip("route").contains("192.168.114.0/24").then_some(()));
        lab.stop(A);
        assert_routes(lab, false);
        let shown = routes_and_rules(lab);
        assert!(shown.contains("192.168.99.0/24") && shown.contains("172.20.45.250"), "others' routes: {shown}");
    });
}

#[test]
fn a_route_or_rule_that_somebody_deletes_is_put_back() {
    with_lab(&[Locum], |lab| {
        lab.enable_ipv6(A);
        let static_route = "static_routes {\n blackhole 192.168.120.0/24\n}\n";
        lab.start(A, &format!("{static_route}{}", configuration("", ROUTES_AND_RULES)));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        wait_for("all to be there", SOON, || {
            let shown = routes_and_rules(lab);
            PRESENT.iter().all(|part| shown.contains(part)).then_some(())
        });
        // One at a time, so that nothing else tells that something is wrong.
        for (delete, part) in [
            ("route del 192.168.110.0/24 table 77 metric 5", PRESENT[1]),
            ("route del blackhole 192.168.114.0/24", PRESENT[2]),
            ("-6 route del 2001:db8:1::/64 metric 7", PRESENT[5]),
            ("rule del preference 39", PRESENT[6]),
            ("-6 rule del preference 40", PRESENT[7]),
            ("route del blackhole 192.168.120.0/24", "blackhole 192.168.120.0/24 proto 76"),
        ] {
            lab.router(A).ip(delete);
            wait_for(&format!("{part} to be put back"), SOON, || routes_and_rules(lab).contains(part).then_some(()));
        }
        let log = lab.router(A).log();
        assert!(log.contains("somebody had removed route 192.168.110.0/24 via 172.20.45.254"), "{log}");
        assert_eq!(lab.router(A).expect_status(GROUP.instance).counters.put_back, 5, "told once, counted all");
        assert_eq!(lab.router(A).history(GROUP.instance).len(), 2, "all without a change of state");
        lab.stop(A);
        assert_routes(lab, false);
    });
}

#[test]
fn a_route_over_an_interface_that_comes_late_and_goes_is_there_with_it() {
    with_lab(&[Locum], |lab| {
        lab.start(A, &configuration("", "virtual_routes {\n 192.168.112.0/24 dev eth7\n }"));
        let status = lab.router(A).wait_state(GROUP.instance, State::Fault, SOON);
        assert!(status.blocks.first().is_some_and(|block| block.detail.contains("eth7")), "{:?}", status.blocks);
        for _ in 0..2 {
            let router = lab.router(A);
            router.ip("link add eth7 type veth peer name eth8");
            router.ip("link set eth7 up");
            router.ip("link set eth8 up");
            lab.wait_master(GROUP, A, TAKEOVER_MAX);
            let router = lab.router(A);
            wait_for("the route", SOON, || router.ip("route").contains("192.168.112.0/24 dev eth7").then_some(()));
            router.ip("link del eth7");
            lab.router(A).wait_state(GROUP.instance, State::Fault, SOON);
        }
    });
}

#[test]
fn show_lists_what_a_master_has_and_what_the_kernel_says_about_it() {
    with_lab(&[Locum], |lab| {
        let blocks = "use_vmac\n no_accept\n virtual_routes {\n 192.168.110.0/24 via 172.20.45.254\n \
                      192.168.111.0/24 via 10.99.99.1 dev eth0 no_track\n }\n \
                      virtual_rules {\n from 192.168.28.0/24 table 77 preference 39\n }";
        lab.start(A, &configuration("", blocks));
        lab.router(A).wait_state(GROUP.instance, State::Backup, SOON);
        let shown = lab.router(A).locum(&["show", GROUP.instance]).stdout;
        for line in ["vrrp.45 (00:00:5e:00:01:2d) on eth0: down", "192.168.110.0/24 via 172.20.45.254: not here"] {
            assert!(shown.contains(line), "{line} in {shown}");
        }
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        let router = lab.router(A);
        let shown = wait_for("what a master has", SOON, || {
            let shown = router.locum(&["show", GROUP.instance]).stdout;
            shown.contains("Nexthop has invalid gateway").then_some(shown)
        });
        for line in [
            "vrrp.45 (00:00:5e:00:01:2d) on eth0: up",
            "192.168.110.0/24 via 172.20.45.254: here",
            "192.168.111.0/24 via 10.99.99.1 dev eth0: Nexthop has invalid gateway (no_track)",
            "rule 39: from 192.168.28.0/24 table 77: here",
            "dropped by nftables table locum",
        ] {
            assert!(shown.contains(line), "{line} in {shown}");
        }
        let status = lab.router(A).expect_status(GROUP.instance);
        let errors: Vec<_> = status.parts.iter().filter_map(|part| part.error.as_deref()).collect();
        assert_eq!((status.parts.len(), errors), (4, vec!["Nexthop has invalid gateway"]));
        assert!(status.no_accept.is_some_and(|it| it.in_force && it.error.is_none()));
    });
}

#[test]
fn one_of_several_addresses_of_a_subnet_goes_without_the_others() {
    with_lab(&[Locum], |lab| {
        let setting = "cat /proc/sys/net/ipv4/conf/eth0/promote_secondaries";
        let read = |lab: &mut Lab| lab.router(A).inside(&setting.split(' ').collect::<Vec<_>>()).trim().to_owned();
        let before = read(lab);
        lab.start(A, &configuration("", "promote_secondaries"));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        assert_eq!(read(lab), "1");
        lab.stop(A);
        assert_eq!(read(lab), before);
    });
}

const STATIC: &str = "static_ipaddress {\n 172.20.48.1/24 dev eth0\n}\n\
    static_routes {\n 192.168.120.0/24 via 172.20.48.2 dev eth0\n}\n\
    static_rules {\n from 192.168.121.0/24 table 78 preference 50\n}\n";

#[test]
fn what_is_static_is_there_from_the_start_to_the_end() {
    with_lab(&[Locum], |lab| {
        let parts = ["172.20.48.1/24", "192.168.120.0/24 via 172.20.48.2", "from 192.168.121.0/24 lookup 78"];
        let shown = |lab: &mut Lab| ["addr", "route", "rule"].map(|what| lab.router(A).ip(what)).concat();
        lab.start(A, &format!("{STATIC}{}", configuration("", "")));
        lab.router(A).wait_state(GROUP.instance, State::Backup, SOON);
        let present = shown(lab);
        assert!(parts.iter().all(|part| present.contains(part)), "{present}");
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        // The route goes with the address; both return.
        lab.router(A).ip("addr del 172.20.48.1/24 dev eth0");
        let router = lab.router(A);
        wait_for("the route to be put back", SOON, || router.ip("route").contains(parts[1]).then_some(()));

        lab.kill9(A);
        assert!(shown(lab).contains(parts[1]), "the kernel keeps what nobody removes");
        lab.start_again(A);
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        let log = lab.router(A).log();
        assert!(log.contains("removed static route 192.168.120.0/24"), "{log}");
        let present = shown(lab);
        assert!(parts.iter().all(|part| present.contains(part)), "{present}");
        lab.stop(A);
        let left = shown(lab);
        assert!(!parts.iter().any(|part| left.contains(part)), "{left}");
    });
}

#[test]
fn what_is_static_follows_a_reload() {
    with_lab(&[Locum], |lab| {
        lab.start(A, &format!("{STATIC}{}", configuration("", "")));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        let text = format!(
            "static_ipaddress {{\n 172.20.48.1/24 dev eth0\n}}\nstatic_routes {{\n \
             192.168.122.0/24 via 172.20.48.2 dev eth0\n}}\n{}",
            configuration("", "")
        );
        std::fs::write(lab.router(A).configuration(), text).unwrap();
        let outcome = lab.router(A).locum(&["reload"]);
        assert_eq!(outcome.code, Some(0), "{}", outcome.said());
        let shown = ["addr", "route", "rule"].map(|what| lab.router(A).ip(what)).concat();
        assert!(shown.contains("172.20.48.1/24") && shown.contains("192.168.122.0/24 via 172.20.48.2"), "{shown}");
        assert!(!shown.contains("192.168.120.0/24") && !shown.contains("192.168.121.0/24"), "{shown}");
        assert_eq!(lab.router(A).history(GROUP.instance).len(), 2, "the instance is not touched");
    });
}

#[test]
fn a_track_group_that_lacks_something_keeps_its_instances_in_fault() {
    with_lab(&[Locum], |lab| {
        let group = "track_group G {\n group {\n VI_1\n }\n}\nstatic_routes {\n \
                     192.168.120.0/24 via 10.99.99.1 dev eth0 track_group G\n}\n";
        lab.start(A, &format!("{group}{}", configuration("", "")));
        let status = lab.router(A).wait_state(GROUP.instance, State::Fault, SOON);
        assert_eq!(status.blocks[0].block, Block::Refused);
        assert!(status.blocks[0].detail.contains("Nexthop has invalid gateway"), "{:?}", status.blocks);
        lab.router(A).ip("addr add 10.99.99.9/24 dev eth0");
        lab.wait_master(GROUP, A, TAKEOVER_MAX * 2);
    });
}

#[test]
fn announcements_keep_the_pace() {
    with_lab(&[Locum], |lab| {
        let pace = "garp_group {\n garp_interval 0.2\n interface eth0\n}\n";
        let excluded =
            "virtual_ipaddress_excluded {\n 172.20.45.241\n 172.20.45.242\n 172.20.45.243\n }\n garp_master_repeat 2";
        lab.start(A, &format!("{pace}{}", configuration("", excluded)));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        sleep(Duration::from_secs(3));
        let timeline = lab.timeline();
        let vips = [248, 241, 242, 243].map(|last| std::net::Ipv4Addr::new(172, 20, 45, last));
        let mut at: Vec<_> = vips.iter().flat_map(|vip| timeline.announcements(A, *vip)).map(|it| it.at).collect();
        at.sort();
        assert_eq!(at.len(), 8, "two rounds of four");
        for pair in at.windows(2) {
            let gap = pair[1].since(pair[0]);
            assert!(gap >= Duration::from_millis(195), "{gap:?} between two announcements");
        }
        assert!(timeline.longest_gap(A, GROUP.vrid) < Duration::from_millis(1_200), "adverts go first");
    });
}
