//! The delay at the start (`vrrp_startup_delay`): shown with what is left of it, and skipped on order.

use locum_control::State;
use locum_tests::Daemon::Locum;
use locum_tests::Node::A;
use locum_tests::{Group, Lab, scenario, wait_for, with_lab};

use crate::TAKEOVER_MAX;

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
