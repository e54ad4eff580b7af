//! Gratuitous ARP: "this address is now here". Read RFC 826 and RFC 5227 §3 before changing it.

use core::net::Ipv4Addr;

use super::Writer;

/// Bytes of an Ethernet frame with an ARP packet, without padding.
pub const FRAME_BYTES: usize = 42;

/// An Ethernet hardware address.
pub type Mac = [u8; 6];

/// A gratuitous ARP request as an Ethernet frame: sender and target address are both `address`, the target hardware
/// address is all ones as keepalived sends it, so that neighbours of either school update their entry.
pub fn gratuitous(mac: Mac, address: Ipv4Addr) -> [u8; FRAME_BYTES] {
    const BROADCAST: Mac = [0xff; 6];
    let mut frame = [0; FRAME_BYTES];
    let mut out = Writer::new(&mut frame);
    out.put(&BROADCAST);
    out.put(&mac);
    out.put(&[0x08, 0x06]); // ARP
    out.put(&[0x00, 0x01, 0x08, 0x00, 6, 4]); // Ethernet, IPv4, and their address lengths
    out.put(&[0x00, 0x01]); // request
    out.put(&mac);
    out.put(&address.octets());
    out.put(&BROADCAST);
    out.put(&address.octets());
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frame_byte_by_byte() {
        let frame = gratuitous([0x52, 0x54, 0, 0, 0, 1], Ipv4Addr::new(172, 20, 45, 248));
        let expected = [
            0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x52, 0x54, 0, 0, 0, 1, 8, 6, //
            0, 1, 8, 0, 6, 4, 0, 1, //
            0x52, 0x54, 0, 0, 0, 1, 172, 20, 45, 248, //
            0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 172, 20, 45, 248,
        ];
        assert_eq!(frame, expected);
    }
}
