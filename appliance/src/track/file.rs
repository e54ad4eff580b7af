//! `track_file`: a number in a file. Read inotify(7) before changing it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use locum_config::model::TrackFile;
use locum_core::priority::Reading;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};
use tokio::io::unix::AsyncFd;
use tokio::time::{Instant, sleep_until};

use super::board::Pen;
use crate::readiness::{Owned, readable};

/// Bytes of a file that are looked at.
const BYTES_MAX: u64 = 128;

/// How often a directory is looked for that is not there, and files are read where the kernel tells nothing of them.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Symbolic links of one path that are followed.
const LINKS_MAX: usize = 16;

/// A file, and where its number goes.
#[derive(Debug)]
pub(super) struct Tracked {
    path: PathBuf,
    pen: Pen,
    /// The directories that it depends on: its own, and those that links on the way to it lead to.
    watches: Vec<WatchDescriptor>,
    /// All those directories are there.
    is_watched: bool,
    value: i32,
}

impl Tracked {
    /// `None` for one that is broken. What an earlier look at it gave still counts.
    pub(super) fn new(file: &TrackFile, pen: Pen) -> Option<Self> {
        let path = PathBuf::from(&file.path.as_ref()?.value);
        let value = match pen.says() {
            Reading::Value(value) => value,
            Reading::Unknown | Reading::Good | Reading::Bad => 0,
        };
        Some(Self { path, pen, watches: Vec::new(), is_watched: false, value })
    }

    fn read(&mut self) {
        let (value, detail) = match read(&self.path) {
            Content::Number(value) => (value, format!("the file says {value}")),
            Content::Missing => (0, "there is no file, which counts as 0".to_owned()),
            Content::Unreadable(error) => (0, format!("the file cannot be read ({error}), which counts as 0")),
            Content::Text(text) => (0, format!("the file says `{text}`, which counts as 0")),
            Content::Empty => (0, "the file is empty, which counts as 0".to_owned()),
            // keepalived.conf(5) knows numbers of 32 bits; others are ignored.
            Content::OutOfRange(text) => {
                (self.value, format!("the file says {text}, which is out of range; it still counts as {}", self.value))
            }
        };
        self.value = value;
        self.pen.reading(Reading::Value(value), detail);
    }

    /// Has the kernel tell of the directories that the file depends on.
    fn watch(&mut self, inotify: Option<&Inotify>) {
        self.watches.clear();
        self.is_watched = false;
        let Some(inotify) = inotify else { return };
        let mut path = self.path.clone();
        for _ in 0..LINKS_MAX {
            let directory = match path.parent() {
                Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
                Some(parent) => parent,
                None => return,
            };
            match inotify.add_watch(directory, wanted()) {
                Ok(watch) => self.watches.push(watch),
                Err(_) => return, // looked for again in a while
            }
            let Ok(target) = path.read_link() else {
                self.is_watched = true;
                return;
            };
            path = directory.join(target);
        }
    }

    fn depends_on(&self, event: &InotifyEvent) -> bool {
        // A file that has just been made is empty, or half written: its end is told, too. Only a link is whole at once.
        if event.mask == AddWatchFlags::IN_CREATE && !self.path.is_symlink() {
            return false;
        }
        // Where links are on the way, a change of any name may be a change of the file.
        let is_ours = self.watches.len() > 1 || event.name.is_none() || event.name.as_deref() == self.path.file_name();
        is_ours && self.watches.contains(&event.wd)
    }
}

fn wanted() -> AddWatchFlags {
    // Not IN_MODIFY: `echo 1 > file` empties the file first.
    AddWatchFlags::IN_CLOSE_WRITE
        | AddWatchFlags::IN_CREATE
        | AddWatchFlags::IN_DELETE
        | AddWatchFlags::IN_MOVE
        | AddWatchFlags::IN_ATTRIB
        | AddWatchFlags::IN_DELETE_SELF
        | AddWatchFlags::IN_MOVE_SELF
        | AddWatchFlags::IN_ONLYDIR
}

/// Follows all files, with one descriptor for all of them: the kernel allows a user few.
pub(super) async fn follow(mut files: Vec<Tracked>) {
    let inotify = match open() {
        Ok(inotify) => Some(inotify),
        Err(error) => {
            log::warn!("track_file: the kernel does not tell of changes ({error}); files are read each second");
            None
        }
    };
    let kernel = inotify.as_ref().map(|inotify| &inotify.get_ref().0);
    for file in &mut files {
        file.watch(kernel);
        file.read();
    }
    let mut look_at = Instant::now();
    loop {
        let all_watched = files.iter().all(|file| file.is_watched);
        tokio::select! {
            events = events(inotify.as_ref()) => {
                let lost = events.iter().any(|event| event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW));
                // Without a name: about a directory itself, which has gone or been moved.
                let gone = events.iter().any(|event| event.name.is_none());
                for file in &mut files {
                    if !lost && !events.iter().any(|event| file.depends_on(event)) {
                        continue;
                    }
                    if lost || gone || file.watches.len() > 1 || file.path.is_symlink() {
                        file.watch(kernel);
                    }
                    file.read();
                }
            }
            () = sleep_until(look_at), if !all_watched => {
                look_at = Instant::now() + LOOK_EVERY;
                for file in files.iter_mut().filter(|file| !file.is_watched) {
                    file.watch(kernel);
                    file.read();
                }
            }
        }
    }
}

