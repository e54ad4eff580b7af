//! What is typed: filters, commands, questions and their answers.

use locum_control::{Edit, Lasts, Verb};
use nix::sys::signal::Signal;

use crate::harness::{CONFIGURED, Console, IDLE_MS, PLAIN, READONLY, Setup};
use crate::socket;
use crate::support::{FakeService, World};

#[test]
fn resume_asks_and_reaches_the_service() {
    let path = socket("resume");
    let service = FakeService::start(&path, World::default());
    let mut console = Console::start(&PLAIN, &[&path]);
    console.wait_for("VI_4");
    console.keys("Gr");
    console.wait_for("End the preempt delay of VI_3");
    assert!(!service.world().requests.iter().any(|verb| matches!(verb, Verb::Resume { .. })));
    console.keys("y");
    console.wait_for("preempt delay ended");
    assert!(service.world().requests.contains(&Verb::Resume { instance: Some("VI_3".into()) }));
    // It looks what came of it.
    console.wait_for("2 MASTER");
}

#[test]
fn a_filter_is_typed_and_ended() {
    let path = socket("filter");
    let _service = FakeService::start(&path, World::default());
    let mut console = Console::start(&PLAIN, &[&path]);
    console.wait_for("VI_4");
    console.keys("/!fault");
    console.wait("three of the four", |text| {
        text.contains("/!fault") && text.contains("3 of 4") && !text.contains("VI_4")
    });
    console.keys("\r");
    console.wait_for("/!fault: 3 of 4");
    console.keys("\x1b");
    console.wait("all of them", |text| text.contains("VI_4") && !text.contains("of 4"));
    console.keys(":pe\t\r");
    console.wait_for("VRID 7   not ours: 172.20.45.9");
    assert!(console.screen.beyond_vt100.is_empty(), "{:?}", console.screen.beyond_vt100);
}

#[test]
fn a_console_that_is_left_alone_is_locked() {
    let path = socket("idle");
    let service = FakeService::start(&path, World::default());
    let environment = &[("TERM", "vt100"), (IDLE_MS, "700")];
    let mut console = Console::start(&Setup { size: (80, 24), environment }, &[&path]);
    console.wait_for("connected, admin");
    console.keys("Gr");
    console.wait_for("connected, locked");
    console.wait("the question to go", |text| !text.contains("Cancel"));
    console.keys("yr");
    console.wait_for("start it again");
    assert!(!service.world().requests.iter().any(|verb| matches!(verb, Verb::Resume { .. })));
}

#[test]
fn a_window_that_shrinks_takes_its_dialog_along() {
    let path = socket("shrink");
    let _service = FakeService::start(&path, World::default());
    let mut console = Console::start(&PLAIN, &[&path]);
    console.wait_for("VI_4");
    console.keys("Gr");
    console.wait_for("End the preempt delay");
    for (columns, rows) in [(40, 12), (20, 5), (80, 24)] {
        let size = rustix::termios::Winsize { ws_col: columns, ws_row: rows, ws_xpixel: 0, ws_ypixel: 0 };
        rustix::termios::tcsetwinsize(console.master.as_ref().unwrap(), size).unwrap();
        console.sent.clear();
        console.signal(Signal::SIGWINCH);
        console.wait_sent("\x1b[2J");
        console.wait_for("Cancel");
    }
    console.keys("\x1b");
    console.wait("the dialog to go", |screen| !screen.contains("Cancel") && screen.contains("VI_3"));
}

/// What the service was asked to do; questions are not counted.
fn orders(service: &FakeService) -> Vec<Verb> {
    service.world().requests.iter().filter(|verb| verb.changes_something()).cloned().collect()
}

