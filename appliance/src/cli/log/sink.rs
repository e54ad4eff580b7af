//! Where records go. None of them waits.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// It is written, or nobody will ever read it.
    Now,
    /// There is no room at the moment.
    Later,
}

/// Something that takes records.
pub(super) trait Sink: Send {
    fn take(&mut self, record: &[u8]) -> Taken;
}

/// Standard error. It belongs to whoever started the program, so that its mode is not changed; it is asked for room
/// instead. A pipe that says that it has some has room for 4096 bytes (pipe(7), poll(2)).
pub(super) struct StandardError;

impl Sink for StandardError {
    fn take(&mut self, record: &[u8]) -> Taken {
        let stderr = io::stderr();
        let mut fds = [PollFd::new(stderr.as_fd(), PollFlags::POLLOUT)];
        match poll(&mut fds, PollTimeout::ZERO) {
            Ok(0) => Taken::Later,
            // An error of poll is one of the write as well; nobody is left to tell.
            Ok(_) | Err(_) => {
                let _ = stderr.lock().write_all(record);
                Taken::Now
            }
        }
    }
}

/// The kind of program, as syslog sorts them (RFC 3164 §4.1.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Facility {
    /// Programs of users.
    User,
    /// Services.
    #[default]
    Daemon,
    /// For local use, 0 to 7.
    Local(u8),
}

impl Facility {
    /// As it is written: `daemon`, `user`, `local0` to `local7`, or `0` to `7` for the latter.
    ///
    /// # Errors
    /// What can be written.
    pub(crate) fn parse(word: &str) -> Result<Self, String> {
        let number = word.strip_prefix("local").unwrap_or(word);
        match (word, number.parse()) {
            ("user", _) => Ok(Self::User),
            ("daemon", _) => Ok(Self::Daemon),
            (_, Ok(number @ 0..=7)) if number_is_plain(word) => Ok(Self::Local(number)),
            _ => Err("write daemon, user, or local0 to local7".into()),
        }
    }

    pub(super) const fn code(self) -> u8 {
        match self {
            Self::User => 1,
            Self::Daemon => 3,
            Self::Local(number) => 16 + number,
        }
    }
}

/// One digit: `07` and `+7` are none that syslog knows.
fn number_is_plain(word: &str) -> bool {
    word.strip_prefix("local").unwrap_or(word).len() == 1
}

/// The local syslog daemon.
pub(super) struct Syslog {
    path: PathBuf,
    socket: Option<UnixDatagram>,
}

impl Syslog {
    pub(super) fn at(path: &Path) -> Self {
        Self { path: path.to_owned(), socket: None }
    }

    fn connect(&self) -> io::Result<UnixDatagram> {
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        socket.connect(&self.path)?;
        Ok(socket)
    }
}

impl Sink for Syslog {
    fn take(&mut self, record: &[u8]) -> Taken {
        // Twice: a daemon that was started again has another socket of the same name.
        for _ in 0..2 {
            if self.socket.is_none() {
                self.socket = self.connect().ok();
            }
            let Some(socket) = &self.socket else { return Taken::Later };
            match socket.send(record) {
                Ok(_) => return Taken::Now,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Taken::Later,
                Err(_) => self.socket = None,
            }
        }
        Taken::Later
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn syslog_is_found_again_after_it_was_away() {
        let directory = std::env::temp_dir().join(format!("locum-syslog-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let path = directory.join("log");
        let mut syslog = Syslog::at(&path);
        assert_eq!(syslog.take(b"nobody"), Taken::Later);
        let mut bytes = [0; 100];
        for text in [&b"one"[..], b"two"] {
            let daemon = UnixDatagram::bind(&path).unwrap();
            assert_eq!(syslog.take(text), Taken::Now);
            let len = daemon.recv(&mut bytes).unwrap();
            assert_eq!(&bytes[..len], text);
            drop(daemon);
            std::fs::remove_file(&path).unwrap();
        }
        assert_eq!(syslog.take(b"nobody"), Taken::Later);
        std::fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_daemon_that_does_not_read_holds_nobody_up() {
        let directory = std::env::temp_dir().join(format!("locum-syslog-full-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let path = directory.join("log");
        let _daemon = UnixDatagram::bind(&path).unwrap();
        let mut syslog = Syslog::at(&path);
        let taken = (0..10_000).take_while(|_| syslog.take(&[b'x'; 200]) == Taken::Now).count();
        assert!((1..10_000).contains(&taken), "{taken}");
        std::fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn facilities_have_their_numbers() {
        let numbers = [Facility::User, Facility::default(), Facility::Local(0), Facility::Local(7)].map(Facility::code);
        assert_eq!(numbers, [1, 3, 16, 23]);
        let words = ["daemon", "user", "local7", "0"].map(|word| Facility::parse(word).ok());
        let facilities = [Facility::Daemon, Facility::User, Facility::Local(7), Facility::Local(0)];
        assert_eq!(words, facilities.map(Some));
        for bad in ["", "mail", "local8", "8", "07", "-1", "local"] {
            assert!(Facility::parse(bad).is_err(), "{bad}");
        }
    }
}
