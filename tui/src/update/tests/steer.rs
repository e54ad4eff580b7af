//! Orders: what is asked before them, and what comes of their answers.

use locum_control::{
    ChangeRecord, ChangeStanding, Difference, DifferenceKind, Edit, Forecast, Item, Lasts, ServiceStatus,
};

use super::*;
use crate::fixture::statuses::UNIX_MS;
use crate::link::Report;

/// Edits, and whether it is only asked what they would do.
fn change(commands: &[Command]) -> (Vec<Edit>, bool, Option<u64>, Lasts, Option<u64>) {
    let [Command::Ask(0, Purpose::Order(Verb::Change { edits, dry_run, revision, lasts, confirm_within_s }))] =
        commands
    else {
        panic!("{commands:?}")
    };
    (edits.clone(), *dry_run, *revision, *lasts, *confirm_within_s)
}

fn order(commands: Vec<Command>) -> Purpose {
    let [Command::Ask(0, purpose @ Purpose::Order(_))] = commands.as_slice() else { panic!("{commands:?}") };
    purpose.clone()
}

fn differs(model: &mut Model, purpose: Purpose) {
    link(model, Report::Begin(purpose.clone()));
    let details = vec!["priority 80 -> 120".into()];
    let difference = Difference { name: "VI_1".into(), kind: DifferenceKind::Changed, details };
    link(model, Report::Item(Box::new(Item::Difference(difference))));
    link(model, Report::Done(purpose, "nothing is changed yet".into()));
}

fn set_priority(value: &str) -> Vec<Edit> {
    vec![Edit::Set { instance: "VI_1".into(), keyword: "priority".into(), values: vec![value.into()] }]
}

#[test]
fn a_priority_is_previewed_and_only_then_applied() {
    let mut model = four();
    model.selected = Some("VI_1".into());
    type_text(&mut model, "P");
    press(&mut model, Key::Ctrl('u'));
    type_text(&mut model, "300");
    assert_eq!(press(&mut model, Key::Enter), []);
    assert!(message(&model).contains("from 1 to 254"), "{}", message(&model));
    press(&mut model, Key::Ctrl('u'));
    type_text(&mut model, "120");
    let commands = press(&mut model, Key::Enter);
    assert_eq!(change(&commands), (set_priority("120"), true, Some(1), Lasts::UntilRestart, None));
    differs(&mut model, order(commands));
    let dialog = model.dialog.clone().unwrap();
    assert_eq!(dialog.lines, ["VI_1 goes on with other values: priority 80 -> 120"]);
    assert_eq!(press(&mut model, Key::Enter), [], "Cancel is marked");
    assert_eq!(model.dialog, None);

    for (tabs, lasts, confirm) in [
        (1, Lasts::UntilRestart, Some(300)),
        (2, Lasts::UntilRestart, None),
        (3, Lasts::Seconds(1_800), None),
        (4, Lasts::Saved, None),
    ] {
        model.dialog = Some(dialog.clone());
        for _ in 0..tabs {
            press(&mut model, Key::Tab);
        }
        let commands = press(&mut model, Key::Enter);
        assert_eq!(change(&commands), (set_priority("120"), false, Some(1), lasts, confirm));
    }
    model.dialog = Some(dialog.clone());
    press(&mut model, Key::BackTab);
    press(&mut model, Key::Ctrl('u'));
    type_text(&mut model, "1x");
    for _ in 0..4 {
        press(&mut model, Key::Tab);
    }
    assert_eq!(press(&mut model, Key::Enter), []);
    assert!(message(&model).contains("30m, 2h"), "{}", message(&model));
    press(&mut model, Key::BackTab);
    press(&mut model, Key::BackTab);
    press(&mut model, Key::BackTab);
    press(&mut model, Key::BackTab);
    press(&mut model, Key::Ctrl('u'));
    type_text(&mut model, "45m");
    for _ in 0..4 {
        press(&mut model, Key::Tab);
    }
    assert_eq!(change(&press(&mut model, Key::Enter)).3, Lasts::Seconds(2_700));
    model.dialog = Some(dialog);
    assert_eq!(type_text(&mut model, "y"), [], "with several ways to say yes, it is only marked");
}

