//! Writing a recording, until the time is over, the file is full, or somebody ends it.

use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use locum_control::{FramingError, Hello, Line, LineBuffer, PROTOCOL, Request, from_json, to_json_line};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use super::conversation::{Conversation, belongs};
use super::{VERSION, new_file};
use crate::clock;

/// How long a service may be silent after it was asked.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long after a lost connection the next one is tried.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// When a recording ends by itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// After so long.
    pub(crate) lasts: Option<Duration>,
    /// When the file has so many bytes.
    pub(crate) bytes: u64,
}

/// Why it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The time was over.
    Time,
    /// The file was full.
    Full,
    /// Somebody ended it.
    Signal,
}

/// What is in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Recorded {
    pub(crate) ended: Ended,
    pub(crate) lines: u64,
    pub(crate) bytes: u64,
    /// How often the connection was lost on the way.
    pub(crate) gaps: u32,
}

/// Why nothing, or no more, could be recorded.
#[derive(Debug)]
pub(crate) enum RecordError {
    /// Nobody answers on the socket.
    NoService(io::Error),
    /// What answers there is no service that can be recorded.
    Nonsense(String),
    /// The file is there already.
    Exists(PathBuf),
    /// The file cannot be written.
    File(PathBuf, io::Error),
    /// The system fails.
    System(io::Error),
}

impl std::fmt::Display for RecordError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoService(error) => write!(f, "no service answers: {error}"),
            Self::Nonsense(what) => f.write_str(what),
            Self::Exists(path) => write!(f, "{} exists: name another file, or remove it", path.display()),
            Self::File(path, error) => write!(f, "{}: {error}", path.display()),
            Self::System(error) => error.fmt(f),
        }
    }
}

/// Records what the service at `socket` says. It goes on when the service is started again meanwhile; `note` is told so.
///
/// # Errors
/// When no service answers at the beginning, or the file cannot be written. What was written until then is whole.
pub(crate) fn record(
    socket: &Path,
    path: &Path,
    limits: Limits,
    mut note: impl FnMut(&str),
) -> Result<Recorded, RecordError> {
    let signals = signals().map_err(|errno| RecordError::System(errno.into()))?;
    let mut stream = Some(UnixStream::connect(socket).map_err(RecordError::NoService)?);
    let failed = |error: io::Error| RecordError::File(path.to_owned(), error);
    let file = new_file(path).map_err(|error| {
        if error.kind() == ErrorKind::AlreadyExists { RecordError::Exists(path.to_owned()) } else { failed(error) }
    })?;
    let mut recording = Recording::begin(file, limits.bytes).map_err(failed)?;
    let until = limits.lasts.and_then(|lasts| Instant::now().checked_add(lasts));
    let mut gaps = 0;
    let ended = loop {
        let end = match stream.take() {
            Some(stream) => Session::new(stream, &signals, until).run(&mut recording),
            None => End::Lost("no service answers".into()),
        };
        recording.flush().map_err(failed)?;
        match end {
            End::Over(ended) => break ended,
            End::Write(error) => return Err(failed(error)),
            End::Nonsense(what) => return Err(RecordError::Nonsense(what)),
            End::Lost(why) => {
                if gaps == 0 || recording.lines_since_gap > 0 {
                    note(&format!("{why}; waiting for it to come back"));
                    gaps += 1;
                    recording.lines_since_gap = 0;
                }
            }
        }
        if let Some(ended) = pause(&signals, until) {
            break ended;
        }
        stream = UnixStream::connect(socket).ok();
    };
    Ok(Recorded { ended, lines: recording.lines, bytes: recording.bytes, gaps })
}

/// From here on these signals end the recording in order.
fn signals() -> nix::Result<SignalFd> {
    let mut set = SigSet::empty();
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        set.add(signal);
    }
    set.thread_block()?;
    SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
}

/// Waits before the next attempt, unless it is over.
fn pause(signals: &SignalFd, until: Option<Instant>) -> Option<Ended> {
    let next = Instant::now() + RETRY_AFTER;
    let wake = until.map_or(next, |until| until.min(next));
    let left = wake.saturating_duration_since(Instant::now());
    let mut fds = [PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
    match poll(&mut fds, timeout(left)) {
        Ok(count) if count > 0 => Some(Ended::Signal),
        _ => until.filter(|until| Instant::now() >= *until).map(|_| Ended::Time),
    }
}

/// How a connection ended.
enum End {
    Over(Ended),
    Lost(String),
    Nonsense(String),
    Write(io::Error),
}

/// One connection.
struct Session<'a> {
    stream: UnixStream,
    signals: &'a SignalFd,
    until: Option<Instant>,
    buffer: LineBuffer,
    conversation: Conversation,
    /// When the service was last heard.
    heard_at: Instant,
}

impl<'a> Session<'a> {
    fn new(stream: UnixStream, signals: &'a SignalFd, until: Option<Instant>) -> Self {
        let (buffer, conversation) = (LineBuffer::default(), Conversation::new(Instant::now()));
        Self { stream, signals, until, buffer, conversation, heard_at: Instant::now() }
    }

    fn run(mut self, recording: &mut Recording) -> End {
        if let Err(error) = self.stream.set_write_timeout(Some(ANSWER_TIMEOUT)) {
            return End::Lost(error.to_string());
        }
        loop {
            if let Err(end) = self.step(recording) {
                return end;
            }
        }
    }

