mod routers;
mod steer;

use std::time::Duration as StdDuration;

use locum_control::{Cause, ErrorCode, Event as Happening, MarkKind, Refusal, Role, State};
use ratatui::layout::Size;

use super::*;
use crate::fixture::statuses::{self, BOOT_US, PEER};
use crate::fixture::{
    adverts, answer, attach, attached, happens, link, press, router, screen, transition, type_text, wait_until,
};
use crate::link::Report;
use crate::model::Connection;
use crate::options::ExtraAction;

fn four() -> Model {
    attached(
        80,
        24,
        vec![
            statuses::backup("VI_1", 45),
            statuses::master("VI_2", 144),
            statuses::waiting("VI_3", 46),
            statuses::fault("VI_4", 47),
        ],
    )
}

fn resume_vi_3() -> Purpose {
    Purpose::Order(Verb::Resume { instance: Some("VI_3".into()) })
}

fn message(model: &Model) -> &str {
    model.message.as_ref().map_or("", |message| message.text.as_str())
}

#[test]
fn the_worst_instance_is_marked_first_and_keys_move_the_mark() {
    let mut model = four();
    assert_eq!(model.selected.as_deref(), Some("VI_4"));
    type_text(&mut model, "j");
    assert_eq!(model.selected.as_deref(), Some("VI_1"));
    press(&mut model, Key::Down);
    press(&mut model, Key::Up);
    press(&mut model, Key::Up);
    press(&mut model, Key::Up);
    assert_eq!(model.selected.as_deref(), Some("VI_4"), "not beyond the ends");
    type_text(&mut model, "G");
    assert_eq!(model.selected.as_deref(), Some("VI_3"));
    press(&mut model, Key::PageDown);
    assert_eq!(model.selected.as_deref(), Some("VI_3"));
    type_text(&mut model, "g");
    assert_eq!(model.selected.as_deref(), Some("VI_4"));
}

#[test]
fn the_mark_stays_on_its_instance_when_lines_change_places() {
    let mut model = four();
    type_text(&mut model, "j");
    transition(&mut model, statuses::record("VI_2", 0, State::Master, State::Fault, Cause::Shutdown));
    assert_eq!(model.list.names(), ["VI_2", "VI_4", "VI_1", "VI_3"]);
    assert_eq!(model.selected.as_deref(), Some("VI_1"));
}

#[test]
fn escape_goes_back_and_never_out() {
    let mut model = four();
    press(&mut model, Key::Enter);
    type_text(&mut model, "t?");
    assert!(model.help);
    press(&mut model, Key::Esc);
    assert_eq!(model.screen, Screen::History);
    press(&mut model, Key::Esc);
    assert_eq!(model.screen, Screen::Instance);
    press(&mut model, Key::Esc);
    assert_eq!(model.screen, Screen::Overview);
    assert_eq!(press(&mut model, Key::Esc), []);
    assert_eq!(type_text(&mut model, "q"), [Command::Quit]);
}

#[test]
fn the_way_back_never_leads_through_a_screen_twice() {
    let mut model = four();
    for _ in 0..50 {
        type_text(&mut model, "optp");
        assert!(model.trail.len() < 4, "{:?}", model.trail);
    }
    assert_eq!(
        (model.screen, model.trail.as_slice()),
        (Screen::Peers, [Screen::Overview, Screen::Instance].as_slice())
    );
    press(&mut model, Key::Esc);
    assert_eq!(model.screen, Screen::Instance);
    press(&mut model, Key::Esc);
    assert_eq!((model.screen, model.trail.len()), (Screen::Overview, 0));
}

