//! Services and files that are not as they should be, against the console on its terminal: it says so in a line, lives,
//! and goes on as soon as they are.

use std::thread;
use std::time::Duration;

use locum_control::{Cause, InstanceStatus, SecondMaster, State};
use serde_json::Value;

use crate::harness::{CONFIGURED, Console, PLAIN, Setup};
use crate::socket;
use crate::support::statuses::{self, BOOT_US, PEER};
use crate::support::{FakeService, World};

fn greeting(more: &[u8]) -> Vec<u8> {
    let hello = serde_json::to_vec(&statuses::hello(locum_control::Role::Admin, BOOT_US)).unwrap();
    [&hello, &b"\n"[..], more].concat()
}

#[test]
fn a_service_that_stalls_is_left_and_tried_again() {
    // Half an answer, and nothing more; the line stays open. The other one does not even greet.
    let half = greeting(b"{\"id\":1,\"item\":{\"instance\":{\"na");
    for (name, said) in [("stall-answer", half), ("stall-greeting", Vec::new())] {
        let path = socket(name);
        let world = World { garbage: Some(said), stalls: true, ..World::default() };
        let service = FakeService::start(&path, world);
        let mut console = Console::start(&PLAIN, &[&path]);
        console.patience = Duration::from_secs(40);
        console.wait_for("has not answered for too long");
        let mut world = service.world();
        (world.garbage, world.stalls) = (None, false);
        drop(world);
        console.wait_for("VI_4");
        console.keys("q");
        assert_eq!(console.ends().code(), Some(10), "{name}");
    }
}

#[test]
fn what_makes_no_sense_again_and_again_is_tried_ever_more_rarely() {
    let path = socket("nonsense");
    let odd = b"{\"odd\":1}\n".repeat(30);
    let deep = [b"[".repeat(60_000), b"\n".to_vec()].concat();
    for said in [greeting(&odd), greeting(&deep), greeting(b"null\n"), greeting(b"\"\x1b[2J\"\n"), b"{}\n".to_vec()] {
        let world = World { garbage: Some(said.clone()), ..World::default() };
        let service = FakeService::start(&path, world);
        let mut console = Console::start(&PLAIN, &[&path]);
        console.wait_for("makes no");
        thread::sleep(Duration::from_secs(2));
        // Pauses of 250, 500, 1000 ms and so on.
        let tried = service.world().connections;
        assert!(
            (2..=6).contains(&tried),
            "{tried} connections: {:?}",
            String::from_utf8_lossy(&said[..100.min(said.len())])
        );
        assert!(console.cpu() < Duration::from_millis(1_500), "it spins: {:?}", console.cpu());
        service.world().garbage = None;
        console.wait_for("VI_4");
        console.keys("q");
        assert_eq!(console.ends().code(), Some(10));
    }
}

/// A status with numbers and words that no service says.
fn impossible(status: &InstanceStatus, at_us: u64) -> InstanceStatus {
    fn bend(value: &mut Value, at_us: u64) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    if value.is_number() && (name.ends_with("_us") || name.ends_with("_ms")) {
                        *value = at_us.into();
                    } else if value.is_string()
                        && ["detail", "text", "device", "label", "interface"].contains(&name.as_str())
                    {
                        *value = "\u{1b}[2J\u{7}\u{202e}\u{9b}31m".into();
                    } else {
                        bend(value, at_us);
                    }
                }
            }
            Value::Array(values) => values.iter_mut().for_each(|value| bend(value, at_us)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let mut value = serde_json::to_value(status).unwrap();
    bend(&mut value, at_us);
    locum_control::from_json(&serde_json::to_vec(&value).unwrap()).unwrap()
}

#[test]
fn impossible_numbers_and_words_harm_nothing() {
    for at_us in [0, u64::MAX] {
        let path = socket("impossible");
        let mut second = statuses::master("VI_5", 255);
        second.second_master = Some(SecondMaster { address: PEER, priority: 255, since_us: BOOT_US });
        (second.advert_interval_cs, second.priority, second.effective_priority) = (0, 0, 255);
        let mut last = statuses::backup("VI_6", 0);
        last.last_transition = Some(statuses::record("VI_6", 1, State::Master, State::Backup, Cause::Start));
        let mut instances = World::default().instances;
        instances.extend([second, last]);
        let instances = instances.iter().map(|status| impossible(status, at_us)).collect();
        let mut history = World::default().history;
        history[0].at_us = at_us;
        history[0].at_unix_ms = at_us;
        let _service = FakeService::start(&path, World { instances, history, ..World::default() });
        let mut console = Console::start(&PLAIN, &[&path]);
        console.wait_for("VI_6");
        for keys in [
            "o", "+", "+", "-", "f", "h", "h", "l", "f", "n", "n", "n", "n", "n", "p", "G", "t", "\r", "i", "G", "b",
            "?", "?", ">", "y",
        ] {
            console.keys(keys);
            thread::sleep(Duration::from_millis(40));
        }
        console.keys("\x1b");
        thread::sleep(Duration::from_millis(400));
        console.keys("q");
        assert_eq!(console.ends().code(), Some(10), "{at_us}");
        console.assert_restored();
        assert!(console.screen.beyond_vt100.is_empty(), "{:?}", console.screen.beyond_vt100);
    }
}

#[test]
fn every_line_of_a_broken_file_is_named_and_the_rest_holds() {
    let path = socket("broken-file");
    let _service = FakeService::start(&path, World::default());
    let home = std::env::temp_dir().join(format!("locum-tui-{}-broken", std::process::id()));
    std::fs::create_dir_all(home.join("locum")).unwrap();
    let file = home.join("locum/console.conf");
    let environment = &[("TERM", "vt100"), (CONFIGURED, "1"), ("XDG_CONFIG_HOME", home.to_str().unwrap())];
    let text = "theme = pink\ncolumns = state nonsense\nkey history = q\nkey nothing = x\nbaud\nkey peers = H\n";
    std::fs::write(&file, text).unwrap();
    let mut console = Console::start(&Setup { size: (80, 24), environment }, &[&path]);
    console.wait_for("5 mistakes, i has them all");
    // The one that can be understood holds; the service's screen has all that are wrong.
    console.keys("H");
    console.wait_for("Routers heard");
    console.keys("iG");
    for number in 1..=5 {
        console.wait_for(&format!("line {number}: "));
    }
    console.keys("q");
    assert_eq!(console.ends().code(), Some(10));
    for bytes in [b"\xff\xfe".to_vec(), vec![b'a'; 100_000]] {
        std::fs::write(&file, &bytes).unwrap();
        let mut console = Console::start(&Setup { size: (80, 24), environment }, &[&path]);
        console.wait_for("not read");
        console.keys("t");
        console.wait_for("What has happened");
    }
    std::fs::remove_dir_all(home).unwrap();
}
