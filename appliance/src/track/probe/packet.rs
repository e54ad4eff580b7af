//! Raw sockets for one question each. Read raw(7), packet(7) and ipv6(7) before changing it.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::libc;
use nix::sys::socket::{ControlMessageOwned, LinkAddr, MsgFlags, SockaddrIn6, bind, recvmsg};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::unix::AsyncFd;

use super::Way;
use crate::readiness::{Owned, readable};

/// More than any answer that is looked at.
const PACKET_BYTES_MAX: usize = 1_500;

/// `ETH_P_ARP`
const ARP: u16 = 0x0806;

/// A socket and where its packets are received into.
#[derive(Debug)]
pub(super) struct Raw {
    socket: AsyncFd<Owned<Socket>>,
    packet: Box<[u8; PACKET_BYTES_MAX]>,
    control: Vec<u8>,
}

impl Raw {
    fn new(socket: Socket) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let socket = readable(socket)?;
        let control = nix::cmsg_space!(libc::c_int);
        Ok(Self { socket, packet: Box::new([0; PACKET_BYTES_MAX]), control })
    }

    /// ICMP or ICMPv6. What is received begins with the message in IPv6, with the header of the packet in IPv4.
    pub(super) fn icmp(is_v4: bool, way: &Way) -> io::Result<Self> {
        let socket = if is_v4 {
            Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4))?
        } else {
            let socket = Socket::new(Domain::IPV6, Type::RAW, Some(Protocol::ICMPV6))?;
            socket.set_recv_hoplimit_v6(true)?;
            socket
        };
        if let Some(interface) = &way.interface {
            socket.bind_device(Some(interface.as_bytes()))?;
        }
        if let Some(source) = way.source {
            socket.bind(&SocketAddr::new(source, 0).into())?;
        }
        Self::new(socket)
    }

    /// ARP over one interface. What is sent and received are whole frames.
    pub(super) fn arp(link: &LinkAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(i32::from(ARP.to_be()))))?;
        // The address says which interface, and nothing of the protocol: that of the socket stays.
        bind(socket.as_raw_fd(), link)?;
        Self::new(socket)
    }

    pub(super) fn socket(&self) -> &Socket {
        &self.socket.get_ref().0
    }

    /// The next packet, with its hop limit in IPv6.
    pub(super) async fn receive(&mut self) -> io::Result<(&[u8], Option<u8>)> {
        let (len, hop_limit) = loop {
            let mut ready = self.socket.readable().await?;
            let mut parts = [IoSliceMut::new(self.packet.as_mut_slice())];
            let fd = self.socket.as_raw_fd();
            match recvmsg::<SockaddrIn6>(fd, &mut parts, Some(&mut self.control), MsgFlags::MSG_DONTWAIT) {
                Ok(message) => {
                    let hop_limit = message.cmsgs().into_iter().flatten().find_map(|control| {
                        let ControlMessageOwned::Ipv6HopLimit(limit) = control else { return None };
                        u8::try_from(limit).ok()
                    });
                    break (message.bytes, hop_limit);
                }
                Err(Errno::EAGAIN) => ready.clear_ready(),
                Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        };
        Ok((self.packet.get(..len).unwrap_or_default(), hop_limit))
    }
}

/// An interface, as far as questions over it need to know.
#[derive(Clone, Debug)]
pub(super) struct Link {
    /// Its index and hardware address.
    pub(super) link: LinkAddr,
    /// Its IPv4 address, the first of the subnet that the other side is in, else the first of all.
    pub(super) v4: Option<Ipv4Addr>,
}

impl Link {
    /// The interface of this name, or the one over which the kernel would reach the address.
    pub(super) fn towards(address: IpAddr, way: &Way) -> io::Result<Self> {
        let interfaces: Vec<_> = getifaddrs()?.collect();
        let address_of = |entry: &nix::ifaddrs::InterfaceAddress| match &entry.address {
            Some(address) => match (address.as_sockaddr_in(), address.as_sockaddr_in6()) {
                (Some(v4), _) => Some(IpAddr::V4(v4.ip())),
                (None, Some(v6)) => Some(IpAddr::V6(v6.ip())),
                (None, None) => None,
            },
            None => None,
        };
        let name = match &way.interface {
            Some(name) => name.clone(),
            None => {
                let ours = source_towards(address)?;
                let entry = interfaces.iter().find(|entry| address_of(entry) == Some(ours));
                entry.map(|entry| entry.interface_name.clone()).ok_or(io::ErrorKind::NetworkUnreachable)?
            }
        };
        let of_it = || interfaces.iter().filter(|entry| entry.interface_name == name);
        let link = of_it().find_map(|entry| entry.address.as_ref()?.as_link_addr().copied());
        let link = link.ok_or_else(|| io::Error::other(format!("there is no interface {name}")))?;
        let v4 = |entry: &&nix::ifaddrs::InterfaceAddress| match address_of(entry) {
            Some(IpAddr::V4(own)) => Some((own, entry.netmask.as_ref()?.as_sockaddr_in()?.ip())),
            Some(IpAddr::V6(_)) | None => None,
        };
        let same_subnet = |(own, mask): &(Ipv4Addr, Ipv4Addr)| matches!(address, IpAddr::V4(other) if own.to_bits() & mask.to_bits() == other.to_bits() & mask.to_bits());
        let near = of_it().filter_map(|entry| v4(&entry)).find(same_subnet);
        let any = || of_it().find_map(|entry| v4(&entry));
        Ok(Self { link, v4: near.or_else(any).map(|(own, _)| own) })
    }

    pub(super) fn index(&self) -> u32 {
        u32::try_from(self.link.ifindex()).unwrap_or(0)
    }
}

/// The address that the kernel would ask from. Nothing is sent.
fn source_towards(address: IpAddr) -> io::Result<IpAddr> {
    let any: IpAddr = if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = std::net::UdpSocket::bind((any, 0))?;
    socket.connect((address, 9))?;
    Ok(socket.local_addr()?.ip())
}
