//! The operator: yield and resume without an outage, changes that last as long as was said, and nothing forgotten.

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use locum_control::{Cause, Edit, ErrorCode, Lasts, State, Verb, client::ClientError};
use locum_tests::Daemon::{self, Keepalived, Locum};
use locum_tests::Node::{A, B};
use locum_tests::{Group, Lab, Moment, scenario, with_lab};

use crate::TAKEOVER_MAX;

const GROUP: Group = Group::VI_1;

fn start(lab: &mut Lab) {
    lab.start(A, &scenario("1-unicast-a"));
    lab.start(B, &scenario("1-unicast-b"));
    lab.wait_master(GROUP, A, TAKEOVER_MAX);
}

fn command(lab: &mut Lab, words: &str) -> String {
    let words: Vec<_> = words.split(' ').collect();
    let outcome = lab.router(A).locum(&words);
    assert_eq!(outcome.code, Some(0), "{words:?}: {outcome:?}");
    outcome.stdout
}

#[test]
fn a_yield_and_a_return_cost_the_client_nothing() {
    yield_and_return(Locum);
}

#[test]
fn a_yield_and_a_return_with_keepalived_cost_the_client_nothing() {
    yield_and_return(Keepalived);
}

fn yield_and_return(other: Daemon) {
    with_lab(&[Locum, other], |lab| {
        start(lab);
        let probe = lab.probe(GROUP.vip);
        sleep(Duration::from_millis(300));
        let from = Moment::now();
        let told = command(lab, "yield VI_1 --for 30m");
        assert!(told.contains("has handed over to 172.20.45.132"), "{told}");
        lab.wait_master(GROUP, B, TAKEOVER_MAX);
        let status = lab.router(A).expect_status(GROUP.instance);
        assert!(status.standing_back.is_some_and(|back| back.until_unix_ms.is_some()));
        // It does not come back by itself, though it has the higher priority.
        sleep(Duration::from_secs(5));
        assert_eq!(lab.router(A).expect_status(GROUP.instance).state, State::Backup);
        command(lab, "resume VI_1");
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        sleep(Duration::from_millis(500));
        let (at, silence) = probe.finish().longest_silence(from, Moment::now());
        // A hole of one skew time, 0.6 s, is what keepalived leaves.
        assert!(silence < Duration::from_millis(400), "no answer for {silence:?} from {at:?} on");
    });
}

#[test]
fn a_yield_ends_by_itself() {
    with_lab(&[Locum, Locum], |lab| {
        start(lab);
        command(lab, "yield VI_1 --for 2s");
        lab.wait_master(GROUP, B, TAKEOVER_MAX);
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        assert_eq!(lab.router(A).expect_status(GROUP.instance).standing_back, None);
    });
}

#[test]
fn a_yield_that_nobody_answers_is_taken_back_and_said_so() {
    with_lab(&[Locum], |lab| {
        lab.start(A, &scenario("alone"));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        let probe = lab.probe(GROUP.vip);
        sleep(Duration::from_millis(300));
        let from = Moment::now();
        let told = command(lab, "yield --all");
        assert!(told.contains("nobody has taken over, it is MASTER again"), "{told}");
        let is_it = |cause| matches!(cause, Cause::NobodyTookOver { .. });
        lab.router(A).wait_cause(GROUP.instance, State::Master, TAKEOVER_MAX, is_it);
        let (_, silence) = probe.finish().longest_silence(from, Moment::now());
        assert!(silence < Duration::from_millis(400), "{silence:?}");
        assert_eq!(lab.router(A).expect_status(GROUP.instance).standing_back, None);
    });
}

#[test]
fn a_yield_survives_sigkill_and_the_last_resort_is_kept() {
    with_lab(&[Locum, Locum], |lab| {
        start(lab);
        command(lab, "yield VI_1 --last-resort");
        lab.wait_master(GROUP, B, TAKEOVER_MAX);
        lab.kill9(A);
        lab.start_again(A);
        sleep(Duration::from_secs(5));
        let status = lab.router(A).expect_status(GROUP.instance);
        assert_eq!(status.state, State::Backup, "it has the higher priority and stands back all the same");
        assert!(status.standing_back.is_some_and(|back| back.last_resort));
        lab.silence(B);
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        lab.forward_all();
        lab.wait_master(GROUP, B, TAKEOVER_MAX);
    });
}

#[test]
fn a_change_on_trial_comes_back_unless_it_is_confirmed() {
    with_lab(&[Locum, Locum], |lab| {
        start(lab);
        let file = lab.router(A).configuration();
        let before = fs::read_to_string(&file).unwrap();
        command(lab, "set VI_1 priority 70 --save --confirm 2s");
        assert_eq!(lab.router(A).expect_status(GROUP.instance).priority, 70);
        assert_eq!(fs::read_to_string(&file).unwrap(), before, "nothing is written before it is confirmed");
        let refused = lab.router(A).client().request(change("priority", "60", Lasts::UntilRestart));
        assert!(matches!(refused, Err(ClientError::Refused(refusal)) if refusal.code == ErrorCode::NotNow));
        sleep(Duration::from_millis(2500));
        assert_eq!(lab.router(A).expect_status(GROUP.instance).priority, 100, "nobody has confirmed it");
        assert!(command(lab, "changes").contains("not confirmed"));

        command(lab, "set VI_1 priority 70 --save --confirm 60s");
        command(lab, "confirm");
        assert_eq!(fs::read_to_string(&file).unwrap(), before.replace("priority 100", "priority 70"));
        lab.wait_master(GROUP, B, TAKEOVER_MAX);
        assert_eq!(command(lab, "reload --dry-run"), "nothing changes\n");
        lab.kill9(A);
        lab.start_again(A);
        sleep(Duration::from_millis(500));
        assert_eq!(lab.router(A).expect_status(GROUP.instance).priority, 70, "a restart runs what was saved");
        assert!(command(lab, "changes").contains("saved"), "the list survives the service");
    });
}

