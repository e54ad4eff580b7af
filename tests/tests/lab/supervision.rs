//! Who watches the service: a service manager that is told, a parent that starts it again, and what a start after a crash
//! goes on with.

use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, ExitStatus};
use std::thread::sleep;
use std::time::{Duration, Instant};

use locum_control::{Cause, Item, State};
use locum_tests::Daemon::Locum;
use locum_tests::Node::{A, B};
use locum_tests::{Group, Lab, Moment, locum_binary, scenario, wait_for, with_lab};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::TAKEOVER_MAX;

const GROUP: Group = Group::VI_1;

/// A service that crashes sooner than this after its start does not go on from where it was.
const LIVED_ENOUGH: Duration = Duration::from_secs(10);

/// A locum of A that the lab does not know of. Ends with the test, however that ends.
struct Running(Child);

impl Running {
    fn start(lab: &mut Lab, configuration: &str, options: &[&str], environment: &[(&str, &str)]) -> Self {
        let file = lab.file("A.conf", configuration);
        let router = lab.router(A);
        let mut command: Command = router.command_in(locum_binary().to_str().expect("a path in UTF-8"));
        command.arg("run").arg("-f").arg(file).arg("--run-dir").arg(router.run_dir());
        command.arg("--socket").arg(router.socket()).args(options).envs(environment.iter().copied());
        Self(command.spawn().expect("run it"))
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.0.id()).expect("a process"));
        kill(pid, signal).expect("signal it");
    }

    fn wait_end(&mut self) -> ExitStatus {
        wait_for("it to end", TAKEOVER_MAX, || self.0.try_wait().expect("wait for it"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A parent ends in order with its service.
        if let Ok(None) = self.0.try_wait() {
            self.signal(Signal::SIGTERM);
            sleep(Duration::from_secs(3));
        }
        let _ = self.0.kill(); // it may have ended
        let _ = self.0.wait();
    }
}

/// The process of the service of A.
fn service(lab: &mut Lab) -> Option<Pid> {
    let pid = lab.router(A).show().iter().find_map(|item| match item {
        Item::Service(service) => Some(service.pid),
        _ => None,
    });
    pid.map(|pid| Pid::from_raw(i32::try_from(pid).expect("a process")))
}

fn wait_state(lab: &mut Lab, state: State) {
    wait_for(&format!("A to be {state}"), TAKEOVER_MAX, || {
        lab.router(A).status(GROUP.instance).filter(|status| status.state == state).map(drop)
    });
}

#[test]
fn a_service_manager_is_told_how_it_goes() {
    with_lab(&[Locum], |lab| {
        let path = lab.router(A).run_dir().join("manager");
        let manager = UnixDatagram::bind(&path).expect("a socket");
        manager.set_read_timeout(Some(Duration::from_secs(8))).unwrap();
        let next = || {
            let mut buffer = [0; 512];
            let len = manager.recv(&mut buffer).ok()?;
            Some(String::from_utf8_lossy(&buffer[..len]).into_owned())
        };
        let until = |wanted: &str| while !next().expect("the manager is told something").contains(wanted) {};
        let environment = [("NOTIFY_SOCKET", path.to_str().unwrap()), ("WATCHDOG_USEC", "1200000")];
        let mut running = Running::start(lab, &scenario("alone"), &[], &environment);
        until("READY=1");
        until("STATUS=1 MASTER, 0 BACKUP");
        // It is fed well within the time that it was given.
        let began = Instant::now();
        (0..10).for_each(|_| until("WATCHDOG=1"));
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());

        running.signal(Signal::SIGHUP);
        until("RELOADING=1\nMONOTONIC_USEC=");
        until("READY=1");

        // An engine that is stuck is not alive, though the rest of the service is well.
        let pid = service(lab).expect("a process");
        kill(pid, Signal::SIGSTOP).unwrap();
        manager.set_nonblocking(true).unwrap();
        while next().is_some() {}
        sleep(Duration::from_secs(2));
        assert_eq!(next(), None, "it does not move, and says that it does");
        manager.set_nonblocking(false).unwrap();
        kill(pid, Signal::SIGCONT).unwrap();
        until("WATCHDOG=1");

        running.signal(Signal::SIGTERM);
        until("STOPPING=1");
        assert!(running.wait_end().success());
    });
}

