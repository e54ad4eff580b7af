//! How often something took how long.

use serde::Serialize;

use crate::reading::readable;

/// Durations, counted in ranges that grow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Histogram {
    /// The ranges, the shortest first; the last one has no end.
    pub buckets: Vec<Bucket>,
    /// The sum of all durations.
    pub sum_us: u64,
    /// The longest one.
    pub max_us: u64,
}

/// A range of durations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Bucket {
    /// Its end, which belongs to it; absent for the last range.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_us: Option<u64>,
    /// How many there were in it, and in it alone.
    pub count: u64,
}

impl Histogram {
    /// How many durations were counted.
    pub fn count(&self) -> u64 {
        self.buckets.iter().fold(0, |sum, bucket| sum.saturating_add(bucket.count))
    }

    /// An upper bound of what so many of a thousand stay within: the end of the range that the last of them lies in, or the
    /// longest duration where that is less. `None` if nothing was counted.
    pub fn within_us(&self, per_mille: u64) -> Option<u64> {
        let count = self.count();
        let wanted = count.saturating_mul(per_mille.min(1_000)).div_ceil(1_000).max(1);
        let mut seen = 0u64;
        let bucket = self.buckets.iter().find(|bucket| {
            seen = seen.saturating_add(bucket.count);
            seen >= wanted
        })?;
        Some(bucket.to_us.map_or(self.max_us, |to_us| to_us.min(self.max_us)))
    }
}

readable! {
    Histogram { buckets, sum_us, max_us }
    Bucket { to_us, count }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(counts: [u64; 3], max_us: u64) -> Histogram {
        let ends = [Some(10), Some(100), None];
        let buckets = ends.into_iter().zip(counts).map(|(to_us, count)| Bucket { to_us, count }).collect();
        Histogram { buckets, sum_us: 0, max_us }
    }

    #[test]
    fn what_most_stay_within_is_the_end_of_their_range() {
        let most_short = histogram([990, 9, 1], 5_000);
        assert_eq!(most_short.count(), 1_000);
        assert_eq!(most_short.within_us(500), Some(10));
        assert_eq!(most_short.within_us(990), Some(10));
        assert_eq!(most_short.within_us(991), Some(100));
        assert_eq!(most_short.within_us(1_000), Some(5_000), "the last range has no end but the longest");
        assert_eq!(histogram([7, 0, 0], 3).within_us(999), Some(3), "never more than the longest");
        assert_eq!(histogram([0, 0, 0], 0).within_us(500), None);
        assert_eq!(Histogram::default().within_us(500), None);
    }
}