#[test]
fn resume_asks_first_and_cancels_by_default() {
    let mut model = four();
    type_text(&mut model, "Gr");
    let dialog = model.dialog.as_ref().unwrap();
    assert!(dialog.lines[0].contains("VI_3") && dialog.at == 0, "{dialog:?}");
    assert_eq!(press(&mut model, Key::Enter), []);
    assert_eq!(model.dialog, None);

    type_text(&mut model, "r");
    assert_eq!(type_text(&mut model, "q"), [], "no key leaves a question by accident");
    assert_eq!(press(&mut model, Key::Esc), []);
    assert_eq!(model.dialog, None);

    type_text(&mut model, "r");
    press(&mut model, Key::Tab);
    assert_eq!(press(&mut model, Key::Enter), [Command::Ask(0, resume_vi_3())]);
    type_text(&mut model, "r");
    assert_eq!(type_text(&mut model, "y"), [Command::Ask(0, resume_vi_3())]);

    let commands = link(&mut model, Report::Done(resume_vi_3(), "VI_3: delay ended".into()));
    assert_eq!(message(&model), "VI_3: delay ended");
    assert_eq!(commands, []);
    assert_eq!(wait_until(&mut model, 1), [Command::Ask(0, Purpose::All)], "and looks what came of it");
}

#[test]
fn resume_says_why_it_does_nothing() {
    let mut model = four();
    type_text(&mut model, "r");
    assert_eq!(model.dialog, None);
    assert!(message(&model).contains("VI_4 has no preempt delay"), "{}", message(&model));

    model.readonly = true;
    type_text(&mut model, "Gr");
    assert!(message(&model).contains("read-only"));
    model.readonly = false;

    let mut reader = attached(80, 24, Vec::new());
    attach(&mut reader, Role::Reader, vec![statuses::waiting("VI_3", 46)]);
    type_text(&mut reader, "r");
    assert_eq!(reader.dialog, None);
    assert!(message(&reader).contains("admin group"), "{}", message(&reader));

    type_text(&mut model, "Gr");
    assert!(model.dialog.is_some());
    link(&mut model, Report::Lost { reason: "gone".into(), retry_in: StdDuration::from_secs(1) });
    assert_eq!(model.dialog, None, "a question about what is gone goes too");
    type_text(&mut model, "r");
    assert!(message(&model).contains("no connection"));
}

#[test]
fn a_console_that_is_left_alone_is_locked() {
    let mut model = four();
    model.idle_lock_us = Some(600_000_000);
    wait_until(&mut model, 500);
    type_text(&mut model, "Gr");
    assert!(model.dialog.is_some());
    wait_until(&mut model, 1_099);
    assert!(model.dialog.is_some() && !model.locked, "a key was pressed at 500 s");
    // The key that comes too late finds the question gone, even if nothing else happened meanwhile.
    model.now_us = 1_100_000_000;
    assert_eq!(type_text(&mut model, "y"), []);
    assert_eq!((model.dialog.as_ref(), model.locked), (None, true));
    assert!(screen(&model).contains("connected, locked"), "{}", screen(&model));
    type_text(&mut model, "r");
    assert_eq!(model.dialog, None);
    assert!(message(&model).contains("start it again"), "{}", message(&model));
    type_text(&mut model, "j");
    assert!(!type_text(&mut model, "q").is_empty(), "looking and leaving still work");
    assert!(model.locked, "no key ends it");
    // The question goes when the time is up, not only when somebody answers it.
    let mut open = four();
    open.idle_lock_us = Some(600_000_000);
    type_text(&mut open, "Gr");
    wait_until(&mut open, 600);
    assert_eq!((open.dialog.as_ref(), open.locked), (None, true));
    let mut never = four();
    wait_until(&mut never, 1_000_000);
    assert!(!never.locked);
}

#[test]
fn a_refusal_is_shown() {
    let mut model = four();
    let refusal = Refusal { code: ErrorCode::NotNow, message: "not\x1b[31m now".into() };
    link(&mut model, Report::Refused(resume_vi_3(), refusal));
    assert_eq!(message(&model), "not?[31m now");
    assert!(model.message.as_ref().unwrap().alert);
    wait_until(&mut model, 60);
    assert_eq!(model.message, None, "and goes after a while");
}

