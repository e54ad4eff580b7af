//! Several services at once, and recordings.

use locum_control::{AdvertMark, InstanceStatus};

use super::*;
use crate::fixture::{link_to, notice_to};
use crate::link::Playing;
use crate::model::node::Play;

/// How much longer gw-b has been up.
const LONGER_US: u64 = 500_000_000;

/// Two routers of one group, gw-a and gw-b, whose clocks are seven seconds apart.
fn two() -> Model {
    let mut model = Model::new(vec![router(""), router("gw-b")], Size::new(80, 24));
    attach(&mut model, Role::Admin, vec![statuses::backup("VI_1", 45), statuses::master("VI_2", 46)]);
    let hello = locum_control::Hello { host: "other".into(), ..statuses::hello(Role::Reader, BOOT_US) };
    let hello = locum_control::Hello { now_us: hello.now_us + LONGER_US, ..hello };
    link_to(&mut model, 1, Report::Connected(locum_control::Hello { now_unix_ms: hello.now_unix_ms + 7_000, ..hello }));
    link_to(&mut model, 1, Report::Begin(Purpose::Watch));
    for status in [statuses::master("VI_1", 45), statuses::backup("VI_2", 46)] {
        link_to(&mut model, 1, Report::Item(Box::new(locum_control::Item::Instance(Box::new(status)))));
    }
    link_to(&mut model, 1, Report::Done(Purpose::Watch, "ok".into()));
    model
}

fn spots(model: &Model) -> Vec<(usize, &str)> {
    model.list.spots.iter().map(|spot| (spot.node, spot.name.as_str())).collect()
}

#[test]
fn the_routers_of_a_group_stand_side_by_side() {
    let mut model = two();
    assert_eq!(spots(&model), [(0, "VI_1"), (1, "VI_1"), (0, "VI_2"), (1, "VI_2")]);
    let text = screen(&model);
    assert!(text.contains("ROUTER") && text.contains("gw-a, gw-b | 2 MASTER, 2 BACKUP"), "{text}");
    type_text(&mut model, "j");
    assert_eq!((model.nodes.at, model.selected.as_deref()), (1, Some("VI_1")));
    type_text(&mut model, "n");
    assert_eq!(spots(&model), [(0, "VI_1"), (0, "VI_2")]);
    type_text(&mut model, "n");
    assert_eq!(spots(&model), [(1, "VI_1"), (1, "VI_2")]);
    press(&mut model, Key::Tab);
    assert_eq!(spots(&model).len(), 4);
    type_text(&mut model, "/gw-b backup");
    assert_eq!(spots(&model), [(1, "VI_2")]);
    let mut alone = four();
    assert_eq!(type_text(&mut alone, "n"), []);
    assert_eq!(message(&alone), "there is only one router");
}

#[test]
fn what_is_wrong_with_one_keeps_its_group_together() {
    let mut model = two();
    let fault = statuses::record("VI_2", 0, State::Backup, State::Fault, Cause::Shutdown);
    notice_to(&mut model, 1, Happening::Transition(fault));
    assert_eq!(spots(&model), [(0, "VI_2"), (1, "VI_2"), (0, "VI_1"), (1, "VI_1")]);
}

#[test]
fn an_order_goes_to_the_router_that_was_marked() {
    let mut model = two();
    type_text(&mut model, "jy");
    assert_eq!(message(&model), "yield: you may look but not change: that needs root or the admin group");
    type_text(&mut model, "ky");
    let dialog = model.dialog.clone().unwrap();
    assert!(dialog.node == 0 && dialog.title.starts_with("gw-a: Yield VI_1"), "{dialog:?}");
    // Whatever becomes of the other router meanwhile, the answer stays with the one that was asked about.
    link_to(&mut model, 1, Report::Lost { reason: "gone".into(), retry_in: StdDuration::from_secs(1) });
    assert_eq!(model.dialog.as_ref(), Some(&dialog));
    press(&mut model, Key::Tab);
    let commands = press(&mut model, Key::Enter);
    assert!(matches!(commands.as_slice(), [Command::Ask(0, Purpose::Order(Verb::Yield { .. }))]), "{commands:?}");
    type_text(&mut model, "y");
    link_to(&mut model, 0, Report::Lost { reason: "gone".into(), retry_in: StdDuration::from_secs(1) });
    assert_eq!(model.dialog, None);
}

