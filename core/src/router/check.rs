//! The checks on reception, in order. Read RFC 3768 §7.1 and RFC 9568 §7.1 before changing them.

use core::net::IpAddr;

use super::config::{Config, Storage, Transport};
use crate::reject::Reject;
use crate::vocabulary::Family;
use crate::wire::vrrp::{self, AuthenticationType, Checksum, Message, Version};

/// How many pairs of addresses are compared before an advert counts as a stranger's. Members of a group list their
/// addresses alike, so the first pair nearly always decides; the bound keeps a flood of long lists cheap.
const COMPARISONS_MAX: usize = 1_024;

/// A packet as it came in.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// Who sent it.
    pub source: IpAddr,
    /// To whom: the group or one of our addresses.
    pub destination: IpAddr,
    /// The TTL or hop limit that it arrived with.
    pub ttl: u8,
    /// The VRRP message.
    pub message: &'a [u8],
}

/// What an accepted advert says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Accepted {
    pub(super) priority: u8,
    pub(super) advert_interval_cs: u16,
    pub(super) checksum: Checksum,
    /// It shares an address with us, but the lists are not the same.
    pub(super) addresses_differ: bool,
}

/// Checks a message with our VRID. `is_owner` says whether we own the addresses, `own_source` is the address that we send
/// from, `master` the one that was heard last.
pub(super) fn check<S: Storage>(
    config: &Config<S>,
    is_owner: bool,
    own_source: Option<IpAddr>,
    master: Option<IpAddr>,
    packet: &Received<'_>,
    message: &Message<'_>,
) -> Result<Accepted, Reject> {
    if own_source == Some(packet.source) {
        return Err(Reject::OwnSource);
    }
    check_ttl(config, packet)?;
    if message.version() != config.version.number() {
        return Err(Reject::Version);
    }
    if !message.is_advertisement() {
        return Err(Reject::PacketType);
    }
    if !message.is_complete(config.version, config.family) {
        return Err(Reject::Length);
    }
    let checksum = message.checksum(config.version, packet.source, packet.destination).ok_or(Reject::Checksum)?;
    check_transport(config, packet)?;
    if config.version == Version::V2 {
        check_authentication(config, message)?;
        // RFC 3768 §7.1: "MUST verify that the Adver Interval in the packet is the same as the locally configured".
        // Version 3 adopts the master's instead.
        if message.advert_interval_cs(config.version) != config.advert_interval_cs {
            return Err(Reject::Interval);
        }
    } else if message.advert_interval_cs(config.version) == 0 {
        // RFC 9568 §7.1 as erratum 8301 has it: a backup that took this interval would take over at once.
        return Err(Reject::Interval);
    }
    let addresses = if config.skips_address_check && master == Some(packet.source) {
        Addresses::Same
    } else {
        compare_addresses(config.addresses.as_ref(), message, config.family)
    };
    if addresses == Addresses::Strange {
        return Err(Reject::Addresses);
    }
    // RFC 3768 §7.1 has this check earlier; last, it tells a second owner from junk.
    if is_owner {
        return Err(Reject::LocalOwner);
    }
    Ok(Accepted {
        priority: message.priority(),
        advert_interval_cs: message.advert_interval_cs(config.version),
        checksum,
        addresses_differ: addresses == Addresses::Overlap,
    })
}

fn check_ttl<S: Storage>(config: &Config<S>, packet: &Received<'_>) -> Result<(), Reject> {
    let allowed = match &config.transport {
        Transport::Multicast { .. } => packet.ttl == vrrp::TTL,
        // Peers may be routers away, so only what the configuration asks for is checked.
        Transport::Unicast { peers, .. } => match peers.as_ref().iter().find(|peer| peer.address == packet.source) {
            Some(peer) => (peer.ttl_min..=peer.ttl_max).contains(&packet.ttl),
            None => true,
        },
    };
    if allowed { Ok(()) } else { Err(Reject::Ttl) }
}

fn check_transport<S: Storage>(config: &Config<S>, packet: &Received<'_>) -> Result<(), Reject> {
    match &config.transport {
        Transport::Multicast { group } if packet.destination == *group => Ok(()),
        // A socket that serves several instances of an interface hears the groups of all of them.
        Transport::Multicast { .. } if packet.destination.is_multicast() => Err(Reject::Group),
        Transport::Multicast { .. } => Err(Reject::Unicast),
        Transport::Unicast { .. } if packet.destination.is_multicast() => Err(Reject::Multicast),
        Transport::Unicast { peers, check_source: true, .. } => {
            let is_peer = peers.as_ref().iter().any(|peer| peer.address == packet.source);
            if is_peer { Ok(()) } else { Err(Reject::UnknownPeer) }
        }
        Transport::Unicast { check_source: false, .. } => Ok(()),
    }
}

fn check_authentication<S: Storage>(config: &Config<S>, message: &Message<'_>) -> Result<(), Reject> {
    let expected = match config.password {
        Some(_) => AuthenticationType::Password,
        None => AuthenticationType::None,
    };
    if message.authentication_type() != expected as u8 {
        return Err(Reject::AuthenticationType);
    }
    match config.password {
        Some(password) if !message.has_password(password) => Err(Reject::Password),
        Some(_) | None => Ok(()),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Addresses {
    /// The same list, or nothing to compare with.
    Same,
    /// At least one in common: a member of our group whose configuration differs, or is about to be changed like ours.
    Overlap,
    /// None in common: another group with our VRID.
    Strange,
}

/// RFC 3768 §7.1 lets a receiver compare the lists and has it drop what differs. Dropping would make two masters of a
/// group as soon as an address is added on one router, so only an advert with none of our addresses is a stranger's.
fn compare_addresses(own: &[IpAddr], message: &Message<'_>, family: Family) -> Addresses {
    if own.is_empty() || message.addresses(family).eq(own.iter().copied()) {
        return Addresses::Same;
    }
    let pairs = message.addresses(family).flat_map(|theirs| own.iter().map(move |ours| theirs == *ours));
    if pairs.take(COMPARISONS_MAX).any(|equal| equal) { Addresses::Overlap } else { Addresses::Strange }
}
