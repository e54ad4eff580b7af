//! Points in time as the kernel stamps frames with them, and waiting.

use std::fmt;
use std::ops::{Add, Sub};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A point in time on the wall clock, which is the one that the kernel stamps frames with.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(Duration);

impl Moment {
    /// Before everything.
    pub const BEGINNING: Self = Self(Duration::ZERO);
    /// After everything.
    pub const END: Self = Self(Duration::MAX);

    /// Now.
    pub fn now() -> Self {
        Self(SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock stands after 1970"))
    }

    /// The moment this long after 1970.
    pub const fn from_unix(since_1970: Duration) -> Self {
        Self(since_1970)
    }

    /// Since 1970.
    pub const fn unix(self) -> Duration {
        self.0
    }

    /// The time from `earlier` to `self`; none if `earlier` is the later one.
    pub const fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }
}

impl Sub<Duration> for Moment {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(duration))
    }
}

impl fmt::Debug for Moment {
    /// Minutes and seconds, so that lines can be compared by eye.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        write!(f, "{:02}:{:02}.{:06}", seconds / 60 % 60, seconds % 60, self.0.subsec_micros())
    }
}

/// How often a condition is looked at while it is waited for.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(25);

/// Waits until `look` finds something.
///
/// # Panics
/// When it found nothing within `limit`.
#[track_caller]
pub fn wait_for<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(started.elapsed() < limit, "waited {limit:?} in vain for {what}");
        sleep(LOOK_EVERY);
    }
}
