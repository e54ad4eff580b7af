//! The effective priority: what is configured, and what trackers add to it or take from it.
//!
//! keepalived.conf(5), "VRRP tracking": a tracker with a weight changes the priority, one without keeps the instance in
//! FAULT while it fails. RFC 9568 §5.2.4 has the range: 1 to 254 for a backup, 255 for the owner of the addresses, whose
//! priority nothing changes.

use core::num::NonZeroU8;

use crate::time::Instant;

/// The highest priority of a router that does not own the addresses.
pub const BACKUP_PRIORITY_MAX: u8 = 254;

/// The largest weight, and the largest that a tracker adds or takes.
pub const WEIGHT_MAX: i16 = 254;

/// Something outside that instances follow: a place in a list of the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrackerId(pub u16);

/// What a tracker says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reading {
    /// Nothing yet.
    #[default]
    Unknown,
    /// All is well.
    Good,
    /// It has failed.
    Bad,
    /// A number, which the weight multiplies (`track_file`). With weight 0, any but 0 is a failure.
    Value(i32),
}

/// How much a tracker counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weight {
    /// Above 0: added while it is good. Below 0: taken off while it is bad. 0: a failure means FAULT.
    pub value: i16,
    /// Adds instead of taking off, and takes off instead of adding; with weight 0, success means FAULT.
    pub reverse: bool,
}

/// What a reading comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contribution {
    /// Added to the priority; may be negative or 0.
    Adds(i16),
    /// The instance must not take part.
    Blocks,
    /// The instance must not begin before the first reading is there.
    Awaited,
}

/// A tracker: what it said last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tracker {
    /// What it says.
    pub reading: Reading,
    /// Since when it says so.
    pub since: Instant,
}

/// That a router follows a tracker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Track {
    /// Which.
    pub tracker: TrackerId,
    /// How much it counts.
    pub weight: Weight,
}

impl Track {
    /// What it comes to. A tracker that is not in the table has said nothing.
    pub fn contribution(&self, trackers: &[Tracker]) -> Contribution {
        let tracker = trackers.get(usize::from(self.tracker.0)).copied().unwrap_or_default();
        self.weight.contribution(tracker.reading)
    }
}

impl Weight {
    /// What a reading comes to under this weight.
    pub fn contribution(self, reading: Reading) -> Contribution {
        let signed = if self.reverse { -i32::from(self.value) } else { i32::from(self.value) };
        match (self.value, reading) {
            (0, Reading::Unknown) => Contribution::Awaited,
            (0, Reading::Good | Reading::Value(0)) if self.reverse => Contribution::Blocks,
            (0, Reading::Bad | Reading::Value(1.. | ..0)) if !self.reverse => Contribution::Blocks,
            (0, Reading::Good | Reading::Bad | Reading::Value(_)) => Contribution::Adds(0),
            (1.., Reading::Good) | (..0, Reading::Bad) => Contribution::Adds(limited(signed)),
            (1.., Reading::Bad) | (..0, Reading::Good) | (_, Reading::Unknown) => Contribution::Adds(0),
            (_, Reading::Value(value)) => {
                let product = signed.saturating_mul(value);
                // keepalived.conf(5), "track_file": "if the result is less than -253, any VRRP instance monitoring the
                // file will transition to the fault state".
                if product <= -i32::from(WEIGHT_MAX) {
                    Contribution::Blocks
                } else {
                    Contribution::Adds(limited(product))
                }
            }
        }
    }
}

/// What all trackers of a router come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sum {
    /// The priority that counts.
    pub effective: u8,
    /// Whether a tracker keeps the router from taking part.
    pub blocks: bool,
    /// Whether a first reading is waited for.
    pub awaits: bool,
}

