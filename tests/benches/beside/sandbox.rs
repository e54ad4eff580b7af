//! Namespaces of the benchmark's own, and how it ends: the process outside makes them and waits, the one inside is the first
//! of its PID namespace and does the work. Read namespaces(7) and pid_namespaces(7) before changing it.
//!
//! Whichever goes first takes everything along: when the one inside ends, the kernel kills what runs in its PID namespace,
//! and when the one outside ends (Ctrl-C), the one inside reads the end of the pipe between them and ends.

use std::fs;
use std::io::Read;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::{Command, ExitCode, exit};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use locum_tests::tool;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{Pid, getegid, geteuid, getpid, pipe2};

/// Tells the process inside which namespaces it must not be in, and the descriptor of the pipe.
const INSIDE: &str = "LOCUM_BENCH_INSIDE";

/// The namespaces that must be its own.
const KINDS: [&str; 3] = ["net", "mnt", "pid"];

/// Runs this program again in namespaces of its own, until it has ended.
///
/// # Errors
/// When they cannot be made.
pub(crate) fn run_inside() -> Result<ExitCode, String> {
    let outside = KINDS.map(identity).join(",");
    make_namespaces()?;
    let (theirs, _lifeline) = pipe2(OFlag::O_CLOEXEC).map_err(|error| format!("a pipe: {error}"))?;
    fcntl(&theirs, FcntlArg::F_SETFD(FdFlag::empty())).map_err(|error| format!("a pipe: {error}"))?;
    let status = Command::new("/proc/self/exe")
        .args(std::env::args_os().skip(1))
        .env(INSIDE, format!("{},{outside}", theirs.as_raw_fd()))
        .status()
        .map_err(|error| format!("cannot start again inside: {error}"))?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Whether this is the process inside.
pub(crate) fn is_inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// Ties this process to the one outside, and gives it a `/proc` and a `/run` of its own.
///
/// # Errors
/// When any of its namespaces is one that it was started in: nothing is measured there.
pub(crate) fn enter() -> Result<(), String> {
    if getpid() != Pid::from_raw(1) {
        return Err(format!(
            "refuses to run: it is not the first process of its PID namespace ({INSIDE} is not to be set)"
        ));
    }
    let told = std::env::var(INSIDE).unwrap_or_default();
    let mut told = told.split(',');
    let lifeline = told.next().unwrap_or_default();
    let lifeline = fs::File::open(format!("/proc/self/fd/{lifeline}")).map_err(|error| format!("no pipe: {error}"))?;
    for kind in KINDS {
        if told.next().is_none_or(|outside| outside == identity(kind)) {
            return Err(format!("refuses to run: its {kind} namespace is not its own"));
        }
    }
    thread::spawn(move || {
        let mut lifeline = lifeline;
        let _ = lifeline.read(&mut [0]); // nothing is ever written: it returns when the other end is closed
        exit(130);
    });
    // As root, without a user namespace, mounts would otherwise be seen outside.
    tool("mount", &["--make-rprivate", "/"]);
    tool("mount", &["-t", "proc", "proc", "/proc"]);
    tool("mount", &["-t", "tmpfs", "-o", "mode=0755,size=512m", "tmpfs", "/run"]);
    Ok(())
}

fn identity(kind: &str) -> String {
    let link = fs::read_link(Path::new("/proc/self/ns").join(kind));
    link.map(|link| link.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Takes this process, which has a single thread still, into namespaces of its own. Its children begin a PID namespace.
fn make_namespaces() -> Result<(), String> {
    let own = CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWNET;
    let (uid, gid) = (geteuid(), getegid());
    let made = if uid.is_root() { unshare(own) } else { Err(Errno::EPERM) };
    if !matches!(made, Err(Errno::EPERM)) {
        return made.map_err(|error| format!("no namespaces: {error}"));
    }
    unshare(own | CloneFlags::CLONE_NEWUSER).map_err(|error| format!("no namespaces: {error}; run it as root"))?;
    let maps = [("setgroups", "deny".into()), ("uid_map", format!("0 {uid} 1")), ("gid_map", format!("0 {gid} 1"))];
    for (file, text) in maps {
        fs::write(format!("/proc/self/{file}"), text).map_err(|error| format!("{file}: {error}"))?;
    }
    Ok(())
}

/// When the run is ended, whatever it is at: each piece of work says how long it may take.
static DEADLINE: Mutex<Option<(Instant, String)>> = Mutex::new(None);

/// Gives what comes now so much time.
pub(crate) fn allow(what: &str, time: Duration) {
    *DEADLINE.lock().expect("nobody panics with it") = Some((Instant::now() + time, what.to_owned()));
}

/// Ends the run when a piece of work takes longer than it may.
pub(crate) fn watch() {
    thread::spawn(|| {
        loop {
            thread::sleep(Duration::from_millis(500));
            let deadline = DEADLINE.lock().expect("nobody panics with it").clone();
            if let Some((at, what)) = deadline
                && Instant::now() > at
            {
                eprintln!("bench: {what} takes longer than it may; ended");
                exit(1);
            }
        }
    });
}
