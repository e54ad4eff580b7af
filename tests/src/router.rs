//! A router: its namespace, and the daemon that runs in it.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use locum_control::client::Client;
use locum_control::{Cause, InstanceStatus, InterfaceStatus, Item, State, TransitionRecord, Verb};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::addresses::{AddressEntry, addresses};
use crate::command::{Outcome, find_program, locum_binary, tool};
use crate::frr;
use crate::moment::{LOOK_EVERY, wait_for};
use crate::namespace::Namespace;
use crate::node::Node;

/// What runs on a router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Daemon {
    /// The one under test.
    Locum,
    /// The one that it has to get on with.
    Keepalived,
    /// FRR's zebra and vrrpd, another one of those.
    Frr,
}

/// How long a daemon may take to leave in order. keepalived takes a second, and locum the handover.
const STOP_MAX: Duration = Duration::from_secs(10);

/// A router. Dropping it ends its daemon and deletes its namespace.
#[derive(Debug)]
pub struct Router {
    node: Node,
    daemon: Daemon,
    folder: PathBuf,
    child: Option<Child>,
    namespace: Namespace,
}

impl Router {
    pub(crate) fn new(node: Node, daemon: Daemon, namespace: Namespace, folder: &Path) -> Self {
        let folder = folder.join(node.to_string());
        fs::create_dir_all(folder.join("run")).expect("the router's folder");
        Self { node, daemon, folder, child: None, namespace }
    }

    /// Which.
    pub const fn node(&self) -> Node {
        self.node
    }

    /// What runs on it.
    pub const fn daemon(&self) -> Daemon {
        self.daemon
    }

    /// The name of its network namespace.
    pub fn namespace_name(&self) -> &str {
        self.namespace.name()
    }

    pub(crate) const fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// The control socket of a locum.
    pub fn socket(&self) -> PathBuf {
        self.folder.join("control.sock")
    }

    /// Where its daemon keeps what must survive a restart.
    pub fn run_dir(&self) -> PathBuf {
        self.folder.join("run")
    }

    /// The file that its configuration is in.
    pub fn configuration(&self) -> PathBuf {
        self.folder.join("locum.conf")
    }

