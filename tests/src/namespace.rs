//! Network namespaces: made, entered, and gone when their owner is.

use std::fs::{self, File};
use std::io;
use std::panic::resume_unwind;
use std::path::Path;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use nix::sched::{CloneFlags, setns};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::command::try_tool;

/// What the name of each of our namespaces, and of each lab's folder, begins with.
const PREFIX: &str = "locum-lab-";

/// Where `ip netns` keeps its names.
const NAMES: &str = "/run/netns";

/// A name for a lab that no other lab has, also not one of another process.
pub fn unique_name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("{PREFIX}{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// A network namespace. Dropping it ends what still runs in it, and deletes it.
#[derive(Debug)]
pub struct Namespace {
    name: String,
}

impl Namespace {
    /// Makes one for `role` in the lab called `lab`.
    ///
    /// # Errors
    /// What `ip netns` says.
    pub fn new(lab: &str, role: &str) -> Result<Self, String> {
        let name = format!("{lab}-{role}");
        // `ip netns add` prepares the folder of names the first time, and two at once get in each other's way.
        let _one_at_a_time = lock()?;
        try_tool("ip", &["netns", "add", &name])?;
        let namespace = Self { name };
        namespace.ip("link set lo up")?;
        namespace.enter(|| {
            // Without IPv6 the capture is quiet. Reverse path filters would hide forged packets from the routers.
            for (setting, value) in [
                ("ipv6/conf/all/disable_ipv6", "1"),
                ("ipv6/conf/default/disable_ipv6", "1"),
                ("ipv4/conf/all/rp_filter", "0"),
                ("ipv4/conf/default/rp_filter", "0"),
            ] {
                // A kernel without IPv6 has no such setting.
                let _ = fs::write(format!("/proc/sys/net/{setting}"), value);
            }
        });
        Ok(namespace)
    }

    /// Its name, as `ip netns` knows it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs `ip` in it. `arguments` are separated by spaces.
    ///
    /// # Errors
    /// What `ip` says.
    pub fn ip(&self, arguments: &str) -> Result<String, String> {
        let arguments: Vec<&str> = ["-n", &self.name].into_iter().chain(arguments.split_whitespace()).collect();
        try_tool("ip", &arguments)
    }

    /// Runs `work` on a thread inside the namespace. A socket made there stays there, and so does a program started.
    ///
    /// # Panics
    /// When `work` does, or the namespace is gone.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let handle = File::open(Path::new(NAMES).join(&self.name)).expect("the namespace's handle");
        thread::scope(|scope| {
            let inside = scope.spawn(move || {
                setns(handle, CloneFlags::CLONE_NEWNET).expect("enter the namespace");
                work()
            });
            inside.join().unwrap_or_else(|panic| resume_unwind(panic))
        })
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        delete(&self.name);
    }
}

/// Deletes what labs have left behind whose process is gone.
pub fn sweep() {
    let Ok(_one_at_a_time) = lock() else { return };
    for name in entries(Path::new(NAMES)).filter(|name| is_stale(name)) {
        delete(&name);
    }
    let folders = std::env::temp_dir();
    for name in entries(&folders).filter(|name| is_stale(name)) {
        // Another test process may sweep it at the same time.
        let _ = fs::remove_dir_all(folders.join(name));
    }
}

fn entries(folder: &Path) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok())
}

/// Whether `name` is a lab's whose process does not run any more.
fn is_stale(name: &str) -> bool {
    let pid = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next()).and_then(|pid| pid.parse::<u32>().ok());
    pid.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists())
}

/// Ends what runs in the namespace, then deletes it. Failures are left to the next sweep.
fn delete(name: &str) {
    let pids = try_tool("ip", &["netns", "pids", name]).unwrap_or_default();
    for pid in pids.split_whitespace().filter_map(|pid| pid.parse().ok()) {
        // It may have ended by itself.
        let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
    }
    let _ = try_tool("ip", &["netns", "del", name]);
}

/// Held while namespaces are made or swept, by whichever test process.
fn lock() -> Result<File, String> {
    let path = "/run/locum-lab.lock";
    let locked = File::create(path).and_then(|file| file.lock().map(|()| file));
    locked.map_err(|error: io::Error| format!("{path}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_labs_of_dead_processes_are_stale() {
        assert!(is_stale("locum-lab-4000000000-0-A"));
        assert!(!is_stale(&format!("locum-lab-{}-0-A", process::id())));
        assert!(!is_stale("somebody-4000000000-0-A"));
        assert!(!is_stale("locum-lab-x"));
    }
}
