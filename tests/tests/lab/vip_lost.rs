//! Somebody takes away what a master has in the kernel (`on_vip_lost`).

use std::thread::sleep;
use std::time::{Duration, Instant};

use locum_control::{Block, Cause, Event, State, Verb};
use locum_tests::Daemon::Locum;
use locum_tests::Node::{A, B};
use locum_tests::{Group, Lab, Moment, scenario, wait_for, with_lab};

use crate::{Running, TAKEOVER_MAX};

const GROUP: Group = Group::VI_1;

/// Far more than it takes to put an address back, on a busy machine. It is back within milliseconds.
const AT_ONCE: Duration = Duration::from_secs(1);

/// A with an option, and B as it is.
fn pair(lab: &mut Lab, option: &str) {
    lab.start(A, &with_option(option));
    lab.start(B, &scenario("1-unicast-b"));
    lab.wait_master(GROUP, A, TAKEOVER_MAX);
    lab.router(B).wait_state(GROUP.instance, State::Backup, TAKEOVER_MAX);
}

fn with_option(option: &str) -> String {
    scenario("1-unicast-a").replace("priority 100", &format!("priority 100\n    {option}"))
}

/// Deletes the VIP of A, and returns how long it was gone: nothing if it has stayed away.
fn delete(lab: &mut Lab) -> Option<Duration> {
    let router = lab.router(A);
    let shown = router.ip("-o addr show dev eth0");
    let line = shown.lines().find(|line| line.contains(&GROUP.vip.to_string()));
    let prefix = line.and_then(|line| line.split_whitespace().nth(3)).unwrap_or_else(|| panic!("no VIP: {shown}"));
    let prefix = prefix.to_owned();
    router.ip(&format!("addr del {prefix} dev eth0"));
    let began = Instant::now();
    while began.elapsed() < AT_ONCE {
        if router.has(GROUP.vip) {
            return Some(began.elapsed());
        }
    }
    None
}

/// How long an address was gone each time, in milliseconds, by what `ip -ts monitor` has seen.
fn gone_ms(seen: &str, address: &str) -> Vec<f64> {
    let mut deleted = None;
    let mut gone = Vec::new();
    for line in seen.lines().filter(|line| line.contains(address)) {
        // [2026-11-23T03:08:33.123456] Deleted 2: eth0    inet 172.20.45.248/32 …
        let Some((stamp, what)) = line.split_once("] ") else { continue };
        let Some((_, clock)) = stamp.split_once('T') else { continue };
        let parts: Option<Vec<f64>> = clock.split(':').map(|part| part.parse().ok()).collect();
        let Some([hours, minutes, seconds]) = parts.as_deref() else { continue };
        let at_ms = ((hours * 60.0 + minutes) * 60.0 + seconds) * 1000.0;
        if what.starts_with("Deleted") {
            deleted = Some(at_ms);
        } else if let Some(from_ms) = deleted.take() {
            gone.push((at_ms - from_ms).rem_euclid(86_400_000.0));
        }
    }
    gone
}

#[test]
fn at_the_median_it_is_back_within_100_ms() {
    /// Fewer than ten in five seconds, which would be too often.
    const TIMES: usize = 20;
    const EVERY: Duration = Duration::from_millis(700);
    with_lab(&[Locum, Locum], |lab| {
        pair(lab, "");
        let seen = lab.file("seen", "");
        let mut command = lab.router(A).command_in("stdbuf");
        command.args(["-oL", "ip", "-ts", "monitor", "address"]).stdout(std::fs::File::create(&seen).unwrap());
        let monitor = Running(command.spawn().expect("ip monitor"));
        sleep(Duration::from_secs(1));
        for _ in 0..TIMES {
            assert!(delete(lab).is_some(), "the VIP is put back");
            sleep(EVERY);
        }
        let read = || gone_ms(&std::fs::read_to_string(&seen).unwrap(), &GROUP.vip.to_string());
        let mut gone = wait_for("all of it to be seen", TAKEOVER_MAX, || Some(read()).filter(|it| it.len() >= TIMES));
        drop(monitor);
        gone.sort_by(f64::total_cmp);
        let (median, most) = (gone[TIMES / 2], gone[TIMES - 1]);
        eprintln!("a VIP that is deleted is back after {median:.2} ms ({:.2}..{most:.2}, {TIMES} times)", gone[0]);
        assert!(median <= 100.0, "{gone:?}");
        assert_eq!(lab.router(A).history(GROUP.instance).len(), 2, "it has not given up mastership");
    });
}

/// What A tells about lost addresses: how many, in each notice.
fn losses(lab: &mut Lab, test: impl FnOnce(&mut Lab)) -> Vec<u32> {
    let mut client = lab.router(A).client();
    client.request(Verb::Watch { instance: None, adverts: false }).expect("watch");
    test(lab);
    let mut counts = Vec::new();
    while let Ok(notice) = client.next_notice(Some(Duration::from_millis(500))) {
        if let Event::VipLost { instance, part, count } = notice.event {
            assert!(instance == GROUP.instance && part.contains(&GROUP.vip.to_string()), "{instance} {part}");
            counts.push(count);
        }
    }
    counts
}

#[test]
fn what_is_deleted_once_is_put_back_at_once_and_told_once() {
    with_lab(&[Locum, Locum], |lab| {
        pair(lab, "");
        let from = Moment::now();
        let told = losses(lab, |lab| {
            let gone = delete(lab).expect("the VIP is put back");
            assert!(gone < AT_ONCE, "{gone:?}");
            sleep(Duration::from_secs(2));
        });
        assert_eq!(told, [1]);
        assert_eq!(lab.router(A).history(GROUP.instance).len(), 2, "it has not given up mastership");
        let timeline = lab.timeline().since(from);
        assert!(timeline.adverts_by(B, GROUP.vrid).is_empty(), "the backup spoke");
        let gap = timeline.longest_gap(A, GROUP.vrid);
        assert!(gap < Duration::from_millis(1200), "an advert was late: {gap:?}");
    });
}

