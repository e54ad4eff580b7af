//! A machine that has no time, and more instances than one is likely to have, with the engine in real time
//! (`vrrp_rt_priority`). `LAB_SHARE_SECONDS=600` and `LAB_REALTIME_ROUNDS=20` are the full numbers.

use std::fmt::Write;
use std::fs;
use std::thread::sleep;
use std::time::Duration;

use locum_control::{Item, State};
use locum_tests::Daemon::Locum;
use locum_tests::Node::{A, B};
use locum_tests::{CpuShare, Group, Lab, Moment, can_run_in_real_time, scenario, skip, wait_for, with_lab};

use crate::{TAKEOVER_MAX, comm, number, tasks, with_priority};

const GROUP: Group = Group::VI_1;

/// Engines in real time. keepalived ends when it computes for so long without a pause, as it does with more than 255
/// instances.
const REAL_TIME: &str = "global_defs {\n vrrp_rt_priority 50\n vrrp_rlimit_rttime 10000\n}\n";

/// Of the CPU, in hundredths.
const SHARE: u32 = 5;

/// Whether this machine has real time, which the test cannot do without.
fn has_real_time() -> bool {
    let has = can_run_in_real_time();
    if !has {
        skip("this machine does not allow real-time scheduling");
    }
    has
}

/// How late the engine was at most, in microseconds, and for how many deadlines it woke.
fn lateness_us(lab: &mut Lab) -> (u64, u64) {
    let found = lab.router(A).show().into_iter().find_map(|item| match item {
        Item::Service(service) => Some((service.lateness_max_us, service.lateness.count())),
        _ => None,
    });
    found.expect("what it says about itself")
}

/// Each router has a twentieth of a CPU, in one piece a second, and loops in it that want all of it. A backup gives its
/// master up within 0.92 s, which is less than they stand still.
#[test]
fn a_share_of_five_per_cent_and_busy_loops_are_no_takeover() {
    if !has_real_time() {
        return;
    }
    let lasts = Duration::from_secs(number("LAB_SHARE_SECONDS", 20));
    with_lab(&[Locum, Locum], |lab| {
        let quick = |priority| {
            let text = with_priority(&scenario("alone"), priority);
            let (before, rest) = text.split_once("authentication").expect("a password");
            let (_, after) = rest.split_once('}').expect("its end");
            let text = format!("{before}{after}").replace("advert_int 1", "advert_int 0.25\n version 3");
            format!("{REAL_TIME}{text}")
        };
        lab.start(A, &quick(100));
        lab.start(B, &quick(80));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        lab.router(B).wait_state(GROUP.instance, State::Backup, TAKEOVER_MAX);
        let transitions = [A, B].map(|node| lab.router(node).history(GROUP.instance).len());
        let shares = [A, B].map(|node| {
            let mut share = CpuShare::new(SHARE);
            share.take_in(lab.router(node).pid());
            share.keep_busy(2);
            share
        });
        let from = Moment::now();
        sleep(lasts);
        let used_up = shares.each_ref().map(CpuShare::periods_used_up);
        let until = Moment::now();
        drop(shares);
        let gap = lab.timeline().since(from).longest_gap(A, GROUP.vrid);
        let (late_us, woken) = lateness_us(lab);
        eprintln!(
            "{SHARE} % of a CPU and two busy loops for {} s: periods used up {used_up:?}; longest gap between adverts {gap:?} \
             (interval 250 ms); engine at most {late_us} us late in {woken} deadlines",
            until.since(from).as_secs()
        );
        let at_least = lasts.as_secs() / 2;
        assert!(used_up.iter().flatten().all(|count| *count >= at_least), "they had time enough: {used_up:?}");
        let after = [A, B].map(|node| lab.router(node).history(GROUP.instance).len());
        assert_eq!(transitions, after, "{:#?}", lab.router(B).history(GROUP.instance));
        assert!(lab.timeline().since(from).adverts_by(B, GROUP.vrid).is_empty(), "the backup spoke");
    });
}

/// All of a thousand instances do at once what is most work, again and again, in real time.
#[test]
fn a_thousand_instances_in_real_time_do_not_end_the_service() {
    const INTERFACES: usize = 4;
    const ON_EACH: usize = 250;
    if !has_real_time() {
        return;
    }
    let rounds = number("LAB_REALTIME_ROUNDS", 1);
    with_lab(&[Locum], |lab| {
        let mut text = REAL_TIME.to_owned();
        for interface in 1..=INTERFACES {
            let router = lab.router(A);
            router.ip(&format!("link add d{interface} type veth peer name e{interface}"));
            router.ip(&format!("link set e{interface} up"));
            router.ip(&format!("addr add 10.{interface}.255.1/16 dev d{interface}"));
            router.ip(&format!("link set d{interface} up"));
            for vrid in 1..=ON_EACH {
                write!(
                    text,
                    "vrrp_instance V{interface}_{vrid} {{\n interface d{interface}\n virtual_router_id {vrid}\n priority 200\n \
                     virtual_ipaddress {{\n 10.{interface}.0.{vrid}/32\n }}\n}}\n"
                )
                .unwrap();
            }
        }
        lab.start(A, &text);
        let file = lab.router(A).configuration();
        let checked = lab.router(A).locum(&["check", file.to_str().unwrap()]);
        assert!(checked.said().contains("a limit would kill it when there is most to do"), "{}", checked.said());
        let service = lab.router(A).pid();
        let wait_all = |lab: &mut Lab, state: State| {
            wait_for(&format!("all to be {state}"), 5 * TAKEOVER_MAX, || {
                assert!(lab.router(A).is_running(), "it has ended: {}", lab.router(A).log());
                let all = lab.router(A).instances();
                (all.len() == INTERFACES * ON_EACH && all.iter().all(|it| it.state == state)).then_some(())
            });
        };
        wait_all(lab, State::Master);
        for _ in 0..rounds {
            let set = |lab: &mut Lab, to: &str| {
                (1..=INTERFACES).for_each(|interface| drop(lab.router(A).ip(&format!("link set d{interface} {to}"))));
            };
            set(lab, "down");
            wait_all(lab, State::Fault);
            set(lab, "up");
            wait_all(lab, State::Master);
        }
        assert_eq!(lab.router(A).pid(), service);
        let engine = tasks(service).into_iter().find(|path| comm(path) == "engine").expect("an engine");
        let stat = fs::read_to_string(engine.join("stat")).unwrap();
        // proc_pid_stat(5): 40 is rt_priority, 41 the policy, of which 2 is SCHED_RR; the first two are cut off.
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        assert_eq!((fields[37], fields[38]), ("50", "2"), "{stat}");
        let (late_us, woken) = lateness_us(lab);
        eprintln!(
            "1,000 instances in real time, {rounds} times down and up: at most {late_us} us late in {woken} deadlines"
        );
    });
}
