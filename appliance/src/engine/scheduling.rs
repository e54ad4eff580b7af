//! When the engine's thread runs. Read sched(7) before changing it.

use std::io;

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

/// sched_setscheduler(2) for the calling thread.
#[allow(unsafe_code, reason = "nix has no sched_setscheduler")]
fn set_realtime(priority: u8) -> io::Result<()> {
    // The kernel's sched_param is this one number; musl's type has fields that no kernel reads.
    let parameter = libc::c_int::from(priority);
    // SAFETY: the kernel only reads `parameter`, which lives until the call returns; 0 means the calling thread.
    let result = unsafe { libc::syscall(libc::SYS_sched_setscheduler, 0, libc::SCHED_RR, &raw const parameter) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