#[test]
fn what_the_service_refuses_comes_back_to_be_mended() {
    let mut model = four();
    model.selected = Some("VI_1".into());
    type_text(&mut model, "e");
    press(&mut model, Key::Backspace);
    let purpose = order(press(&mut model, Key::Enter));
    assert_eq!(model.dialog, None);
    let refusal = Refusal { code: ErrorCode::BadRequest, message: "it is odd".into() };
    link(&mut model, Report::Refused(purpose, refusal));
    let dialog = model.dialog.as_ref().unwrap();
    assert_eq!((dialog.fields[0].text.as_str(), message(&model)), ("8", "it is odd"));
    assert_eq!(press(&mut model, Key::Esc), []);
    assert_eq!(model.dialog, None);
}

#[test]
fn a_stale_change_is_shown_anew_and_never_applied_unseen() {
    let mut model = four();
    let commands = type_text(&mut model, ":priority VI_1 120");
    assert_eq!(commands, []);
    let purpose = order(press(&mut model, Key::Enter));
    let refusal = Refusal { code: ErrorCode::Stale, message: "look again".into() };
    link(&mut model, Report::Refused(purpose, refusal));
    assert_eq!(wait_until(&mut model, 1), [Command::Ask(0, Purpose::All)]);
    assert_eq!(message(&model), "look again");
    link(&mut model, Report::Begin(Purpose::All));
    let service = ServiceStatus { revision: 5, ..statuses::service(Role::Admin, BOOT_US + 1_000_000, 0) };
    link(&mut model, Report::Item(Box::new(Item::Service(Box::new(service)))));
    let commands = link(&mut model, Report::Done(Purpose::All, "ok".into()));
    assert_eq!(change(&commands), (set_priority("120"), true, Some(5), Lasts::UntilRestart, None));
    differs(&mut model, order(commands));
    assert!(model.dialog.as_ref().unwrap().lines[0].contains("meanwhile"), "{:?}", model.dialog);
}

#[test]
fn what_would_follow_is_asked_and_stands_in_the_question() {
    let mut model = four();
    model.selected = Some("VI_2".into());
    let purpose = order(type_text(&mut model, "y"));
    let Purpose::Order(Verb::Foresee { order }) = &purpose else { panic!("{purpose:?}") };
    assert!(matches!(order.as_ref(), Verb::Yield { instance: Some(name), .. } if name == "VI_2"));
    link(&mut model, Report::Begin(purpose.clone()));
    link(&mut model, Report::Item(Box::new(Item::Finding("172.20.45.131 takes over after 0.7 s\x1b".into()))));
    link(&mut model, Report::Done(purpose.clone(), "ok".into()));
    let lines = model.dialog.as_ref().unwrap().lines.clone();
    assert_eq!(lines.last().unwrap(), "172.20.45.131 takes over after 0.7 s?");
    // Once is enough, and the answer to another question is not for this one.
    link(&mut model, Report::Done(purpose.clone(), "ok".into()));
    press(&mut model, Key::Esc);
    type_text(&mut model, "kr");
    let before = model.dialog.clone();
    link(&mut model, Report::Begin(purpose.clone()));
    link(&mut model, Report::Item(Box::new(Item::Finding("late".into()))));
    link(&mut model, Report::Done(purpose.clone(), "ok".into()));
    let refusal = Refusal { code: ErrorCode::BadRequest, message: "what is foresee".into() };
    link(&mut model, Report::Refused(purpose, refusal));
    assert_eq!((model.dialog, message(&four())), (before, ""));
}

