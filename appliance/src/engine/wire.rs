//! The sockets of one interface. Read raw(7), ip(7), ipv6(7) and packet(7) before changing it.

use std::io::{self, IoSliceMut};
use std::mem::size_of;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU32;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use locum_core::router::{InterfaceId, Received};
use locum_core::set::PACKET_BYTES_MAX;
use locum_core::vocabulary::Family;
use locum_core::wire::arp::Mac;
use locum_core::wire::{ipv4, ipv6, vrrp};
use nix::libc;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrIn6, recvmsg, setsockopt, sockopt};
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, SockAddr, SockFilter, Socket, Type};

use crate::packet_filter::{LINK_LAYER, load_byte, load_half, load_word, take, unless};

/// Room for a burst of adverts of a thousand instances, so that a stall of the engine loses none.
const RECEIVE_BUFFER_BYTES: usize = 1 << 20;

/// Bytes of an Ethernet header.
pub(super) const ETHERNET_BYTES: usize = 14;

/// An interface that adverts or announcements go over.
#[derive(Debug)]
pub(crate) struct Attachment {
    /// Where adverts come in: absent on an interface that only has addresses, and for IPv6 where the kernel has none.
    v4: Option<Socket>,
    v6: Option<Socket>,
    announce: Option<Announce>,
    /// The interface that adverts coming in here count as received on, if it is another one.
    pub(super) heard_on: Option<InterfaceId>,
    /// `v6` is a packet socket, which gives packets with their header.
    pub(super) gives_header: bool,
}

/// Which adverts come in on an interface that locum has made, and not on the one below.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Hearing<'a> {
    /// Those to a group from its own MAC address (macvlan).
    FromOwnMac,
    /// Those to its address, on the interface of this name (ipvlan). A raw socket, for where there is none the kernel
    /// answers that it does not know the protocol.
    Addressed(&'a str),
}

/// What is to be known of an interface that locum has made on another one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Made {
    /// Its index.
    pub(crate) index: NonZeroU32,
    /// Its MAC address.
    pub(crate) mac: Mac,
    /// The index of the interface below.
    pub(crate) base_index: NonZeroU32,
    /// The interface that adverts count as received on, if they are to be received here at all.
    pub(crate) heard_on: Option<(InterfaceId, Family)>,
}

/// Where gratuitous ARP and neighbour advertisements go.
#[derive(Debug)]
struct Announce {
    packet: Socket,
    mac: Mac,
}

/// Where a packet of a raw IPv6 socket is received into, made once.
#[derive(Debug)]
pub(crate) struct Inbox6 {
    packet: Box<[u8; PACKET_BYTES_MAX]>,
    control: Vec<u8>,
}

impl Default for Inbox6 {
    fn default() -> Self {
        Self { packet: Box::new([0; PACKET_BYTES_MAX]), control: nix::cmsg_space!(libc::in6_pktinfo, libc::c_int) }
    }
}

impl Attachment {
    /// Opens sockets on the interface `name` with this index. `groups` are joined. Without a `mac` (a tunnel, say) nothing
    /// is announced.
    ///
    /// # Errors
    /// What the kernel says: no privilege, or the interface has gone meanwhile.
    pub(crate) fn open(name: &str, index: NonZeroU32, mac: Option<Mac>, groups: &[IpAddr]) -> io::Result<Self> {
        let v4 = open_v4(name)?;
        let wants_v6 = groups.iter().any(IpAddr::is_ipv6);
        let v6 = match open_v6(name) {
            Ok(socket) => Some(socket),
            Err(error) if wants_v6 => return Err(error),
            Err(_) => None, // the kernel has no IPv6, and nobody has asked for it
        };
        for group in groups {
            match (group, &v6) {
                (IpAddr::V4(group), _) => {
                    v4.join_multicast_v4_n(group, &InterfaceIndexOrAddress::Index(index.get()))?;
                }
                (IpAddr::V6(group), Some(v6)) => v6.join_multicast_v6(group, index.get())?,
                (IpAddr::V6(_), None) => {}
            }
        }
        let announce = mac.map(|mac| open_announce(index, mac)).transpose()?;
        Ok(Self { v4: Some(v4), v6, announce, heard_on: None, gives_header: false })
    }

