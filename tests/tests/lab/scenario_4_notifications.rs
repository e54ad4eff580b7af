//! Scenario 4: a technician's script, unchanged, and built-in mail; both through a relay that wants a login over TLS. Each
//! change arrives once, and in order.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use locum_tests::{Daemon, Group, Lab, Node, scenario, skip, wait_for, with_lab};
use serde_json::Value;

use crate::TAKEOVER_MAX;

const GROUP: Group = Group::VI_1;

/// More than a mail takes on a busy machine.
const MAIL_MAX: Duration = Duration::from_secs(20);

#[test]
fn a_script_that_uses_the_systems_mail() {
    let Some(post) = Post::new("starttls") else { return };
    with_lab(&[Daemon::Locum, Daemon::Locum], |lab| {
        let relays = [Node::A, Node::B].map(|node| post.relay(lab, node));
        let path = format!("/usr/bin/env PATH={}:/usr/bin:/bin", post.folder.display());
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/4-notify.sh");
        let line = |state| format!("    notify_{state} \"{path} {} {state}\"\n", script.display());
        let notify = ["master", "backup", "fault"].map(line).concat();
        start_both(lab, "script_user root", &notify);

        let host = tool("hostname", &[]);
        let subject = |state| format!("{} to be {state}, VIP moved", host.trim());
        relays[0].wait(&[&subject("backup"), &subject("master")]);
        relays[1].wait(&[&subject("backup")]);
        lab.stop(Node::A);
        lab.wait_master(GROUP, Node::B, TAKEOVER_MAX);
        relays[1].wait(&[&subject("backup"), &subject("master")]);
        let last = relays[1].mails().pop().unwrap();
        assert_eq!(last["to"], serde_json::json!(["admin@example.net"]));
        assert!(last["text"].as_str().unwrap().contains("changed to be master"), "{last}");
        lab.cut(Node::B);
        relays[1].wait(&[&subject("backup"), &subject("master"), &subject("fault")]);
        // The mail is there before the script that sent it has ended.
        let lines = ["Notifications", "  notify_master (MASTER) ", "  notify_fault (FAULT) "];
        let mut shown = String::new();
        for _ in 0..50 {
            shown = lab.router(Node::B).locum(&["show", "VI_1"]).stdout;
            if lines.iter().all(|line| shown.contains(line)) {
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        assert!(lines.iter().all(|line| shown.contains(line)), "{shown}");
        // And no more of it.
        std::thread::sleep(Duration::from_secs(1));
        assert_eq!((relays[0].mails().len(), relays[1].mails().len()), (2, 3));
    });
}

#[test]
fn built_in_mail_with_starttls() {
    built_in_mail("starttls");
}

#[test]
fn built_in_mail_with_tls() {
    built_in_mail("tls");
}

fn built_in_mail(security: &str) {
    let Some(post) = Post::new(security) else { return };
    with_lab(&[Daemon::Locum, Daemon::Locum], |lab| {
        let relays = [Node::A, Node::B].map(|node| post.relay(lab, node));
        start_both(lab, &post.settings("secret42"), "");
        let subject = |end: &str| format!("[gw] VRRP Instance VI_1 - {end}");
        let (backup, master) = (subject("Entering BACKUP state"), subject("Entering MASTER state"));
        relays[0].wait(&[&backup, &master]);
        lab.stop(Node::A);
        lab.wait_master(GROUP, Node::B, TAKEOVER_MAX);
        relays[0].wait(&[&backup, &master, &subject("Stopping")]);
        relays[1].wait(&[&backup, &master]);
        let last = relays[1].mails().pop().unwrap();
        assert_eq!((&last["from"], &last["to"][0]), (&"locum@gw.example".into(), &"admin@example.net".into()));
        let text = last["text"].as_str().unwrap();
        assert!(text.starts_with("=> VRRP Instance is now owning VRRP VIPs <="), "{text}");
        assert!(text.contains("master 172.20.45.131 left"), "it says why: {text}");

        let socket = lab.router(Node::B).socket();
        let arguments: [&OsStr; 4] = ["notify-test".as_ref(), "VI_1".as_ref(), "--socket".as_ref(), socket.as_ref()];
        let tried = lab.router(Node::B).run_in(&arguments);
        assert_eq!(tried.stdout, "ok      mail: taken by 127.0.0.1 port 2525\n1 tried, all well\n", "{}", tried.said());
        relays[1].wait(&[&backup, &master, &subject("Test")]);
    });
}

#[test]
fn a_mail_waits_for_a_login_that_the_relay_takes() {
    let Some(post) = Post::new("starttls") else { return };
    with_lab(&[Daemon::Locum], |lab| {
        let relay = post.relay(lab, Node::A);
        lab.start(Node::A, &configuration("a", &post.settings("wrong-password"), ""));
        lab.wait_master(GROUP, Node::A, TAKEOVER_MAX);
        let refused = || lab.router(Node::A).log().contains("mail: the relay refuses the login: 535").then_some(());
        wait_for("the refusal in the log", MAIL_MAX, refused);
        let (_, status) = lab.stop(Node::A);
        assert!(status.success(), "{status}");
        assert_eq!(relay.mails().len(), 0);
        // The next start has the right one, and sends what the last one could not.
        fs::write(post.folder.join("password"), "secret42\n").unwrap();
        lab.start_again(Node::A);
        let subject = |end: &str| format!("[gw] VRRP Instance VI_1 - {end}");
        let states = ["Entering BACKUP state", "Entering MASTER state", "Stopping"].map(subject);
        let first: Vec<_> = states.iter().map(String::as_str).collect();
        wait_for("the mails of the first start", MAIL_MAX, || (relay.subjects().get(..3)? == first).then_some(()));
        let log = lab.router(Node::A).log();
        assert!(!log.contains("wrong-password") && !log.contains("secret42"), "{log}");
    });
}

fn start_both(lab: &mut Lab, global: &str, notify: &str) {
    lab.start(Node::A, &configuration("a", global, notify));
    lab.wait_master(GROUP, Node::A, TAKEOVER_MAX);
    lab.start(Node::B, &configuration("b", global, notify));
    // From then on B takes over for the reason that A gives, not because it has never heard anybody.
    wait_for("B to hear A", TAKEOVER_MAX, || lab.router(Node::B).status(GROUP.instance)?.master);
}

/// The configuration of scenario 1, with more in it.
fn configuration(node: &str, global: &str, notify: &str) -> String {
    let original = scenario(&format!("1-unicast-{node}"));
    let (instance, _) = original.trim_end().rsplit_once('}').unwrap();
    format!("global_defs {{\n{global}\n}}\n{instance}{notify}}}\n")
}

fn tool(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What is needed to send mail: a certificate, a password, mail(1).
struct Post {
    security: &'static str,
    folder: PathBuf,
}

impl Post {
    /// `None` where the machine lacks a relay; the test is skipped then.
    fn new(security: &str) -> Option<Self> {
        let has = |program: &str, arguments: &[&str]| {
            Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success())
        };
        if !has("/usr/bin/python3", &["-c", "import aiosmtpd"]) || !has("openssl", &["version"]) {
            skip("python3-aiosmtpd or openssl is not installed");
            return None;
        }
        let security = if security == "tls" { "tls" } else { "starttls" };
        let thread = format!("{:?}", std::thread::current().id()).replace(['(', ')'], "");
        let folder = std::env::temp_dir().join(format!("locum-post-{}-{thread}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let post = Self { security, folder };
        let settings = "[req]\ndistinguished_name = dn\nx509_extensions = ext\nprompt = no\n[dn]\nCN = relay\n[ext]\n\
                        subjectAltName = IP:127.0.0.1\nbasicConstraints = critical, CA:FALSE\n";
        fs::write(post.folder.join("openssl.conf"), settings).unwrap();
        let path = |name| post.path(name);
        let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", &path("key.pem")];
        let certificate = ["-config", &path("openssl.conf"), "-days", "2", "-out", &path("certificate.pem")];
        tool("openssl", &[&["req", "-x509"][..], &key, &certificate].concat());
        fs::write(post.folder.join("mail"), include_str!("mail.py")).unwrap();
        fs::set_permissions(post.folder.join("mail"), fs::Permissions::from_mode(0o755)).unwrap();
        Some(post)
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    /// The settings of built-in mail.
    fn settings(&self, password: &str) -> String {
        fs::write(self.folder.join("password"), format!("{password}\n")).unwrap();
        format!(
            "router_id gw\nnotification_email {{\n admin@example.net\n}}\nnotification_email_from locum@gw.example\n\
             smtp_server 127.0.0.1 2525\nsmtp_connect_timeout 10\nsmtp_alert on\nsmtp_security {}\nsmtp_user router\n\
             smtp_password_file {}\nsmtp_ca_file {}",
            self.security,
            self.path("password"),
            self.path("certificate.pem")
        )
    }

    /// A relay on the node's loopback.
    fn relay(&self, lab: &mut Lab, node: Node) -> Relay {
        let file = self.folder.join(format!("mails-{node}"));
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/relay.py");
        let mut command = lab.router(node).command_in("/usr/bin/python3");
        command.arg(script).args([self.security, &self.path("certificate.pem"), &self.path("key.pem")]).arg(&file);
        let child = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        wait_for("the relay to listen", MAIL_MAX, || file.exists().then_some(()));
        Relay { child, file }
    }
}

impl Drop for Post {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A mail relay that keeps what it is given.
struct Relay {
    child: Child,
    file: PathBuf,
}

impl Relay {
    fn mails(&self) -> Vec<Value> {
        let text = fs::read_to_string(&self.file).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    fn subjects(&self) -> Vec<String> {
        self.mails().iter().map(|mail| mail["subject"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Waits until it has mails with these subjects, in this order and no others.
    #[track_caller]
    fn wait(&self, subjects: &[&str]) {
        let deadline = std::time::Instant::now() + MAIL_MAX;
        while self.subjects() != subjects {
            assert!(std::time::Instant::now() < deadline, "expected {subjects:?}, got {:?}", self.subjects());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
