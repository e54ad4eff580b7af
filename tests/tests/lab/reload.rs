//! A reload changes the instances that it names and no other.

use std::fmt::Write;
use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use locum_control::State;
use locum_tests::Daemon::Locum;
use locum_tests::Node::{A, B};
use locum_tests::{Group, Lab, Moment, scenario, with_lab};

use crate::TAKEOVER_MAX;

const GROUP: Group = Group::VI_1;

fn rewrite(lab: &mut Lab, change: impl Fn(&str) -> String) {
    let file = lab.router(A).configuration();
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, change(&text)).unwrap();
}

#[test]
fn each_change_has_its_smallest_effect() {
    with_lab(&[Locum, Locum], |lab| {
        lab.start(A, &scenario("2-two-masters-a"));
        lab.start(B, &scenario("2-two-masters-b"));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        lab.wait_master(Group::VI_2, B, TAKEOVER_MAX);
        sleep(Duration::from_secs(1));
        let from = Moment::now();
        rewrite(lab, |text| text.replacen("priority 100", "priority 110", 1));
        let dry = lab.router(A).locum(&["reload", "--dry-run"]);
        assert!(dry.stdout.contains("~ VI_1: priority 100 -> 110"), "{dry:?}");
        assert_eq!(lab.router(A).expect_status(GROUP.instance).priority, 100, "a dry run changes nothing");
        let real = lab.router(A).locum(&["reload"]);
        assert_eq!(real.stdout, "~ VI_1: priority 100 -> 110\ninstances: 1 change; 1 untouched\n");
        let status = lab.router(A).expect_status(GROUP.instance);
        assert_eq!((status.priority, status.state), (110, State::Master));
        sleep(Duration::from_secs(3));
        // On time through it all, and with the new priority.
        let timeline = lab.timeline().since(from);
        let gap = timeline.longest_gap(A, GROUP.vrid);
        assert!(gap < Duration::from_millis(1200), "{gap:?}");
        assert!(timeline.adverts_by(A, GROUP.vrid).iter().any(|advert| advert.what.priority == 110));
        assert!(timeline.announcements(A, Group::VI_2.vip).is_empty());
        assert_eq!(lab.router(A).history(GROUP.instance).len(), 2, "it changed no state");
        assert_eq!(lab.router(A).history("VI_2").len(), 1);
    });
}

