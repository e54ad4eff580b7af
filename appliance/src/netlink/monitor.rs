//! What the kernel tells by itself, to those who have joined a group.

use std::io;
use std::os::fd::AsRawFd;

use netlink_sys::{Socket, SocketAddr};
use nix::errno::Errno;
use nix::sys::socket::{NetlinkAddr, recvfrom};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::NETLINK_ROUTE;
use super::read::{Received, messages};
use crate::readiness::{Owned, readable};

/// What can wait, as the kernel counts it: some hundred addresses that come or go at once.
const WAITING_BYTES: i32 = 1 << 20;
/// Datagrams taken in a row.
const AT_ONCE: usize = 256;

/// A socket on which the kernel tells what changes.
pub(crate) struct Monitor {
    socket: AsyncFd<Owned<Socket>>,
    buffer: Vec<u8>,
}

/// Whether everything was heard.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// Everything.
    All,
    /// More was told than could wait: what was told is lost, and must be asked for.
    Part,
}

impl Monitor {
    /// Joins these groups (rtnetlink(7), RTNLGRP_…). Must be called on the runtime.
    ///
    /// # Errors
    /// When the kernel gives no netlink socket.
    pub(crate) fn open(groups: &[u32]) -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.set_non_blocking(true)?;
        socket.bind(&SocketAddr::new(0, 0))?;
        for group in groups {
            socket.add_membership(*group)?;
        }
        let _ = socket.set_rx_buf_sz(WAITING_BYTES); // less will do as well
        Ok(Self { socket: readable(socket)?, buffer: vec![0; 32 * 1024] })
    }

    /// Waits until something was told.
    pub(crate) async fn readable(&self) -> io::Result<()> {
        self.socket.readable().await?.retain_ready();
        Ok(())
    }

    /// Hands over what was told so far; does not wait.
    ///
    /// # Errors
    /// What the kernel says.
    pub(crate) fn hear(&mut self, mut each: impl FnMut(Received<'_>)) -> io::Result<Heard> {
        let mut heard = Heard::All;
        for _ in 0..AT_ONCE {
            let buffer = self.buffer.as_mut_slice();
            let received = self
                .socket
                .try_io(Interest::READABLE, |socket| Ok(recvfrom::<NetlinkAddr>(socket.as_raw_fd(), buffer)?));
            match received {
                // Only the kernel is believed.
                Ok((len, from)) if from.is_some_and(|from| from.pid() == 0) => {
                    messages(self.buffer.get(..len).unwrap_or_default()).for_each(&mut each);
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.raw_os_error() == Some(Errno::ENOBUFS as i32) => heard = Heard::Part,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(heard)
    }
}
