//! After a crash, what the journal lists goes before the first advert, and nothing else.

use std::net::Ipv4Addr;
use std::thread::sleep;
use std::time::Duration;

use locum_control::{Cause, State};
use locum_tests::Daemon::Locum;
use locum_tests::Node::{A, B};
use locum_tests::{Group, Moment, scenario, wait_for, with_lab};

use crate::TAKEOVER_MAX;

const GROUP: Group = Group::VI_1;

/// On the same interface, and looks much like ours.
const FOREIGN: Ipv4Addr = Ipv4Addr::new(172, 20, 45, 247);

#[test]
fn addresses_of_a_killed_master_are_gone_before_the_first_advert() {
    with_lab(&[Locum], |lab| {
        lab.start(A, &scenario("alone"));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        lab.router(A).ip(&format!("addr add {FOREIGN}/32 dev eth0 label eth0:0"));
        let killed = lab.kill9(A);
        sleep(Duration::from_millis(500));
        assert!(lab.router(A).has(GROUP.vip), "the kernel keeps what nobody removes");

        lab.start_again(A);
        let router = lab.router(A);
        let gone = wait_for("the address to go", Duration::from_secs(3), || (!router.has(GROUP.vip)).then(Moment::now));
        assert!(!router.wait_state(GROUP.instance, State::Backup, TAKEOVER_MAX).vips[0].installed);
        assert!(router.has(FOREIGN), "a foreign address was removed");
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        let claim = lab.timeline().since(killed + Duration::from_millis(100)).first_claim(A, GROUP.vrid).unwrap();
        assert!(gone < claim, "the address was still there at the first advert");
        let is_it = |cause| cause == Cause::Killed;
        let killed = lab.router(A).wait_cause(GROUP.instance, State::Init, TAKEOVER_MAX, is_it);
        assert_eq!(killed.from, State::Master, "the history has no hole");
        assert!(lab.router(A).has(FOREIGN), "a foreign address was removed");

        // The journal of the second life is as good as the first.
        lab.kill9(A);
        lab.start_again(A);
        let router = lab.router(A);
        wait_for("the address to go", Duration::from_secs(3), || (!router.has(GROUP.vip)).then_some(()));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        lab.stop(A);
        assert!(lab.router(A).has(FOREIGN), "a foreign address was removed");
    });
}

#[test]
fn a_killed_master_that_returns_as_backup_leaves_the_address_to_its_peer() {
    with_lab(&[Locum, Locum], |lab| {
        lab.start(A, &scenario("3-no-preemption-a"));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        lab.start(B, &scenario("3-no-preemption-b"));
        lab.router(B).wait_state(GROUP.instance, State::Backup, TAKEOVER_MAX);
        lab.kill9(A);
        lab.wait_master(GROUP, B, TAKEOVER_MAX);
        assert!(lab.router(A).has(GROUP.vip), "the kernel keeps what nobody removes");
        lab.start_again(A);
        lab.wait_master(GROUP, B, Duration::from_secs(3));
        sleep(Duration::from_secs(4));
        lab.wait_master(GROUP, B, Duration::from_secs(1));
    });
}

#[test]
fn routes_are_in_the_journal_before_they_are_in_the_kernel() {
    with_lab(&[Locum], |lab| {
        let routes = "virtual_routes {\n 192.168.110.0/24 via 172.20.45.200\n }";
        lab.start(A, &scenario("alone").replace("priority 100", &format!("priority 100\n {routes}")));
        let router = lab.router(A);
        router.wait_state(GROUP.instance, State::Backup, TAKEOVER_MAX);
        let journal = std::fs::read_to_string(router.run_dir().join("journal.json")).expect("a journal");
        assert!(journal.contains("route 192.168.110.0/24"), "{journal}");
    });
}

#[test]
fn a_second_service_on_the_same_run_directory_is_refused() {
    with_lab(&[Locum], |lab| {
        lab.start(A, &scenario("alone"));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        let router = lab.router(A);
        let (socket, run_dir, file) = (router.socket(), router.run_dir(), router.configuration());
        let outcome = router.run_in(&[
            "run".as_ref(),
            "-f".as_ref(),
            file.as_os_str(),
            "--socket".as_ref(),
            socket.as_os_str(),
            "--run-dir".as_ref(),
            run_dir.as_os_str(),
        ]);
        assert_eq!(outcome.code, Some(1), "{}", outcome.said());
        lab.wait_master(GROUP, A, Duration::from_secs(1));
        assert_eq!(lab.router(A).history(GROUP.instance).len(), 2, "the first one was not disturbed");
    });
}