#[test]
fn a_change_on_trial_is_gone_when_the_service_is_killed() {
    with_lab(&[Locum, Locum], |lab| {
        start(lab);
        command(lab, "set VI_1 priority 70 --save --confirm 60s");
        lab.kill9(A);
        lab.start_again(A);
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        assert_eq!(lab.router(A).expect_status(GROUP.instance).priority, 100);
        assert!(command(lab, "changes").contains("taken back, not confirmed"));
    });
}

#[test]
fn changes_end_in_any_order() {
    with_lab(&[Locum, Locum], |lab| {
        start(lab);
        command(lab, "set VI_1 priority 120 --for 3s");
        command(lab, "set VI_1 vip add 172.20.45.250/32");
        command(lab, "set VI_1 priority 130");
        let vips = |lab: &mut Lab| lab.router(A).expect_status(GROUP.instance).vips.len();
        assert_eq!((lab.router(A).expect_status(GROUP.instance).priority, vips(lab)), (130, 2));
        assert!(lab.router(A).has("172.20.45.250".parse().unwrap()));
        sleep(Duration::from_millis(3500));
        assert_eq!(lab.router(A).expect_status(GROUP.instance).priority, 130, "what was said later stands");
        command(lab, "rollback 3");
        assert_eq!((lab.router(A).expect_status(GROUP.instance).priority, vips(lab)), (100, 2));
        command(lab, "rollback");
        assert_eq!(vips(lab), 1);
        sleep(Duration::from_millis(200));
        assert!(!lab.router(A).has("172.20.45.250".parse().unwrap()));
        assert_eq!(lab.router(A).locum(&["rollback"]).code, Some(1));
    });
}

#[test]
fn what_makes_no_sense_is_refused_and_nothing_is_changed() {
    with_lab(&[Locum, Locum], |lab| {
        start(lab);
        for (words, expected) in [
            (vec!["set", "VI_1", "priority", "999"], "999 is out of range"),
            (vec!["set", "VI_1", "prioritty", "9"], "did you mean `priority`?"),
            (vec!["set", "VI_9", "priority", "9"], "did you mean `VI_1`?"),
            (vec!["set", "VI_1", "vip", "remove", "10.9.9.9"], "10.9.9.9"),
            (vec!["yield", "VI_9"], "no instance is called VI_9"),
            (vec!["confirm"], "no change is on trial"),
            (vec!["rollback", "7"], "there is no change 7"),
        ] {
            let outcome = lab.router(A).locum(&words);
            assert_eq!(outcome.code, Some(1), "{words:?}: {outcome:?}");
            assert!(outcome.stderr.contains(expected), "{words:?}: {outcome:?}");
        }
        let stale = Verb::Change {
            edits: edits("priority", "90"),
            lasts: Lasts::UntilRestart,
            confirm_within_s: None,
            revision: Some(99),
            dry_run: false,
        };
        let refused = lab.router(A).client().request(stale);
        assert!(matches!(refused, Err(ClientError::Refused(refusal)) if refusal.code == ErrorCode::Stale));
        assert_eq!(lab.router(A).expect_status(GROUP.instance).priority, 100);
    });
}

#[test]
fn taking_over_needs_the_higher_priority() {
    with_lab(&[Locum, Locum], |lab| {
        start(lab);
        let refused = lab.router(B).locum(&["take", "VI_1"]);
        assert!(refused.stderr.contains("master 172.20.45.131 has priority 100"), "{refused:?}");
        assert_eq!(lab.router(B).locum(&["set", "VI_1", "priority", "150", "--for", "30m"]).code, Some(0));
        assert_eq!(lab.router(B).locum(&["take", "VI_1"]).code, Some(0));
        lab.wait_master(GROUP, B, TAKEOVER_MAX);
    });
}

fn edits(keyword: &str, value: &str) -> Vec<Edit> {
    let instance = GROUP.instance.to_owned();
    vec![Edit::Set { instance, keyword: keyword.to_owned(), values: vec![value.to_owned()] }]
}

fn change(keyword: &str, value: &str, lasts: Lasts) -> Verb {
    Verb::Change { edits: edits(keyword, value), lasts, confirm_within_s: None, revision: None, dry_run: false }
}

#[test]
fn a_group_yields_as_one_and_comes_back_as_one() {
    with_lab(&[Locum], |lab| {
        let members = |number: u8, vip: &str| {
            format!(
                "vrrp_instance V{number} {{\n interface eth0\n virtual_router_id {number}\n priority 100\n \
                 virtual_ipaddress {{\n {vip}\n }}\n}}\n"
            )
        };
        let group = "vrrp_sync_group G {\n group {\n V1\n V2\n }\n}\n";
        lab.start(A, &format!("{}{}{group}", members(1, "172.20.45.201/32"), members(2, "172.20.45.202/32")));
        for name in ["V1", "V2"] {
            lab.router(A).wait_state(name, State::Master, TAKEOVER_MAX);
        }
        let told = command(lab, "yield V1");
        for name in ["V1", "V2"] {
            assert!(told.contains(&format!("{name}: nobody has taken over, it is MASTER again")), "{told}");
        }
        lab.kill9(A);
        lab.start_again(A);
        for name in ["V1", "V2"] {
            let status = lab.router(A).wait_state(name, State::Master, TAKEOVER_MAX);
            assert_eq!(status.standing_back, None, "neither stands back after the restart");
        }
    });
}