#[test]
fn after_an_event_the_instance_is_asked_for_one_at_a_time() {
    let mut model = four();
    model.now_us = 1_000_000;
    let record = statuses::record("VI_1", 0, State::Backup, State::Master, Cause::PriorityZero { from: PEER });
    assert_eq!(transition(&mut model, record.clone()), [Command::Ask(0, Purpose::One("VI_1".into()))]);
    assert_eq!(model.replica().instances["VI_1"].status.state, State::Master, "what the event says holds at once");
    let other = statuses::record("VI_2", 0, State::Master, State::Backup, Cause::Shutdown);
    assert_eq!(transition(&mut model, other), [], "one question at a time");
    let commands = answer(&mut model, &Purpose::One("VI_1".into()), vec![statuses::master("VI_1", 45)]);
    assert_eq!(commands, [], "and not faster than ten a second");
    assert_eq!(wait_until(&mut model, 2), [Command::Ask(0, Purpose::One("VI_2".into()))]);
}

#[test]
fn a_storm_of_events_is_one_question() {
    let names: Vec<String> = (0..40).map(|n| format!("V{n:02}")).collect();
    let mut model = attached(80, 24, names.iter().map(|name| statuses::backup(name, 1)).collect());
    model.nodes.current_mut().refresh.asking = true;
    for name in &names {
        let record = statuses::record(name, 0, State::Backup, State::Master, Cause::PriorityZero { from: PEER });
        assert_eq!(transition(&mut model, record), []);
    }
    model.nodes.current_mut().refresh.asking = false;
    assert_eq!(wait_until(&mut model, 1), [Command::Ask(0, Purpose::All)]);
    assert!(model.nodes.current_mut().refresh.instances.len() <= 8);
}

#[test]
fn counters_are_fetched_again_every_few_seconds() {
    let mut model = four();
    assert_eq!(wait_until(&mut model, 4), []);
    assert_eq!(wait_until(&mut model, 6), [Command::Ask(0, Purpose::All)]);
    assert_eq!(wait_until(&mut model, 7), [], "not again before the answer");
    answer(&mut model, &Purpose::All, vec![statuses::backup("VI_1", 45)]);
    assert_eq!(model.list.names(), ["VI_1"], "what is no longer there goes");
    assert_eq!(model.selected.as_deref(), Some("VI_1"));
}

#[test]
fn lost_notices_lead_to_a_fresh_start() {
    let mut model = four();
    model.now_us = 1_000_000;
    assert_eq!(link(&mut model, Report::Gap), [Command::Ask(0, Purpose::Watch)]);
    answer(&mut model, &Purpose::Watch, vec![statuses::backup("VI_1", 45)]);
    model.now_us = 2_000_000;
    assert_eq!(happens(&mut model, Happening::Lagged { missed: 7 }), [Command::Ask(0, Purpose::Watch)]);
}

#[test]
fn an_instance_that_is_gone_is_left() {
    let mut model = four();
    press(&mut model, Key::Enter);
    let refusal = Refusal { code: ErrorCode::UnknownInstance, message: "no".into() };
    link(&mut model, Report::Refused(Purpose::One("VI_4".into()), refusal));
    assert_eq!(model.screen, Screen::Overview);
    assert_eq!(model.selected.as_deref(), Some("VI_1"));
}

#[test]
fn adverts_move_the_takeover_away() {
    let mut model = four();
    let mark = statuses::advert(1.0, PEER, 100, MarkKind::Received);
    adverts(&mut model, "VI_1", vec![mark, mark]);
    let status = &model.replica().instances["VI_1"].status;
    assert_eq!(status.timers.master_down_at_us, Some(BOOT_US + 4_687_500));
    assert_eq!(status.senders[0].received, 601, "counted once");
    adverts(&mut model, "VI_1", vec![statuses::advert(2.0, PEER, 0, MarkKind::Received)]);
    let status = &model.replica().instances["VI_1"].status;
    assert_eq!(status.timers.master_down_at_us, Some(BOOT_US + 2_687_500), "after priority 0 only the skew is waited");
}

