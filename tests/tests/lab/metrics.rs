//! What a monitoring system collects moves with what happens.

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use locum_tests::Daemon::Locum;
use locum_tests::Node::{A, B};
use locum_tests::{Group, Router, scenario, with_lab};

use crate::TAKEOVER_MAX;

const GROUP: Group = Group::VI_1;

/// The value of the sample that begins with these words.
fn value(text: &str, sample: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    let value = line.unwrap_or_else(|| panic!("{sample} is not there:\n{text}"));
    value.parse().unwrap_or_else(|error| panic!("{sample} {value}: {error}"))
}

fn metrics(router: &Router) -> String {
    let outcome = router.locum(&["metrics"]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.said());
    assert!(outcome.stdout.ends_with("# EOF\n"), "{}", outcome.said());
    assert!(!outcome.said().contains("admin123"), "{}", outcome.said());
    outcome.stdout
}

#[test]
fn the_counters_move() {
    with_lab(&[Locum, Locum], |lab| {
        lab.start(A, &scenario("1-unicast-a"));
        lab.start(B, &scenario("1-unicast-b"));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        sleep(Duration::from_secs(1));
        let before = metrics(lab.router(A));
        let peer = metrics(lab.router(B));
        let of = |name: &str| format!("locum_instance_{name}{{vrrp_instance=\"VI_1\"}}");
        let state =
            |state: &str| format!("locum_instance_state{{vrrp_instance=\"VI_1\",locum_instance_state=\"{state}\"}}");
        assert_eq!(value(&before, &state("MASTER")), 1.0);
        assert_eq!(value(&peer, &state("BACKUP")), 1.0);
        assert_eq!(value(&before, &of("addresses_installed")), 1.0);
        let heard = "locum_sender_adverts_received_total{vrrp_instance=\"VI_1\",sender=\"172.20.45.131\"}";
        assert!(value(&peer, heard) >= 1.0, "{peer}");

        sleep(Duration::from_millis(2500));
        let after = metrics(lab.router(A));
        for sample in [of("adverts_sent_total"), "locum_engine_lateness_seconds_count".to_owned()] {
            assert!(value(&after, &sample) >= value(&before, &sample) + 2.0, "{sample} stands still");
        }
        assert!(value(&after, "locum_uptime_seconds") > value(&before, "locum_uptime_seconds"));

        lab.stop(A);
        lab.wait_master(GROUP, B, TAKEOVER_MAX);
        let peer = metrics(lab.router(B));
        assert_eq!(value(&peer, &state("MASTER")), 1.0);
        let cause = "locum_instance_transitions_total{vrrp_instance=\"VI_1\",cause=\"priority_zero\"}";
        assert_eq!(value(&peer, cause), 1.0);
        assert_eq!(value(&peer, &of("priority_zero_received_total")), 1.0);

        let file = lab.file("locum.prom", "old");
        let outcome = lab.router(B).locum(&["metrics", "--textfile", file.to_str().unwrap()]);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(0), ""), "{}", outcome.said());
        let text = fs::read_to_string(&file).unwrap();
        assert_eq!(value(&text, &state("MASTER")), 1.0);
        let shown = lab.router(B).locum(&["show", GROUP.instance]);
        assert!(shown.stdout.contains("deadlines: 99 %"), "{}", shown.said());
    });
}

/// A line of the control socket has 64 KiB, and 1,200 addresses take more.
#[test]
fn any_number_of_addresses_is_shown() {
    const ADDRESSES: u32 = 1_200;
    with_lab(&[Locum], |lab| {
        let addresses: String = (0..ADDRESSES).map(|n| format!("        10.7.{}.{}/32\n", n / 250, n % 250)).collect();
        let excluded = format!("    virtual_ipaddress_excluded {{\n{addresses}    }}\n}}\n");
        let alone = scenario("alone");
        let (most, _) = alone.trim_end().rsplit_once('}').expect("a block");
        lab.start(A, &format!("{most}{excluded}"));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        sleep(Duration::from_secs(2));
        let all = f64::from(ADDRESSES) + 1.0;
        let text = metrics(lab.router(A));
        assert_eq!(value(&text, "locum_instance_addresses{vrrp_instance=\"VI_1\"}"), all);
        assert_eq!(value(&text, "locum_instance_addresses_installed{vrrp_instance=\"VI_1\"}"), all);
        let shown = lab.router(A).locum(&["show", GROUP.instance]);
        assert!(shown.stdout.contains(" more\n"), "{}", shown.said());
        let brief = lab.router(A).locum(&["show"]);
        assert!(brief.stdout.contains("+1200"), "{}", brief.said());
        let dump = lab.router(A).locum(&["show", "--format", "keepalived"]);
        assert!(dump.code == Some(0) && dump.stdout.contains("10.7.0.7 dev eth0"), "{}", dump.said());
    });
}
