//! The namespaces of the demo, and how it ends: the process outside makes them and watches, the process inside is the
//! first of its PID namespace. Read namespaces(7), user_namespaces(7) and pid_namespaces(7) before changing it.
//!
//! Whichever of the two goes first takes everything along. When the one inside ends, the kernel kills what runs in its
//! PID namespace, and with the last process the other namespaces and the tmpfs go. When the one outside ends, the one
//! inside reads the end of the pipe between them, the lifeline, gives the terminal back and ends.

use std::fs;
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::mount::{MsFlags, mount};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::{Pid, getegid, geteuid, pipe2};

use super::tty::SavedTerminal;
use super::{DemoError, Ending};

/// How long the process inside may take to end after it was told to.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the demo may keep in files: three logs, journals and histories.
const FILES_BYTES_MAX: &str = "mode=0700,size=16m";

/// Where those files are: any folder that every machine has. Inside, an own file system hides what it holds outside.
const FOLDERS: [&str; 3] = ["/tmp", "/run", "/mnt"];

/// The exit codes that the process inside ends with.
const GOOD: i32 = crate::exit::Exit::Done as i32;

/// The outside: makes the namespaces, starts this program again inside of them and waits for its end.
pub(super) fn run(has_terminal: bool) -> Result<Ending, DemoError> {
    let signals = Signals::block(&[Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGCHLD])?;
    make_namespaces()?;
    let (inner_end, lifeline) = pipe2(OFlag::O_CLOEXEC).map_err(system)?;
    fcntl(&inner_end, FcntlArg::F_SETFD(FdFlag::empty())).map_err(system)?;
    let terminal = if has_terminal { SavedTerminal::save() } else { None };
    let child = Command::new("/proc/self/exe")
        .arg0("locum")
        .args(std::env::args_os().skip(1))
        .arg("--inside")
        .arg(inner_end.as_raw_fd().to_string())
        .spawn()
        .map_err(DemoError::System)?;
    drop(inner_end);
    let status = watch(child, &signals)?;
    drop(lifeline);
    match (status.code(), status.signal()) {
        (Some(GOOD), _) => Ok(Ending::Good),
        (Some(_), _) => Ok(Ending::Bad), // it has said why
        (None, signal) => {
            if let Some(terminal) = terminal {
                terminal.restore();
            }
            let signal = signal.and_then(|number| Signal::try_from(number).ok());
            Err(DemoError::Killed(signal.map_or("by a signal", Signal::as_str)))
        }
    }
}

/// Passes signals on, and waits until the process inside has ended. It has `PATIENCE` to end after a signal.
fn watch(mut child: Child, signals: &Signals) -> Result<ExitStatus, DemoError> {
    let mut deadline: Option<Instant> = None;
    loop {
        if let Some(status) = child.try_wait().map_err(DemoError::System)? {
            return Ok(status);
        }
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            child.kill().map_err(DemoError::System)?;
            return child.wait().map_err(DemoError::System);
        }
        let Some(signal) = signals.next(left)? else { continue };
        if signal != Signal::SIGCHLD {
            let pid = i32::try_from(child.id()).unwrap_or(0);
            if pid > 0 {
                let _ = kill(Pid::from_raw(pid), signal); // it has ended in this moment
            }
            deadline = deadline.or(Some(Instant::now() + PATIENCE));
        }
    }
}

/// Takes this process, which has a single thread still, into namespaces of its own. Its children begin a PID namespace.
fn make_namespaces() -> Result<(), DemoError> {
    let own = CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWNET;
    let (uid, gid) = (geteuid(), getegid());
    // Root without the capability, as in a container, is as anybody else here.
    let made = if uid.is_root() { unshare(own) } else { Err(Errno::EPERM) };
    match made {
        Err(Errno::EPERM) => {}
        made => return made.map_err(DemoError::Namespaces),
    }
    unshare(own | CloneFlags::CLONE_NEWUSER).map_err(DemoError::Namespaces)?;
    let write = |file: &str, text: String| {
        fs::write(format!("/proc/self/{file}"), text)
            .map_err(|error| DemoError::Powerless("the user namespace cannot be set up", error))
    };
    // Required before an unprivileged gid_map; a kernel before 3.19 has no such file and no such rule.
    if Path::new("/proc/self/setgroups").exists() {
        write("setgroups", "deny".into())?;
    }
    write("uid_map", format!("0 {uid} 1"))?;
    write("gid_map", format!("0 {gid} 1"))
}

/// The inside: the first process of the PID namespace.
pub(super) struct Inside {
    files: PathBuf,
    #[cfg_attr(not(feature = "console"), expect(dead_code, reason = "only a console takes the signals over"))]
    signals: Option<Handler>,
}