    /// Opens sockets for an interface that locum has made. What is announced and advertised leaves by the interface below
    /// it, in frames that carry its MAC address, so the made one need not be set up for it.
    ///
    /// # Errors
    /// As [`Attachment::open`].
    pub(crate) fn open_made(made: Made, hearing: Hearing<'_>) -> io::Result<Self> {
        let hears = |wanted| {
            let heard = made.heard_on.filter(|(_, family)| *family == wanted);
            let open = |family| match (hearing, family) {
                (Hearing::FromOwnMac, family) => open_hearing(made.index, made.mac, family),
                (Hearing::Addressed(name), Family::Ipv4) => open_v4(name),
                (Hearing::Addressed(name), Family::Ipv6) => open_v6(name),
            };
            heard.map(|(_, family)| open(family)).transpose()
        };
        Ok(Self {
            v4: hears(Family::Ipv4)?,
            v6: hears(Family::Ipv6)?,
            announce: Some(open_announce(made.base_index, made.mac)?),
            heard_on: made.heard_on.map(|(interface, _)| interface),
            gives_header: matches!(hearing, Hearing::FromOwnMac),
        })
    }

    /// The socket that frames are sent over, bound to its interface.
    pub(super) fn frames(&self) -> Option<BorrowedFd<'_>> {
        self.announce.as_ref().map(|announce| announce.packet.as_fd())
    }

    /// The socket for a family: readable when a packet is there. Absent where the kernel has no IPv6.
    pub(crate) fn socket(&self, family: Family) -> Option<BorrowedFd<'_>> {
        match family {
            Family::Ipv4 => self.v4.as_ref().map(AsFd::as_fd),
            Family::Ipv6 => self.v6.as_ref().map(AsFd::as_fd),
        }
    }

    /// The frame that announces an address goes from this MAC address, over [`Attachment::frames`]. Absent where nothing is
    /// announced.
    pub(super) fn announces_from(&self) -> Option<Mac> {
        self.announce.as_ref().map(|announce| announce.mac)
    }
}

fn open_v4(name: &str) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(i32::from(vrrp::PROTOCOL))))?;
    socket.bind_device(Some(name.as_bytes()))?;
    socket.set_nonblocking(true)?;
    socket.set_header_included_v4(true)?;
    socket.set_multicast_loop_v4(false)?;
    // Only what this socket has joined itself; else other services' groups come in as well.
    socket.set_multicast_all_v4(false)?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES)?;
    Ok(socket)
}

fn open_v6(name: &str) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV6, Type::RAW, Some(Protocol::from(i32::from(vrrp::PROTOCOL))))?;
    socket.bind_device(Some(name.as_bytes()))?;
    socket.set_nonblocking(true)?;
    socket.set_header_included_v6(true)?;
    socket.set_multicast_loop_v6(false)?;
    let _ = socket.set_multicast_all_v6(false); // since Linux 4.20; before, other services' groups come in and are refused
    socket.set_recv_hoplimit_v6(true)?;
    setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES)?;
    Ok(socket)
}

fn open_announce(index: NonZeroU32, mac: Mac) -> io::Result<Announce> {
    // Protocol 0: it only sends, and nothing is queued on it.
    let packet = Socket::new(Domain::PACKET, Type::RAW, None)?;
    packet.set_nonblocking(true)?;
    packet.bind(&link_layer_address(index, 0)?)?;
    Ok(Announce { packet, mac })
}

