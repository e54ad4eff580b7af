//! The sockets of one interface. Read raw(7), ip(7), ipv6(7) and packet(7) before changing it.

use std::io::{self, IoSliceMut};
use std::mem::size_of;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use locum_core::router::Received;
use locum_core::set::PACKET_BYTES_MAX;
use locum_core::vocabulary::Family;
use locum_core::wire::arp::{self, Mac};
use locum_core::wire::{ipv4, neighbour, vrrp};
use nix::libc;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrIn6, recvmsg, setsockopt, sockopt};
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, SockAddr, Socket, Type};

/// Room for a burst of adverts of a thousand instances, so that a stall of the engine loses none.
const RECEIVE_BUFFER_BYTES: usize = 1 << 20;

/// An interface that adverts go over.
#[derive(Debug)]
pub(crate) struct Attachment {
    v4: Socket,
    /// Absent where the kernel has no IPv6.
    v6: Option<Socket>,
    announce: Option<Announce>,
}

/// Where gratuitous ARP and neighbour advertisements go.
#[derive(Debug)]
struct Announce {
    packet: Socket,
    to: SockAddr,
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
        Ok(Self { v4, v6, announce })
    }

    /// The socket for a family: readable when a packet is there. Absent where the kernel has no IPv6.
    pub(crate) fn socket(&self, family: Family) -> Option<BorrowedFd<'_>> {
        match family {
            Family::Ipv4 => Some(self.v4.as_fd()),
            Family::Ipv6 => self.v6.as_ref().map(AsFd::as_fd),
        }
    }

    /// Announces an address. Returns whether there was a way to.
    pub(crate) fn announce(&self, address: IpAddr) -> io::Result<bool> {
        let Some(announce) = &self.announce else { return Ok(false) };
        match address {
            IpAddr::V4(address) => {
                announce.packet.send_to(&arp::gratuitous(announce.mac, address), &announce.to)?;
            }
            IpAddr::V6(address) => {
                announce.packet.send_to(&neighbour::unsolicited(announce.mac, address), &announce.to)?;
            }
        }
        Ok(true)
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
    Ok(Announce { packet, to: link_layer_address(index)?, mac })
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

/// An address for sending ready-made frames over an interface (packet(7): only family, protocol and index matter).
#[allow(unsafe_code, reason = "neither nix nor socket2 makes a sockaddr_ll for sending in safe code")]
fn link_layer_address(index: NonZeroU32) -> io::Result<SockAddr> {
    let bad = |_| io::Error::from(io::ErrorKind::InvalidInput);
    let address = libc::sockaddr_ll {
        sll_family: u16::try_from(libc::AF_PACKET).map_err(bad)?,
        sll_protocol: 0,
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
