//! The thread that reads the terminal. It ends when the terminal does: end of file, EIO, hang-up. It never spins.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::console::Event;
use crate::key::Parser;
use crate::link::timeout;

/// Reads keys from `input` until it ends, or until the other end of `bell` is dropped.
pub(crate) fn run(input: File, bell: &UnixStream, escape_timeout: Duration, events: &SyncSender<Event>) {
    let mut parser = Parser::default();
    let send = |key| events.send(Event::Key(key)).is_ok();
    loop {
        let wait = if parser.pending() { timeout(escape_timeout) } else { PollTimeout::NONE };
        let mut fds = [PollFd::new(input.as_fd(), PollFlags::POLLIN), PollFd::new(bell.as_fd(), PollFlags::POLLIN)];
        let ready = match poll(&mut fds, wait) {
            Ok(count) => count,
            Err(Errno::EINTR) => continue,
            Err(_) => break,
        };
        if ready == 0 {
            parser.timeout(|key| {
                send(key);
            });
            continue;
        }
        let [terminal, bell] = fds;
        if bell.any() != Some(false) {
            return;
        }
        let events = terminal.revents().unwrap_or(PollFlags::POLLERR);
        let mut bytes = [0; 256];
        match (&input).read(&mut bytes) {
            Ok(0) => break,
            Ok(count) => {
                let mut heard = true;
                for byte in bytes.iter().take(count) {
                    parser.feed(*byte, |key| heard &= send(key));
                }
                if !heard {
                    return;
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // Nothing to read although something was reported: only a hang-up is more than a false alarm.
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if events.intersects(PollFlags::POLLHUP | PollFlags::POLLERR | PollFlags::POLLNVAL) {
                    break;
                }
            }
            Err(_) => break,
        }
    }
    // If nobody listens any more, the console has ended already.
    let _ = events.send(Event::TerminalLost);
}