    fn step(&mut self, recording: &mut Recording) -> Result<(), End> {
        let now = Instant::now();
        if self.until.is_some_and(|until| now >= until) {
            return Err(End::Over(Ended::Time));
        }
        if let Some(request) = self.conversation.due(now) {
            self.ask(&request)?;
        }
        // Something comes at least as often as everything is asked for.
        let silent_until = self.heard_at.max(self.conversation.due_at()) + ANSWER_TIMEOUT;
        if now >= silent_until {
            return Err(End::Lost("the service has not answered for too long".into()));
        }
        let wake = [Some(silent_until), Some(self.conversation.due_at()).filter(|at| *at > now), self.until];
        let wake = wake.into_iter().flatten().min().unwrap_or(silent_until);
        let mut fds =
            [PollFd::new(self.stream.as_fd(), PollFlags::POLLIN), PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, timeout(wake.saturating_duration_since(now))) {
            Ok(0) | Err(nix::errno::Errno::EINTR) => return recording.flush().map_err(End::Write),
            Ok(_) => {}
            Err(errno) => return Err(End::Lost(errno.desc().into())),
        }
        let ready = |fd: &PollFd<'_>| fd.revents().is_some_and(|events| !events.is_empty());
        let [from_service, from_signals] = fds.each_ref().map(ready);
        if from_signals {
            return Err(End::Over(Ended::Signal));
        }
        if from_service { self.read(recording) } else { Ok(()) }
    }

    fn ask(&mut self, request: &Request) -> Result<(), End> {
        let line = to_json_line(request);
        self.stream
            .write_all(line.as_bytes())
            .map_err(|error| End::Lost(format!("the service does not listen: {error}")))
    }

    fn read(&mut self, recording: &mut Recording) -> Result<(), End> {
        let mut chunk = [0; 16 * 1024];
        let count = match self.stream.read(&mut chunk) {
            Ok(0) => return Err(End::Lost("the service has closed the connection".into())),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            Err(error) => return Err(End::Lost(format!("the connection to the service broke: {}", error.kind()))),
        };
        self.heard_at = Instant::now();
        self.buffer.extend(chunk.get(..count).unwrap_or_default());
        while let Some(text) = self.buffer.next_line() {
            self.line(&text, recording)?;
        }
        recording.flush().map_err(End::Write)
    }

    fn line(&mut self, text: &Result<String, FramingError>, recording: &mut Recording) -> Result<(), End> {
        // One that is too long or that a newer service says is left out; it is no reason to lose the others.
        let Ok(text) = text else { return Ok(()) };
        let line = match from_json::<Line>(text.as_bytes()) {
            Ok(Line::Hello(Hello { locum, .. })) if locum != PROTOCOL => {
                let what =
                    format!("the service speaks version {locum} of the control protocol, this program {PROTOCOL}");
                return Err(End::Nonsense(what));
            }
            Ok(line) => line,
            Err(_) if self.conversation.is_watching() => return Ok(()),
            Err(_) => return Err(End::Nonsense("what answers there is no locum service".into())),
        };
        if belongs(&line) && !recording.write(text).map_err(End::Write)? {
            return Err(End::Over(Ended::Full));
        }
        match self.conversation.heard(&line, self.heard_at) {
            Some(request) => self.ask(&request),
            None => Ok(()),
        }
    }
}

/// The file.
#[derive(Debug)]
struct Recording {
    file: BufWriter<File>,
    bytes: u64,
    bytes_max: u64,
    lines: u64,
    lines_since_gap: u64,
    /// The wall clock when it began, and a steady one: times in the file never go back.
    began_unix_ms: u64,
    began: Instant,
}

impl Recording {
    fn begin(file: File, bytes_max: u64) -> io::Result<Self> {
        let mut file = BufWriter::new(file);
        let head = format!("{{\"locum_recording\":{VERSION}}}\n");
        file.write_all(head.as_bytes())?;
        Ok(Self {
            file,
            bytes: head.len() as u64,
            bytes_max,
            lines: 0,
            lines_since_gap: 0,
            began_unix_ms: clock::unix_ms(),
            began: Instant::now(),
        })
    }

    /// Adds a line of the socket; false if the file is full.
    fn write(&mut self, line: &str) -> io::Result<bool> {
        let passed_ms = clock::whole_ms(self.began.elapsed());
        let at_unix_ms = self.began_unix_ms.saturating_add(passed_ms);
        let text = format!("{{\"at_unix_ms\":{at_unix_ms},\"line\":{line}}}\n");
        let bytes = self.bytes.saturating_add(text.len() as u64);
        if bytes > self.bytes_max {
            return Ok(false);
        }
        self.file.write_all(text.as_bytes())?;
        (self.bytes, self.lines, self.lines_since_gap) = (bytes, self.lines + 1, self.lines_since_gap + 1);
        Ok(true)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// At least `left`, so that a rest below a millisecond does not make us spin.
fn timeout(left: Duration) -> PollTimeout {
    let ms = clock::whole_us(left).div_ceil(1_000);
    PollTimeout::try_from(ms.min(60_000)).unwrap_or(PollTimeout::MAX)
}
