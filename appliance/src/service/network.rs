//! What the kernel says about interfaces and addresses. Read rtnetlink(7) before changing it.

use locum_control::SortedMap;
use std::io;
use std::net::IpAddr;
use std::num::NonZeroU32;

use locum_core::set::Link;
use locum_core::vocabulary::Family;
use locum_core::wire::arp::Mac;

use super::plan::route::Machine;
use crate::netlink::NETLINK_ROUTE;
use crate::netlink::link::{
    IFF_UP, IFLA_ADDRESS, IFLA_GROUP, IFLA_IFNAME, IFLA_INFO_DATA, IFLA_INFO_KIND, IFLA_LINKINFO, RTM_DELLINK,
    RTM_NEWLINK,
};
use crate::netlink::message::Message;
use crate::netlink::monitor::{Heard, Monitor};
use crate::netlink::read::{self, Attributes, Received};
use crate::netlink::requests::Requests;

// linux/rtnetlink.h, linux/if_link.h, linux/if_addr.h, linux/if.h, linux/if_arp.h
const RTM_GETLINK: u16 = 18;
const RTM_NEWADDR: u16 = 20;
const RTM_DELADDR: u16 = 21;
const RTM_GETADDR: u16 = 22;
const RTNLGRP_LINK: u32 = 1;
const RTNLGRP_IPV4_IFADDR: u32 = 5;
const RTNLGRP_IPV6_IFADDR: u32 = 9;
const IFLA_VRF_TABLE: u16 = 1;
const IFF_RUNNING: u32 = 0x40;
const ARPHRD_ETHER: u16 = 1;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_PROTO: u16 = 11;
const IFA_F_SECONDARY: u8 = 0x01;
const IFA_F_OPTIMISTIC: u8 = 0x04;
const IFA_F_DADFAILED: u8 = 0x08;
const IFA_F_TENTATIVE: u8 = 0x40;

/// `struct ifinfomsg`, `struct ifaddrmsg`
const LINK_BYTES: usize = 16;
const ADDRESS_BYTES: usize = 8;

/// The kernel is asked so often when what it tells changes meanwhile.
const READINGS: usize = 3;

/// An interface as the kernel describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Interface {
    /// Its name.
    pub(crate) name: String,
    /// Its hardware address, where it is an Ethernet.
    pub(crate) mac: Option<Mac>,
    /// The routing table of the VRF that it is.
    pub(crate) vrf_table: Option<u32>,
    /// Its group of interfaces (ip-link(8)).
    pub(crate) group: u32,
    /// It is a macvlan (ip-link(8)).
    pub(crate) is_macvlan: bool,
    /// It is an ipvlan.
    pub(crate) is_ipvlan: bool,
    /// It is set up.
    pub(crate) is_up: bool,
    /// It has carrier and is ready for packets.
    pub(crate) has_carrier: bool,
    /// Its addresses, in the kernel's order.
    pub(crate) addresses: Vec<Address>,
}

impl Interface {
    /// Whether it can carry packets.
    pub(crate) const fn link(&self) -> Link {
        if self.is_up && self.has_carrier { Link::Up } else { Link::Down }
    }
}

/// An address on an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// The address.
    pub(crate) address: IpAddr,
    /// Its prefix length.
    pub(crate) prefix_len: u8,
    /// Not the first of its subnet.
    pub(crate) is_secondary: bool,
    /// Not usable yet: duplicate address detection runs, or has failed.
    pub(crate) is_tentative: bool,
    /// Who says that he put it there (`IFA_PROTO`, since Linux 5.18).
    pub(crate) protocol: Option<u8>,
}

/// The kernel's interfaces and addresses, kept up to date.
#[derive(Debug, Default)]
pub(crate) struct Network {
    interfaces: SortedMap<u32, Interface>,
    /// Something was taken away, or an interface came back.
    disturbed: bool,
}

/// Subscribes to what changes of links and addresses. Must be called on the runtime.
///
/// # Errors
/// When the kernel gives no netlink socket.
pub(crate) fn monitor() -> io::Result<Monitor> {
    Monitor::open(&[RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR])
}

