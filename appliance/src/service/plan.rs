//! From the configuration to what the engine runs: the core's configuration of a router, and the messages that install its
//! addresses.

use std::net::IpAddr;
use std::num::NonZeroU8;

use locum_config::model::{self, Authentication, Broadcast, Instance, Lifetime, VirtualAddress};
use locum_core::priority::Track;
use locum_core::router::{AnnounceConfig, Config, GroupId, InterfaceId, Peer, Preempt, Transport};
use locum_core::time::Duration;
use locum_core::vocabulary::Family;
use locum_core::wire::vrrp::{Checksum, Password, Version};
use rtnetlink::packet_core::{NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST, NetlinkMessage};
use rtnetlink::packet_route::address::{
    AddressAttribute, AddressFlags, AddressMessage, AddressProtocol, AddressScope, CacheInfo,
};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};

use super::journal::{ADDRESS_PROTOCOL, Entry};
use super::network::Network;
use crate::engine::addresses::{AddressPlan, PlannedAddress};
use crate::engine::scheduling::Scheduling;
use crate::engine::storage::Owned;

/// Between the rounds of announcements where the configuration says nothing (`garp_interval`).
const ANNOUNCE_SPACING: Duration = Duration::from_ms(50);

/// The family, in the core's words.
pub(crate) const fn family(family: model::Family) -> Family {
    match family {
        model::Family::V4 => Family::Ipv4,
        model::Family::V6 => Family::Ipv6,
    }
}

/// What ties an instance to the rest of the configuration.
#[derive(Debug, Default)]
pub(crate) struct Ties {
    /// What it follows.
    pub(crate) tracks: Box<[Track]>,
    /// Its sync group.
    pub(crate) group: Option<GroupId>,
    /// How long it waits before it begins.
    pub(crate) start_delay: Duration,
}

/// The core's configuration of an instance. `None` where a value is outside what the protocol knows, which the check of the
/// configuration has reported.
pub(crate) fn core_config(
    instance: &Instance,
    interface: InterfaceId,
    announce: AnnounceConfig,
    ties: Ties,
) -> Option<Config<Owned>> {
    let transport = if instance.is_unicast() {
        let peers = instance.peers.iter().map(|peer| Peer {
            address: peer.address,
            ttl_min: peer.min_ttl.unwrap_or(0),
            ttl_max: peer.max_ttl.unwrap_or(u8::MAX),
        });
        Transport::Unicast {
            peers: peers.collect(),
            ttl: *instance.unicast_ttl,
            check_source: *instance.check_unicast_source,
        }
    } else {
        Transport::Multicast { group: *instance.multicast_group }
    };
    let preempt = match (*instance.preempt, *instance.preempt_delay_ms) {
        (false, _) => Preempt::Never,
        (true, 0) => Preempt::AtOnce,
        (true, delay_ms) => Preempt::After(Duration::from_ms(u64::from(delay_ms))),
    };
    let version = match *instance.version {
        model::Version::V2 => Version::V2,
        model::Version::V3 => Version::V3,
    };
    let password = match &instance.authentication {
        Authentication::Password(secret) if version == Version::V2 => Some(Password::new(secret.reveal().as_bytes())),
        Authentication::Password(_) | Authentication::None | Authentication::AuthenticationHeader(_) => None,
    };
    Some(Config {
        interface,
        vrid: NonZeroU8::new(*instance.vrid)?,
        family: family(instance.family),
        version,
        priority: NonZeroU8::new(*instance.priority)?,
        advert_interval_cs: *instance.advert_interval_cs,
        down_timer_adverts: NonZeroU8::new(*instance.down_timer_adverts)?,
        preempt,
        transport,
        password,
        addresses: instance.addresses.iter().map(|address| address.address).collect(),
        announce,
        checksum: if *instance.v3_checksum_as_v2 { Checksum::Plain } else { Checksum::PseudoHeader },
        skips_address_check: *instance.skip_check_advert_addresses,
        answers_lower: !*instance.lower_priority_no_advert,
        ignores_link: *instance.ignore_own_link,
        owner_ignores_adverts: *instance.owner_ignore_adverts,
        resigns_when_overdue: false,
        start_delay: ties.start_delay,
        tracks: ties.tracks,
        group: ties.group,
    })
}

/// When its addresses are announced.
pub(crate) fn announce_config(instance: &Instance, global: &model::Global) -> AnnounceConfig {
    let garp = &instance.garp;
    let rounds = |count: u32| u8::try_from(count).unwrap_or(u8::MAX);
    let seconds = |count: u32| Duration::from_s(u64::from(count));
    let interval_us = &global.garp_interval_us;
    AnnounceConfig {
        repeat: rounds(*garp.master_repeat),
        spacing: if interval_us.is_written() { Duration::from_us(u64::from(**interval_us)) } else { ANNOUNCE_SPACING },
        delay: seconds(*garp.master_delay_s),
        refresh: seconds(*garp.refresh_s),
        refresh_repeat: rounds(*garp.refresh_repeat),
        heal_repeat: rounds(*garp.lower_priority_repeat),
        heal_delay: seconds(*garp.lower_priority_delay_s),
    }
}

