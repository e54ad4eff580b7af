//! Adverts as packets for one destination each.

use core::net::IpAddr;

use crate::router::{Peer, Storage, Transport, VirtualRouter};
use crate::vocabulary::Family;
use crate::wire::vrrp::{self, Advertisement};
use crate::wire::{ipv4, ipv6};

/// Where the advert goes as number `index`, and with which TTL; `None` after the last.
pub(super) fn destination<P: AsRef<[Peer]>>(transport: &Transport<P>, index: usize) -> Option<(IpAddr, u8)> {
    match transport {
        Transport::Multicast { group } => (index == 0).then_some((*group, vrrp::TTL)),
        Transport::Unicast { peers, ttl, .. } => peers.as_ref().get(index).map(|peer| (peer.address, *ttl)),
    }
}

/// Writes an advert as [`Transmit::len`] says. `None` if it does not fit.
pub(super) fn write<S: Storage>(
    router: &VirtualRouter<S>,
    priority: u8,
    source: IpAddr,
    destination: IpAddr,
    ttl: u8,
    buffer: &mut [u8],
) -> Option<usize> {
    let config = router.config();
    let advert = Advertisement {
        version: config.version,
        vrid: config.vrid.get(),
        priority,
        advert_interval_cs: config.advert_interval_cs,
        password: config.password,
        addresses: config.addresses.as_ref(),
        checksum: config.checksum,
    };
    match (source, destination) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let len = advert.len(Family::Ipv4);
            ipv4::emit(buffer, from, to, ttl, vrrp::PROTOCOL, len)?;
            advert.emit(buffer.get_mut(ipv4::HEADER_BYTES..)?, source, destination)?;
            Some(ipv4::HEADER_BYTES + len)
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            let len = advert.len(Family::Ipv6);
            ipv6::emit(buffer, from, to, ttl, vrrp::PROTOCOL, len)?;
            advert.emit(buffer.get_mut(ipv6::HEADER_BYTES..)?, source, destination)?;
            Some(ipv6::HEADER_BYTES + len)
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => None,
    }
}
