//! Raw sockets for one question each. Read raw(7), packet(7) and ipv6(7) before changing it.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::os::fd::AsRawFd;

use locum_config::model::Prefix;
use locum_core::wire::arp::Mac;
use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrIn6, recvmsg};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::unix::AsyncFd;

use super::Way;
use crate::engine::wire::link_layer_address;
use crate::readiness::{Owned, readable};
use crate::service::Network;

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
    pub(super) fn arp(link: &Link) -> io::Result<Self> {
        let socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(i32::from(ARP.to_be()))))?;
        socket.bind(&link_layer_address(link.index, ARP)?)?;
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
    /// Its index.
    pub(super) index: NonZeroU32,
    /// Its hardware address, where it is an Ethernet.
    pub(super) mac: Option<Mac>,
    /// Its IPv4 address, the first of the subnet that the other side is in, else the first of all.
    pub(super) v4: Option<Ipv4Addr>,
}

impl Link {
    /// The interface of this name, or the one over which the kernel would reach the address.
    pub(super) fn towards(address: IpAddr, way: &Way) -> io::Result<Self> {
        let network = Network::read()?;
        let name = match &way.interface {
            Some(name) => name,
            None => {
                let ours = source_towards(address)?;
                let found = network.addresses().find(|(_, _, known)| known.address == ours);
                found.map(|(_, name, _)| name).ok_or(io::ErrorKind::NetworkUnreachable)?
            }
        };
        let found = network.by_name(name);
        let (index, interface) = found.ok_or_else(|| io::Error::other(format!("there is no interface {name}")))?;
        let own = || {
            interface.addresses.iter().filter_map(|known| match known.address {
                IpAddr::V4(own) => Some((own, known.prefix_len)),
                IpAddr::V6(_) => None,
            })
        };
        let is_near = |(own, len): &(Ipv4Addr, u8)| {
            let network = |address| Prefix { address, len: *len }.network();
            network((*own).into()) == network(address)
        };
        let v4 = own().find(is_near).or_else(|| own().next()).map(|(own, _)| own);
        Ok(Self { index, mac: interface.mac, v4 })
    }
}

/// The address that the kernel would ask from. Nothing is sent.
fn source_towards(address: IpAddr) -> io::Result<IpAddr> {
    let address = SocketAddr::new(address, 9);
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, None)?;
    socket.connect(&address.into())?;
    let ours = socket.local_addr()?.as_socket().ok_or(io::ErrorKind::NetworkUnreachable)?;
    Ok(ours.ip())
}
