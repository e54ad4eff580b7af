//! The log waits for nobody.

use std::io::Read;
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::time::Duration;

use locum_control::State;
use locum_tests::Daemon::Locum;
use locum_tests::Node::A;
use locum_tests::{Group, Lab, Moment, locum_binary, scenario, wait_for, with_lab};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::TAKEOVER_MAX;

const GROUP: Group = Group::VI_1;

/// More than the 64 KiB that a pipe holds, at some hundred bytes a line.
const CONNECTIONS: usize = 1_500;

fn is_master(lab: &mut Lab) -> bool {
    lab.router(A).status(GROUP.instance).is_some_and(|status| status.state == State::Master)
}

#[test]
fn nobody_reads_the_log_and_the_service_goes_on() {
    with_lab(&[Locum], |lab| {
        let configuration = lab.file("alone.conf", &scenario("alone"));
        let router = lab.router(A);
        let (socket, run_dir) = (router.socket(), router.run_dir());
        let mut command = router.command_in(locum_binary().to_str().expect("a path in UTF-8"));
        command.args(["run", "--log-format", "json", "-f"]).arg(configuration);
        command.arg("--socket").arg(&socket).arg("--run-dir").arg(run_dir);
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().expect("locum");
        wait_for("A to be master", TAKEOVER_MAX, || is_master(lab).then_some(()));
        let from = Moment::now();
        // Each one beyond the bound ends the oldest, which is worth a line.
        let mut open = Vec::new();
        for number in 0..CONNECTIONS {
            open.push(UnixStream::connect(&socket).unwrap_or_else(|error| panic!("connection {number}: {error}")));
            if open.len() > 64 {
                open.remove(0);
            }
        }
        drop(open);
        std::thread::sleep(Duration::from_millis(2500));
        let gap = lab.timeline().since(from).longest_gap(A, GROUP.vrid);
        assert!(gap < Duration::from_millis(1400), "an advert was late: {gap:?}");
        assert!(is_master(lab), "it does not answer");

        // Now somebody reads: whole lines, and how many are lost.
        let mut pipe = child.stderr.take().expect("a pipe");
        let reader = std::thread::spawn(move || {
            let mut text = String::new();
            pipe.read_to_string(&mut text).expect("UTF-8");
            text
        });
        std::thread::sleep(Duration::from_millis(1500));
        let pid = i32::try_from(child.id()).expect("a process ID");
        kill(Pid::from_raw(pid), Signal::SIGTERM).expect("signal");
        let status = wait_for("the service to end", Duration::from_secs(10), || child.try_wait().expect("wait"));
        assert!(status.success(), "{status}");
        let text = reader.join().expect("the reader");
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
            .collect();
        let says =
            |words: &str| lines.iter().any(|line| line["message"].as_str().is_some_and(|text| text.contains(words)));
        assert!(text.len() > 65_536 && says("lines of the log are lost") && says("stopped"), "{} bytes", text.len());
    });
}
