//! From the configuration to what the engine runs: the core's configuration of a router, and the messages that install
//! what it has in the kernel.
//!
//! - [`placement`]: which interfaces addresses go on.
//! - [`items`]: what a MASTER has in the kernel, as messages; [`link`]: those about interfaces; [`route`]: those about
//!   routes and rules.
//! - [`ties`]: sync groups, and what is followed.

pub(crate) mod items;
pub(crate) mod link;
pub(crate) mod placement;
pub(crate) mod route;
pub(crate) mod ties;

use locum_control::SortedMap;
use std::num::NonZeroU8;

use locum_config::Model;
use locum_config::model::{self, Authentication, Instance, VirtualAddress};
use locum_core::priority::Track;
use locum_core::router::{AnnounceConfig, Config, GroupId, InterfaceId, Peer, Preempt, Transport};
use locum_core::time::Duration;
use locum_core::vocabulary::Family;
use locum_core::wire::vrrp::{Checksum, Password, Version};

pub(crate) use self::items::{Part, install_plan, parts};
pub(crate) use self::placement::{MadeInterface, MadeKind, Placement, Placements};
#[cfg(feature = "keepalived")]
pub(crate) use self::route::{route_name, rule_name};
use crate::engine::pace::{Pace, Paces};
use crate::engine::scheduling::Scheduling;
use crate::engine::storage::Owned;

/// Between the rounds of announcements, as long as the pace of the interface allows it.
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
        resigns_when_overdue: resigns_when_overdue(instance),
        start_delay: ties.start_delay,
        tracks: ties.tracks,
        group: ties.group,
    })
}

/// Whether a stalled MASTER gives way (keepalived.conf(5), "timer_expired_backup"). One that preempts would take over
/// again at once.
fn resigns_when_overdue(instance: &Instance) -> bool {
    let up_to = instance.timer_expired_backup.map(|priority| priority.value.unwrap_or(u8::MAX));
    !*instance.preempt && up_to.is_some_and(|up_to| *instance.priority <= up_to)
}

/// When its addresses are announced.
pub(crate) fn announce_config(instance: &Instance, global: &model::Global) -> AnnounceConfig {
    let garp = &instance.garp;
    let rounds = |count: u32| u8::try_from(count).unwrap_or(u8::MAX);
    let seconds = |count: u32| Duration::from_s(u64::from(count));
    // A round that has not begun is not repeated, so rounds must not come faster than the pace lets them go.
    let slowest_us = (*global.garp_interval_us).max(*global.gna_interval_us);
    let count = u64::try_from(addresses(instance).count()).unwrap_or(u64::MAX);
    let round = Duration::from_us(u64::from(slowest_us).saturating_mul(count));
    AnnounceConfig {
        repeat: rounds(*garp.master_repeat),
        spacing: ANNOUNCE_SPACING.max(round),
        delay: seconds(*garp.master_delay_s),
        refresh: seconds(*garp.refresh_s),
        refresh_repeat: rounds(*garp.refresh_repeat),
        heal_repeat: rounds(*garp.lower_priority_repeat),
        heal_delay: seconds(*garp.lower_priority_delay_s),
    }
}

/// How often addresses are announced that adverts do not keep alive in the switches' memory; `None` for never.
pub(crate) fn extra_announcements_every(instance: &Instance) -> Option<Duration> {
    let every = Duration::from_s(u64::from(instance.garp.extra_interfaces.interval_s));
    Some(every).filter(|every| *every > Duration::ZERO)
}

/// How fast announcements may follow one another on the interfaces of these names: an interface that locum makes shares
/// the pace of its base.
pub(crate) fn paces<'a>(model: &Model, interfaces: impl Iterator<Item = &'a str>, placements: &Placements) -> Paces {
    let us = |setting: &model::Setting<u32>| Duration::from_us(u64::from(**setting));
    let mut paces: Vec<Pace> = model
        .garp_groups
        .iter()
        .map(|group| Pace::new(us(&group.garp_interval_us), us(&group.gna_interval_us)))
        .collect();
    let (arp, neighbour) = (us(&model.global.garp_interval_us), us(&model.global.gna_interval_us));
    let mut own: SortedMap<&str, usize> = SortedMap::new();
    let mut of_interface = Vec::new();
    for name in interfaces {
        let name = placements.made().find(|made| made.name == name).map_or(name, |made| &made.base);
        let of_it = |group: &model::GarpGroup| group.interfaces.iter().any(|member| member.value == name);
        of_interface.push(match model.garp_groups.iter().position(of_it) {
            Some(group) => Some(group),
            None if arp > Duration::ZERO || neighbour > Duration::ZERO => {
                let place = *own.get_or_insert_with(name, || {
                    paces.push(Pace::new(arp, neighbour));
                    paces.len() - 1
                });
                Some(place)
            }
            None => None,
        });
    }
    Paces { paces, of_interface }
}

/// How the engine's thread is to be scheduled.
pub(crate) fn scheduling(global: &model::Global) -> Scheduling {
    Scheduling {
        realtime: global.realtime_priority.as_ref().map(|priority| priority.value),
        nice: global.nice.as_ref().map(|nice| nice.value),
        lock_memory: *global.no_swap,
        cpus: global.cpu_affinity.clone().into(),
    }
}

/// The virtual addresses of an instance, those in adverts first, each with whether it is left out of them.
pub(crate) fn addresses(instance: &Instance) -> impl Iterator<Item = (&VirtualAddress, bool)> {
    let advertised = instance.addresses.iter().map(|address| (address, false));
    advertised.chain(instance.excluded_addresses.iter().map(|address| (address, true)))
}

/// The name of the interface that the configuration puts an address on.
pub(crate) fn device<'a>(address: &'a VirtualAddress, instance: &'a Instance) -> &'a str {
    let own = instance.interface.as_ref();
    address.interface.as_ref().or(own).map_or("", |name| name.value.as_str())
}
