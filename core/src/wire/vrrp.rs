//! VRRP adverts. Read RFC 3768 §5 (version 2, with RFC 2338 §5.3.6 for the password) and RFC 9568 §5 (version 3) before
//! changing it.
//!
//! ```text
//!  version 2                                        version 3
//!  0         1         2         3                  0         1         2         3
//! +----+----+---------+---------+---------+        +----+----+---------+---------+---------+
//! |ver |type|  VRID   | priority|  count  |        |ver |type|  VRID   | priority|  count  |
//! +----+----+---------+---------+---------+        +----+----+---------+---------+---------+
//! |auth type|interval |     checksum      |        |rsvd| interval (12)|     checksum      |
//! +---------+---------+-------------------+        +----+--------------+-------------------+
//! |        count addresses of 4 bytes     |        |  count addresses of 4 or 16 bytes      |
//! +---------------------------------------+        +----------------------------------------+
//! |        authentication data (8)        |
//! +---------------------------------------+
//! ```

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::checksum::Sum;
use super::{Writer, read_array, read_u16};
use crate::vocabulary::Family;

/// The IP protocol number (RFC 3768 §5.2.4).
pub const PROTOCOL: u8 = 112;
/// What the TTL or hop limit must be on arrival, so that nobody off the link can speak (RFC 3768 §5.2.3).
pub const TTL: u8 = 255;
/// The IPv4 group (RFC 3768 §5.2.2).
pub const GROUP_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);
/// The IPv6 group (RFC 9568 §5.1.2.2).
pub const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12);
/// Bytes before the addresses.
pub const HEADER_BYTES: usize = 8;
/// The longest message: version 3 with 255 IPv6 addresses.
pub const MESSAGE_BYTES_MAX: usize = HEADER_BYTES + 255 * 16;

const TYPE_ADVERTISEMENT: u8 = 1;
const AUTHENTICATION_BYTES: usize = 8;
const CHECKSUM_AT: usize = 6;

/// The version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// RFC 3768: IPv4, whole seconds, a password.
    V2,
    /// RFC 9568: both families, centiseconds.
    V3,
}

impl Version {
    /// 2 or 3.
    pub const fn number(self) -> u8 {
        match self {
            Self::V2 => 2,
            Self::V3 => 3,
        }
    }
}

/// What the checksum of a message covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// The message alone: version 2 (RFC 3768 §5.3.8), and version 3 over IPv4 as RFC 9568 §5.2.8 has it.
    Plain,
    /// The message and a pseudo-header of the IP header: version 3 over IPv6, and over IPv4 as RFC 5798 §5.2.8 was mostly
    /// understood, keepalived among others.
    PseudoHeader,
}

/// Authentication types (RFC 2338 §5.3.6; RFC 3768 keeps the field and removes the use).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum AuthenticationType {
    /// None.
    None = 0,
    /// A password in clear text.
    Password = 1,
}

/// A simple text password, padded with zeros (RFC 2338 §5.3.6.2). Shown nowhere.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Password([u8; AUTHENTICATION_BYTES]);

impl Password {
    /// The password as sent: the first eight bytes of `text`, all that the protocol carries.
    pub fn new(text: &[u8]) -> Self {
        let mut bytes = [0; AUTHENTICATION_BYTES];
        bytes.iter_mut().zip(text).for_each(|(byte, given)| *byte = *given);
        Self(bytes)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(********)")
    }
}

/// A received message, read in place.
///
/// Made from at least [`HEADER_BYTES`] bytes, so the header's accessors cannot fail. Those of what follows it say `None`
/// or stop early where the message is too short; [`Message::is_complete`] tells.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    header: [u8; HEADER_BYTES],
    bytes: &'a [u8],
}

impl<'a> Message<'a> {
    /// A view of `bytes`, or `None` if not even the header is there.
    pub fn new(bytes: &'a [u8]) -> Option<Self> {
        Some(Self { header: read_array(bytes, 0)?, bytes })
    }

    /// The version field.
    pub const fn version(&self) -> u8 {
        self.header[0] >> 4
    }

    /// Whether the type is ADVERTISEMENT, the only one defined.
    pub const fn is_advertisement(&self) -> bool {
        self.header[0] & 0x0f == TYPE_ADVERTISEMENT
    }

    /// The virtual router ID. 0 is not a valid one.
    pub const fn vrid(&self) -> u8 {
        self.header[1]
    }

    /// The sender's priority; 0 says that it stops being master.
    pub const fn priority(&self) -> u8 {
        self.header[2]
    }

    /// How many addresses the message says it has.
    pub const fn count(&self) -> u8 {
        self.header[3]
    }

    /// The authentication type (version 2).
    pub const fn authentication_type(&self) -> u8 {
        self.header[4]
    }

    /// The sender's advert interval in centiseconds.
    pub fn advert_interval_cs(&self, version: Version) -> u16 {
        match version {
            Version::V2 => u16::from(self.header[5]) * 100,
            Version::V3 => read_u16(&self.header, 4) & 0x0fff,
        }
    }