/// Ends the process on the first signal.
#[cfg_attr(not(feature = "console"), expect(dead_code, reason = "only a console takes the signals over"))]
struct Handler {
    retired: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Inside {
    /// Makes the file system of the demo and ties this process to the one outside.
    pub(super) fn enter(lifeline: u32) -> Result<Self, DemoError> {
        if nix::unistd::getpid() != Pid::from_raw(1) {
            return Err(DemoError::NotInside);
        }
        let signals = Signals::block(&[Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP])?;
        // The terminal is to be given back also when the one outside is gone and the shell has the foreground again.
        Signals::block(&[Signal::SIGTTOU])?;
        let lifeline = fs::File::open(format!("/proc/self/fd/{lifeline}")).map_err(|_| DemoError::NotInside)?;
        let spawn = |name: &str, work: Box<dyn FnOnce() + Send>| {
            thread::Builder::new().name(name.into()).spawn(work).map_err(DemoError::System)
        };
        spawn("lifeline", Box::new(move || end_with_the_outside(lifeline)))?;
        let retired = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&retired);
        let thread = spawn("signals", Box::new(move || end_on_signal(&signals, &told)))?;
        let files = make_file_system()?;
        Ok(Self { files, signals: Some(Handler { retired, thread }) })
    }

    /// The folder for the files of the demo, which nobody outside sees.
    pub(super) fn files(&self) -> &Path {
        &self.files
    }

    /// Leaves signals to whoever takes them from here on.
    #[cfg(feature = "console")]
    pub(super) fn release_signals(&mut self) -> Result<(), DemoError> {
        if let Some(Handler { retired, thread }) = self.signals.take() {
            retired.store(true, Ordering::Relaxed);
            let _ = thread.join(); // it does not panic; if it did, it has ended as well
        }
        let mut ours = SigSet::empty();
        [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP].into_iter().for_each(|signal| ours.add(signal));
        ours.thread_unblock().map_err(system)
    }
}

/// Waits for the end of the process outside; then this one ends, by a signal so that the terminal is given back, and
/// without if that takes too long.
fn end_with_the_outside(mut lifeline: fs::File) {
    let _ = lifeline.read(&mut [0]); // nothing is ever written: it returns when the other end is closed
    let _ = kill(Pid::this(), Signal::SIGTERM); // what cannot be sent is made up for below
    thread::sleep(PATIENCE);
    std::process::exit(1);
}

fn end_on_signal(signals: &Signals, retired: &AtomicBool) {
    while !retired.load(Ordering::Relaxed) {
        if let Ok(Some(signal)) = signals.next(Some(Duration::from_millis(100))) {
            // Whoever is interrupted knows it; it is said for those who read the output of a script.
            let _ = writeln!(io::stderr(), "locum: the demo was ended by {signal}");
            std::process::exit(1);
        }
    }
}

fn make_file_system() -> Result<PathBuf, DemoError> {
    let powerless = |errno: Errno| DemoError::Powerless("the demo cannot have a file system of its own", errno.into());
    let nothing = None::<&str>;
    // As root alone, without a user namespace, mounts would otherwise be seen outside.
    mount(nothing, "/", nothing, MsFlags::MS_REC | MsFlags::MS_PRIVATE, nothing).map_err(powerless)?;
    let folder = FOLDERS.into_iter().map(Path::new).find(|folder| folder.is_dir());
    let folder = folder.ok_or_else(|| DemoError::Files(io::Error::other(format!("none of {FOLDERS:?} exists"))))?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("locum-demo"), folder, Some("tmpfs"), flags, Some(FILES_BYTES_MAX)).map_err(powerless)?;
    Ok(folder.to_owned())
}

/// Signals that are read instead of delivered.
struct Signals(SignalFd);

impl Signals {
    /// Blocks them in this thread and those that it starts.
    fn block(signals: &[Signal]) -> Result<Self, DemoError> {
        let mut set = SigSet::empty();
        signals.iter().for_each(|signal| set.add(*signal));
        set.thread_block().map_err(system)?;
        SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK).map(Self).map_err(system)
    }

    /// The next one, waiting for it at most so long.
    fn next(&self, timeout: Option<Duration>) -> Result<Option<Signal>, DemoError> {
        let timeout = timeout
            .map_or(PollTimeout::NONE, |timeout| u16::try_from(timeout.as_millis() + 1).unwrap_or(u16::MAX).into());
        match poll(&mut [PollFd::new(std::os::fd::AsFd::as_fd(&self.0), PollFlags::POLLIN)], timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(system(errno)),
        }
        let read = self.0.read_signal().map_err(system)?;
        Ok(read.and_then(|info| Signal::try_from(i32::try_from(info.ssi_signo).ok()?).ok()))
    }
}

fn system(errno: Errno) -> DemoError {
    DemoError::System(errno.into())
}
