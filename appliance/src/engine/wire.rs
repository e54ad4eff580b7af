//! The sockets of one interface. Read raw(7), ip(7) and packet(7) before changing it.

use std::io::{self, Read};
use std::mem::size_of;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::num::NonZeroU32;
use std::os::fd::{AsFd, BorrowedFd};

use locum_core::wire::arp::{self, Mac};
use locum_core::wire::vrrp;
use nix::libc;
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, SockAddr, Socket, Type};

/// Room for a burst of adverts of a thousand instances, so that a stall of the engine loses none.
const RECEIVE_BUFFER_BYTES: usize = 1 << 20;

/// The longest packet that is looked at; what is longer is cut, and then refused for its length.
pub(crate) const PACKET_BYTES_MAX: usize = 20 + 40 + vrrp::MESSAGE_BYTES_MAX;

/// An interface that adverts go over.
#[derive(Debug)]
pub(crate) struct Attachment {
    raw: Socket,
    announce: Option<Announce>,
}

/// Where gratuitous ARP goes.
#[derive(Debug)]
struct Announce {
    packet: Socket,
    to: SockAddr,
    mac: Mac,
}

impl Attachment {
    /// Opens sockets on the interface `name` with this index. `groups` are joined. Without a `mac` (a tunnel, say) nothing is
    /// announced.
    ///
    /// # Errors
    /// What the kernel says: no privilege, or the interface has gone meanwhile.
    pub(crate) fn open(name: &str, index: NonZeroU32, mac: Option<Mac>, groups: &[Ipv4Addr]) -> io::Result<Self> {
        let raw = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(i32::from(vrrp::PROTOCOL))))?;
        raw.bind_device(Some(name.as_bytes()))?;
        raw.set_nonblocking(true)?;
        raw.set_header_included_v4(true)?;
        raw.set_multicast_loop_v4(false)?;
        // Only what this socket has joined itself; else other services' groups come in as well.
        raw.set_multicast_all_v4(false)?;
        raw.set_recv_buffer_size(RECEIVE_BUFFER_BYTES)?;
        for group in groups {
            raw.join_multicast_v4_n(group, &InterfaceIndexOrAddress::Index(index.get()))?;
        }
        let announce = match mac {
            Some(mac) => Some(Announce {
                // Protocol 0: it only sends, and nothing is queued on it.
                packet: Socket::new(Domain::PACKET, Type::RAW, None)?,
                to: link_layer_address(index)?,
                mac,
            }),
            None => None,
        };
        if let Some(announce) = &announce {
            announce.packet.set_nonblocking(true)?;
        }
        Ok(Self { raw, announce })
    }

    /// Readable when a packet is there.
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.raw.as_fd()
    }

    /// The next packet with its IP header, if one is there. An error other than "nothing there" is about one packet or
    /// the interface's state (its link went down); the next call may find more.
    pub(crate) fn receive(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        match (&self.raw).read(buffer) {
            Ok(len) => Ok(Some(len)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sends a packet that begins with its IP header.
    pub(crate) fn send(&self, packet: &[u8], destination: Ipv4Addr) -> io::Result<()> {
        self.raw.send_to(packet, &SockAddr::from(SocketAddrV4::new(destination, 0))).map(|_| ())
    }

    /// Announces an address by gratuitous ARP. Returns whether there was a way to.
    pub(crate) fn announce(&self, address: Ipv4Addr) -> io::Result<bool> {
        let Some(announce) = &self.announce else { return Ok(false) };
        let frame = arp::gratuitous(announce.mac, address);
        announce.packet.send_to(&frame, &announce.to).map(|_| true)
    }
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
