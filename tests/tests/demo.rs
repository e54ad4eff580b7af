//! `locum demo` without a terminal: what it plays, what it says about it, and that nothing of it is left however it ends.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "these are tests, and the harness wants them outside cfg(test)"
)]

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use locum_tests::{Outcome, locum, locum_binary, skip, wait_for};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

/// The shortest programme with that much allowance: start, cut, plug in, stop.
const SHORTEST_S: u64 = 38;

/// The routers, by the argument that tells their processes apart.
const ROUTERS: [&str; 3] = ["/A/locum.conf", "/B/locum.conf", "/C/locum.conf"];

/// More than everything takes to end.
const END_MAX: Duration = Duration::from_secs(5);

#[test]
fn every_handover_stays_within_its_bound() {
    let Some(demo) = Demo::start() else { return };
    let outcome = demo.finish(Duration::from_secs(SHORTEST_S + 30));
    assert_eq!(outcome.code, Some(0), "{}", outcome.said());
    let text = &outcome.stdout;
    for expected in [
        "A 172.20.45.131 (priority 100)",
        "all 4 handovers stayed within their bounds",
        "ok      start of all three: A is MASTER after ",
        "ok      cut of A's cable: B is MASTER after ",
        "bound 9.687 s = 3 x 1 s + (256 - 80)/256 s + 6.0 s",
        "ok      A's cable plugged in: A is MASTER after ",
        "ok      orderly stop of A: B is MASTER after ",
        "bound 6.687 s = (256 - 80)/256 s + 6.0 s",
    ] {
        assert!(text.contains(expected), "{expected:?} is missing in\n{text}");
    }
    assert_eq!(text.matches("the client's longest silence: ").count(), 3, "{text}");

    // What happened, in order of time, and in the order in which the protocol has it.
    let events: Vec<_> = text.lines().filter_map(event).collect();
    assert!(events.is_sorted_by_key(|(at_ms, _)| *at_ms), "{text}");
    let mut rest = events.iter();
    for (who, what) in [
        ("demo", "starts A"),
        ("A", "BACKUP -> MASTER"),
        ("client", "is answered by A"),
        ("demo", "cuts A's cable"),
        ("A", "MASTER -> FAULT"),
        ("B", "BACKUP -> MASTER"),
        ("client", "is answered again, by B, after "),
        ("demo", "plugs A's cable in again"),
        ("A", "BACKUP -> MASTER"),
        ("demo", "stops A in order (SIGTERM)"),
        ("A", "MASTER -> INIT"),
        ("B", "BACKUP -> MASTER"),
        ("A", "has ended (exit code 0)"),
    ] {
        let found = rest.any(|(_, line)| line.starts_with(who) && line.contains(what));
        assert!(found, "{who} {what:?} is missing, or too early, in\n{text}");
    }
}

#[test]
fn a_router_that_fails_uncalled_is_a_failure() {
    let Some(demo) = Demo::start() else { return };
    demo.kill(demo.inside()[ROUTERS[2]]);
    let outcome = demo.finish(Duration::from_secs(SHORTEST_S + 30));
    assert_eq!(outcome.code, Some(1), "{}", outcome.said());
    for expected in ["C       has ended by itself: signal 9", "BROKEN", "handovers did not stay within their bounds"] {
        assert!(outcome.stdout.contains(expected), "{expected:?} is missing in\n{}", outcome.stdout);
    }
}

#[test]
fn ctrl_c_leaves_nothing() {
    let Some(mut demo) = Demo::start() else { return };
    // As a terminal does it: to the whole group.
    killpg(demo.pid(), Signal::SIGINT).expect("send SIGINT");
    let status = demo.wait(END_MAX);
    assert_eq!(status, Some(1));
    demo.assert_nothing_is_left();
    let outcome = demo.outcome(status);
    assert!(outcome.stderr.contains("the demo was ended by SIGINT"), "{}", outcome.said());
}

#[test]
fn a_signal_to_the_process_outside_alone_leaves_nothing() {
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let Some(mut demo) = Demo::start() else { return };
        kill(demo.pid(), signal).expect("send it");
        assert_eq!(demo.wait(END_MAX), Some(1), "{signal}");
        demo.assert_nothing_is_left();
    }
}

#[test]
fn the_death_of_the_process_outside_leaves_nothing() {
    let Some(mut demo) = Demo::start() else { return };
    kill(demo.pid(), Signal::SIGKILL).expect("kill it");
    assert_eq!(demo.wait(END_MAX), None);
    demo.assert_nothing_is_left();
}

#[test]
fn the_death_of_the_process_inside_leaves_nothing() {
    let Some(mut demo) = Demo::start() else { return };
    demo.kill(demo.inside()["--inside"]);
    let status = demo.wait(END_MAX);
    assert_eq!(status, Some(1));
    demo.assert_nothing_is_left();
    let outcome = demo.outcome(status);
    assert!(outcome.stderr.contains("the demo was killed (SIGKILL)"), "{}", outcome.said());
}

#[test]
fn a_programme_that_does_not_fit_is_refused_at_once() {
    let outcome = locum(["demo", "--headless", "--duration", "5s"]);
    assert_eq!(outcome.code, Some(1), "{}", outcome.said());
    assert!(outcome.stderr.contains("does not fit into 5.0 s"), "{}", outcome.said());
    assert!(outcome.stderr.contains("--duration 15s"), "{}", outcome.said());
}

#[test]
fn the_demo_does_not_play_with_the_machine_itself() {
    let outcome = locum(["demo", "--headless", "--inside", "0"]);
    assert_eq!(outcome.code, Some(1), "{}", outcome.said());
    assert!(outcome.stderr.contains("only for the demo itself"), "{}", outcome.said());
}

