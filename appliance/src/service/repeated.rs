//! What strangers can have us say again and again is said once in a while, with a count. The core reports discarded packets
//! as rarely for the senders that it remembers; here it holds for any number of senders.

use locum_control::SortedMap;
use std::net::IpAddr;

use locum_core::time::{Duration, Instant};

/// At most one line in this time about the same.
const EVERY: Duration = Duration::from_s(10);

/// What is long ago is looked for this often, where there is no room.
const CLEAR_EVERY: Duration = Duration::from_s(1);

/// Different things that are remembered at a time.
const KNOWN_MAX: usize = 512;

/// Whose, about which sender, what.
type Key = (String, IpAddr, &'static str);

/// What was said lately.
#[derive(Debug, Default)]
pub(super) struct Repeated {
    known: SortedMap<Key, Said>,
    /// All that there was no room for.
    others: Option<Said>,
    /// When what is long ago was last forgotten.
    cleared_at: Option<Instant>,
}

#[derive(Debug, Default)]
struct Said {
    at: Option<Instant>,
    /// How often it happened since, without being said.
    unsaid: u32,
}

/// What may be said now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Say {
    /// Nothing.
    Nothing,
    /// It; it has happened so often since it was last said.
    It(u32),
    /// That this happened so often, by more senders than are told apart.
    OfMany(u32),
}

impl Repeated {
    /// It happened `count` times.
    pub(super) fn happened(
        &mut self,
        now: Instant,
        whose: &str,
        source: IpAddr,
        what: &'static str,
        count: u32,
    ) -> Say {
        let key = (whose.to_owned(), source, what);
        if self.known.len() >= KNOWN_MAX && !self.known.contains_key(&key) {
            if self.cleared_at.is_none_or(|at| now.since(at) >= CLEAR_EVERY) {
                self.cleared_at = Some(now);
                self.known.retain(|_, said| !said.is_long_ago(now));
            }
            if self.known.len() >= KNOWN_MAX {
                return self.others.get_or_insert_default().again(now, count).map_or(Say::Nothing, Say::OfMany);
            }
        }
        self.known.get_or_default(key).again(now, count).map_or(Say::Nothing, Say::It)
    }
}

impl Said {
    fn is_long_ago(&self, now: Instant) -> bool {
        self.at.is_none_or(|at| now.since(at) >= EVERY)
    }

    fn again(&mut self, now: Instant, count: u32) -> Option<u32> {
        self.unsaid = self.unsaid.saturating_add(count);
        if !self.is_long_ago(now) {
            return None;
        }
        self.at = Some(now);
        Some(std::mem::take(&mut self.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn sender(number: u32) -> IpAddr {
        Ipv4Addr::from_bits(0x0a00_0000 + number).into()
    }

    #[test]
    fn one_line_in_ten_seconds_for_a_sender_and_a_reason_with_the_count() {
        let mut repeated = Repeated::default();
        let mut lines = SortedMap::<(IpAddr, &str), Vec<(u64, u32)>>::new();
        // Twenty senders, two reasons, a report of each every 100 ms, for a minute.
        let mut happened = 0;
        for tick in 0..600 {
            let now = Instant::from_us(1_000_000 + tick * 100_000);
            for number in 0..20 {
                for what in ["password differs", "TTL is not 255"] {
                    happened += 3;
                    if let Say::It(count) = repeated.happened(now, "VI_1", sender(number), what, 3) {
                        lines.get_or_default((sender(number), what)).push((now.us(), count));
                    }
                }
            }
        }
        assert_eq!(lines.len(), 40);
        let mut told = 0;
        for said in lines.values() {
            assert_eq!(said.len(), 6, "{said:?}");
            assert!(said.windows(2).all(|pair| pair[1].0 - pair[0].0 >= 10_000_000), "{said:?}");
            told += said.iter().map(|(_, count)| u64::from(*count)).sum::<u64>();
        }
        // All are counted but those after the last line.
        assert_eq!(told, happened - 40 * 99 * 3);
    }

    #[test]
    fn any_number_of_senders_has_a_bounded_number_of_lines() {
        let mut repeated = Repeated::default();
        let (mut lines, mut of_many) = (0, 0);
        // Four thousand senders a second, for half a minute; nobody comes twice.
        for number in 0..120_000u32 {
            let now = Instant::from_us(1_000_000 + u64::from(number) * 250);
            match repeated.happened(now, "VI_1", sender(number), "password differs", 1) {
                Say::Nothing => {}
                Say::It(_) => lines += 1,
                Say::OfMany(count) => of_many += count,
            }
            assert!(repeated.known.len() <= KNOWN_MAX);
        }
        assert!(lines <= 4 * KNOWN_MAX, "{lines} lines");
        assert!(of_many > 50_000, "{of_many}");
    }

    #[test]
    fn the_same_of_another_instance_is_another_thing() {
        let mut repeated = Repeated::default();
        let now = Instant::ZERO;
        for whose in ["VI_1", "VI_2"] {
            assert_eq!(repeated.happened(now, whose, sender(1), "x", 1), Say::It(1));
        }
        let later = now + EVERY;
        assert_eq!(repeated.happened(later, "VI_1", sender(1), "x", 1), Say::It(1));
        assert_eq!(repeated.happened(later, "VI_1", sender(1), "x", 1), Say::Nothing);
    }
}
