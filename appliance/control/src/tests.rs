//! Whatever one side says, the other one reads.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use super::*;

const SOURCE: IpAddr = IpAddr::V4(Ipv4Addr::new(172, 20, 45, 132));

fn round_trip(line: &Line) -> String {
    let text = serde_json::to_string(line).unwrap();
    assert!(!text.contains('\n'));
    let read: Line = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
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
        foreign: vec![ForeignVrid { vrid: 7, source: SOURCE, first_heard_us: 1 }],
        rejected: BTreeMap::from([(Reject::UnknownVrid, 4)]),
    };
    for answer in [
        Answer::Item(Item::Transition(transition())),
        Answer::Item(Item::Interface(interface)),
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
            Verb::Yield { instance: None, lasts: Lasts::Seconds(1800), last_resort: false },
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
        let request: Request = serde_json::from_str(text).unwrap();
        assert_eq!(request, Request { id: 1, verb });
    }
}
