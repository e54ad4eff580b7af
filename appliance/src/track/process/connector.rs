//! The kernel's process events: a netlink connector (`linux/cn_proc.h`, `linux/connector.h`). Nothing of it is documented
//! in the manual pages; its layout is part of the kernel's stable interface.

use std::io;
use std::os::fd::AsRawFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{NetlinkAddr, bind, recvfrom};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::unix::AsyncFd;

use crate::readiness::{Owned, readable};

/// How long the kernel may take to confirm. It does so at once, or never: where it has no such events, or where this is not
/// the first process namespace.
const CONFIRM_WITHIN: Duration = Duration::from_millis(500);

/// Room for a burst of new processes.
const RECEIVE_BUFFER_BYTES: usize = 1 << 18;

const CN_IDX_PROC: u32 = 1;
const CN_VAL_PROC: u32 = 1;
const PROC_CN_MCAST_LISTEN: u32 = 1;

const PROC_EVENT_NONE: u32 = 0;
const PROC_EVENT_FORK: u32 = 1;
const PROC_EVENT_EXEC: u32 = 2;
const PROC_EVENT_COMM: u32 = 0x200;
const PROC_EVENT_EXIT: u32 = 0x8000_0000;

/// `NLMSG_DONE` of netlink(7).
const NLMSG_DONE: u16 = 3;
const NETLINK_HEADER: usize = 16;
const CONNECTOR_HEADER: usize = 20;

/// More than any message of the connector.
const MESSAGE_BYTES_MAX: usize = 256;

/// What has happened to a process. Threads are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// It has been copied.
    Fork {
        /// The one that was there.
        parent: u32,
        /// The copy.
        child: u32,
    },
    /// It runs another program, or has taken another name.
    Changed(u32),
    /// It has ended.
    Exit(u32),
    /// There were more than could be kept: everything must be looked at again.
    Lost,
}

/// Where the events come from.
#[derive(Debug)]
pub(super) struct Connector(AsyncFd<Owned<Socket>>);

