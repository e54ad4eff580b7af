//! The service gives up what it does not need, and needs no more than two capabilities.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use locum_control::{Item, State};
use locum_tests::Daemon::Locum;
use locum_tests::Node::A;
use locum_tests::{Group, Lab, copy_program, locum_binary, scenario, skip, wait_for, with_lab};

use crate::{Running, TAKEOVER_MAX, comm, tasks};

const GROUP: Group = Group::VI_1;

const NET_ADMIN: u64 = 1 << 12;
const NET_RAW: u64 = 1 << 13;
const IPC_LOCK: u64 = 1 << 14;
const SYS_MODULE: u64 = 1 << 16;
const SYS_PTRACE: u64 = 1 << 19;
const SYS_ADMIN: u64 = 1 << 21;
const SYS_NICE: u64 = 1 << 23;

/// A thread, as its status in /proc says.
struct Thread {
    effective: u64,
    permitted: u64,
    ambient: u64,
    no_new_privileges: bool,
}

/// The service's thread and the engine's.
fn threads(lab: &mut Lab) -> [Thread; 2] {
    let (engines, others): (Vec<_>, Vec<_>) =
        tasks_of_service(lab).into_iter().partition(|path| comm(path) == "engine");
    [&others[0], &engines[0]].map(|path| {
        let text = fs::read_to_string(path.join("status")).expect("its status");
        let value = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_else(|| panic!("no {name} in {text}")).trim().to_owned()
        };
        let set = |name: &str| u64::from_str_radix(&value(name), 16).unwrap();
        Thread {
            effective: set("CapEff:"),
            permitted: set("CapPrm:"),
            ambient: set("CapAmb:"),
            no_new_privileges: value("NoNewPrivs:") == "1",
        }
    })
}

#[test]
fn what_is_not_needed_is_given_up() {
    with_lab(&[Locum], |lab| {
        lab.start(A, &scenario("alone"));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        let [service, engine] = threads(lab);
        for set in [engine.effective, engine.permitted] {
            assert_eq!(set & !IPC_LOCK, NET_ADMIN | NET_RAW, "{set:x}");
        }
        for set in [service.effective, service.permitted] {
            assert_eq!(set & (SYS_ADMIN | SYS_MODULE | SYS_PTRACE | SYS_NICE), 0, "{set:x}");
            assert_eq!(set & NET_ADMIN, NET_ADMIN, "{set:x}");
        }
        assert_eq!(service.ambient, 0);
        assert!(engine.no_new_privileges && service.no_new_privileges, "nothing is ever run");
    });
}

#[test]
fn scripts_may_do_what_their_user_may() {
    with_lab(&[Locum], |lab| {
        let said = lab.file("said", "");
        let script = format!("#!/bin/sh\ngrep -E 'CapEff|NoNewPrivs' /proc/self/status > {}\n", said.display());
        let script = lab.file("notify.sh", &script);
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        let notify = format!("priority 100\n notify_master {} root", script.display());
        lab.start(A, &scenario("alone").replace("priority 100", &notify));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        let [service, engine] = threads(lab);
        assert!(engine.no_new_privileges && !service.no_new_privileges);
        let text = wait_for("the script to say what it may", TAKEOVER_MAX, || {
            fs::read_to_string(&said).ok().filter(|text| text.contains("NoNewPrivs"))
        });
        let own = fs::read_to_string("/proc/self/status").unwrap();
        let line = |text: &str| text.lines().find(|line| line.starts_with("CapEff")).map(str::to_owned);
        assert_eq!(line(&text), line(&own), "a script of root's is root");
        assert!(text.contains("NoNewPrivs:\t0"), "sendmail and sudo work: {text}");
    });
}

