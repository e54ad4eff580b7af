//! A small share of the CPU, which a service has to itself or with loops that would use all of it.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::unistd::Pid;

use crate::command::{tool, try_tool};
use crate::moment::wait_for;
use crate::namespace::unique_name;

/// The kernel hands the share out anew so often: what has used it up stands still for the rest of the time. Longer than
/// the tenth of a second that is usual, so that a second is nothing to whoever has to wait.
const PERIOD_US: u32 = 1_000_000;

/// How long a group may take to be empty when those in it have ended.
const EMPTY_MAX: Duration = Duration::from_secs(10);

/// A share of the CPU. Dropping it ends its loops, and gives whoever else has it the whole CPU again.
#[derive(Debug)]
pub struct CpuShare {
    /// Its control group (cgroups(7)). Where the machine lets nobody make one, who has the share is the nicest on the first
    /// CPU, and gets a hundredth of it beside a loop (sched(7)).
    group: Option<PathBuf>,
    taken_in: Vec<Pid>,
    loops: Vec<Child>,
}

impl CpuShare {
    /// So much of one CPU.
    pub fn new(per_cent: u32) -> Self {
        let group =
            make_group(per_cent).inspect_err(|error| eprintln!("by nice values, since there are no groups: {error}"));
        Self { group: group.ok(), taken_in: Vec::new(), loops: Vec::new() }
    }

    /// From now on this process has no more than the share, except for what of it runs in real time.
    ///
    /// # Panics
    /// When the kernel refuses.
    #[track_caller]
    pub fn take_in(&mut self, pid: Pid) {
        self.taken_in.push(pid);
        match &self.group {
            Some(group) => {
                write(&group.join("cgroup.procs"), &pid.to_string()).unwrap_or_else(|error| panic!("{error}"));
            }
            None => each_thread(pid, "19", "0"),
        }
    }

    /// Loops that would use the whole of it.
    ///
    /// # Panics
    /// When they cannot be started.
    #[track_caller]
    pub fn keep_busy(&mut self, loops: usize) {
        for _ in 0..loops {
            let mut shell = Command::new(if self.group.is_some() { "sh" } else { "taskset" });
            if self.group.is_none() {
                shell.args(["-c", "0", "sh"]);
            }
            shell.args(["-c", "while :; do :; done"]).stdin(Stdio::null());
            let child = shell.spawn().unwrap_or_else(|error| panic!("{shell:?}: {error}"));
            let pid = Pid::from_raw(i32::try_from(child.id()).expect("a process ID"));
            self.loops.push(child);
            if self.group.is_some() {
                self.take_in(pid);
            }
        }
    }

    /// In how many periods somebody has been stopped because it was used up. Nothing where that is not counted.
    pub fn periods_used_up(&self) -> Option<u64> {
        let text = fs::read_to_string(self.group.as_ref()?.join("cpu.stat")).ok()?;
        text.lines().find_map(|line| line.strip_prefix("nr_throttled "))?.trim().parse().ok()
    }
}

impl Drop for CpuShare {
    fn drop(&mut self) {
        for child in &mut self.loops {
            let _ = child.kill(); // it may have ended
            let _ = child.wait();
        }
        let Some(group) = &self.group else {
            return self.taken_in.iter().for_each(|pid| each_thread(*pid, "0", "0-1023"));
        };
        let parent = group.parent().map(|parent| parent.join("cgroup.procs")).unwrap_or_default();
        for pid in &self.taken_in {
            let _ = write(&parent, &pid.to_string()); // it may have ended
        }
        if std::thread::panicking() {
            let _ = fs::remove_dir(group); // what failed first is what is told
            return;
        }
        wait_for("the group to be empty", EMPTY_MAX, || fs::remove_dir(group).ok());
    }
}

/// Makes a control group with so much of one CPU.
fn make_group(per_cent: u32) -> Result<PathBuf, String> {
    let (quota, period) = ((PERIOD_US / 100 * per_cent).to_string(), PERIOD_US.to_string());
    let is_second = Path::new("/sys/fs/cgroup/cgroup.controllers").exists();
    let parent = Path::new(if is_second { "/sys/fs/cgroup" } else { "/sys/fs/cgroup/cpu" });
    if is_second {
        // Refused where processes stand in the root of a container's groups; the option below is missing then.
        let _ = write(&parent.join("cgroup.subtree_control"), "+cpu");
    }
    let group = parent.join(unique_name());
    fs::create_dir(&group).map_err(|error| format!("{}: {error}", group.display()))?;
    let set = |name: &str, value: &str| write(&group.join(name), value);
    let all = || {
        if is_second {
            return set("cpu.max", &format!("{quota} {period}"));
        }
        set("cpu.cfs_period_us", &period)?;
        set("cpu.cfs_quota_us", &quota)?;
        if group.join("cpu.rt_runtime_us").exists() {
            // Real time is shared out as well, and a new group has none.
            set("cpu.rt_period_us", &period)?;
            set("cpu.rt_runtime_us", &quota)?;
        }
        Ok(())
    };
    all().inspect_err(|_| drop(fs::remove_dir(&group)))?;
    Ok(group)
}

fn write(path: &Path, value: &str) -> Result<(), String> {
    // A file of the kernel is not to be made where it is missing.
    let written = OpenOptions::new().write(true).open(path).and_then(|mut file| file.write_all(value.as_bytes()));
    written.map_err(|error| format!("{}: {error}", path.display()))
}

/// Has the threads of a process that do not run in real time be this nice, on these CPUs.
#[track_caller]
fn each_thread(process: Pid, nice: &str, cpus: &str) {
    let Ok(threads) = fs::read_dir(format!("/proc/{process}/task")) else { return };
    for thread in threads.flatten() {
        let thread = thread.file_name().to_string_lossy().into_owned();
        if try_tool("chrt", &["-p", &thread]).is_ok_and(|policy| policy.contains("SCHED_OTHER")) {
            tool("renice", &["-n", nice, "-p", &thread]);
            tool("taskset", &["-cp", cpus, &thread]);
        }
    }
}

/// Whether threads can run in real time here.
pub fn can_run_in_real_time() -> bool {
    try_tool("chrt", &["--rr", "1", "true"]).is_ok()
}
