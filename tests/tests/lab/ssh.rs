//! The console on a router behind a real ssh: its own server and keys, on an address inside the lab.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use locum_tests::Daemon::Locum;
use locum_tests::Node::{self, A, B};
use locum_tests::{Group, Lab, Outcome, find_program, locum_binary, scenario, skip, wait_for, with_lab};
use nix::pty::{Winsize, openpty};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::TAKEOVER_MAX;

const GROUP: Group = Group::VI_1;
/// Where A's ssh server listens: A's own address (tests/scenarios).
const HOST: &str = "root@172.20.45.131";
/// Connecting takes a fraction of a second, and the console tries again after at most five.
const LIMIT: Duration = Duration::from_secs(30);

#[test]
fn a_router_behind_ssh_is_attached_lost_and_attached_again() {
    if let Some(lack) = lack() {
        skip(&lack);
        return;
    }
    with_lab(&[Locum, Locum], |lab| {
        lab.start(A, &scenario("1-unicast-a"));
        lab.start(B, &scenario("1-unicast-b"));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        let ssh = Ssh::prepare(lab);
        let mut server = ssh.serve(lab);
        let mut console = ssh.console(lab, B);
        // A's own words reach the console over the network.
        console.wait("both routers", |text| text.contains("connected, admin") && text.contains("1 MASTER, 1 BACKUP"));
        // The server and the conversation are killed: the cable is fine, nobody says goodbye.
        server.kill_with_children();
        console.wait("that A is not reached", |text| {
            text.contains("1 of 2 disconnected") && text.contains("MASTER?") && text.contains("BACKUP ")
        });
        let once = ssh.once(lab, B);
        assert!(once.said().contains("refused"), "{}", once.said());
        let _server = ssh.serve(lab);
        console.wait("both routers again", |text| {
            text.contains("connected, admin") && text.contains("1 MASTER, 1 BACKUP") && !text.contains("unknown")
        });
        console.keys("q");
        assert_eq!(console.end(), Some(0));
        // What is done over ssh is noted with where it came from.
        let done = ssh.run(lab, B, "locum clear-statistics");
        assert_eq!(done.code, Some(0), "{}", done.said());
        let changes = lab.router(A).locum(&["changes"]).stdout;
        assert!(changes.contains(&format!(", from {})", B.address())), "{changes}");
    });
}

/// What the machine lacks.
fn lack() -> Option<String> {
    if let Some(program) = ["sshd", "ssh", "ssh-keygen"].into_iter().find(|program| find_program(program).is_none()) {
        return Some(format!("{program} is not installed (openssh-server, openssh-client)"));
    }
    // The server gives its privileges up to a user of its own.
    let users = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let count: u64 = users.lines().filter_map(|line| line.split_whitespace().nth(2)?.parse::<u64>().ok()).sum();
    (count < 65_536)
        .then(|| "an ssh server needs several users, and this user namespace has one; run it as root".into())
}

/// Keys and settings of both sides.
struct Ssh {
    server_settings: PathBuf,
    /// Has an `ssh` that is the real one with these settings.
    programs: PathBuf,
}

impl Ssh {
    fn prepare(lab: &mut Lab) -> Self {
        let made = lab.file("ssh-made", "");
        let home = made.parent().expect("the lab's folder").join("ssh");
        fs::create_dir_all(home.join("bin")).unwrap();
        for key in ["host", "user"] {
            let made = Outcome::of(
                Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(home.join(key)),
            );
            assert_eq!(made.code, Some(0), "{}", made.said());
        }
        fs::copy(home.join("user.pub"), home.join("authorized")).unwrap();
        // Where the server separates its privileges; it refuses to start without.
        fs::create_dir_all("/run/sshd").unwrap();
        let folder = home.display();
        let binary = locum_binary();
        let binaries = binary.parent().expect("its folder").display();
        let socket = lab.router(A).socket();
        let (_, address) = HOST.split_once('@').expect("a user and a host");
        let server_settings = lab.file(
            "ssh/sshd_config",
            &format!(
                "ListenAddress {address}\nHostKey {folder}/host\nPidFile none\nAuthorizedKeysFile {folder}/authorized\n\
                 StrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin prohibit-password\n\
                 SetEnv LOCUM_SOCKET={} PATH={binaries}:/usr/bin:/bin\n",
                socket.display()
            ),
        );
        let client_settings = lab.file(
            "ssh/ssh_config",
            &format!(
                "IdentityFile {folder}/user\nIdentitiesOnly yes\nUserKnownHostsFile {folder}/known\n\
                 StrictHostKeyChecking accept-new\n"
            ),
        );
        let real = find_program("ssh").expect("ssh");
        let wrapper = format!("#!/bin/sh\nexec '{}' -F '{}' \"$@\"\n", real.display(), client_settings.display());
        let ssh = lab.file("ssh/bin/ssh", &wrapper);
        fs::set_permissions(&ssh, fs::Permissions::from_mode(0o755)).unwrap();
        Self { server_settings, programs: ssh.parent().expect("its folder").to_owned() }
    }