/// Adds up what `tracks` come to, given what the trackers say.
pub fn sum(base: NonZeroU8, tracks: &[Track], trackers: &[Tracker]) -> Sum {
    let (mut blocks, mut awaits, mut points) = (false, false, i32::from(base.get()));
    for track in tracks {
        match track.contribution(trackers) {
            Contribution::Adds(more) => points = points.saturating_add(i32::from(more)),
            Contribution::Blocks => blocks = true,
            Contribution::Awaited => awaits = true,
        }
    }
    let limited = u8::try_from(points.clamp(1, i32::from(BACKUP_PRIORITY_MAX))).unwrap_or(BACKUP_PRIORITY_MAX);
    let effective = if base.get() > BACKUP_PRIORITY_MAX { base.get() } else { limited };
    Sum { effective, blocks, awaits }
}

fn limited(points: i32) -> i16 {
    let max = i32::from(WEIGHT_MAX);
    i16::try_from(points.clamp(-max, max)).unwrap_or(WEIGHT_MAX)
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    #[test]
    fn what_readings_come_to() {
        use Contribution::{Adds, Awaited, Blocks};
        use Reading::{Bad, Good, Unknown, Value};
        let table = [
            // weight, reverse, reading, effect
            (0, false, Unknown, Awaited),
            (0, false, Good, Adds(0)),
            (0, false, Bad, Blocks),
            (0, true, Good, Blocks),
            (0, true, Bad, Adds(0)),
            (0, false, Value(0), Adds(0)),
            (0, false, Value(7), Blocks),
            (0, false, Value(-1), Blocks),
            (0, true, Value(0), Blocks),
            (0, true, Value(7), Adds(0)),
            (20, false, Unknown, Adds(0)),
            (20, false, Good, Adds(20)),
            (20, false, Bad, Adds(0)),
            (20, true, Good, Adds(-20)),
            (-20, false, Unknown, Adds(0)),
            (-20, false, Good, Adds(0)),
            (-20, false, Bad, Adds(-20)),
            (-20, true, Bad, Adds(20)),
            (1, false, Value(-10), Adds(-10)),
            (2, false, Value(-10), Adds(-20)),
            (2, true, Value(-10), Adds(20)),
            (1, false, Value(-253), Adds(-253)),
            (1, false, Value(-254), Blocks),
            (254, false, Value(i32::MAX), Adds(254)),
            (254, false, Value(i32::MIN), Blocks),
        ];
        for (value, reverse, reading, contribution) in table {
            assert_eq!(Weight { value, reverse }.contribution(reading), contribution, "{value} {reverse} {reading:?}");
        }
    }

    #[test]
    fn the_sum_stays_in_its_range() {
        let sum_of = |base, weights: &[i16]| {
            // The even trackers are well, the odd ones have failed.
            let reading = |index| if index % 2 == 0 { Reading::Good } else { Reading::Bad };
            let trackers: Vec<_> = (0..4).map(|at| Tracker { reading: reading(at), since: Instant::ZERO }).collect();
            let track = |(index, value): (u16, &i16)| {
                let weight = Weight { value: *value, reverse: false };
                Track { tracker: TrackerId(index), weight }
            };
            let tracks: Vec<_> = (0..).zip(weights).map(track).collect();
            sum(NonZeroU8::new(base).unwrap(), &tracks, &trackers)
        };
        let plain = |effective| Sum { effective, blocks: false, awaits: false };
        assert_eq!(sum_of(100, &[]), plain(100));
        assert_eq!(sum_of(100, &[20, -50]), plain(70));
        assert_eq!(sum_of(100, &[20, -200]), plain(1));
        assert_eq!(sum_of(100, &[200]), plain(254));
        // The limits hold for the sum, not for what goes into it.
        assert_eq!(sum_of(100, &[200, -100]), plain(200));
        assert_eq!(sum_of(255, &[0, -50]), plain(255));
        assert_eq!(sum_of(100, &[20, 0]), Sum { effective: 120, blocks: true, awaits: false });
        // The fifth has no place in the table: nothing is known of it.
        assert_eq!(sum_of(100, &[1, 1, 1, 1, 0]), Sum { effective: 102, blocks: false, awaits: true });
    }
}
