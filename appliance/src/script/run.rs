//! A run of a command, from its start to its end.

use std::fmt;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::net::unix::pipe;
use tokio::process::Child;
use tokio::time::{Instant, timeout};

use super::account::{Account, AccountError};
use super::output::Output;
use super::{Command, NOT_PASSED_ON};
use crate::seconds::Seconds;
use crate::task;

/// Between SIGTERM and SIGKILL for a script that must end.
const KILL_AFTER: Duration = Duration::from_secs(2);

/// Runs what the kernel cannot run by itself.
const SHELL: &str = "/bin/sh";

/// Runs a command to its end, but not longer than `limit`.
pub(crate) async fn run(command: &Command, limit: Duration) -> Outcome {
    let mut run = match Run::start(command) {
        Ok(run) => run,
        Err(why) => return why.into(),
    };
    match run.ended(limit).await {
        Some(outcome) => outcome,
        None => run.stop(limit).await,
    }
}

/// How a run ended, and what it said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// How it ended.
    pub(crate) end: End,
    /// How long it ran.
    pub(crate) duration: Duration,
    /// The last lines of its standard output and standard error, fit for a terminal.
    pub(crate) last_lines: Vec<String>,
}

impl Outcome {
    /// Whether it did what it was asked for.
    pub(crate) const fn is_success(&self) -> bool {
        matches!(self.end, End::Exited(0))
    }
}

impl From<NotStarted> for Outcome {
    fn from(why: NotStarted) -> Self {
        Self { end: End::NotStarted(why), duration: Duration::ZERO, last_lines: Vec::new() }
    }
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// By itself, with this exit status.
    Exited(i32),
    /// By a signal that did not come from here.
    Signalled(i32),
    /// It was ended because it ran longer than this.
    TimedOut(Duration),
    /// It never ran.
    NotStarted(NotStarted),
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(0) => f.write_str("done"),
            Self::Exited(126) => f.write_str("exit 126: something in it cannot be executed"),
            Self::Exited(127) => f.write_str("exit 127: a command in it was not found"),
            Self::Exited(status) => write!(f, "exit {status}"),
            Self::Signalled(number) => match Signal::try_from(*number) {
                Ok(signal) => write!(f, "killed by {signal}"),
                Err(_) => write!(f, "killed by signal {number}"),
            },
            Self::TimedOut(limit) => write!(f, "no answer within {} s", Seconds(*limit)),
            Self::NotStarted(why) => why.fmt(f),
        }
    }
}

/// Why a command did not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NotStarted {
    /// Its user or group does not exist.
    Account(AccountError),
    /// Nothing is there.
    NotFound(PathBuf),
    /// It is there, but what its first line names is not.
    NoInterpreter(PathBuf, String),
    /// It lacks the permission to be executed.
    NotExecutable(PathBuf),
    /// It, or a directory of its path, is closed to its user.
    Denied(PathBuf, String),
    /// The service may not become another user.
    CannotBecome(String),
    /// The system refused: too many processes, no memory, …
    System(Errno),
}

impl fmt::Display for NotStarted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(error) => error.fmt(f),
            Self::NotFound(path) => write!(f, "not found: {}", path.display()),
            Self::NoInterpreter(path, interpreter) => {
                write!(f, "its first line asks for {interpreter}, which is not there: {}", path.display())
            }
            Self::NotExecutable(path) => write!(f, "not executable: {} (chmod +x)", path.display()),
            Self::Denied(path, user) => write!(f, "permission denied to user {user}: {}", path.display()),
            Self::CannotBecome(user) => write!(f, "the service lacks the privilege to run it as {user}"),
            Self::System(errno) => write!(f, "could not be started: {}", errno.desc()),
        }
    }
}

impl std::error::Error for NotStarted {}

/// A command that runs. When it is dropped before its end, it is ended as by [`Run::stop`], behind the caller's back.
#[derive(Debug)]
pub(crate) struct Run {
    /// `None` once it has been reaped.
    child: Option<Child>,
    pub(super) group: Option<Pid>,
    output: Option<Output>,
    started: Instant,
    /// Somebody is at ending it.
    is_stopping: bool,
}

impl Run {
    /// Starts a command. Must be called on the runtime.
    ///
    /// # Errors
    /// Why it does not run.
    pub(crate) fn start(command: &Command) -> Result<Self, NotStarted> {
        let account = command.account.as_ref().map_err(|error| NotStarted::Account(error.clone()))?;
        let spawned = match spawn(command, account, None) {
            // No `#!` line. Shells run such a file, and so do scripts' authors who tried it in one.
            Err(error) if error.raw_os_error() == Some(Errno::ENOEXEC as i32) => {
                spawn(command, account, Some(Path::new(SHELL)))
            }
            spawned => spawned,
        };
        let (child, output) = spawned.map_err(|error| reason(command, account, &error))?;
        let group = child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
        Ok(Self { child: Some(child), group, output: Some(output), started: Instant::now(), is_stopping: false })
    }

    /// Waits for its end, at most so long from its start. `None`: it runs still.
    pub(crate) async fn ended(&mut self, limit: Duration) -> Option<Outcome> {
        let left = (self.started + limit).saturating_duration_since(Instant::now());
        let end = timeout(left, self.reap()).await.ok()?;
        Some(self.outcome(end))
    }

