//! The IPv4 header, as far as VRRP needs it. Read RFC 791 §3.1 before changing it.

use core::net::Ipv4Addr;

use super::checksum::Sum;
use super::{Writer, read_array, read_u16};

/// Bytes of a header without options.
pub const HEADER_BYTES: usize = 20;

/// Internetwork control (RFC 791 precedence 6): what routing protocols use.
const TOS: u8 = 0xc0;

/// A received packet: the fields that the protocol looks at, and what follows the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Who sent it.
    pub source: Ipv4Addr,
    /// To whom.
    pub destination: Ipv4Addr,
    /// Its time to live.
    pub ttl: u8,
    /// What follows the header.
    pub protocol: u8,
    /// That what follows, without link-layer padding.
    pub payload: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads a packet as a raw socket delivers it. `None` if it is cut short or its lengths contradict each other.
    ///
    /// The header checksum is not verified: the kernel has done so.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let first = *bytes.first()?;
        let header_len = usize::from(first & 0x0f) * 4;
        let total_len = usize::from(read_u16(bytes, 2));
        if first >> 4 != 4 || header_len < HEADER_BYTES {
            return None;
        }
        Some(Self {
            source: Ipv4Addr::from(read_array::<4>(bytes, 12)?),
            destination: Ipv4Addr::from(read_array::<4>(bytes, 16)?),
            ttl: *bytes.get(8)?,
            protocol: *bytes.get(9)?,
            payload: bytes.get(header_len..total_len)?,
        })
    }
}

/// Writes a header in front of `payload_len` bytes. `None` if `buffer` is shorter than the header or the packet longer
/// than IPv4 allows.
///
/// Identification 0 with "don't fragment" asks the kernel to leave it so (RFC 6864 §4.1).
pub fn emit(
    buffer: &mut [u8],
    source: Ipv4Addr,
    destination: Ipv4Addr,
    ttl: u8,
    protocol: u8,
    payload_len: usize,
) -> Option<()> {
    let total_len = u16::try_from(HEADER_BYTES + payload_len).ok()?;
    let mut out = Writer::new(buffer.get_mut(..HEADER_BYTES)?);
    out.put(&[0x45, TOS]);
    out.put(&total_len.to_be_bytes());
    out.put(&[0, 0, 0x40, 0, ttl, protocol, 0, 0]);
    out.put(&source.octets());
    out.put(&destination.octets());
    let header = out.finish()?;
    let checksum = Sum::default().bytes(header).finish().to_be_bytes();
    header.get_mut(10..12)?.copy_from_slice(&checksum);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_emitted_is_parsed() {
        let mut buffer = [0; 28];
        let (source, destination) = (Ipv4Addr::new(172, 20, 45, 131), Ipv4Addr::new(224, 0, 0, 18));
        emit(&mut buffer, source, destination, 255, 112, 8).unwrap();
        assert!(Sum::default().bytes(&buffer[..20]).is_valid());
        let packet = Packet::parse(&buffer).unwrap();
        assert_eq!(packet, Packet { source, destination, ttl: 255, protocol: 112, payload: &buffer[20..] });
    }

    #[test]
    fn options_are_skipped_and_padding_is_cut() {
        let mut bytes = [0; 40];
        bytes[0] = 0x46;
        bytes[3] = 30;
        bytes[24] = 0xaa;
        assert_eq!(Packet::parse(&bytes).unwrap().payload, [0xaa, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn contradictions_and_short_packets_are_refused() {
        let mut good = [0; 28];
        emit(&mut good, Ipv4Addr::LOCALHOST, Ipv4Addr::LOCALHOST, 1, 112, 8).unwrap();
        for len in 0..28 {
            assert_eq!(Packet::parse(&good[..len]), None, "cut to {len}");
        }
        for (at, value) in [(0, 0x65), (0, 0x44), (3, 19), (3, 200)] {
            let mut bad = good;
            bad[at] = value;
            assert_eq!(Packet::parse(&bad), None, "byte {at} = {value}");
        }
        assert_eq!(emit(&mut [0; 19], Ipv4Addr::LOCALHOST, Ipv4Addr::LOCALHOST, 1, 112, 8), None);
        assert_eq!(emit(&mut [0; 20], Ipv4Addr::LOCALHOST, Ipv4Addr::LOCALHOST, 1, 112, 65_535), None);
    }
}
