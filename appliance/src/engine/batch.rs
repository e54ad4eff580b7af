//! Many packets in one system call: adverts that are due together leave together, and what has come in together is taken
//! together. Read sendmmsg(2) and recvmmsg(2) before changing it.

use std::io::{IoSlice, IoSliceMut};
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, BorrowedFd};

use locum_core::router::InterfaceId;
use locum_core::set::{PACKET_BYTES_MAX, RouterId, Transmit};
use locum_core::vocabulary::Family;
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, sendmmsg};

/// Packets in a batch.
pub(super) const PACKETS_MAX: usize = 64;

/// Room for that many ordinary adverts, and always for one of the longest.
const ARENA_BYTES: usize = PACKETS_MAX * 128 + PACKET_BYTES_MAX;

/// Packets that wait to be sent.
pub(super) struct Outbox {
    arena: Box<[u8; ARENA_BYTES]>,
    used: usize,
    packets: heapless::Vec<Packet, PACKETS_MAX>,
    headers: MultiHeaders<SockaddrStorage>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Packet {
    router: RouterId,
    over: Over,
    to: SocketAddr,
    start: usize,
    len: usize,
}

/// The socket that a packet goes over.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Over {
    interface: InterfaceId,
    family: Family,
}

impl Outbox {
    pub(super) fn new() -> Self {
        Self {
            arena: Box::new([0; ARENA_BYTES]),
            used: 0,
            packets: heapless::Vec::new(),
            headers: MultiHeaders::preallocate(PACKETS_MAX, None),
        }
    }

    /// Where the next packet is to be written; long enough for any, unless [`Outbox::is_full`].
    pub(super) fn space(&mut self) -> &mut [u8] {
        self.arena.get_mut(self.used..).unwrap_or_default()
    }

    /// Takes the packet that was written.
    pub(super) fn push(&mut self, transmit: Transmit) {
        let over = Over { interface: transmit.interface, family: Family::of(transmit.destination) };
        let to = SocketAddr::new(transmit.destination, 0);
        let packet = Packet { router: transmit.router, over, to, start: self.used, len: transmit.len };
        if self.packets.push(packet).is_ok() {
            self.used += transmit.len;
        }
    }

    /// Whether it must be sent before more is written.
    pub(super) fn is_full(&self) -> bool {
        self.packets.is_full() || self.arena.len() - self.used < PACKET_BYTES_MAX
    }

    /// Sends everything, socket by socket. `socket` finds one; `done` hears what became of each packet.
    pub(super) fn send<'a>(
        &mut self,
        socket: impl Fn(InterfaceId, Family) -> Option<BorrowedFd<'a>>,
        mut done: impl FnMut(RouterId, Option<Errno>),
    ) {
        while let Some(over) = self.packets.first().map(|packet| packet.over) {
            match socket(over.interface, over.family) {
                Some(fd) => self.send_over(fd, over, &mut done),
                None => {
                    let lost = self.packets.iter().filter(|packet| packet.over == over);
                    lost.for_each(|packet| done(packet.router, Some(Errno::ENETDOWN)));
                }
            }
            self.packets.retain(|packet| packet.over != over);
        }
        self.used = 0;
    }

    fn send_over(&mut self, fd: BorrowedFd<'_>, over: Over, done: &mut impl FnMut(RouterId, Option<Errno>)) {
        let mut next = 0;
        loop {
            let mut slices: heapless::Vec<[IoSlice<'_>; 1], PACKETS_MAX> = heapless::Vec::new();
            let mut to: heapless::Vec<Option<SockaddrStorage>, PACKETS_MAX> = heapless::Vec::new();
            let mut routers: heapless::Vec<RouterId, PACKETS_MAX> = heapless::Vec::new();
            for packet in self.packets.iter().filter(|packet| packet.over == over).skip(next) {
                let bytes = self.arena.get(packet.start..packet.start + packet.len).unwrap_or_default();
                // All three have room for every packet of the outbox.
                let _ = slices.push([IoSlice::new(bytes)]);
                let _ = to.push(Some(packet.to.into()));
                let _ = routers.push(packet.router);
            }
            if routers.is_empty() {
                return;
            }
            let flags = MsgFlags::MSG_DONTWAIT;
            let sent = sendmmsg(fd.as_raw_fd(), &mut self.headers, slices.iter(), to, [], flags).map(Iterator::count);
            match sent {
                Ok(count) if count > 0 => {
                    routers.iter().take(count).for_each(|router| done(*router, None));
                    next += count;
                }
                // The first one could not be sent; the others may.
                Ok(_) => next += 1,
                Err(errno) => {
                    routers.iter().take(1).for_each(|router| done(*router, Some(errno)));
                    next += 1;
                }
            }
        }
    }
}

/// Packets taken from a socket in one go.
const RECEIVED_MAX: usize = 32;

/// The longest packet that is looked at, IPv4 options included; what is longer is cut, and then refused for its length.
const RECEIVED_BYTES_MAX: usize = 60 + PACKET_BYTES_MAX;

/// Where packets of raw IPv4 sockets are received into, made once.
pub(super) struct Inbox {
    packets: Box<[[u8; RECEIVED_BYTES_MAX]; RECEIVED_MAX]>,
    headers: MultiHeaders<()>,
}

impl Inbox {
    pub(super) fn new() -> Self {
        Self {
            packets: Box::new([[0; RECEIVED_BYTES_MAX]; RECEIVED_MAX]),
            headers: MultiHeaders::preallocate(RECEIVED_MAX, None),
        }
    }

    /// Takes what is there, and gives the lengths. An error of the socket counts as nothing: it is about the state of the
    /// interface (its link went down), of which the kernel tells the service as well.
    pub(super) fn receive(&mut self, fd: BorrowedFd<'_>) -> heapless::Vec<usize, RECEIVED_MAX> {
        let mut parts = self.packets.each_mut().map(|packet| [IoSliceMut::new(packet)]);
        let flags = MsgFlags::MSG_DONTWAIT;
        match recvmmsg(fd.as_raw_fd(), &mut self.headers, parts.iter_mut(), flags, None) {
            Ok(received) => received.map(|message| message.bytes).collect(),
            Err(_) => heapless::Vec::new(),
        }
    }

    /// Whether `count` packets were all that fitted, so that more may wait.
    pub(super) const fn was_filled_by(count: usize) -> bool {
        count == RECEIVED_MAX
    }

    /// One of the packets taken last.
    pub(super) fn packet(&self, index: usize, len: usize) -> &[u8] {
        self.packets.get(index).and_then(|packet| packet.get(..len)).unwrap_or_default()
    }
}
