//! What the frames on the switch say: adverts, ARP and echoes. Written for the lab alone, so that it can testify for or
//! against the service's own code. Formats: RFC 3768 §5, RFC 826, RFC 792.

use std::fmt;
use std::net::Ipv4Addr;

/// The protocol number of VRRP (RFC 3768 §5.2.4).
pub(crate) const VRRP: u8 = 112;

/// A frame, as far as the lab understands it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// VRRP.
    Advert(Advert),
    /// ARP.
    Arp(Arp),
    /// An ICMP echo request or reply.
    Echo(Echo),
    /// Anything else.
    Other,
}

/// A VRRP packet, read with goodwill: what it lacks is zero, and `whole` is false.
#[derive(Clone, PartialEq, Eq)]
pub struct Advert {
    /// The sender's MAC address.
    pub source_mac: [u8; 6],
    /// The receiver's MAC address.
    pub target_mac: [u8; 6],
    /// The sender's address.
    pub source: Ipv4Addr,
    /// The receiver's address.
    pub target: Ipv4Addr,
    /// The time to live.
    pub ttl: u8,
    /// The VRRP version.
    pub version: u8,
    /// The packet type; 1 is an advert.
    pub packet_type: u8,
    /// The virtual router ID.
    pub vrid: u8,
    /// The priority.
    pub priority: u8,
    /// The authentication type; 1 is PASS.
    pub auth_type: u8,
    /// The advert interval in seconds.
    pub interval_s: u8,
    /// The virtual addresses.
    pub addresses: Vec<Ipv4Addr>,
    /// The authentication data.
    pub auth: [u8; 8],
    /// Whether the checksum is right.
    pub checksum_ok: bool,
    /// Whether all that it announces is there.
    pub whole: bool,
}

impl Advert {
    /// Whether it says that its sender is master; an advert of priority 0 says that it leaves.
    pub const fn claims(&self) -> bool {
        self.priority > 0
    }
}

impl fmt::Debug for Advert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source, target, ttl, version, vrid, priority, interval_s, auth_type, addresses, .. } = self;
        write!(
            f,
            "advert {source} > {target} vrid {vrid} priority {priority} v{version} every {interval_s} s ttl {ttl} auth \
             {auth_type} {addresses:?}"
        )?;
        if !self.checksum_ok {
            f.write_str(" BAD CHECKSUM")?;
        }
        if !self.whole {
            f.write_str(" CUT SHORT")?;
        }
        Ok(())
    }
}

/// What an ARP packet wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArpKind {
    /// It asks who has an address.
    Request,
    /// It answers.
    Reply,
    /// It announces its sender's own address, as request or reply (RFC 5227 §3).
    Gratuitous,
}

/// An ARP packet.
#[derive(Clone, PartialEq, Eq)]
pub struct Arp {
    /// What it wants.
    pub kind: ArpKind,
    /// The sender's MAC address, as the packet says.
    pub sender_mac: [u8; 6],
    /// The sender's address.
    pub sender: Ipv4Addr,
    /// Whom it asks for or answers.
    pub target: Ipv4Addr,
}

impl fmt::Debug for Arp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mac = self.sender_mac.map(|byte| format!("{byte:02x}")).join(":");
        write!(f, "arp {:?} from {} ({mac}) for {}", self.kind, self.sender, self.target)
    }
}

/// An ICMP echo request or reply.
#[derive(Clone, PartialEq, Eq)]
pub struct Echo {
    /// Whether it is a reply.
    pub reply: bool,
    /// The sender's address.
    pub source: Ipv4Addr,
    /// The receiver's address.
    pub target: Ipv4Addr,
    /// Whose probe it is.
    pub ident: u16,
    /// Which probe.
    pub sequence: u16,
}

impl fmt::Debug for Echo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.reply { "reply" } else { "request" };
        write!(f, "echo {kind} {} > {} number {}", self.source, self.target, self.sequence)
    }
}

/// Reads an Ethernet frame.
pub(crate) fn decode(frame: &[u8]) -> Frame {
    let found = match frame.get(12..14) {
        Some([0x08, 0x00]) => ipv4(frame),
        Some([0x08, 0x06]) => arp(&frame[14..]).map(Frame::Arp),
        _ => None,
    };
    found.unwrap_or(Frame::Other)
}

fn ipv4(frame: &[u8]) -> Option<Frame> {
    let packet = &frame[14..];
    let header = usize::from(packet.first()? & 0x0f) * 4;
    let total = usize::from(word(packet, 2)?);
    // Short frames are padded, so the header says where the packet ends.
    let payload = packet.get(header..total.min(packet.len()))?;
    let (source, target) = (address(packet, 12)?, address(packet, 16)?);
    match *packet.get(9)? {
        VRRP => {
            let macs = (frame[6..12].try_into().ok()?, frame[..6].try_into().ok()?);
            Some(Frame::Advert(advert(macs, (source, target), packet[8], payload)))
        }
        1 => echo(source, target, payload).map(Frame::Echo),
        _ => None,
    }
}

