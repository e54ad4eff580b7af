//! What a router follows fails: the other one is master within its bound. It recovers: the first one is master again, or
//! not, with `nopreempt`.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use locum_control::{Block, Cause, State};
use locum_tests::Daemon::Locum;
use locum_tests::Node::{A, B, C};
use locum_tests::{Group, Lab, Moment, copy_program, scenario, with_lab};

use crate::TAKEOVER_MAX;

const GROUP: Group = Group::VI_1;

/// From FAULT to the other's first claim: priority 0 is sent, and the other waits for its skew, 0.69 s. Beyond it, what a
/// busy machine needs.
const FAULT_MAX: Duration = Duration::from_millis(1_500);

/// From a lower priority to the other's first claim: the next advert, and three intervals and the skew from the last.
const LOWER_MAX: Duration = Duration::from_millis(5_500);

/// How long it may take to notice what is asked each 0.2 s.
const NOTICE_MAX: Duration = Duration::from_millis(700);

/// The same for processes, which are looked for each second where the kernel does not tell: in a network namespace.
const LOOK_MAX: Duration = Duration::from_millis(1_700);

/// A configuration with trackers, of which the instance follows some.
fn following(configuration: &str, trackers: &str, followed: &str) -> String {
    let end = configuration.rfind('}').unwrap();
    format!("{trackers}\n{}\n{followed}\n}}\n", &configuration[..end])
}

/// Plays a failure and a recovery: A follows the trackers; `fail` and `recover` do to it what they are named after.
fn plays(
    lab: &mut Lab,
    (trackers, followed): (&str, &str),
    (notice_max, move_max): (Duration, Duration),
    fail: impl FnOnce(&mut Lab),
    recover: impl FnOnce(&mut Lab),
) {
    lab.start(A, &following(&scenario("1-unicast-a"), trackers, followed));
    lab.start(B, &scenario("1-unicast-b"));
    lab.wait_master(GROUP, A, TAKEOVER_MAX);
    sleep(Duration::from_secs(1));
    let failed = Moment::now();
    fail(lab);
    lab.wait_master(GROUP, B, TAKEOVER_MAX);
    let claim = lab.timeline().since(failed).first_claim(B, GROUP.vrid).unwrap();
    let took = claim.since(failed);
    assert!(took <= notice_max + move_max, "{took:?}");
    recover(lab);
    lab.wait_master(GROUP, A, TAKEOVER_MAX);
}

fn dir(lab: &Lab) -> PathBuf {
    lab.file("up", "").parent().unwrap().to_owned()
}

fn script(dir: &Path, more: &str) -> String {
    let up = dir.join("up");
    format!(
        "global_defs {{\n script_user root\n}}\nvrrp_script chk {{\n script \"/usr/bin/test -e {}\"\n interval 0.2\n{more}\n}}",
        up.display()
    )
}

#[test]
fn a_script_without_a_weight_means_fault() {
    with_lab(&[Locum, Locum], |lab| {
        let dir = dir(lab);
        let fail = |lab: &mut Lab| {
            fs::remove_file(dir.join("up")).unwrap();
            let status = lab.router(A).wait_state(GROUP.instance, State::Fault, NOTICE_MAX + FAULT_MAX);
            assert_eq!(status.blocks[0].block, Block::Tracker);
            assert_eq!(status.blocks[0].detail, "script chk: exit 1");
        };
        let recover = |_: &mut Lab| fs::write(dir.join("up"), "").unwrap();
        let trackers = (script(&dir, ""), "track_script { chk }");
        plays(lab, (&trackers.0, trackers.1), (NOTICE_MAX, FAULT_MAX), fail, recover);
        lab.router(A).wait_cause(GROUP.instance, State::Backup, Duration::from_secs(1), |cause| {
            matches!(cause, Cause::TrackerRecovered { .. } | Cause::Recovered { .. })
        });
    });
}

#[test]
fn a_script_with_a_weight_lowers_the_priority() {
    with_lab(&[Locum, Locum], |lab| {
        let dir = dir(lab);
        let fail = |lab: &mut Lab| {
            fs::remove_file(dir.join("up")).unwrap();
            lab.router(A).wait_state(GROUP.instance, State::Backup, TAKEOVER_MAX);
            assert_eq!(lab.router(A).expect_status(GROUP.instance).effective_priority, 70);
        };
        let recover = |_: &mut Lab| fs::write(dir.join("up"), "").unwrap();
        let trackers = script(&dir, " weight -30");
        plays(lab, (&trackers, "track_script { chk }"), (NOTICE_MAX, LOWER_MAX), fail, recover);
        assert_eq!(lab.router(A).expect_status(GROUP.instance).effective_priority, 100);
    });
}