impl Connector {
    /// Asks the kernel for its events.
    ///
    /// # Errors
    /// When it has none, or none for this process.
    pub(super) async fn open() -> io::Result<Self> {
        let protocol = Protocol::from(libc::NETLINK_CONNECTOR);
        let socket = Socket::new(Domain::from(libc::AF_NETLINK), Type::DGRAM, Some(protocol))?;
        socket.set_nonblocking(true)?;
        socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES)?;
        bind(socket.as_raw_fd(), &NetlinkAddr::new(0, CN_IDX_PROC))?;
        socket.send(&listen())?;
        let connector = Self(readable(socket)?);
        let confirmed = tokio::time::timeout(CONFIRM_WITHIN, async {
            loop {
                if connector.receive().await?.is_some_and(|message| is_confirmation(&message)) {
                    return Ok::<_, io::Error>(());
                }
            }
        });
        match confirmed.await {
            Ok(result) => result.map(|()| connector),
            Err(_) => Err(io::Error::other("no process events in this kernel or namespace")),
        }
    }

    /// The next event.
    ///
    /// # Errors
    /// When the kernel gives no more.
    pub(super) async fn next(&mut self) -> io::Result<Event> {
        loop {
            match self.receive().await {
                Ok(Some(message)) => {
                    if let Some(event) = event(&message) {
                        return Ok(event);
                    }
                }
                Ok(None) => {}
                Err(error) if error.raw_os_error() == Some(Errno::ENOBUFS as i32) => return Ok(Event::Lost),
                Err(error) => return Err(error),
            }
        }
    }

    /// The next message. `None` for one that is not the kernel's.
    async fn receive(&self) -> io::Result<Option<Vec<u8>>> {
        let mut buffer = [0; MESSAGE_BYTES_MAX];
        loop {
            let mut ready = self.0.readable().await?;
            match recvfrom::<NetlinkAddr>(self.0.as_raw_fd(), &mut buffer) {
                Ok((len, sender)) => {
                    let is_kernel = sender.is_some_and(|sender| sender.pid() == 0);
                    return Ok(buffer.get(..len).filter(|_| is_kernel).map(<[u8]>::to_vec));
                }
                Err(Errno::EAGAIN) => ready.clear_ready(),
                Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// The request to be told of events.
fn listen() -> Vec<u8> {
    let payload = PROC_CN_MCAST_LISTEN.to_ne_bytes();
    let len = NETLINK_HEADER + CONNECTOR_HEADER + payload.len();
    let mut message = Vec::with_capacity(len);
    // struct nlmsghdr: length; type (NLMSG_DONE) and flags; sequence number; sender, filled in by the kernel.
    message.extend_from_slice(&u32::try_from(len).unwrap_or(0).to_ne_bytes());
    message.extend_from_slice(&NLMSG_DONE.to_ne_bytes());
    message.extend_from_slice(&[0; 2 + 4 + 4]);
    // struct cn_msg: index, value, sequence number, acknowledgement; length and flags.
    for word in [CN_IDX_PROC, CN_VAL_PROC, 0, 0] {
        message.extend_from_slice(&word.to_ne_bytes());
    }
    message.extend_from_slice(&u16::try_from(payload.len()).unwrap_or(0).to_ne_bytes());
    message.extend_from_slice(&[0; 2]);
    message.extend_from_slice(&payload);
    message
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().map(u32::from_ne_bytes).ok()
}

/// A `struct proc_event` in a message: what has happened, and the words about it.
fn proc_event(message: &[u8]) -> Option<(u32, &[u8])> {
    let connector = message.get(NETLINK_HEADER..)?;
    if word(connector, 0)? != CN_IDX_PROC || word(connector, 4)? != CN_VAL_PROC {
        return None;
    }
    let event = connector.get(CONNECTOR_HEADER..)?;
    // After it: the processor and the time.
    Some((word(event, 0)?, event.get(16..)?))
}

fn is_confirmation(message: &[u8]) -> bool {
    proc_event(message).is_some_and(|(what, about)| what == PROC_EVENT_NONE && word(about, 0) == Some(0))
}

/// What a message says; `None` if it is about a thread, or about something else.
fn event(message: &[u8]) -> Option<Event> {
    let (what, about) = proc_event(message)?;
    match what {
        PROC_EVENT_FORK => {
            let (parent, thread, child) = (word(about, 4)?, word(about, 8)?, word(about, 12)?);
            (thread == child).then_some(Event::Fork { parent, child })
        }
        PROC_EVENT_EXEC | PROC_EVENT_COMM | PROC_EVENT_EXIT => {
            let (thread, process) = (word(about, 0)?, word(about, 4)?);
            let event = if what == PROC_EVENT_EXIT { Event::Exit(process) } else { Event::Changed(process) };
            (thread == process).then_some(event)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(what: u32, about: &[u32]) -> Vec<u8> {
        let mut message = vec![0; NETLINK_HEADER];
        for word in [CN_IDX_PROC, CN_VAL_PROC, 7, 0, 40, what, 1, 0, 0].iter().chain(about) {
            message.extend_from_slice(&word.to_ne_bytes());
        }
        message
    }

    #[test]
    fn events_are_read_and_threads_are_left_out() {
        let table = [
            (message(PROC_EVENT_FORK, &[10, 10, 11, 11]), Some(Event::Fork { parent: 10, child: 11 })),
            (message(PROC_EVENT_FORK, &[10, 10, 12, 10]), None),
            (message(PROC_EVENT_EXEC, &[11, 11]), Some(Event::Changed(11))),
            (message(PROC_EVENT_COMM, &[11, 11]), Some(Event::Changed(11))),
            (message(PROC_EVENT_COMM, &[12, 11]), None),
            (message(PROC_EVENT_EXIT, &[11, 11, 0, 17]), Some(Event::Exit(11))),
            (message(PROC_EVENT_EXIT, &[12, 11, 0, 17]), None),
            (message(4, &[1, 1, 1, 1]), None),
        ];
        for (message, expected) in table {
            assert_eq!(event(&message), expected);
            // Cut off anywhere it is nothing, or, without what follows the words that count, the same.
            for len in 0..message.len() {
                let cut = event(&message[..len]);
                assert!(cut.is_none() || cut == expected);
            }
        }
        assert!(is_confirmation(&message(PROC_EVENT_NONE, &[0])));
        assert!(!is_confirmation(&message(PROC_EVENT_NONE, &[1])), "not permitted");
        assert!(!is_confirmation(&message(PROC_EVENT_EXIT, &[0])));
    }

    #[test]
    fn the_request_is_as_long_as_it_says() {
        let request = listen();
        assert_eq!(request.len(), 40);
        assert_eq!(word(&request, 0), Some(40));
        assert_eq!(word(&request, 36), Some(PROC_CN_MCAST_LISTEN));
    }
}