#[test]
fn two_capabilities_are_enough_for_an_ordinary_user() {
    let nobody = ["--reuid=65534", "--regid=65534", "--clear-groups"];
    if !Command::new("setpriv").args(nobody).arg("true").status().is_ok_and(|status| status.success()) {
        skip("setpriv cannot become another user; run it as root");
        return;
    }
    with_lab(&[Locum], |lab| {
        let binary = lab.file("locum", "");
        copy_program(locum_binary(), &binary);
        let configuration = lab.file("locum.conf", &scenario("alone"));
        let run_dir = lab.router(A).run_dir();
        std::os::unix::fs::chown(&run_dir, Some(65534), Some(65534)).unwrap();
        let socket = run_dir.join("control.sock");
        let mut command = lab.router(A).command_in("setpriv");
        command.args(nobody).args(["--inh-caps=+net_admin,+net_raw", "--ambient-caps=+net_admin,+net_raw"]);
        command.arg(&binary).arg("run").arg("-f").arg(&configuration).arg("--run-dir").arg(&run_dir);
        let mut running = Running(command.spawn().expect("run it"));
        let ask = |arguments: &[&str]| {
            let output = Command::new(&binary).args(arguments).arg("--socket").arg(&socket).output().expect("ask it");
            String::from_utf8_lossy(&output.stdout).into_owned()
        };
        wait_for("MASTER", TAKEOVER_MAX, || ask(&["show"]).contains(&State::Master.to_string()).then_some(()));
        wait_for("the VIP", TAKEOVER_MAX, || lab.router(A).has(GROUP.vip).then_some(()));
        let pid = running.0.id();
        let text = fs::read_to_string(format!("/proc/{pid}/status")).expect("its status");
        assert!(text.contains("Uid:\t65534") && text.contains("CapAmb:\t0000000000000000"), "{text}");
        running.signal(nix::sys::signal::SIGTERM);
        let status = wait_for("it to end", TAKEOVER_MAX, || running.0.try_wait().expect("wait for it"));
        assert!(status.success(), "{status}");
        assert!(!lab.router(A).has(GROUP.vip));
    });
}

#[test]
fn the_engine_is_scheduled_as_it_is_to_be_and_never_killed_for_it() {
    with_lab(&[Locum], |lab| {
        let global = "global_defs {\n vrrp_rt_priority 40\n vrrp_rlimit_rttime 10000\n vrrp_cpu_affinity 0\n \
                      vrrp_no_swap\n}\n";
        lab.start(A, &format!("{global}{}", scenario("alone")));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        let log = lab.router(A).log();
        if log.contains("cannot be had") {
            skip(&format!("this machine does not allow it: {log}"));
            return;
        }
        let process = tasks_of_service(lab).remove(0);
        let engine = tasks_of_service(lab).into_iter().find(|path| comm(path) == "engine").expect("an engine");
        let stat = fs::read_to_string(engine.join("stat")).unwrap();
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        // proc_pid_stat(5): 40 is rt_priority, 41 the policy, of which 2 is SCHED_RR; the first two are cut off.
        assert_eq!((fields[37], fields[38]), ("40", "2"), "{stat}");
        let status = fs::read_to_string(engine.join("status")).unwrap();
        let value = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
        assert_eq!(value("Cpus_allowed_list:"), "0");
        assert!(value("VmLck:") != "0 kB", "{status}");
        let limits = fs::read_to_string(process.join("limits")).unwrap();
        let limit = limits.lines().find(|line| line.starts_with("Max realtime timeout")).unwrap();
        assert!(limit.contains("unlimited"), "a limit kills: {limit}");
    });
}

#[test]
fn vrrp_priority_is_the_nice_value_of_the_engine_alone() {
    with_lab(&[Locum], |lab| {
        lab.start(A, &format!("global_defs {{\n vrrp_priority -7\n}}\n{}", scenario("alone")));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        let log = lab.router(A).log();
        if log.contains("cannot be had") {
            skip(&format!("this machine does not allow it: {log}"));
            return;
        }
        let (engines, others): (Vec<_>, Vec<_>) =
            tasks_of_service(lab).into_iter().partition(|path| comm(path) == "engine");
        let nice = |task: &std::path::Path| {
            let stat = fs::read_to_string(task.join("stat")).unwrap();
            // proc_pid_stat(5): the 19th; the first two are cut off.
            stat.rsplit_once(')').unwrap().1.split_whitespace().nth(16).unwrap().to_owned()
        };
        assert_eq!(nice(&engines[0]), "-7");
        assert_eq!(nice(&others[0]), nice(std::path::Path::new("/proc/self")), "that of whoever started it");
    });
}

/// The threads of the service, the first one first.
fn tasks_of_service(lab: &mut Lab) -> Vec<std::path::PathBuf> {
    let pid = lab.router(A).show().iter().find_map(|item| match item {
        Item::Service(service) => Some(service.pid),
        _ => None,
    });
    tasks(pid.expect("a process"))
}