fn open() -> io::Result<AsyncFd<Owned<Inotify>>> {
    readable(Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?)
}

/// What the kernel tells next. At least one thing.
async fn events(inotify: Option<&AsyncFd<Owned<Inotify>>>) -> Vec<InotifyEvent> {
    let Some(inotify) = inotify else { return std::future::pending().await };
    loop {
        let Ok(mut ready) = inotify.readable().await else { return std::future::pending().await };
        match inotify.get_ref().0.read_events() {
            Ok(events) if !events.is_empty() => return events,
            Ok(_) | Err(Errno::EAGAIN) => ready.clear_ready(),
            // A name that nix cannot hold, say: read on with the next.
            Err(error) => {
                log::warn!("track_file: inotify: {}", error.desc());
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
    }
}

/// What a file says.
#[derive(Debug, PartialEq, Eq)]
enum Content {
    Number(i32),
    OutOfRange(String),
    Text(String),
    Empty,
    Missing,
    Unreadable(String),
}

fn read(path: &Path) -> Content {
    // A FIFO would wait for its writer, a device may give anything.
    let opened = OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path);
    let bytes = opened.and_then(|file: File| {
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("it is not a file"));
        }
        let mut bytes = Vec::new();
        file.take(BYTES_MAX).read_to_end(&mut bytes)?;
        Ok(bytes)
    });
    match bytes {
        Ok(bytes) => number(&bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Content::Missing,
        Err(error) => Content::Unreadable(error.to_string()),
    }
}

/// strtol(3) with base 0: blanks, a sign, then decimal, `0x` hexadecimal or `0` octal digits. What follows is ignored.
fn number(bytes: &[u8]) -> Content {
    let blank = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0x0b;
    let start = bytes.iter().position(|byte| !blank(byte)).unwrap_or(bytes.len());
    let text = bytes.get(start..).unwrap_or_default();
    let (negative, rest) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let (radix, digits) = match rest {
        [b'0', b'x' | b'X', digits @ ..] if digits.first().is_some_and(u8::is_ascii_hexdigit) => (16, digits),
        [b'0', ..] => (8, rest),
        _ => (10, rest),
    };
    let len = digits.iter().take_while(|byte| char::from(**byte).is_digit(radix)).count();
    let words = || printable(text);
    if len == 0 {
        return if text.is_empty() { Content::Empty } else { Content::Text(words()) };
    }
    let value = digits.iter().take(len).try_fold(0_i64, |value, byte| {
        let digit = i64::from(char::from(*byte).to_digit(radix)?);
        value.checked_mul(i64::from(radix))?.checked_add(digit)
    });
    let value = value.map(|value| if negative { -value } else { value });
    match value {
        Some(value) if value == i64::from(i32::MAX) + 1 => Content::Number(i32::MAX),
        Some(value) => i32::try_from(value).map_or_else(|_| Content::OutOfRange(words()), Content::Number),
        None => Content::OutOfRange(words()),
    }
}

/// The first word or so, fit for a terminal.
fn printable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.lines().next().unwrap_or_default().chars().filter(|char| !char.is_control()).take(24).collect()
}

/// `init_file`: writes the first number if there is no file, or in any case.
pub(super) fn write_initial(file: &TrackFile) {
    let (Some(initial), Some(path)) = (&file.initial, &file.path) else { return };
    let (value, overwrite) = initial.value;
    if let Err(error) = write_number(Path::new(&path.value), value, overwrite) {
        log::warn!("track_file {}: init_file {}: {error}", *file.name, path.value);
    }
}

fn write_number(path: &Path, value: i64, overwrite: bool) -> io::Result<()> {
    let mut options = OpenOptions::new();
    // Links are not followed: the directory may be one in which others can place them.
    options.write(true).mode(0o644).custom_flags(OFlag::O_NOFOLLOW.bits() | OFlag::O_NONBLOCK.bits());
    if overwrite {
        options.create(true).truncate(true);
    } else {
        options.create_new(true);
    }
    match options.open(path) {
        Ok(mut file) => writeln!(file, "{value}"),
        Err(error) if !overwrite && error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}