#[test]
fn the_order_of_succession_is_known_where_the_routers_say_it() {
    let mut model = two();
    press(&mut model, Key::Enter);
    let text = screen(&model);
    assert!(text.contains("if gw-b fails, gw-a (priority 80) takes over after 3.7 s"), "{text}");
    type_text(&mut model, "p");
    let text = screen(&model);
    assert!(text.contains("Routers heard by gw-a") && text.contains("if gw-a fails, gw-b (priority 80)"), "{text}");
}

#[test]
fn routers_that_are_heard_have_the_names_of_those_that_are_attached() {
    let mut model = two();
    let status = InstanceStatus { source: Some(PEER), ..statuses::master("VI_1", 45) };
    link_to(&mut model, 1, Report::Item(Box::new(locum_control::Item::Instance(Box::new(status)))));
    let mut interface = statuses::interface("eth0");
    interface.foreign[0].source = PEER;
    link_to(&mut model, 0, Report::Item(Box::new(locum_control::Item::Interface(interface))));
    type_text(&mut model, "p");
    let text = screen(&model);
    assert!(text.contains("  gw-b 172.20.45.131 100 ####"), "{text}");
    assert!(text.contains("  gw-a                80 ####"), "{text}");
    assert!(text.contains(": gw-b 172.20.45.131, first heard"), "also with a VRID that gw-a has not: {text}");
    model.size = Size::new(40, 12);
    assert!(screen(&model).contains("  gw-b 100 ####"), "{}", screen(&model));
}

#[test]
fn a_router_that_is_not_heard_says_itself_how_it_stands() {
    let mut model = two();
    let ours = InstanceStatus {
        mode: locum_control::Mode::Unicast { peers: vec![PEER] },
        senders: Vec::new(),
        ..statuses::master("VI_1", 45)
    };
    link_to(&mut model, 0, Report::Item(Box::new(locum_control::Item::Instance(Box::new(ours)))));
    let theirs = InstanceStatus { source: Some(PEER), ..statuses::backup("VI_1", 45) };
    link_to(&mut model, 1, Report::Item(Box::new(locum_control::Item::Instance(Box::new(theirs)))));
    type_text(&mut model, "p");
    let row = |model: &Model| screen(model).lines().find(|row| row.contains("gw-b 172")).unwrap().to_owned();
    assert_eq!(row(&model), "  gw-b 172.20.45.131  80 ################     says BACKUP, never heard");
    // What it said before it was lost may no longer hold.
    link_to(&mut model, 1, Report::Lost { reason: "gone".into(), retry_in: StdDuration::from_secs(1) });
    assert_eq!(row(&model), "  gw-b 172.20.45.131   ?                      never heard");
}

#[test]
fn one_that_is_lost_leaves_the_others() {
    let mut model = two();
    link_to(&mut model, 1, Report::Lost { reason: "ssh: no route".into(), retry_in: StdDuration::from_secs(1) });
    let text = screen(&model);
    assert!(text.contains("1 of 2 disconnected") && text.contains("gw-b disconnected"), "{text}");
    assert_eq!(spots(&model).len(), 4, "what was known of it stays");
    assert!(text.contains("\n ?gw-b   VI_1"), "{text}");
    let commands = wait_until(&mut model, 8);
    assert_eq!(commands, [Command::Ask(0, Purpose::All)], "only the one that is there is asked");
    type_text(&mut model, "j");
    assert!(screen(&model).contains("gw-b as of 8 s ago: ssh: no route"), "{}", screen(&model));
}