    fn serve(&self, lab: &mut Lab) -> Server {
        let sshd = find_program("sshd").expect("sshd");
        let log = File::create(self.server_settings.with_extension("log")).unwrap();
        let mut command = lab.router(A).command_in(sshd.to_str().expect("a path in UTF-8"));
        command.args(["-D", "-e", "-f"]).arg(&self.server_settings);
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().expect("sshd");
        Server { process }
    }

    fn console(&self, lab: &mut Lab, node: Node) -> Console {
        let mut command = self.command(lab, node);
        let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(Some(&size), None).unwrap();
        let side = || Stdio::from(pty.slave.try_clone().unwrap());
        let process = command.stdin(side()).stdout(side()).stderr(side()).spawn().expect("the console");
        let master = File::from(pty.master);
        let (sender, output) = channel();
        let mut reader = master.try_clone().unwrap();
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            // EIO when the console has left.
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                if sender.send(bytes[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Console { process, master, output, screen: vt100::Parser::new(24, 80, 0) }
    }

    /// The overview, once.
    fn once(&self, lab: &mut Lab, node: Node) -> Outcome {
        Outcome::of(self.command(lab, node).arg("--once"))
    }

    /// A command on A, asked for from this router.
    fn run(&self, lab: &mut Lab, node: Node, words: &str) -> Outcome {
        let ssh = self.programs.join("ssh");
        Outcome::of(lab.router(node).command_in(ssh.to_str().expect("a path in UTF-8")).args([HOST, words]))
    }

    /// The console of this router and of A, in this router's namespace.
    fn command(&self, lab: &mut Lab, node: Node) -> Command {
        let socket = lab.router(node).socket();
        let mut command = lab.router(node).command_in(locum_binary().to_str().expect("a path in UTF-8"));
        command.arg("--socket").arg(socket).args(["--host", HOST, "--ascii"]);
        command.env("PATH", format!("{}:/usr/bin:/bin:/usr/sbin:/sbin", self.programs.display()));
        command.env("TERM", "xterm").env_remove("LOCUM_SOCKET");
        command
    }
}

/// An ssh server.
struct Server {
    process: Child,
}

impl Server {
    /// Kills it, and whatever it has started for a conversation.
    fn kill_with_children(&mut self) {
        let pid = i32::try_from(self.process.id()).unwrap();
        let children = children(pid);
        assert!(!children.is_empty(), "the server has a conversation");
        for pid in [pid].into_iter().chain(children) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        let _ = self.process.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for pid in children(i32::try_from(self.process.id()).unwrap_or(0)) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The processes whose parent this is, as /proc has them.
fn children(of: i32) -> Vec<i32> {
    let is_child = |pid: i32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // Behind the name, which is in brackets: the state, and the parent.
        let parent = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse::<i32>().ok());
        parent == Some(of)
    };
    let entries = fs::read_dir(Path::new("/proc")).expect("/proc").flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| is_child(*pid)).collect()
}

/// The console on a pseudo-terminal.
struct Console {
    process: Child,
    master: File,
    output: Receiver<Vec<u8>>,
    screen: vt100::Parser,
}

impl Console {
    fn wait(&mut self, what: &str, done: impl Fn(&str) -> bool) {
        let deadline = Instant::now() + LIMIT;
        loop {
            let text = self.screen.screen().contents();
            if done(&text) {
                return;
            }
            assert!(Instant::now() < deadline, "waited in vain for {what}; the screen is:\n{text}");
            if let Ok(bytes) = self.output.recv_timeout(Duration::from_millis(100)) {
                self.screen.process(&bytes);
            }
        }
    }

    fn keys(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).unwrap();
    }

    /// Its exit code.
    fn end(&mut self) -> Option<i32> {
        wait_for("the console to leave", LIMIT, || self.process.try_wait().unwrap()).code()
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