    fn log_file(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// All that its daemon has logged so far, over all starts.
    pub fn log(&self) -> String {
        fs::read(self.log_file()).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// Whether its daemon was started and has not ended.
    pub fn is_running(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    pub(crate) fn start(&mut self, configuration: &str) {
        assert!(!self.is_running(), "{} already runs", self.node);
        fs::write(self.configuration(), configuration).expect("the configuration");
        self.start_again();
    }

    /// Starts with the configuration of the last time.
    pub(crate) fn start_again(&mut self) {
        let mut log = OpenOptions::new().create(true).append(true).open(self.log_file()).expect("the log");
        writeln!(log, "--- {:?} of {} starts", self.daemon, self.node).expect("the log");
        let errors: File = log.try_clone().expect("the log");
        let mut command = Command::new("ip");
        command.args(["netns", "exec", self.namespace.name()]);
        match self.daemon {
            Daemon::Locum => {
                command.arg(locum_binary()).arg("run");
                command.arg("-f").arg(self.configuration());
                command.arg("--socket").arg(self.socket()).arg("--run-dir").arg(self.run_dir());
            }
            Daemon::Keepalived => {
                let program = find_program("keepalived").expect("keepalived was there when the lab was made");
                command.arg(program).args(["--dont-fork", "--log-console", "--log-detail", "--vrrp"]);
                command.arg("--use-file").arg(self.configuration());
                command.arg("--pid").arg(self.run_dir().join("keepalived.pid"));
                command.arg("--vrrp_pid").arg(self.run_dir().join("vrrp.pid"));
            }
            Daemon::Frr => frr::arguments(&mut command, &self.run_dir(), &self.configuration()),
        }
        command.stdin(Stdio::null()).stdout(log).stderr(errors);
        self.child = Some(command.spawn().unwrap_or_else(|error| panic!("cannot run {command:?}: {error}")));
    }

    /// Asks the daemon to leave in order, and waits until it has.
    pub(crate) fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::SIGTERM);
        self.wait_end()
    }

    /// Waits until the daemon has ended.
    ///
    /// # Panics
    /// When it has not within ten seconds.
    #[track_caller]
    pub fn wait_end(&mut self) -> ExitStatus {
        let (node, child) = (self.node, self.child.as_mut().expect("a daemon that was started"));
        let status = wait_for(&format!("{node} to end"), STOP_MAX, || child.try_wait().expect("wait for the daemon"));
        self.child = None;
        status
    }

    /// Ends all its processes at once, without giving them time for anything.
    pub(crate) fn kill9(&mut self) {
        for pid in self.pids() {
            // One of them may end when its parent does.
            let _ = kill(pid, Signal::SIGKILL);
        }
        self.wait_end();
    }

    /// Sends `signal` to the daemon's first process.
    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).expect("signal the daemon");
    }

    /// The daemon's first process.
    ///
    /// # Panics
    /// When it was not started.
    #[track_caller]
    pub fn pid(&self) -> Pid {
        let child = self.child.as_ref().expect("a daemon that was started");
        Pid::from_raw(i32::try_from(child.id()).expect("a process ID"))
    }

    fn pids(&self) -> Vec<Pid> {
        let pids = tool("ip", &["netns", "pids", self.namespace.name()]);
        pids.split_whitespace().filter_map(|pid| pid.parse().ok()).map(Pid::from_raw).collect()
    }

    /// The addresses on its interfaces.
    pub fn addresses(&self) -> Vec<AddressEntry> {
        addresses(self.namespace.name())
    }

    /// Whether it has `address` on any of its interfaces.
    pub fn has(&self, address: Ipv4Addr) -> bool {
        self.addresses().iter().any(|entry| entry.address == address)
    }

    /// Runs `ip` in its namespace; `arguments` are separated by spaces.
    ///
    /// # Panics
    /// When it fails.
    #[track_caller]
    pub fn ip(&self, arguments: &str) -> String {
        self.namespace.ip(arguments).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Runs a program in its namespace, and gives what it says.
    ///
    /// # Panics
    /// When it fails.
    #[track_caller]
    pub fn inside(&self, command: &[&str]) -> String {
        tool("ip", &[&["netns", "exec", self.namespace.name()], command].concat())
    }

    /// Runs the binary under test against this router's socket.
    #[track_caller]
    pub fn locum(&self, arguments: &[&str]) -> Outcome {
        Outcome::of(Command::new(locum_binary()).args(arguments).arg("--socket").arg(self.socket()))
    }

    /// Runs the binary under test in this router's namespace, to its end.
    #[track_caller]
    pub fn run_in(&self, arguments: &[&OsStr]) -> Outcome {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", self.namespace.name()]).arg(locum_binary()).args(arguments);
        Outcome::of(&mut command)
    }

    /// A command that runs `program` in this router's namespace.
    pub fn command_in(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", self.namespace.name(), program]);
        command
    }

    /// A connection to its control socket, if it answers.
    pub fn try_client(&self) -> Option<Client> {
        Client::connect(&self.socket()).ok()
    }

    /// A connection to its control socket.
    ///
    /// # Panics
    /// When it does not answer within a few seconds.
    #[track_caller]
    pub fn client(&self) -> Client {
        wait_for(&format!("the socket of {}", self.node), Duration::from_secs(5), || self.try_client())
    }

    /// What it says about all its instances and interfaces; nothing while its socket does not answer.
    pub fn show(&self) -> Vec<Item> {
        let answer = self.try_client().map(|mut client| client.request(Verb::Show { instance: None }));
        answer.and_then(Result::ok).map(|(items, _)| items).unwrap_or_default()
    }

    /// What it says about all its instances; nothing while its socket does not answer.
    pub fn instances(&self) -> Vec<InstanceStatus> {
        let instances = self.show().into_iter().filter_map(|item| match item {
            Item::Instance(status) => Some(*status),
            _ => None,
        });
        instances.collect()
    }

    /// What it says about an interface.
    pub fn interface(&self, name: &str) -> Option<InterfaceStatus> {
        self.show().into_iter().find_map(|item| match item {
            Item::Interface(status) if status.name == name => Some(status),
            _ => None,
        })
    }

    /// What it says about an instance; nothing while its socket does not answer.
    pub fn status(&self, instance: &str) -> Option<InstanceStatus> {
        self.instances().into_iter().find(|status| status.name == instance)
    }

    /// What it says about an instance.
    ///
    /// # Panics
    /// When it says nothing.
    #[track_caller]
    pub fn expect_status(&self, instance: &str) -> InstanceStatus {
        self.status(instance).unwrap_or_else(|| panic!("{} says nothing about {instance}", self.node))
    }

    /// How the instance came to its state, oldest first.
    ///
    /// # Panics
    /// When it does not say.
    #[track_caller]
    pub fn history(&self, instance: &str) -> Vec<TransitionRecord> {
        let answer = self.client().request(Verb::Why { instance: instance.into() });
        let (items, _) = answer.unwrap_or_else(|error| panic!("why {instance} on {}: {error}", self.node));
        let mut records: Vec<TransitionRecord> = items
            .into_iter()
            .filter_map(|item| match item {
                Item::Transition(record) => Some(record),
                _ => None,
            })
            .collect();
        records.reverse();
        records
    }

    /// Waits until the instance is in `state`.
    ///
    /// # Panics
    /// When it is not within `limit`, or when the daemon has ended.
    #[track_caller]
    pub fn wait_state(&mut self, instance: &str, state: State, limit: Duration) -> InstanceStatus {
        let what = format!("{} to be {state} in {instance}", self.node);
        wait_for(&what, limit, || {
            assert!(self.is_running(), "{} has ended; its log: {}", self.node, self.log());
            self.status(instance).filter(|status| status.state == state)
        })
    }

    /// Waits until the instance's history holds a transition to `to` with a cause that `is_it` picks.
    ///
    /// # Panics
    /// When there is none within `limit`, with the history.
    #[track_caller]
    pub fn wait_cause(
        &self,
        instance: &str,
        to: State,
        limit: Duration,
        is_it: impl Fn(Cause) -> bool,
    ) -> TransitionRecord {
        let started = Instant::now();
        loop {
            let history = self.history(instance);
            if let Some(record) = history.iter().rfind(|record| record.to == to && is_it(record.cause)) {
                return record.clone();
            }
            let told: Vec<_> = history.iter().map(|it| format!("{} -> {}: {}", it.from, it.to, it.text)).collect();
            assert!(started.elapsed() < limit, "{} has no such cause for {to} in {instance}: {told:#?}", self.node);
            sleep(LOOK_EVERY);
        }
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself. Children of its own end with the namespace.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
