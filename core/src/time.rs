//! Time as the core knows it: microseconds handed in by the caller, never read from a clock.

use core::fmt;
use core::num::NonZeroU64;
use core::ops::{Add, Sub};

/// A point in time: microseconds since an origin that the caller chooses and keeps (the service uses `CLOCK_BOOTTIME`).
///
/// Held one higher than it is, so that an `Option` of it needs no more room: a router has a dozen of them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(NonZeroU64);

impl Instant {
    /// The origin.
    pub const ZERO: Self = Self(NonZeroU64::MIN);

    /// The instant `us` microseconds after the origin.
    pub const fn from_us(us: u64) -> Self {
        Self(NonZeroU64::MIN.saturating_add(us))
    }

    /// Microseconds since the origin.
    pub const fn us(self) -> u64 {
        self.0.get() - 1
    }

    /// The time from `earlier` to `self`, zero if `earlier` is the later one.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration(self.0.get().saturating_sub(earlier.0.get()))
    }
}

impl Default for Instant {
    fn default() -> Self {
        Self::ZERO
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Instant({} us)", self.us())
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration.0))
    }
}

impl Sub<Duration> for Instant {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self::from_us(self.us().saturating_sub(duration.0))
    }
}

/// A span of time in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(u64);

impl Duration {
    /// No time.
    pub const ZERO: Self = Self(0);

    /// A span of `us` microseconds.
    pub const fn from_us(us: u64) -> Self {
        Self(us)
    }

    /// A span of `ms` milliseconds.
    pub const fn from_ms(ms: u64) -> Self {
        Self(ms.saturating_mul(1_000))
    }

    /// A span of `cs` centiseconds, the unit of adverts in VRRPv3.
    pub const fn from_cs(cs: u16) -> Self {
        Self(cs as u64 * 10_000)
    }

    /// A span of `s` seconds.
    pub const fn from_s(s: u64) -> Self {
        Self(s.saturating_mul(1_000_000))
    }

    /// The span in microseconds.
    pub const fn us(self) -> u64 {
        self.0
    }

    /// `self` × `n`.
    pub const fn times(self, n: u64) -> Self {
        Self(self.0.saturating_mul(n))
    }

    /// How many whole spans of `unit` fit in: 0 if `unit` is zero.
    pub const fn whole(self, unit: Self) -> u64 {
        match self.0.checked_div(unit.0) {
            Some(n) => n,
            None => 0,
        }
    }
}

impl Add for Duration {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl fmt::Display for Duration {
    /// As a technician reads it: `3.6 s`, `250 ms`, `4 min 10 s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0 / 1_000;
        match ms {
            0..1_000 => write!(f, "{ms} ms"),
            1_000..60_000 => {
                let tenths = (ms + 50) / 100;
                write!(f, "{}.{} s", tenths / 10, tenths % 10)
            }
            60_000..3_600_000 => write!(f, "{} min {} s", ms / 60_000, ms / 1_000 % 60),
            _ => write!(f, "{} h {} min", ms / 3_600_000, ms / 60_000 % 60),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn arithmetic_saturates_at_both_ends() {
        assert_eq!(Instant::from_us(5).since(Instant::from_us(9)), Duration::ZERO);
        assert_eq!(Instant::from_us(u64::MAX) + Duration::from_us(1), Instant::from_us(u64::MAX - 1));
        assert_eq!(size_of::<Option<Instant>>(), 8);
        assert_eq!((Instant::ZERO - Duration::from_us(1)).us(), 0);
    }

    #[test]
    fn durations_read_as_people_say_them() {
        for (us, text) in [
            (0, "0 ms"),
            (609_375, "609 ms"),
            (3_609_375, "3.6 s"),
            (59_900_000, "59.9 s"),
            (250_000_000, "4 min 10 s"),
            (7_260_000_000, "2 h 1 min"),
        ] {
            assert_eq!(Duration::from_us(us).to_string(), text);
        }
    }
}