#[test]
fn each_order_is_asked_about_and_only_then_given() {
    let path = socket("orders");
    let service = FakeService::start(&path, World::default());
    let mut console = Console::start(&PLAIN, &[&path]);
    console.wait_for("VI_4");
    let name = || Some("VI_1".to_owned());
    let yielded = Verb::Yield { instance: name(), lasts: Some(Lasts::Seconds(1_800)), last_resort: false };
    let mut wanted = Vec::new();
    // Keys that ask, words of the question, keys that say yes, what is said then, what was ordered.
    let cases: Vec<(&str, &str, &str, &str, Verb)> = vec![
        ("jy", "what would follow: nothing", "\t\t\r", "VI_1 stands back", yielded),
        (
            "M",
            "Make VI_1 MASTER now",
            "y",
            "VI_1 is MASTER",
            Verb::Take { instance: "VI_1".into(), for_s: Some(1_800) },
        ),
        ("K", "Keep change 7 of anna", "y", "change 7 is kept", Verb::Confirm),
        ("B", "Take change 7 of anna back", "y", "change 7 is taken back", Verb::Rollback { number: Some(7) }),
        ("R", "priority 80 -> 90", "y", "the file is read again", Verb::Reload { dry_run: false }),
    ];
    for (keys, words, yes, said, verb) in cases {
        console.keys(keys);
        console.wait_for(words);
        assert_eq!(orders(&service), wanted, "nothing before the answer");
        // The default is to do nothing.
        console.keys("\r");
        // All of it: what is left of it must not be taken for the next one.
        console.wait("the question to go", |text| !text.contains("Cancel") && !text.contains(words));
        assert_eq!(orders(&service), wanted, "Enter cancels");
        console.keys(keys.trim_start_matches('j'));
        console.wait_for(words);
        console.keys(yes);
        console.wait_for(said);
        wanted.push(verb);
        assert_eq!(orders(&service), wanted);
    }
    console.keys("C");
    console.wait_for("anna: ON TRIAL");
    assert!(console.screen.beyond_vt100.is_empty(), "{:?}", console.screen.beyond_vt100);
    assert_eq!(console.emulated(), console.screen.text());
}

#[test]
fn a_change_is_typed_previewed_and_applied_for_a_time() {
    let path = socket("edit");
    let service = FakeService::start(&path, World::default());
    let mut console = Console::start(&PLAIN, &[&path]);
    console.wait_for("VI_4");
    let edits = vec![Edit::Set { instance: "VI_1".into(), keyword: "priority".into(), values: vec!["120".into()] }];
    console.keys("jP\x15300");
    console.wait_for("a whole number from 1 to 254");
    console.keys("\x15120\r");
    console.wait_for("VI_1 goes on with other values: priority 80 -> 90");
    console.wait_for("| +    priority 90");
    assert_eq!(orders(&service), []);
    // The time stands before Cancel; its button is the third behind.
    console.keys("\x1b[Z\x1545m\t\t\t\t\r");
    console.wait_for("it holds");
    let given = orders(&service);
    let [Verb::Change { edits: applied, lasts, dry_run: false, .. }] = given.as_slice() else { panic!("{given:?}") };
    assert_eq!((applied, lasts), (&edits, &Lasts::Seconds(2_700)));
    console.keys("e");
    console.wait_for("Remove the instance");
    console.keys("\t\t\t\t\t\t\t\t\r");
    // As the configuration has it.
    console.wait_for("garp_master_delay 7");
    console.keys("99");
    console.wait_for("0 to 60 s");
    console.keys("\x1b");
    console.wait("the form to go", |text| !text.contains("Cancel"));
}

#[test]
fn a_reader_sees_why_he_may_not() {
    let path = socket("readonly");
    let service = FakeService::start(&path, World::default());
    let environment = &[("TERM", "vt100"), (READONLY, "1")];
    let mut console = Console::start(&Setup { size: (80, 24), environment }, &[&path]);
    console.wait_for("connected, read-only");
    for key in ["y", "P", "e", "M", "r", "K", "B", "R", "A"] {
        console.keys(key);
        console.wait_for("started read-only");
        console.keys("g");
        console.wait("the message to go", |text| !text.contains("started read-only"));
    }
    assert_eq!(orders(&service), []);
}

#[test]
fn the_configuration_file_decides_and_a_broken_line_is_named() {
    let path = socket("configured");
    let _service = FakeService::start(&path, World::default());
    let home = std::env::temp_dir().join(format!("locum-tui-{}-config", std::process::id()));
    std::fs::create_dir_all(home.join("locum")).unwrap();
    std::fs::write(home.join("locum/console.conf"), "columns = state name\nkey history = H\ntheme = pink\n").unwrap();
    let environment = &[("TERM", "vt100"), (CONFIGURED, "1"), ("XDG_CONFIG_HOME", home.to_str().unwrap())];
    let mut console = Console::start(&Setup { size: (80, 24), environment }, &[&path]);
    console.wait_for("line 3: \"pink\" is none");
    console.wait("the columns", |text| text.contains("  STATE  NAME\n"));
    console.keys("H");
    console.wait_for("What has happened");
    std::fs::remove_dir_all(home).unwrap();
}