impl Network {
    /// Asks the kernel for everything.
    ///
    /// # Errors
    /// What the kernel says.
    pub(crate) fn read() -> io::Result<Self> {
        let mut requests = Requests::open(NETLINK_ROUTE)?;
        let mut network = Self::default();
        for _ in 0..READINGS {
            network = Self::default();
            let mut note = |message: Received<'_>| {
                network.apply(message);
            };
            let links = Message::question(RTM_GETLINK, &[0; LINK_BYTES]);
            let addresses = Message::question(RTM_GETADDR, &[0; ADDRESS_BYTES]);
            if requests.read_all(links, &mut note)? && requests.read_all(addresses, &mut note)? {
                break;
            }
        }
        Ok(network)
    }

    /// A network of these interfaces, by their indexes.
    #[cfg(test)]
    pub(crate) fn of(interfaces: impl IntoIterator<Item = (u32, Interface)>) -> Self {
        Self { interfaces: interfaces.into_iter().collect(), disturbed: false }
    }

    /// Takes note of what the kernel has told so far; does not wait. Returns whether anything changed.
    ///
    /// # Errors
    /// What the kernel says.
    pub(crate) fn hear(&mut self, monitor: &mut Monitor) -> io::Result<bool> {
        let mut changed = false;
        if monitor.hear(|message| changed |= self.apply(message))? == Heard::Part {
            log::warn!("more of the network has changed at once than could be followed: it is looked at as a whole");
            let now = Self::read()?;
            changed |= self.interfaces != now.interfaces;
            *self = now;
            self.disturbed = true;
        }
        Ok(changed)
    }

    /// Takes note of a message. Returns whether anything changed.
    pub(crate) fn apply(&mut self, message: Received<'_>) -> bool {
        match message.kind {
            RTM_NEWLINK | RTM_DELLINK => self.link(message),
            RTM_NEWADDR | RTM_DELADDR => self.address(message),
            _ => None,
        }
        .unwrap_or(false)
    }

    /// Notes that something was taken away that is not among what is known here.
    pub(crate) fn disturb(&mut self) {
        self.disturbed = true;
    }

    /// Whether, since this was last asked, something was taken away or an interface was set up or down: what is in the
    /// kernel may not be what was put there.
    pub(crate) fn take_disturbed(&mut self) -> bool {
        std::mem::take(&mut self.disturbed)
    }

    /// The interface of this name, with its index.
    pub(crate) fn by_name(&self, name: &str) -> Option<(NonZeroU32, &Interface)> {
        let (index, interface) = self.interfaces.iter().find(|(_, interface)| interface.name == name)?;
        Some((NonZeroU32::new(*index)?, interface))
    }

    /// The index of the interface of this name.
    pub(crate) fn index(&self, name: &str) -> Option<u32> {
        self.by_name(name).map(|(index, _)| index.get())
    }

    /// The name of the interface of this index.
    pub(crate) fn name(&self, index: u32) -> Option<&str> {
        self.interfaces.get(&index).map(|interface| interface.name.as_str())
    }

    /// Every interface's name.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.interfaces.values().map(|interface| interface.name.as_str())
    }

    /// Every address, with its interface's index and name.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = (u32, &str, &Address)> {
        self.interfaces.iter().flat_map(|(index, interface)| {
            interface.addresses.iter().map(move |address| (*index, interface.name.as_str(), address))
        })
    }

    /// Whether an interface has this address, ready for use.
    pub(crate) fn has(&self, address: IpAddr) -> bool {
        self.addresses().any(|(_, _, known)| known.address == address && !known.is_tentative)
    }

    /// The address of an interface to send from: its first of the family that is not among `virtual_addresses`; for IPv6
    /// a link-local one (RFC 9568 §5.1.1.2).
    pub(crate) fn source_on(&self, interface: &str, family: Family, virtual_addresses: &[IpAddr]) -> Option<IpAddr> {
        let (_, interface) = self.by_name(interface)?;
        let fits = |known: &&Address| {
            Family::of(known.address) == family
                && !known.is_tentative
                && !virtual_addresses.contains(&known.address)
                && match known.address {
                    IpAddr::V4(_) => true,
                    IpAddr::V6(address) => address.is_unicast_link_local(),
                }
        };
        let fitting = interface.addresses.iter().filter(fits);
        fitting.min_by_key(|known| known.is_secondary).map(|known| known.address)
    }

    /// `None` for a message that makes no sense or does not concern us.
    fn link(&mut self, message: Received<'_>) -> Option<bool> {
        let (fixed, attributes) = message.split::<LINK_BYTES>()?;
        let [family, ..] = *fixed;
        if family != 0 {
            // A bridge tells of its ports in messages that look like those about interfaces.
            return None;
        }
        let (hardware, index, flags) = (read::u16_at(fixed, 2)?, read::u32_at(fixed, 4)?, read::u32_at(fixed, 8)?);
        if message.kind == RTM_DELLINK {
            self.disturbed = true;
            return Some(self.interfaces.remove(&index).is_some());
        }
        let entry = self.interfaces.get_or_default(index);
        let before = entry.clone();
        for (kind, value) in attributes {
            match kind {
                IFLA_IFNAME => entry.name = read::text(value),
                IFLA_GROUP => entry.group = read::u32_at(value, 0).unwrap_or_default(),
                IFLA_ADDRESS => entry.mac = Mac::try_from(value).ok().filter(|_| hardware == ARPHRD_ETHER),
                IFLA_LINKINFO => {
                    let (kind, vrf_table) = link_info(value);
                    (entry.is_macvlan, entry.is_ipvlan) = (kind == "macvlan", kind == "ipvlan");
                    entry.vrf_table = vrf_table;
                }
                _ => {}
            }
        }
        entry.is_up = flags & IFF_UP != 0;
        entry.has_carrier = flags & IFF_RUNNING != 0;
        self.disturbed |= (entry.is_up, entry.has_carrier) != (before.is_up, before.has_carrier);
        Some(*entry != before)
    }

    /// `None` for a message that makes no sense or does not concern us.
    fn address(&mut self, message: Received<'_>) -> Option<bool> {
        let (fixed, attributes) = message.split::<ADDRESS_BYTES>()?;
        let interface = self.interfaces.get_mut(&read::u32_at(fixed, 4)?)?;
        let address = read_address(fixed, attributes)?;
        if message.kind == RTM_DELADDR {
            let before = interface.addresses.len();
            interface.addresses.retain(|known| !same(known, &address));
            let is_gone = interface.addresses.len() != before;
            self.disturbed |= is_gone;
            return Some(is_gone);
        }
        match interface.addresses.iter_mut().find(|known| same(known, &address)) {
            Some(known) => Some(std::mem::replace(known, address) != address),
            None => {
                interface.addresses.push(address);
                Some(true)
            }
        }
    }
}