#[test]
fn an_error_refuses_the_whole_and_says_where() {
    with_lab(&[Locum, Locum], |lab| {
        lab.start(A, &scenario("2-two-masters-a"));
        lab.start(B, &scenario("2-two-masters-b"));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        rewrite(lab, |text| {
            text.replacen("priority 100", "priority 110", 1).replacen("priority 80", "priority 999", 1)
        });
        let refused = lab.router(A).locum(&["reload"]);
        assert_eq!(refused.code, Some(1));
        assert!(refused.stderr.contains("999 is out of range for `priority`"), "{refused:?}");
        assert_eq!(lab.router(A).expect_status(GROUP.instance).priority, 100, "nothing of it is done");
        // A signal does the same, and tells the log.
        let pid = lab.router(A).show().iter().find_map(|item| match item {
            locum_control::Item::Service(service) => Some(service.pid),
            _ => None,
        });
        let kill = format!("kill -HUP {}", pid.expect("a process"));
        assert!(std::process::Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        sleep(Duration::from_millis(500));
        assert!(lab.router(A).log().contains("is not reloaded, the old configuration stands"));
        rewrite(lab, |text| text.replacen("priority 999", "priority 80", 1));
        assert!(std::process::Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        sleep(Duration::from_millis(500));
        assert_eq!(lab.router(A).expect_status(GROUP.instance).priority, 110);
    });
}

#[test]
fn instances_begin_begin_again_and_end() {
    with_lab(&[Locum, Locum], |lab| {
        lab.start(A, &scenario("2-two-masters-a"));
        lab.start(B, &scenario("2-two-masters-b"));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        lab.wait_master(Group::VI_2, B, TAKEOVER_MAX);
        // VI_1 goes; B takes its address over without a gap longer than its skew.
        rewrite(lab, |text| {
            text.replacen("vrrp_instance VI_1", "vrrp_instance VI_3", 1)
                .replacen("virtual_router_id 45", "virtual_router_id 46", 1)
                .replacen("172.20.45.248", "172.20.45.246", 1)
        });
        let told = lab.router(A).locum(&["reload"]);
        assert!(told.stdout.contains("+ VI_3: begins") && told.stdout.contains("- VI_1: ends"), "{told:?}");
        lab.router(B).wait_state(GROUP.instance, State::Master, TAKEOVER_MAX);
        lab.router(A).wait_state("VI_3", State::Master, TAKEOVER_MAX);
        assert_eq!(lab.router(A).status(GROUP.instance), None);
        assert!(lab.router(A).has("172.20.45.246".parse().unwrap()));
        // Another VRID is another router for everybody: it ends and begins again.
        rewrite(lab, |text| {
            text.replacen("virtual_router_id 46", "virtual_router_id 47", 1).replacen(
                "172.20.45.246",
                "172.20.45.245",
                1,
            )
        });
        let told = lab.router(A).locum(&["reload"]);
        assert!(told.stdout.contains("! VI_3: ends and begins again: virtual_router_id 46 -> 47"), "{told:?}");
        sleep(Duration::from_secs(3));
        let status = lab.router(A).wait_state("VI_3", State::Master, TAKEOVER_MAX);
        assert_eq!(status.vrid, 47);
        let is_it = |cause| cause == locum_control::Cause::Removed;
        lab.router(A).wait_cause("VI_3", State::Init, TAKEOVER_MAX, is_it);
        assert!(!lab.router(A).has("172.20.45.246".parse().unwrap()));
        assert_eq!(lab.router(A).instances().len(), 2);
    });
}

/// Another name for the same virtual router, and two that exchange their VRIDs: what is to begin waits until what had its
/// place has ended.
#[test]
fn what_takes_the_place_of_another_begins_when_that_has_ended() {
    with_lab(&[Locum], |lab| {
        let block = |name: &str, vrid: u8| {
            format!(
                "vrrp_instance {name} {{\n interface eth0\n virtual_router_id {vrid}\n virtual_ipaddress {{\n \
                 172.20.45.{}/32\n }}\n}}\n",
                150 + vrid
            )
        };
        lab.start(A, &(block("ONE", 1) + &block("TWO", 2)));
        lab.router(A).wait_state("TWO", State::Master, TAKEOVER_MAX);
        rewrite(lab, |_| block("NEW", 1) + &block("TWO", 2));
        let told = lab.router(A).locum(&["reload"]);
        assert!(told.stdout.contains("+ NEW: begins") && told.stdout.contains("- ONE: ends"), "{told:?}");
        wait_begun(lab, "NEW", 1);
        assert_eq!(lab.router(A).status("ONE"), None);
        rewrite(lab, |_| block("NEW", 2) + &block("TWO", 1));
        let told = lab.router(A).locum(&["reload"]);
        assert!(told.stdout.contains("! NEW: ends and begins again: virtual_router_id 1 -> 2"), "{told:?}");
        wait_begun(lab, "NEW", 2);
        wait_begun(lab, "TWO", 1);
        assert_eq!(lab.router(A).instances().len(), 2);
        for name in ["NEW", "TWO"] {
            let history = lab.router(A).history(name);
            assert!(history.iter().all(|change| change.to != State::Fault), "{history:?}");
        }
        // One that stays makes nobody wait: to a peer of its own, the other has the VRID as well.
        let peer = "virtual_router_id 1\n unicast_peer {\n 172.20.45.132\n }";
        let same = block("SAME", 1).replace("virtual_router_id 1", peer).replace(".151/32", ".160/32");
        rewrite(lab, |text| text.to_owned() + &same);
        let told = lab.router(A).locum(&["reload"]);
        assert!(told.stdout.contains("+ SAME: begins"), "{told:?}");
        wait_begun(lab, "SAME", 1);
        // The peer that one had is another's now, who begins in the same reload.
        let other = same.replace("SAME", "OTHER").replace(".160/32", ".161/32");
        rewrite(lab, |text| other.clone() + &text.replace("172.20.45.132", "172.20.45.133"));
        let told = lab.router(A).locum(&["reload"]);
        assert!(told.stdout.contains("+ OTHER: begins") && told.stdout.contains("~ SAME"), "{told:?}");
        wait_begun(lab, "OTHER", 1);
        wait_begun(lab, "SAME", 1);
    });
}

/// Waits until an instance with this VRID is MASTER.
fn wait_begun(lab: &mut Lab, name: &str, vrid: u8) {
    let limit = Instant::now() + 4 * TAKEOVER_MAX;
    let is_there = |lab: &mut Lab| {
        lab.router(A).status(name).is_some_and(|status| status.vrid == vrid && status.state == State::Master)
    };
    while !is_there(lab) {
        assert!(Instant::now() < limit, "{name}: {:?}", lab.router(A).status(name));
        sleep(Duration::from_millis(50));
    }
}

/// Every instance but the changed ones keeps its state and its beat while one is changed after the other.
#[test]
fn sixteen_instances_do_not_notice_the_changes_of_others() {
    with_lab(&[Locum], |lab| {
        let mut text = String::new();
        for number in 1..=16 {
            write!(
                text,
                "vrrp_instance V{number} {{\n interface eth0\n virtual_router_id {number}\n priority 100\n \
                 virtual_ipaddress {{\n 172.20.45.{}/32\n }}\n}}\n",
                150 + number
            )
            .unwrap();
        }
        lab.start(A, &text);
        for number in 1..=16 {
            lab.router(A).wait_state(&format!("V{number}"), State::Master, TAKEOVER_MAX);
        }
        sleep(Duration::from_secs(1));
        let from = Moment::now();
        for round in 0..60 {
            // One in four is changed; each of the others keeps its beat.
            let number = 1 + 4 * (round % 4);
            rewrite(lab, |text| {
                let head = format!("virtual_router_id {number}\n");
                let at = text.find(&head).unwrap() + head.len();
                let (before, after) = text.split_at(at);
                let line = after.lines().next().unwrap();
                let change = match round % 3 {
                    0 => format!(" priority {}", 101 + round),
                    1 => format!(" priority {}\n down_timer_adverts {}", 101 + round, 3 + round % 2),
                    _ => " priority 100".to_owned(),
                };
                let rest: Vec<_> = after.lines().skip(1).filter(|line| !line.contains("down_timer")).collect();
                assert!(line.contains("priority"), "{line}");
                format!("{before}{change}\n{}\n", rest.join("\n"))
            });
            let told = lab.router(A).locum(&["reload"]);
            assert_eq!(told.code, Some(0), "{told:?}");
        }
        sleep(Duration::from_secs(2));
        let timeline = lab.timeline().since(from);
        for number in 1..=16u8 {
            let name = format!("V{number}");
            assert_eq!(lab.router(A).history(&name).len(), 2, "{name} changed its state");
            let gap = timeline.longest_gap(A, number);
            assert!(gap < Duration::from_millis(1200), "{name} was silent for {gap:?}");
        }
    });
}
