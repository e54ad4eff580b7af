//! The daemons that are compared: started, watched from outside, and ended.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use locum_tests::Moment;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::ground::Ground;

/// One of the two that are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// Ours.
    Locum,
    /// keepalived.
    Peer,
}

impl Which {
    /// Both.
    pub(crate) const BOTH: [Self; 2] = [Self::Locum, Self::Peer];
}

/// Where they are.
#[derive(Clone, Debug)]
pub(crate) struct Programs {
    /// Ours.
    pub(crate) locum: PathBuf,
    /// keepalived.
    pub(crate) peer: PathBuf,
}

impl Programs {
    /// The program.
    pub(crate) fn path(&self, which: Which) -> &Path {
        match which {
            Which::Locum => &self.locum,
            Which::Peer => &self.peer,
        }
    }
}

/// What a router is configured with. Instances are `V<lan>_<vrid>`.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    /// Instances, spread over the LANs.
    pub(crate) instances: usize,
    /// Priority.
    pub(crate) priority: u8,
    /// Advert interval in milliseconds.
    pub(crate) interval_ms: u64,
    /// Never takes over from a master of lower priority.
    pub(crate) no_preempt: bool,
    /// Virtual addresses of the first instance beside the one that each has.
    pub(crate) more_addresses: usize,
    /// Has a password.
    pub(crate) password: bool,
    /// Real-time priority.
    pub(crate) realtime: Option<u8>,
}

impl Setup {
    /// An ordinary one.
    pub(crate) const fn new(instances: usize, priority: u8, interval_ms: u64) -> Self {
        Self { instances, priority, interval_ms, no_preempt: false, more_addresses: 0, password: false, realtime: None }
    }

    /// Whole seconds are VRRPv2's.
    const fn version(&self) -> u8 {
        if self.interval_ms.is_multiple_of(1000) { 2 } else { 3 }
    }

    /// The virtual addresses of the first instance beside the one that each has.
    pub(crate) fn more_addresses(&self) -> impl Iterator<Item = Ipv4Addr> {
        let all = (2..=u8::MAX).flat_map(|third| (1..=250).map(move |host| Ipv4Addr::new(10, 70, third, host)));
        all.take(self.more_addresses)
    }

    /// The configuration file, which both read.
    pub(crate) fn text(&self, lans: usize) -> String {
        let mut text = String::from("global_defs {\n    router_id bench\n");
        if let Some(priority) = self.realtime {
            // keepalived ends itself when its real-time child computes for 10 ms on end, its default.
            let _ = writeln!(text, "    vrrp_rt_priority {priority}\n    vrrp_rlimit_rttime 5000000");
        }
        text.push_str("}\n");
        let of_a_lan = self.instances.div_ceil(lans);
        for n in 0..self.instances {
            let (lan, vrid) = (n / of_a_lan, n % of_a_lan + 1);
            let state = if self.priority == 255 { "MASTER" } else { "BACKUP" };
            let seconds = Duration::from_millis(self.interval_ms).as_secs_f64();
            let _ = writeln!(
                text,
                "vrrp_instance V{lan}_{vrid} {{\n    state {state}\n    interface eth{lan}\n    virtual_router_id {vrid}\n    \
                 priority {}\n    advert_int {seconds}\n    version {}",
                self.priority,
                self.version(),
            );
            if self.no_preempt {
                text.push_str("    nopreempt\n");
            }
            if self.password {
                text.push_str("    authentication {\n        auth_type PASS\n        auth_pass secret12\n    }\n");
            }
            let block = |text: &mut String, name: &str, addresses: &[String]| {
                let _ = writeln!(text, "    {name} {{");
                addresses.iter().for_each(|address| {
                    let _ = writeln!(text, "        {address}/32 dev eth{lan}");
                });
                text.push_str("    }\n");
            };
            block(&mut text, "virtual_ipaddress", &[format!("10.{}.1.{vrid}", 70 + lan)]);
            if n == 0 && self.more_addresses > 0 {
                let more: Vec<_> = self.more_addresses().map(|address| address.to_string()).collect();
                block(&mut text, "virtual_ipaddress_excluded", &more);
            }
            text.push_str("}\n");
        }
        text
    }
}

/// The name of the first instance.
pub(crate) const FIRST: &str = "V0_1";

/// How long a daemon may take to leave in order.
const STOP_MAX: Duration = Duration::from_secs(20);

/// A daemon that runs on a router. Dropping it ends it at once.
pub(crate) struct Daemon {
    child: Child,
    program: PathBuf,
    folder: PathBuf,
    /// When it was started.
    pub(crate) started: Moment,
}

/// What a daemon takes in memory, over all its processes, in KiB.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Memory {
    /// Resident.
    pub(crate) rss: f64,
    /// Resident, what is shared counted in parts.
    pub(crate) pss: f64,
    /// Its own alone.
    pub(crate) private: f64,
}

