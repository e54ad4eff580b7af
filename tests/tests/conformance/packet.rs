//! VRRP packets as the cases describe them, and as the router under test sends them. Written for the tests alone, so that
//! they can testify for or against the core. Formats: RFC 9568 §5, RFC 3768 §5.

use std::fmt::Write;
use std::net::IpAddr;

/// The protocol number (RFC 9568 §5.1.1.4).
const VRRP: u8 = 112;

/// An advert that somebody else sends, every part free to be wrong.
#[derive(Clone, Debug)]
pub(crate) struct Advert {
    pub(crate) from: IpAddr,
    pub(crate) to: IpAddr,
    pub(crate) ttl: u8,
    pub(crate) version: u8,
    pub(crate) packet_type: u8,
    pub(crate) vrid: u8,
    pub(crate) priority: u8,
    /// Centiseconds; version 2 has whole seconds.
    pub(crate) interval_cs: u16,
    /// The four bits before the interval of version 3.
    pub(crate) reserved: u8,
    pub(crate) addresses: Vec<IpAddr>,
    /// The count that it announces, where it is not the number of addresses.
    pub(crate) count: Option<u8>,
    pub(crate) auth_type: u8,
    pub(crate) auth: [u8; 8],
    pub(crate) checksum: Checksum,
    /// Bytes cut off at the end, after the checksum was made.
    pub(crate) cut: usize,
    /// Zeros appended, before the checksum is made.
    pub(crate) extra: usize,
}

/// What the checksum covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Checksum {
    Plain,
    Pseudo,
    Wrong,
}

impl Advert {
    /// The VRRP message.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let count = self.count.unwrap_or_else(|| u8::try_from(self.addresses.len()).expect("at most 255 addresses"));
        let mut message = vec![self.version << 4 | self.packet_type, self.vrid, self.priority, count];
        if self.version == 2 {
            message.extend([self.auth_type, u8::try_from(self.interval_cs / 100).expect("at most 255 s")]);
        } else {
            message.extend((u16::from(self.reserved) << 12 | self.interval_cs & 0x0fff).to_be_bytes());
        }
        message.extend([0, 0]);
        for address in &self.addresses {
            match address {
                IpAddr::V4(address) => message.extend(address.octets()),
                IpAddr::V6(address) => message.extend(address.octets()),
            }
        }
        if self.version == 2 {
            message.extend(self.auth);
        }
        message.resize(message.len() + self.extra, 0);
        let sum = match self.checksum {
            Checksum::Plain => internet_checksum(&[&message]),
            Checksum::Pseudo => internet_checksum(&[&pseudo_header(self.from, self.to, message.len()), &message]),
            Checksum::Wrong => internet_checksum(&[&message]) ^ 0x0101,
        };
        message[6..8].copy_from_slice(&sum.to_be_bytes());
        message.truncate(message.len() - self.cut);
        message
    }
}

/// A packet that was sent, in words.
pub(crate) fn describe(packet: &[u8]) -> String {
    let (header, ttl, protocol, from, to) = if packet[0] >> 4 == 4 {
        let address = |at: usize| IpAddr::from(<[u8; 4]>::try_from(&packet[at..at + 4]).expect("four bytes"));
        assert_eq!(internet_checksum(&[&packet[..20]]), 0, "the IP header's checksum");
        assert_eq!(usize::from(u16::from_be_bytes([packet[2], packet[3]])), packet.len(), "the IP header's length");
        (20, packet[8], packet[9], address(12), address(16))
    } else {
        let address = |at: usize| IpAddr::from(<[u8; 16]>::try_from(&packet[at..at + 16]).expect("sixteen bytes"));
        assert_eq!(usize::from(u16::from_be_bytes([packet[4], packet[5]])), packet.len() - 40, "the header's length");
        (40, packet[7], packet[6], address(8), address(24))
    };
    let message = &packet[header..];
    let mut text = format!("sends {from} > {to} ttl {ttl}");
    if protocol != VRRP {
        let _ = write!(text, " protocol {protocol}");
    }
    let (version, count) = (message[0] >> 4, usize::from(message[3]));
    let _ = write!(text, ": v{version} type {} vrid {} priority {}", message[0] & 0x0f, message[1], message[2]);
    let field = u16::from_be_bytes([message[4], message[5]]);
    let _ = match version {
        2 => write!(text, " every {} s auth {}", message[5], message[4]),
        _ => write!(text, " every {} cs reserved {}", field & 0x0fff, field >> 12),
    };
    let size = if header == 20 { 4 } else { 16 };
    for address in message[8..8 + count * size].chunks(size) {
        let address = match <[u8; 4]>::try_from(address) {
            Ok(octets) => IpAddr::from(octets),
            Err(_) => IpAddr::from(<[u8; 16]>::try_from(address).expect("sixteen bytes")),
        };
        let _ = write!(text, " {address}");
    }
    let rest = &message[8 + count * size..];
    if version == 2 {
        assert_eq!(rest.len(), 8, "authentication data is always there");
        let shown: String = rest.iter().filter(|byte| **byte != 0).map(|byte| char::from(*byte)).collect();
        let _ = write!(text, " data {shown:?}");
    } else {
        assert!(rest.is_empty(), "nothing follows the addresses");
    }
    let pseudo = pseudo_header(from, to, message.len());
    let sum = match (internet_checksum(&[message]), internet_checksum(&[&pseudo, message])) {
        (0, _) => "plain",
        (_, 0) => "pseudo",
        _ => "WRONG",
    };
    let _ = write!(text, " checksum {sum}");
    text
}

/// RFC 8200 §8.1 for IPv6; for IPv4 the header that TCP and UDP have (RFC 9293 §3.1).
fn pseudo_header(from: IpAddr, to: IpAddr, len: usize) -> Vec<u8> {
    let len = u16::try_from(len).expect("a short message").to_be_bytes();
    match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => [&from.octets()[..], &to.octets(), &[0, VRRP], &len].concat(),
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            [&from.octets()[..], &to.octets(), &[0, 0], &len, &[0, 0, 0, VRRP]].concat()
        }
        _ => panic!("{from} cannot send to {to}"),
    }
}

/// RFC 1071. Every part but the last has an even length.
fn internet_checksum(parts: &[&[u8]]) -> u16 {
    let pairs = parts.iter().flat_map(|part| part.chunks(2));
    let sum: u32 = pairs.map(|pair| u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |low| u32::from(*low))).sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let folded = (folded & 0xffff) + (folded >> 16);
    !u16::try_from(folded).expect("folded twice")
}
