//! What the kernel says about interfaces and addresses. Read rtnetlink(7) before changing it.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::num::NonZeroU32;

use futures_util::TryStreamExt;
use locum_core::set::Link;
use locum_core::vocabulary::Family;
use locum_core::wire::arp::Mac;
use rtnetlink::packet_core::{NetlinkMessage, NetlinkPayload};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::address::{AddressAttribute, AddressHeaderFlags, AddressMessage, AddressProtocol};
use rtnetlink::packet_route::link::{
    InfoData, InfoKind, InfoVrf, LinkAttribute, LinkFlags, LinkInfo, LinkLayerType, LinkMessage,
};
use rtnetlink::{Handle, MulticastGroup, new_multicast_connection};
use tokio::sync::mpsc;

use super::plan::route::Machine;

/// Messages of the kernel that can wait.
const MESSAGES: usize = 1024;

/// An interface as the kernel describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Interface {
    /// Its name.
    pub(crate) name: String,
    /// Its hardware address, where it is an Ethernet.
    pub(crate) mac: Option<Mac>,
    /// The routing table of the VRF that it is.
    pub(crate) vrf_table: Option<u32>,
    /// It is a macvlan (ip-link(8)).
    pub(crate) is_macvlan: bool,
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
    interfaces: BTreeMap<u32, Interface>,
    /// Something was taken away, or an interface came back.
    disturbed: bool,
}

/// A way to ask the kernel, and what it tells by itself.
pub(crate) struct Monitor {
    /// For requests.
    pub(crate) handle: Handle,
    /// What it tells.
    pub(crate) messages: mpsc::Receiver<RouteNetlinkMessage>,
}

impl Monitor {
    /// Subscribes to links and addresses. Must be called on the runtime.
    ///
    /// # Errors
    /// When the kernel gives no netlink socket.
    pub(crate) fn open() -> io::Result<Self> {
        let groups = [MulticastGroup::Link, MulticastGroup::Ipv4Ifaddr, MulticastGroup::Ipv6Ifaddr];
        let (connection, handle, mut incoming) = new_multicast_connection(&groups)?;
        tokio::spawn(connection);
        let (sender, messages) = mpsc::channel(MESSAGES);
        tokio::spawn(async move {
            use futures_util::StreamExt;
            while let Some((message, _)) = incoming.next().await {
                if let NetlinkMessage { payload: NetlinkPayload::InnerMessage(message), .. } = message
                    && sender.send(message).await.is_err()
                {
                    return;
                }
            }
        });
        Ok(Self { handle, messages })
    }
}

impl Network {
    /// Asks the kernel for everything.
    ///
    /// # Errors
    /// What the kernel says.
    pub(crate) async fn read(handle: &Handle) -> Result<Self, rtnetlink::Error> {
        let mut network = Self::default();
        let mut links = handle.link().get().execute();
        while let Some(link) = links.try_next().await? {
            network.link_is(&link);
        }
        let mut addresses = handle.address().get().execute();
        while let Some(address) = addresses.try_next().await? {
            network.address_is(&address);
        }
        Ok(network)
    }

    /// Takes note of what the kernel tells. Returns whether anything changed.
    pub(crate) fn apply(&mut self, message: &RouteNetlinkMessage) -> bool {
        #[allow(clippy::wildcard_enum_match_arm, reason = "dozens of kinds of message, of which four concern us")]
        match message {
            RouteNetlinkMessage::NewLink(link) => self.link_is(link),
            RouteNetlinkMessage::DelLink(link) => {
                self.disturbed = true;
                self.interfaces.remove(&link.header.index).is_some()
            }
            RouteNetlinkMessage::NewAddress(address) => self.address_is(address),
            RouteNetlinkMessage::DelAddress(address) => self.address_is_gone(address),
            _ => false,
        }
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

    fn link_is(&mut self, link: &LinkMessage) -> bool {
        let entry = self.interfaces.entry(link.header.index).or_default();
        let before = entry.clone();
        for attribute in &link.attributes {
            #[allow(clippy::wildcard_enum_match_arm, reason = "dozens of attributes, of which three concern us")]
            match attribute {
                LinkAttribute::IfName(name) => entry.name.clone_from(name),
                LinkAttribute::Address(bytes) => {
                    let is_ethernet = link.header.link_layer_type == LinkLayerType::Ether;
                    entry.mac = Mac::try_from(bytes.as_slice()).ok().filter(|_| is_ethernet);
                }
                LinkAttribute::LinkInfo(infos) => {
                    entry.is_macvlan = infos.contains(&LinkInfo::Kind(InfoKind::MacVlan));
                    entry.vrf_table = infos.iter().find_map(vrf_table);
                }
                _ => {}
            }
        }
        entry.is_up = link.header.flags.contains(LinkFlags::Up);
        entry.has_carrier = link.header.flags.contains(LinkFlags::Running);
        self.disturbed |= (entry.is_up, entry.has_carrier) != (before.is_up, before.has_carrier);
        *entry != before
    }

    fn address_is(&mut self, message: &AddressMessage) -> bool {
        let (Some(address), Some(interface)) = (read_address(message), self.interfaces.get_mut(&message.header.index))
        else {
            return false;
        };
        match interface.addresses.iter_mut().find(|known| same(known, &address)) {
            Some(known) => std::mem::replace(known, address) != address,
            None => {
                interface.addresses.push(address);
                true
            }
        }
    }

    fn address_is_gone(&mut self, message: &AddressMessage) -> bool {
        let (Some(address), Some(interface)) = (read_address(message), self.interfaces.get_mut(&message.header.index))
        else {
            return false;
        };
        let before = interface.addresses.len();
        interface.addresses.retain(|known| !same(known, &address));
        let is_gone = interface.addresses.len() != before;
        self.disturbed |= is_gone;
        is_gone
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

fn vrf_table(info: &LinkInfo) -> Option<u32> {
    let LinkInfo::Data(InfoData::Vrf(settings)) = info else { return None };
    settings.iter().find_map(|setting| if let InfoVrf::TableId(table) = setting { Some(*table) } else { None })
}

fn same(one: &Address, other: &Address) -> bool {
    (one.address, one.prefix_len) == (other.address, other.prefix_len)
}

fn read_address(message: &AddressMessage) -> Option<Address> {
    let mut local = None;
    let mut peer = None;
    let mut protocol = None;
    for attribute in &message.attributes {
        #[allow(clippy::wildcard_enum_match_arm, reason = "a dozen attributes, of which three concern us")]
        match attribute {
            AddressAttribute::Local(address) => local = Some(*address),
            // Where both are there, this one is the other end of a point-to-point link.
            AddressAttribute::Address(address) => peer = Some(*address),
            AddressAttribute::Protocol(AddressProtocol::Other(number)) => protocol = Some(*number),
            AddressAttribute::Protocol(_) => protocol = Some(0),
            _ => {}
        }
    }
    let flags = message.header.flags;
    Some(Address {
        address: local.or(peer)?,
        prefix_len: message.header.prefix_len,
        is_secondary: flags.contains(AddressHeaderFlags::Secondary),
        is_tentative: flags.intersects(AddressHeaderFlags::Tentative | AddressHeaderFlags::Dadfailed)
            && !flags.contains(AddressHeaderFlags::Optimistic),
        protocol,
    })
}
