//! What the capture saw, and the questions that tests put to it.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use crate::decode::{Advert, Arp, ArpKind, Echo, Frame};
use crate::moment::Moment;
use crate::node::Node;

/// A frame that came in at a port of the switch.
#[derive(Clone, Debug)]
pub struct Record {
    /// When, by the kernel.
    pub at: Moment,
    /// At whose port: who sent it, whatever the frame itself says.
    pub from: Node,
    /// What it says.
    pub frame: Frame,
    /// All of it.
    pub bytes: Vec<u8>,
}

/// Something that was seen.
#[derive(Clone, Copy, Debug)]
pub struct Sighting<'a, T> {
    /// When.
    pub at: Moment,
    /// Who sent it.
    pub from: Node,
    /// What.
    pub what: &'a T,
}

/// A time in which a router advertised as master.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mastership {
    /// Who.
    pub node: Node,
    /// Its first advert.
    pub from: Moment,
    /// Its last advert, or the one in which it said that it leaves.
    pub until: Moment,
    /// Whether it said that it leaves.
    pub left: bool,
}

/// What the capture saw, in order.
#[derive(Clone, Debug)]
pub struct Timeline {
    records: Vec<Record>,
}

impl Timeline {
    pub(crate) const fn new(records: Vec<Record>) -> Self {
        Self { records }
    }

    /// Every frame.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// Only what was seen from `from` to `until`.
    #[must_use]
    pub fn between(&self, from: Moment, until: Moment) -> Self {
        let within = |record: &&Record| record.at >= from && record.at <= until;
        Self { records: self.records.iter().filter(within).cloned().collect() }
    }

    /// Only what was seen from `from` on.
    #[must_use]
    pub fn since(&self, from: Moment) -> Self {
        self.between(from, Moment::END)
    }

