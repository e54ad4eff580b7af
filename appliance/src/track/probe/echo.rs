//! ICMP and ICMPv6 echo. Read RFC 792 and RFC 4443 §4 before changing it.

use std::net::{IpAddr, SocketAddr, SocketAddrV6};

use locum_core::wire::checksum::Sum;
use locum_core::wire::ipv4;

use super::packet::Raw;
use super::{Failure, Way};

const REQUEST_V4: u8 = 8;
const REPLY_V4: u8 = 0;
const REQUEST_V6: u8 = 128;
const REPLY_V6: u8 = 129;

/// Type, code, checksum, identifier, sequence number.
const MESSAGE_BYTES: usize = 8;

/// Asks, and waits for the answer for as long as it is not dropped.
pub(super) async fn ask(address: IpAddr, way: &Way, identifier: u16, sequence: u16) -> Result<String, Failure> {
    let mut raw = Raw::icmp(address.is_ipv4(), way)?;
    // Connected: packets of other hosts do not come in.
    raw.socket().connect(&socket_address(address, way)?.into())?;
    raw.socket().send(&request(address.is_ipv4(), identifier, sequence))?;
    loop {
        let (packet, _) = raw.receive().await?;
        let message =
            if address.is_ipv4() { ipv4::Packet::parse(packet).map(|packet| packet.payload) } else { Some(packet) };
        if message.is_some_and(|message| is_reply(message, address.is_ipv4(), identifier, sequence)) {
            return Ok(format!("{address} answers"));
        }
    }
}

/// With the interface in it where the address means nothing without.
pub(super) fn socket_address(address: IpAddr, way: &Way) -> std::io::Result<SocketAddr> {
    match (address, &way.interface) {
        (IpAddr::V6(v6), Some(interface)) if v6.is_unicast_link_local() || v6.is_multicast() => {
            let index = nix::net::if_::if_nametoindex(interface.as_str())?;
            Ok(SocketAddrV6::new(v6, 0, 0, index).into())
        }
        _ => Ok(SocketAddr::new(address, 0)),
    }
}

fn request(is_v4: bool, identifier: u16, sequence: u16) -> [u8; MESSAGE_BYTES] {
    let [id_high, id_low] = identifier.to_be_bytes();
    let [high, low] = sequence.to_be_bytes();
    let kind = if is_v4 { REQUEST_V4 } else { REQUEST_V6 };
    let mut message = [kind, 0, 0, 0, id_high, id_low, high, low];
    if is_v4 {
        // In IPv6 the kernel fills it in (RFC 3542 §3.1).
        let [high, low] = Sum::default().bytes(&message).finish().to_be_bytes();
        message[2] = high;
        message[3] = low;
    }
    message
}

fn is_reply(message: &[u8], is_v4: bool, identifier: u16, sequence: u16) -> bool {
    let kind = if is_v4 { REPLY_V4 } else { REPLY_V6 };
    let [id_high, id_low] = identifier.to_be_bytes();
    let [high, low] = sequence.to_be_bytes();
    matches!(message, [its_kind, 0, _, _, rest @ ..]
        if *its_kind == kind && rest.starts_with(&[id_high, id_low, high, low]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_told_from_all_others() {
        let request = request(true, 0x1234, 7);
        assert!(Sum::default().bytes(&request).is_valid());
        assert!(!is_reply(&request, true, 0x1234, 7), "the question itself, which a host hears when it asks itself");
        let reply = [0, 0, 0, 0, 0x12, 0x34, 0, 7, 1, 2];
        assert!(is_reply(&reply, true, 0x1234, 7));
        assert!(!is_reply(&reply, true, 0x1234, 8) && !is_reply(&reply, true, 0x1235, 7));
        assert!(!is_reply(&reply, false, 0x1234, 7));
        assert!((0..8).all(|len| !is_reply(&reply[..len], true, 0x1234, 7)));
        assert!(is_reply(&[129, 0, 0, 0, 0x12, 0x34, 0, 7], false, 0x1234, 7));
    }
}