/// A demo that plays the shortest programme. Dropping it ends it.
struct Demo {
    child: Child,
    /// The processes inside, seen when all were there: process and network namespace.
    seen: BTreeMap<u32, PathBuf>,
}

impl Demo {
    /// Starts one and waits until all its routers run. None where the machine allows no namespaces: then the test is
    /// skipped.
    fn start() -> Option<Self> {
        let child = Command::new(locum_binary())
            .args(["demo", "--headless", "--duration", &format!("{SHORTEST_S}s")])
            .env_remove("LOCUM_SOCKET")
            // Whether the protocol is kept is tested here, not how busy the machine is.
            .env("LOCUM_DEMO_ALLOWANCE_MS", "6000")
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("start the demo");
        let mut demo = Self { child, seen: BTreeMap::new() };
        let started = Instant::now();
        while demo.inside().len() < 1 + ROUTERS.len() {
            if let Some(status) = demo.child.try_wait().expect("ask for its end") {
                let said = demo.outcome(status.code()).stderr;
                assert!(said.contains("namespaces"), "the demo ended at its start: {said}");
                skip(said.trim());
                return None;
            }
            assert!(started.elapsed() < END_MAX * 4, "the routers of the demo do not start");
            sleep(Duration::from_millis(20));
        }
        // Its files are there, for it alone.
        let files = format!("/proc/{}/root/tmp/A/control.sock", demo.inside()["--inside"]);
        wait_for("the control socket of A", END_MAX, || fs::exists(&files).is_ok_and(|exists| exists).then_some(()));
        assert!(!fs::exists("/tmp/A/control.sock").expect("look for it"), "the files of the demo lie about outside");
        demo.seen = demo.inside().into_values().map(|pid| (pid, network_namespace(pid).expect("it lives"))).collect();
        let ours = network_namespace(std::process::id());
        assert!(!demo.seen.values().any(|theirs| Some(theirs) == ours.as_ref()), "it plays with our own network");
        Some(demo)
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).expect("a process's number"))
    }

    fn kill(&self, pid: u32) {
        kill(Pid::from_raw(i32::try_from(pid).expect("a process's number")), Signal::SIGKILL).expect("kill it");
    }

    /// The process inside, as "--inside", and those of the routers, each by its configuration.
    fn inside(&self) -> BTreeMap<&'static str, u32> {
        let init = processes().into_iter().find(|process| process.parent == self.child.id());
        let Some(init) = init.filter(|init| init.arguments.contains("--inside")) else { return BTreeMap::new() };
        let routers = processes().into_iter().filter(|process| process.parent == init.pid);
        let router = |process: Process| {
            let name = ROUTERS.into_iter().find(|name| process.arguments.contains(name))?;
            Some((name, process.pid))
        };
        routers.filter_map(router).chain([("--inside", init.pid)]).collect()
    }

    /// Waits for its end: its exit code, none if it was killed.
    #[track_caller]
    fn wait(&mut self, limit: Duration) -> Option<i32> {
        wait_for("the end of the demo", limit, || self.child.try_wait().expect("ask for its end")).code()
    }

    /// What it has said.
    fn outcome(mut self, code: Option<i32>) -> Outcome {
        let mut outcome = Outcome { code, stdout: String::new(), stderr: String::new() };
        self.child.stdout.take().expect("its output").read_to_string(&mut outcome.stdout).expect("read it");
        self.child.stderr.take().expect("its errors").read_to_string(&mut outcome.stderr).expect("read them");
        outcome
    }

    /// Waits for its end, and returns what it has said.
    #[track_caller]
    fn finish(mut self, limit: Duration) -> Outcome {
        let code = self.wait(limit);
        self.assert_nothing_is_left();
        self.outcome(code)
    }

    /// No process, no namespace that a process is in, no file, no mount.
    #[track_caller]
    fn assert_nothing_is_left(&self) {
        assert_eq!(self.seen.len(), 1 + ROUTERS.len());
        wait_for("the end of the demo's processes", END_MAX, || {
            let left = processes().into_iter().any(|process| {
                let network = network_namespace(process.pid);
                self.seen.values().any(|theirs| Some(theirs) == network.as_ref())
            });
            (!left).then_some(())
        });
        let mounts = fs::read_to_string("/proc/self/mounts").expect("the mounts");
        assert!(!mounts.contains("locum-demo"), "{mounts}");
        assert!(!fs::exists("/tmp/A/control.sock").expect("look for it"), "files are left");
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // It has ended, unless the test has failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Process {
    pid: u32,
    parent: u32,
    arguments: String,
}

/// All of the machine. One that ends meanwhile is left out.
fn processes() -> Vec<Process> {
    let process = |pid: u32| -> Option<Process> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name in front may hold anything, a bracket too.
        let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
        let arguments = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        Some(Process { pid, parent, arguments: String::from_utf8_lossy(&arguments).replace('\0', " ") })
    };
    let entries = fs::read_dir("/proc").expect("the processes").flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter_map(process).collect()
}

/// The network namespace that a process is in, by the name that the kernel gives it.
fn network_namespace(pid: u32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/ns/net")).ok()
}

/// A line of the timeline: when it happened in milliseconds, and the rest.
fn event(line: &str) -> Option<(u64, &str)> {
    let (seconds, rest) = line.trim_start().split_once("  ")?;
    let (whole, thousandths) = seconds.split_once('.').filter(|(_, thousandths)| thousandths.len() == 3)?;
    Some((whole.parse::<u64>().ok()? * 1_000 + thousandths.parse::<u64>().ok()?, rest))
}
