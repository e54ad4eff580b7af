//! The adverts in what a service says, and packets made of them again. The service keeps of each advert when it came, from
//! whom and with which priority; the rest is taken from what it says of the instance. So a packet is what such a router
//! sends, and not a copy of what was on the wire. It holds no password.

use std::net::IpAddr;

use locum_control::{
    AdvertMark, Answer, ChecksumFlavour, Event, Family, Hello, InstanceStatus, Item, Line, MarkKind, Mode, SortedMap,
};
use locum_core::wire::vrrp::{Advertisement, Checksum, MESSAGE_BYTES_MAX, PROTOCOL, TTL, Version};
use locum_core::wire::{ipv4, ipv6};

/// More adverts are not held in memory: 48 bytes each.
const ADVERTS_MAX: usize = 1_000_000;
/// Kinds of adverts: an instance has another one when its configuration changes.
const PROFILES_MAX: usize = 65_536;

/// What is exported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Exported {
    /// Packets in the capture.
    pub(crate) packets: u64,
    /// Adverts that were rejected: nobody knows what was in them.
    pub(crate) rejected: u64,
    /// Adverts for which there was no room.
    pub(crate) left_out: u64,
}

/// Collects adverts from what a service says.
#[derive(Debug, Default)]
pub(super) struct Adverts {
    marks: Vec<Mark>,
    pub(super) profiles: Vec<Profile>,
    /// The profile of each instance, and when its last advert was.
    of_instance: SortedMap<String, (usize, u64)>,
    /// What is to be added to the boot-time clock for the wall clock, in microseconds.
    offset_us: i64,
    now_us: u64,
    pub(super) exported: Exported,
}

/// An advert.
#[derive(Clone, Copy, Debug)]
struct Mark {
    at_unix_us: u64,
    source: IpAddr,
    priority: u8,
    is_sent: bool,
    profile: usize,
}

/// What all adverts of an instance have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Profile {
    pub(super) instance: String,
    pub(super) interface: String,
    vrid: u8,
    version: Version,
    mode: Mode,
    own: Option<IpAddr>,
    advert_interval_cs: u16,
    addresses: Vec<IpAddr>,
    /// What is said of others: the interval, and what the checksum covers.
    others: SortedMap<IpAddr, (u16, Option<ChecksumFlavour>)>,
}

/// A packet, from its IP header on.
pub(super) struct Packet<'a> {
    pub(super) at_unix_us: u64,
    pub(super) is_sent: bool,
    pub(super) profile: &'a Profile,
    pub(super) bytes: &'a [u8],
}

impl Adverts {
    /// Takes in what the service says.
    pub(super) fn hear(&mut self, line: Line) {
        match line {
            Line::Hello(Hello { now_us, now_unix_ms, .. }) => {
                if now_us < self.now_us {
                    // It has started anew, and with it its clock.
                    self.of_instance.values_mut().for_each(|(_, last_us)| *last_us = 0);
                }
                self.tie(now_us, now_unix_ms);
            }
            Line::Answer { answer: Answer::Item(item), .. } => self.item(item),
            Line::Answer { answer: Answer::Done(_) | Answer::Error(_), .. } => {}
            Line::Notice(notice) => self.event(notice.event),
        }
    }

    pub(super) fn item(&mut self, item: Item) {
        if let Item::Service(service) = item {
            self.tie(service.now_us, service.now_unix_ms);
        } else if let Item::Instance(status) = item {
            self.instance(&status);
        } else if let Item::Notice(notice) = item {
            self.event(notice.event);
        }
    }

    fn tie(&mut self, now_us: u64, now_unix_ms: u64) {
        let unix_us = i64::try_from(now_unix_ms.saturating_mul(1_000)).unwrap_or(i64::MAX);
        (self.now_us, self.offset_us) = (now_us, unix_us.saturating_sub_unsigned(now_us));
    }

    fn instance(&mut self, status: &InstanceStatus) {
        let profile = Profile::of(status);
        let known = self.of_instance.get(&status.name).copied();
        if known.is_some_and(|(at, _)| self.profiles.get(at) == Some(&profile)) || self.profiles.len() >= PROFILES_MAX {
            return;
        }
        self.of_instance.insert(status.name.clone(), (self.profiles.len(), known.map_or(0, |(_, last_us)| last_us)));
        self.profiles.push(profile);
    }