#[test]
fn timelines_and_histories_are_brought_to_one_clock() {
    let mut model = two();
    assert_eq!(model.nodes.ahead_ms(1, 0).unwrap().0, 7_000);
    adverts(&mut model, "VI_1", crate::fixture::heard(-6, 0));
    let later = |mark: AdvertMark| AdvertMark { at_us: mark.at_us + LONGER_US, ..mark };
    let marks = crate::fixture::sent(-6, 0).into_iter().map(later).collect();
    notice_to(&mut model, 1, Happening::Adverts { instance: "VI_1".into(), marks });
    press(&mut model, Key::Enter);
    let text = screen(&model);
    let row =
        |label: &str| text.lines().find(|row| row.starts_with(label)).unwrap_or_else(|| panic!("{label}: {text}"));
    // What gw-b sent, and what gw-a heard of it, stand below one another.
    let sent: Vec<_> = row("gw-b p100").char_indices().filter(|(_, mark)| *mark == '|').map(|(at, _)| at).collect();
    let heard: Vec<_> = row("gw-a <").char_indices().filter(|(_, mark)| *mark == '|').map(|(at, _)| at).collect();
    assert!(sent.len() == 6 && sent == heard, "{text}");
    // One second later by gw-b's clock, which is seven seconds ahead.
    let cause = Cause::PreemptedBy { by: PEER, priority: 100 };
    transition(&mut model, statuses::record("VI_2", 3, State::Backup, State::Master, cause));
    let mut record = statuses::record("VI_2", 2, State::Master, State::Backup, cause);
    record.at_unix_ms += 7_000;
    link_to(&mut model, 1, Report::Item(Box::new(locum_control::Item::Transition(record))));
    type_text(&mut model, "t");
    let text = screen(&model);
    assert!(text.contains("16:35:16 gw-b VI_2") && text.contains("16:35:15 gw-a VI_2"), "{text}");
    type_text(&mut model, "i");
    let text = screen(&model);
    assert!(text.contains("7.000 s ahead of the first router's"), "{text}");
}

#[test]
fn a_recording_is_held_moved_and_never_changed() {
    let mut model = four();
    assert_eq!(type_text(&mut model, " "), []);
    assert_eq!(message(&model), "this is no recording: what is shown happens now");
    let (start_us, end_us) = (statuses::UNIX_MS * 1_000, statuses::UNIX_MS * 1_000 + 600_000_000);
    let at_us = start_us + 60_000_000;
    let play = Play { start_us, end_us, at_us, as_of_us: 0, runs: true, speed: 1 };
    link(&mut model, Report::Played(play));
    model.now_us = 5_000_000;
    assert_eq!(type_text(&mut model, " "), [Command::Play(0, Playing::Run(false))]);
    assert_eq!(type_text(&mut model, "["), [Command::Play(0, Playing::Seek(at_us - 5_000_000))]);
    assert_eq!(type_text(&mut model, "}"), [Command::Play(0, Playing::Seek(at_us + 305_000_000))]);
    assert_eq!(type_text(&mut model, "*"), [Command::Play(0, Playing::Speed(4))]);
    type_text(&mut model, ":seek 16:40");
    let to_us = start_us + (4 * 60 + 42) * 1_000_000;
    assert_eq!(press(&mut model, Key::Enter), [Command::Play(0, Playing::Seek(to_us))]);
    type_text(&mut model, ":seek 10m");
    press(&mut model, Key::Enter);
    type_text(&mut model, ":seek 16:30:00");
    assert_eq!(press(&mut model, Key::Enter), []);
    assert_eq!(message(&model), "the recording is from 16:35:18 to 16:45:18 (UTC)");
    assert!(screen(&model).contains("RECORDING 16:36:23 of 16:35:18 to 16:45:18"), "{}", screen(&model));
    type_text(&mut model, "y");
    assert_eq!(message(&model), "yield: a recording cannot be changed");
    assert_eq!(wait_until(&mut model, 60), [], "nothing is asked");
    link(&mut model, Report::Rewound);
    assert!(model.list.names().is_empty());
}

#[test]
fn the_history_explains_what_was_heard_before() {
    let mut model = four();
    adverts(&mut model, "VI_1", crate::fixture::heard(-12, -6));
    let silent = Cause::MasterSilent { master: PEER, silent_us: 3_609_375, intervals: 3 };
    transition(&mut model, statuses::record("VI_1", 3, State::Backup, State::Master, silent));
    let run = locum_control::NotifyStatus {
        kind: "INSTANCE".into(),
        name: "VI_1".into(),
        script: "notify_master".into(),
        state: "MASTER".into(),
        ok: false,
        skipped: 0,
        run: locum_control::RunStatus {
            at_us: BOOT_US,
            result: "exit 1".into(),
            duration_us: 31_000,
            last_lines: Vec::new(),
        },
    };
    happens(&mut model, Happening::Notified { instance: Some("VI_1".into()), run });
    type_text(&mut model, "t");
    let text = screen(&model);
    assert!(text.contains("VI_1 notify_master told MASTER: exit 1, took 31 ms"), "{text}");
    type_text(&mut model, "/kind:change");
    press(&mut model, Key::Enter);
    assert!(!screen(&model).contains("notify_master"), "{}", screen(&model));
    type_text(&mut model, "/ since:16:35:16");
    assert!(screen(&model).contains("nothing with these words"), "{}", screen(&model));
    press(&mut model, Key::Ctrl('u'));
    type_text(&mut model, "since:16:35:15 kind:change");
    press(&mut model, Key::Enter);
    press(&mut model, Key::Enter);
    let text = screen(&model);
    assert!(
        text.contains("FROZEN") && text.contains("then      16:35:15: master 172.20.45.131 silent for 3.6 s"),
        "{text}"
    );
    assert!(text.contains("before it 172.20.45.131 last heard 3.8 s before, priority 100"), "{text}");
    press(&mut model, Key::Esc);
    assert_eq!(model.screen, Screen::History);
}

