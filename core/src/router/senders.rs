//! Who is heard with our VRID, and how regularly.

use core::net::IpAddr;

use super::check::Accepted;
use crate::reject::Reject;
use crate::time::{Duration, Instant};
use crate::wire::vrrp::Checksum;

/// How many senders a router remembers. A group rarely has more than three members; strangers share the rest.
pub const SENDERS_MAX: usize = 8;

/// Packets discarded are reported at most this often for a (sender, reason).
pub const REJECT_REPORT_EVERY: Duration = Duration::from_s(REJECT_REPORT_EVERY_S as u64);
const REJECT_REPORT_EVERY_S: u16 = 10;

/// At most one report of discarded packets in this time, whatever their senders claim to be.
const REJECT_REPORT_SPACING: Duration = Duration::from_ms(200);

/// A router that was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sender {
    /// Its address.
    pub address: IpAddr,
    /// The priority of its last accepted advert.
    pub priority: u8,
    /// Why its last discarded packet was.
    pub last_reject: Option<Reject>,
    /// How its last accepted advert computed the checksum.
    pub checksum: Option<Checksum>,
    /// The interval of its last accepted advert.
    pub advert_interval_cs: u16,
    /// Adverts accepted.
    pub received: u32,
    /// Adverts that came more than half an interval late.
    pub late: u32,
    /// Adverts that seem not to have come.
    pub missed: u32,
    /// Packets discarded.
    pub rejected: u32,
    /// When its last advert was accepted; when it was last heard at all, if none ever was.
    pub last_heard: Instant,
    /// When it was first heard. Seconds will do, and keep eight senders small.
    first_heard_s: u32,
    /// The longest silence between two accepted adverts that did not end in a takeover, in microseconds.
    longest_gap_us: u32,
    /// Whether its last accepted advert carried other addresses than ours.
    pub addresses_differ: bool,
    /// Discarded packets not yet reported.
    unreported: u32,
    /// The reasons reported since `reports_since_s`.
    reported: Reasons,
    /// When the time began in which a reason is reported once, in seconds modulo their range: after 18 hours of silence a
    /// report may be held back once.
    reports_since_s: u16,
}

/// A set of reasons, a bit each. Three bytes, since eight senders are kept for each router.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Reasons([u8; 3]);

const _: () = assert!(Reject::COUNT <= 24, "a bit for each reason");

impl Reasons {
    /// Adds a reason. Returns whether it was not there yet.
    fn insert(&mut self, reason: Reject) -> bool {
        let (byte, bit) = (reason as usize / 8, 1 << (reason as u8 % 8));
        self.0.get_mut(byte).is_some_and(|byte| core::mem::replace(byte, *byte | bit) & bit == 0)
    }

    fn contains(self, reason: Reject) -> bool {
        !Self(self.0).insert(reason)
    }
}

impl Sender {
    fn new(address: IpAddr, now: Instant) -> Self {
        Self {
            address,
            priority: 0,
            last_reject: None,
            checksum: None,
            advert_interval_cs: 0,
            received: 0,
            late: 0,
            missed: 0,
            rejected: 0,
            last_heard: now,
            first_heard_s: whole_seconds(now),
            longest_gap_us: 0,
            addresses_differ: false,
            unreported: 0,
            reported: Reasons::default(),
            reports_since_s: wrapping_seconds(now),
        }
    }

    /// When it was first heard, to the second.
    pub const fn first_heard(&self) -> Instant {
        Instant::from_us(self.first_heard_s as u64 * 1_000_000)
    }

    /// The longest silence between two accepted adverts that did not end in a takeover.
    pub const fn longest_gap(&self) -> Duration {
        Duration::from_us(self.longest_gap_us as u64)
    }
}

/// The senders of one router.
#[derive(Clone, Debug, Default)]
pub(super) struct Senders {
    known: heapless::Vec<Sender, SENDERS_MAX>,
    /// When discarded packets of anybody were last reported.
    reported_at: Option<Instant>,
}

impl Senders {
    pub(super) fn as_slice(&self) -> &[Sender] {
        &self.known
    }

    /// Notes an accepted advert. Returns how long the sender was silent before it, if it was heard within `down` before.
    pub(super) fn accept(
        &mut self,
        now: Instant,
        address: IpAddr,
        advert: &Accepted,
        down: Duration,
    ) -> Option<Duration> {
        let sender = self.entry(now, address, true)?;
        let gap = (sender.received > 0).then(|| now.since(sender.last_heard)).filter(|gap| *gap <= down);
        if let Some(gap) = gap {
            let interval = Duration::from_cs(sender.advert_interval_cs);
            // Lateness is measured against what the sender itself promised last.
            if sender.priority > 0 && gap.us() > interval.us() + interval.us() / 2 {
                let missed = (gap + Duration::from_us(interval.us() / 2)).whole(interval).saturating_sub(1);
                sender.late = sender.late.saturating_add(1);
                sender.missed = sender.missed.saturating_add(u32::try_from(missed).unwrap_or(u32::MAX));
            }
            sender.longest_gap_us = sender.longest_gap_us.max(u32::try_from(gap.us()).unwrap_or(u32::MAX));
        }
        sender.priority = advert.priority;
        sender.advert_interval_cs = advert.advert_interval_cs;
        sender.checksum = Some(advert.checksum);
        sender.received = sender.received.saturating_add(1);
        sender.last_heard = now;
        gap
    }