#[test]
fn what_a_forecast_rests_on_stands_above_it_once() {
    let mut model = four();
    model.selected = Some("VI_2".into());
    let purpose = order(type_text(&mut model, "y"));
    link(&mut model, Report::Begin(purpose.clone()));
    let listens = "172.20.45.131 still listens";
    for (in_us, provided, text) in [
        (None, None, "you are connected through 172.20.45.248"),
        (Some(0), Some(listens), "MASTER -> BACKUP: yielded by operator"),
        (Some(700_000), Some(listens), "172.20.45.131 becomes MASTER"),
        (Some(2_000_000), Some("it does not"), "BACKUP -> MASTER: nobody took over"),
    ] {
        let provided = provided.map(str::to_owned);
        let forecast = Forecast { instance: "VI_2".into(), in_us, provided, text: text.into() };
        link(&mut model, Report::Item(Box::new(Item::Forecast(forecast))));
    }
    link(&mut model, Report::Done(purpose, "ok".into()));
    let lines = &model.dialog.as_ref().unwrap().lines;
    assert_eq!(
        lines[lines.len() - 6..],
        [
            "VI_2: you are connected through 172.20.45.248",
            "If 172.20.45.131 still listens:",
            "at once   VI_2: MASTER -> BACKUP: yielded by operator",
            "in 0.7 s  VI_2: 172.20.45.131 becomes MASTER",
            "If it does not:",
            "in 2.0 s  VI_2: BACKUP -> MASTER: nobody took over",
        ]
    );
}

fn with_schema() -> Model {
    let mut model = four();
    let keyword = |name: &str, takes, help: &str| crate::schema::Keyword {
        name: name.into(),
        takes,
        help: help.into(),
        default: "5 s".into(),
    };
    let delay = crate::schema::Takes::Number { least: 0, most: 60_000_000, is_whole: false, unit: "s".into() };
    model.schema.instance = vec![
        keyword("priority", crate::schema::Takes::Words, ""),
        keyword("garp_master_delay", delay, "Until the announcements are repeated."),
        keyword("accept", crate::schema::Takes::Nothing, "Packets to the VIPs are taken."),
        keyword("notify", crate::schema::Takes::Words, ""),
        keyword("no_accept", crate::schema::Takes::Nothing, ""),
    ];
    model.schema.address = vec![keyword("dev", crate::schema::Takes::Words, "")];
    model.selected = Some("VI_1".into());
    model
}

#[test]
fn every_option_of_the_schema_can_be_set_or_taken_away() {
    let mut model = with_schema();
    type_text(&mut model, "e");
    let dialog = model.dialog.clone().unwrap();
    let buttons: Vec<&str> = dialog.buttons.iter().map(|button| button.name.as_str()).collect();
    assert_eq!(buttons, ["Cancel", "Preview", "All options", "Remove the instance"]);
    for _ in 0..dialog.fields.len() + 2 {
        press(&mut model, Key::Tab);
    }
    // What was typed before is not lost for it.
    let mut typed = model.dialog.clone().unwrap();
    typed.fields[0].text.push('1');
    let untouched = model.dialog.replace(typed);
    assert_eq!(press(&mut model, Key::Enter), []);
    assert!(message(&model).starts_with("preview what you have typed first"), "{}", message(&model));
    model.dialog = untouched;
    let instance = "VI_1".to_owned();
    let asked = Purpose::Order(Verb::Options { instance: instance.clone() });
    assert_eq!(press(&mut model, Key::Enter), [Command::Ask(0, asked.clone())]);
    link(&mut model, Report::Begin(asked.clone()));
    for (keyword, values) in [
        ("accept", vec![]),
        ("notify", vec!["/etc/a b.sh".to_owned(), "x".to_owned()]),
        ("garp_master_delay", vec!["7".into()]),
    ] {
        let setting = locum_control::Setting { keyword: keyword.into(), values };
        link(&mut model, Report::Item(Box::new(Item::Setting(setting))));
    }
    link(&mut model, Report::Done(asked, "3 options".into()));
    let text = screen(&model);
    assert!(text.contains("garp_master_delay 7") && text.contains("0 to 60 s"), "{text}");
    assert!(text.contains("accept            yes (y or n)") && text.contains("no_accept         no "), "{text}");
    assert!(text.contains("notify            \"/etc/a b.sh\" x"), "{text}");
    assert!(text.contains("Until the announcements are repeated. Without it: 5 s."), "{text}");
    type_text(&mut model, "1");
    assert_eq!(press(&mut model, Key::Enter), []);
    assert_eq!(message(&model), "garp_master_delay: 0 to 60 s");
    press(&mut model, Key::Backspace);
    press(&mut model, Key::Backspace);
    type_text(&mut model, "6");
    press(&mut model, Key::Tab);
    type_text(&mut model, "n");
    press(&mut model, Key::Tab);
    press(&mut model, Key::Ctrl('u'));
    type_text(&mut model, "\"/etc/a b.sh");
    assert_eq!(press(&mut model, Key::Enter), []);
    assert_eq!(message(&model), "notify: a quote is not closed");
    type_text(&mut model, "\"");
    press(&mut model, Key::Tab);
    type_text(&mut model, "y");
    let (edits, dry_run, ..) = change(&press(&mut model, Key::Enter));
    let set = |keyword: &str, values: &[&str]| Edit::Set {
        instance: instance.clone(),
        keyword: keyword.into(),
        values: values.iter().map(ToString::to_string).collect(),
    };
    let unset = Edit::Unset { instance: instance.clone(), keyword: "accept".into() };
    let wanted =
        [set("garp_master_delay", &["6"]), unset, set("notify", &["/etc/a b.sh"]), set("no_accept", &[])].to_vec();
    assert_eq!((edits, dry_run), (wanted, true));
}

