//! Waiting for descriptors that tokio has no type for.

use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};

use nix::sys::inotify::Inotify;
use nix::sys::timerfd::TimerFd;
use socket2::Socket;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Owns one descriptor, open for as long as it lives, and always gives that one.
pub(crate) trait Owner: AsFd {}

impl Owner for Inotify {}
impl Owner for Socket {}
impl Owner for TimerFd {}
impl Owner for netlink_sys::Socket {}

/// What tokio takes.
#[derive(Debug)]
pub(crate) struct Owned<T>(pub(crate) T);

impl<T: Owner> AsRawFd for Owned<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

/// So that one can wait until there is something to read. Must be called on the runtime.
#[allow(unsafe_code, reason = "tokio has no safe way to wait for a descriptor that it does not know the type of")]
pub(crate) fn readable<T: Owner>(owner: T) -> io::Result<AsyncFd<Owned<T>>> {
    // SAFETY: an `Owner`, which is one of the types above, keeps its descriptor open and the same until it is dropped, and
    // nothing takes it out of the `AsyncFd` before that.
    let registered = unsafe { AsyncFd::register_with_interest(Owned(owner), Interest::READABLE) };
    registered.map_err(io::Error::from)
}
