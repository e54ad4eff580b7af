//! `locum doctor` finds what is broken on a router, and says what to do about it.

use std::path::Path;

use locum_control::State;
use locum_tests::Daemon::Locum;
use locum_tests::Node::{A, B};
use locum_tests::{Group, Lab, Outcome, scenario, with_lab};
use serde_json::Value;

use crate::TAKEOVER_MAX;

const GROUP: Group = Group::VI_1;

/// The checks that `doctor --json` of A has, and its exit code.
fn checks(lab: &mut Lab) -> (Vec<Value>, Option<i32>) {
    let outcome = lab.router(A).locum(&["doctor", "--json"]);
    let value = json(&outcome);
    assert_eq!(value["by_service"], true, "{value}");
    (value["checks"].as_array().expect("checks").clone(), outcome.code)
}

fn json(outcome: &Outcome) -> Value {
    let value: Value =
        serde_json::from_str(&outcome.stdout).unwrap_or_else(|error| panic!("{error}: {}", outcome.said()));
    assert_eq!(value["schema"], 1, "{value}");
    value
}

/// That it finds a problem of this kind whose sentence and fix have these words in them.
#[track_caller]
fn finds(lab: &mut Lab, name: &str, detail: &str, fix: &str) {
    let (checks, code) = checks(lab);
    assert_eq!(code, Some(1), "{checks:#?}");
    let text = |check: &Value, field: &str| check[field].as_str().unwrap_or_default().to_owned();
    let found = checks.iter().any(|check| {
        check["name"] == name
            && check["result"] == "problem"
            && text(check, "detail").contains(detail)
            && text(check, "fix").contains(fix)
    });
    assert!(found, "no problem {name} with {detail:?} and {fix:?}: {checks:#?}");
}

/// That it finds no problem in what the lab decides; the machine under it may have a wrong clock.
#[track_caller]
fn finds_nothing(lab: &mut Lab) {
    let (checks, code) = checks(lab);
    let problems: Vec<_> = checks.iter().filter(|check| check["result"] == "problem").collect();
    assert!(problems.is_empty(), "{problems:#?}");
    assert!(matches!(code, Some(0 | 4)), "{code:?}");
}

#[test]
fn what_is_broken_is_named_with_its_fix() {
    with_lab(&[Locum, Locum], |lab| {
        lab.start(A, &scenario("1-unicast-a"));
        lab.start(B, &scenario("1-unicast-b"));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        finds_nothing(lab);

        // The packet filter drops what the other router says.
        let nft = "add table inet guard; add chain inet guard in { type filter hook input priority 0; policy accept; }; \
                   add rule inet guard in ip protocol vrrp drop comment \"not here\"";
        lab.router(A).inside(&["nft", nft]);
        finds(lab, "firewall", "172.20.45.132 are dropped by the rule with handle", "meta l4proto 112 accept");
        finds(lab, "firewall", "\"not here\" in chain inet guard in", "");
        lab.router(A).inside(&["nft", "delete table inet guard"]);
        finds_nothing(lab);

        // Answers to the other router would go out elsewhere, and the kernel is told to be strict about that.
        lab.router(A).ip("link add br7 type bridge");
        lab.router(A).ip("link set br7 up");
        lab.router(A).ip("address add 172.20.45.129/28 dev br7");
        lab.set_sysctl(A, "ipv4/conf/eth0/rp_filter", "1");
        finds(lab, "rp_filter", "answers to 172.20.45.132 go out on br7", "net.ipv4.conf.eth0.rp_filter=2");
        lab.set_sysctl(A, "ipv4/conf/eth0/rp_filter", "2");
        finds_nothing(lab);
        lab.router(A).ip("link del br7");

        lab.delete_address(A);
        lab.router(A).wait_state(GROUP.instance, State::Fault, TAKEOVER_MAX);
        finds(lab, "source-address", "no interface has 172.20.45.131 (unicast_src_ip)", "ip address add 172.20.45.131");
        lab.add_address(A);
        lab.wait_master(GROUP, A, TAKEOVER_MAX);

        lab.cut(A);
        lab.router(A).wait_state(GROUP.instance, State::Fault, TAKEOVER_MAX);
        finds(lab, "link", "eth0 has no carrier", "cable");
        finds(lab, "fault", "eth0", "see to eth0 first");
        lab.restore(A);
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        finds_nothing(lab);
    });
}

#[test]
fn without_a_service_it_looks_by_itself() {
    with_lab(&[Locum], |lab| {
        let file = lab.file("locum.conf", &scenario("1-unicast-a").replace("eth0", "eth9"));
        let arguments = ["doctor", "--json", "--socket", "/nonexistent/control.sock"].map(AsRef::as_ref);
        let outcome = lab.router(A).run_in(&[&arguments[..], &[file.as_os_str()]].concat());
        assert_eq!(outcome.code, Some(1), "{}", outcome.said());
        let value = json(&outcome);
        assert_eq!(value["by_service"], false, "{value}");
        let first = &value["checks"][0];
        assert_eq!(first["result"], "problem", "the worst stands first: {value}");
        assert!(outcome.stdout.contains("eth9 does not exist"), "{}", outcome.said());
        let words = lab.router(A).run_in(&["doctor".as_ref(), file.as_os_str()]);
        assert!(words.stdout.contains("problem   link eth9: eth9 does not exist\n"), "{}", words.said());
        let missing = lab.router(A).run_in(&["doctor".as_ref(), Path::new("/nonexistent.conf").as_os_str()]);
        assert!(missing.code == Some(1) && missing.stdout.contains("/nonexistent.conf"), "{}", missing.said());
    });
}