#[test]
fn a_crashed_master_goes_on_at_once_where_nobody_can_have_taken_over() {
    with_lab(&[Locum, Locum], |lab| {
        lab.excuse_all();
        let mut running = Running::start(lab, &scenario("1-unicast-a"), &["--supervise"], &[]);
        lab.start(B, &scenario("1-unicast-b"));
        wait_state(lab, State::Master);
        // What the operator wants outlives a crash as well.
        let set = lab.router(A).locum(&["yield", GROUP.instance, "--for", "4s"]);
        assert_eq!(set.code, Some(0), "{}", set.said());
        let pid = service(lab).expect("a process");
        kill(pid, Signal::SIGKILL).unwrap();
        let again = wait_for("another service", TAKEOVER_MAX, || service(lab).filter(|other| *other != pid));
        let status = lab.router(A).expect_status(GROUP.instance);
        assert!(status.standing_back.is_some(), "the yield is forgotten");
        wait_state(lab, State::Master);

        sleep(LIVED_ENOUGH);
        let probe = lab.probe(GROUP.vip);
        sleep(Duration::from_millis(1500));
        let from = Moment::now();
        kill(again, Signal::SIGKILL).unwrap();
        let third = wait_for("another service", TAKEOVER_MAX, || service(lab).filter(|other| *other != again));
        wait_state(lab, State::Master);
        sleep(Duration::from_secs(5));
        let (_, silence) = probe.finish().longest_silence(from, Moment::now());
        eprintln!("outage after SIGKILL of a supervised master: {silence:?}");
        assert!(silence < Duration::from_millis(1500), "the clients noticed: {silence:?}");
        let history = lab.router(A).history(GROUP.instance);
        let last = history.last().expect("a transition");
        assert!(last.cause == Cause::GoesOn && last.text.contains("goes on"), "{last:?}");
        assert!(history.iter().any(|record| record.cause == Cause::Killed), "the history is kept");
        assert!(lab.timeline().since(from).adverts_by(B, GROUP.vrid).is_empty(), "B took over");

        // One that was stuck for longer than others wait has been succeeded, and listens first.
        kill(third, Signal::SIGSTOP).unwrap();
        lab.router(B).wait_state(GROUP.instance, State::Master, TAKEOVER_MAX);
        kill(third, Signal::SIGKILL).unwrap();
        wait_for("another service", TAKEOVER_MAX, || service(lab).filter(|other| *other != third));
        let record =
            lab.router(A).wait_cause(GROUP.instance, State::Backup, TAKEOVER_MAX, |cause| cause == Cause::Start);
        sleep(Duration::from_secs(1));
        let next = lab.router(A).history(GROUP.instance);
        let after: Vec<_> = next.iter().skip_while(|it| it.at_unix_ms < record.at_unix_ms).collect();
        assert!(!after.iter().any(|it| it.cause == Cause::GoesOn), "it fights: {after:?}");

        // The parent is asked to end, and does so when the service has ended in order.
        running.signal(Signal::SIGTERM);
        let status = running.wait_end();
        assert!(status.success(), "{status}");
        assert!(!lab.router(A).has(GROUP.vip));
    });
}

#[test]
fn a_service_that_cannot_start_is_not_started_again_and_again() {
    with_lab(&[Locum], |lab| {
        let mut running = Running::start(lab, "vrrp_instance VI_1 {\n", &["--supervise"], &[]);
        assert_eq!(running.wait_end().code(), Some(3), "the configuration is the reason");
    });
}

#[test]
fn a_service_ends_in_order_with_its_parent() {
    with_lab(&[Locum], |lab| {
        let running = Running::start(lab, &scenario("alone"), &["--supervise"], &[]);
        wait_state(lab, State::Master);
        running.signal(Signal::SIGKILL);
        let router = lab.router(A);
        wait_for("the VIP to go", TAKEOVER_MAX, || (!router.has(GROUP.vip)).then_some(()));
        wait_for("the journal to go", TAKEOVER_MAX, || (!router.run_dir().join("journal.json").exists()).then_some(()));
    });
}
