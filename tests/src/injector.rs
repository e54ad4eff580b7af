//! What a stranger on the segment sends: VRRP packets of any content.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};

use crate::decode::{VRRP, checksum};
use crate::namespace::Namespace;
use crate::node::Node;

/// The group that VRRP routers listen to (RFC 3768 §5.2.2).
const VRRP_GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);

/// A VRRPv2 packet with its IP header, every part free to be wrong. The default is a good one of the scenarios' group.
#[derive(Clone, Debug)]
pub struct VrrpPacket {
    /// The sender that it claims.
    pub source: Ipv4Addr,
    /// The receiver: the group, or a router.
    pub target: Ipv4Addr,
    /// The time to live.
    pub ttl: u8,
    /// The VRRP version.
    pub version: u8,
    /// The packet type.
    pub packet_type: u8,
    /// The virtual router ID.
    pub vrid: u8,
    /// The priority.
    pub priority: u8,
    /// The authentication type.
    pub auth_type: u8,
    /// The advert interval in seconds.
    pub interval_s: u8,
    /// The virtual addresses.
    pub addresses: Vec<Ipv4Addr>,
    /// The number of addresses that it announces; as many as there are if none is given.
    pub count: Option<u8>,
    /// The authentication data.
    pub auth: [u8; 8],
    /// Is added to the right checksum.
    pub checksum_error: u16,
    /// Cuts the VRRP part to this many bytes, after the checksum was made.
    pub cut_to: Option<usize>,
}

impl Default for VrrpPacket {
    fn default() -> Self {
        Self {
            source: Node::X.address(),
            target: VRRP_GROUP,
            ttl: 255,
            version: 2,
            packet_type: 1,
            vrid: 45,
            priority: 90,
            auth_type: 1,
            interval_s: 1,
            addresses: vec![Ipv4Addr::new(172, 20, 45, 248)],
            count: None,
            auth: *b"admin123",
            checksum_error: 0,
            cut_to: None,
        }
    }
}

impl VrrpPacket {
    /// It as it goes out, beginning with the IP header. The kernel fills in the header's length and checksum.
    pub fn bytes(&self) -> Vec<u8> {
        let mut vrrp = vec![
            self.version << 4 | self.packet_type & 0x0f,
            self.vrid,
            self.priority,
            self.count.unwrap_or_else(|| u8::try_from(self.addresses.len()).expect("at most 255 addresses")),
            self.auth_type,
            self.interval_s,
            0,
            0,
        ];
        vrrp.extend(self.addresses.iter().flat_map(Ipv4Addr::octets));
        vrrp.extend(self.auth);
        let sum = checksum(&vrrp).wrapping_add(self.checksum_error);
        vrrp[6..8].copy_from_slice(&sum.to_be_bytes());
        vrrp.truncate(self.cut_to.unwrap_or(usize::MAX));
        let total = u16::try_from(20 + vrrp.len()).expect("a short packet");
        let mut packet = vec![0x45, 0xc0];
        packet.extend(total.to_be_bytes());
        packet.extend([0, 0, 0, 0, self.ttl, VRRP, 0, 0]);
        packet.extend(self.source.octets());
        packet.extend(self.target.octets());
        packet.extend(vrrp);
        packet
    }
}

/// Sends from X.
#[derive(Debug)]
pub struct Injector {
    socket: Socket,
}

impl Injector {
    pub(crate) fn new(namespace: &Namespace) -> io::Result<Self> {
        let socket = namespace.enter(|| Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(255))))?;
        socket.set_header_included_v4(true)?;
        socket.bind_device(Some(b"eth0"))?;
        Ok(Self { socket })
    }

    /// Sends `packet` once.
    ///
    /// # Panics
    /// When the kernel does not take it.
    #[track_caller]
    pub fn send(&self, packet: &VrrpPacket) {
        let target = SocketAddr::from((packet.target, 0)).into();
        let sent = self.socket.send_to(&packet.bytes(), &target);
        sent.unwrap_or_else(|error| panic!("cannot send {packet:?}: {error}"));
    }
}
