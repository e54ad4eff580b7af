//! The Internet checksum. Read RFC 1071 before changing it.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A one's-complement sum under way.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sum(u32);

impl Sum {
    /// Adds bytes, padded to an even length with a zero. Only the last piece added may have an odd length.
    #[must_use]
    pub fn bytes(self, bytes: &[u8]) -> Self {
        let mut sum = self.0;
        let mut words = bytes.chunks_exact(2);
        for word in &mut words {
            sum += match word {
                [high, low] => u32::from(u16::from_be_bytes([*high, *low])),
                _ => 0,
            };
            // Folding at each step keeps the sum in range whatever the length; the branch is cheap.
            if sum > 0x7fff_ffff {
                sum = (sum & 0xffff) + (sum >> 16);
            }
        }
        if let [last] = words.remainder() {
            sum += u32::from(*last) << 8;
        }
        Self((sum & 0xffff) + (sum >> 16))
    }

    /// Adds the IPv4 pseudo-header (RFC 9568 §5.2.8): source, destination, zero, protocol, length.
    #[must_use]
    pub fn pseudo_header_v4(self, source: Ipv4Addr, destination: Ipv4Addr, protocol: u8, len: u16) -> Self {
        self.bytes(&source.octets()).bytes(&destination.octets()).bytes(&[0, protocol]).bytes(&len.to_be_bytes())
    }

    /// Adds the IPv6 pseudo-header (RFC 8200 §8.1).
    #[must_use]
    pub fn pseudo_header_v6(self, source: Ipv6Addr, destination: Ipv6Addr, protocol: u8, len: u16) -> Self {
        self.bytes(&source.octets())
            .bytes(&destination.octets())
            .bytes(&u32::from(len).to_be_bytes())
            .bytes(&[0, 0, 0, protocol])
    }

    /// Adds the pseudo-header of the addresses' family; nothing if they are of different families.
    #[must_use]
    pub fn pseudo_header(self, source: IpAddr, destination: IpAddr, protocol: u8, len: u16) -> Self {
        match (source, destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => self.pseudo_header_v4(source, destination, protocol, len),
            (IpAddr::V6(source), IpAddr::V6(destination)) => self.pseudo_header_v6(source, destination, protocol, len),
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => self,
        }
    }

    /// The checksum: what makes the sum over everything, itself included, all ones.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, reason = "folded to 16 bits in the line above")]
    pub const fn finish(self) -> u16 {
        let folded = (self.0 & 0xffff) + (self.0 >> 16);
        let folded = (folded & 0xffff) + (folded >> 16);
        !(folded as u16)
    }

    /// Whether the sum over data that includes its checksum is right.
    #[must_use]
    pub const fn is_valid(self) -> bool {
        self.finish() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 1071 §3 has this example: the sum is ddf2.
    #[test]
    fn the_example_of_the_rfc() {
        let data = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        assert_eq!(Sum::default().bytes(&data).finish(), !0xddf2);
    }

    #[test]
    fn odd_length_is_padded_and_long_data_does_not_overflow() {
        assert_eq!(Sum::default().bytes(&[0x12]).finish(), !0x1200);
        let long = [0xff; 200_000];
        assert_eq!(Sum::default().bytes(&long).finish(), 0);
    }
}
