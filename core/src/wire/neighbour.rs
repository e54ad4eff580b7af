//! Unsolicited neighbour advertisement: "this address is now here". Read RFC 4861 §4.4 and RFC 9568 §6.4.2 (the Active
//! state is entered) before changing it.

use core::net::Ipv6Addr;

use super::arp::Mac;
use super::checksum::Sum;
use super::{Writer, ipv6};

/// Bytes of an Ethernet frame with a neighbour advertisement.
pub const FRAME_BYTES: usize = 14 + ipv6::HEADER_BYTES + MESSAGE_BYTES;

/// The advertisement with its option, the target's link-layer address.
const MESSAGE_BYTES: usize = 32;
const ICMPV6: u8 = 58;
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const ALL_NODES_MAC: Mac = [0x33, 0x33, 0, 0, 0, 1];
/// Router and override (RFC 9568: "with the Router Flag (R) set, the Solicited Flag (S) clear, the Override Flag (O) set").
const FLAGS: u8 = 0b1010_0000;

/// An unsolicited neighbour advertisement to all nodes, as an Ethernet frame.
pub fn unsolicited(mac: Mac, address: Ipv6Addr) -> [u8; FRAME_BYTES] {
    let mut message = [0; MESSAGE_BYTES];
    let mut out = Writer::new(&mut message);
    out.put(&[136, 0, 0, 0, FLAGS, 0, 0, 0]);
    out.put(&address.octets());
    out.put(&[2, 1]); // option: target link-layer address, eight bytes long
    out.put(&mac);
    let sum = Sum::default().pseudo_header_v6(address, ALL_NODES, ICMPV6, 32).bytes(&message);
    let [high, low] = sum.finish().to_be_bytes();
    message[2] = high;
    message[3] = low;

    let mut header = [0; ipv6::HEADER_BYTES];
    let fits = ipv6::emit(&mut header, address, ALL_NODES, 255, ICMPV6, MESSAGE_BYTES);
    debug_assert!(fits.is_some(), "the sizes are constants");
    let mut frame = [0; FRAME_BYTES];
    let mut out = Writer::new(&mut frame);
    out.put(&ALL_NODES_MAC);
    out.put(&mac);
    out.put(&[0x86, 0xdd]); // IPv6
    out.put(&header);
    out.put(&message);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frame_byte_by_byte() {
        let address = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0x248);
        let frame = unsolicited([0x52, 0x54, 0, 0, 0, 1], address);
        assert_eq!(frame[..14], [0x33, 0x33, 0, 0, 0, 1, 0x52, 0x54, 0, 0, 0, 1, 0x86, 0xdd]);
        assert_eq!(frame[14..22], [0x6c, 0, 0, 0, 0, 32, 58, 255]);
        assert_eq!(frame[22..38], address.octets());
        assert_eq!(frame[54..56], [136, 0]);
        assert_eq!(frame[58], FLAGS);
        assert_eq!(frame[62..78], address.octets());
        assert_eq!(frame[78..], [2, 1, 0x52, 0x54, 0, 0, 0, 1]);
        let sum = Sum::default().pseudo_header_v6(address, ALL_NODES, ICMPV6, 32).bytes(&frame[54..]);
        assert!(sum.is_valid());
    }
}
