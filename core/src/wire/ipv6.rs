//! The IPv6 header, as far as VRRP needs it. Read RFC 8200 §3 before changing it.

use core::net::Ipv6Addr;

use super::Writer;

/// Bytes of a header without extension headers.
pub const HEADER_BYTES: usize = 40;

/// Version 6, traffic class CS6 (what routing protocols use, RFC 4594 §3.1), flow label 0.
const FIRST_WORD: [u8; 4] = [0x6c, 0, 0, 0];

/// Writes a header in front of `payload_len` bytes. `None` if `buffer` is shorter than the header or the packet longer than
/// IPv6 allows.
pub fn emit(
    buffer: &mut [u8],
    source: Ipv6Addr,
    destination: Ipv6Addr,
    hop_limit: u8,
    next_header: u8,
    payload_len: usize,
) -> Option<()> {
    let payload_len = u16::try_from(payload_len).ok()?;
    let mut out = Writer::new(buffer.get_mut(..HEADER_BYTES)?);
    out.put(&FIRST_WORD);
    out.put(&payload_len.to_be_bytes());
    out.put(&[next_header, hop_limit]);
    out.put(&source.octets());
    out.put(&destination.octets());
    out.finish().map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_byte_by_byte() {
        let mut buffer = [0xaa; 40];
        let (source, destination) = (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1), crate::wire::vrrp::GROUP_V6);
        emit(&mut buffer, source, destination, 255, 112, 24).unwrap();
        assert_eq!(buffer[..8], [0x6c, 0, 0, 0, 0, 24, 112, 255]);
        assert_eq!(buffer[8..24], source.octets());
        assert_eq!(buffer[24..], destination.octets());
        assert_eq!(emit(&mut [0; 39], source, destination, 255, 112, 24), None);
        assert_eq!(emit(&mut buffer, source, destination, 255, 112, 65_536), None);
    }
}
