//! The queue under stress, and with scripts that do not behave.

use locum_control::SortedMap;
use locum_core::vocabulary::State;

use super::super::Notifier;
use super::super::tests::{Folder, change, eventually, model, run_local};
use super::*;

/// 100 changes in 10 s, with a script that takes up to 3 s; here twenty times as fast, as it is where
/// `LOCUM_FLAPS_FULL` is set.
#[test]
fn a_hundred_flaps_with_a_slow_script() {
    let scale = if std::env::var_os("LOCUM_FLAPS_FULL").is_some() { 1 } else { 20 };
    let folder = Folder::new("flaps");
    let (log, sleep_max_ms) = (folder.path("log"), 3_000 / scale);
    let text = format!(
        "echo begin $$ $4 $LOCUM_SKIPPED >> {log}\n\
         sleep $(awk -v r=\"$(od -An -N2 -tu2 /dev/urandom)\" 'BEGIN {{ print r % {sleep_max_ms} / 1000 }}')\n\
         echo end $$ $3 >> {log}"
    );
    let script = folder.script("hook", &text);
    run_local(async {
        let (mut notifier, results) = Notifier::start(&model("", &format!("notify {script}"), false), &folder.0).await;
        let mut state = State::Backup;
        for number in 1..=100 {
            let next = if state == State::Backup { State::Master } else { State::Backup };
            // The number goes along as the priority.
            notifier.priority_changed("VI_1", state, number);
            notifier.transition("VI_1", &change(state, next));
            state = next;
            tokio::time::sleep(Duration::from_millis(100 / scale)).await;
        }
        let log = || folder.read("log");
        eventually(|| log().lines().last().is_some_and(|line| line.starts_with("end") && line.ends_with("BACKUP")))
            .await;
        eventually(|| notifier.shared.active.get() == 0).await;
        let text = log();
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split(' ').collect()).collect();
        let mut numbers = Vec::new();
        let mut skipped = 0;
        for run in lines.chunks(2) {
            assert_eq!((run[0][0], run[1][0], run[0][1]), ("begin", "end", run[1][1]), "two at once: {text}");
            numbers.push(run[0][2].parse::<u32>().unwrap());
            skipped += run[0][3].parse::<u32>().unwrap();
            assert!(!std::path::Path::new(&format!("/proc/{}", run[0][1])).exists(), "a zombie is left");
        }
        assert!(numbers.is_sorted(), "out of order: {numbers:?}");
        assert_eq!(numbers.last(), Some(&100), "the last run says the last state");
        let runs = u32::try_from(numbers.len()).unwrap();
        assert_eq!(runs + skipped, 100, "each change is told or counted");
        assert!(skipped > 0, "it was never behind, and nothing is shown");
        assert_eq!(notifier.runs("VI_1").1, skipped);
        let mut taken = 0;
        while results.try_next().is_some() {
            taken += 1;
        }
        assert_eq!(taken, runs);
        notifier.shut_down().await;
    });
}