    /// Notes a discarded packet. If it is time to report the reason, returns how many packets of this sender were
    /// discarded since the last report about it.
    pub(super) fn reject(&mut self, now: Instant, address: IpAddr, reason: Reject) -> Option<u32> {
        let may_report = self.reported_at.is_none_or(|at| now.since(at) >= REJECT_REPORT_SPACING);
        let sender = self.entry(now, address, false)?;
        sender.rejected = sender.rejected.saturating_add(1);
        sender.unreported = sender.unreported.saturating_add(1);
        sender.last_reject = Some(reason);
        if sender.received == 0 {
            sender.last_heard = now;
        }
        let now_s = wrapping_seconds(now);
        if now_s.wrapping_sub(sender.reports_since_s) >= REJECT_REPORT_EVERY_S {
            sender.reports_since_s = now_s;
            sender.reported = Reasons::default();
        }
        if sender.reported.contains(reason) || !may_report {
            return None;
        }
        sender.reported.insert(reason);
        let count = core::mem::take(&mut sender.unreported);
        self.reported_at = Some(now);
        Some(count)
    }

    /// Notes whether the advert just accepted carried our addresses. Returns whether that is news.
    pub(super) fn note_addresses(&mut self, address: IpAddr, differ: bool) -> bool {
        let sender = self.known.iter_mut().find(|sender| sender.address == address);
        sender.is_some_and(|sender| core::mem::replace(&mut sender.addresses_differ, differ) != differ)
    }

    /// The entry of `address`, made if need be. A stranger never displaces a sender whose adverts were accepted, so a
    /// flood of forged sources cannot make us forget the group. `None` if there is no room for it.
    fn entry(&mut self, now: Instant, address: IpAddr, accepted: bool) -> Option<&mut Sender> {
        let index = match self.known.iter().position(|sender| sender.address == address) {
            Some(index) => index,
            None if !self.known.is_full() => {
                self.known.push(Sender::new(address, now)).ok()?;
                self.known.len() - 1
            }
            None => {
                let displaced = |sender: &Sender| accepted || sender.received == 0;
                let (index, _) = self
                    .known
                    .iter()
                    .enumerate()
                    .filter(|(_, sender)| displaced(sender))
                    .min_by_key(|(_, sender)| (sender.received > 0, sender.last_heard))?;
                *self.known.get_mut(index)? = Sender::new(address, now);
                index
            }
        };
        self.known.get_mut(index)
    }
}

/// Whole seconds since the origin. They fill 32 bits after 136 years.
fn whole_seconds(now: Instant) -> u32 {
    u32::try_from(now.us() / 1_000_000).unwrap_or(u32::MAX)
}

/// Whole seconds since the origin, modulo 18 hours.
const fn wrapping_seconds(now: Instant) -> u16 {
    #[allow(clippy::cast_possible_truncation, reason = "modulo is what is wanted")]
    let seconds = (now.us() / 1_000_000) as u16;
    seconds
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::Ipv4Addr;

    const DOWN: Duration = Duration::from_us(3_609_375);

    fn address(n: u8) -> IpAddr {
        IpAddr::V4(Ipv4Addr::new(10, 0, 0, n))
    }

    fn advert() -> Accepted {
        Accepted { priority: 100, advert_interval_cs: 100, checksum: Checksum::Plain, addresses_differ: false }
    }

    fn at(ms: u64) -> Instant {
        Instant::ZERO + Duration::from_ms(ms)
    }

    #[test]
    fn gaps_tell_late_from_missed_from_absent() {
        let mut senders = Senders::default();
        for ms in [0, 1_000, 2_010, 3_600, 6_600, 16_600, 17_600] {
            senders.accept(at(ms), address(1), &advert(), DOWN);
        }
        let sender = senders.as_slice()[0];
        // 1,590 ms: late, and rounded two intervals; 3,000 ms: late, two missed; 10 s: absent, so neither.
        assert_eq!((sender.received, sender.late, sender.missed), (7, 2, 3));
        assert_eq!(sender.longest_gap(), Duration::from_ms(3_000));
    }

    #[test]
    fn a_flood_of_forged_sources_does_not_displace_the_group() {
        let mut senders = Senders::default();
        senders.accept(at(0), address(1), &advert(), DOWN);
        let mut reports = 0;
        for n in 0..10_000_u32 {
            let forged = IpAddr::V4(Ipv4Addr::from_bits(n));
            reports += u32::from(senders.reject(at(u64::from(n) / 10), forged, Reject::Ttl).is_some());
        }
        assert!(senders.as_slice().iter().any(|sender| sender.address == address(1)));
        assert_eq!(reports, 5, "one in 200 ms over a second");
        for n in 2..=9 {
            senders.accept(at(2_000), address(n), &advert(), DOWN);
        }
        assert!(!senders.as_slice().iter().any(|sender| sender.address == address(1)), "the group may");
    }

    #[test]
    fn a_reason_is_reported_once_and_then_counted() {
        let mut senders = Senders::default();
        let mut reports = std::vec::Vec::new();
        for ms in (0..25_000).step_by(100) {
            if let Some(count) = senders.reject(at(ms), address(1), Reject::Checksum) {
                reports.push((ms, count));
            }
        }
        assert_eq!(reports, [(0, 1), (10_000, 100), (20_000, 100)]);
        assert_eq!(senders.reject(at(25_000), address(1), Reject::Ttl), Some(50), "another reason is news");
        assert_eq!(senders.as_slice()[0].rejected, 251);
    }

    #[test]
    fn alternating_reasons_are_each_reported_once_in_their_time() {
        let mut senders = Senders::default();
        let mut reports = 0;
        for (turn, ms) in (0..30_000).step_by(10).enumerate() {
            reports += u32::from(senders.reject(at(ms), address(1), Reject::ALL[turn % 4]).is_some());
        }
        assert_eq!(reports, 12, "four reasons, three times ten seconds");
    }
}
