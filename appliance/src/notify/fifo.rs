//! A FIFO that transitions are written to, and the script that reads it (keepalived.conf(5), `notify_fifo`).
//!
//! It is open for reading as well, so that nobody has to read it: lines then wait in the pipe, and beyond that here.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, chown};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use locum_config::model;
use locum_control::FifoStatus;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use nix::unistd::{geteuid, mkfifo};
use tokio::net::unix::pipe;
use tokio::task::AbortHandle;

use crate::script::{Account, AccountError, Command, Customs, Run, check};
use crate::task;

/// Lines that wait here for a reader that is behind. Then the oldest goes.
const LINES_MAX: usize = 1_024;

/// A line is written whole or not at all up to this length (pipe(7), `PIPE_BUF`).
const LINE_BYTES_MAX: usize = 4_096;

/// Until a script that has ended is started again: at first, and at most.
const RESTART_FIRST: Duration = Duration::from_secs(1);
const RESTART_MAX: Duration = Duration::from_secs(60);

/// A script that ran so long has not failed at its start.
const RAN_WELL: Duration = Duration::from_secs(60);

/// A script that reads a FIFO is never told to end for the time that it takes.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 86_400);

/// Why a FIFO is not written to.
#[derive(Debug)]
pub(crate) enum FifoError {
    /// It cannot be made or opened.
    Io(io::Error),
    /// Something else is at its path.
    NotAFifo,
    /// It was there before, and belongs to somebody else, who could read or replace it.
    NotOurs,
    /// Its owner does not exist.
    Account(AccountError),
}

impl fmt::Display for FifoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::NotAFifo => f.write_str("what is there is not a FIFO; remove it, or name another path"),
            Self::NotOurs => f.write_str("the FIFO that is there belongs to another user; remove it"),
            Self::Account(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for FifoError {}

impl From<io::Error> for FifoError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A FIFO that is open.
#[derive(Debug)]
pub(super) struct Fifo {
    path: PathBuf,
    /// Removed at the end.
    is_made_by_us: bool,
    lines: Rc<Lines>,
    script: Option<AbortHandle>,
}

#[derive(Debug)]
struct Lines {
    /// Writes at once. The runtime's own end would only after it has been asked whether there is room.
    file: File,
    /// Knows when there is room again.
    pipe: pipe::Sender,
    waiting: RefCell<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: VecDeque<String>,
    /// A task writes them.
    is_written: bool,
    lost: u64,
}

impl Fifo {
    /// Makes it where it is not there, opens it, and starts its script.
    ///
    /// # Errors
    /// Why it cannot be written to.
    pub(super) fn open(configured: &model::NotifyFifo, customs: &Customs) -> Result<Option<Self>, FifoError> {
        let Some(fifo) = &configured.fifo else { return Ok(None) };
        let path = PathBuf::from(&fifo.path);
        let owner = match &fifo.user {
            Some(user) => Some(Account::named(user, fifo.group.as_deref()).map_err(FifoError::Account)?),
            None => None,
        };
        let is_made_by_us = match mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR) {
            Ok(()) => true,
            Err(nix::errno::Errno::EEXIST) => false,
            Err(errno) => return Err(FifoError::Io(errno.into())),
        };
        let opened = open_pipe(&path, is_made_by_us, owner.as_ref());
        if opened.is_err() && is_made_by_us {
            let _ = std::fs::remove_file(&path); // what cannot be opened cannot always be removed
        }
        let file = opened?;
        let pipe = pipe::Sender::from_file(file.try_clone()?)?;
        let lines = Rc::new(Lines { file, pipe, waiting: RefCell::default() });
        let script = configured.script.as_ref().map(|script| {
            let command = Command::new(&script.value, customs).argument(path.as_os_str());
            task::spawn(keep_running(command, customs.clone())).abort_handle()
        });
        Ok(Some(Self { path, is_made_by_us, lines, script }))
    }

    /// Writes a line, now or when there is room. Never waits.
    pub(super) fn write(&self, line: &str) {
        if line.len() > LINE_BYTES_MAX {
            return;
        }
        let mut waiting = self.lines.waiting.borrow_mut();
        if waiting.lines.is_empty() {
            match (&self.lines.file).write(line.as_bytes()) {
                Ok(_) => return,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return log::warn!("{}: {error}", self.path.display()),
            }
        }
        if waiting.lines.len() >= LINES_MAX {
            waiting.lines.pop_front();
            if waiting.lost == 0 {
                log::warn!("{}: nobody reads it, the oldest lines are thrown away", self.path.display());
            }
            waiting.lost += 1;
        }
        waiting.lines.push_back(line.to_owned());
        if !waiting.is_written {
            waiting.is_written = true;
            task::spawn(write_waiting(Rc::clone(&self.lines), self.path.clone()));
        }
    }

    /// Lines that wait for a reader, and lines that were thrown away because there was none.
    pub(super) fn status(&self) -> FifoStatus {
        let waiting = self.lines.waiting.borrow();
        FifoStatus {
            path: self.path.display().to_string(),
            waiting: u32::try_from(waiting.lines.len()).unwrap_or(u32::MAX),
            lost: waiting.lost,
        }
    }
}