impl Machine for Network {
    fn index(&self, interface: &str) -> Option<u32> {
        Self::index(self, interface)
    }

    fn vrf_table(&self, vrf: &str) -> Option<u32> {
        self.by_name(vrf)?.1.vrf_table
    }
}

/// The kind of an interface, and the routing table of the VRF that it is.
fn link_info(value: &[u8]) -> (String, Option<u32>) {
    let mut kind = String::new();
    let mut data = Attributes(&[]);
    for (attribute, value) in Attributes(value) {
        match attribute {
            IFLA_INFO_KIND => kind = read::text(value),
            IFLA_INFO_DATA => data = Attributes(value),
            _ => {}
        }
    }
    let mut table = data.filter(|(attribute, _)| kind == "vrf" && *attribute == IFLA_VRF_TABLE);
    let table = table.find_map(|(_, value)| read::u32_at(value, 0));
    (kind, table)
}

fn same(one: &Address, other: &Address) -> bool {
    (one.address, one.prefix_len) == (other.address, other.prefix_len)
}

fn read_address(fixed: &[u8; ADDRESS_BYTES], attributes: Attributes<'_>) -> Option<Address> {
    let [_, prefix_len, flags, ..] = *fixed;
    let mut local = None;
    let mut peer = None;
    let mut protocol = None;
    for (kind, value) in attributes {
        match kind {
            IFA_LOCAL => local = read::address(value),
            // Where both are there, this one is the other end of a point-to-point link.
            IFA_ADDRESS => peer = read::address(value),
            IFA_PROTO => protocol = value.first().copied(),
            _ => {}
        }
    }
    Some(Address {
        address: local.or(peer)?,
        prefix_len,
        is_secondary: flags & IFA_F_SECONDARY != 0,
        is_tentative: flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED) != 0 && flags & IFA_F_OPTIMISTIC == 0,
        protocol,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::read::messages;

    const AF_BRIDGE: u8 = 7;

    fn link(kind: u16, family: u8, flags: u32) -> Message {
        let mut fixed = [0; LINK_BYTES];
        fixed[0] = family;
        fixed[2..4].copy_from_slice(&ARPHRD_ETHER.to_ne_bytes());
        fixed[4..8].copy_from_slice(&7_u32.to_ne_bytes());
        fixed[8..12].copy_from_slice(&flags.to_ne_bytes());
        let mut message = Message::new(kind, 0, &fixed);
        message.put_text(IFLA_IFNAME, "eth0").put(IFLA_ADDRESS, &[2, 0, 0, 0, 0, 9]);
        message
    }

    fn address(kind: u16, flags: u8, last: u8) -> Message {
        let mut fixed = [2, 24, flags, 0, 0, 0, 0, 0];
        fixed[4..].copy_from_slice(&7_u32.to_ne_bytes());
        let mut message = Message::new(kind, 0, &fixed);
        message.put(IFA_LOCAL, &[10, 0, 0, last]).put(IFA_ADDRESS, &[10, 0, 0, 99]).put(IFA_PROTO, &[18]);
        message
    }

    fn tell(network: &mut Network, message: Message) -> bool {
        messages(&message.finish()).map(|message| network.apply(message)).fold(false, |one, other| one | other)
    }

    #[test]
    fn an_interface_comes_changes_and_goes() {
        let mut network = Network::default();
        assert!(tell(&mut network, link(RTM_NEWLINK, 0, IFF_UP)));
        assert!(!tell(&mut network, link(RTM_NEWLINK, 0, IFF_UP)));
        let (index, interface) = network.by_name("eth0").unwrap();
        assert_eq!((index.get(), interface.link(), interface.is_macvlan), (7, Link::Down, false));
        assert_eq!(interface.mac, Some([2, 0, 0, 0, 0, 9]));
        assert!(tell(&mut network, link(RTM_NEWLINK, 0, IFF_UP | IFF_RUNNING)));
        assert_eq!(network.by_name("eth0").unwrap().1.link(), Link::Up);
        assert!(tell(&mut network, link(RTM_DELLINK, 0, 0)));
        assert!(network.by_name("eth0").is_none());
    }

    #[test]
    fn an_interface_that_leaves_a_bridge_is_still_there() {
        let mut network = Network::default();
        tell(&mut network, link(RTM_NEWLINK, 0, IFF_UP | IFF_RUNNING));
        network.take_disturbed();
        assert!(!tell(&mut network, link(RTM_DELLINK, AF_BRIDGE, 0)));
        assert!(!network.take_disturbed());
        assert_eq!(network.by_name("eth0").unwrap().1.link(), Link::Up);
    }

    #[test]
    fn what_an_interface_is_stands_in_its_kind() {
        let mut network = Network::default();
        let mut vrf = link(RTM_NEWLINK, 0, IFF_UP);
        let info = vrf.open(IFLA_LINKINFO);
        vrf.put_text(IFLA_INFO_KIND, "vrf");
        let data = vrf.open(IFLA_INFO_DATA);
        vrf.put_u32(IFLA_VRF_TABLE, 1_000).close(data).close(info);
        tell(&mut network, vrf);
        assert_eq!(Machine::vrf_table(&network, "eth0"), Some(1_000));
        let mut macvlan = link(RTM_NEWLINK, 0, IFF_UP);
        let info = macvlan.open(IFLA_LINKINFO);
        macvlan.put_text(IFLA_INFO_KIND, "macvlan");
        let data = macvlan.open(IFLA_INFO_DATA);
        macvlan.put_u32(IFLA_VRF_TABLE, 1).close(data).close(info); // there it is the mode
        tell(&mut network, macvlan);
        assert_eq!(Machine::vrf_table(&network, "eth0"), None);
        assert!(network.by_name("eth0").unwrap().1.is_macvlan);
        let mut ipvlan = link(RTM_NEWLINK, 0, IFF_UP);
        let info = ipvlan.open(IFLA_LINKINFO);
        ipvlan.put_text(IFLA_INFO_KIND, "ipvlan").close(info);
        tell(&mut network, ipvlan);
        let (_, known) = network.by_name("eth0").unwrap();
        assert_eq!((known.is_macvlan, known.is_ipvlan), (false, true));
    }

    #[test]
    fn an_address_comes_settles_and_goes() {
        let mut network = Network::default();
        assert!(!tell(&mut network, address(RTM_NEWADDR, 0, 1)), "of an interface that is not known");
        tell(&mut network, link(RTM_NEWLINK, 0, IFF_UP));
        assert!(tell(&mut network, address(RTM_NEWADDR, IFA_F_TENTATIVE, 1)));
        assert!(!network.has("10.0.0.1".parse().unwrap()));
        assert!(tell(&mut network, address(RTM_NEWADDR, IFA_F_SECONDARY, 1)));
        assert!(network.has("10.0.0.1".parse().unwrap()));
        let known: Vec<_> = network.addresses().map(|(_, _, known)| *known).collect();
        assert_eq!(known.len(), 1);
        assert_eq!((known[0].is_secondary, known[0].prefix_len, known[0].protocol), (true, 24, Some(18)));
        network.take_disturbed();
        assert!(!tell(&mut network, address(RTM_DELADDR, 0, 2)));
        assert!(!network.take_disturbed());
        assert!(tell(&mut network, address(RTM_DELADDR, 0, 1)));
        assert!(network.take_disturbed());
        assert!(!network.has("10.0.0.1".parse().unwrap()));
    }

    #[test]
    fn the_loopback_of_this_machine_is_found() {
        let network = Network::read().unwrap();
        let (index, loopback) = network.by_name("lo").unwrap();
        assert_eq!((index.get(), loopback.mac), (1, None));
    }
}
