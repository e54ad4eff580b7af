//! When the engine's thread runs, and that the service's gives way to it. Read sched(7) before changing it.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::libc;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::mman::{MlockAllFlags, mlockall};
use nix::unistd::Pid;

/// How the engine's thread is to be scheduled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scheduling {
    /// Real-time (SCHED_RR) with this priority, 1 to 99. No limit of its computing time is set: the engine's work is
    /// bounded, and a limit would kill the service when there is most to do.
    pub(crate) realtime: Option<u8>,
    /// Nice value, -20 to 19.
    pub(crate) nice: Option<i8>,
    /// Keep the process in memory.
    pub(crate) lock_memory: bool,
    /// The CPUs that it may use; empty for all.
    pub(crate) cpus: Box<[u16]>,
}

/// What could not be had.
#[derive(Debug)]
pub(crate) struct SchedulingError {
    /// What.
    pub(crate) what: &'static str,
    /// Why.
    pub(crate) error: io::Error,
}

impl Scheduling {
    /// Applies it to the calling thread; what cannot be had is told and left.
    pub(super) fn apply(self, mut failed: impl FnMut(SchedulingError)) {
        let mut note = |what, result: io::Result<()>| {
            if let Err(error) = result {
                failed(SchedulingError { what, error });
            }
        };
        if self.lock_memory {
            note("vrrp_no_swap", lock_memory());
        }
        if !self.cpus.is_empty() {
            note("vrrp_cpu_affinity", set_affinity(&self.cpus));
        }
        if let Some(nice) = self.nice {
            note("vrrp_priority", set_nice(nice));
        }
        if let Some(priority) = self.realtime {
            note("vrrp_rt_priority", set_realtime(priority));
        }
    }
}

/// sched_setaffinity(2) for the calling thread.
fn set_affinity(cpus: &[u16]) -> io::Result<()> {
    let mut set = CpuSet::new();
    for cpu in cpus {
        set.set(usize::from(*cpu))?;
    }
    Ok(sched_setaffinity(Pid::from_raw(0), &set)?)
}

/// mlockall(2) for what is used. All that is mapped would be several times as much: code of other verbs, and stacks at their
/// full size.
fn lock_memory() -> io::Result<()> {
    let all = MlockAllFlags::MCL_CURRENT | MlockAllFlags::MCL_FUTURE;
    let used = MlockAllFlags::from_bits_retain(libc::MCL_ONFAULT);
    // Kernels before 4.4 know only the whole.
    Ok(mlockall(all | used).or_else(|_| mlockall(all))?)
}

/// setpriority(2); on Linux it is about the calling thread alone.
#[allow(unsafe_code, reason = "nix has no setpriority")]
fn set_nice(nice: i8) -> io::Result<()> {
    // SAFETY: takes three numbers and touches no memory.
    let result = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, i32::from(nice)) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn set_realtime(priority: u8) -> io::Result<()> {
    set_policy(libc::SCHED_RR, priority)
}

/// Whether the service's thread stands behind.
static STANDS_BEHIND: AtomicBool = AtomicBool::new(false);

/// From now on the calling thread, the service's, does not take the processor from one that runs (SCHED_BATCH). In the
/// middle of a takeover the kernel tells it of the engine's new address, and it would look at that before the engine has
/// announced it. A policy that somebody else has chosen for it stays.
pub(crate) fn stand_behind_engine() {
    if policy() == Some(libc::SCHED_OTHER) {
        STANDS_BEHIND.store(set_policy(libc::SCHED_BATCH, 0).is_ok(), Ordering::Relaxed);
    }
}

/// Starts a process that does not inherit how the service's thread is scheduled.
pub(crate) fn start_ordinary<T>(start: impl FnOnce() -> T) -> T {
    if !STANDS_BEHIND.load(Ordering::Relaxed) {
        return start();
    }
    // Where this is refused now and was not before, the child comes last now and then; it runs all the same.
    let _ = set_policy(libc::SCHED_OTHER, 0);
    let started = start();
    let _ = set_policy(libc::SCHED_BATCH, 0);
    started
}

/// sched_setscheduler(2) for the calling thread.
#[allow(unsafe_code, reason = "nix has no sched_setscheduler")]
fn set_policy(policy: libc::c_int, priority: u8) -> io::Result<()> {
    // The kernel's sched_param is this one number; musl's type has fields that no kernel reads.
    let parameter = libc::c_int::from(priority);
    // SAFETY: the kernel only reads `parameter`, which lives until the call returns; 0 means the calling thread.
    let result = unsafe { libc::syscall(libc::SYS_sched_setscheduler, 0, policy, &raw const parameter) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// sched_getscheduler(2) for the calling thread; musl's own function of that name asks nobody.
#[allow(unsafe_code, reason = "nix has no sched_getscheduler")]
fn policy() -> Option<libc::c_int> {
    // SAFETY: takes a number and touches no memory.
    let policy = unsafe { libc::syscall(libc::SYS_sched_getscheduler, 0) };
    libc::c_int::try_from(policy).ok().filter(|policy| *policy >= 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn the_service_stands_behind_and_what_it_starts_does_not() {
        // Field 41 of proc_pid_stat(5) is the policy; what stands in brackets has no space here.
        let policy_of_child = || {
            let output = Command::new("cat").arg("/proc/self/stat").output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            text.split(' ').nth(40).unwrap().parse::<libc::c_int>().unwrap()
        };
        let (inherited, ordinary, after) = std::thread::spawn(move || {
            stand_behind_engine();
            (policy_of_child(), start_ordinary(policy_of_child), policy())
        })
        .join()
        .unwrap();
        assert_eq!(after, Some(libc::SCHED_BATCH));
        assert_eq!((inherited, ordinary), (libc::SCHED_BATCH, libc::SCHED_OTHER));
    }
}