#[test]
fn ten_deletions_in_five_seconds_are_one_handover() {
    with_lab(&[Locum, Locum], |lab| {
        pair(lab, "");
        let told = losses(lab, |lab| {
            for count in 0..9 {
                assert!(delete(lab).is_some(), "not put back after {count}");
            }
            delete(lab);
            lab.wait_master(GROUP, B, TAKEOVER_MAX);
        });
        assert_eq!(told, [1, 9], "one notice at once, one with the count");
        let yielded = lab.router(A).history(GROUP.instance).pop().expect("a transition");
        assert_eq!((yielded.to, yielded.cause), (State::Backup, Cause::VipLost));
        assert!(yielded.text.contains("somebody keeps removing 172.20.45.248"), "{yielded:?}");
        // No storm: it stands back, and says for how long.
        sleep(Duration::from_secs(8));
        assert_eq!(lab.router(A).history(GROUP.instance).len(), 3);
        assert_eq!(lab.router(B).history(GROUP.instance).len(), 2);
        let standing_back = lab.router(A).expect_status(GROUP.instance).standing_back;
        assert!(standing_back.is_some(), "it does not say that it stands back");
        // The operator may think otherwise.
        let resumed = lab.router(A).locum(&["resume", GROUP.instance]);
        assert_eq!(resumed.code, Some(0), "{}", resumed.said());
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
    });
}

#[test]
fn where_nobody_else_is_there_it_stays_master_and_puts_it_back() {
    with_lab(&[Locum], |lab| {
        lab.start(A, &scenario("alone"));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        for _ in 0..10 {
            delete(lab);
        }
        let is_it = |cause| matches!(cause, Cause::NobodyTookOver { .. });
        lab.router(A).wait_cause(GROUP.instance, State::Master, TAKEOVER_MAX, is_it);
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        // Whoever goes on is met at a slower pace, and does not make it hand over again and again.
        let transitions = lab.router(A).history(GROUP.instance).len();
        let began = Instant::now();
        let mut deleted = 0;
        while began.elapsed() < Duration::from_secs(6) {
            if lab.router(A).has(GROUP.vip) {
                lab.router(A).ip(&format!("addr del {}/32 dev eth0", GROUP.vip));
                deleted += 1;
            }
        }
        assert!((5..=15).contains(&deleted), "put back {deleted} times in 6 s");
        assert_eq!(lab.router(A).history(GROUP.instance).len(), transitions);
        let router = lab.router(A);
        wait_for("the VIP to be put back", Duration::from_secs(5), || router.has(GROUP.vip).then_some(()));
        let lines = router.log().lines().filter(|line| line.contains("somebody")).count();
        assert!(lines < 10, "{lines} lines: {}", router.log());
    });
}

#[test]
fn the_first_deletion_is_a_handover_where_it_is_to_be() {
    with_lab(&[Locum, Locum], |lab| {
        pair(lab, "on_vip_lost yield\n    virtual_routes {\n 192.168.110.0/24 via 172.20.45.200\n }");
        lab.router(A).ip("route del 192.168.110.0/24");
        lab.wait_master(GROUP, B, TAKEOVER_MAX);
        let yielded = lab.router(A).history(GROUP.instance).pop().expect("a transition");
        assert_eq!(yielded.cause, Cause::VipLost);
        assert!(yielded.text.contains("somebody has removed route 192.168.110.0/24"), "{yielded:?}");
        // Without a gap: A keeps it until B has spoken.
        assert!(!lab.router(A).ip("route").contains("192.168.110.0"));
    });
}

#[test]
fn the_first_deletion_is_fault_where_it_is_to_be() {
    with_lab(&[Locum, Locum], |lab| {
        pair(lab, "on_vip_lost fault");
        delete(lab);
        lab.wait_master(GROUP, B, TAKEOVER_MAX);
        let status = lab.router(A).expect_status(GROUP.instance);
        assert_eq!(status.state, State::Fault);
        assert_eq!(status.blocks[0].block, Block::Refused);
        assert!(status.blocks[0].detail.contains("somebody has removed"), "{:?}", status.blocks);
    });
}

#[test]
fn a_route_or_rule_that_somebody_deletes_is_put_back_at_once() {
    with_lab(&[Locum], |lab| {
        let routes = "virtual_routes {\n 192.168.110.0/24 via 172.20.45.200\n }\n \
                      virtual_rules {\n from 192.168.28.0/24 table 77 preference 39\n }";
        let fixed = "static_routes {\n 192.168.111.0/24 via 172.20.45.200\n}\n";
        let text = scenario("alone").replace("priority 100", &format!("priority 100\n {routes}"));
        lab.start(A, &format!("{fixed}{text}"));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        let router = lab.router(A);
        for (delete, show, there) in [
            ("route del 192.168.110.0/24", "route", "192.168.110.0/24"),
            ("route del 192.168.111.0/24", "route", "192.168.111.0/24"),
            ("rule del preference 39", "rule", "192.168.28.0/24"),
        ] {
            wait_for(there, TAKEOVER_MAX, || router.ip(show).contains(there).then_some(()));
            router.ip(delete);
            wait_for("what was deleted to be put back", AT_ONCE, || router.ip(show).contains(there).then_some(()));
        }
        assert_eq!(router.history(GROUP.instance).len(), 2);
    });
}