#[test]
fn with_nopreempt_it_stays_where_it_went() {
    with_lab(&[Locum, Locum], |lab| {
        let dir = dir(lab);
        let a = following(&scenario("3-no-preemption-a"), &script(&dir, ""), "track_script { chk }");
        lab.start(A, &a);
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        lab.start(B, &scenario("3-no-preemption-b"));
        sleep(Duration::from_secs(2));
        fs::remove_file(dir.join("up")).unwrap();
        lab.wait_master(GROUP, B, TAKEOVER_MAX);
        fs::write(dir.join("up"), "").unwrap();
        lab.router(A).wait_state(GROUP.instance, State::Backup, TAKEOVER_MAX);
        sleep(Duration::from_secs(5));
        lab.wait_master(GROUP, B, Duration::from_secs(1));
    });
}

#[test]
fn a_file_counts_as_soon_as_it_is_written() {
    with_lab(&[Locum, Locum], |lab| {
        let file = lab.file("number", "0\n");
        let trackers = format!("track_file F {{\n file {}\n}}", file.display());
        let fail = |_: &mut Lab| fs::write(&file, "-30\n").unwrap();
        let recover = |_: &mut Lab| fs::remove_file(&file).unwrap();
        plays(lab, (&trackers, "track_file { F }"), (Duration::ZERO, LOWER_MAX), fail, recover);
    });
}

/// A process of a name that no other has.
struct Watched(PathBuf, Option<Child>);

impl Watched {
    fn start(&mut self) {
        let child = Command::new(&self.0).arg("1000").stdin(Stdio::null()).spawn().unwrap();
        self.1 = Some(child);
    }

    fn end(&mut self) {
        if let Some(mut child) = self.1.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.end();
    }
}

#[test]
fn a_process_that_ends_is_missed() {
    with_lab(&[Locum, Locum], |lab| {
        let program = dir(lab).join("lab-proxy");
        copy_program("/bin/sleep", &program);
        let trackers = format!("vrrp_track_process P {{\n process {} 1000\n}}", program.display());
        let mut watched = Watched(program, None);
        watched.start();
        let watched = RefCell::new(watched);
        let fail = |_: &mut Lab| watched.borrow_mut().end();
        let recover = |_: &mut Lab| watched.borrow_mut().start();
        plays(lab, (&trackers, "track_process { P }"), (LOOK_MAX, FAULT_MAX), fail, recover);
    });
}

fn add_uplink(lab: &mut Lab) {
    lab.router(A).ip("link add up0 type veth peer name up1");
    lab.router(A).ip("link set up0 up");
    lab.router(A).ip("link set up1 up");
}

#[test]
fn an_uplink_that_fails_moves_the_address() {
    with_lab(&[Locum, Locum], |lab| {
        add_uplink(lab);
        let fail = |lab: &mut Lab| {
            lab.router(A).ip("link set up1 down");
        };
        let recover = |lab: &mut Lab| {
            lab.router(A).ip("link set up1 up");
        };
        plays(lab, ("", "track_interface { up0 }"), (Duration::from_millis(200), FAULT_MAX), fail, recover);
    });
}

#[test]
fn an_uplink_that_flaps_faster_than_its_delay_moves_nothing() {
    with_lab(&[Locum, Locum], |lab| {
        add_uplink(lab);
        let delays = "interface_up_down_delays {\n up0 1 1\n}";
        lab.start(A, &following(&scenario("1-unicast-a"), delays, "track_interface { up0 }"));
        lab.start(B, &scenario("1-unicast-b"));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        let before = lab.router(A).history(GROUP.instance).len();
        for _ in 0..10 {
            lab.router(A).ip("link set up1 down");
            sleep(Duration::from_millis(300));
            lab.router(A).ip("link set up1 up");
            sleep(Duration::from_millis(300));
        }
        sleep(Duration::from_secs(1));
        assert_eq!(lab.router(A).history(GROUP.instance).len(), before);
        let down = Moment::now();
        lab.router(A).ip("link set up1 down");
        lab.wait_master(GROUP, B, TAKEOVER_MAX);
        let claim = lab.timeline().since(down).first_claim(B, GROUP.vrid).unwrap();
        assert!(claim.since(down) >= Duration::from_secs(1), "after its delay, and not before");
    });
}

fn probe(target: &str) -> (String, &'static str) {
    (format!("vrrp_probe P {{\n {target}\n interval 0.2\n fall 2\n}}"), "track_probe { P }")
}

