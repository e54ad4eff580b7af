//! Hardware addresses.

use std::fmt;
use std::net::IpAddr;

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::{FromJson, Reader, SenderStatus};

/// An Ethernet hardware address, written as `52:54:00:00:00:01`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// Reads one as it is written.
    fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 6];
        let mut parts = text.split(':');
        for byte in &mut bytes {
            let digits = parts.next().filter(|digits| digits.len() == 2 && !digits.starts_with('+'))?;
            *byte = u8::from_str_radix(digits, 16).ok()?;
        }
        parts.next().is_none().then_some(Self(bytes))
    }
}

/// The MAC address that the router `address`, which uses `vrid`, sends from, in words: whether it is that of the virtual
/// router (RFC 9568 §7.3), that of another one, or simply its own.
pub fn mac_words(mac: Mac, address: IpAddr, vrid: u8) -> String {
    let ours = if address.is_ipv4() { 1 } else { 2 };
    match mac.0 {
        [0, 0, 0x5e, 0, family, number] if (family, number) == (ours, vrid) => format!("virtual MAC {mac}"),
        [0, 0, 0x5e, 0, 1 | 2, number] => format!("virtual MAC {mac} of VRID {number}"),
        _ => format!("MAC {mac}"),
    }
}

/// The same of a sender: also that two of them use its address. `None` where nothing is known.
pub fn sender_mac_words(sender: &SenderStatus, vrid: u8) -> Option<String> {
    let words = mac_words(sender.mac?, sender.address, vrid);
    Some(match sender.other_mac {
        Some(other) => format!("ADDRESS USED TWICE: {words} and {}", mac_words(other, sender.address, vrid)),
        None => words,
    })
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self([a, b, c, d, e, last]) = self;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{last:02x}")
    }
}

impl Serialize for Mac {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromJson for Mac {
    fn read(value: &Value, reader: &mut Reader) -> Self {
        value.as_str().and_then(Self::parse).unwrap_or_else(|| {
            reader.expected("a MAC address");
            Self([0; 6])
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{from_json, word};

    #[test]
    fn one_is_read_as_it_is_written() {
        let mac = Mac([0x52, 0x54, 0, 0, 0xab, 1]);
        assert_eq!(word(&mac), "52:54:00:00:ab:01");
        assert_eq!(from_json::<Mac>(br#""52:54:00:00:ab:01""#).unwrap(), mac);
        for odd in ["", "52:54", "52:54:00:00:ab:01:02", "52:54:00:00:ab:1", "52:54:00:00:ab:+1", "52:54:00:00:ab:xy"] {
            assert!(from_json::<Mac>(format!("{odd:?}").as_bytes()).is_err(), "{odd}");
        }
    }

    #[test]
    fn a_virtual_one_is_known_by_its_family_and_number() {
        let mac = Mac([0, 0, 0x5e, 0, 1, 45]);
        let (v4, v6) = (IpAddr::from([10, 0, 0, 2]), IpAddr::from([0xfe80, 0, 0, 0, 0, 0, 0, 2]));
        assert_eq!(mac_words(mac, v4, 45), "virtual MAC 00:00:5e:00:01:2d");
        assert_eq!(mac_words(mac, v4, 46), "virtual MAC 00:00:5e:00:01:2d of VRID 45");
        assert_eq!(mac_words(mac, v6, 45), "virtual MAC 00:00:5e:00:01:2d of VRID 45");
        assert_eq!(mac_words(Mac([2, 0, 0x5e, 0, 1, 45]), v4, 45), "MAC 02:00:5e:00:01:2d");
    }
}
