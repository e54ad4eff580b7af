//! `no_accept`: a master that does not own the VIP answers for it and forwards for it, and accepts nothing on it.

use std::net::Ipv4Addr;
use std::time::Duration;

use locum_control::State;
use locum_tests::Daemon::Locum;
use locum_tests::Node::{A, B, C};
use locum_tests::{Group, Lab, Node, wait_for, with_lab};

use crate::TAKEOVER_MAX;

const GROUP: Group = Group::VI_1;
const SOON: Duration = Duration::from_secs(5);

/// Behind C, and reached by way of the VIP.
const BEYOND: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

fn configuration(global: &str, options: &str) -> String {
    format!(
        "global_defs {{\n {global}\n}}\nvrrp_instance VI_1 {{\n interface eth0\n virtual_router_id 45\n priority 100\n \
         {options}\n virtual_ipaddress {{\n  {}/24\n }}\n}}\n",
        GROUP.vip
    )
}

/// Whether `from` gets an answer to a ping.
fn reaches(lab: &mut Lab, from: Node, to: &str) -> bool {
    let mut ping = lab.router(from).command_in("ping");
    ping.args(["-n", "-c", "2", "-i", "0.2", "-W", "1", to]).output().unwrap().status.success()
}

/// Whether `to` answers a TCP connection from B, if only by refusing it: nobody listens.
fn answers_tcp(lab: &mut Lab, to: Ipv4Addr) -> bool {
    const TIMED_OUT: i32 = 124;
    let mut shell = lab.router(B).command_in("timeout");
    shell.args(["1", "bash", "-c", &format!("exec 3<>/dev/tcp/{to}/9")]);
    shell.output().unwrap().status.code() != Some(TIMED_OUT)
}

fn ruleset(lab: &mut Lab) -> String {
    lab.router(A).inside(&["nft", "list", "ruleset"])
}

#[test]
fn nothing_is_accepted_on_the_vip_and_all_else_works() {
    with_lab(&[Locum, Locum, Locum], |lab| {
        let vip = GROUP.vip.to_string();
        lab.set_sysctl(A, "ipv4/ip_forward", "1");
        lab.router(C).ip(&format!("addr add {BEYOND}/32 dev lo"));
        lab.router(A).ip(&format!("route add {BEYOND} via {}", C.address()));
        lab.router(B).ip(&format!("route add {BEYOND} via {vip}"));

        lab.start(A, &configuration("nftables_counters", "no_accept"));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        let listed = ruleset(lab);
        assert!(listed.contains("table inet locum"), "{listed}");
        assert!(listed.contains("elements = { 172.20.45.248 }"), "{listed}");
        assert!(listed.contains("ip daddr @v4 counter packets") && listed.contains("priority filter - 1"), "{listed}");

        assert!(!reaches(lab, B, &vip), "the VIP answers a ping");
        assert!(!answers_tcp(lab, GROUP.vip), "the VIP accepts a connection");
        assert!(answers_tcp(lab, A.address()), "its own address is as it was");
        assert!(reaches(lab, A, &vip), "the host itself may use it");
        assert!(reaches(lab, B, &BEYOND.to_string()), "it forwards");
        assert!(lab.router(B).ip("neigh show").contains(&vip), "ARP is answered");
        let listed = ruleset(lab);
        assert!(!listed.contains("ip daddr @v4 counter packets 0 "), "{listed}");

        // Another program that clears the firewall does not open it.
        lab.router(A).inside(&["nft", "flush", "ruleset"]);
        assert!(ruleset(lab).contains("172.20.45.248"), "the table is locum's own");

        // After a crash nothing is left of it, and it returns.
        lab.kill9(A);
        assert!(!ruleset(lab).contains("locum"), "the kernel removes it with the process");
        lab.start_again(A);
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        assert!(!reaches(lab, B, &vip), "the VIP answers a ping");
        lab.stop(A);
        assert!(!ruleset(lab).contains("locum"), "{}", ruleset(lab));
    });
}

