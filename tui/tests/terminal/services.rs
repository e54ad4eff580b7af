//! Services that come, go, talk nonsense or flood.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use locum_control::client::ClientError;
use locum_tui::{Charset, ConsoleError, Options, Router, WindowSize, once};

use crate::harness::{BY_COMMAND, Console, PLAIN, RECORDED, Setup};
use crate::socket;
use crate::support::{FakeService, World, statuses};

#[test]
fn survives_the_restart_of_the_service() {
    let path = socket("restart");
    let service = FakeService::start(&path, World::default());
    let mut console = Console::start(&PLAIN, &[&path]);
    console.wait_for("VI_4");
    drop(service);
    console.wait_for("disconnected - retrying");
    let world = World { instances: vec![statuses::backup("VI_9", 9)], ..World::default() };
    let _service = FakeService::start(&path, world);
    console.wait_for("VI_9");
    console.keys("q");
    assert_eq!(console.ends().code(), Some(10));
}

#[test]
fn says_what_is_wrong_with_a_service_that_is_none() {
    let newer = World { protocol: 99, ..World::default() };
    let garbage = |bytes: &[u8]| World { garbage: Some(bytes.to_vec()), ..World::default() };
    let hello = serde_json::to_vec(&statuses::hello(locum_control::Role::Admin, statuses::BOOT_US)).unwrap();
    let after_hello = |more: &[u8]| garbage(&[&hello, &b"\n"[..], more].concat());
    for (name, world, words) in [
        ("newer", newer, "version 99"),
        ("garbage", garbage(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "makes no"),
        ("binary", garbage(&[0xff; 300_000]), "longer than"),
        ("latin", garbage(b"\xe9t\xe9\n"), "not UTF-8"),
        ("unasked", after_hello(b"{\"id\":7,\"done\":\"x\"}\n"), "out of turn"),
        ("cut", after_hello(b"{\"id\":1,\"item\":{\"instance\":{\"na"), "closed the connection"),
        ("silent", garbage(b""), "closed the connection"),
    ] {
        let path = socket(name);
        let service = FakeService::start(&path, world);
        let mut console = Console::start(&PLAIN, &[&path]);
        console.wait_for(words);
        service.world().garbage = None;
        service.world().protocol = locum_control::PROTOCOL;
        console.wait_for("VI_4");
        console.keys("q");
        assert_eq!(console.ends().code(), Some(10), "{name}");
    }
}

#[test]
fn several_services_stand_side_by_side() {
    let (one, two) = (socket("one"), socket("two"));
    let _one = FakeService::start(&one, World { instances: vec![statuses::backup("VI_A", 1)], ..World::default() });
    let second = FakeService::start(&two, World { instances: vec![statuses::backup("VI_B", 1)], ..World::default() });
    let mut console = Console::start(&PLAIN, &[&one, &two]);
    console.wait("both", |text| text.contains("VI_A") && text.contains("VI_B"));
    console.keys("n");
    console.wait("the first alone", |text| text.contains("VI_A") && !text.contains("VI_B"));
    console.keys("n");
    console.wait("the second alone", |text| !text.contains("VI_A") && text.contains("VI_B"));
    console.keys("\t");
    drop(second);
    console.wait("one is lost", |text| text.contains("1 of 2 disconnected") && text.contains("VI_A"));
}

#[test]
fn a_flood_of_events_does_not_keep_the_keys_waiting() {
    let path = socket("flood");
    let instances = (0..100).map(|n| statuses::backup(&format!("VI_{n:02}"), n)).collect();
    let _service = FakeService::start(&path, World { instances, flood: true, ..World::default() });
    let mut console = Console::start(&PLAIN, &[&path]);
    console.wait_for("VI_00");
    thread::sleep(Duration::from_millis(500));
    let start = Instant::now();
    console.keys("t");
    console.wait_for("newest first");
    assert!(start.elapsed() < Duration::from_millis(500), "{:?}", start.elapsed());
    console.keys("q");
    assert_eq!(console.ends().code(), Some(10));
}

#[test]
fn the_overview_is_printed_once_without_a_terminal() {
    let path = socket("once");
    let _service = FakeService::start(&path, World::default());
    let size = |columns| Some(WindowSize { columns, rows: 0 });
    let options = |columns| Options { size: size(columns), charset: Charset::Ascii, ..Options::new(path.clone()) };
    let text = once(&options(80)).unwrap();
    assert!(text.is_ascii() && text.ends_with("\n! VI_4: eth9 does not exist\n"), "{text}");
    let rows: Vec<&str> = text.lines().collect();
    assert_eq!(rows.len(), 2 + 4 + 1, "{text}");
    assert!(rows[2].starts_with(" !VI_4   47 eth9  FAULT"), "{text}");
    for columns in [0, 1, 20, 40, 200, u16::MAX] {
        let text = once(&options(columns)).unwrap();
        assert!(text.contains("VI_3"), "{columns}: {text}");
        let most = usize::from(if columns == 0 { 80 } else { columns.clamp(20, 500) });
        assert!(text.lines().all(|line| line.len() <= most), "{columns}: {text}");
    }
    let error = once(&Options::new(socket("no-service"))).unwrap_err();
    assert!(matches!(error, ConsoleError::Service(_, ClientError::Connect(_))), "{error}");
    let garbage = World { garbage: Some(b"\x1b[2J\n".to_vec()), ..World::default() };
    let other = socket("once-garbage");
    let _other = FakeService::start(&other, garbage);
    let error = once(&Options::new(other)).unwrap_err().to_string();
    assert!(error.contains("no sense") && !error.contains('\x1b'), "{error:?}");
}

#[test]
fn several_are_printed_at_once_and_one_that_is_lost_is_named() {
    let (one, two) = (socket("once-one"), socket("once-two"));
    let _one = FakeService::start(&one, World { instances: vec![statuses::backup("VI_A", 1)], ..World::default() });
    let routers = vec![Router::at_socket("a", one), Router::at_socket("b", two)];
    let options = Options { routers, charset: Charset::Ascii, ..Options::new("".into()) };
    let text = once(&options).unwrap();
    assert!(text.contains("a      VI_A") && text.contains("! b: no service answers"), "{text}");
}

#[test]
fn services_behind_commands_are_reached_lost_and_reached_again() {
    let (one, two) = (socket("command-one"), socket("command-two"));
    let _one = FakeService::start(&one, World { instances: vec![statuses::backup("VI_A", 1)], ..World::default() });
    let second = World { instances: vec![statuses::backup("VI_B", 1)], ..World::default() };
    let service = FakeService::start(&two, second);
    let environment = &[("TERM", "vt100"), ("PATH", "/usr/bin:/bin"), (BY_COMMAND, "1")];
    let mut console = Console::start(&Setup { size: (80, 24), environment }, &[&one, &two]);
    console.wait("both", |text| text.contains("VI_A") && text.contains("VI_B"));
    drop(service);
    console.wait("one is lost", |text| text.contains("1 of 2 disconnected") && text.contains("VI_A"));
    let again = World { instances: vec![statuses::backup("VI_C", 1)], ..World::default() };
    let _again = FakeService::start(&two, again);
    console.wait("both again", |text| text.contains("VI_C") && text.contains("connected, admin"));
    console.keys("q");
    assert_eq!(console.ends().code(), Some(10));
}

#[test]
fn a_recording_is_played_held_and_moved() {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recordings/failover.jsonl"));
    let environment = &[("TERM", "vt100"), (RECORDED, "1")];
    let mut console = Console::start(&Setup { size: (80, 24), environment }, &[path]);
    console.wait("the banner", |text| text.contains("RECORDING") && text.contains("on gw-b"));
    console.keys(" ");
    console.wait_for(", held");
    console.keys("{");
    console.wait_for("VI_1   45 eth0  BACKUP");
    // The other router is killed a few seconds on, and back at the end.
    console.keys("]");
    console.wait_for("VI_1   45 eth0  MASTER");
    console.keys("o");
    console.wait("the adverts of both", |text| text.contains("this router p80") && text.contains("172.20.45.131 p100"));
    console.keys("]");
    console.wait_for("preempted by 172.20.45.131 (priority 100)");
    console.keys("{");
    console.wait("the beginning", |text| !text.contains("preempted by") && text.contains("held"));
    console.keys("y");
    console.wait_for("a recording cannot be changed");
    console.keys("q");
    assert_eq!(console.ends().code(), Some(10));
    console.assert_restored();
    let none = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
    let mut console = Console::start(&Setup { size: (80, 24), environment }, &[none]);
    console.wait_for("this is no recording of locum");
    console.keys("q");
    assert_eq!(console.ends().code(), Some(10));
}

#[test]
fn a_command_that_reaches_nothing_ends_with_the_console() {
    let (path, pid) = (socket("command-left"), socket("command-left").with_extension("pid"));
    let _service = FakeService::start(&path, World::default());
    let environment = &[("TERM", "vt100"), ("PATH", "/usr/bin:/bin"), (BY_COMMAND, "1")];
    let mut console = Console::start(&Setup { size: (80, 24), environment }, &[&path, &pid]);
    console.wait_for("VI_4");
    let is_pid = |text: &String| text.ends_with('\n');
    let started = || std::fs::read_to_string(&pid).ok().filter(is_pid);
    console.wait("the command to start", |_| started().is_some());
    let process = Path::new("/proc").join(started().unwrap().trim());
    assert!(process.exists());
    console.keys("q");
    assert_eq!(console.ends().code(), Some(10));
    assert!(!process.exists(), "left behind");
    std::fs::remove_file(pid).unwrap();
}
