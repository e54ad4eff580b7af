//! What the frames on the switch say: adverts, ARP and echoes. Written for the lab alone, so that it can testify for or
//! against the service's own code. Formats: RFC 3768 §5, RFC 9568 §5, RFC 826, RFC 792.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

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
    pub source: IpAddr,
    /// The receiver's address.
    pub target: IpAddr,
    /// The time to live, or hop limit.
    pub ttl: u8,
    /// The VRRP version.
    pub version: u8,
    /// The packet type; 1 is an advert.
    pub packet_type: u8,
    /// The virtual router ID.
    pub vrid: u8,
    /// The priority.
    pub priority: u8,
    /// The authentication type of version 2; 1 is PASS.
    pub auth_type: u8,
    /// The advert interval in centiseconds.
    pub interval_cs: u16,
    /// The virtual addresses.
    pub addresses: Vec<IpAddr>,
    /// The authentication data of version 2.
    pub auth: [u8; 8],
    /// What the checksum covers.
    pub checksum: Checksum,
    /// Whether all that it announces is there.
    pub whole: bool,
}

/// What the checksum of an advert covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// The message.
    Plain,
    /// The message and a pseudo-header of the IP header.
    Pseudo,
    /// It is wrong, whatever it covers.
    Wrong,
}

impl Advert {
    /// Whether it says that its sender is master; an advert of priority 0 says that it leaves.
    pub const fn claims(&self) -> bool {
        self.priority > 0
    }
}

