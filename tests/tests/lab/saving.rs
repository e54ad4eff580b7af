//! What has become of the configuration file by the time a change is saved: all of the change holds and is saved, or
//! nothing of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use locum_control::State;
use locum_tests::Daemon::Locum;
use locum_tests::Node::A;
use locum_tests::{Group, Lab, Outcome, locum_binary, scenario, wait_for, with_lab};

use crate::TAKEOVER_MAX;

const GROUP: Group = Group::VI_1;

/// A locum of A whose configuration lies on a small disk of its own, which it alone sees.
struct OnASmallDisk {
    process: Child,
    /// The folder, as the service sees it.
    folder: PathBuf,
}

impl OnASmallDisk {
    fn start(lab: &mut Lab) -> Self {
        let file = lab.file("A.conf", &scenario("alone"));
        let folder = file.with_file_name("disk");
        fs::create_dir(&folder).expect("a folder");
        let router = lab.router(A);
        let script = format!(
            "mount -t tmpfs -o size=64k,mode=755 small {folder} && cp {file} {folder}/locum.conf && \
             exec {locum} run -f {folder}/locum.conf --run-dir {run} --socket {socket}",
            folder = folder.display(),
            file = file.display(),
            locum = locum_binary().display(),
            run = router.run_dir().display(),
            socket = router.socket().display(),
        );
        let process = router.command_in("sh").args(["-c", &script]).spawn().expect("run it");
        let running = Self { process, folder };
        wait_for("MASTER", TAKEOVER_MAX, || {
            lab.router(A).status(GROUP.instance).filter(|status| status.state == State::Master).map(drop)
        });
        running
    }

    /// A file of the disk, as everybody sees it.
    fn path(&self, name: &str) -> PathBuf {
        // `ip netns exec` and `sh` have become locum.
        let root = PathBuf::from(format!("/proc/{}/root", self.process.id()));
        root.join(self.folder.strip_prefix("/").expect("an absolute path")).join(name)
    }

    fn remount(&self, how: &str) {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.process.id().to_string(), "-m", "mount", "-o", &format!("remount,{how}")]);
        let outcome = Outcome::of(command.arg(&self.folder));
        assert_eq!(outcome.code, Some(0), "{}", outcome.said());
    }

    fn files(&self) -> Vec<String> {
        let names = fs::read_dir(self.path("")).expect("the folder").map(|entry| entry.expect("an entry").file_name());
        names.map(|name| name.to_string_lossy().into_owned()).collect()
    }
}

impl Drop for OnASmallDisk {
    fn drop(&mut self) {
        let _ = self.process.kill(); // it may have ended
        let _ = self.process.wait();
    }
}

/// A change that cannot be saved, with the reason; nothing is different afterwards.
fn is_refused(lab: &mut Lab, file: &Path, reason: &str) {
    let before = fs::read(file).ok();
    let outcome = lab.router(A).locum(&["set", "VI_1", "priority", "90", "--save"]);
    assert_eq!(outcome.code, Some(1), "{}", outcome.said());
    for words in ["not saved", reason] {
        assert!(outcome.stderr.contains(words), "{words}: {}", outcome.said());
    }
    assert_eq!(lab.router(A).expect_status(GROUP.instance).priority, 100, "it runs and is not saved");
    assert_eq!(fs::read(file).ok(), before);
}

#[test]
fn a_disk_that_is_full_or_read_only_keeps_the_file_as_it_was() {
    with_lab(&[Locum], |lab| {
        lab.excuse_all();
        let running = OnASmallDisk::start(lab);
        let file = running.path("locum.conf");
        assert!(fs::write(running.path("fill"), vec![0; 70_000]).is_err(), "the disk is not full");
        is_refused(lab, &file, "No space left");
        fs::remove_file(running.path("fill")).unwrap();
        assert_eq!(running.files(), ["locum.conf"], "something half written is left behind");

        running.remount("ro");
        is_refused(lab, &file, "Read-only");
        // What is on trial stays so, and can be confirmed when the disk can be written again.
        let trial = lab.router(A).locum(&["set", "VI_1", "priority", "90", "--save", "--confirm", "5m"]);
        assert_eq!(trial.code, Some(0), "{}", trial.said());
        let refused = lab.router(A).locum(&["confirm"]);
        assert!(refused.code == Some(1) && refused.stderr.contains("Read-only"), "{}", refused.said());
        assert!(lab.router(A).locum(&["changes"]).stdout.contains("ON TRIAL"));
        running.remount("rw");
        let confirmed = lab.router(A).locum(&["confirm"]);
        assert_eq!(confirmed.code, Some(0), "{}", confirmed.said());
        assert_eq!(fs::read_to_string(&file).unwrap(), scenario("alone").replace("priority 100", "priority 90"));
    });
}

#[test]
fn what_somebody_else_has_written_meanwhile_stays_and_does_not_run_unasked() {
    with_lab(&[Locum], |lab| {
        let text = scenario("alone");
        lab.start(A, &text);
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        let file = lab.router(A).configuration();
        let text = fs::read_to_string(&file).unwrap();
        let by_hand = format!(
            "# anna was here\n{}",
            text.replace("virtual_router_id", "garp_master_repeat 3\n    virtual_router_id")
        );
        fs::write(&file, &by_hand).unwrap();
        let saved = lab.router(A).locum(&["set", "VI_1", "priority", "90", "--save"]);
        assert_eq!(saved.code, Some(0), "{}", saved.said());
        assert_eq!(fs::read_to_string(&file).unwrap(), by_hand.replace("priority 100", "priority 90"));
        // What was written by hand is told, and waits for a reload.
        let differs = lab.router(A).locum(&["diff"]).stdout;
        let differs = |words: &str| differs.lines().any(|line| line.starts_with(['-', '+']) && line.contains(words));
        assert!(differs("garp_master_repeat") && !differs("priority"));
        assert_eq!(lab.router(A).locum(&["reload"]).code, Some(0));
        assert!(lab.router(A).locum(&["diff"]).stdout.contains("what runs is what"));

        fs::write(&file, by_hand.replacen('{', "", 1)).unwrap();
        let broken = lab.router(A).locum(&["set", "VI_1", "priority", "80", "--save"]);
        assert!(broken.code == Some(1) && broken.stderr.contains("not saved"), "{}", broken.said());
        fs::remove_file(&file).unwrap();
        let gone = lab.router(A).locum(&["set", "VI_1", "priority", "80", "--save"]);
        assert!(gone.code == Some(1) && gone.stderr.contains("locum.conf"), "{}", gone.said());
        assert_eq!(lab.router(A).expect_status(GROUP.instance).priority, 90);
        assert!(!file.exists(), "half a file is made");
    });
}
