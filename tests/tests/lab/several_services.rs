//! Several services on one machine: each where `net_namespace` says, under the name that `instance` gives it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use locum_tests::Daemon::Locum;
use locum_tests::Node::{A, B};
use locum_tests::{Group, Lab, Outcome, locum_binary, scenario, wait_for, with_lab};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::{TAKEOVER_MAX, with_priority};

const GROUP: Group = Group::VI_1;

/// A /run of its own, with the names of network namespaces in it; then it only stays.
const MACHINE: &str = "mkdir $1/names && mount --rbind /run/netns $1/names && mount -t tmpfs none /run \
                       && mkdir /run/netns && mount --rbind $1/names /run/netns && echo ready && exec sleep 600";

/// A machine that all services run on: the lab's namespaces, and a /run that no other test sees.
struct Machine {
    holder: Child,
    services: Vec<Child>,
}

impl Machine {
    fn new(folder: &Path) -> Self {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", MACHINE, "machine"]).arg(folder).stdout(Stdio::piped());
        let mut holder = command.spawn().expect("unshare");
        let mut said = [0; 6];
        let read = std::io::Read::read_exact(holder.stdout.as_mut().unwrap(), &mut said);
        assert!(read.is_ok() && &said == b"ready\n", "no machine: {said:?}");
        Self { holder, services: Vec::new() }
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--mount=/proc/{}/ns/mnt", self.holder.id())).arg(program);
        command
    }

    fn locum(&self, arguments: &[&str]) -> Outcome {
        Outcome::of(self.command(&locum_binary()).args(arguments))
    }

    /// Starts a service on a configuration, with its log in a file; gives the process.
    fn start(&mut self, configuration: &Path) -> Pid {
        let log = fs::File::create(configuration.with_extension("log")).unwrap();
        let mut command = self.command(&locum_binary());
        command.args(["run", "-f"]).arg(configuration).stderr(log);
        let child = command.spawn().expect("nsenter");
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
        self.services.push(child);
        pid
    }

    /// Waits for a service to say what it is in its first line, and gives the line.
    fn wait_for(&self, socket: &str, words: &str) -> String {
        wait_for(&format!("{words} of {socket}"), TAKEOVER_MAX, || {
            let shown = self.locum(&["show", "--socket", socket]);
            shown.stdout.contains(words).then_some(shown.stdout)
        })
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        for child in self.services.iter_mut().chain([&mut self.holder]) {
            let _ = child.kill(); // it may have ended
            let _ = child.wait();
        }
    }
}

/// A configuration in a namespace of the lab.
fn in_namespace(lab: &mut Lab, name: &str, namespace: &str, more: &str, text: &str) -> PathBuf {
    lab.file(name, &format!("net_namespace {namespace}\n{more}{text}"))
}

