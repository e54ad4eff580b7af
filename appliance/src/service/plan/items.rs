//! What a router has in the kernel while it is MASTER, as messages.

use std::net::IpAddr;

use locum_config::Model;
use locum_config::model::{Broadcast, Instance, Lifetime, Route, Rule, VirtualAddress};
use locum_core::router::InterfaceId;

use super::super::journal::{ADDRESS_PROTOCOL, Entry, RouteEntry};
use super::super::network::Network;
use super::placement::{MadeInterface, Placement, Placements};
use super::route::{route_name, rule_messages, rule_name};
use crate::engine::batch::Framed;
use crate::engine::install::{InstallPlan, Item};
use crate::netlink::message::{CREATE, EXCLUSIVE, Message};

// linux/rtnetlink.h, linux/if_addr.h
const RTM_NEWADDR: u16 = 20;
const RTM_DELADDR: u16 = 21;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_LABEL: u16 = 3;
const IFA_BROADCAST: u16 = 4;
const IFA_CACHEINFO: u16 = 6;
const IFA_FLAGS: u16 = 8;
const IFA_PROTO: u16 = 11;
const IFA_F_NODAD: u32 = 0x02;
const IFA_F_HOMEADDRESS: u32 = 0x10;
const IFA_F_MANAGETEMPADDR: u32 = 0x100;
const IFA_F_NOPREFIXROUTE: u32 = 0x200;
const IFA_F_MCAUTOJOIN: u32 = 0x400;

/// One thing that a router has in the kernel while it is MASTER, in the order in which it is put there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part<'a> {
    /// An interface that is set up.
    Interface(&'a MadeInterface),
    /// An address, and the interface that it goes on.
    Address(&'a VirtualAddress, &'a str),
    /// A route.
    Route(&'a Route),
    /// A policy rule.
    Rule(&'a Rule),
}

impl<'a> Part<'a> {
    /// What it is, in words.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Interface(made) => format!("interface {}", made.name),
            Self::Address(address, device) => format!("{}/{} on {device}", address.address, address.prefix_len),
            Self::Route(route) => format!("route {}", route_name(route)),
            Self::Rule(rule) => rule_name(rule),
        }
    }

    /// What it is, without the interface.
    pub(crate) fn short_name(&self) -> String {
        match self {
            Self::Interface(made) => made.name.clone(),
            Self::Address(address, _) => format!("{}/{}", address.address, address.prefix_len),
            Self::Route(_) | Self::Rule(_) => self.name(),
        }
    }

    /// Whether the instance cannot do without it (not `no_track`).
    pub(crate) const fn is_tracked(&self) -> bool {
        match self {
            Self::Interface(_) => true,
            Self::Address(address, _) => !address.no_track,
            Self::Route(route) => !route.no_track,
            Self::Rule(rule) => !rule.no_track,
        }
    }

    /// The interfaces without which it cannot be in the kernel.
    pub(crate) fn devices(&self) -> impl Iterator<Item = &'a str> {
        let (one, route) = match *self {
            Self::Interface(made) => (Some(made.name.as_str()), None),
            Self::Address(_, device) => (Some(device), None),
            Self::Route(route) => (None, Some(route)),
            Self::Rule(_) => (None, None),
        };
        one.into_iter().chain(route.into_iter().flat_map(super::route::interfaces))
    }
}

/// The parts of an instance, numbered as the engine reports about them.
pub(crate) fn parts<'a>(instance: &'a Instance, placement: &'a Placement) -> Vec<Part<'a>> {
    let mut parts = Vec::new();
    // An ipvlan is set up in every state.
    parts.extend(placement.made.iter().filter(|made| !made.is_ipvlan()).map(Part::Interface));
    for (address, _) in super::addresses(instance) {
        parts.push(Part::Address(address, placement.device(address, instance)));
    }
    parts.extend(instance.routes.iter().map(Part::Route));
    parts.extend(instance.rules.iter().map(Part::Rule));
    parts
}

/// How to install the parts of an instance as the network is now. `interface_id` finds the engine's number of an
/// interface.
pub(crate) fn install_plan(
    instance: &Instance,
    placement: &Placement,
    network: &Network,
    interface_id: &dyn Fn(&str) -> Option<InterfaceId>,
) -> InstallPlan {
    let own = instance.interface.as_ref().map(|name| name.value.as_str());
    let everywhere = instance.garp.extra_interfaces.all;
    let item = |part: Part<'_>| {
        let item = Item { tracked: part.is_tracked(), ..Item::default() };
        let messages = match part {
            Part::Interface(made) => {
                network.index(&made.name).map(|index| (super::link::set_up(index), super::link::set_down(index)))
            }
            Part::Address(address, device) => {
                network.index(device).map(|index| (add_address(address, index), remove_address(address, index)))
            }
            Part::Route(route) => super::route::messages(route, network),
            Part::Rule(rule) => Some(rule_messages(rule)),
        };
        let Some((add, remove)) = messages else { return item };
        let item = Item { add, remove, ..item };
        match part {
            Part::Interface(_) => Item { is_switch: true, ..item },
            Part::Address(address, device) => Item {
                announce: interface_id(device).map(|interface| (interface, address.address)),
                announce_extra: own != Some(device) && (everywhere || placement.is_made(device)),
                ..item
            },
            Part::Route(_) | Part::Rule(_) => item,
        }
    };
    let framed = placement.advert_mac.and_then(|mac| {
        let interface = placement.own().and_then(|made| interface_id(&made.name))?;
        Some(Framed { interface, mac })
    });
    InstallPlan {
        number: 0,
        items: parts(instance, placement).into_iter().map(item).collect(),
        retired: Vec::new(),
        framed,
    }
}