/// A socket that gets the adverts which arrive on an interface from its own MAC address: another master with the same
/// virtual one. The kernel gives such frames to the interface whose address it is, and not to the one below (macvlan).
/// No group is joined for it, which the switch would be told in a frame from the virtual MAC address.
fn open_hearing(index: NonZeroU32, mac: Mac, family: Family) -> io::Result<Socket> {
    let (protocol, next_header_at) = match family {
        Family::Ipv4 => (libc::ETH_P_IP, 9),
        Family::Ipv6 => (libc::ETH_P_IPV6, 6),
    };
    let socket = Socket::new(Domain::PACKET, Type::DGRAM, None)?;
    socket.set_nonblocking(true)?;
    // Before it is bound, so that nothing else slips in.
    socket.attach_filter(&adverts_from(mac, next_header_at))?;
    let protocol = u16::try_from(protocol).unwrap_or_default();
    socket.bind(&link_layer_address(index, protocol)?)?;
    Ok(socket)
}

/// A packet filter for VRRP from this MAC address.
fn adverts_from(mac: Mac, next_header_at: u32) -> [SockFilter; 8] {
    const SOURCE_AT: u32 = LINK_LAYER + 6;
    let [a, b, c, d, e, f] = mac;
    [
        load_byte(next_header_at),
        unless(u32::from(vrrp::PROTOCOL), 5),
        load_word(SOURCE_AT),
        unless(u32::from_be_bytes([a, b, c, d]), 3),
        load_half(SOURCE_AT + 4),
        unless(u32::from_be_bytes([0, 0, e, f]), 1),
        take(u32::MAX),
        take(0),
    ]
}

/// The Ethernet header of a multicast packet (RFC 1112 §6.4, RFC 2464 §7).
pub(super) fn multicast_header(source: Mac, group: IpAddr) -> [u8; ETHERNET_BYTES] {
    let [a, b, c, d, e, f] = source;
    match group {
        IpAddr::V4(group) => {
            let [_, x, y, z] = Ipv4Addr::octets(&group);
            [0x01, 0x00, 0x5e, x & 0x7f, y, z, a, b, c, d, e, f, 0x08, 0x00]
        }
        IpAddr::V6(group) => {
            let [.., w, x, y, z] = group.octets();
            [0x33, 0x33, w, x, y, z, a, b, c, d, e, f, 0x86, 0xdd]
        }
    }
}

/// A packet as a raw IPv4 socket gives it, with its header. `None` if it cannot be read.
pub(crate) fn read_v4(bytes: &[u8]) -> Option<Received<'_>> {
    let packet = ipv4::Packet::parse(bytes).filter(|packet| packet.protocol == vrrp::PROTOCOL)?;
    Some(Received {
        source: packet.source.into(),
        destination: packet.destination.into(),
        ttl: packet.ttl,
        message: packet.payload,
    })
}

/// The next packet of a raw IPv6 socket, if there is one; within, `None` if it cannot be read.
///
/// Such a socket gives what follows the header; the rest comes beside it (RFC 3542 §6). An error of the socket counts as
/// nothing, as with IPv4.
pub(crate) fn receive_v6<'a>(socket: BorrowedFd<'_>, inbox: &'a mut Inbox6) -> Option<Option<Received<'a>>> {
    let (len, source, ttl, destination) = {
        let mut parts = [IoSliceMut::new(inbox.packet.as_mut_slice())];
        let flags = MsgFlags::MSG_DONTWAIT;
        let result = recvmsg::<SockaddrIn6>(socket.as_raw_fd(), &mut parts, Some(&mut inbox.control), flags);
        let message = result.ok()?;
        let mut ttl = None;
        let mut destination = None;
        for control in message.cmsgs().into_iter().flatten() {
            #[allow(clippy::wildcard_enum_match_arm, reason = "dozens of kinds, of which the socket asked for two")]
            match control {
                ControlMessageOwned::Ipv6HopLimit(limit) => ttl = u8::try_from(limit).ok(),
                ControlMessageOwned::Ipv6PacketInfo(info) => {
                    destination = Some(Ipv6Addr::from(info.ipi6_addr.s6_addr));
                }
                _ => {}
            }
        }
        (message.bytes, message.address.map(|address| address.ip()), ttl, destination)
    };
    let packet = match (source, destination, ttl) {
        (Some(source), Some(destination), Some(ttl)) => Some(Received {
            source: source.into(),
            destination: destination.into(),
            ttl,
            message: inbox.packet.get(..len).unwrap_or_default(),
        }),
        _ => None,
    };
    Some(packet)
}

