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

/// A tracker as one router follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Track {
    /// Which.
    pub tracker: TrackerId,
    /// How much it counts.
    pub weight: Weight,
    /// What it said last.
    pub reading: Reading,
    /// Since when it says so.
    pub since: Instant,
}

impl Track {
    /// What it comes to.
    pub fn contribution(&self) -> Contribution {
        self.weight.contribution(self.reading)
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

/// The priority that counts.
pub fn effective(base: NonZeroU8, tracks: &[Track]) -> u8 {
    if base.get() > BACKUP_PRIORITY_MAX {
        return base.get();
    }
    let points = |track: &Track| match track.contribution() {
        Contribution::Adds(points) => i32::from(points),
        Contribution::Blocks | Contribution::Awaited => 0,
    };
    let sum = tracks.iter().map(points).fold(i32::from(base.get()), i32::saturating_add);
    u8::try_from(sum.clamp(1, i32::from(BACKUP_PRIORITY_MAX))).unwrap_or(BACKUP_PRIORITY_MAX)
}

fn limited(points: i32) -> i16 {
    let max = i32::from(WEIGHT_MAX);
    i16::try_from(points.clamp(-max, max)).unwrap_or(WEIGHT_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn track(value: i16, reverse: bool, reading: Reading) -> Track {
        Track { tracker: TrackerId(0), weight: Weight { value, reverse }, reading, since: Instant::from_us(1) }
    }

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
            assert_eq!(track(value, reverse, reading).contribution(), contribution, "{value} {reverse} {reading:?}");
        }
    }

    #[test]
    fn the_sum_stays_in_its_range() {
        let base = |priority| NonZeroU8::new(priority).unwrap();
        let (good, bad) = (Reading::Good, Reading::Bad);
        assert_eq!(effective(base(100), &[]), 100);
        assert_eq!(effective(base(100), &[track(20, false, good), track(-50, false, bad)]), 70);
        assert_eq!(effective(base(100), &[track(-200, false, bad)]), 1);
        assert_eq!(effective(base(100), &[track(200, false, good)]), 254);
        // The limits hold for the sum, not for what goes into it.
        assert_eq!(effective(base(100), &[track(200, false, good), track(-100, false, bad)]), 200);
        assert_eq!(effective(base(255), &[track(-50, false, bad)]), 255);
    }
}