    /// Ends it and whatever it has started in its process group: asks, and two seconds later no longer asks.
    pub(crate) async fn stop(mut self, limit: Duration) -> Outcome {
        self.is_stopping = true;
        self.kill(Signal::SIGTERM);
        if timeout(KILL_AFTER, self.reap()).await.is_err() {
            self.kill(Signal::SIGKILL);
            self.reap().await;
        } else {
            // Those that it has started and that did not listen. The number is not given to a new process so soon: the
            // kernel hands numbers out in turn.
            self.kill(Signal::SIGKILL);
        }
        self.group = None;
        self.outcome(End::TimedOut(limit))
    }

    fn kill(&self, signal: Signal) {
        if let Some(group) = self.group {
            let _ = killpg(group, signal); // gone already is as well
        }
    }

    /// Waits for its end and reads its output meanwhile. May be given up and called again.
    async fn reap(&mut self) -> End {
        let Some(child) = &mut self.child else { return End::Exited(0) }; // only after its end
        let ended = match &mut self.output {
            Some(output) => tokio::select! {
                biased;
                ended = child.wait() => ended,
                never = output.follow() => match never {},
            },
            None => child.wait().await,
        };
        self.child = None;
        match ended {
            Ok(status) => end(status),
            Err(error) => End::NotStarted(NotStarted::System(errno(&error))),
        }
    }

    fn outcome(&mut self, end: End) -> Outcome {
        let duration = self.started.elapsed();
        Outcome { end, duration, last_lines: self.output.take().map(Output::finish).unwrap_or_default() }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if self.child.is_none() {
            return;
        }
        // The service ends: no time is left for courtesy.
        if self.is_stopping || tokio::runtime::Handle::try_current().is_err() {
            return self.kill(Signal::SIGKILL);
        }
        let left = Self {
            child: self.child.take(),
            group: self.group.take(),
            output: self.output.take(),
            started: self.started,
            is_stopping: true,
        };
        task::spawn(async move {
            left.stop(Duration::ZERO).await;
        });
    }
}

fn end(status: ExitStatus) -> End {
    match (status.code(), status.signal()) {
        (Some(code), _) => End::Exited(code),
        (None, Some(signal)) => End::Signalled(signal),
        (None, None) => End::Exited(status.into_raw()), // wait(2) knows no third
    }
}

/// Starts the process, by itself or by an interpreter.
fn spawn(command: &Command, account: &Account, interpreter: Option<&Path>) -> io::Result<(Child, Output)> {
    super::signals::keep_from_scripts();
    let (reader, writer) = io::pipe()?;
    let output = Output::new(pipe::Receiver::from_owned_fd(OwnedFd::from(reader))?);
    let mut process = match (command.opens_only(), interpreter) {
        (Some(path), _) => {
            let mut process = std::process::Command::new(SHELL);
            process.args(["-c".as_ref(), "exec < \"$0\"".as_ref(), path]);
            process
        }
        (None, Some(interpreter)) => {
            let mut process = std::process::Command::new(interpreter);
            process.arg(&command.program);
            process
        }
        (None, None) => std::process::Command::new(&command.program),
    };
    process
        .args(&command.arguments)
        .envs(command.environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .process_group(0);
    for name in NOT_PASSED_ON {
        process.env_remove(name);
    }
    if !account.is_ours() {
        become_account(&mut process, account);
    }
    let child = tokio::process::Command::from(process).spawn()?;
    Ok((child, output))
}

/// The child takes on the user with all its groups. `CommandExt::uid` would leave it without any.
#[allow(unsafe_code, reason = "the standard library cannot set the groups of a child")]
fn become_account(process: &mut std::process::Command, account: &Account) {
    let Account { uid, gid, groups, .. } = account.clone();
    let become_it = move || {
        nix::unistd::setgroups(&groups)?;
        nix::unistd::setgid(gid)?;
        nix::unistd::setuid(uid)?;
        Ok(())
    };
    // SAFETY: between fork and exec only system calls may be made; these are three, and no memory is allocated for them.
    unsafe { process.pre_exec(become_it) };
}

fn errno(error: &io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::UnknownErrno, Errno::from_raw)
}

/// `exec` gives one number for several faults: looks which of them it is.
fn reason(command: &Command, account: &Account, error: &io::Error) -> NotStarted {
    let path = command.program();
    #[allow(clippy::wildcard_enum_match_arm, reason = "the others need no words of their own")]
    match errno(error) {
        Errno::ENOENT | Errno::ENOTDIR => match path.is_file().then(|| interpreter(path)).flatten() {
            Some(interpreter) => NotStarted::NoInterpreter(path.to_owned(), interpreter),
            None => NotStarted::NotFound(path.to_owned()),
        },
        Errno::EACCES => match path.metadata() {
            Ok(found) if !found.is_file() || found.permissions().mode() & 0o111 == 0 => {
                NotStarted::NotExecutable(path.to_owned())
            }
            _ => NotStarted::Denied(path.to_owned(), account.name.clone()),
        },
        Errno::EPERM => NotStarted::CannotBecome(account.name.clone()),
        errno => NotStarted::System(errno),
    }
}

/// What a script's first line asks for.
fn interpreter(path: &Path) -> Option<String> {
    let mut start = Vec::new();
    std::fs::File::open(path).ok()?.take(256).read_to_end(&mut start).ok()?;
    let line = start.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let line: String = String::from_utf8_lossy(line).chars().filter(|char| *char != '\r').collect();
    // A carriage return is part of the name to the kernel, and the usual reason for "not found".
    let is_dos = start.split(|byte| *byte == b'\n').next().is_some_and(|line| line.ends_with(b"\r"));
    let name = line.split_whitespace().next().unwrap_or_default();
    Some(if is_dos { format!("{name} with a carriage return (dos2unix)") } else { name.to_owned() })
}