#[test]
fn a_reload_changes_what_is_accepted() {
    with_lab(&[Locum, Locum], |lab| {
        let vip = GROUP.vip.to_string();
        let reload = |lab: &mut Lab, text: &str| {
            std::fs::write(lab.router(A).configuration(), text).unwrap();
            let outcome = lab.router(A).locum(&["reload"]);
            assert_eq!(outcome.code, Some(0), "{}", outcome.said());
        };
        lab.start(A, &configuration("", ""));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        assert!(reaches(lab, B, &vip));
        assert!(!ruleset(lab).contains("table inet"), "there is no table where nothing is dropped");
        reload(lab, &configuration("", "no_accept"));
        assert!(!reaches(lab, B, &vip));
        reload(lab, &configuration("nftables other\n nftables_priority 7", "no_accept"));
        let listed = ruleset(lab);
        assert!(listed.contains("table inet other") && !listed.contains("table inet locum"), "{listed}");
        assert!(listed.contains("priority filter + 7") || listed.contains("priority 7"), "{listed}");
        assert!(!reaches(lab, B, &vip));
        reload(lab, &configuration("", "accept"));
        assert!(reaches(lab, B, &vip));
        assert!(!ruleset(lab).contains("table inet"), "{}", ruleset(lab));
        assert_eq!(lab.router(A).expect_status(GROUP.instance).state, State::Master);
    });
}

#[test]
fn a_table_of_the_same_name_is_left_alone_and_told() {
    with_lab(&[Locum, Locum], |lab| {
        lab.router(A).inside(&["nft", "add table inet locum"]);
        lab.start(A, &configuration("", "no_accept"));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        let log = lab.router(A).log();
        assert!(log.contains("no_accept has no effect") && log.contains("another program has a table"), "{log}");
        assert!(reaches(lab, B, &GROUP.vip.to_string()));
        lab.router(A).inside(&["nft", "delete table inet locum"]);
        let router = lab.router(A);
        let listed = || router.inside(&["nft", "list", "ruleset"]).contains("172.20.45.248").then_some(());
        wait_for("the table to be made", SOON, listed);
        assert!(!reaches(lab, B, &GROUP.vip.to_string()));
    });
}

/// On kernels before 5.12 the table does not go with the process; there it is in the journal.
#[test]
fn a_table_that_the_journal_lists_goes_at_the_next_start_and_no_other() {
    with_lab(&[Locum], |lab| {
        lab.start(A, &configuration("", "no_accept"));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        lab.kill9(A);
        let journal = lab.router(A).run_dir().join("journal.json");
        let text = std::fs::read_to_string(&journal).unwrap();
        let listing = text.replacen("\"addresses\":", "\"tables\":[\"left\"],\"addresses\":", 1);
        assert_ne!(text, listing, "{text}");
        std::fs::write(&journal, listing).unwrap();
        for name in ["left", "foreign"] {
            lab.router(A).inside(&["nft", &format!("add table inet {name}")]);
        }
        lab.start_again(A);
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        let listed = ruleset(lab);
        assert!(!listed.contains("table inet left") && listed.contains("table inet foreign"), "{listed}");
        assert!(lab.router(A).log().contains("removed nftables table left"), "{}", lab.router(A).log());
    });
}

#[test]
fn neighbour_discovery_passes_and_link_local_addresses_count_on_their_interface() {
    for global in ["", "nftables_ifindex"] {
        with_lab(&[Locum, Locum], |lab| {
            lab.enable_ipv6(A);
            lab.enable_ipv6(B);
            lab.router(B).ip("addr add 2001:db8::2/64 dev eth0 nodad");
            let text = format!(
                "global_defs {{\n {global}\n}}\nvrrp_instance VI_6 {{\n interface eth0\n virtual_router_id 46\n \
                 priority 100\n no_accept\n virtual_ipaddress {{\n  fe80::248/64\n  2001:db8::248/64\n }}\n}}\n"
            );
            lab.start(A, &text);
            lab.router(A).wait_state("VI_6", State::Master, TAKEOVER_MAX);
            let listed = ruleset(lab);
            assert!(listed.contains("2001:db8::248") && listed.contains("\"eth0\" . fe80::248"), "{listed}");
            for vip in ["2001:db8::248", "fe80::248%eth0"] {
                assert!(!reaches(lab, B, vip), "{vip} answers");
            }
            let neighbours = lab.router(B).ip("-6 neigh show");
            for vip in ["2001:db8::248", "fe80::248"] {
                let line = neighbours.lines().find(|line| line.starts_with(vip));
                assert!(line.is_some_and(|line| line.contains("lladdr")), "{vip} in {neighbours}");
            }
            // A question to the address itself, as neighbours ask to see whether it still answers.
            lab.router(B).ip("neigh change 2001:db8::248 dev eth0 nud probe");
            let router = lab.router(B);
            let confirmed = || router.ip("-6 neigh show 2001:db8::248").contains("REACHABLE").then_some(());
            wait_for("an answer to a neighbour solicitation by unicast", SOON, confirmed);
        });
    }
}