impl Drop for Fifo {
    fn drop(&mut self) {
        // First, so that a reader that opens it again and again does not find it any more.
        if self.is_made_by_us {
            let _ = std::fs::remove_file(&self.path); // gone already is as well
        }
        if let Some(script) = &self.script {
            script.abort();
        }
    }
}

fn open_pipe(path: &Path, is_new: bool, owner: Option<&Account>) -> Result<File, FifoError> {
    let flags = (OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC).bits();
    let found = path.symlink_metadata()?;
    if !found.file_type().is_fifo() {
        return Err(FifoError::NotAFifo);
    }
    if is_new && let Some(owner) = owner {
        chown(path, Some(owner.uid.as_raw()), Some(owner.gid.as_raw()))?;
    }
    let file = OpenOptions::new().read(true).write(true).custom_flags(flags).open(path)?;
    // Asked of what was opened: in a directory that others can write, the path may lead elsewhere by now.
    let found = file.metadata()?;
    if !found.file_type().is_fifo() {
        return Err(FifoError::NotAFifo);
    }
    let is_ours = |uid: u32| uid == geteuid().as_raw() || owner.is_some_and(|owner| owner.uid.as_raw() == uid);
    if !is_ours(found.uid()) {
        return Err(FifoError::NotOurs);
    }
    Ok(file)
}

async fn write_waiting(lines: Rc<Lines>, path: PathBuf) {
    loop {
        if let Err(error) = lines.pipe.writable().await {
            log::warn!("{}: {error}", path.display());
            break;
        }
        let mut waiting = lines.waiting.borrow_mut();
        let Some(line) = waiting.lines.front() else { break };
        match lines.pipe.try_write(line.as_bytes()) {
            Ok(_) => drop(waiting.lines.pop_front()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => {
                log::warn!("{}: {error}", path.display());
                break;
            }
        }
    }
    lines.waiting.borrow_mut().is_written = false;
}

/// keepalived starts such a script once; here one that ends is started again, with pauses that grow.
async fn keep_running(command: Command, customs: Customs) {
    let mut pause = RESTART_FIRST;
    loop {
        let (end, duration) = match check(&command, customs.security) {
            Err(why) => (why.to_string(), Duration::ZERO),
            Ok(()) => match Run::start(&command) {
                Err(why) => (why.to_string(), Duration::ZERO),
                Ok(mut run) => match run.ended(FOR_EVER).await {
                    Some(outcome) => (outcome.end.to_string(), outcome.duration),
                    None => ("ended".into(), FOR_EVER),
                },
            },
        };
        if duration >= RAN_WELL {
            pause = RESTART_FIRST;
        }
        log::warn!("{}: {end}; it is started again in {} s", command.program().display(), pause.as_secs());
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(RESTART_MAX);
    }
}

#[cfg(test)]
mod tests;