/// What the journal must list before the instances may run.
pub(crate) fn journal_entries(model: &Model) -> Vec<Entry> {
    let placements = Placements::of(model);
    let of_instance = |instance| {
        let placement = placements.get(instance);
        super::addresses(instance).map(|(address, _)| Entry {
            interface: placement.device(address, instance).to_owned(),
            address: address.address,
            prefix_len: installed_prefix_len(address),
        })
    };
    model.instances.iter().map(|instance| &**instance).flat_map(of_instance).collect()
}

/// Adds the routes and rules that the journal must list while an instance may run.
pub(crate) fn add_route_entries(instance: &Instance, network: &Network, entries: &mut Vec<RouteEntry>) {
    for route in &instance.routes {
        if let Some((_, remove)) = super::route::messages(route, network) {
            entries.push(RouteEntry::new(Part::Route(route).name(), &remove));
        }
    }
    // Only those with our mark: others cannot be told from what was there before.
    for rule in &instance.rules {
        let (_, remove) = rule_messages(rule);
        entries.push(RouteEntry::new(rule_name(rule), &remove));
    }
}

/// The message that adds an address to an interface, with all its options (ip-address(8) names them).
pub(crate) fn add_address(address: &VirtualAddress, index: u32) -> Box<[u8]> {
    let scope = address.scope.map_or(0, |scope| scope.0);
    let fixed = header(address.address, installed_prefix_len(address), scope, index);
    let mut message = Message::new(RTM_NEWADDR, CREATE | EXCLUSIVE, &fixed);
    let other_end = address.peer.map_or(address.address, |(peer, _)| peer);
    message.put_address(IFA_LOCAL, address.address).put_address(IFA_ADDRESS, other_end);
    if let Some(label) = &address.label {
        message.put_text(IFA_LABEL, &label.value);
    }
    if let (Some(broadcast), IpAddr::V4(local)) = (address.broadcast, address.address) {
        let host_bits = u32::MAX.checked_shr(u32::from(address.prefix_len)).unwrap_or(0);
        let broadcast = match broadcast {
            Broadcast::Address(broadcast) => broadcast,
            Broadcast::HostBitsSet => (local.to_bits() | host_bits).into(),
            Broadcast::HostBitsClear => (local.to_bits() & !host_bits).into(),
        };
        message.put_address(IFA_BROADCAST, broadcast.into());
    }
    let flags = [
        (IFA_F_HOMEADDRESS, address.home),
        // A VIP must answer the moment it is there (RFC 9568 §6.4.2 joins the solicited-node group and leaves it at that).
        (IFA_F_NODAD, address.address.is_ipv6() && !address.detect_duplicates),
        (IFA_F_MANAGETEMPADDR, address.manage_temporary),
        (IFA_F_NOPREFIXROUTE, address.no_prefix_route),
        (IFA_F_MCAUTOJOIN, address.autojoin),
    ];
    let flags = flags.into_iter().filter(|(_, is_set)| *is_set).fold(0, |flags, (flag, _)| flags | flag);
    if flags != 0 {
        message.put_u32(IFA_FLAGS, flags);
    }
    if let Lifetime::Seconds(preferred) = address.preferred_lifetime {
        // `struct ifa_cacheinfo`: preferred and valid for so many seconds, and two times that the kernel fills in.
        let lifetimes = [preferred, u32::MAX, 0, 0].map(u32::to_ne_bytes);
        message.put(IFA_CACHEINFO, lifetimes.as_flattened());
    }
    message.put(IFA_PROTO, &[ADDRESS_PROTOCOL]);
    message.finish()
}

/// The message that gives an interface that locum makes an address of its own, which goes with it.
pub(crate) fn add_own_address(address: IpAddr, prefix_len: u8, index: u32) -> Box<[u8]> {
    let mut message = Message::new(RTM_NEWADDR, CREATE | EXCLUSIVE, &header(address, prefix_len, 0, index));
    message.put_address(IFA_LOCAL, address).put_address(IFA_ADDRESS, address);
    message.finish()
}

/// The message that removes it.
pub(crate) fn remove_address(address: &VirtualAddress, index: u32) -> Box<[u8]> {
    let mut bare = bare_message(address.address, installed_prefix_len(address), index);
    if let Some((peer, _)) = address.peer {
        bare.put_address(IFA_ADDRESS, peer);
    }
    bare.finish()
}

/// The message that removes whatever has this address.
pub(crate) fn remove_bare_address(address: IpAddr, prefix_len: u8, index: u32) -> Box<[u8]> {
    bare_message(address, prefix_len, index).finish()
}

/// The prefix length that the kernel has for an address: that of the other end, where there is one.
pub(crate) fn installed_prefix_len(address: &VirtualAddress) -> u8 {
    address.peer.map_or(address.prefix_len, |(_, prefix_len)| prefix_len)
}

/// The message that names an address and no more: for removing it.
fn bare_message(address: IpAddr, prefix_len: u8, index: u32) -> Message {
    let mut message = Message::new(RTM_DELADDR, 0, &header(address, prefix_len, 0, index));
    message.put_address(IFA_LOCAL, address);
    message
}

/// `struct ifaddrmsg`
fn header(address: IpAddr, prefix_len: u8, scope: u8, index: u32) -> [u8; 8] {
    let family = if address.is_ipv4() { AF_INET } else { AF_INET6 };
    let [a, b, c, d] = index.to_ne_bytes();
    [family, prefix_len, 0, scope, a, b, c, d]
}
