//! Statistics are cleared on order, by the operator and by keepalived's signal; nothing else changes, and who did it is told.

use std::fs;
use std::process::Command;
use std::time::Duration;

use locum_control::{InstanceStatus, State};
use locum_tests::Daemon::Locum;
use locum_tests::Node::A;
use locum_tests::{Group, Outcome, locum_binary, scenario, wait_for, with_lab};

use crate::{Running, TAKEOVER_MAX};

const GROUP: Group = Group::VI_1;

#[test]
fn counters_begin_anew_and_the_history_stays() {
    with_lab(&[Locum], |lab| {
        let conf = lab.file("cleared.conf", &scenario("alone"));
        let dumps = conf.with_file_name("dumps");
        fs::create_dir(&dumps).unwrap();
        let log = fs::File::create(conf.with_extension("log")).unwrap();
        let mut command = lab.router(A).command_in(locum_binary().to_str().unwrap());
        command.args(["run", "-f"]).arg(&conf).arg("--run-dir").arg(lab.router(A).run_dir());
        command.arg(format!("--keepalived-dumps={}", dumps.display())).arg("--socket").arg(lab.router(A).socket());
        let running = Running(command.stderr(log).spawn().expect("run it"));
        let router = lab.router(A);
        let once = |what: &str, is_it: &dyn Fn(&InstanceStatus) -> bool| {
            wait_for(what, TAKEOVER_MAX, || router.status(GROUP.instance).filter(|status| is_it(status)))
        };
        let many = |status: &InstanceStatus| status.state == State::Master && status.counters.adverts_sent >= 3;
        let before = once("some adverts", &many);
        assert_eq!(before.counters.became_master, 1);

        let cleared = router.locum(&["clear-statistics", GROUP.instance]);
        assert_eq!(cleared.code, Some(0), "{}", cleared.said());
        assert_eq!(cleared.stdout, "the statistics of VI_1 are cleared\n");
        let after = router.expect_status(GROUP.instance);
        assert_eq!((after.counters.became_master, after.counters.transitions.len()), (0, 0), "{:?}", after.counters);
        assert_eq!((after.state, after.since_us), (State::Master, before.since_us), "nothing else changes");
        assert!(!router.history(GROUP.instance).is_empty(), "the history stays");
        let changes = router.locum(&["changes"]).stdout;
        assert!(changes.contains("root") && changes.contains("the statistics of VI_1 are cleared"), "{changes}");
        let unknown = router.locum(&["clear-statistics", "VI_9"]);
        assert!(unknown.code == Some(1) && unknown.stderr.contains("VI_9"), "{}", unknown.said());

        // What the signal clears stands in the file first.
        once("some adverts more", &many);
        let number = Outcome::of(Command::new(locum_binary()).args(["keepalived", "--signum=STATS_CLEAR"]));
        let pid = running.0.id().to_string();
        assert_eq!(Outcome::of(Command::new("kill").args(["-s", number.stdout.trim(), &pid])).code, Some(0));
        wait_for("the signal to be noted", Duration::from_secs(10), || {
            router.locum(&["changes"]).stdout.contains("the statistics of all instances are cleared").then_some(())
        });
        let dump = fs::read_to_string(dumps.join("keepalived.stats")).unwrap();
        let sent = dump.lines().find_map(|line| line.trim().strip_prefix("Sent: ")).map(str::to_owned);
        assert!(sent.is_some_and(|sent| sent.parse::<u32>().unwrap() >= 3), "{dump}");
        assert!(router.expect_status(GROUP.instance).counters.adverts_sent < 3);
    });
}
