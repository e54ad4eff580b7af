//! Many packets in one system call: adverts that are due together leave together, announcements of many addresses too, and
//! what has come in together is taken together. Read sendmmsg(2) and recvmmsg(2) before changing it.

use std::io::{IoSlice, IoSliceMut};
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, BorrowedFd};

use locum_core::router::InterfaceId;
use locum_core::set::{PACKET_BYTES_MAX, RouterId, Transmit};
use locum_core::vocabulary::Family;
use locum_core::wire::arp::Mac;
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, sendmmsg};

use super::wire::{ETHERNET_BYTES, multicast_header};

/// Packets in a batch.
pub(super) const PACKETS_MAX: usize = 64;

/// Room for that many ordinary adverts, and always for one of the longest, each with an Ethernet header before it.
const ARENA_BYTES: usize = PACKETS_MAX * 128 + ETHERNET_BYTES + PACKET_BYTES_MAX;

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
    content: Content,
    over: Over,
    /// `None` over a socket that knows its destination from the frame.
    to: Option<SocketAddr>,
    start: usize,
    len: usize,
}

/// What a packet says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// That a router is MASTER, or is not any more.
    Advert,
    /// Where an address is now.
    Announcement,
}

/// The socket that a packet goes over.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    /// That for adverts of a family.
    Adverts(InterfaceId, Family),
    /// That for ready-made frames.
    Frames(InterfaceId),
}

/// That an advert leaves in a frame from a virtual MAC address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Framed {
    /// The interface with that address.
    pub(crate) interface: InterfaceId,
    /// The address.
    pub(crate) mac: Mac,
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
        self.arena.get_mut(self.used + ETHERNET_BYTES..).unwrap_or_default()
    }

    /// Takes the advert that was written.
    pub(super) fn push(&mut self, transmit: Transmit, framed: Option<Framed>) {
        let destination = transmit.destination;
        let (start, end) = (self.used + ETHERNET_BYTES, self.used + ETHERNET_BYTES + transmit.len);
        // Only a group has a MAC address that everybody knows.
        let framed = framed.filter(|_| destination.is_multicast());
        let header = self.arena.get_mut(self.used..start);
        let packet = match (framed, header) {
            (Some(framed), Some(header)) => {
                header.copy_from_slice(&multicast_header(framed.mac, destination));
                let over = Over::Frames(framed.interface);
                self.packet(transmit.router, Content::Advert, over, end)
            }
            (Some(_), None) | (None, _) => {
                let over = Over::Adverts(transmit.interface, Family::of(destination));
                let to = Some(SocketAddr::new(destination, 0));
                Packet { to, start, len: transmit.len, ..self.packet(transmit.router, Content::Advert, over, end) }
            }
        };
        self.take(packet);
    }

    /// Takes an announcement, as a frame. It is lost where [`Outbox::is_full`].
    pub(super) fn push_announcement(&mut self, router: RouterId, interface: InterfaceId, frame: &[u8]) {
        let end = self.used + frame.len();
        if let Some(space) = self.arena.get_mut(self.used..end) {
            space.copy_from_slice(frame);
            self.take(self.packet(router, Content::Announcement, Over::Frames(interface), end));
        }
    }

    /// A frame that ends there.
    const fn packet(&self, router: RouterId, content: Content, over: Over, end: usize) -> Packet {
        Packet { router, content, over, to: None, start: self.used, len: end - self.used }
    }

    fn take(&mut self, packet: Packet) {
        if self.packets.push(packet).is_ok() {
            self.used = packet.start + packet.len;
        }
    }

    /// Whether it must be sent before more is written.
    pub(super) fn is_full(&self) -> bool {
        self.packets.is_full() || self.arena.len() - self.used < ETHERNET_BYTES + PACKET_BYTES_MAX
    }

    /// Sends everything, socket by socket. `socket` finds one; `done` hears what became of each packet.
    pub(super) fn send<'a>(
        &mut self,
        socket: impl Fn(Over) -> Option<BorrowedFd<'a>>,
        mut done: impl FnMut(RouterId, Content, Option<Errno>),
    ) {
        while let Some(over) = self.packets.first().map(|packet| packet.over) {
            match socket(over) {
                Some(fd) => self.send_over(fd, over, &mut done),
                None => {
                    let lost = self.packets.iter().filter(|packet| packet.over == over);
                    lost.for_each(|packet| done(packet.router, packet.content, Some(Errno::ENETDOWN)));
                }
            }
            self.packets.retain(|packet| packet.over != over);
        }
        self.used = 0;
    }

    fn send_over(&mut self, fd: BorrowedFd<'_>, over: Over, done: &mut impl FnMut(RouterId, Content, Option<Errno>)) {
        let mut next = 0;
        loop {
            let mut slices: heapless::Vec<[IoSlice<'_>; 1], PACKETS_MAX> = heapless::Vec::new();
            let mut to: heapless::Vec<Option<SockaddrStorage>, PACKETS_MAX> = heapless::Vec::new();
            let mut of: heapless::Vec<(RouterId, Content), PACKETS_MAX> = heapless::Vec::new();
            for packet in self.packets.iter().filter(|packet| packet.over == over).skip(next) {
                let bytes = self.arena.get(packet.start..packet.start + packet.len).unwrap_or_default();
                // All three have room for every packet of the outbox.
                let _ = slices.push([IoSlice::new(bytes)]);
                let _ = to.push(packet.to.map(Into::into));
                let _ = of.push((packet.router, packet.content));
            }
            if of.is_empty() {
                return;
            }
            let flags = MsgFlags::MSG_DONTWAIT;
            let sent = sendmmsg(fd.as_raw_fd(), &mut self.headers, slices.iter(), to, [], flags).map(Iterator::count);
            match sent {
                Ok(count) if count > 0 => {
                    of.iter().take(count).for_each(|(router, content)| done(*router, *content, None));
                    next += count;
                }
                // The first one could not be sent; the others may.
                Ok(_) => next += 1,
                Err(errno) => {
                    of.iter().take(1).for_each(|(router, content)| done(*router, *content, Some(errno)));
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
    /// [`RECEIVED_MAX`] times [`RECEIVED_BYTES_MAX`].
    packets: Box<[u8]>,
    headers: MultiHeaders<()>,
}

impl Inbox {
    pub(super) fn new() -> Self {
        Self {
            // Straight from the kernel, which gives memory only for the pages that packets are written to.
            packets: vec![0; RECEIVED_MAX * RECEIVED_BYTES_MAX].into_boxed_slice(),
            headers: MultiHeaders::preallocate(RECEIVED_MAX, None),
        }
    }

    /// Takes what is there, and gives the lengths. An error of the socket counts as nothing: it is about the state of the
    /// interface (its link went down), of which the kernel tells the service as well.
    pub(super) fn receive(&mut self, fd: BorrowedFd<'_>) -> heapless::Vec<usize, RECEIVED_MAX> {
        let mut packets = self.packets.chunks_exact_mut(RECEIVED_BYTES_MAX);
        let mut parts: [_; RECEIVED_MAX] =
            std::array::from_fn(|_| [IoSliceMut::new(packets.next().unwrap_or_default())]);
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
        let packet = self.packets.chunks_exact(RECEIVED_BYTES_MAX).nth(index);
        packet.and_then(|packet| packet.get(..len)).unwrap_or_default()
    }
}