impl fmt::Debug for Advert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source, target, ttl, version, vrid, priority, interval_cs, auth_type, addresses, .. } = self;
        write!(
            f,
            "advert {source} > {target} vrid {vrid} priority {priority} v{version} every {interval_cs} cs ttl {ttl} auth \
             {auth_type} {addresses:?}"
        )?;
        match self.checksum {
            Checksum::Plain => {}
            Checksum::Pseudo => f.write_str(" with pseudo-header")?,
            Checksum::Wrong => f.write_str(" BAD CHECKSUM")?,
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
pub fn decode(frame: &[u8]) -> Frame {
    let found = match frame.get(12..14) {
        Some([0x08, 0x00]) => ipv4(frame),
        Some([0x08, 0x06]) => arp(&frame[14..]).map(Frame::Arp),
        Some([0x86, 0xdd]) => ipv6(frame),
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
        VRRP => Some(Frame::Advert(advert(macs(frame)?, (source.into(), target.into()), packet[8], payload))),
        1 => echo(source, target, payload).map(Frame::Echo),
        _ => None,
    }
}

fn ipv6(frame: &[u8]) -> Option<Frame> {
    let packet = &frame[14..];
    let length = usize::from(word(packet, 4)?);
    let payload = packet.get(40..packet.len().min(40 + length))?;
    let (source, target) = (address6(packet, 8)?, address6(packet, 24)?);
    match packet[6] {
        VRRP => Some(Frame::Advert(advert(macs(frame)?, (source.into(), target.into()), packet[7], payload))),
        _ => None,
    }
}

/// Whose frame it is, and whom it is for.
fn macs(frame: &[u8]) -> Option<([u8; 6], [u8; 6])> {
    Some((frame.get(6..12)?.try_into().ok()?, frame.get(..6)?.try_into().ok()?))
}

fn advert(
    (source_mac, target_mac): ([u8; 6], [u8; 6]),
    (source, target): (IpAddr, IpAddr),
    ttl: u8,
    packet: &[u8],
) -> Advert {
    let byte = |at: usize| packet.get(at).copied().unwrap_or(0);
    let (version, count) = (byte(0) >> 4, usize::from(byte(3)));
    let size = if source.is_ipv4() { 4 } else { 16 };
    let virtual_address = |index: usize| match source {
        IpAddr::V4(_) => address(packet, 8 + size * index).map(IpAddr::from),
        IpAddr::V6(_) => address6(packet, 8 + size * index).map(IpAddr::from),
    };
    let addresses: Vec<IpAddr> = (0..count).map_while(virtual_address).collect();
    let end = 8 + size * count;
    let auth = packet.get(end..end + 8).and_then(|bytes| bytes.try_into().ok());
    Advert {
        source_mac,
        target_mac,
        source,
        target,
        ttl,
        version,
        packet_type: byte(0) & 0x0f,
        vrid: byte(1),
        priority: byte(2),
        auth_type: if version == 2 { byte(4) } else { 0 },
        interval_cs: if version == 2 { u16::from(byte(5)) * 100 } else { word(packet, 4).unwrap_or(0) & 0x0fff },
        whole: addresses.len() == count && (auth.is_some() || version != 2 && packet.len() >= 8),
        addresses,
        auth: auth.unwrap_or_default(),
        checksum: covered(version, source, target, packet),
    }
}

/// What the checksum covers: version 3 over IPv4 has two ways (RFC 5798 §5.2.8, RFC 9568 §5.2.8), all others one.
fn covered(version: u8, source: IpAddr, target: IpAddr, packet: &[u8]) -> Checksum {
    let length = u16::try_from(packet.len()).unwrap_or(u16::MAX).to_be_bytes();
    let pseudo = match (source, target) {
        (IpAddr::V4(from), IpAddr::V4(to)) => [&from.octets()[..], &to.octets(), &[0, VRRP], &length, packet].concat(),
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            [&from.octets()[..], &to.octets(), &[0, 0], &length, &[0, 0, 0, VRRP], packet].concat()
        }
        _ => return Checksum::Wrong,
    };
    // The sum over data that holds its own right checksum comes out as zero (RFC 1071).
    if source.is_ipv4() && checksum(packet) == 0 {
        Checksum::Plain
    } else if version == 3 && checksum(&pseudo) == 0 {
        Checksum::Pseudo
    } else {
        Checksum::Wrong
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

fn address6(bytes: &[u8], at: usize) -> Option<Ipv6Addr> {
    let octets: [u8; 16] = bytes.get(at..at + 16)?.try_into().ok()?;
    Some(Ipv6Addr::from(octets))
}

/// The Internet checksum (RFC 1071).
///
/// # Panics
/// Never: the sum of up to 64 KiB fits.
pub fn checksum(bytes: &[u8]) -> u16 {
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
        assert_eq!((advert.ttl, advert.interval_cs, advert.auth_type), (255, 100, 1));
        assert_eq!((advert.source_mac[5], advert.target_mac[5]), (0x83, 0x84));
        assert_eq!(advert.addresses, [Ipv4Addr::new(172, 20, 45, 248)]);
        assert_eq!(&advert.auth, b"admin123");
        assert!(advert.whole && advert.checksum == Checksum::Plain);
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
        assert!(advert.checksum == Checksum::Wrong && advert.whole);
    }

    /// Version 3 over IPv6, as RFC 9568 has it; the checksum was computed by hand.
    #[test]
    fn reads_an_advert_over_ipv6() {
        let mut frame = bytes(
            "333300000012 020000000083 86dd 6c000000 0018 70 ff fe800000000000000000000000000083 \
             ff020000000000000000000000000012 31 2d 64 01 000a 0000 fe800000000000000000000000000248",
        );
        let parts: u32 = [0xfe80, 0x83, 0xff02, 0x12, 24, 112, 0x312d, 0x6401, 0x000a, 0xfe80, 0x0248].iter().sum();
        let sum = !u16::try_from((parts & 0xffff) + (parts >> 16)).expect("one carry");
        frame[60..62].copy_from_slice(&sum.to_be_bytes());
        let Frame::Advert(advert) = decode(&frame) else { panic!("not an advert") };
        assert_eq!((advert.version, advert.ttl, advert.interval_cs), (3, 255, 10));
        assert_eq!(advert.addresses, ["fe80::248".parse::<Ipv6Addr>().unwrap()]);
        assert!(advert.whole && advert.checksum == Checksum::Pseudo, "{advert:?}");
        frame[59] ^= 1;
        let Frame::Advert(advert) = decode(&frame) else { panic!("not an advert") };
        assert_eq!(advert.checksum, Checksum::Wrong);
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
