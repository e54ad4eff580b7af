//! Routers that share a VRID. To VRRP there is one of each VRID and family on a LAN (RFC 9568 §6.1); where instances talk to
//! different peers or groups, which is keepalived's extension, several can have it: their adverts never meet.

use super::{Interface, RouterId, RouterSet, Slot};
use crate::priority::Tracker;
use crate::router::{Config, InterfaceId, Received, Storage, VirtualRouter};
use crate::vocabulary::Family;

impl<S, R, I, T> RouterSet<S, R, I, T>
where
    S: Storage,
    R: AsRef<[Slot<S>]> + AsMut<[Slot<S>]>,
    I: AsRef<[Interface]> + AsMut<[Interface]>,
    T: AsRef<[Tracker]> + AsMut<[Tracker]>,
{
    /// The router that a packet with this VRID is for. Where several have the VRID and none of them awaits the packet, it is for
    /// the first: one gets adverts from anybody while it is alone, too, and checks them.
    pub(super) fn addressee(
        &self,
        interface: InterfaceId,
        family: Family,
        vrid: u8,
        packet: &Received<'_>,
    ) -> Option<RouterId> {
        let first = self.interface(interface)?.first_router(family, vrid)?;
        // Nearly always it is the only one.
        if self.next_of_vrid(first).is_none() {
            return Some(first);
        }
        let awaits = |router: &VirtualRouter<S>| router.config().transport.awaits(packet.source, packet.destination);
        self.sharing(Some(first)).find(|(_, router)| awaits(router)).map_or(Some(first), |(id, _)| Some(id))
    }

    /// Whether a router that is there would hear what one with this configuration hears.
    pub(super) fn is_taken(&self, config: &Config<S>) -> bool {
        let place = self.interface(config.interface);
        let first = place.and_then(|place| place.first_router(config.family, config.vrid.get()));
        self.sharing(first).any(|(_, router)| router.config().transport.meets(&config.transport))
    }

    /// Puts a router behind those that have its VRID.
    pub(super) fn share(&mut self, id: RouterId, interface: InterfaceId, family: Family, vrid: u8) {
        let Some(place) = self.interfaces.as_mut().get_mut(usize::from(interface.0)) else { return };
        match place.first_router(family, vrid) {
            None => place.set_first_router(family, vrid, Some(id)),
            Some(first) => {
                let last = self.sharing(Some(first)).last().map_or(first, |(last, _)| last);
                self.set_next_of_vrid(last, Some(id));
            }
        }
    }

    /// Takes a router out from among those that have its VRID.
    pub(super) fn unshare(&mut self, id: RouterId, interface: InterfaceId, family: Family, vrid: u8) {
        let next = self.next_of_vrid(id);
        self.set_next_of_vrid(id, None);
        let Some(place) = self.interfaces.as_mut().get_mut(usize::from(interface.0)) else { return };
        let first = place.first_router(family, vrid);
        if first == Some(id) {
            place.set_first_router(family, vrid, next);
            return;
        }
        let before =
            self.sharing(first).map(|(before, _)| before).find(|before| self.next_of_vrid(*before) == Some(id));
        if let Some(before) = before {
            self.set_next_of_vrid(before, next);
        }
    }

    /// A router and all that come after it.
    fn sharing(&self, first: Option<RouterId>) -> impl Iterator<Item = (RouterId, &VirtualRouter<S>)> {
        let all = core::iter::successors(first, |id| self.next_of_vrid(*id));
        all.take(self.slots.as_ref().len()).map_while(|id| Some((id, self.router(id)?)))
    }

    fn next_of_vrid(&self, id: RouterId) -> Option<RouterId> {
        self.slots.as_ref().get(id.index())?.next_of_vrid
    }

    fn set_next_of_vrid(&mut self, id: RouterId, next: Option<RouterId>) {
        if let Some(slot) = self.slots.as_mut().get_mut(id.index()) {
            slot.next_of_vrid = next;
        }
    }
}
