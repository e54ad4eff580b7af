//! What is said about a configuration, and what a start makes of one with errors.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use locum_control::{Block, State};
use locum_tests::Daemon::Locum;
use locum_tests::Node::A;
use locum_tests::{Group, Outcome, locum, scenario, wait_for, with_lab};

use crate::TAKEOVER_MAX;

const GROUP: Group = Group::VI_1;

/// A file of this test process that goes when the test ends.
struct Temporary(PathBuf);

impl Temporary {
    fn new(name: &str, content: &str) -> Self {
        let path = std::env::temp_dir().join(format!("locum-lab-{}-0-{name}", std::process::id()));
        fs::write(&path, content).unwrap();
        Self(path)
    }

    fn check(&self, more: &[&str]) -> Outcome {
        locum(["check".as_ref(), self.0.as_os_str()].into_iter().chain(more.iter().map(AsRef::as_ref)))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn the_scenarios_are_clean() {
    for name in [
        "1-unicast-a",
        "1-unicast-b",
        "2-two-masters-a",
        "2-two-masters-b",
        "3-no-preemption-a",
        "3-no-preemption-b",
        "3-preempt-delay-a",
        "5-three-nodes-a",
        "5-three-nodes-b",
        "5-three-nodes-c",
    ] {
        let outcome = Temporary::new(name, &scenario(name)).check(&["--strict"]);
        assert_eq!(outcome.code, Some(0), "{name}: {}", outcome.said());
    }
}

#[test]
fn every_error_is_named_at_once_with_its_place() {
    let text = scenario("1-unicast-a").replace("priority 100", "priorty 100").replace("router_id 45", "router_id 450");
    let file = Temporary::new("errors", &text);
    let outcome = file.check(&[]);
    assert_eq!(outcome.code, Some(3), "{}", outcome.said());
    let said = outcome.said();
    let path = file.0.to_str().unwrap();
    for place in [":4:", ":5:"] {
        assert!(said.contains(&format!("{path}{place}")), "{place} is missing: {said}");
    }
    assert!(said.contains('^') && said.contains("priority"), "no caret or no fix: {said}");
}

#[test]
fn nopreempt_with_state_master_is_a_warning_with_the_fix() {
    let file = Temporary::new("warning", &scenario("3-nopreempt-with-state-master"));
    let outcome = file.check(&[]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.said());
    assert!(outcome.said().contains("nopreempt") && outcome.said().contains("state BACKUP"), "{}", outcome.said());
    assert_eq!(file.check(&["--strict"]).code, Some(4));
}

#[test]
fn strict_with_unicast_peers_is_refused_with_that_reason() {
    let text = format!("global_defs {{\n    vrrp_strict\n}}\n{}", scenario("1-unicast-a"));
    let outcome = Temporary::new("strict", &text).check(&[]);
    assert_eq!(outcome.code, Some(3), "{}", outcome.said());
    assert!(outcome.said().contains("vrrp_strict") && outcome.said().contains("unicast peers"), "{}", outcome.said());
}

#[test]
fn a_file_that_is_missing_is_named() {
    for verb in [&["check"][..], &["run", "-f"]] {
        let outcome = locum(verb.iter().chain(&["/nonexistent/locum.conf"]));
        assert_eq!(outcome.code, Some(3), "{verb:?}: {}", outcome.said());
        assert!(outcome.stderr.contains("/nonexistent/locum.conf"), "{}", outcome.said());
    }
}

#[test]
fn a_missing_brace_refuses_the_start() {
    with_lab(&[Locum], |lab| {
        let text = scenario("alone");
        let cut = text.trim_end().trim_end_matches('}');
        lab.start(A, cut);
        let status = lab.router(A).wait_end();
        assert_eq!(status.code(), Some(3));
        let log = lab.router(A).log();
        assert!(log.contains("locum.conf:") && log.contains('}'), "{log}");
    });
}

#[test]
fn an_instance_with_an_error_is_held_in_fault_and_the_others_run() {
    with_lab(&[Locum], |lab| {
        let text = scenario("2-two-masters-a").replacen("priority 80", "priority 8000", 1);
        assert!(text.contains("8000"));
        lab.start(A, &text);
        lab.wait_master(Group::VI_1, A, TAKEOVER_MAX);
        let status = lab.router(A).wait_state(Group::VI_2.instance, State::Fault, Duration::from_secs(1));
        assert_eq!(status.blocks[0].block, Block::Configuration);
        assert!(status.blocks[0].detail.contains("8000"), "{:?}", status.blocks);
    });
}

#[test]
fn nopreempt_with_state_master_loads_as_backup() {
    with_lab(&[Locum, Locum], |lab| {
        lab.start(locum_tests::Node::B, &scenario("3-no-preemption-b"));
        lab.wait_master(GROUP, locum_tests::Node::B, TAKEOVER_MAX);
        let started = lab.start(A, &scenario("3-nopreempt-with-state-master"));
        std::thread::sleep(Duration::from_secs(5));
        assert_eq!(lab.router(A).expect_status(GROUP.instance).state, State::Backup);
        assert!(lab.timeline().since(started).adverts_by(A, GROUP.vrid).is_empty());
        let router = lab.router(A);
        wait_for("the warning in the log", Duration::from_secs(1), || router.log().contains("nopreempt").then_some(()));
    });
}