/// How the engine's thread is to be scheduled.
pub(crate) fn scheduling(global: &model::Global) -> Scheduling {
    Scheduling {
        realtime: global.realtime_priority.as_ref().map(|priority| priority.value),
        nice: global.nice.as_ref().map(|nice| nice.value),
        lock_memory: *global.no_swap,
    }
}

/// The virtual addresses of an instance, those in adverts first, each with whether it is left out of them.
pub(crate) fn addresses(instance: &Instance) -> impl Iterator<Item = (&VirtualAddress, bool)> {
    let advertised = instance.addresses.iter().map(|address| (address, false));
    advertised.chain(instance.excluded_addresses.iter().map(|address| (address, true)))
}

/// The name of the interface that an address goes on.
pub(crate) fn device<'a>(address: &'a VirtualAddress, instance: &'a Instance) -> &'a str {
    let own = instance.interface.as_ref();
    address.interface.as_ref().or(own).map_or("", |name| name.value.as_str())
}

/// What the journal must list before the instance may run.
pub(crate) fn journal_entries(instance: &Instance) -> impl Iterator<Item = Entry> + '_ {
    addresses(instance).map(|(address, _)| Entry {
        interface: device(address, instance).to_owned(),
        address: address.address,
        prefix_len: address.prefix_len,
    })
}

/// How to install the addresses of an instance as the network is now. `interface_id` finds the engine's number of an
/// interface.
pub(crate) fn address_plan(
    instance: &Instance,
    network: &Network,
    interface_id: impl Fn(&str) -> Option<InterfaceId>,
) -> AddressPlan {
    let plan = |(address, _): (&VirtualAddress, bool)| {
        let device = device(address, instance);
        let Some((index, _)) = network.by_name(device) else {
            return PlannedAddress { add: Box::default(), remove: Box::default(), announce: None, installed: false };
        };
        let message = address_message(address, index.get());
        let bare = bare_message(address.address, address.prefix_len, index.get());
        PlannedAddress {
            add: serialize(RouteNetlinkMessage::NewAddress(message), NLM_F_CREATE | NLM_F_EXCL),
            remove: serialize(RouteNetlinkMessage::DelAddress(bare), 0),
            announce: interface_id(device).map(|interface| (interface, address.address)),
            installed: false,
        }
    };
    AddressPlan { addresses: addresses(instance).map(plan).collect(), retired: Vec::new() }
}

/// The message that names an address and no more: for removing it.
pub(crate) fn bare_message(address: IpAddr, prefix_len: u8, index: u32) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.family = match address {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    };
    message.header.prefix_len = prefix_len;
    message.header.index = index;
    message.attributes.push(AddressAttribute::Local(address));
    message
}

/// The message that adds an address with all its options (ip-address(8) names them).
fn address_message(address: &VirtualAddress, index: u32) -> AddressMessage {
    let mut message = bare_message(address.address, address.prefix_len, index);
    let attributes = &mut message.attributes;
    let other_end = address.peer.map_or(address.address, |(peer, _)| peer);
    attributes.push(AddressAttribute::Address(other_end));
    if let Some((_, prefix_len)) = address.peer {
        message.header.prefix_len = prefix_len;
    }
    if let Some(scope) = address.scope {
        message.header.scope = AddressScope::from(scope.0);
    }
    if let Some(label) = &address.label {
        attributes.push(AddressAttribute::Label(label.value.clone()));
    }
    if let (Some(broadcast), IpAddr::V4(local)) = (address.broadcast, address.address) {
        let host_bits = u32::MAX.checked_shr(u32::from(address.prefix_len)).unwrap_or(0);
        attributes.push(AddressAttribute::Broadcast(match broadcast {
            Broadcast::Address(broadcast) => broadcast,
            Broadcast::HostBitsSet => (local.to_bits() | host_bits).into(),
            Broadcast::HostBitsClear => (local.to_bits() & !host_bits).into(),
        }));
    }
    let mut flags = AddressFlags::empty();
    flags.set(AddressFlags::Homeaddress, address.home);
    // A VIP must answer the moment it is there (RFC 9568 §6.4.2 joins the solicited-node group and leaves it at that).
    flags.set(AddressFlags::Nodad, address.address.is_ipv6() && !address.detect_duplicates);
    flags.set(AddressFlags::Managetempaddr, address.manage_temporary);
    flags.set(AddressFlags::Noprefixroute, address.no_prefix_route);
    flags.set(AddressFlags::Mcautojoin, address.autojoin);
    if !flags.is_empty() {
        attributes.push(AddressAttribute::Flags(flags));
    }
    if let Lifetime::Seconds(preferred) = address.preferred_lifetime {
        let mut lifetimes = CacheInfo::default();
        lifetimes.ifa_preferred = preferred;
        lifetimes.ifa_valid = u32::MAX;
        attributes.push(AddressAttribute::CacheInfo(lifetimes));
    }
    attributes.push(AddressAttribute::Protocol(AddressProtocol::Other(ADDRESS_PROTOCOL)));
    message
}

/// A message as bytes, padded so that another can follow it.
fn serialize(message: RouteNetlinkMessage, flags: u16) -> Box<[u8]> {
    let mut message = NetlinkMessage::from(message);
    message.header.flags = NLM_F_REQUEST | NLM_F_ACK | flags;
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes.into()
}