#[test]
fn a_weaker_router_does_not_move_the_takeover() {
    let mut model = four();
    adverts(&mut model, "VI_1", vec![statuses::advert(1.0, [172, 20, 45, 133].into(), 70, MarkKind::Received)]);
    let status = &model.replica().instances["VI_1"].status;
    assert_eq!(status.timers.master_down_at_us, Some(BOOT_US + 3_687_500));
    assert_eq!(status.master.as_ref().unwrap().address, PEER);
}

#[test]
fn freezing_holds_the_timeline_and_panning_freezes() {
    let mut model = four();
    press(&mut model, Key::Enter);
    wait_until(&mut model, 3);
    type_text(&mut model, "f");
    assert_eq!(model.timeline.frozen_at_us, Some(BOOT_US + 3_000_000));
    wait_until(&mut model, 9);
    assert_eq!(model.timeline.frozen_at_us, Some(BOOT_US + 3_000_000));
    assert!(screen(&model).contains("FROZEN 6 s ago"));
    type_text(&mut model, "f");
    assert_eq!(model.timeline.frozen_at_us, None);
    press(&mut model, Key::Left);
    assert!(model.timeline.frozen_at_us.is_some() && model.timeline.panned > 0);
    type_text(&mut model, "ll");
    assert_eq!(model.timeline.panned, 0);
    let before = view::zoom(&model);
    type_text(&mut model, "+");
    assert_eq!(view::zoom(&model), before - 1);
    for _ in 0..50 {
        type_text(&mut model, "-");
    }
    assert_eq!(view::zoom(&model), COLUMN_US.len() - 1);
}

#[test]
fn a_lost_service_is_said_and_what_was_known_stays() {
    let mut model = four();
    happens(&mut model, Happening::Stopping);
    assert_eq!(message(&model), "the service stops");
    link(&mut model, Report::Lost { reason: "it\x07 broke".into(), retry_in: StdDuration::from_secs(2) });
    assert!(matches!(&model.connection(), Connection::Lost { reason, .. } if reason == "it? broke"));
    assert_eq!(model.list.names().len(), 4);
    assert!(screen(&model).contains("as of 0 s ago: it? broke"));
    assert_eq!(wait_until(&mut model, 60), [], "nothing is asked without a connection");
    link(&mut model, Report::Connecting);
    assert_eq!(model.list.names().len(), 4, "the same router: its last data stay until there are new ones");
    attach(&mut model, Role::Admin, vec![statuses::backup("VI_9", 1)]);
    assert_eq!(model.list.names(), ["VI_9"]);
}

#[test]
fn a_service_that_greets_and_drops_us_makes_nothing_younger() {
    let mut model = four();
    let drop = |model: &mut Model| {
        link(model, Report::Lost { reason: "it broke".into(), retry_in: StdDuration::from_secs(2) });
    };
    drop(&mut model);
    for seconds in 1..=5 {
        model.now_us += 8_000_000;
        let age = format!("as of {} s ago: it broke", 8 * seconds);
        assert!(screen(&model).contains(&age), "{}", screen(&model));
        link(&mut model, Report::Connected(statuses::hello(Role::Admin, BOOT_US)));
        assert!(screen(&model).contains(&format!("not reached for {} s", 8 * seconds)), "{}", screen(&model));
        drop(&mut model);
    }
    attach(&mut model, Role::Admin, vec![statuses::backup("VI_9", 1)]);
    assert!(!screen(&model).contains("not reached"), "{}", screen(&model));
    model.now_us += 8_000_000;
    drop(&mut model);
    assert!(screen(&model).contains("as of 0 s ago"), "{}", screen(&model));
}

/// With a thousand instances they are not measured for every frame, but each second they are.
#[test]
fn columns_grow_with_what_stands_in_them() {
    let mut model = four();
    let (address, mut status) = ("fe80::1234:5678:9abc", statuses::backup("VI_1", 45));
    settle(&mut model);
    assert!(!screen(&model).contains(address), "{}", screen(&model));
    status.master.as_mut().unwrap().address = address.parse().unwrap();
    link(&mut model, Report::Item(Box::new(locum_control::Item::Instance(Box::new(status)))));
    wait_until(&mut model, 2);
    settle(&mut model);
    assert!(screen(&model).contains(address), "{}", screen(&model));
}