#[test]
fn an_instance_is_added_after_a_template_and_removed_as_a_whole() {
    let mut model = with_schema();
    type_text(&mut model, "A");
    let text = screen(&model);
    assert!(text.contains("like VI_1") && text.contains("VRID           47"), "the next free VRID: {text}");
    for _ in 0..6 {
        press(&mut model, Key::Tab);
    }
    type_text(&mut model, "10.0.0.9/24 dev eth1");
    let (edits, dry_run, ..) = change(&press(&mut model, Key::Enter));
    assert!(dry_run && edits[0] == Edit::AddInstance { instance: "VI_5".into() }, "{edits:?}");
    let set = |keyword: &str, value: &str| Edit::Set {
        instance: "VI_5".into(),
        keyword: keyword.into(),
        values: vec![value.into()],
    };
    for wanted in
        [set("interface", "eth0"), set("virtual_router_id", "47"), set("priority", "100"), set("advert_int", "1")]
    {
        assert!(edits.contains(&wanted), "{wanted:?} in {edits:?}");
    }
    assert!(edits.iter().any(|edit| matches!(edit, Edit::Add { list: locum_control::List::Peer, .. })), "{edits:?}");

    let mut model = with_schema();
    type_text(&mut model, "e");
    let count = model.dialog.as_ref().unwrap().fields.len();
    for _ in 0..count + 3 {
        press(&mut model, Key::Tab);
    }
    let (edits, dry_run, ..) = change(&press(&mut model, Key::Enter));
    assert_eq!((edits, dry_run), (vec![Edit::RemoveInstance { instance: "VI_1".into() }], true));
}

#[test]
fn a_yield_names_whom_it_is_about_and_for_how_long() {
    let mut model = four();
    model.selected = Some("VI_2".into());
    type_text(&mut model, "y");
    let dialog = model.dialog.as_ref().unwrap();
    assert!(dialog.title.contains("VI_2") && dialog.lines[1].contains("MASTER now: VI_2"), "{dialog:?}");
    assert_eq!(press(&mut model, Key::Enter), [], "Cancel is marked");
    type_text(&mut model, "yll");
    let wanted = |name: Option<&str>, lasts, last_resort| {
        Purpose::Order(Verb::Yield { instance: name.map(str::to_owned), lasts, last_resort })
    };
    assert_eq!(order(press(&mut model, Key::Enter)), wanted(Some("VI_2"), Some(Lasts::Seconds(1_800)), false));
    // The switch stands before Cancel.
    type_text(&mut model, "yh ");
    press(&mut model, Key::Tab);
    type_text(&mut model, "llll");
    assert_eq!(order(press(&mut model, Key::Enter)), wanted(Some("VI_2"), Some(Lasts::Saved), true));
    type_text(&mut model, ":yield all 5m");
    press(&mut model, Key::Enter);
    assert_eq!(order(type_text(&mut model, "y")), wanted(None, Some(Lasts::Seconds(300)), false));
    type_text(&mut model, ":yield VI_1 soon");
    press(&mut model, Key::Enter);
    assert!(message(&model).contains("\"soon\" is no time"), "{}", message(&model));
}

