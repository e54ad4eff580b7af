//! `locum run --sandbox`: files elsewhere are out of reach, what needs them is refused by name, and all else works.

use std::fs;
use std::os::unix::fs::symlink;

use locum_control::State;
use locum_tests::Daemon::Locum;
use locum_tests::Node::A;
use locum_tests::{Group, Outcome, locum_binary, scenario, skip, wait_for, with_lab};
use nix::sys::signal::Signal;

use crate::{Running, TAKEOVER_MAX};

const GROUP: Group = Group::VI_1;

#[test]
fn files_elsewhere_are_out_of_reach_and_all_else_works() {
    with_lab(&[Locum], |lab| {
        let folder = lab.file("x", "").parent().unwrap().to_owned();
        let [own, elsewhere, dumps] = ["own", "elsewhere", "dumps"].map(|name| {
            fs::create_dir(folder.join(name)).unwrap();
            folder.join(name)
        });
        let conf = own.join("locum.conf");
        fs::write(&conf, scenario("alone")).unwrap();
        fs::write(elsewhere.join("read"), "0").unwrap();
        let log = folder.join("sandbox.log");
        let mut command = lab.router(A).command_in(locum_binary().to_str().unwrap());
        command.args(["run", "--sandbox", "-f"]).arg(&conf).arg("--run-dir").arg(lab.router(A).run_dir());
        command.arg(format!("--keepalived-dumps={}", dumps.display())).arg("--socket").arg(lab.router(A).socket());
        let mut running = Running(command.stderr(fs::File::create(&log).unwrap()).spawn().expect("run it"));
        wait_for("MASTER", TAKEOVER_MAX, || {
            lab.router(A).status(GROUP.instance).filter(|status| status.state == State::Master)
        });
        let said = fs::read_to_string(&log).unwrap();
        if said.contains("files are not restricted") {
            skip(&format!("no Landlock: {said}"));
            return;
        }
        assert!(said.contains("--sandbox: files are changed below") && said.contains("/own"), "{said}");
        let router = lab.router(A);
        let ok = |arguments: &[&str]| {
            let outcome = router.locum(arguments);
            assert_eq!(outcome.code, Some(0), "{arguments:?}: {}", outcome.said());
        };
        let refused = |arguments: &[&str], words: [&str; 2]| {
            let outcome = router.locum(arguments);
            assert_eq!(outcome.code, Some(1), "{arguments:?}: {}", outcome.said());
            assert!(words.iter().all(|word| outcome.stderr.contains(word)), "{words:?}: {}", outcome.said());
        };

        // Edits that are kept, a reload, a tracker on a file elsewhere that is only read, dumps.
        ok(&["set", "VI_1", "priority", "120", "--save"]);
        let saved = fs::read_to_string(&conf).unwrap();
        assert!(saved.contains("priority 120"), "{saved}");
        let tracker = |path: &str| format!("track_file t {{\n file {}/{path}\n}}\n", elsewhere.display());
        fs::write(&conf, format!("{}{}", tracker("read"), saved.replace("priority 120", "priority 110"))).unwrap();
        ok(&["reload"]);
        running.signal(Signal::SIGUSR1);
        wait_for("the dump", TAKEOVER_MAX, || dumps.join("keepalived.data").exists().then_some(()));

        // What needs more is refused by name, and nothing of it happens.
        let good = fs::read_to_string(&conf).unwrap();
        fs::write(&conf, good.replace(" file /", " init_file 1\n file /")).unwrap();
        refused(&["reload"], ["elsewhere", "--sandbox"]);
        assert!(!elsewhere.join("new").exists());
        fs::write(&conf, format!("vrrp_script s {{\n script /bin/true\n}}\n{good}")).unwrap();
        refused(&["reload", "--dry-run"], ["scripts", "--sandbox"]);
        refused(&["reload"], ["scripts", "--sandbox"]);

        // So is an edit of a file that has moved.
        fs::write(elsewhere.join("locum.conf"), &good).unwrap();
        fs::remove_file(&conf).unwrap();
        symlink(elsewhere.join("locum.conf"), &conf).unwrap();
        refused(&["set", "VI_1", "priority", "140", "--save"], ["elsewhere", "--sandbox"]);
        assert_eq!(fs::read_to_string(elsewhere.join("locum.conf")).unwrap(), good);

        // The kernel stands behind it: what leads elsewhere by a detour is denied, and named.
        fs::remove_dir_all(&dumps).unwrap();
        symlink(&elsewhere, &dumps).unwrap();
        running.signal(Signal::SIGUSR1);
        wait_for("the denial", TAKEOVER_MAX, || {
            let said = fs::read_to_string(&log).unwrap();
            (said.contains("keepalived.data") && said.contains("ermission denied")).then_some(())
        });
        assert!(!elsewhere.join("keepalived.data").exists());

        assert!(router.has(GROUP.vip));
        running.signal(Signal::SIGTERM);
        let status = wait_for("it to end", TAKEOVER_MAX, || running.0.try_wait().expect("wait for it"));
        assert!(status.success() && !router.has(GROUP.vip) && !router.socket().exists(), "{status}");
    });
}

#[test]
fn with_scripts_it_says_why_it_restricts_nothing() {
    with_lab(&[Locum], |lab| {
        let script = "vrrp_script s {\n script /bin/true\n}\n";
        let conf = lab.file("scripts.conf", &format!("{script}{}", scenario("alone")));
        let mut command = lab.router(A).command_in(locum_binary().to_str().unwrap());
        command.args(["run", "--sandbox", "-f"]).arg(&conf).arg("--run-dir").arg(lab.router(A).run_dir());
        let mut running = Running(command.stderr(std::process::Stdio::piped()).spawn().expect("run it"));
        wait_for("the socket", TAKEOVER_MAX, || lab.router(A).run_dir().join("control.sock").exists().then_some(()));
        running.signal(Signal::SIGTERM);
        let mut said = String::new();
        std::io::Read::read_to_string(running.0.stderr.as_mut().unwrap(), &mut said).unwrap();
        assert!(said.contains("not restricted, because scripts are configured"), "{said}");
        let outcome = Outcome::of(std::process::Command::new(locum_binary()).args(["run", "--help"]));
        assert!(outcome.stdout.contains("--sandbox"), "{}", outcome.said());
    });
}