#[test]
fn each_failure_has_its_own_words_and_the_next_runs_all_the_same() {
    let folder = Folder::new("failures");
    let script = |name: &str, text: &str| folder.script(name, text);
    let plain = folder.script("plain", "");
    std::fs::set_permissions(&plain, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let cases = SortedMap::from([
        (format!("{} x", folder.path("missing")), "not found: "),
        (plain, "not executable"),
        (script("e126", "exit 126"), "exit 126: something in it cannot be executed"),
        (script("e127", "exit 127"), "exit 127: a command in it was not found"),
        (script("e3", "echo disk full; exit 3"), "exit 3"),
        (script("killed", "kill -9 $$"), "killed by SIGKILL"),
        (script("hangs", "sleep 100 & sleep 100"), "no answer within 1 s, ended (notify_timeout)"),
        (script("forks", "sleep 1 & exit 0"), "done"),
        (script("loud", "yes | head -c 1500000"), "done"),
    ]);
    run_local(async {
        for (command, expected) in cases {
            let configured = model("notify_timeout 1", &format!("notify_master \"{command}\""), false);
            let (mut notifier, results) = Notifier::start(&configured, &folder.0).await;
            notifier.transition("VI_1", &change(State::Backup, State::Master));
            notifier.transition("VI_1", &change(State::Backup, State::Master));
            let result = results.next().await;
            assert!(result.end.starts_with(expected), "{command}: {}", result.end);
            assert_eq!(result.is_success, expected == "done", "{command}");
            assert_eq!((result.keyword, result.word), ("notify_master", Word::Master));
            if command.ends_with("e3") {
                assert_eq!(result.last_lines, ["disk full"]);
            }
            assert!(result.last_lines.iter().map(String::len).sum::<usize>() < 4_096);
            notifier.shut_down().await;
        }
    });
}

#[test]
fn security_is_enforced_at_each_run() {
    let folder = Folder::new("security");
    let script = folder.script("hook", "exit 0");
    run_local(async {
        let configured = model("enable_script_security", &format!("notify_master {script}"), false);
        let (mut notifier, results) = Notifier::start(&configured, &folder.0).await;
        std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
        notifier.transition("VI_1", &change(State::Backup, State::Master));
        let result = results.next().await;
        assert!(result.end.starts_with("writable by others than root"), "{}", result.end);
        notifier.shut_down().await;
    });
}

#[test]
fn what_was_heard_as_master_is_not_told_in_another_state() {
    let folder = Folder::new("stale");
    let log = folder.path("log");
    let script = folder.script("hook", &format!("echo $1 >> {log}; sleep 0.2"));
    let notify = format!(
        "notify_master \"{script} master\"\nnotify_backup \"{script} backup\"\n\
         notify_master_rx_lower_pri \"{script} lower\""
    );
    run_local(async {
        let (mut notifier, _results) = Notifier::start(&model("", &notify, false), &folder.0).await;
        notifier.transition("VI_1", &change(State::Backup, State::Master));
        eventually(|| folder.read("log") == "master\n").await;
        notifier.heard_as_master("VI_1", 99);
        notifier.heard_as_master("VI_1", 99);
        notifier.transition("VI_1", &change(State::Master, State::Backup));
        eventually(|| notifier.shared.active.get() == 0).await;
        assert_eq!(folder.read("log"), "master\nbackup\n");
        notifier.shut_down().await;
    });
}

/// A thousand instances at once: no more scripts run at a time than allowed, and all of them run.
#[test]
fn a_storm_does_not_start_everything_at_once() {
    let folder = Folder::new("storm");
    let log = folder.path("log");
    let script = folder.script("hook", &format!("echo begin >> {log}; sleep 0.05; echo end >> {log}"));
    let text: String = (1..=100)
        .map(|vrid| {
            format!(
                "vrrp_instance V{vrid} {{\ninterface lo\nvirtual_router_id {vrid}\nvirtual_ipaddress {{ 127.0.1.{vrid} }}\n\
                 notify {script}\n}}\n"
            )
        })
        .collect();
    let text = format!("global_defs {{\nscript_user root\n}}\n{text}");
    let configured = locum_config::check("storm.conf", text.as_bytes(), &locum_config::Surroundings::default());
    assert_eq!(configured.model().instances.len(), 100);
    run_local(async {
        let (mut notifier, _results) = Notifier::start(configured.model(), &folder.0).await;
        for vrid in 1..=100 {
            notifier.transition(&format!("V{vrid}"), &change(State::Init, State::Backup));
        }
        eventually(|| notifier.shared.active.get() == 0).await;
        notifier.shut_down().await;
    });
    let (mut running, mut most) = (0_usize, 0);
    for line in folder.read("log").lines() {
        running = if line == "begin" { running + 1 } else { running - 1 };
        most = most.max(running);
    }
    assert_eq!(folder.read("log").lines().count(), 200);
    assert!(most <= AT_ONCE_MAX, "{most} at once");
}
