//! Adverts as packets for one destination each.

use core::net::IpAddr;

use super::{Interface, RouterId, RouterSet, Slot, Transmit};
use crate::priority::Tracker;
use crate::router::{Peer, Storage, Transport, VirtualRouter};
use crate::vocabulary::Family;
use crate::wire::vrrp::{self, Advertisement};
use crate::wire::{ipv4, ipv6};

/// An advert that is being sent, to one destination after the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sending {
    pub(super) router: RouterId,
    pub(super) priority: u8,
    pub(super) next_destination: usize,
}

impl<S, R, I, T> RouterSet<S, R, I, T>
where
    S: Storage,
    R: AsRef<[Slot<S>]> + AsMut<[Slot<S>]>,
    I: AsRef<[Interface]> + AsMut<[Interface]>,
    T: AsRef<[Tracker]> + AsMut<[Tracker]>,
{
    /// Writes the advert under way for its next destination.
    pub(super) fn next_transmit(&mut self, buffer: &mut [u8]) -> Option<Transmit> {
        while let Some(sending) = self.sending {
            let router = self.slots.as_mut().get_mut(sending.router.index()).and_then(|slot| slot.router.as_mut());
            let next = router.and_then(|router| {
                let (destination, ttl) = destination(&router.config().transport, sending.next_destination)?;
                Some((router, destination, ttl))
            });
            let Some((router, destination, ttl)) = next else {
                self.sending = None;
                return None;
            };
            self.sending = Some(Sending { next_destination: sending.next_destination + 1, ..sending });
            let written = router
                .source()
                .and_then(|source| Some((source, write(router, sending.priority, source, destination, ttl, buffer)?)));
            debug_assert!(written.is_some(), "the buffer is large enough and the families agree");
            if let Some((source, len)) = written {
                router.count_sent(sending.priority);
                let interface = router.config().interface;
                return Some(Transmit { router: sending.router, interface, source, destination, ttl, len });
            }
        }
        None
    }
}

/// Where the advert goes as number `index`, and with which TTL; `None` after the last.
fn destination<P: AsRef<[Peer]>>(transport: &Transport<P>, index: usize) -> Option<(IpAddr, u8)> {
    match transport {
        Transport::Multicast { group } => (index == 0).then_some((*group, vrrp::TTL)),
        Transport::Unicast { peers, ttl, .. } => peers.as_ref().get(index).map(|peer| (peer.address, *ttl)),
    }
}

/// Writes an advert as [`Transmit::len`] says. `None` if it does not fit.
fn write<S: Storage>(
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
