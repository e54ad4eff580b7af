//! The terminal device: opened, put into raw mode, written to without ever waiting for ever, and restored on every way
//! out: return, error, signal and panic.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::panic;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::termios::{FlushArg, InputFlags, LocalFlags, SetArg, SpecialCharacterIndices, Termios};
use nix::sys::termios::{tcflush, tcgetattr, tcsetattr};
use nix::unistd::ttyname;

use crate::link::timeout;
use crate::options::{ConsoleError, Tty};
use crate::profile::{Line, Profile};

/// How long the last words may take.
const FAREWELL: Duration = Duration::from_millis(500);
/// How often a wait for the line looks whether the console is to end.
const PATIENCE: Duration = Duration::from_millis(200);
/// The most that is written at once, so that a line that stops can be noticed.
const WRITE_BYTES_MAX: usize = 256;

/// What restores the terminal. One for the process, because a panic hook can reach nothing else.
static SAVED: Mutex<Option<Saved>> = Mutex::new(None);

/// A thread of the console panicked, and the terminal was restored.
static PANICKED: AtomicBool = AtomicBool::new(false);

struct Saved {
    output: File,
    termios: Termios,
    /// Sent before the old settings return.
    farewell: Vec<u8>,
}

/// A terminal device, open in both directions.
#[derive(Debug)]
pub(crate) struct Terminal {
    pub(crate) input: File,
    pub(crate) output: File,
}

impl Terminal {
    /// Opens it.
    ///
    /// A description of our own is opened wherever possible: it can be set to never block, which would be felt by every
    /// other program on the terminal if it were set on the one that we inherited.
    pub(crate) fn open(tty: &Tty) -> Result<Self, ConsoleError> {
        match tty {
            Tty::Path(path) => {
                let output = open_path(path).map_err(|error| ConsoleError::Open(path.clone(), error))?;
                if !output.is_terminal() {
                    return Err(ConsoleError::NotATerminal);
                }
                let input = output.try_clone().map_err(ConsoleError::Terminal)?;
                Ok(Self { input, output })
            }
            Tty::Stdio => {
                let stdout = io::stdout();
                if !stdout.is_terminal() {
                    return Err(ConsoleError::NotATerminal);
                }
                let output = reopen(stdout.as_fd())?;
                let stdin = io::stdin();
                let input = if stdin.is_terminal() {
                    reopen(stdin.as_fd())?
                } else {
                    let path = PathBuf::from("/dev/tty");
                    open_path(&path).map_err(|error| ConsoleError::Open(path, error))?
                };
                Ok(Self { input, output })
            }
        }
    }

    /// What kind of line it is on.
    pub(crate) fn line(&self) -> Line {
        // Device numbers: Linux, Documentation/admin-guide/devices.txt.
        let device = self.output.metadata().map_or(0, |metadata| metadata.rdev());
        match (nix::sys::stat::major(device), nix::sys::stat::minor(device)) {
            (136..=143, _) => Line::Pseudo,
            (4, 0..64) => Line::Console,
            // Only rustix says a speed that is not one of the classic ones without a panic.
            _ => Line::Serial(rustix::termios::tcgetattr(&self.output).ok().map(|termios| termios.output_speed())),
        }
    }

    /// Columns and rows as the terminal knows them; `None` where it does not.
    pub(crate) fn size(&self) -> (Option<u16>, Option<u16>) {
        let known = |count: u16| (count > 0).then_some(count);
        match rustix::termios::tcgetwinsize(&self.output) {
            Ok(size) => (known(size.ws_col), known(size.ws_row)),
            Err(_) => (None, None),
        }
    }

    /// Puts it into raw mode until the guard is dropped.
    pub(crate) fn raw(&self) -> Result<Raw, ConsoleError> {
        let failed = |errno: Errno| ConsoleError::Terminal(errno.into());
        let old = tcgetattr(&self.input).map_err(failed)?;
        let raw = raw_mode(&old);
        let output = self.output.try_clone().map_err(ConsoleError::Terminal)?;
        *saved() = Some(Saved { output, termios: old, farewell: Vec::new() });
        PANICKED.store(false, Ordering::Relaxed);
        hook();
        let guard = Raw { raw };
        guard.enter(&self.input)?;
        Ok(guard)
    }
}

/// The settings in which every key arrives at once and is not echoed.
///
/// Flow control stays as it was: a VT220 needs it. So do parity, character size and the rest of the line's settings, and
/// the way output is processed: a console that dies leaves less behind.
fn raw_mode(old: &Termios) -> Termios {
    let mut raw = old.clone();
    raw.local_flags
        .remove(LocalFlags::ICANON | LocalFlags::ECHO | LocalFlags::ECHONL | LocalFlags::ISIG | LocalFlags::IEXTEN);
    raw.input_flags
        .remove(InputFlags::ICRNL | InputFlags::INLCR | InputFlags::IGNCR | InputFlags::BRKINT | InputFlags::PARMRK);
    for (index, value) in [(SpecialCharacterIndices::VMIN, 1), (SpecialCharacterIndices::VTIME, 0)] {
        if let Some(slot) = raw.control_chars.get_mut(index as usize) {
            *slot = value;
        }
    }
    raw
}

