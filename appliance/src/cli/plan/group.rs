//! Which instances of several nodes are one virtual router, and from where each of them sends.

use locum_control::{SortedMap, SortedSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use locum_config::Configuration;
use locum_config::model::{Family, Instance};
use serde::Serialize;

/// A node: one configuration.
#[derive(Debug)]
pub(super) struct Node {
    /// What it is called: its file.
    pub(super) name: String,
    pub(super) configuration: Configuration,
}

/// An instance of a node as a member of a virtual router.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member<'n> {
    /// The index of its node.
    pub(super) node: usize,
    pub(super) instance: &'n Instance,
    /// What it sends from.
    pub(super) address: IpAddr,
    pub(super) address_from: AddressFrom,
}

/// How the address is known that a member sends from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum AddressFrom {
    /// `unicast_src_ip` or `mcast_src_ip`.
    Configuration,
    /// The others list it as their peer, and it is nobody else's.
    Peers,
    /// Nobody says; an address for documentation stands for it.
    MadeUp,
}

/// A virtual router and its members, in the order of the nodes.
#[derive(Debug, Default)]
pub(super) struct Group<'n> {
    pub(super) members: Vec<Member<'n>>,
}

impl<'n> Group<'n> {
    pub(super) fn member_of(&self, node: usize) -> Option<&Member<'n>> {
        self.members.iter().find(|member| member.node == node)
    }

    /// All of the same node at most once, so that nodes tell members apart.
    fn shares_node(&self, other: &Self) -> bool {
        self.members.iter().any(|member| other.member_of(member.node).is_some())
    }
}

/// The virtual routers of all nodes: by VRID and family; where a node has several of these, also by interface, peers and
/// VIPs. Groups of different VRID that have a VIP in common and no node are taken for one that does not agree on it.
pub(super) fn groups(nodes: &[Node]) -> Vec<Group<'_>> {
    let mut by_key: SortedMap<(u8, bool), Vec<Member<'_>>> = SortedMap::new();
    for (node, of) in nodes.iter().enumerate() {
        for instance in of.configuration.model().instances.iter().filter(|instance| *instance.vrid > 0) {
            let key = (*instance.vrid, instance.family == Family::V6);
            by_key.get_or_default(key).push(member(node, instance));
        }
    }
    let mut groups: Vec<Group<'_>> = by_key.into_values().flat_map(split).collect();
    merge(&mut groups);
    for group in &mut groups {
        infer_addresses(group);
    }
    groups
}

fn member(node: usize, instance: &Instance) -> Member<'_> {
    let (address, address_from) = match &instance.source_address {
        Some(address) => (address.value, AddressFrom::Configuration),
        None => (made_up(node, instance.family), AddressFrom::MadeUp),
    };
    Member { node, instance, address, address_from }
}

/// From the blocks for documentation (RFC 5737 section 3, RFC 3849), and link-local as VRRP over IPv6 has it.
fn made_up(node: usize, family: Family) -> IpAddr {
    let number = u8::try_from(node + 1).unwrap_or(u8::MAX);
    match family {
        Family::V4 => Ipv4Addr::new(192, 0, 2, number).into(),
        Family::V6 => Ipv6Addr::new(0xfe80, 0, 0, 0, 0x2001, 0xdb8, 0, u16::from(number)).into(),
    }
}

/// Members of the same VRID and family that belong together.
fn split(members: Vec<Member<'_>>) -> Vec<Group<'_>> {
    let nodes: SortedSet<usize> = members.iter().map(|member| member.node).collect();
    if nodes.len() == members.len() {
        return vec![Group { members }];
    }
    let mut groups: Vec<Group<'_>> = Vec::new();
    for member in members {
        let fits = |group: &&mut Group<'_>| {
            group.member_of(member.node).is_none() && group.members.iter().any(|other| belongs(&member, other))
        };
        match groups.iter_mut().find(fits) {
            Some(group) => group.members.push(member),
            None => groups.push(Group { members: vec![member] }),
        }
    }
    groups
}

fn belongs(one: &Member<'_>, other: &Member<'_>) -> bool {
    let lists = |of: &Member<'_>, who: &Member<'_>| {
        who.address_from == AddressFrom::Configuration
            && of.instance.peers.iter().any(|peer| peer.address == who.address)
    };
    match (one.instance.is_unicast(), other.instance.is_unicast()) {
        (true, true) => lists(one, other) || lists(other, one) || shares_vip(one.instance, other.instance),
        (false, false) => one.instance.interface == other.instance.interface,
        (true, false) | (false, true) => shares_vip(one.instance, other.instance),
    }
}

fn shares_vip(one: &Instance, other: &Instance) -> bool {
    one.addresses.iter().any(|vip| other.addresses.iter().any(|its| its.address == vip.address))
}

fn merge(groups: &mut Vec<Group<'_>>) {
    let mut by_vip: SortedMap<IpAddr, usize> = SortedMap::new();
    let mut merged: Vec<Group<'_>> = Vec::new();
    for group in groups.drain(..) {
        let vips: Vec<IpAddr> =
            group.members.iter().flat_map(|member| &member.instance.addresses).map(|address| address.address).collect();
        let home = vips.iter().find_map(|vip| by_vip.get(vip)).copied();
        let index = match home.and_then(|index| merged.get_mut(index).map(|home| (index, home))) {
            Some((index, home)) if !home.shares_node(&group) => {
                home.members.extend(group.members);
                home.members.sort_by_key(|member| member.node);
                index
            }
            _ => {
                merged.push(group);
                merged.len() - 1
            }
        };
        for vip in vips {
            by_vip.get_or_insert_with(vip, || index);
        }
    }
    *groups = merged;
}

/// A peer that the others list and that is nobody's address is that of the one member whose address nobody says.
fn infer_addresses(group: &mut Group<'_>) {
    let known: Vec<IpAddr> = group
        .members
        .iter()
        .filter(|member| member.address_from == AddressFrom::Configuration)
        .map(|member| member.address)
        .collect();
    let inferred: Vec<Option<IpAddr>> = group
        .members
        .iter()
        .map(|member| {
            let own = |address: &IpAddr| member.instance.peers.iter().any(|peer| peer.address == *address);
            let others = group.members.iter().filter(|other| other.node != member.node);
            let mut listed = others
                .flat_map(|other| &other.instance.peers)
                .map(|peer| peer.address)
                .filter(|address| !known.contains(address) && !own(address));
            let first = listed.next()?;
            listed.all(|address| address == first).then_some(first)
        })
        .collect();
    for (member, address) in group.members.iter_mut().zip(inferred) {
        if let (AddressFrom::MadeUp, Some(address)) = (member.address_from, address) {
            (member.address, member.address_from) = (address, AddressFrom::Peers);
        }
    }
}
