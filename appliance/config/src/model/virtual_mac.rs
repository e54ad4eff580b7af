//! Interfaces with the virtual router's own MAC address.

use std::fmt;
use std::net::IpAddr;

use super::{At, Family, Setting};

/// `use_vmac`: a macvlan on the instance's interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VirtualMac {
    /// Its name. `None`: `vmac_prefix`, a dot and the VRID; for IPv6 with a 6 before the dot.
    pub name: Option<Setting<String>>,
    /// Its MAC address, as far as the line has one; [`VirtualMac::address`] is the whole of it.
    pub mac: MacChoice,
    /// `group`: its group of interfaces. `None`: that of the interface below it.
    pub group: Option<u32>,
    /// `netlink_notify_msg`: others are told of the change that the interface below it goes through.
    pub announce_base: bool,
    /// Where it is asked for.
    pub at: At,
}

impl VirtualMac {
    /// The MAC address of the macvlan of an instance.
    #[must_use]
    pub const fn address(&self, family: Family, vrid: u8) -> MacAddress {
        match self.mac {
            MacChoice::VirtualRouter => MacAddress::of_virtual_router(family, vrid),
            MacChoice::Own(mac) => mac,
            MacChoice::OwnPrefix([a, b, c, d, e]) => MacAddress([a, b, c, d, e, vrid]),
        }
    }
}

/// Which MAC address a macvlan gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MacChoice {
    /// The one of RFC 9568 section 7.3.
    #[default]
    VirtualRouter,
    /// One that is written.
    Own(MacAddress),
    /// Five octets that are written, and the VRID.
    OwnPrefix([u8; 5]),
}

impl MacChoice {
    /// Six octets, or five with or without a colon after them, as keepalived takes them.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut octets = [0; 6];
        let mut count = 0;
        for part in text.strip_suffix(':').unwrap_or(text).split(':') {
            let digits = (1..=2).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_hexdigit());
            *octets.get_mut(count).filter(|_| digits)? = u8::from_str_radix(part, 16).ok()?;
            count += 1;
        }
        match (count, octets) {
            (5, [a, b, c, d, e, _]) => Some(Self::OwnPrefix([a, b, c, d, e])),
            (6, octets) if !text.ends_with(':') => Some(Self::Own(MacAddress(octets))),
            _ => None,
        }
    }
}

/// `use_ipvlan`: an ipvlan (mode L2) on the instance's interface. Adverts are sent from its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ipvlan {
    /// Its name. `None`: as for a macvlan.
    pub name: Option<Setting<String>>,
    /// Its address, which IPv4 needs, and its prefix length.
    pub address: Option<(IpAddr, u8)>,
    /// How it talks to others on the same interface.
    pub mode: IpvlanMode,
    /// `group`: its group of interfaces. `None`: that of the interface below it.
    pub group: Option<u32>,
    /// Where it is asked for.
    pub at: At,
}

/// How an ipvlan talks to others on the same interface (linux/if_link.h, IPVLAN_F_…). The kernel keeps one for all of an
/// interface: the last one counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IpvlanMode {
    /// Among each other directly.
    #[default]
    Bridge,
    /// Not among each other.
    Private,
    /// By way of the switch outside.
    Vepa,
}

/// The address of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MacAddress(pub [u8; 6]);

impl MacAddress {
    /// The virtual router MAC address of RFC 9568 section 7.3.
    #[must_use]
    pub const fn of_virtual_router(family: Family, vrid: u8) -> Self {
        let family = match family {
            Family::V4 => 1,
            Family::V6 => 2,
        };
        Self([0, 0, 0x5e, 0, family, vrid])
    }

    /// Whether it stands for several hosts.
    pub(crate) const fn is_multicast(self) -> bool {
        let Self([first, ..]) = self;
        first & 1 == 1
    }

    /// Whether it is one of those that the RFC gives to virtual routers.
    pub(crate) const fn is_virtual_router(self) -> bool {
        matches!(self.0, [0, 0, 0x5e, 0, 1 | 2, _])
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self([a, b, c, d, e, last]) = self;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{last:02x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Span;

    #[test]
    fn mac_addresses_are_read_as_people_write_them() {
        let read = |text| {
            let mac = MacChoice::parse(text)?;
            let vmac = VirtualMac { name: None, mac, group: None, announce_base: false, at: At(Span::START) };
            Some(vmac.address(Family::V4, 51).to_string())
        };
        assert_eq!(read("02:00:00:0A:b:cc").as_deref(), Some("02:00:00:0a:0b:cc"));
        assert_eq!(read("02:00:00:00:01").as_deref(), Some("02:00:00:00:01:33"));
        assert_eq!(read("02:00:00:00:01:").as_deref(), Some("02:00:00:00:01:33"));
        for bad in [
            "",
            ":",
            "02:00:00:00",
            "02:00:00:00:00:00:00",
            "02:00:00:00:00:00:",
            "02:00:00:00:00:100",
            "g:0:0:0:0:0",
            "+1:0:0:0:0:0",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(MacAddress::of_virtual_router(Family::V6, 51).to_string(), "00:00:5e:00:02:33");
        assert!(MacAddress::of_virtual_router(Family::V4, 1).is_virtual_router());
    }
}