#[test]
fn extra_actions_reach_the_program_around() {
    let mut model = four();
    model.extra_actions = vec![ExtraAction { key: 'c', name: "cut".into(), help: "pull the cable".into() }];
    assert_eq!(type_text(&mut model, "c"), [Command::Extra('c')]);
    let status = (0..9).map(|n| format!("line {n}\x1b")).collect();
    update(&mut model, Event::Extra { said: Some("cable \x1bcut".into()), status });
    assert_eq!(message(&model), "cable ?cut");
    assert_eq!(model.extra_status, ["line 0?", "line 1?", "line 2?"]);
    type_text(&mut model, "?");
    assert_eq!(type_text(&mut model, "c"), [], "not while the help covers the screen");
}

#[test]
fn the_charset_can_be_changed_at_run_time() {
    let mut model = four();
    assert!(screen(&model).is_ascii());
    type_text(&mut model, "u");
    assert!(!screen(&model).is_ascii());
}

#[test]
fn a_filter_holds_while_it_is_typed_and_escape_ends_it() {
    let mut model = four();
    type_text(&mut model, "/back");
    assert_eq!(model.list.names(), ["VI_1", "VI_3"]);
    assert_eq!(model.selected.as_deref(), Some("VI_1"), "the marked line is one that is shown");
    press(&mut model, Key::Down);
    assert_eq!(model.selected.as_deref(), Some("VI_3"));
    type_text(&mut model, " !vi_1q");
    assert_eq!(model.prompt.as_ref().unwrap().text, "back !vi_1q", "letters are letters here");
    press(&mut model, Key::Backspace);
    assert_eq!(model.list.names(), ["VI_3"]);
    press(&mut model, Key::Enter);
    assert_eq!((model.prompt.as_ref(), model.list.names().len()), (None, 1));
    // What is hidden is not reached by moving about, and stays hidden when it changes.
    type_text(&mut model, "jjoq");
    assert_eq!(model.selected.as_deref(), Some("VI_3"));
    press(&mut model, Key::Esc);
    assert_eq!((model.screen, model.list.names().len()), (Screen::Overview, 1), "the way back keeps the filter");
    press(&mut model, Key::Esc);
    assert_eq!(model.list.names().len(), 4);
    assert_eq!(model.selected.as_deref(), Some("VI_3"));

    type_text(&mut model, "/fault");
    press(&mut model, Key::Esc);
    assert_eq!(model.list.names().len(), 4, "Esc while typing drops the filter");
    type_text(&mut model, "/x");
    press(&mut model, Key::Backspace);
    press(&mut model, Key::Backspace);
    assert_eq!(model.prompt, None);
}

#[test]
fn what_no_longer_has_the_words_goes_and_the_mark_stays_near() {
    let mut model = four();
    type_text(&mut model, "/backup");
    press(&mut model, Key::Enter);
    transition(&mut model, statuses::record("VI_1", 0, State::Backup, State::Master, Cause::Shutdown));
    assert_eq!(model.list.names(), ["VI_3"]);
    assert_eq!(model.selected.as_deref(), Some("VI_3"));
    press(&mut model, Key::Enter);
    transition(&mut model, statuses::record("VI_3", 0, State::Backup, State::Master, Cause::Shutdown));
    assert_eq!(model.screen, Screen::Instance, "who looks at it goes on looking");
    assert_eq!(model.selected.as_deref(), Some("VI_3"));
    press(&mut model, Key::Esc);
    assert_eq!(model.selected, None, "nothing is marked that is not shown");
    assert_eq!(type_text(&mut model, "ojkr"), []);
    assert_eq!(model.screen, Screen::Overview);
}