    /// Whether the message is as long as its count of addresses says. Longer is allowed: what follows is ignored.
    pub const fn is_complete(&self, version: Version, family: Family) -> bool {
        self.bytes.len() >= message_len(version, family, self.count() as usize)
    }

    /// How the checksum was computed, or `None` if it is wrong. For version 3 over IPv4 both ways are accepted.
    pub fn checksum(&self, version: Version, source: IpAddr, destination: IpAddr) -> Option<Checksum> {
        let plain = Sum::default().bytes(self.bytes);
        let is_pseudo = || {
            let len = u16::try_from(self.bytes.len()).unwrap_or(0);
            plain.pseudo_header(source, destination, PROTOCOL, len).is_valid()
        };
        match (version, Family::of(source)) {
            (Version::V2, _) => plain.is_valid().then_some(Checksum::Plain),
            (Version::V3, Family::Ipv4) if plain.is_valid() => Some(Checksum::Plain),
            (Version::V3, _) => is_pseudo().then_some(Checksum::PseudoHeader),
        }
    }

    /// Whether the authentication data is `password` (version 2).
    pub fn has_password(&self, password: Password) -> bool {
        let at = HEADER_BYTES + usize::from(self.count()) * 4;
        read_array(self.bytes, at).is_some_and(|bytes| Password(bytes) == password)
    }

    /// The addresses, at most as many as are really there.
    pub fn addresses(&self, family: Family) -> impl Iterator<Item = IpAddr> + 'a {
        let bytes = self.bytes.get(HEADER_BYTES..).unwrap_or_default();
        let size = address_len(family);
        bytes.chunks_exact(size).take(usize::from(self.count())).filter_map(move |chunk| match family {
            Family::Ipv4 => read_array::<4>(chunk, 0).map(IpAddr::from),
            Family::Ipv6 => read_array::<16>(chunk, 0).map(IpAddr::from),
        })
    }
}

/// An advert to be sent. Holds only what can be said in one.
#[derive(Clone, Copy, Debug)]
pub struct Advertisement<'a> {
    /// The version.
    pub version: Version,
    /// The virtual router ID.
    pub vrid: u8,
    /// The priority; 0 to say that the master leaves.
    pub priority: u8,
    /// The interval; whole seconds in version 2.
    pub advert_interval_cs: u16,
    /// The password, which only version 2 carries.
    pub password: Option<Password>,
    /// The virtual addresses, at most 255, all of the family of the source.
    pub addresses: &'a [IpAddr],
    /// What the checksum covers, where there is a choice: version 3 over IPv4.
    pub checksum: Checksum,
}

impl Advertisement<'_> {
    /// Bytes that [`Advertisement::emit`] writes.
    pub const fn len(&self, family: Family) -> usize {
        message_len(self.version, family, self.addresses.len())
    }

    /// Writes the message, with its checksum. `None` if `buffer` is shorter than [`Advertisement::len`] or there are
    /// more than 255 addresses.
    pub fn emit<'b>(&self, buffer: &'b mut [u8], source: IpAddr, destination: IpAddr) -> Option<&'b mut [u8]> {
        let count = u8::try_from(self.addresses.len()).ok()?;
        let mut out = Writer::new(buffer);
        out.put(&[self.version.number() << 4 | TYPE_ADVERTISEMENT, self.vrid, self.priority, count]);
        match self.version {
            Version::V2 => {
                let kind =
                    if self.password.is_some() { AuthenticationType::Password } else { AuthenticationType::None };
                let interval_s = u8::try_from(self.advert_interval_cs / 100).unwrap_or(u8::MAX);
                out.put(&[kind as u8, interval_s]);
            }
            Version::V3 => out.put(&(self.advert_interval_cs & 0x0fff).to_be_bytes()),
        }
        out.put(&[0, 0]);
        for address in self.addresses {
            match address {
                IpAddr::V4(address) => out.put(&address.octets()),
                IpAddr::V6(address) => out.put(&address.octets()),
            }
        }
        if self.version == Version::V2 {
            out.put(&self.password.map_or([0; AUTHENTICATION_BYTES], |password| password.0));
        }
        let message = out.finish()?;
        let sum = Sum::default().bytes(message);
        let len = u16::try_from(message.len()).ok()?;
        let checksum = match (self.version, Family::of(source), self.checksum) {
            (Version::V2, ..) | (Version::V3, Family::Ipv4, Checksum::Plain) => sum,
            (Version::V3, ..) => sum.pseudo_header(source, destination, PROTOCOL, len),
        };
        message.get_mut(CHECKSUM_AT..HEADER_BYTES)?.copy_from_slice(&checksum.finish().to_be_bytes());
        Some(message)
    }
}

const fn address_len(family: Family) -> usize {
    match family {
        Family::Ipv4 => 4,
        Family::Ipv6 => 16,
    }
}