/// Raw mode; dropping it restores the terminal.
pub(crate) struct Raw {
    raw: Termios,
}

impl Raw {
    /// Sets raw mode, also after the process was stopped and continued.
    pub(crate) fn enter(&self, input: &File) -> Result<(), ConsoleError> {
        tcsetattr(input, SetArg::TCSANOW, &self.raw).map_err(|errno| ConsoleError::Terminal(errno.into()))
    }

    /// What the terminal is to be sent before the old settings return.
    pub(crate) fn set_farewell(&self, bytes: Vec<u8>) {
        if let Some(saved) = saved().as_mut() {
            saved.farewell = bytes;
        }
    }

    /// Forgets what was typed and not read, such as the late answer to a question, which a shell would take for input.
    pub(crate) fn discard_input(&self, input: &File) {
        // Where that is not possible, nothing is lost.
        let _ = tcflush(input, FlushArg::TCIFLUSH);
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        restore();
    }
}

/// Whether a thread of the console panicked since raw mode was entered.
pub(crate) fn panicked() -> bool {
    PANICKED.load(Ordering::Relaxed)
}

fn saved() -> MutexGuard<'static, Option<Saved>> {
    SAVED.lock().unwrap_or_else(PoisonError::into_inner)
}

fn restore() {
    let Some(mut saved) = saved().take() else { return };
    let farewell = std::mem::take(&mut saved.farewell);
    let deadline = Instant::now() + FAREWELL;
    // A terminal that is gone can take neither; there is nobody to tell.
    let _ = write_until(&saved.output, &farewell, || Instant::now() >= deadline);
    let _ = tcsetattr(&saved.output, SetArg::TCSANOW, &saved.termios);
}

/// Before a panic's message is printed, the terminal is restored; also where a panic aborts and nothing is dropped.
fn hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let active = saved().is_some();
            if active {
                PANICKED.store(true, Ordering::Relaxed);
                restore();
            }
            previous(info);
        }));
    });
}

/// What enters the screen.
pub(crate) fn greeting(profile: &Profile) -> Vec<u8> {
    let mut bytes = Vec::new();
    if profile.alt_screen {
        bytes.extend_from_slice(b"\x1b[?1049h");
    }
    if profile.beyond_vt100 {
        bytes.extend_from_slice(b"\x1b[?25l");
    }
    bytes
}

/// What leaves it: plain writing, a visible cursor, the other screen or else the line below everything, a last line.
pub(crate) fn farewell(profile: &Profile, rows: u16, last_line: &str) -> Vec<u8> {
    let mut bytes = b"\x1b[m".to_vec();
    if profile.beyond_vt100 {
        bytes.extend_from_slice(b"\x1b[?25h");
    }
    if profile.alt_screen {
        bytes.extend_from_slice(b"\x1b[?1049l");
    } else {
        bytes.extend_from_slice(format!("\x1b[{rows}H\r\n").as_bytes());
    }
    bytes.extend_from_slice(last_line.as_bytes());
    if !last_line.is_empty() {
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

fn open_path(path: &Path) -> io::Result<File> {
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    OpenOptions::new().read(true).write(true).custom_flags(flags.bits()).open(path)
}

/// The same terminal by a description of our own; the given one if that is not allowed (after `su`) or it has no name.
fn reopen(fd: BorrowedFd<'_>) -> Result<File, ConsoleError> {
    let inherited = File::from(fd.try_clone_to_owned().map_err(ConsoleError::Terminal)?);
    let own = ttyname(fd).ok().and_then(|path| open_path(&path).ok());
    let device = |file: &File| file.metadata().map(|metadata| metadata.rdev()).ok();
    Ok(match own {
        Some(own) if own.is_terminal() && device(&own) == device(&inherited) => own,
        Some(_) | None => inherited,
    })
}

/// The terminal as something to write to, which gives up when the console is to end.
#[derive(Debug)]
pub(crate) struct Output {
    file: File,
    /// The signal that ends the console, or 0.
    stop: Arc<AtomicI32>,
}

impl Output {
    pub(crate) const fn new(file: File, stop: Arc<AtomicI32>) -> Self {
        Self { file, stop }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        write_until(&self.file, bytes, || self.stop.load(Ordering::Relaxed) != 0 || panicked())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes all of `bytes`, unless `give_up` says otherwise while the line takes nothing.
fn write_until(file: &File, mut bytes: &[u8], give_up: impl Fn() -> bool) -> io::Result<()> {
    while !bytes.is_empty() {
        let mut fds = [PollFd::new(file.as_fd(), PollFlags::POLLOUT)];
        match poll(&mut fds, timeout(PATIENCE)) {
            Ok(0) | Err(Errno::EINTR) => {
                if give_up() {
                    return Err(ErrorKind::TimedOut.into());
                }
                continue;
            }
            Ok(_) => {}
            Err(errno) => return Err(errno.into()),
        }
        let piece = bytes.get(..WRITE_BYTES_MAX).unwrap_or(bytes);
        match (&*file).write(piece) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
            Err(error) if matches!(error.kind(), ErrorKind::Interrupted) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock) => {
                if give_up() {
                    return Err(ErrorKind::TimedOut.into());
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
