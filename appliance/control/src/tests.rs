//! Whatever one side says, the other one reads.

use crate::SortedMap;
use std::net::{IpAddr, Ipv4Addr};

use serde::Serialize;

use super::*;

const SOURCE: IpAddr = IpAddr::V4(Ipv4Addr::new(172, 20, 45, 132));

fn round_trip(line: &Line) -> String {
    let text = serde_json::to_string(line).unwrap();
    assert!(!text.contains('\n'));
    let read: Line = from_json(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(&read, line, "{text}");
    text
}

fn transition() -> TransitionRecord {
    let cause = Cause::MasterSilent { master: SOURCE, silent_us: 3_609_375, intervals: 3 };
    let (from, to) = (State::Backup, State::Master);
    TransitionRecord { instance: "VI_1".into(), at_us: 7, at_unix_ms: 9, from, to, cause, text: cause.to_string() }
}

#[test]
fn every_event_is_read_as_it_was_said() {
    let instance = || "VI_1".to_owned();
    let run = || NotifyStatus {
        kind: "INSTANCE".into(),
        name: instance(),
        script: "notify_master".into(),
        state: "MASTER".into(),
        ok: false,
        skipped: 2,
        run: RunStatus { at_us: 5, result: "exit 3".into(), duration_us: 7, last_lines: vec!["disk full".into()] },
    };
    let mark = |kind| AdvertMark { at_us: 5, source: SOURCE, priority: 100, kind };
    let marks = vec![mark(MarkKind::Received), mark(MarkKind::Sent), mark(MarkKind::Rejected { reason: Reject::Ttl })];
    let (source, reason) = (SOURCE, Reject::Password);
    for event in [
        Event::Transition(transition()),
        Event::Adverts { instance: instance(), marks },
        Event::Blocked { instance: instance(), block: Block::LinkDown, detail: "eth0 has no carrier".into() },
        Event::Unblocked { instance: instance(), block: Block::LinkDown },
        Event::Rejected { instance: None, interface: "eth0".into(), source, reason, count: 3 },
        Event::SecondMaster { instance: instance(), source, priority: 80, detail: String::new() },
        Event::SecondMasterGone { instance: instance(), source, lasted_us: 1 },
        Event::NearMiss { instance: instance(), source, silent_us: 2, left_us: 1 },
        Event::VipLost { instance: instance(), part: "10.0.0.1/24 on eth0".into(), count: 1 },
        Event::AddressFailed { instance: instance(), address: "10.0.0.1/24".into(), error: "no".into() },
        Event::HandoverEnded { instance: instance(), to: Some(source), lasted_us: 3 },
        Event::PriorityChanged { instance: instance(), from: 100, to: 80 },
        Event::Operator { who: "ann".into(), text: "VI_1 yields".into() },
        Event::HandoverEnded { instance: instance(), to: None, lasted_us: 3 },
        Event::Notified { instance: Some(instance()), run: run() },
        Event::Lagged { missed: 3 },
        Event::Stopping,
    ] {
        let text = round_trip(&Line::Notice(Notice { seq: 1, at_us: 7, at_unix_ms: 9, event }));
        assert_eq!(text.matches("\"at_unix_ms\"").count(), 1, "{text}");
    }
}

#[test]
fn every_answer_is_read_as_it_was_said() {
    let refusal = Refusal { code: ErrorCode::NotAllowed, message: "no".into() };
    let interface = InterfaceStatus {
        name: "eth0".into(),
        exists: true,
        up: true,
        foreign: vec![ForeignVrid { vrid: 7, source: SOURCE, first_heard_us: 1, mac: Some(Mac([2, 0, 0, 0, 0, 7])) }],
        rejected: SortedMap::from([(Reject::UnknownVrid, 4)]),
    };
    for answer in [
        Answer::Item(Item::Transition(transition())),
        Answer::Item(Item::Interface(interface)),
        Answer::Item(Item::DiffLine("+    priority 120".into())),
        Answer::Item(Item::Finding("warning W012: ...".into())),
        Answer::Item(Item::Setting(Setting { keyword: "priority".into(), values: vec!["7".into()] })),
        Answer::Item(Item::Keepalived(Box::new(Value::Bool(true)))),
        Answer::Item(Item::Notice(Notice { seq: 0, at_us: 7, at_unix_ms: 9, event: Event::Transition(transition()) })),
        Answer::Done("done".into()),
        Answer::Error(refusal),
    ] {
        round_trip(&Line::Answer { id: Some(1), answer: answer.clone() });
        round_trip(&Line::Answer { id: None, answer });
    }
}

#[test]
fn requests_are_what_a_person_would_type() {
    for (text, verb) in [
        (r#"{"id":1,"verb":"show"}"#, Verb::Show { instance: None }),
        (r#"{"id":1,"verb":"why","instance":"VI_1"}"#, Verb::Why { instance: "VI_1".into() }),
        (r#"{"id":1,"verb":"watch"}"#, Verb::Watch { instance: None, adverts: false }),
        (r#"{"id":1,"verb":"resume","instance":"VI_1"}"#, Verb::Resume { instance: Some("VI_1".into()) }),
        (
            r#"{"id":1,"verb":"yield","lasts":{"seconds":1800}}"#,
            Verb::Yield { instance: None, lasts: Some(Lasts::Seconds(1800)), last_resort: false },
        ),
        (
            r#"{"id":1,"verb":"change","edits":[{"edit":"set","instance":"VI_1","keyword":"priority","values":["120"]}]}"#,
            Verb::Change {
                edits: vec![Edit::Set {
                    instance: "VI_1".into(),
                    keyword: "priority".into(),
                    values: vec!["120".into()],
                }],
                lasts: Lasts::UntilRestart,
                confirm_within_s: None,
                revision: None,
                dry_run: false,
            },
        ),
        (r#"{"id":1,"verb":"confirm"}"#, Verb::Confirm),
    ] {
        let request: Request = from_json(text.as_bytes()).unwrap();
        assert_eq!(request, Request { id: 1, verb });
    }
}

#[test]
fn an_order_to_foresee_is_written_as_the_order_is() {
    let order = Verb::Take { instance: "VI_1".into(), for_s: Some(60) };
    let text = r#"{"id":1,"verb":"foresee","order":{"verb":"take","instance":"VI_1","for_s":60}}"#;
    assert_eq!(to_json(&Request { id: 1, verb: Verb::Foresee { order: Box::new(order) } }), text);
}

#[test]
fn what_is_wrong_is_said_with_its_field() {
    const VERBS: &str = "`verb`: expected one of: show why watch resume yield take clear_statistics change confirm rollback changes options \
                         foresee diff keepalived doctor reload";
    for (text, said) in [
        ("[", "EOF while parsing a list at line 1 column 1"),
        ("7", "`id`: expected a number from 0 to 18446744073709551615"),
        (r#"{"id":1}"#, VERBS),
        (r#"{"id":1,"verb":"shwo"}"#, VERBS),
        (r#"{"id":-1,"verb":"show"}"#, "`id`: expected a number from 0 to 18446744073709551615"),
        (r#"{"id":1,"verb":"why"}"#, "`instance`: expected text"),
        (r#"{"id":1,"verb":"watch","adverts":"yes"}"#, "`adverts`: expected true or false"),
        (r#"{"id":1,"verb":"rollback","number":4294967296}"#, "`number`: expected a number from 0 to 4294967295"),
        (
            r#"{"id":1,"verb":"yield","lasts":{"seconds":1,"until":2}}"#,
            "`lasts`: expected until_restart, until_reboot, saved, or an object with seconds",
        ),
        (r#"{"id":1,"verb":"change","edits":{}}"#, "`edits`: expected a list"),
        // The first of several.
        (r#"{"verb":"foresee","order":{"verb":"take"}}"#, "`id`: expected a number from 0 to 18446744073709551615"),
    ] {
        assert_eq!(from_json::<Request>(text.as_bytes()).unwrap_err().to_string(), said, "{text}");
    }
    let unknown = "expected one of the words that this version knows";
    for text in ["\"active\"", "\"\"", "7", "null"] {
        assert_eq!(from_json::<State>(text.as_bytes()).unwrap_err().to_string(), unknown, "{text}");
    }
    assert_eq!(from_json::<[u8; 6]>(b"[1,2]").unwrap_err().to_string(), "expected a list of another length");
}

#[test]
fn a_field_that_is_null_is_absent() {
    let text = br#"{"id":1,"verb":"watch","instance":null,"adverts":null,"unknown":{}}"#;
    let verb = Verb::Watch { instance: None, adverts: false };
    assert_eq!(from_json::<Request>(text).unwrap(), Request { id: 1, verb });
}

/// Writes and reads each.
fn come_back<T: FromJson + Serialize + PartialEq + std::fmt::Debug>(all: impl IntoIterator<Item = T>) {
    for one in all {
        let text = serde_json::to_string(&one).unwrap();
        let read = from_json::<T>(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!(read, one, "{text}");
    }
}

#[test]
fn every_word_is_read_as_it_was_said() {
    come_back([State::Init, State::Fault, State::Backup, State::Master]);
    come_back([Family::Ipv4, Family::Ipv6]);
    come_back(Block::ALL);
    come_back(Reject::ALL);
    come_back(CheckResult::WORST_FIRST);
    come_back([Lasts::UntilRestart, Lasts::Seconds(7), Lasts::UntilReboot, Lasts::Saved]);
    come_back([TrackReading::Unknown, TrackReading::Good, TrackReading::Bad, TrackReading::Value(-3)]);
    come_back([ChangeStanding::OnTrial { until_unix_ms: 1 }, ChangeStanding::HoldsUntil { until_unix_ms: 2 }]);
    come_back([ChangeStanding::Holds, ChangeStanding::Saved, ChangeStanding::TakenBack, ChangeStanding::NotConfirmed]);
    come_back([ChangeStanding::Over, ChangeStanding::Lost, ChangeStanding::Done, ChangeStanding::NotAllowed]);
    come_back([Mode::Multicast { group: SOURCE }, Mode::Unicast { peers: vec![SOURCE] }]);
}

#[test]
fn every_cause_is_read_as_it_was_said() {
    let (priority, waited_us, block) = (7, 8, Block::Group);
    come_back([
        Cause::StartOwner,
        Cause::Start,
        Cause::NobodyHeard { waited_us },
        Cause::MasterSilent { master: SOURCE, silent_us: 1, intervals: 2 },
        Cause::PriorityZero { from: SOURCE },
        Cause::WePreempt { master: SOURCE, priority },
        Cause::Resumed { master: SOURCE, priority },
        Cause::PreemptedBy { by: SOURCE, priority },
        Cause::TieLost { to: SOURCE, priority },
        Cause::Blocked { block },
        Cause::Recovered { block },
        Cause::TrackerFailed { tracker: 1 },
        Cause::TrackerRecovered { tracker: 2 },
        Cause::GroupMoved { member: 3 },
        Cause::Reconfigured,
        Cause::Removed,
        Cause::Yielded,
        Cause::VipLost,
        Cause::GoesOn,
        Cause::YieldEnded,
        Cause::NobodyTookOver { waited_us },
        Cause::Taken { master: None },
        Cause::Taken { master: Some(SOURCE) },
        Cause::HeldUp { overdue_us: 4 },
        Cause::Shutdown,
        Cause::Killed,
    ]);
}

#[test]
fn every_order_and_edit_is_read_as_it_was_said() {
    let instance = || "VI_1".to_owned();
    let some = Some(instance());
    let edits = vec![
        Edit::Set { instance: instance(), keyword: "priority".into(), values: vec!["7".into()] },
        Edit::Unset { instance: instance(), keyword: "priority".into() },
        Edit::Add { instance: instance(), list: List::Vip, words: vec!["10.0.0.1".into()] },
        Edit::Remove { instance: instance(), list: List::ExcludedVip, address: SOURCE },
        Edit::Remove { instance: instance(), list: List::Peer, address: SOURCE },
        Edit::SetWeight { instance: instance(), tracker: "chk".into(), weight: -253 },
        Edit::AddInstance { instance: instance() },
        Edit::RemoveInstance { instance: instance() },
    ];
    let lasts = Lasts::UntilReboot;
    let verbs = [
        Verb::Show { instance: some.clone() },
        Verb::Why { instance: instance() },
        Verb::Watch { instance: some.clone(), adverts: true },
        Verb::Resume { instance: some.clone() },
        Verb::Yield { instance: some.clone(), lasts: Some(lasts), last_resort: true },
        Verb::Take { instance: instance(), for_s: Some(60) },
        Verb::ClearStatistics { instance: Some(instance()) },
        Verb::ClearStatistics { instance: None },
        Verb::Change { edits, lasts, confirm_within_s: Some(1), revision: Some(2), dry_run: true },
        Verb::Confirm,
        Verb::Rollback { number: Some(3) },
        Verb::Changes,
        Verb::Options { instance: instance() },
        Verb::Foresee { order: Box::new(Verb::Resume { instance: some }) },
        Verb::Diff,
        Verb::Keepalived,
        Verb::Doctor,
        Verb::Reload { dry_run: true },
    ];
    come_back(verbs.into_iter().map(|verb| Request { id: 1, verb }));
}
