//! The command line against a service that runs.

use std::fs::File;
use std::process::{Command, Stdio};
use std::time::Duration;

use locum_tests::Daemon::Locum;
use locum_tests::Node::{A, B};
use locum_tests::{Group, Lab, Outcome, locum, locum_binary, scenario, wait_for, with_lab};
use serde_json::Value;

use crate::TAKEOVER_MAX;

const GROUP: Group = Group::VI_1;

fn json(outcome: &Outcome) -> Value {
    assert_eq!(outcome.code, Some(0), "{}", outcome.said());
    let value: Value =
        serde_json::from_str(&outcome.stdout).unwrap_or_else(|error| panic!("{error}: {}", outcome.said()));
    assert_eq!(value["schema"], 1, "{value}");
    value
}

#[test]
fn show_and_why_say_the_state_in_words_and_in_json() {
    with_lab(&[Locum, Locum], |lab| {
        lab.start(A, &scenario("2-two-masters-a"));
        lab.start(B, &scenario("2-two-masters-b"));
        lab.wait_master(Group::VI_1, A, TAKEOVER_MAX);
        lab.wait_master(Group::VI_2, B, TAKEOVER_MAX);
        let router = lab.router(A);

        let brief = router.locum(&["show"]);
        assert_eq!(brief.code, Some(0), "{}", brief.said());
        for word in ["VI_1", "MASTER", "VI_2", "BACKUP", "172.20.45.132"] {
            assert!(brief.stdout.contains(word), "{word} is missing: {}", brief.stdout);
        }
        let one = router.locum(&["show", "VI_2"]);
        assert!(one.stdout.contains("172.20.45.249") && !one.stdout.contains("VI_1"), "{}", one.said());

        let all = json(&router.locum(&["show", "--json"]));
        let instances = all["instances"].as_array().expect("instances");
        let states: Vec<_> = instances.iter().map(|it| (it["name"].as_str(), it["state"].as_str())).collect();
        assert_eq!(states, [(Some("VI_1"), Some("MASTER")), (Some("VI_2"), Some("BACKUP"))]);

        let why = router.locum(&["why", "VI_1"]);
        assert!(why.stdout.contains("MASTER") && why.stdout.contains("BACKUP"), "{}", why.said());
        let why = json(&router.locum(&["why", "VI_1", "--json"]));
        let texts = why["transitions"].as_array().expect("transitions");
        assert!(texts.len() >= 2 && texts.iter().all(|it| it["text"].is_string()), "{why}");

        let unknown = router.locum(&["why", "VI_9"]);
        assert_eq!(unknown.code, Some(1), "{}", unknown.said());
        assert!(unknown.stderr.contains("VI_9"), "{}", unknown.said());
    });
}

#[test]
fn the_password_is_never_shown() {
    with_lab(&[Locum], |lab| {
        lab.start(A, &scenario("alone"));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        let router = lab.router(A);
        let said = [&["show"][..], &["show", "--json"], &["show", "VI_1"], &["why", "VI_1", "--json"]]
            .map(|arguments| router.locum(arguments).said())
            .concat();
        assert!(!said.contains("admin123"), "{said}");
        assert!(!router.log().contains("admin123"), "{}", router.log());
    });
}

#[test]
fn watch_prints_an_event_a_line_as_it_happens() {
    with_lab(&[Locum, Locum], |lab| {
        lab.start(A, &scenario("1-unicast-a"));
        lab.start(B, &scenario("1-unicast-b"));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        let output = lab.file("watch", "");
        let file = File::create(&output).unwrap();
        let socket = lab.router(B).socket();
        let mut watch = Command::new(locum_binary())
            .args(["watch", "--json", "--socket"])
            .arg(socket)
            .stdin(Stdio::null())
            .stdout(file)
            .spawn()
            .expect("watch");
        std::thread::sleep(Duration::from_millis(500));
        lab.stop(A);
        lab.wait_master(GROUP, B, TAKEOVER_MAX);
        let is_it = |line: &str| {
            let event: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            event["event"] == "transition" && event["to"] == "MASTER" && event["cause"]["kind"] == "priority_zero"
        };
        wait_for("watch to print the takeover", Duration::from_secs(5), || {
            let text = std::fs::read_to_string(&output).unwrap();
            let whole = text.rfind('\n').map_or("", |end| &text[..end]);
            whole.lines().any(is_it).then_some(())
        });
        // It ends with the service that it watches.
        lab.stop(B);
        wait_for("watch to end", Duration::from_secs(5), || watch.try_wait().unwrap());
    });
}

#[test]
fn without_a_service_the_exit_code_is_5() {
    for verb in [&["show"][..], &["why", "VI_1"], &["watch"]] {
        let outcome = locum(verb.iter().chain(&["--socket", "/nonexistent/control.sock"]));
        assert_eq!(outcome.code, Some(5), "{verb:?}: {}", outcome.said());
        assert!(outcome.stderr.contains("/nonexistent/control.sock"), "{}", outcome.said());
    }
}

#[test]
fn wrong_usage_is_exit_code_2() {
    for arguments in [&["explode"][..], &["why"], &["show", "--frobnicate"], &["run", "-f"]] {
        let outcome = locum(arguments);
        assert_eq!(outcome.code, Some(2), "{arguments:?}: {}", outcome.said());
    }
}

#[test]
fn the_options_of_an_instance_are_told_as_they_run() {
    with_lab(&[Locum], |lab| {
        lab.start(A, &scenario("alone"));
        lab.router(A).client();
        let options = |lab: &mut Lab, more: &[&str]| {
            let outcome = lab.router(A).locum(&[&["show", "VI_1", "--options"], more].concat());
            assert_eq!(outcome.code, Some(0), "{}", outcome.said());
            outcome
        };
        let before = options(lab, &[]).stdout;
        assert!(before.lines().any(|line| line == "virtual_router_id 45"), "{before}");
        assert!(!before.contains("garp_master_delay"), "{before}");
        // What runs, and not what the file says.
        let set = lab.router(A).locum(&["set", "VI_1", "garp_master_delay", "7"]);
        assert_eq!(set.code, Some(0), "{}", set.said());
        let now = options(lab, &["--json"]);
        let told = json(&now);
        let is_it = |option: &Value| option["keyword"] == "garp_master_delay" && option["values"][0] == "7";
        assert!(told["options"].as_array().is_some_and(|options| options.iter().any(is_it)), "{told}");
        let unknown = lab.router(A).locum(&["show", "VI_9", "--options"]);
        assert!(unknown.code == Some(1) && unknown.said().contains("VI_9"), "{}", unknown.said());
    });
}
