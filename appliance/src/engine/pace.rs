//! How fast announcements may follow one another, so that a switch is not flooded (`garp_interval`, `gna_interval`,
//! `garp_group`).

use std::net::IpAddr;

use locum_core::router::InterfaceId;
use locum_core::time::{Duration, Instant};

/// The paces of all interfaces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Paces {
    /// Each for one interface, or for a group that share it.
    pub(crate) paces: Vec<Pace>,
    /// The place in `paces` of each interface's pace. An interface without one is not paced.
    pub(crate) of_interface: Vec<Option<usize>>,
}

/// The least time between two announcements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pace {
    /// Between two gratuitous ARP packets.
    pub(crate) arp: Duration,
    /// Between two unsolicited neighbour advertisements.
    pub(crate) neighbour: Duration,
    arp_at: Option<Instant>,
    neighbour_at: Option<Instant>,
}

impl Pace {
    pub(crate) const fn new(arp: Duration, neighbour: Duration) -> Self {
        Self { arp, neighbour, arp_at: None, neighbour_at: None }
    }
}

impl Paces {
    /// Counts an announcement of this address on this interface as sent now; `Err` says until when it must wait.
    pub(super) fn send(&mut self, now: Instant, interface: InterfaceId, address: IpAddr) -> Result<(), Instant> {
        let place = self.of_interface.get(usize::from(interface.0)).copied().flatten();
        let Some(pace) = place.and_then(|place| self.paces.get_mut(place)) else { return Ok(()) };
        let (at, spacing) = match address {
            IpAddr::V4(_) => (&mut pace.arp_at, pace.arp),
            IpAddr::V6(_) => (&mut pace.neighbour_at, pace.neighbour),
        };
        if let Some(at) = at.filter(|at| *at > now) {
            return Err(at);
        }
        *at = Some(now + spacing);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    #[test]
    fn interfaces_that_share_a_pace_wait_for_each_other_and_the_families_do_not() {
        let ms = |ms| Instant::ZERO + Duration::from_ms(ms);
        let pace = Pace::new(Duration::from_ms(10), Duration::ZERO);
        let mut paces = Paces { paces: vec![pace], of_interface: vec![Some(0), Some(0), None] };
        let (v4, v6) = (IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST));
        assert_eq!(paces.send(ms(0), InterfaceId(0), v4), Ok(()));
        assert_eq!(paces.send(ms(9), InterfaceId(1), v4), Err(ms(10)), "the group shares the pace");
        assert_eq!(paces.send(ms(9), InterfaceId(1), v6), Ok(()));
        assert_eq!(paces.send(ms(9), InterfaceId(2), v4), Ok(()));
        assert_eq!(paces.send(ms(9), InterfaceId(7), v4), Ok(()), "an interface that nobody speaks of is not paced");
        assert_eq!(paces.send(ms(10), InterfaceId(1), v4), Ok(()));
        assert_eq!(paces.send(ms(10), InterfaceId(0), v4), Err(ms(20)));
    }
}