    fn event(&mut self, event: Event) {
        let Event::Adverts { instance, marks } = event else { return };
        let Some((profile, last_us)) = self.of_instance.get_mut(&instance) else { return };
        for AdvertMark { at_us, source, priority, kind } in marks {
            // What was told already is told again to those who ask again.
            if at_us <= *last_us {
                continue;
            }
            *last_us = at_us;
            let is_sent = match kind {
                MarkKind::Received => false,
                MarkKind::Sent => true,
                MarkKind::Rejected { .. } => {
                    self.exported.rejected += 1;
                    continue;
                }
            };
            if self.marks.len() >= ADVERTS_MAX {
                self.exported.left_out += 1;
                continue;
            }
            let at_unix_us = at_us.saturating_add_signed(self.offset_us);
            self.marks.push(Mark { at_unix_us, source, priority, is_sent, profile: *profile });
        }
    }

    /// Hands over all packets in the order of their times.
    pub(super) fn packets<E>(&mut self, mut each: impl FnMut(Packet<'_>) -> Result<(), E>) -> Result<(), E> {
        self.marks.sort_by_key(|mark| mark.at_unix_us);
        let mut buffer = vec![0; ipv6::HEADER_BYTES + MESSAGE_BYTES_MAX];
        for mark in &self.marks {
            let Some(profile) = self.profiles.get(mark.profile) else { continue };
            for destination in profile.destinations(mark) {
                let Some(bytes) = profile.write(mark, destination, &mut buffer) else {
                    self.exported.left_out += 1;
                    continue;
                };
                self.exported.packets += 1;
                let (at_unix_us, is_sent) = (mark.at_unix_us, mark.is_sent);
                each(Packet { at_unix_us, is_sent, profile, bytes })?;
            }
        }
        Ok(())
    }
}

impl Profile {
    fn of(status: &InstanceStatus) -> Self {
        let address = |text: &str| text.split('/').next().and_then(|text| text.parse::<IpAddr>().ok());
        let is_ours = |address: &IpAddr| address.is_ipv6() == (status.family == Family::Ipv6);
        let advertised = status.vips.iter().filter(|vip| !vip.excluded);
        Self {
            instance: status.name.clone(),
            interface: status.interface.clone(),
            vrid: status.vrid,
            version: if status.version == 2 { Version::V2 } else { Version::V3 },
            mode: status.mode.clone(),
            own: status.source,
            advert_interval_cs: status.advert_interval_cs,
            addresses: advertised.filter_map(|vip| address(&vip.address)).filter(is_ours).take(255).collect(),
            others: status
                .senders
                .iter()
                .map(|sender| (sender.address, (sender.advert_interval_cs, sender.checksum)))
                .collect(),
        }
    }

    /// Where an advert went.
    fn destinations(&self, mark: &Mark) -> Vec<IpAddr> {
        match &self.mode {
            Mode::Multicast { group } => vec![*group],
            Mode::Unicast { peers } if mark.is_sent => peers.clone(),
            Mode::Unicast { .. } => self.own.into_iter().collect(),
        }
    }

    /// The packet from its IP header on.
    fn write<'b>(&self, mark: &Mark, destination: IpAddr, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
        let of_sender = self.others.get(&mark.source).filter(|_| !mark.is_sent);
        let advert = Advertisement {
            version: self.version,
            vrid: self.vrid,
            priority: mark.priority,
            advert_interval_cs: of_sender.map(|(cs, _)| *cs).filter(|cs| *cs > 0).unwrap_or(self.advert_interval_cs),
            password: None,
            addresses: &self.addresses,
            checksum: match of_sender.and_then(|(_, checksum)| *checksum) {
                Some(ChecksumFlavour::Plain) => Checksum::Plain,
                Some(ChecksumFlavour::PseudoHeader) | None => Checksum::PseudoHeader,
            },
        };
        let family = if mark.source.is_ipv6() { Family::Ipv6 } else { Family::Ipv4 };
        let header = if family == Family::Ipv6 { ipv6::HEADER_BYTES } else { ipv4::HEADER_BYTES };
        let len = advert.len(family);
        advert.emit(buffer.get_mut(header..)?, mark.source, destination)?;
        match (mark.source, destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                ipv4::emit(buffer, source, destination, TTL, PROTOCOL, len)?;
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                ipv6::emit(buffer, source, destination, TTL, PROTOCOL, len)?;
            }
            _ => return None,
        }
        buffer.get(..header + len)
    }
}