#[test]
fn the_order_changes_and_the_mark_stays() {
    let mut model = four();
    type_text(&mut model, "j>");
    assert_eq!(model.list.names(), ["VI_1", "VI_2", "VI_3", "VI_4"]);
    assert!(message(&model).contains("by name"), "{}", message(&model));
    assert_eq!(model.selected.as_deref(), Some("VI_1"));
    type_text(&mut model, ">");
    assert_eq!(model.list.names(), ["VI_1", "VI_3", "VI_4", "VI_2"]);
    type_text(&mut model, ">>");
    assert_eq!(model.list.names(), ["VI_4", "VI_1", "VI_2", "VI_3"]);
}

#[test]
fn the_history_has_a_filter_of_its_own() {
    let mut model = four();
    for name in ["VI_1", "VI_2"] {
        transition(&mut model, statuses::record(name, 0, State::Master, State::Backup, Cause::Shutdown));
    }
    type_text(&mut model, "t/vi_2");
    press(&mut model, Key::Enter);
    assert_eq!(model.matches(), (1, 2));
    assert_eq!(model.list.names().len(), 4);
    press(&mut model, Key::Esc);
    assert_eq!(model.matches(), (2, 2));
    assert_eq!(model.screen, Screen::History);
    press(&mut model, Key::Esc);
    assert_eq!(model.screen, Screen::Overview);
}

#[test]
fn a_command_does_what_its_key_does() {
    let mut model = four();
    type_text(&mut model, ":op");
    press(&mut model, Key::Tab);
    type_text(&mut model, "VI_2");
    assert_eq!(model.prompt.as_ref().unwrap().text, "open VI_2");
    press(&mut model, Key::Enter);
    assert_eq!((model.screen, model.selected.as_deref()), (Screen::Instance, Some("VI_2")));
    type_text(&mut model, ":back\n");
    press(&mut model, Key::Backspace);
    press(&mut model, Key::Backspace);
    press(&mut model, Key::Enter);
    assert_eq!(model.screen, Screen::Overview);
    type_text(&mut model, ":resume VI_3");
    let commands = press(&mut model, Key::Enter);
    assert!(matches!(commands.as_slice(), [Command::Ask(0, Purpose::Order(Verb::Foresee { .. }))]), "{commands:?}");
    assert!(
        model.dialog.as_ref().is_some_and(|dialog| dialog.lines[0].contains("VI_3")),
        "a command asks as the key does"
    );
    press(&mut model, Key::Esc);
    type_text(&mut model, ":frob");
    press(&mut model, Key::Enter);
    assert!(message(&model).contains("no command \"frob\""), "{}", message(&model));
    type_text(&mut model, ":filter fault");
    press(&mut model, Key::Enter);
    assert_eq!(model.list.names(), ["VI_4"]);
    type_text(&mut model, ":q");
    assert_eq!(press(&mut model, Key::Enter), [Command::Quit]);
    type_text(&mut model, &format!(":{}", "x".repeat(500)));
    assert_eq!(model.prompt.as_ref().unwrap().text.len(), 64);
}

#[test]
fn the_theme_can_be_changed_at_run_time() {
    let mut model = four();
    type_text(&mut model, "T");
    assert_eq!(model.look.theme, Theme::ALL[(Theme::ALL.iter().position(|t| *t == Theme::Mono).unwrap() + 1) % 4]);
    assert!(message(&model).contains("without colours"), "{}", message(&model));
    model.look.palette = Palette::Sixteen;
    type_text(&mut model, ":theme li");
    press(&mut model, Key::Enter);
    assert_eq!((model.look.theme, message(&model)), (Theme::Light, "theme light"));
}

#[test]
fn scrolling_stops_at_the_end_and_comes_back_at_once() {
    let mut model = four();
    type_text(&mut model, "?");
    for _ in 0..200 {
        type_text(&mut model, "j");
    }
    let bottom = model.scroll;
    assert!(bottom > 0 && bottom < 200);
    type_text(&mut model, "k");
    assert_eq!(model.scroll, bottom - 1);
    press(&mut model, Key::Home);
    assert_eq!(model.scroll, 0);
}
