//! `locum cleanup`: what a service that was killed has left, removed without a service.

use std::fs;
use std::time::Duration;

use locum_tests::Daemon::Locum;
use locum_tests::Node::A;
use locum_tests::{Group, Lab, Outcome, scenario, with_lab};

use crate::TAKEOVER_MAX;

const GROUP: Group = Group::VI_1;

fn cleanup(lab: &mut Lab, arguments: &[&str]) -> Outcome {
    let router = lab.router(A);
    let (socket, run_dir) = (router.socket(), router.run_dir());
    let mut all =
        vec!["cleanup".as_ref(), "--socket".as_ref(), socket.as_os_str(), "--run-dir".as_ref(), run_dir.as_os_str()];
    all.extend(arguments.iter().map(|argument| std::ffi::OsStr::new(*argument)));
    router.run_in(&all)
}

#[test]
fn what_a_killed_service_has_left_is_removed_without_another() {
    with_lab(&[Locum], |lab| {
        let blocks = "virtual_routes {\n 192.168.110.0/24 via 172.20.45.200\n }\n \
                      virtual_rules {\n from 192.168.28.0/24 table 77 preference 39\n }";
        lab.start(A, &scenario("alone").replace("priority 100", &format!("priority 100\n {blocks}")));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);

        let refused = cleanup(lab, &[]);
        assert_eq!(refused.code, Some(1), "{}", refused.said());
        assert!(refused.stderr.contains("another locum"), "{}", refused.said());

        lab.router(A).ip("addr add 172.20.45.247/32 dev eth0"); // somebody else's
        lab.kill9(A);
        let dry = cleanup(lab, &["--dry-run"]);
        assert_eq!(dry.code, Some(0), "{}", dry.said());
        assert!(dry.stdout.contains("would remove 172.20.45.248/32 on eth0\n"), "{}", dry.said());
        assert!(lab.router(A).has(GROUP.vip), "a dry run removes nothing");

        let done = cleanup(lab, &[]);
        assert_eq!(done.code, Some(0), "{}", done.said());
        for what in ["172.20.45.248/32 on eth0", "route 192.168.110.0/24", "rule 39", "control.sock"] {
            assert!(done.stdout.contains("removed") && done.stdout.contains(what), "{what}: {}", done.said());
        }
        let router = lab.router(A);
        assert!(!router.has(GROUP.vip) && router.has("172.20.45.247".parse().unwrap()));
        let shown = router.ip("route") + &router.ip("rule");
        assert!(!shown.contains("192.168.110.0") && !shown.contains("192.168.28.0"), "{shown}");

        let again = cleanup(lab, &[]);
        assert_eq!((again.code, again.stdout.as_str()), (Some(0), "nothing was left behind\n"));
    });
}

#[test]
fn a_journal_that_cannot_be_understood_is_refused_by_name_and_kept() {
    with_lab(&[Locum], |lab| {
        lab.start(A, &scenario("alone"));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        lab.kill9(A);
        let journal = lab.router(A).run_dir().join("journal.json");
        let text = fs::read_to_string(&journal).unwrap();
        for damaged in [&text[..text.len() / 2], &text.replace("\"version\":1", "\"version\":7")] {
            fs::write(&journal, damaged).unwrap();
            let refused = cleanup(lab, &[]);
            assert_eq!(refused.code, Some(1), "{}", refused.said());
            assert!(refused.stderr.contains("journal") && refused.stderr.contains("help:"), "{}", refused.said());
            assert_eq!(fs::read_to_string(&journal).unwrap(), damaged);
            // A start says the same, and touches nothing.
            lab.start_again(A);
            let status = lab.router(A).wait_end();
            assert_eq!(status.code(), Some(1));
            assert!(lab.router(A).has(GROUP.vip));
        }
        fs::write(&journal, text).unwrap();
        assert_eq!(cleanup(lab, &[]).code, Some(0));
        lab.start_again(A);
        lab.wait_master(GROUP, A, TAKEOVER_MAX + Duration::from_secs(5));
    });
}