fn advert(
    (source_mac, target_mac): ([u8; 6], [u8; 6]),
    (source, target): (Ipv4Addr, Ipv4Addr),
    ttl: u8,
    packet: &[u8],
) -> Advert {
    let byte = |at: usize| packet.get(at).copied().unwrap_or(0);
    let count = usize::from(byte(3));
    let addresses: Vec<Ipv4Addr> = (0..count).map_while(|at| address(packet, 8 + 4 * at)).collect();
    let auth = packet.get(8 + 4 * count..16 + 4 * count).and_then(|bytes| bytes.try_into().ok());
    Advert {
        source_mac,
        target_mac,
        source,
        target,
        ttl,
        version: byte(0) >> 4,
        packet_type: byte(0) & 0x0f,
        vrid: byte(1),
        priority: byte(2),
        auth_type: byte(4),
        interval_s: byte(5),
        whole: addresses.len() == count && auth.is_some(),
        addresses,
        auth: auth.unwrap_or_default(),
        // The sum over data that holds its own right checksum comes out as zero (RFC 1071).
        checksum_ok: checksum(packet) == 0,
    }
}

fn arp(packet: &[u8]) -> Option<Arp> {
    // Ethernet and IPv4 only.
    if packet.get(..6)? != [0, 1, 8, 0, 6, 4] {
        return None;
    }
    let (sender, target) = (address(packet, 14)?, address(packet, 24)?);
    let kind = match word(packet, 6)? {
        _ if sender == target => ArpKind::Gratuitous,
        1 => ArpKind::Request,
        2 => ArpKind::Reply,
        _ => return None,
    };
    Some(Arp { kind, sender_mac: packet.get(8..14)?.try_into().ok()?, sender, target })
}

fn echo(source: Ipv4Addr, target: Ipv4Addr, packet: &[u8]) -> Option<Echo> {
    let reply = match packet.first()? {
        0 => true,
        8 => false,
        _ => return None,
    };
    Some(Echo { reply, source, target, ident: word(packet, 4)?, sequence: word(packet, 6)? })
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn address(bytes: &[u8], at: usize) -> Option<Ipv4Addr> {
    let octets: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
    Some(Ipv4Addr::from(octets))
}

/// The Internet checksum (RFC 1071).
pub(crate) fn checksum(bytes: &[u8]) -> u16 {
    let sum = bytes.chunks(2).fold(0_u32, |sum, pair| {
        let low = pair.get(1).copied().unwrap_or(0);
        sum + u32::from(u16::from_be_bytes([pair[0], low]))
    });
    let folded = (sum & 0xffff) + (sum >> 16);
    let folded = (folded & 0xffff) + (folded >> 16);
    !u16::try_from(folded).expect("folded twice")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An advert that Debian's keepalived 2.2.7 sent in the lab.
    const KEEPALIVED: &str = "020000000084 020000000083 0800 45c0 0028 0001 0000 ff70 0775 ac142d83 ac142d84 \
         21 2d 64 01 01 01 3091 ac142df8 61646d696e313233";

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u32> = hex.chars().filter_map(|digit| digit.to_digit(16)).collect();
        digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap()).collect()
    }

    #[test]
    fn reads_an_advert() {
        let Frame::Advert(advert) = decode(&bytes(KEEPALIVED)) else { panic!("not an advert") };
        assert_eq!((advert.version, advert.packet_type, advert.vrid, advert.priority), (2, 1, 45, 100));
        assert_eq!((advert.ttl, advert.interval_s, advert.auth_type), (255, 1, 1));
        assert_eq!((advert.source_mac[5], advert.target_mac[5]), (0x83, 0x84));
        assert_eq!(advert.addresses, [Ipv4Addr::new(172, 20, 45, 248)]);
        assert_eq!(&advert.auth, b"admin123");
        assert!(advert.whole && advert.checksum_ok);
    }

    #[test]
    fn a_frame_cut_anywhere_is_read_as_far_as_it_goes() {
        let frame = bytes(KEEPALIVED);
        for end in 0..frame.len() {
            match decode(&frame[..end]) {
                Frame::Advert(advert) => assert!(!advert.whole, "{end}"),
                Frame::Other => assert!(end < 34, "{end}"),
                frame => panic!("{frame:?}"),
            }
        }
    }

    #[test]
    fn one_wrong_bit_is_a_wrong_checksum() {
        let mut frame = bytes(KEEPALIVED);
        frame[36] ^= 1;
        let Frame::Advert(advert) = decode(&frame) else { panic!("not an advert") };
        assert!(!advert.checksum_ok && advert.whole);
    }

    #[test]
    fn tells_gratuitous_arp_from_an_answer() {
        let announcement =
            "ffffffffffff 020000000083 0806 0001 0800 06 04 0001 020000000083 ac142df8 000000000000 ac142df8";
        let Frame::Arp(arp) = decode(&bytes(announcement)) else { panic!("not ARP") };
        assert_eq!((arp.kind, arp.sender), (ArpKind::Gratuitous, Ipv4Addr::new(172, 20, 45, 248)));
        let answer = "0200000000c8 020000000083 0806 0001 0800 06 04 0002 020000000083 ac142df8 0200000000c8 ac142dc8";
        let Frame::Arp(arp) = decode(&bytes(answer)) else { panic!("not ARP") };
        assert_eq!(arp.kind, ArpKind::Reply);
    }
}
