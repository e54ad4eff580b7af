//! What a service says is kept in a file, and its adverts in a capture.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use locum_control::State;
use locum_tests::Daemon::Locum;
use locum_tests::Node::{A, B};
use locum_tests::{Group, Lab, Outcome, find_program, locum_binary, scenario, skip, wait_for, with_lab};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::TAKEOVER_MAX;

const GROUP: Group = Group::VI_1;

/// A recorder of B.
fn recorder(lab: &mut Lab, file: &Path, more: &[&str]) -> Child {
    let socket = lab.router(B).socket();
    let mut command = Command::new(locum_binary());
    command.arg("record").arg(file).args(more).arg("--socket").arg(socket).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("record")
}

fn ended(child: Child) -> Outcome {
    let output = child.wait_with_output().expect("wait for record");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Outcome { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
}

/// The lines of a recording behind its head, each a value with its time.
fn lines(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).expect("the recording");
    let mut lines =
        text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line}")));
    assert_eq!(lines.next().expect("a head")["locum_recording"], 1);
    lines.collect()
}

#[test]
fn a_takeover_is_recorded_and_its_adverts_are_a_capture_without_faults() {
    with_lab(&[Locum, Locum], |lab| {
        lab.start(A, &scenario("1-unicast-a"));
        lab.start(B, &scenario("1-unicast-b"));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        let folder = lab.file("placeholder", "");
        let folder = folder.parent().expect("the lab's folder");
        let (file, capture) = (folder.join("takeover.rec"), folder.join("takeover.pcapng"));
        let recorder = recorder(lab, &file, &[]);
        wait_for("the recording to begin", Duration::from_secs(10), || {
            (file.metadata().ok()?.len() > 1_000).then_some(())
        });
        sleep(Duration::from_millis(2_500));
        lab.stop(A);
        lab.wait_master(GROUP, B, TAKEOVER_MAX);
        sleep(Duration::from_millis(2_500));
        // Ctrl-C ends it in order.
        kill(Pid::from_raw(i32::try_from(recorder.id()).unwrap()), Signal::SIGINT).expect("signal");
        let outcome = ended(recorder);
        assert_eq!(outcome.code, Some(0), "{}", outcome.said());
        assert!(outcome.stdout.contains("locum replay"), "{}", outcome.said());
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);

        let lines = lines(&file);
        let times: Vec<_> = lines.iter().map(|line| line["at_unix_ms"].as_u64().expect("a time")).collect();
        assert!(times.is_sorted(), "{times:?}");
        assert_eq!(lines[0]["line"]["locum"], 1, "it begins with the greeting");
        let transition = |line: &&Value| line["line"]["event"] == "transition" && line["line"]["to"] == "MASTER";
        assert_eq!(lines.iter().filter(transition).count(), 1, "the takeover");
        let text = fs::read_to_string(&file).unwrap();
        assert!(!text.contains("admin123"), "a password in a recording");

        let export = ["export", "--pcap", capture.to_str().unwrap(), file.to_str().unwrap()];
        let outcome = lab.router(B).locum(&export);
        assert_eq!(outcome.code, Some(0), "{}", outcome.said());
        assert!(!fs::read(&capture).unwrap().windows(8).any(|bytes| bytes == b"admin123"), "a password in a capture");
        judge(&capture, &["172.20.45.131", "172.20.45.132"]);
        // Nothing is ever overwritten, and what is no recording is not taken for one.
        assert_eq!(lab.router(B).locum(&export).code, Some(1));
        assert_eq!(lab.router(B).locum(&["record", file.to_str().unwrap()]).code, Some(1));
        let other = folder.join("other.pcapng");
        let outcome = lab.router(B).locum(&["export", "--pcap", other.to_str().unwrap(), capture.to_str().unwrap()]);
        assert!(outcome.code == Some(1) && outcome.stderr.contains("no recording"), "{}", outcome.said());
        // Without a recording: what the service has kept.
        let outcome = lab.router(B).locum(&["export", "--pcap", other.to_str().unwrap()]);
        assert_eq!(outcome.code, Some(0), "{}", outcome.said());
        judge(&other, &["172.20.45.131", "172.20.45.132"]);
    });
}

/// tshark decodes it all, finds nothing malformed and no checksum wrong.
fn judge(capture: &Path, sources: &[&str]) {
    if find_program("tshark").is_none() {
        return skip("tshark is not installed");
    }
    let fields = [
        "_ws.malformed",
        "vrrp.virt_rtr_id",
        "vrrp.prio",
        "ip.src",
        "ip.ttl",
        "vrrp.checksum.status",
        "vrrp.ip_addr",
        "frame.comment",
    ];
    let mut command = Command::new("tshark");
    command.arg("-r").arg(capture).args(["-o", "ip.check_checksum:TRUE", "-T", "fields", "-E", "separator=|"]);
    for field in fields {
        command.args(["-e", field]);
    }
    let outcome = Outcome::of(&mut command);
    assert_eq!(outcome.code, Some(0), "{}", outcome.said());
    let mut seen = BTreeSet::new();
    for line in outcome.stdout.lines() {
        let [malformed, vrid, priority, source, ttl, checksum, vip, remark] =
            line.split('|').collect::<Vec<_>>()[..].try_into().unwrap_or_else(|_| panic!("{line}"));
        assert_eq!((malformed, vrid, ttl, checksum, vip), ("", "45", "255", "1", "172.20.45.248"), "{line}");
        assert!(["100", "80", "0"].contains(&priority), "{line}");
        assert!(remark.starts_with("rebuilt by locum"), "{line}");
        seen.insert(source.to_owned());
    }
    assert_eq!(seen, sources.iter().map(|source| (*source).to_owned()).collect(), "{}", outcome.said());
}

#[test]
fn a_recording_ends_by_itself_and_goes_on_after_a_restart() {
    with_lab(&[Locum, Locum], |lab| {
        lab.start(A, &scenario("1-unicast-a"));
        lab.start(B, &scenario("1-unicast-b"));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        let folder = lab.file("placeholder", "");
        let folder = folder.parent().expect("the lab's folder").to_owned();
        let small = recorder(lab, &folder.join("small"), &["--max-size", "8k"]);
        let outcome = ended(small);
        assert!(outcome.code == Some(0) && outcome.stdout.contains("The file is full"), "{}", outcome.said());
        let size = folder.join("small").metadata().unwrap().len();
        assert!((4_000..=8_192).contains(&size), "{size}");
        lines(&folder.join("small"));

        let long = recorder(lab, &folder.join("long"), &["--for", "9s"]);
        sleep(Duration::from_secs(2));
        lab.stop(B);
        lab.start_again(B);
        lab.router(B).wait_state(GROUP.instance, State::Backup, TAKEOVER_MAX);
        let outcome = ended(long);
        assert_eq!(outcome.code, Some(0), "{}", outcome.said());
        assert!(outcome.stdout.contains("the connection was lost once"), "{}", outcome.said());
        let greetings = lines(&folder.join("long")).iter().filter(|line| line["line"]["locum"] == 1).count();
        assert_eq!(greetings, 2);

        let nobody =
            Outcome::of(Command::new(locum_binary()).args(["record", "/nonexistent/x", "--socket", "/nonexistent/s"]));
        assert_eq!(nobody.code, Some(5), "{}", nobody.said());
    });
}