impl Daemon {
    /// Starts it on a router.
    pub(crate) fn start(programs: &Programs, which: Which, ground: &Ground, router: usize, setup: &Setup) -> Self {
        let folder = ground.folder(router);
        let file = folder.join("daemon.conf");
        fs::write(&file, setup.text(ground.lans())).expect("a file in our own /run");
        let log = File::options().create(true).append(true).open(folder.join("log")).expect("a file in our own /run");
        let errors = log.try_clone().expect("a descriptor");
        let program = programs.path(which).to_owned();
        let mut command = Command::new(&program);
        match which {
            Which::Locum => {
                command.arg("run").arg("-f").arg(&file).arg("--socket").arg(folder.join("control.sock"));
                command.arg("--run-dir").arg(folder.join("run"));
            }
            Which::Peer => {
                command.args(["--dont-fork", "--log-console", "--no-syslog", "--vrrp", "--use-file"]).arg(&file);
                command.arg("--pid").arg(folder.join("run/keepalived.pid"));
                command.arg("--vrrp_pid").arg(folder.join("run/vrrp.pid"));
            }
        }
        command.stdin(Stdio::null()).stdout(log).stderr(errors);
        let (started, child) = ground.router(router).enter(|| (Moment::now(), command.spawn()));
        let child = child.unwrap_or_else(|error| panic!("cannot run {}: {error}", program.display()));
        Self { child, program, folder, started }
    }

    /// Its first process.
    fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).expect("a process ID"))
    }

    /// All its processes.
    pub(crate) fn pids(&self) -> Vec<u32> {
        let mut pids = vec![self.child.id()];
        let mut next = 0;
        while let Some(pid) = pids.get(next).copied() {
            next += 1;
            let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
            pids.extend(children.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
        }
        pids
    }

    /// The time that its threads have computed so far (proc(5), schedstat).
    pub(crate) fn cpu(&self) -> Duration {
        self.pids().into_iter().map(cpu_of).sum()
    }

    /// What it takes in memory.
    pub(crate) fn memory(&self) -> Memory {
        let mut memory = Memory::default();
        for of in self.pids().into_iter().map(memory_of) {
            memory.rss += of.rss;
            memory.pss += of.pss;
            memory.private += of.private;
        }
        memory
    }

    /// Frames that its interfaces have sent so far: in the steady state, adverts.
    pub(crate) fn frames_sent(&self) -> u64 {
        let text = fs::read_to_string(format!("/proc/{}/net/dev", self.child.id())).unwrap_or_default();
        let ethernets = text.lines().filter_map(|line| line.trim_start().strip_prefix("eth")?.split_once(':'));
        ethernets.filter_map(|(_, counters)| counters.split_whitespace().nth(9)?.parse::<u64>().ok()).sum()
    }

    /// Lines that it has logged.
    pub(crate) fn log_lines(&self) -> usize {
        fs::read_to_string(self.folder.join("log")).map_or(0, |text| text.lines().count())
    }

    /// Whether it runs.
    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// The console on it, without its terminal.
    pub(crate) fn console(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--socket").arg(self.folder.join("control.sock"));
        command
    }

    /// Runs a verb of ours against it.
    pub(crate) fn ask(&self, arguments: &[&str]) {
        let mut command = Command::new(&self.program);
        command.args(arguments).arg("--socket").arg(self.folder.join("control.sock"));
        let output = command.stdin(Stdio::null()).output().expect("it ran before");
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Asks it to leave in order.
    pub(crate) fn ask_to_stop(&self) {
        let _ = kill(self.pid(), Signal::SIGTERM); // it may have ended
    }

    /// Waits until it has ended, and says how long that took.
    pub(crate) fn wait_end(&mut self) -> Duration {
        let asked = Instant::now();
        while self.is_running() {
            assert!(asked.elapsed() < STOP_MAX, "{} does not end", self.program.display());
            thread::sleep(Duration::from_micros(200));
        }
        asked.elapsed()
    }

    /// Ends it in order, and says how long that took.
    pub(crate) fn stop(&mut self) -> Duration {
        self.ask_to_stop();
        self.wait_end()
    }
}

/// The time that the threads of a process have computed so far (proc(5), schedstat).
pub(crate) fn cpu_of(pid: u32) -> Duration {
    let mut sum = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
        let text = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
        sum += text.split(' ').next().and_then(|ns| ns.parse::<u64>().ok()).unwrap_or(0);
    }
    Duration::from_nanos(sum)
}

/// What a process takes in memory.
pub(crate) fn memory_of(pid: u32) -> Memory {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok()).unwrap_or(0.0)
    };
    Memory { rss: field("Rss"), pss: field("Pss"), private: field("Private_Clean") + field("Private_Dirty") }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        for pid in self.pids().into_iter().filter_map(|pid| i32::try_from(pid).ok()) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL); // it may have ended
        }
        let _ = self.child.wait();
    }
}
