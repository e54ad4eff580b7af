//! The ways to a service: its socket, or a command that carries the conversation there.

use std::cell::RefCell;
use std::ffi::OsString;
use std::io::{self, ErrorKind, Read};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{self, Command, Stdio};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::text::clean;

/// The end of what a command complains about, which is what matters.
const COMPLAINT_BYTES_MAX: usize = 2_048;
const COMPLAINT_CHARS_MAX: usize = 200;

/// A way to a service.
#[derive(Debug)]
pub(crate) enum Transport {
    /// Its socket.
    Socket(UnixStream),
    /// A command.
    Child(Child),
}

/// A command on whose standard input and output a service speaks. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Child {
    process: process::Child,
    stream: UnixStream,
    errors: RefCell<Complaints>,
}

#[derive(Debug)]
struct Complaints {
    stream: UnixStream,
    kept: Vec<u8>,
}

impl Transport {
    /// What is read from and written to; never waits.
    pub(crate) const fn stream(&self) -> &UnixStream {
        match self {
            Self::Socket(stream) => stream,
            Self::Child(child) => &child.stream,
        }
    }

    /// The last line that the command wrote to its standard error.
    pub(crate) fn complaint(&self) -> Option<String> {
        match self {
            Self::Socket(_) => None,
            Self::Child(child) => child.complaint(),
        }
    }
}

impl Child {
    /// Starts a command, in a process group of its own: a Ctrl-C at the terminal is not for it.
    pub(crate) fn start(words: &[OsString]) -> io::Result<Self> {
        let Some((program, arguments)) = words.split_first() else {
            return Err(io::Error::new(ErrorKind::InvalidInput, "no command"));
        };
        let (stream, theirs) = UnixStream::pair()?;
        let (errors, their_errors) = UnixStream::pair()?;
        for end in [&stream, &errors] {
            end.set_nonblocking(true)?;
        }
        let mut command = Command::new(program);
        command.args(arguments).process_group(0);
        command.stdin(Stdio::from(OwnedFd::from(theirs.try_clone()?))).stdout(Stdio::from(OwnedFd::from(theirs)));
        command.stderr(Stdio::from(OwnedFd::from(their_errors)));
        let process = command.spawn()?;
        let errors = RefCell::new(Complaints { stream: errors, kept: Vec::new() });
        Ok(Self { process, stream, errors })
    }

    /// The same conversation, for one who waits.
    pub(crate) fn blocking_stream(&self) -> io::Result<UnixStream> {
        let stream = self.stream.try_clone()?;
        stream.set_nonblocking(false)?;
        Ok(stream)
    }

    /// The last line that it wrote to its standard error.
    pub(crate) fn complaint(&self) -> Option<String> {
        self.errors.borrow_mut().last_line()
    }

    /// Takes what was written to the standard error, so that the command never waits for that.
    pub(crate) fn listen(&self) {
        self.errors.borrow_mut().take();
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // What it started, too. That there is nobody left to end is no error.
        if let Ok(pid) = i32::try_from(self.process.id()) {
            let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Complaints {
    fn take(&mut self) {
        let mut bytes = [0; 1_024];
        // As much as there may be at once; the rest is there the next time.
        for _ in 0..64 {
            match self.stream.read(&mut bytes) {
                Ok(0) => return,
                Ok(count) => self.kept.extend_from_slice(bytes.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return,
            }
            let surplus = self.kept.len().saturating_sub(COMPLAINT_BYTES_MAX);
            self.kept.drain(..surplus);
        }
    }

    fn last_line(&mut self) -> Option<String> {
        self.take();
        let text = String::from_utf8_lossy(&self.kept);
        let line = text.lines().map(str::trim).rfind(|line| !line.is_empty())?;
        Some(clean(line, COMPLAINT_CHARS_MAX))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::time::{Duration, Instant};

    use super::*;

    fn child(script: &str) -> Child {
        Child::start(&["sh".into(), "-c".into(), script.into()]).unwrap()
    }

    /// What it says until it ends.
    fn said(child: &Child) -> String {
        let (mut text, deadline) = (Vec::new(), Instant::now() + Duration::from_secs(10));
        loop {
            let mut bytes = [0; 100];
            match (&child.stream).read(&mut bytes) {
                Ok(0) => return String::from_utf8(text).unwrap(),
                Ok(count) => text.extend_from_slice(&bytes[..count]),
                Err(_) => std::thread::sleep(Duration::from_millis(5)),
            }
            assert!(Instant::now() < deadline);
        }
    }

    #[test]
    fn a_command_is_talked_to_and_its_last_complaint_is_kept() {
        let child = child("read line; echo \"heard $line\"; echo first >&2; printf 'host \\033[2Jgone\\n\\n' >&2");
        (&child.stream).write_all(b"hello\n").unwrap();
        assert_eq!(said(&child), "heard hello\n");
        assert_eq!(Transport::Child(child).complaint().as_deref(), Some("host ?[2Jgone"));
    }

    #[test]
    fn a_command_that_complains_without_end_does_not_wait_and_is_ended() {
        let child = child("while :; do echo nonsense >&2; done & wait");
        let pid = Pid::from_raw(i32::try_from(child.process.id()).unwrap());
        for _ in 0..50 {
            child.listen();
            std::thread::sleep(Duration::from_millis(2));
        }
        assert!(child.errors.borrow().kept.len() <= COMPLAINT_BYTES_MAX);
        drop(child);
        assert!(nix::sys::signal::kill(pid, None).is_err(), "it has ended");
        assert!(Child::start(&[]).is_err() && Child::start(&["/no/such/program".into()]).is_err());
    }
}