#[test]
fn who_may_not_is_told_why() {
    let mut model = four();
    model.readonly = true;
    for keys in ["y", "P", "e", "M", "R", "K", "B", ":yield all\r"] {
        for letter in keys.chars() {
            let key = if letter == '\r' { Key::Enter } else { Key::Char(letter) };
            assert_eq!(press(&mut model, key), [], "{keys}");
        }
        assert!(message(&model).contains("read-only") && model.dialog.is_none(), "{keys}: {}", message(&model));
    }
}

#[test]
fn a_change_on_trial_is_confirmed_or_taken_back() {
    let mut model = four();
    type_text(&mut model, "K");
    assert!(message(&model).contains("no change is on trial"), "{}", message(&model));
    type_text(&mut model, "B");
    assert!(message(&model).contains("nothing to take back"), "{}", message(&model));
    let record = ChangeRecord {
        number: 7,
        at_unix_ms: UNIX_MS,
        who: "anna".into(),
        what: vec!["VI_1 priority 120".into()],
        standing: ChangeStanding::OnTrial { until_unix_ms: UNIX_MS + 60_000 },
    };
    model.nodes.current_mut().replica.service.as_mut().unwrap().on_trial = Some(record.clone());
    type_text(&mut model, "K");
    assert!(model.dialog.as_ref().unwrap().lines[0].contains("change 7 of anna"), "{:?}", model.dialog);
    assert_eq!(order(type_text(&mut model, "y")), Purpose::Order(Verb::Confirm));
    type_text(&mut model, "B");
    assert_eq!(order(type_text(&mut model, "y")), Purpose::Order(Verb::Rollback { number: Some(7) }));

    let purpose = order(type_text(&mut model, "C"));
    link(&mut model, Report::Begin(purpose.clone()));
    link(&mut model, Report::Item(Box::new(Item::Change(record))));
    link(&mut model, Report::Done(purpose, "1 changes".into()));
    assert_eq!((model.nodes.current().changes.len(), model.screen), (1, Screen::Changes));
}

#[test]
fn a_reload_is_previewed() {
    let mut model = four();
    let purpose = order(type_text(&mut model, "R"));
    assert_eq!(purpose, Purpose::Order(Verb::Reload { dry_run: true }));
    differs(&mut model, purpose);
    assert_eq!(order(type_text(&mut model, "y")), Purpose::Order(Verb::Reload { dry_run: false }));
}

#[test]
fn what_changes_in_the_file_is_shown_and_none_of_it_is_hidden() {
    let mut model = four();
    model.selected = Some("VI_1".into());
    type_text(&mut model, "P");
    press(&mut model, Key::Ctrl('u'));
    type_text(&mut model, "120");
    let purpose = order(press(&mut model, Key::Enter));
    link(&mut model, Report::Begin(purpose.clone()));
    let difference = Difference { name: "VI_1".into(), kind: DifferenceKind::Changed, details: vec![] };
    link(&mut model, Report::Item(Box::new(Item::Difference(difference))));
    for number in 0..30 {
        link(&mut model, Report::Item(Box::new(Item::DiffLine(format!("+\tline   {number}\x1b")))));
    }
    link(&mut model, Report::Done(purpose, "nothing is changed yet".into()));
    let text = screen(&model);
    assert!(text.contains("| +    line   0?") && !text.contains("line   29"), "{text}");
    assert!(text.contains("more lines: PgDn or Ctrl-D --") && text.contains("[>Cancel<]"), "{text}");
    press(&mut model, Key::Ctrl('d'));
    press(&mut model, Key::PageDown);
    let text = screen(&model);
    assert!(!text.contains("line   0") && text.contains("-- end --"), "{text}");
    assert!(text.contains("line   28") && text.contains("[>Cancel<]"), "{text}");
    press(&mut model, Key::PageUp);
    press(&mut model, Key::PageUp);
    assert!(screen(&model).contains("line   0"), "{}", screen(&model));
    assert_eq!(press(&mut model, Key::Enter), [], "Cancel is still marked");

    // A page of a form is some fields.
    type_text(&mut model, "e");
    let count = model.dialog.as_ref().unwrap().fields.len();
    press(&mut model, Key::PageDown);
    assert_eq!(model.dialog.as_ref().unwrap().at, count - 1);
    press(&mut model, Key::PageUp);
    assert_eq!(model.dialog.as_ref().unwrap().at, 0);
}