const fn message_len(version: Version, family: Family, count: usize) -> usize {
    let authentication = match version {
        Version::V2 => AUTHENTICATION_BYTES,
        Version::V3 => 0,
    };
    HEADER_BYTES + count * address_len(family) + authentication
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: IpAddr = IpAddr::V4(Ipv4Addr::new(172, 20, 45, 131));
    const GROUP: IpAddr = IpAddr::V4(GROUP_V4);
    const VIP: IpAddr = IpAddr::V4(Ipv4Addr::new(172, 20, 45, 248));

    fn advert(version: Version) -> Advertisement<'static> {
        Advertisement {
            version,
            vrid: 45,
            priority: 100,
            advert_interval_cs: 100,
            password: (version == Version::V2).then(|| Password::new(b"admin123")),
            addresses: &[VIP],
            checksum: Checksum::PseudoHeader,
        }
    }

    /// Scenario 1's advert; the checksum was computed by hand as RFC 1071 says.
    const V2: [u8; 20] =
        [0x21, 45, 100, 1, 1, 1, 0x30, 0x91, 172, 20, 45, 248, b'a', b'd', b'm', b'i', b'n', b'1', b'2', b'3'];

    #[test]
    fn construct() {
        let mut buffer = [0; 64];
        assert_eq!(advert(Version::V2).emit(&mut buffer, SOURCE, GROUP).unwrap(), V2);
        assert_eq!(advert(Version::V2).len(Family::Ipv4), V2.len());
    }

    #[test]
    fn deconstruct() {
        let message = Message::new(&V2).unwrap();
        assert_eq!((message.version(), message.is_advertisement()), (2, true));
        assert_eq!((message.vrid(), message.priority(), message.count()), (45, 100, 1));
        assert_eq!(message.advert_interval_cs(Version::V2), 100);
        assert_eq!(message.authentication_type(), AuthenticationType::Password as u8);
        assert!(message.has_password(Password::new(b"admin123 and more")));
        assert!(!message.has_password(Password::new(b"admin12")));
        assert!(message.is_complete(Version::V2, Family::Ipv4));
        assert_eq!(message.checksum(Version::V2, SOURCE, GROUP), Some(Checksum::Plain));
        assert!(message.addresses(Family::Ipv4).eq([VIP]));
    }

    #[test]
    fn any_flipped_bit_breaks_the_checksum() {
        for bit in 0..V2.len() * 8 {
            let mut bytes = V2;
            bytes[bit / 8] ^= 1 << (bit % 8);
            let message = Message::new(&bytes).unwrap();
            assert_eq!(message.checksum(Version::V2, SOURCE, GROUP), None, "bit {bit}");
        }
    }

    #[test]
    fn version_3_over_ipv4_has_two_checksums_and_both_are_known() {
        for checksum in [Checksum::Plain, Checksum::PseudoHeader] {
            let mut buffer = [0; 64];
            let bytes = Advertisement { checksum, ..advert(Version::V3) }.emit(&mut buffer, SOURCE, GROUP).unwrap();
            let message = Message::new(bytes).unwrap();
            assert_eq!(message.advert_interval_cs(Version::V3), 100);
            assert_eq!(message.checksum(Version::V3, SOURCE, GROUP), Some(checksum));
            let to_another = (checksum == Checksum::Plain).then_some(checksum);
            assert_eq!(message.checksum(Version::V3, SOURCE, VIP), to_another, "another destination");
        }
    }

    #[test]
    fn ipv6_round_trip() {
        let source = IpAddr::V6("fe80::1".parse().unwrap());
        let addresses = [IpAddr::V6("fe80::5".parse().unwrap()), IpAddr::V6("2001:db8::5".parse().unwrap())];
        let mut buffer = [0; 64];
        let advert = Advertisement { addresses: &addresses, ..advert(Version::V3) };
        let bytes = advert.emit(&mut buffer, source, IpAddr::V6(GROUP_V6)).unwrap();
        let message = Message::new(bytes).unwrap();
        assert_eq!(message.checksum(Version::V3, source, IpAddr::V6(GROUP_V6)), Some(Checksum::PseudoHeader));
        assert!(message.addresses(Family::Ipv6).eq(addresses));
    }

    #[test]
    fn short_messages_are_known_as_such() {
        for len in 0..V2.len() {
            match Message::new(&V2[..len]) {
                None => assert!(len < HEADER_BYTES),
                Some(message) => {
                    assert!(!message.is_complete(Version::V2, Family::Ipv4));
                    assert!(message.addresses(Family::Ipv4).count() <= 1);
                    assert!(!message.has_password(Password::new(b"admin123")));
                }
            }
        }
        assert!(advert(Version::V2).emit(&mut [0; 19], SOURCE, GROUP).is_none());
    }

    #[test]
    fn a_password_is_never_shown() {
        assert_eq!(std::format!("{:?}", Password::new(b"admin123")), "Password(********)");
    }
}