#[test]
fn the_doctor_says_what_is_wrong_first_and_what_to_do() {
    use locum_control::{Check, CheckResult, Item};

    let mut model = four();
    let asked = Purpose::Order(Verb::Doctor);
    assert_eq!(type_text(&mut model, "d"), [Command::Ask(0, asked.clone())]);
    link(&mut model, Report::Begin(asked.clone()));
    let check = |name: &str, result, detail: &str, fix: Option<&str>| Check {
        name: name.into(),
        subject: Some("eth0".into()),
        result,
        detail: detail.into(),
        fix: fix.map(str::to_owned),
    };
    for check in [
        check("link", CheckResult::Ok, "it is up", None),
        check("firewall", CheckResult::Problem, "table filter drops protocol 112\x1b", Some("accept ip protocol vrrp")),
    ] {
        link(&mut model, Report::Item(Box::new(Item::Check(check))));
    }
    link(&mut model, Report::Done(asked.clone(), "2 things".into()));
    let text = screen(&model);
    assert!(text.contains("Doctor: 1 problem, 1 ok"), "{text}");
    let row =
        |words: &str| text.lines().position(|row| row.contains(words)).unwrap_or_else(|| panic!("{words}: {text}"));
    assert!(row("PROBLEM   firewall eth0: table filter drops protocol 112?") < row("do: accept ip protocol vrrp"));
    assert!(row("do: accept") < row("ok        link eth0: it is up"), "the worst first");
    assert_eq!(type_text(&mut model, "d"), [Command::Ask(0, asked)], "again: look anew");
}

#[test]
fn what_a_lost_router_was_is_in_doubt_and_the_others_go_on() {
    let mut model = two();
    let silent = Cause::MasterSilent { master: PEER, silent_us: 3_609_375, intervals: 3 };
    link_to(&mut model, 1, Report::Lost { reason: "ssh: no route".into(), retry_in: StdDuration::from_secs(1) });
    transition(&mut model, statuses::record("VI_1", 0, State::Backup, State::Master, silent));
    adverts(&mut model, "VI_1", crate::fixture::sent(1, 8));
    wait_until(&mut model, 8);
    // It was MASTER of VI_1; its successor is.
    let text = screen(&model);
    assert!(text.contains("gw-a, gw-b | 2 MASTER, 0 BACKUP, 2 unknown"), "{text}");
    assert!(text.contains("\n ?gw-b   VI_1   45 eth0  MASTER? "), "{text}");
    type_text(&mut model, "j");
    let text = screen(&model);
    assert!(text.contains("not reached for 8 s; it was MASTER we hold the addresses"), "{text}");
    press(&mut model, Key::Enter);
    let text = screen(&model);
    assert!(text.contains("\nMASTER? for") && text.contains("not reached for 8 s: this is how"), "{text}");
    assert!(text.contains("if gw-a fails, none of these routers takes over"), "{text}");
    let row = |label: &str| text.lines().find(|row| row.starts_with(label)).unwrap_or_default();
    assert_eq!(row("gw-a p80").matches('|').count(), 7, "the other one goes on:\n{text}");
    assert!(row("gw-b p100").trim_end().ends_with('?'), "{text}");
    model.size = Size::new(20, 5);
    press(&mut model, Key::Esc);
    assert!(screen(&model).contains("MASTER? VI_1 gw-b"), "{}", screen(&model));
    // Of a single router that is lost the screen says so as a whole.
    let mut alone = four();
    link(&mut alone, Report::Lost { reason: "gone".into(), retry_in: StdDuration::from_secs(1) });
    assert!(screen(&alone).contains("1 MASTER, 2 BACKUP"), "{}", screen(&alone));
}
