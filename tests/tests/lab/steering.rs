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
fn taking_over_raises_the_priority_for_a_time() {
    with_lab(&[Locum, Locum], |lab| {
        start(lab);
        let foreseen = lab.router(B).locum(&["take", "VI_1", "--dry-run"]);
        for words in ["raised from 80 to 101 for 30 min 0 s", "BACKUP -> MASTER", "172.20.45.131 gives way"] {
            assert!(foreseen.stdout.contains(words), "{words}: {foreseen:?}");
        }
        assert_eq!(lab.router(B).expect_status(GROUP.instance).priority, 80, "nothing is done yet");
        let taken = lab.router(B).locum(&["take", "VI_1", "--for", "6s"]);
        assert!(taken.stdout.contains("raised from 80 to 101 for 6.0 s"), "{taken:?}");
        lab.wait_master(GROUP, B, TAKEOVER_MAX);
        assert_eq!(lab.router(B).expect_status(GROUP.instance).effective_priority, 101);
        // Then its priority is its own again, and the other one takes back what is its.
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        assert_eq!(lab.router(B).expect_status(GROUP.instance).priority, 80);
        let changes = lab.router(B).locum(&["changes"]).stdout;
        assert!(changes.contains("its time is over"), "{changes}");
    });
}

#[test]
fn what_the_protocol_does_not_let_is_said_and_nothing_is_left_behind() {
    with_lab(&[Locum, Locum], |lab| {
        lab.start(A, &scenario("1-unicast-a").replace("priority 100", "priority 254"));
        lab.start(B, &scenario("1-unicast-b"));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        for words in [&["take", "VI_1"][..], &["take", "VI_1", "--dry-run"]] {
            let refused = lab.router(B).locum(words);
            assert!(
                refused.code == Some(1) && refused.stderr.contains("has priority 254 and ours is 80"),
                "{refused:?}"
            );
        }
        assert!(lab.router(B).locum(&["changes"]).stdout.contains("no changes"));
        // One that stands back is resumed first; its priority is left alone.
        let last_resort = lab.router(B).locum(&["yield", "VI_1"]);
        assert_eq!(last_resort.code, Some(0), "{last_resort:?}");
        let refused = lab.router(B).locum(&["take", "VI_1"]);
        assert!(refused.stderr.contains("it stands back: resume it first"), "{refused:?}");
        assert_eq!(lab.router(B).expect_status(GROUP.instance).priority, 80);
    });
}

#[test]
fn a_group_is_taken_as_one() {
    with_lab(&[Locum, Locum], |lab| {
        let members = |priority: u8| {
            let member = |number: u8| {
                format!(
                    "vrrp_instance V{number} {{\n interface eth0\n virtual_router_id {number}\n priority {priority}\n \
                     virtual_ipaddress {{\n 172.20.45.20{number}/32\n }}\n}}\n"
                )
            };
            format!("{}{}vrrp_sync_group G {{\n group {{\n V1\n V2\n }}\n}}\n", member(1), member(2))
        };
        lab.start(A, &members(100));
        lab.start(B, &members(80));
        for name in ["V1", "V2"] {
            lab.router(A).wait_state(name, State::Master, TAKEOVER_MAX);
        }
        for name in ["V1", "V2"] {
            lab.router(B).wait_state(name, State::Backup, TAKEOVER_MAX);
        }
        // Both have been heard by then.
        sleep(Duration::from_millis(2300));
        let taken = lab.router(B).locum(&["take", "V1"]);
        assert_eq!(taken.code, Some(0), "{taken:?}");
        for name in ["V1", "V2"] {
            assert_eq!(lab.router(B).wait_state(name, State::Master, TAKEOVER_MAX).effective_priority, 101, "{name}");
            lab.router(A).wait_state(name, State::Backup, TAKEOVER_MAX);
        }
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
