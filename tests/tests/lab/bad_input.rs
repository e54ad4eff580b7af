//! What the file system can do to a service: named, survived where it can be, refused before anything is touched where it
//! cannot.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::process::{Child, Command};
use std::time::Duration;

use locum_control::{Item, State};
use locum_tests::Daemon::Locum;
use locum_tests::Node::A;
use locum_tests::{Group, Lab, Outcome, locum_binary, scenario, wait_for, with_lab};

use crate::TAKEOVER_MAX;

const GROUP: Group = Group::VI_1;

/// A start that is to be refused.
fn refused(lab: &mut Lab, run_dir: &str, socket: &str) -> Outcome {
    let file = lab.file("A.conf", &scenario("alone"));
    let outcome = lab.router(A).run_in(&[
        "run".as_ref(),
        "-f".as_ref(),
        file.as_os_str(),
        "--run-dir".as_ref(),
        run_dir.as_ref(),
        "--socket".as_ref(),
        socket.as_ref(),
    ]);
    assert_eq!(outcome.code, Some(1), "{}", outcome.said());
    outcome
}

#[test]
fn a_run_directory_that_cannot_be_used_is_refused_by_name() {
    with_lab(&[Locum], |lab| {
        let socket = lab.router(A).socket().to_str().unwrap().to_owned();
        // Nobody, not even root, can write there.
        let outcome = refused(lab, "/proc/locum", &socket);
        assert!(outcome.stderr.contains("run directory /proc/locum"), "{}", outcome.said());
        assert!(outcome.stderr.contains("help: name another with `--run-dir`"), "{}", outcome.said());
        let file = lab.file("no-directory", "");
        let outcome = refused(lab, file.to_str().unwrap(), &socket);
        assert!(outcome.stderr.contains("no-directory"), "{}", outcome.said());
        let open = lab.router(A).run_dir();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
        let outcome = refused(lab, open.to_str().unwrap(), &socket);
        assert!(outcome.stderr.contains("everybody may write into it"), "{}", outcome.said());
        fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).unwrap();
        // One that is missing is made, and what is in it is nobody else's.
        fs::remove_dir(&open).unwrap();
        lab.start(A, &scenario("alone"));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        for name in ["journal.json", "history.jsonl"] {
            let mode = fs::metadata(open.join(name)).expect(name).permissions().mode();
            assert_eq!(mode & 0o077, 0, "{name}: {mode:o}");
        }
    });
}

#[test]
fn a_socket_that_is_taken_refuses_the_start_before_anything_is_touched() {
    with_lab(&[Locum], |lab| {
        lab.start(A, &scenario("alone"));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        lab.kill9(A);
        let path = lab.router(A).socket();
        fs::remove_file(&path).unwrap();
        let taken = UnixListener::bind(&path).unwrap();
        let run_dir = lab.router(A).run_dir();
        let outcome = refused(lab, run_dir.to_str().unwrap(), path.to_str().unwrap());
        assert!(outcome.stderr.contains("another service answers on it"), "{}", outcome.said());
        assert!(lab.router(A).has(GROUP.vip), "it has cleaned up before it knew whether it may start");
        // One that was left behind is replaced.
        drop(taken);
        lab.start_again(A);
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        assert!(lab.router(A).status(GROUP.instance).is_some());
    });
}

#[test]
fn a_configuration_that_vanishes_before_a_reload_changes_nothing() {
    with_lab(&[Locum], |lab| {
        lab.start(A, &scenario("alone"));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        let file = lab.router(A).configuration();
        fs::remove_file(&file).unwrap();
        let outcome = lab.router(A).locum(&["reload"]);
        assert_eq!(outcome.code, Some(1), "{}", outcome.said());
        assert!(outcome.stderr.contains("locum.conf"), "{}", outcome.said());
        lab.wait_master(GROUP, A, Duration::from_secs(1));
        assert_eq!(lab.router(A).history(GROUP.instance).len(), 2);
    });
}

/// Ends with the test, however that ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill(); // it may have ended
        let _ = self.0.wait();
    }
}

/// A locum of A whose run directory is a small disk of its own, on which `fill` leaves its mark.
fn on_a_small_disk(lab: &mut Lab, fill: &str) -> Command {
    let file = lab.file("A.conf", &scenario("alone"));
    let router = lab.router(A);
    let script = format!(
        "mount -t tmpfs -o size=64k,mode=755 small {run} && {{ {fill}; }}; exec {locum} run -f {file} --run-dir {run} --socket {socket}",
        run = router.run_dir().display(),
        locum = locum_binary().display(),
        file = file.display(),
        socket = router.socket().display(),
    );
    let mut command: Command = router.command_in("sh");
    command.args(["-c", &script]);
    command
}

#[test]
fn a_full_disk_refuses_the_start_before_anything_is_touched() {
    with_lab(&[Locum], |lab| {
        let fill = format!("head -c 70000 /dev/zero > {}/fill", lab.router(A).run_dir().display());
        let output = on_a_small_disk(lab, &fill).output().expect("run it");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("locum:") && said.contains("No space left"), "{said}");
    });
}

#[test]
fn a_disk_that_fills_up_does_not_disturb_what_runs() {
    with_lab(&[Locum], |lab| {
        lab.excuse_all();
        let mut running = Running(on_a_small_disk(lab, "true").spawn().expect("run it"));
        wait_for("MASTER", TAKEOVER_MAX, || {
            lab.router(A).status(GROUP.instance).filter(|status| status.state == State::Master).map(drop)
        });
        let pid = lab.router(A).show().iter().find_map(|item| match item {
            Item::Service(service) => Some(service.pid),
            _ => None,
        });
        let pid = pid.expect("a process");
        let run_dir = lab.router(A).run_dir();
        // The disk is seen by the service alone.
        let full = format!("/proc/{pid}/root{}/fill", run_dir.display());
        assert!(fs::write(&full, vec![0; 70_000]).is_err(), "the disk is not full");
        // What must be written before it is done is refused, with the reason.
        let refused = lab.router(A).locum(&["yield", GROUP.instance]);
        assert_eq!(refused.code, Some(1), "{}", refused.said());
        assert!(refused.stderr.contains("No space left"), "{}", refused.said());
        let file = run_dir.parent().unwrap().parent().unwrap().join("A.conf");
        let text = fs::read_to_string(&file).unwrap();
        let other = text
            .replace("virtual_ipaddress {", "virtual_ipaddress_excluded {\n 172.20.46.1/32\n }\n virtual_ipaddress {");
        fs::write(&file, other).unwrap();
        let refused = lab.router(A).locum(&["reload"]);
        assert_eq!(refused.code, Some(1), "{}", refused.said());
        assert!(!lab.router(A).has("172.20.46.1".parse().unwrap()), "it is in the kernel and not in the journal");
        // All else goes on.
        lab.cut(A);
        lab.router(A).wait_cause(GROUP.instance, State::Fault, TAKEOVER_MAX, |_| true);
        lab.restore(A);
        wait_for("MASTER", TAKEOVER_MAX, || {
            lab.router(A).status(GROUP.instance).filter(|status| status.state == State::Master).map(drop)
        });
        fs::remove_file(&full).unwrap();
        let reloaded = lab.router(A).locum(&["reload"]);
        assert_eq!(reloaded.code, Some(0), "{}", reloaded.said());
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(i32::try_from(pid).unwrap()), nix::sys::signal::SIGTERM)
            .unwrap();
        let status = wait_for("it to end", TAKEOVER_MAX, || running.0.try_wait().expect("wait for it"));
        assert!(status.success(), "{status}");
    });
}