/// A packet as a packet socket gives it, with its IPv6 header (RFC 8200 §3). `None` if it is not VRRP right after it.
pub(crate) fn read_v6(bytes: &[u8]) -> Option<Received<'_>> {
    let (header, rest) = bytes.split_at_checked(ipv6::HEADER_BYTES)?;
    let [first, _, _, _, high, low, next_header, ttl, addresses @ ..] = header else { return None };
    let (source, destination) = addresses.split_first_chunk::<16>()?;
    let destination: [u8; 16] = destination.try_into().ok()?;
    let len = usize::from(u16::from_be_bytes([*high, *low]));
    (first >> 4 == 6 && *next_header == vrrp::PROTOCOL).then_some(Received {
        source: Ipv6Addr::from(*source).into(),
        destination: Ipv6Addr::from(destination).into(),
        ttl: *ttl,
        message: rest.get(..len)?,
    })
}

/// An address to bind a packet socket with: what it gets (packet(7): only family, protocol and index matter).
#[allow(unsafe_code, reason = "neither nix nor socket2 makes a sockaddr_ll in safe code")]
pub(crate) fn link_layer_address(index: NonZeroU32, protocol: u16) -> io::Result<SockAddr> {
    let bad = |_| io::Error::from(io::ErrorKind::InvalidInput);
    let address = libc::sockaddr_ll {
        sll_family: u16::try_from(libc::AF_PACKET).map_err(bad)?,
        sll_protocol: protocol.to_be(),
        sll_ifindex: i32::try_from(index.get()).map_err(bad)?,
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 0,
        sll_addr: [0; 8],
    };
    let len = libc::socklen_t::try_from(size_of::<libc::sockaddr_ll>()).map_err(bad)?;
    // SAFETY: `storage` points to a zeroed sockaddr_storage, which is at least as large and as strictly aligned as a
    // sockaddr_ll by its definition; all of `address` is written, and `len` says how many bytes that is.
    let ((), address) = unsafe {
        SockAddr::try_init(|storage, storage_len| {
            storage.cast::<libc::sockaddr_ll>().write(address);
            *storage_len = len;
            Ok(())
        })?
    };
    Ok(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multicast_headers_byte_by_byte() {
        let mac = [0, 0, 0x5e, 0, 1, 45];
        let v4 = multicast_header(mac, Ipv4Addr::new(224, 128, 0, 18).into());
        assert_eq!(v4, [1, 0, 0x5e, 0, 0, 18, 0, 0, 0x5e, 0, 1, 45, 8, 0]);
        let v6 = multicast_header(mac, Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12).into());
        assert_eq!(v6, [0x33, 0x33, 0, 0, 0, 0x12, 0, 0, 0x5e, 0, 1, 45, 0x86, 0xdd]);
    }

    #[test]
    fn an_ipv6_packet_is_read_whatever_is_cut_off() {
        let mut packet = [0; ipv6::HEADER_BYTES + 8];
        let (from, to) = (Ipv6Addr::LOCALHOST, Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12));
        ipv6::emit(&mut packet, from, to, 255, vrrp::PROTOCOL, 8).unwrap();
        packet[ipv6::HEADER_BYTES..].copy_from_slice(b"abcdefgh");
        let read = read_v6(&packet).unwrap();
        assert_eq!((read.source, read.destination, read.ttl), (from.into(), to.into(), 255));
        assert_eq!(read.message, b"abcdefgh");
        for len in 0..packet.len() {
            assert!(read_v6(&packet[..len]).is_none(), "{len}");
        }
        packet[6] = 17;
        assert!(read_v6(&packet).is_none(), "not VRRP");
    }
}
