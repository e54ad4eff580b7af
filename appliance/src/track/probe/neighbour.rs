//! ARP and neighbour discovery: whether a host on the link answers, whatever its firewall thinks of ICMP echo. Read
//! RFC 826, RFC 5227 §2.1 and RFC 4861 §4.3, §4.4 and §7.1.2 before changing it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddrV6};

use super::packet::{Link, Raw};
use super::{Failure, Way};

type Mac = [u8; 6];

/// An Ethernet frame with an ARP packet.
const ARP_BYTES: usize = 42;
const SOLICITATION: u8 = 135;
const ADVERTISEMENT: u8 = 136;

/// Asks, and waits for the answer for as long as it is not dropped.
pub(super) async fn ask(address: IpAddr, way: &Way) -> Result<String, Failure> {
    let link = Link::towards(address, way)?;
    let mac = link.mac;
    match address {
        IpAddr::V4(target) => {
            let Some(mac) = mac else { return Err(Failure::Absent("the interface has no hardware addresses".into())) };
            let source = match way.source {
                Some(IpAddr::V4(source)) => source,
                // Without an address of its own it asks as RFC 5227 has it.
                Some(IpAddr::V6(_)) | None => link.v4.unwrap_or(Ipv4Addr::UNSPECIFIED),
            };
            let mut raw = Raw::arp(&link)?;
            raw.socket().send(&arp_request(mac, source, target))?;
            loop {
                if is_arp_reply(raw.receive().await?.0, target) {
                    return Ok(format!("{address} answers"));
                }
            }
        }
        IpAddr::V6(target) => {
            let mut raw = Raw::icmp(false, way)?;
            raw.socket().set_multicast_hops_v6(255)?;
            let to = SocketAddrV6::new(solicited_node(target), 0, 0, link.index.get());
            raw.socket().send_to(&solicitation(target, mac), &to.into())?;
            loop {
                let (message, hop_limit) = raw.receive().await?;
                // RFC 4861 §7.1.2: from anywhere but this link it would be less.
                if hop_limit == Some(255) && is_advertisement(message, target) {
                    return Ok(format!("{address} answers"));
                }
            }
        }
    }
}

fn arp_request(mac: Mac, source: Ipv4Addr, target: Ipv4Addr) -> [u8; ARP_BYTES] {
    let mut frame = [0; ARP_BYTES];
    let source = source.octets();
    let target = target.octets();
    let parts: [&[u8]; 9] = [
        &[0xff; 6],
        &mac,
        &[0x08, 0x06],
        &[0x00, 0x01, 0x08, 0x00, 6, 4], // Ethernet, IPv4, and their address lengths
        &[0x00, 0x01],                   // request
        &mac,
        &source,
        &[0; 6],
        &target,
    ];
    for (to, from) in frame.iter_mut().zip(parts.into_iter().flatten()) {
        *to = *from;
    }
    frame
}

/// A frame in which the target says where it is.
fn is_arp_reply(frame: &[u8], target: Ipv4Addr) -> bool {
    let fixed = [0x00, 0x01, 0x08, 0x00, 6, 4, 0x00, 0x02];
    frame.get(14..22) == Some(&fixed) && frame.get(28..32) == Some(&target.octets())
}

/// RFC 4291 §2.7.1
fn solicited_node(address: Ipv6Addr) -> Ipv6Addr {
    let [.., a, b, c] = address.octets();
    Ipv6Addr::from([0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, a, b, c])
}

/// The kernel fills in the checksum.
fn solicitation(target: Ipv6Addr, mac: Option<Mac>) -> Vec<u8> {
    let mut message = vec![SOLICITATION, 0, 0, 0, 0, 0, 0, 0];
    message.extend_from_slice(&target.octets());
    if let Some(mac) = mac {
        message.extend_from_slice(&[1, 1]); // option: source link-layer address, eight bytes long
        message.extend_from_slice(&mac);
    }
    message
}

fn is_advertisement(message: &[u8], target: Ipv6Addr) -> bool {
    matches!(message, [ADVERTISEMENT, 0, ..]) && message.get(8..24) == Some(&target.octets())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

    #[test]
    fn the_question_byte_by_byte() {
        let frame = arp_request([2, 0, 0, 0, 0, 9], Ipv4Addr::new(10, 0, 0, 9), TARGET);
        let expected = [
            0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 9, 8, 6, //
            0, 1, 8, 0, 6, 4, 0, 1, //
            2, 0, 0, 0, 0, 9, 10, 0, 0, 9, 0, 0, 0, 0, 0, 0, 10, 0, 0, 1,
        ];
        assert_eq!(frame, expected);
        let target = "fe80::12:3456".parse().unwrap();
        assert_eq!(solicited_node(target), "ff02::1:ff12:3456".parse::<Ipv6Addr>().unwrap());
        let message = solicitation(target, Some([2, 0, 0, 0, 0, 9]));
        assert_eq!(message.len(), 32);
        assert_eq!(message[24..], [1, 1, 2, 0, 0, 0, 0, 9]);
    }

    #[test]
    fn an_answer_is_told_from_all_others() {
        let question = arp_request([2, 0, 0, 0, 0, 9], TARGET, Ipv4Addr::new(10, 0, 0, 9));
        assert!(!is_arp_reply(&question, TARGET), "the target asks for somebody");
        let mut reply = question;
        reply[21] = 2;
        assert!(is_arp_reply(&reply, TARGET));
        assert!(!is_arp_reply(&reply, Ipv4Addr::new(10, 0, 0, 2)));
        assert!((0..32).all(|len| !is_arp_reply(&reply[..len], TARGET)));
        let target = Ipv6Addr::LOCALHOST;
        let mut message = solicitation(target, None);
        assert!(!is_advertisement(&message, target));
        message[0] = ADVERTISEMENT;
        assert!(is_advertisement(&message, target));
        assert!((0..24).all(|len| !is_advertisement(&message[..len], target)));
    }
}