    /// The adverts over IPv4 with `vrid`, whoever sent them.
    pub fn adverts(&self, vrid: u8) -> Vec<Sighting<'_, Advert>> {
        self.pick(|frame| match frame {
            Frame::Advert(advert) if advert.vrid == vrid && advert.source.is_ipv4() => Some(advert),
            _ => None,
        })
    }

    /// The adverts over IPv6 with `vrid`: another virtual router, whoever sent them.
    pub fn adverts6(&self, vrid: u8) -> Vec<Sighting<'_, Advert>> {
        self.pick(|frame| match frame {
            Frame::Advert(advert) if advert.vrid == vrid && advert.source.is_ipv6() => Some(advert),
            _ => None,
        })
    }

    /// The adverts with `vrid` that `node` sent.
    pub fn adverts_by(&self, node: Node, vrid: u8) -> Vec<Sighting<'_, Advert>> {
        let mut adverts = self.adverts(vrid);
        adverts.retain(|advert| advert.from == node);
        adverts
    }

    /// The first advert with `vrid` in which `node` claims to be master.
    pub fn first_claim(&self, node: Node, vrid: u8) -> Option<Moment> {
        self.adverts_by(node, vrid).iter().find(|advert| advert.what.claims()).map(|advert| advert.at)
    }

    /// The last advert with `vrid` in which `node` claims to be master.
    pub fn last_claim(&self, node: Node, vrid: u8) -> Option<Moment> {
        self.adverts_by(node, vrid).iter().rfind(|advert| advert.what.claims()).map(|advert| advert.at)
    }

    /// The adverts of priority 0 that `node` sent with `vrid`.
    pub fn farewells(&self, node: Node, vrid: u8) -> Vec<Moment> {
        let adverts = self.adverts_by(node, vrid);
        adverts.iter().filter(|advert| !advert.what.claims()).map(|advert| advert.at).collect()
    }

    /// The longest time between two adverts that `node` sent with `vrid` to one receiver, with that receiver's address;
    /// zero if there were not two.
    pub fn longest_gap(&self, node: Node, vrid: u8) -> Duration {
        let adverts = self.adverts_by(node, vrid);
        let targets: BTreeSet<IpAddr> = adverts.iter().map(|advert| advert.what.target).collect();
        let gap_to = |target: &IpAddr| {
            let times: Vec<Moment> =
                adverts.iter().filter(|advert| advert.what.target == *target).map(|advert| advert.at).collect();
            times.windows(2).map(|pair| pair[1].since(pair[0])).max().unwrap_or_default()
        };
        targets.iter().map(gap_to).max().unwrap_or_default()
    }

    /// Where the adverts of `node` with `vrid` went.
    pub fn advert_targets(&self, node: Node, vrid: u8) -> BTreeSet<Ipv4Addr> {
        let target = |advert: &Sighting<'_, Advert>| match advert.what.target {
            IpAddr::V4(target) => Some(target),
            IpAddr::V6(_) => None,
        };
        self.adverts_by(node, vrid).iter().filter_map(target).collect()
    }

    /// When routers advertised as master of `vrid`, in the order of their beginnings. A router that is silent for
    /// `silence_max` has ended.
    pub fn masterships(&self, vrid: u8, silence_max: Duration) -> Vec<Mastership> {
        let mut masterships: Vec<Mastership> = Vec::new();
        for advert in self.adverts(vrid).into_iter().filter(|advert| advert.from.is_router()) {
            let last = masterships.iter_mut().rfind(|mastership| mastership.node == advert.from);
            match last.filter(|last| !last.left && advert.at.since(last.until) <= silence_max) {
                Some(current) => {
                    current.until = advert.at;
                    current.left = !advert.what.claims();
                }
                None if advert.what.claims() => {
                    masterships.push(Mastership { node: advert.from, from: advert.at, until: advert.at, left: false });
                }
                None => {}
            }
        }
        masterships
    }

    /// The times in which two routers advertised as master of `vrid`, each with who they were.
    pub fn masters_overlap(&self, vrid: u8, silence_max: Duration) -> Vec<(Mastership, Mastership, Duration)> {
        let all = self.masterships(vrid, silence_max);
        let pairs = all.iter().enumerate().flat_map(|(at, one)| all[at + 1..].iter().map(move |other| (*one, *other)));
        let overlap = |one: Mastership, other: Mastership| one.until.min(other.until).since(one.from.max(other.from));
        pairs
            .filter(|(one, other)| one.node != other.node)
            .map(|(one, other)| (one, other, overlap(one, other)))
            .filter(|(_, _, overlap)| !overlap.is_zero())
            .collect()
    }

    /// The gratuitous ARP that `node` sent for `address`.
    pub fn announcements(&self, node: Node, address: Ipv4Addr) -> Vec<Sighting<'_, Arp>> {
        self.arp(|arp, from| from == node && arp.sender == address && arp.kind == ArpKind::Gratuitous)
    }

    /// The ARP packets that `wanted` picks, given also who sent them.
    pub fn arp(&self, wanted: impl Fn(&Arp, Node) -> bool) -> Vec<Sighting<'_, Arp>> {
        let mut arp = self.pick(|frame| match frame {
            Frame::Arp(arp) => Some(arp),
            _ => None,
        });
        arp.retain(|arp| wanted(arp.what, arp.from));
        arp
    }

    /// The answers that came from `address`.
    pub fn echo_replies(&self, address: Ipv4Addr) -> Vec<Sighting<'_, Echo>> {
        self.pick(|frame| match frame {
            Frame::Echo(echo) if echo.reply && echo.source == address => Some(echo),
            _ => None,
        })
    }

    /// Who answered on `address`.
    pub fn answered_by(&self, address: Ipv4Addr) -> BTreeSet<Node> {
        self.echo_replies(address).iter().map(|reply| reply.from).collect()
    }

    fn pick<'a, T>(&'a self, wanted: impl Fn(&'a Frame) -> Option<&'a T>) -> Vec<Sighting<'a, T>> {
        let sighting =
            |record: &'a Record| wanted(&record.frame).map(|what| Sighting { at: record.at, from: record.from, what });
        self.records.iter().filter_map(sighting).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::decode;
    use crate::injector::VrrpPacket;

    fn at(ms: u64) -> Moment {
        Moment::from_unix(Duration::from_millis(ms))
    }

    fn advert(ms: u64, from: Node, priority: u8) -> Record {
        let packet = VrrpPacket { source: from.address(), priority, ..VrrpPacket::default() };
        let mut bytes = vec![0; 12];
        bytes.extend([8, 0]);
        bytes.extend(packet.bytes());
        Record { at: at(ms), from, frame: decode(&bytes), bytes }
    }

    #[test]
    fn masterships_end_with_a_farewell_or_with_silence() {
        let timeline = Timeline::new(vec![
            advert(0, Node::A, 100),
            advert(1000, Node::A, 100),
            advert(1500, Node::A, 0),
            advert(2000, Node::B, 80),
            advert(9000, Node::B, 80),
            advert(9100, Node::B, 0),
        ]);
        let found = timeline.masterships(45, Duration::from_secs(3));
        let brief: Vec<_> = found.iter().map(|m| (m.node, m.from, m.until, m.left)).collect();
        assert_eq!(
            brief,
            [
                (Node::A, at(0), at(1500), true),
                (Node::B, at(2000), at(2000), false),
                (Node::B, at(9000), at(9100), true)
            ]
        );
    }

    #[test]
    fn two_masters_at_a_time_are_found_and_measured() {
        let timeline = Timeline::new(vec![
            advert(0, Node::A, 100),
            advert(500, Node::B, 80),
            advert(1000, Node::A, 100),
            advert(1500, Node::B, 80),
            advert(2000, Node::A, 100),
        ]);
        let overlaps = timeline.masters_overlap(45, Duration::from_secs(3));
        assert_eq!(overlaps.len(), 1);
        assert_eq!(overlaps[0].2, Duration::from_millis(1000));
        assert!(timeline.since(at(1600)).masters_overlap(45, Duration::from_secs(3)).is_empty());
    }

    #[test]
    fn a_stranger_is_no_master() {
        let timeline = Timeline::new(vec![advert(0, Node::X, 100)]);
        assert_eq!(timeline.masterships(45, Duration::from_secs(3)), []);
    }
}
