//! Scripts that hang, a FIFO that nobody reads and a relay that does not answer: nothing of it reaches the adverts.

use std::thread::sleep;
use std::time::{Duration, Instant};

use locum_tests::{Daemon, Group, Moment, Node, scenario, wait_for, with_lab};

use crate::TAKEOVER_MAX;

const GROUP: Group = Group::VI_1;

#[test]
fn what_hangs_is_in_nobodys_way() {
    with_lab(&[Daemon::Locum, Daemon::Locum], |lab| {
        let fifo = lab.router(Node::A).run_dir().join("fifo");
        let hook = lab.file("hook", "while :; do sleep 100; done\n");
        // Nobody has that address: connections to it are tried until their time is up.
        let global = format!(
            "global_defs {{\nscript_user root\nvrrp_notify_fifo {}\nnotification_email {{\nadmin@example.net\n}}\n\
             smtp_server 172.20.45.99\nsmtp_alert on\n}}\n",
            fifo.display()
        );
        let original = scenario("1-unicast-a");
        let (instance, _) = original.trim_end().rsplit_once('}').unwrap();
        let scripts = ["notify", "notify_master", "notify_backup", "notify_stop"];
        let notify = scripts.map(|keyword| format!("    {keyword} \"/bin/sh {}\"\n", hook.display())).concat();
        lab.start(Node::A, &format!("{global}{instance}{notify}}}\n"));
        lab.start(Node::B, &scenario("1-unicast-b"));
        lab.wait_master(GROUP, Node::A, TAKEOVER_MAX);
        wait_for("B to hear A", TAKEOVER_MAX, || lab.router(Node::B).status(GROUP.instance)?.master);

        let from = Moment::now();
        for _ in 0..20 {
            let asked = Instant::now();
            lab.router(Node::A).expect_status(GROUP.instance);
            assert!(asked.elapsed() < Duration::from_secs(1), "the socket waits for {:?}", asked.elapsed());
            sleep(Duration::from_millis(200));
        }
        let gap = lab.timeline().since(from).longest_gap(Node::A, GROUP.vrid);
        assert!(gap < Duration::from_millis(1_200), "adverts were {gap:?} apart");

        // The end waits for the last word, but not for ever.
        let asked = Instant::now();
        let (_, status) = lab.stop(Node::A);
        assert!(status.success(), "{status}");
        assert!(asked.elapsed() > Duration::from_secs(4), "notify_stop was given time");
        let farewells = lab.timeline().since(from).farewells(Node::A, GROUP.vrid).len();
        assert!(farewells > 0, "it says that it leaves");
        let log = lab.router(Node::A).log();
        assert!(log.contains("scripts still run after"), "{log}");
    });
}