#[test]
fn an_address_that_no_longer_answers_echo_requests() {
    with_lab(&[Locum, Locum, Locum], |lab| {
        let (trackers, followed) = probe(&format!("icmp {}", C.address()));
        let fail = |lab: &mut Lab| lab.set_sysctl(C, "ipv4/icmp_echo_ignore_all", "1");
        let recover = |lab: &mut Lab| lab.set_sysctl(C, "ipv4/icmp_echo_ignore_all", "0");
        plays(lab, (&trackers, followed), (NOTICE_MAX, FAULT_MAX), fail, recover);
    });
}

#[test]
fn an_address_that_no_longer_answers_arp() {
    with_lab(&[Locum, Locum, Locum], |lab| {
        let (trackers, followed) = probe(&format!("neighbour {}\n interface eth0", C.address()));
        let fail = |lab: &mut Lab| {
            lab.delete_address(C);
        };
        let recover = |lab: &mut Lab| {
            lab.add_address(C);
        };
        plays(lab, (&trackers, followed), (NOTICE_MAX, FAULT_MAX), fail, recover);
    });
}

#[test]
fn a_port_on_which_nobody_listens_any_more() {
    with_lab(&[Locum, Locum, Locum], |lab| {
        let address = C.address().to_string();
        let listen = |lab: &mut Lab| {
            let mut server = lab.router(C).command_in("/usr/bin/python3");
            server.args(["-m", "http.server", "8080", "--bind", &address]);
            server.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("python3")
        };
        let server = RefCell::new(listen(lab));
        sleep(Duration::from_secs(1));
        let (trackers, followed) = probe(&format!("tcp {address} 8080"));
        let end = || {
            server.borrow_mut().kill().unwrap();
            server.borrow_mut().wait().unwrap();
        };
        let fail = |_: &mut Lab| end();
        let recover = |lab: &mut Lab| drop(server.replace(listen(lab)));
        plays(lab, (&trackers, followed), (NOTICE_MAX, FAULT_MAX), fail, recover);
        end();
    });
}

#[test]
fn a_route_that_is_withdrawn() {
    with_lab(&[Locum, Locum], |lab| {
        lab.router(A).ip("route add 10.77.0.0/16 dev eth0");
        let (trackers, followed) = probe("route 10.77.0.0/16");
        let fail = |lab: &mut Lab| {
            lab.router(A).ip("route delete 10.77.0.0/16");
        };
        let recover = |lab: &mut Lab| {
            lab.router(A).ip("route add 10.77.0.0/16 dev eth0");
        };
        plays(lab, (&trackers, followed), (NOTICE_MAX, FAULT_MAX), fail, recover);
    });
}

#[test]
fn an_address_that_flaps_moves_at_most_once_a_hold_time() {
    with_lab(&[Locum, Locum, Locum], |lab| {
        let trackers = format!(
            "vrrp_probe P {{\n icmp {}\n interval 0.1\n timeout 0.1\n fall 1\n fail_hold 2\n recover_hold 2\n}}",
            C.address()
        );
        lab.start(A, &following(&scenario("1-unicast-a"), &trackers, "track_probe { P }"));
        lab.start(B, &scenario("1-unicast-b"));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        let before = lab.router(A).history(GROUP.instance).len();
        for _ in 0..10 {
            lab.set_sysctl(C, "ipv4/icmp_echo_ignore_all", "1");
            sleep(Duration::from_millis(300));
            lab.set_sysctl(C, "ipv4/icmp_echo_ignore_all", "0");
            sleep(Duration::from_millis(300));
        }
        // Six seconds: three hold times.
        assert!(lab.router(A).history(GROUP.instance).len() <= before + 3);
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
    });
}

#[test]
fn a_script_sees_no_descriptor_of_the_service() {
    with_lab(&[Locum], |lab| {
        let dir = dir(lab);
        let out = dir.join("descriptors");
        // Sockets, pipes and queues of the service would be here beside the three that each program has.
        let text = format!("#!/bin/sh\nls -l /proc/self/fd | grep -c 'socket:\\|inode:' > {}\nexit 0\n", out.display());
        let check = lab.file("check", &text);
        fs::set_permissions(&check, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let trackers = format!(
            "global_defs {{\n script_user root\n}}\nvrrp_script chk {{\n script {}\n interval 0.2\n}}",
            check.display()
        );
        lab.start(A, &following(&scenario("alone"), &trackers, "track_script { chk }"));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        assert_eq!(fs::read_to_string(&out).unwrap().trim(), "0");
    });
}
