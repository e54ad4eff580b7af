//! Listens for routes and rules that are deleted. Read rtnetlink(7) before changing it.
//!
//! Apart from the monitor of links and addresses, because here a router with a full table of the Internet may have a
//! hundred thousand messages a second: nothing is parsed but what tells ours from others, and what does not fit into the
//! socket's buffer is made up for by a look at everything.

use std::io;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use locum_config::Model;
use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{MsgFlags, NetlinkAddr, bind, recv};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::unix::AsyncFd;

use super::super::journal::ROUTE_PROTOCOL;
use crate::readiness::{Owned, readable};

const RTM_DELROUTE: u16 = 25;
const RTM_DELRULE: u16 = 33;

/// `RTMGRP_IPV4_ROUTE` and its like: the groups of `enum rtnetlink_groups` as bits.
const GROUPS: u32 = 1 << 6 | 1 << 7 | 1 << 10 | 1 << 18;

/// Where `struct rtmsg` has `rtm_protocol`, after the header of the message.
const PROTOCOL_AT: usize = 16 + 5;

/// Messages taken before others have their turn.
const MESSAGES_MAX: usize = 64;

/// After an overrun nothing can be told about a route, so all are looked at; not more often than this.
const OVERRUN_EVERY: Duration = Duration::from_secs(1);

/// Routes and rules of the kernel, as far as their deletion concerns us.
pub(in super::super) struct Watch {
    /// `None` where the configuration has neither routes nor rules.
    socket: Option<AsyncFd<Owned<Socket>>>,
    /// The protocols that our routes bear.
    protocols: Vec<u8>,
    overrun_at: Option<Instant>,
}

impl Watch {
    /// Does not listen yet.
    pub(super) const fn new() -> Self {
        Self { socket: None, protocols: Vec::new(), overrun_at: None }
    }

    /// Listens for what this configuration has, and for nothing where it has nothing. Must be called on the runtime.
    pub(super) fn adopt(&mut self, model: &Model) {
        let instances = || model.instances.iter();
        let routes = instances().flat_map(|instance| &instance.routes).chain(&model.static_routes);
        let mut protocols: Vec<u8> = routes.map(|route| route.protocol.unwrap_or(ROUTE_PROTOCOL)).collect();
        protocols.sort_unstable();
        protocols.dedup();
        self.protocols = protocols;
        let has_rules = !model.static_rules.is_empty() || instances().any(|instance| !instance.rules.is_empty());
        if self.protocols.is_empty() && !has_rules {
            self.socket = None;
        } else if self.socket.is_none() {
            match open() {
                Ok(socket) => self.socket = Some(socket),
                Err(error) => log::error!("routes that somebody deletes are not noticed: {error}"),
            }
        }
    }

    /// Waits until one may have been deleted that could be ours. For ever where there are none. Nothing is lost if it is
    /// not waited for to the end.
    pub(in super::super) async fn deleted(&mut self) {
        let Self { socket, protocols, overrun_at } = self;
        let Some(socket) = socket else { return std::future::pending().await };
        loop {
            let Ok(mut ready) = socket.readable().await else { return std::future::pending().await };
            let mut ours = false;
            for _ in 0..MESSAGES_MAX {
                let mut message = [0; 256]; // the rest of a longer one is not needed
                match recv(socket.as_raw_fd(), &mut message, MsgFlags::MSG_DONTWAIT) {
                    Ok(len) => ours |= message.get(..len).is_some_and(|message| is_ours(message, protocols)),
                    Err(Errno::EAGAIN) => {
                        ready.clear_ready();
                        break;
                    }
                    // What was lost may have been about ours.
                    Err(error) if overrun_at.is_none_or(|at| at.elapsed() >= OVERRUN_EVERY) => {
                        log::debug!("netlink: {error}; all routes and rules are looked at");
                        *overrun_at = Some(Instant::now());
                        ours = true;
                    }
                    Err(_) => {}
                }
            }
            if ours {
                return;
            }
            tokio::task::yield_now().await;
        }
    }
}

fn open() -> io::Result<AsyncFd<Owned<Socket>>> {
    let socket = Socket::new(Domain::from(libc::AF_NETLINK), Type::RAW, Some(Protocol::from(libc::NETLINK_ROUTE)))?;
    socket.set_nonblocking(true)?;
    bind(socket.as_raw_fd(), &NetlinkAddr::new(0, GROUPS))?;
    readable(socket)
}

/// Whether a message of the kernel says that a rule is gone, or a route of one of these protocols.
fn is_ours(message: &[u8], protocols: &[u8]) -> bool {
    match message.get(4..).and_then(<[u8]>::first_chunk).map(|kind| u16::from_ne_bytes(*kind)) {
        Some(RTM_DELRULE) => true,
        Some(RTM_DELROUTE) => message.get(PROTOCOL_AT).is_some_and(|protocol| protocols.contains(protocol)),
        Some(_) | None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u16, protocol: u8) -> [u8; 28] {
        let mut bytes = [0; 28];
        bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
        bytes[PROTOCOL_AT] = protocol;
        bytes
    }

    #[test]
    fn only_deletions_of_our_routes_and_of_rules_count() {
        let ours = |kind, protocol| is_ours(&message(kind, protocol), &[ROUTE_PROTOCOL, 99]);
        assert!(ours(RTM_DELROUTE, ROUTE_PROTOCOL) && ours(RTM_DELROUTE, 99) && ours(RTM_DELRULE, 0));
        assert!(!ours(RTM_DELROUTE, 186), "a route of BGP");
        assert!(!ours(24, ROUTE_PROTOCOL) && !ours(32, 0), "what is new");
        for len in 0..28 {
            let _ = is_ours(&message(RTM_DELROUTE, ROUTE_PROTOCOL)[..len], &[ROUTE_PROTOCOL]);
        }
    }
}