#[test]
fn services_in_other_namespaces_and_of_other_names_do_not_meet() {
    with_lab(&[Locum, Locum], |lab| {
        let (blue, red) = (lab.router(A).namespace_name().to_owned(), lab.router(B).namespace_name().to_owned());
        let seen = lab.file("seen", "");
        let notify = format!("#!/bin/sh\nls /sys/class/net | tr '\\n' ' ' > {}\n", seen.display());
        let notify = lab.file("notify.sh", &notify);
        fs::set_permissions(&notify, fs::Permissions::from_mode(0o755)).unwrap();

        // The same virtual router in both, and another one beside the first.
        let one =
            scenario("alone").replace("priority 100", &format!("priority 100\n notify_master {}", notify.display()));
        let blue_conf = in_namespace(lab, "blue.conf", &blue, "", &one);
        let red_conf = in_namespace(lab, "red.conf", &red, "", &with_priority(&scenario("alone"), 90));
        let two = scenario("alone").replace("VI_1", "VI_2").replace("172.20.45.248", "172.20.45.249");
        let two = two.replace("virtual_router_id 45", "virtual_router_id 46");
        let two_conf = in_namespace(lab, "two.conf", &blue, "instance two\n", &two);

        let mut machine = Machine::new(notify.parent().unwrap());
        let blue_pid = machine.start(&blue_conf);
        let sockets = [&blue, &red, &format!("{blue}-two")].map(|name| format!("/run/locum-{name}/control.sock"));
        machine.wait_for(&sockets[0], "MASTER");
        let (red_pid, two_pid) = (machine.start(&red_conf), machine.start(&two_conf));
        machine.wait_for(&sockets[1], "BACKUP");
        machine.wait_for(&sockets[2], "VI_2");
        machine.wait_for(&sockets[2], "MASTER");
        assert!(lab.router(A).has(GROUP.vip) && lab.router(A).has("172.20.45.249".parse().unwrap()));
        assert!(!lab.router(B).has(GROUP.vip));
        let interfaces =
            wait_for("the script", TAKEOVER_MAX, || fs::read_to_string(&seen).ok().filter(|text| text.contains("lo")));
        assert_eq!(interfaces, "eth0 lo ", "a script sees what is in its namespace");

        // Who does not know where they are is told.
        let lost = machine.locum(&["show"]);
        assert_eq!(lost.code, Some(5), "{}", lost.said());
        assert!(sockets.iter().all(|socket| lost.stderr.contains(socket)), "{}", lost.said());
        // A second one of the same name is refused, and harms nobody.
        let again = machine.locum(&["run", "-f", &two_conf.display().to_string()]);
        assert!(again.code == Some(1) && again.stderr.contains("another locum"), "{}", again.said());

        // One moves, by way of another name in the file, with the next start; not before.
        fs::write(&red_conf, fs::read_to_string(&red_conf).unwrap().replace(&red, &blue)).unwrap();
        let reloaded = machine.locum(&["reload", "--socket", &sockets[1]]);
        let said = format!("next start: net_namespace {red} -> {blue}");
        assert!(reloaded.code == Some(0) && reloaded.stdout.contains(&said), "{}", reloaded.said());
        machine.wait_for(&sockets[1], "BACKUP");

        // What a killed one leaves is found from outside of its namespace.
        kill(two_pid, Signal::SIGKILL).unwrap();
        kill(red_pid, Signal::SIGTERM).unwrap();
        wait_for("the end of both", TAKEOVER_MAX, || (has_ended(two_pid) && has_ended(red_pid)).then_some(()));
        assert!(lab.router(A).has("172.20.45.249".parse().unwrap()));
        let cleaned = machine.locum(&["cleanup", "--run-dir", &format!("/run/locum-{blue}-two")]);
        assert!(cleaned.stdout.contains("removed 172.20.45.249"), "{}", cleaned.said());
        assert!(lab.router(A).has(GROUP.vip) && !lab.router(A).has("172.20.45.249".parse().unwrap()));
        kill(blue_pid, Signal::SIGTERM).unwrap();
        wait_for("the VIP to go", Duration::from_secs(5), || (!lab.router(A).has(GROUP.vip)).then_some(()));
    });
}

/// Whether all threads of a process are gone, and with them its locks. Nobody here reaps what is left of it.
fn has_ended(pid: Pid) -> bool {
    let is_zombie = fs::read_to_string(format!("/proc/{pid}/status")).is_ok_and(|text| text.contains("State:\tZ"));
    let threads = fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
    threads == 0 || is_zombie && threads == 1
}

#[test]
fn a_configuration_for_another_machine_can_be_checked_and_does_not_start() {
    with_lab(&[Locum], |lab| {
        let blue = lab.router(A).namespace_name().to_owned();
        let elsewhere = in_namespace(lab, "elsewhere.conf", "locum-no-such", "", &scenario("alone"));
        let elsewhere = elsewhere.display().to_string();
        let run = |arguments: &[&str]| Outcome::of(Command::new(locum_binary()).args(arguments));
        let checked = run(&["check", &elsewhere]);
        assert_eq!(checked.code, Some(0), "{}", checked.said());
        assert!(checked.stdout.contains("W038") && !checked.stdout.contains("W004"), "{}", checked.said());
        let started = run(&["run", "-f", &elsewhere]);
        assert_eq!(started.code, Some(1), "{}", started.said());
        assert!(started.stderr.contains("ip netns add locum-no-such"), "{}", started.said());
        // Interfaces are looked for where the service will run.
        lab.router(A).ip("link set eth0 down");
        lab.router(A).ip("link set eth0 name lan7");
        let there = in_namespace(lab, "there.conf", &blue, "", &scenario("alone").replace("eth0", "lan7"));
        let checked = run(&["check", &there.display().to_string()]);
        assert!(checked.code == Some(0) && !checked.stdout.contains("W004"), "{}", checked.said());
    });
}
