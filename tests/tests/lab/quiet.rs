//! Between adverts a service sleeps: how often its threads wake is counted, by the kernel.

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use locum_control::State;
use locum_tests::Daemon::Locum;
use locum_tests::Node::{A, B};
use locum_tests::{Group, Lab, Node, scenario, with_lab};

use crate::{TAKEOVER_MAX, comm, tasks, with_priority};

const GROUP: Group = Group::VI_1;

/// How long it is watched at a time.
const WINDOW: Duration = Duration::from_secs(5);

/// How often it may wake in that time, on average each second: the service as a master, as a backup, the engine as either.
/// The service beats four times an interval while it is a master (what it stamps must be fresh after a crash), else once.
/// The engine sends or hears one advert, and may wait for the next in two parts.
const MASTER_MAX: u64 = 6;
const BACKUP_MAX: u64 = 2;
const ENGINE_MAX: u64 = 6;

/// How often the service's thread and the engine's were woken so far.
fn switches(lab: &mut Lab, node: Node) -> [u64; 2] {
    let service = lab.router(node).pid();
    let of = |thread: &std::path::Path| {
        let status = fs::read_to_string(thread.join("status")).expect("its status");
        // proc_pid_status(5)
        let count = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        count.expect("a count").trim().parse::<u64>().expect("a number")
    };
    let (engine, other): (Vec<_>, Vec<_>) = tasks(service).into_iter().partition(|path| comm(path) == "engine");
    assert_eq!((engine.len(), other.len()), (1, 1));
    [of(&other[0]), of(&engine[0])]
}

#[test]
fn a_service_that_has_nothing_to_do_sleeps() {
    with_lab(&[Locum, Locum], |lab| {
        lab.start(A, &scenario("alone"));
        lab.start(B, &with_priority(&scenario("alone"), 80));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        lab.router(B).wait_state(GROUP.instance, State::Backup, TAKEOVER_MAX);
        // A start has more to do for some seconds: it announces twice, and listens where the others are.
        let mut seen = Vec::new();
        for _ in 0..8 {
            let before = [A, B].map(|node| switches(lab, node));
            sleep(WINDOW);
            let after = [A, B].map(|node| switches(lab, node));
            let woken = |node: usize, thread: usize| after[node][thread] - before[node][thread];
            seen.push([woken(0, 0), woken(1, 0), woken(0, 1), woken(1, 1)]);
            let most =
                [MASTER_MAX, BACKUP_MAX, ENGINE_MAX, ENGINE_MAX].map(|each_second| each_second * WINDOW.as_secs());
            if seen.last().unwrap().iter().zip(most).all(|(woken, most)| *woken <= most) {
                eprintln!("woken in {} s: master and backup, their engines: {seen:?}", WINDOW.as_secs());
                return;
            }
        }
        panic!("woken in {} s: master and backup, their engines: {seen:?}", WINDOW.as_secs());
    });
}
