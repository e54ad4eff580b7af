//! Sessions of ssh: where somebody came from is noted with what he did, and who is connected through a virtual address is
//! not cut off for good by what moves it.

use std::io::Write;
use std::process::{Command, Stdio};

use locum_control::{ChangeRecord, ChangeStanding, Item, Verb};
use locum_tests::Daemon::Locum;
use locum_tests::Node::{A, B};
use locum_tests::{Group, Lab, Outcome, locum_binary, scenario, with_lab};

use crate::TAKEOVER_MAX;

const GROUP: Group = Group::VI_1;
const FROM: &str = "172.20.45.200";

/// The command line, in a session that was connected to `at`.
fn said(lab: &mut Lab, at: &str, words: &[&str]) -> Outcome {
    Outcome::of(&mut command(lab, at, words))
}

fn command(lab: &mut Lab, at: &str, words: &[&str]) -> Command {
    let mut command = Command::new(locum_binary());
    command.args(words).arg("--socket").arg(lab.router(A).socket());
    command.env("SSH_CONNECTION", format!("{FROM} 51722 {at} 22"));
    command
}

/// What somebody has done last.
fn last_change(lab: &mut Lab) -> ChangeRecord {
    let (items, _) = lab.router(A).client().request(Verb::Changes).expect("the changes");
    let record = items.into_iter().find_map(|item| if let Item::Change(record) = item { Some(record) } else { None });
    record.expect("a change")
}

#[test]
fn who_comes_through_a_virtual_address_is_not_cut_off_for_good() {
    with_lab(&[Locum], |lab| {
        lab.start(A, &scenario("alone"));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        let (vip, own) = (GROUP.vip.to_string(), A.address().to_string());
        let through = format!("you are connected through {vip}");

        let priority = ["set", "VI_1", "priority", "90"];
        let preview = said(lab, &vip, &[&priority[..], &["--dry-run"]].concat());
        assert!(
            preview.stdout.contains(&format!("{through}: where it moves, your session ends")),
            "{}",
            preview.said()
        );
        let done = said(lab, &vip, &priority);
        assert!(done.stdout.contains(&through) && done.stdout.contains("taken back in 5 min"), "{}", done.said());
        let change = last_change(lab);
        assert!(matches!(change.standing, ChangeStanding::OnTrial { .. }), "{change:?}");
        assert!(change.who.contains(&format!("from {FROM}")), "{change:?}");
        assert_eq!(said(lab, &vip, &["rollback"]).code, Some(0));

        // Who says how it is to be is heard.
        for words in [&["--confirm", "0"][..], &["--for", "2m"]] {
            let done = said(lab, &vip, &[&priority[..], words].concat());
            assert!(done.code == Some(0) && !done.stdout.contains(&through), "{}", done.said());
            let change = last_change(lab);
            assert!(!matches!(change.standing, ChangeStanding::OnTrial { .. }), "{words:?}: {change:?}");
            assert_eq!(said(lab, &vip, &["rollback"]).code, Some(0));
        }
        // Through the router's own address nothing is different.
        let done = said(lab, &own, &priority);
        assert!(!done.said().contains("connected through"), "{}", done.said());
        assert!(matches!(last_change(lab).standing, ChangeStanding::Holds));
    });
}

#[test]
fn a_yield_through_the_address_that_moves_ends_soon() {
    with_lab(&[Locum, Locum], |lab| {
        lab.start(A, &scenario("1-unicast-a"));
        lab.start(B, &scenario("1-unicast-b"));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        let (vip, own) = (GROUP.vip.to_string(), A.address().to_string());
        let mut until = |at: &str, words: &[&str]| {
            let done = said(lab, at, &[&["yield", "VI_1"], words].concat());
            let back = lab.router(A).expect_status(GROUP.instance).standing_back.expect("it stands back");
            assert_eq!(said(lab, &own, &["resume", "VI_1"]).code, Some(0));
            (done.said(), back.until_unix_ms.is_some())
        };
        let (text, ends) = until(&vip, &[]);
        assert!(text.contains(&format!("you are connected through {vip}: it ends in 5 minutes")) && ends, "{text}");
        assert!(!until(&vip, &["--until-reboot"]).1);
        assert!(!until(&own, &[]).1);
    });
}

#[test]
fn where_somebody_came_from_is_told_through_a_proxy_and_a_lie_is_only_a_lie() {
    with_lab(&[Locum], |lab| {
        lab.start(A, &scenario("alone"));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        let mut proxy = command(lab, &A.address().to_string(), &["proxy"]);
        let mut process = proxy.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the proxy");
        let order = b"{\"id\":1,\"verb\":\"clear_statistics\"}\n";
        process.stdin.take().expect("its input").write_all(order).expect("an order");
        let heard = process.wait_with_output().expect("its answer").stdout;
        let heard = String::from_utf8_lossy(&heard);
        assert!(heard.contains("the statistics of all instances are cleared") && !heard.contains("error"), "{heard}");
        assert!(last_change(lab).who.contains(&format!(", from {FROM})")), "{:?}", last_change(lab));

        // What makes no sense as a session is refused, and says nothing about who it is.
        for odd in ["10.0.0.5", "a b c d", "10.0.0.5 1 \u{1b}[2J 22", ""] {
            let mut command = Command::new(locum_binary());
            command.args(["resume", "VI_9", "--socket"]).arg(lab.router(A).socket()).env("SSH_CONNECTION", odd);
            assert!(Outcome::of(&mut command).stderr.contains("no instance is called VI_9"), "{odd:?}");
        }
    });
}
