//! Services on other machines: the conversation is carried by `ssh HOST locum proxy`, one for each host.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use locum_tests::Daemon::Locum;
use locum_tests::Node::{A, B};
use locum_tests::{Group, Lab, Outcome, locum_binary, scenario, wait_for, with_lab};

use crate::TAKEOVER_MAX;

const GROUP: Group = Group::VI_1;

/// A folder with an `ssh` in it that runs the command here: the host's name is that of a router's folder. It notes its words.
fn fake_ssh(lab: &mut Lab) -> std::path::PathBuf {
    let words = lab.file("words", "");
    let home = words.parent().expect("the lab's folder").to_owned();
    let folder = home.join("bin");
    fs::create_dir(&folder).unwrap();
    let script = format!(
        "#!/bin/sh\nfor word; do echo \"<$word>\" >> '{words}'; done\nwhile [ $# -gt 2 ]; do shift; done\n\
         host=${{1#*@}}\n[ -d '{home}'/\"$host\" ] || {{ echo \"ssh: connect to host $host: No route to host\" >&2; exit 255; }}\n\
         LOCUM_SOCKET='{home}'/\"$host\"/control.sock\nexport LOCUM_SOCKET\nPATH='{binary}':$PATH\nexec sh -c \"$2\"\n",
        words = words.display(),
        home = home.display(),
        binary = locum_binary().parent().expect("its folder").display(),
    );
    let ssh = folder.join("ssh");
    fs::write(&ssh, script).unwrap();
    fs::set_permissions(&ssh, fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

#[test]
fn several_hosts_stand_side_by_side_and_one_that_is_lost_takes_none_with_it() {
    with_lab(&[Locum, Locum], |lab| {
        lab.start(A, &scenario("1-unicast-a"));
        lab.start(B, &scenario("1-unicast-b"));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        let folder = fake_ssh(lab);
        let words = folder.with_file_name("words");
        let console = |hosts: &[&str], more: &[&str]| {
            let mut command = Command::new(locum_binary());
            for host in hosts {
                command.args(["--host", host]);
            }
            command.args(["--once", "--ascii"]).args(more).env("PATH", format!("{}:/usr/bin:/bin", folder.display()));
            Outcome::of(command.env_remove("LOCUM_SOCKET"))
        };
        let both = console(&["root@A", "B"], &[]);
        assert_eq!(both.code, Some(0), "{}", both.said());
        for word in ["MASTER", "BACKUP"] {
            assert!(both.stdout.contains(word), "{word}: {}", both.said());
        }
        let said = fs::read_to_string(&words).unwrap();
        assert!(said.contains("<root@A>\n<locum proxy>\n") && said.contains("<BatchMode=yes>\n"), "{said}");

        // One of them is away: the other is shown all the same, and why.
        let one = console(&["A", "C"], &[]);
        assert!(one.stdout.contains("MASTER") && one.said().contains("No route to host"), "{}", one.said());

        // What is said of the host and the command reaches ssh as one word each, and no shell of this machine.
        fs::write(&words, "").unwrap();
        let trap = folder.with_file_name("trap");
        let evil = format!("A;touch${{IFS}}{}", trap.display());
        let outcome = console(&[&evil], &["--remote-command", "locum proxy; true"]);
        assert_ne!(outcome.code, Some(0), "{}", outcome.said());
        assert!(!trap.exists(), "a host's name was run by a shell");
        let said = fs::read_to_string(&words).unwrap();
        assert!(said.contains(&format!("<{evil}>\n<locum proxy; true>\n")), "{said}");
        let outcome = console(&["-oProxyCommand=x"], &[]);
        assert_eq!(outcome.code, Some(2), "{}", outcome.said());
    });
}

#[test]
fn a_proxy_carries_the_conversation_and_ends_with_either_side() {
    with_lab(&[Locum], |lab| {
        lab.start(A, &scenario("alone"));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        let socket = lab.router(A).socket();
        let proxy = || {
            let mut command = Command::new(locum_binary());
            command.args(["proxy", "--socket"]).arg(&socket);
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("proxy")
        };
        let limit = Duration::from_secs(10);
        let mut asked = proxy();
        let mut answers = BufReader::new(asked.stdout.take().unwrap()).lines();
        let mut line = || answers.next().expect("a line").expect("text");
        assert!(line().starts_with("{\"locum\":1,"), "the greeting");
        let mut input = asked.stdin.take().unwrap();
        input.write_all(b"{\"id\":7,\"verb\":\"show\",\"instance\":\"VI_1\"}\n").unwrap();
        while !line().contains("\"done\"") {}
        // Who asks has gone.
        drop(input);
        wait_for("the proxy to end", limit, || asked.try_wait().unwrap());
        // The service has gone.
        let mut watching = proxy();
        let mut answers = BufReader::new(watching.stdout.take().unwrap()).lines();
        assert!(answers.next().is_some());
        lab.stop(A);
        wait_for("the proxy to end", limit, || watching.try_wait().unwrap());
    });
}
