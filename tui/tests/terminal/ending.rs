//! Leaving: by key, signal, panic, or because the terminal went away. The terminal is restored each time.

use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::sys::termios::{InputFlags, LocalFlags, SetArg, tcgetattr, tcsetattr};

use crate::harness::{COLOURED, Console, PLAIN};
use crate::socket;
use crate::support::{FakeService, World};

#[test]
fn draws_and_quits_and_restores_the_terminal() {
    let path = socket("quit");
    let _service = FakeService::start(&path, World::default());
    let mut console = Console::start(&PLAIN, &[&path]);
    console.wait("the overview", |text| text.contains("VI_4") && text.contains("quit"));
    assert!(console.screen.beyond_vt100.is_empty(), "{:?}", console.screen.beyond_vt100);
    let raw = tcgetattr(&console.slave).unwrap();
    assert!(!raw.local_flags.intersects(LocalFlags::ICANON | LocalFlags::ECHO | LocalFlags::ISIG));
    assert!(raw.input_flags.contains(InputFlags::IXON), "flow control stays");
    assert_eq!(raw.control_flags, console.before.control_flags, "the line's settings stay");
    console.keys("jo");
    console.wait_for("takes over in");
    console.keys("q");
    assert_eq!(console.ends().code(), Some(10));
    console.assert_restored();
    let sent = console.sent();
    assert!(sent.is_ascii() && sent.contains("gw-a: VI_4 FAULT, VI_1 BACKUP, VI_2 MASTER, VI_3 BACKUP\r"), "{sent:?}");
}

#[test]
fn colours_and_the_other_screen_are_left_behind_in_order() {
    let path = socket("alt");
    let _service = FakeService::start(&path, World::default());
    let mut console = Console::start(&COLOURED, &[&path]);
    console.wait_for("VI_4");
    assert!(console.sent.starts_with("\x1b[?1049h\x1b[?25l"), "{:?}", console.sent);
    console.keys("\x03");
    assert_eq!(console.ends().code(), Some(10));
    let sent = console.sent();
    assert!(sent.contains("\x1b[m\x1b[?25h\x1b[?1049lgw-a: "), "{sent:?}");
    console.assert_restored();
}

#[test]
fn what_was_shown_can_be_left_behind() {
    let path = socket("keep");
    let _service = FakeService::start(&path, World::default());
    let mut console = Console::start(&COLOURED, &[&path]);
    console.wait_for("VI_4");
    console.keys("Q");
    assert_eq!(console.ends().code(), Some(10));
    console.assert_restored();
    let text = console.emulated();
    assert!(text.contains("VI_4   47 eth9"), "{text}");
    assert!(text.contains("STATE") && text.contains("quit"), "{text}");
}

#[test]
fn every_signal_that_ends_restores() {
    for signal in [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGINT] {
        let path = socket(signal.as_str());
        let _service = FakeService::start(&path, World::default());
        let mut console = Console::start(&COLOURED, &[&path]);
        console.wait_for("VI_4");
        console.signal(signal);
        assert_eq!(console.ends().code(), Some(11), "{signal}");
        console.assert_restored();
        assert!(console.sent().contains("\x1b[?25h"));
    }
}

#[test]
fn a_panic_restores_too() {
    let path = socket("panic");
    let _service = FakeService::start(&path, World::default());
    let mut console = Console::start(&COLOURED, &[&path]);
    console.wait_for("status of the program around");
    console.keys("X");
    let status = console.ends();
    assert!(!status.success() && !(10..=12).contains(&status.code().unwrap_or(0)), "{status:?}");
    console.assert_restored();
    assert!(console.sent().contains("\x1b[?1049l"));
}

#[test]
fn ends_when_the_terminal_goes_away() {
    let path = socket("hangup");
    let _service = FakeService::start(&path, World::default());
    let mut console = Console::start(&PLAIN, &[&path]);
    console.wait_for("VI_4");
    console.hang_up();
    assert_eq!(console.ends().code(), Some(12));
}

#[test]
fn ends_when_the_terminal_goes_away_while_there_is_no_service() {
    let mut console = Console::start(&PLAIN, &[&socket("nobody")]);
    console.wait_for("disconnected");
    console.hang_up();
    assert_eq!(console.ends().code(), Some(12));
}

#[test]
fn ends_on_a_signal_while_the_line_takes_nothing() {
    let path = socket("stopped");
    let _service = FakeService::start(&path, World::default());
    let mut console = Console::start(&PLAIN, &[&path]);
    console.wait_for("VI_4");
    // The terminal holds the output with XOFF. Keys draw until the console waits for the line.
    console.keys("\x13");
    for _ in 0..20 {
        console.keys("?");
        thread::sleep(Duration::from_millis(30));
    }
    console.signal(Signal::SIGTERM);
    assert_eq!(console.ends().code(), Some(11));
    console.assert_restored();
}

#[test]
fn after_a_stop_everything_is_drawn_again() {
    let path = socket("continue");
    let _service = FakeService::start(&path, World::default());
    let mut console = Console::start(&PLAIN, &[&path]);
    console.wait("the overview", |text| text.contains("VI_4") && text.contains("quit"));
    // As a shell does that has the terminal meanwhile.
    tcsetattr(&console.slave, SetArg::TCSANOW, &console.before).unwrap();
    console.sent.clear();
    console.signal(Signal::SIGCONT);
    console.wait_sent("\x1b[2J");
    assert!(!tcgetattr(&console.slave).unwrap().local_flags.contains(LocalFlags::ECHO));
    console.keys("q");
    assert_eq!(console.ends().code(), Some(10));
    console.assert_restored();
}
