//! A dead, slow or hostile client of the socket costs the others nothing.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use locum_control::{Event, LINE_BYTES_MAX, Verb};
use locum_tests::Daemon::Locum;
use locum_tests::Node::{A, B};
use locum_tests::{Group, Lab, Moment, Outcome, copy_program, locum_binary, scenario, skip, with_lab};

use crate::TAKEOVER_MAX;

const GROUP: Group = Group::VI_1;

#[test]
fn a_client_that_never_reads_is_dropped_and_disturbs_nobody() {
    with_lab(&[Locum, Locum], |lab| {
        master_and_backup(lab);
        let from = Moment::now();
        let mut reader = lab.router(A).client();
        reader.request(Verb::Watch { instance: None, adverts: true }).expect("watch");

        let mut idle = UnixStream::connect(lab.router(A).socket()).expect("connect");
        idle.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
        idle.write_all(b"{\"id\":1,\"verb\":\"watch\",\"adverts\":true}\n").unwrap();
        // It asks on and on and reads nothing of what it is told.
        let began = Instant::now();
        let dropped = loop {
            match idle.write(b"{\"id\":2,\"verb\":\"show\"}\n") {
                Err(error) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => break true,
                // The service does not read either, as long as nobody takes its answers.
                Ok(_) | Err(_) if began.elapsed() < Duration::from_secs(40) => {}
                Ok(_) | Err(_) => break false,
            }
        };
        assert!(dropped, "a client that never reads is kept for ever");
        let log = lab.router(A).log();
        assert!(log.contains("was dropped"), "that a client was dropped is not in the log: {log}");

        // The other client missed nothing.
        let mut adverts = 0;
        let mut last = 0;
        while let Ok(notice) = reader.next_notice(Some(Duration::from_millis(1500))) {
            assert_eq!(notice.seq, last + 1, "a notice is missing");
            last = notice.seq;
            if let Event::Adverts { marks, .. } = notice.event {
                adverts += marks.len();
            }
            if adverts >= 3 && Moment::now().since(from) > Duration::from_secs(5) {
                break;
            }
        }
        assert!(adverts >= 3, "the other client heard of {adverts} adverts only");
        undisturbed(lab, from);
    });
}

#[test]
fn garbage_is_answered_with_an_error_and_disturbs_nobody() {
    with_lab(&[Locum, Locum], |lab| {
        master_and_backup(lab);
        let from = Moment::now();
        let deep = format!("{}\n", "[".repeat(30_000));
        let long = format!("{{\"id\":1,\"verb\":\"{}\"}}\n", "x".repeat(2 * LINE_BYTES_MAX));
        let rubbish: [&[u8]; 10] = [
            b"\n",
            b"hello\n",
            b"{}\n",
            b"{\"id\":-1,\"verb\":\"show\"}\n",
            b"{\"id\":1,\"verb\":\"explode\"}\n",
            b"{\"id\":1,\"verb\":\"why\"}\n",
            b"\xff\xfe\x00\n",
            b"{\"id\":1,\"verb\":\"why\",\"instance\":\"no such one\"}\n",
            deep.as_bytes(),
            long.as_bytes(),
        ];
        for line in rubbish {
            let answer = ask(lab, line);
            let brief = String::from_utf8_lossy(&line[..line.len().min(40)]).into_owned();
            assert!(answer.is_empty() || answer.contains("\"error\""), "{brief} was answered with {answer}");
        }
        // Without a newline, and gone.
        ask(lab, b"{\"id\":1,\"verb\":");
        ask(lab, &[0; 200_000]);
        lab.router(A).client().request(Verb::Show { instance: None }).expect("the socket works as before");
        undisturbed(lab, from);
    });
}

#[test]
fn many_connections_are_bounded_and_disturb_nobody() {
    with_lab(&[Locum, Locum], |lab| {
        master_and_backup(lab);
        let from = Moment::now();
        let socket = lab.router(A).socket();
        let open: Vec<UnixStream> = (0..500).filter_map(|_| UnixStream::connect(&socket).ok()).collect();
        sleep(Duration::from_secs(4));
        drop(open);
        undisturbed(lab, from);
        lab.router(A).client().request(Verb::Show { instance: None }).expect("the socket works as before");
    });
}

#[test]
fn whoever_is_on_the_machine_may_look_and_not_change() {
    // Without root there is only one user in the lab.
    let nobody = ["--reuid=65534", "--regid=65534", "--clear-groups"];
    if !Command::new("setpriv").args(nobody).arg("true").status().is_ok_and(|status| status.success()) {
        skip("setpriv cannot become another user; run it as root");
        return;
    }
    with_lab(&[Locum], |lab| {
        lab.start(A, &scenario("alone"));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        // The folder that it was built in may be closed to others.
        let binary = lab.file("locum", "");
        copy_program(locum_binary(), &binary);
        let socket = lab.router(A).socket();
        let as_nobody = |arguments: &[&str]| {
            let mut command = Command::new("setpriv");
            Outcome::of(command.args(nobody).arg(&binary).args(arguments).arg("--socket").arg(&socket))
        };
        let show = as_nobody(&["show", "--json"]);
        assert_eq!(show.code, Some(0), "{}", show.said());
        assert!(show.stdout.contains("\"reader\""), "{}", show.said());
        let resume = as_nobody(&["resume", GROUP.instance]);
        assert_eq!(resume.code, Some(1), "{}", resume.said());
        assert!(resume.stderr.contains("root"), "who may is not said: {}", resume.said());
    });
}

/// What is said after the greeting, to a connection that says `bytes` and then nothing more.
fn ask(lab: &mut Lab, bytes: &[u8]) -> String {
    let mut stream = UnixStream::connect(lab.router(A).socket()).expect("connect");
    stream.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(3))).unwrap();
    // It may be closed before all is said.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let text = String::from_utf8(answer).expect("UTF-8");
    text.split_once('\n').map(|(_, rest)| rest.to_owned()).unwrap_or_default()
}

fn master_and_backup(lab: &mut Lab) {
    lab.start(A, &scenario("1-unicast-a"));
    lab.start(B, &scenario("1-unicast-b"));
    lab.wait_master(GROUP, A, TAKEOVER_MAX);
    sleep(Duration::from_millis(500));
}

/// Since `from` the adverts of A went on as before, and B stayed silent.
fn undisturbed(lab: &mut Lab, from: Moment) {
    let timeline = lab.timeline().since(from);
    let gap = timeline.longest_gap(A, GROUP.vrid);
    assert!(gap < Duration::from_millis(1200), "an advert was late: {gap:?}");
    assert!(timeline.adverts_by(B, GROUP.vrid).is_empty(), "the backup spoke");
    lab.wait_master(GROUP, A, Duration::from_secs(1));
}
