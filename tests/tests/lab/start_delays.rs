//! Delays at the start (`vrrp_startup_delay`, `vrrp_delay_after_boot`) and after a link comes up
//! (`interface_up_down_delays`): shown with what is left of them, and skipped on order.

use std::fs;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use locum_control::{Block, State};
use locum_tests::Daemon::Locum;
use locum_tests::Node::A;
use locum_tests::{Group, Lab, locum_binary, scenario, skip, wait_for, with_lab};

use crate::{Running, TAKEOVER_MAX};

const GROUP: Group = Group::VI_1;

/// What `show` says about the instance.
fn shown(lab: &mut Lab) -> String {
    lab.router(A).locum(&["show", GROUP.instance]).stdout
}

#[test]
fn the_delay_at_the_start_is_counted_down_and_can_be_skipped() {
    with_lab(&[Locum], |lab| {
        // Longer than anybody waits for in a test.
        lab.start(A, &format!("global_defs {{\n vrrp_startup_delay 600\n}}\n{}", scenario("alone")));
        let status = lab.router(A).wait_state(GROUP.instance, State::Init, TAKEOVER_MAX);
        let service = lab.router(A).client().hello().now_us;
        let left_us = status.timers.start_at_us.expect("a delay").saturating_sub(service);
        assert!(left_us > 60_000_000, "{left_us} us are left");
        let text = shown(lab);
        assert!(text.contains("begins (`locum resume` skips the wait) in"), "{text}");
        let seconds = |text: &str| {
            let line = text.lines().find(|line| line.contains("skips the wait")).map(str::to_owned);
            line.unwrap_or_else(|| panic!("no countdown: {text}"))
        };
        let first = seconds(&text);
        wait_for("the countdown to move", TAKEOVER_MAX, || (seconds(&shown(lab)) != first).then_some(()));
        assert!(!lab.router(A).has(GROUP.vip));

        let resumed = lab.router(A).locum(&["resume", GROUP.instance]);
        assert_eq!(resumed.code, Some(0), "{}", resumed.said());
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        assert!(!shown(lab).contains("skips the wait"), "{}", shown(lab));
    });
}

/// In a time namespace (time_namespaces(7)) whose machine has just started.
#[test]
fn the_delay_after_the_boot_counts_from_the_boot() {
    /// Since the boot, when the service starts.
    const UP_S: f64 = 5.0;
    let uptime = fs::read_to_string("/proc/uptime").expect("the uptime");
    let uptime_s: f64 = uptime.split(' ').next().and_then(|text| text.parse().ok()).expect("a number");
    let offset = format!("--boottime={:.0}", UP_S - uptime_s);
    let unshare = ["--time", "--fork", "--kill-child", &offset];
    if !Command::new("unshare").args(unshare).arg("true").status().is_ok_and(|status| status.success()) {
        skip("this kernel has no time namespaces");
        return;
    }
    with_lab(&[Locum], |lab| {
        lab.excuse_all();
        let file = lab.file("A.conf", &format!("global_defs {{\n vrrp_delay_after_boot 15\n}}\n{}", scenario("alone")));
        let router = lab.router(A);
        let mut command = router.command_in("unshare");
        command.args(unshare).arg(locum_binary()).arg("run").arg("-f").arg(file);
        command.arg("--run-dir").arg(router.run_dir()).arg("--socket").arg(router.socket());
        let running = Running(command.spawn().expect("run it"));
        let status = wait_for("it to wait", TAKEOVER_MAX, || {
            let status = lab.router(A).status(GROUP.instance)?;
            status.timers.start_at_us.is_some().then_some(status)
        });
        // On the clock of that machine, whenever the service was started. From its start on it would be 20 s and more.
        let at_us = status.timers.start_at_us.expect("a delay");
        assert!(status.state == State::Init && (15_000_000..17_000_000).contains(&at_us), "{status:?}");
        assert!(shown(lab).contains("skips the wait"), "{}", shown(lab));
        // It begins by itself, and not before.
        let began_us = wait_for("it to begin", 3 * TAKEOVER_MAX, || {
            let began = lab.router(A).status(GROUP.instance).filter(|status| status.state != State::Init);
            began.map(|status| status.since_us)
        });
        assert!((15_000_000..25_000_000).contains(&began_us), "{began_us}");
        drop(running);
    });
}

/// Ticks of computing time (proc_pid_stat(5)), of which there are a hundred in a second.
fn ticks(lab: &mut Lab) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", lab.router(A).pid())).expect("its times");
    let fields = stat.rsplit_once(')').expect("its name").1.split_whitespace().skip(11).take(2);
    fields.map(|field| field.parse::<u64>().expect("a number")).sum()
}

#[test]
fn the_delay_of_a_link_that_is_up_again_is_counted_down_and_can_be_skipped() {
    with_lab(&[Locum], |lab| {
        let delays = |up: u32| format!("interface_up_down_delays {{\n eth0 0 {up}\n}}\n{}", scenario("alone"));
        lab.start(A, &delays(250));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        let fall = |lab: &mut Lab| {
            lab.cut(A);
            lab.router(A).wait_state(GROUP.instance, State::Fault, TAKEOVER_MAX);
            lab.restore(A);
            wait_for("the delay to run", TAKEOVER_MAX, || {
                lab.router(A).expect_status(GROUP.instance).timers.link_up_at_us.map(drop)
            });
        };
        fall(lab);
        let status = lab.router(A).expect_status(GROUP.instance);
        assert_eq!((status.state, status.blocks[0].block), (State::Fault, Block::LinkDown));
        assert!(status.blocks[0].detail.contains("up again, which does not count yet"), "{:?}", status.blocks);
        let text = shown(lab);
        assert!(text.contains("the link counts as up (`locum resume` skips the wait) in 4 min"), "{text}");
        let resumed = lab.router(A).locum(&["resume", GROUP.instance]);
        assert_eq!(resumed.stdout, "VI_1: eth0 counts as up\n", "{}", resumed.said());
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        assert!(!shown(lab).contains("skips the wait"), "{}", shown(lab));

        // It ends by itself as well; and when there is nothing left that could come up, nobody waits for it.
        fs::write(lab.router(A).configuration(), delays(2)).unwrap();
        assert_eq!(lab.router(A).locum(&["reload"]).code, Some(0));
        fall(lab);
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        fall(lab);
        lab.delete_interface(A);
        sleep(Duration::from_secs(3));
        let before = ticks(lab);
        sleep(Duration::from_secs(2));
        let used = ticks(lab) - before;
        assert!(used < 100, "it has computed for {used} hundredths of the last two seconds");
        lab.add_interface(A);
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
    });
}
