//! How late the engine was for its deadlines: a histogram that costs an addition and allocates nothing.

use locum_control::{Bucket, Histogram};
use locum_core::time::Duration;

/// The ends of the ranges in microseconds, each of which belongs to its range. Nothing is expected beyond the first few;
/// the last ones tell a busy machine from one that was stopped.
const ENDS_US: [u64; 19] = [
    10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000,
    2_000_000, 5_000_000, 10_000_000,
];

/// How often the engine was how late.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lateness {
    /// Of the range that ends at the same place of [`ENDS_US`]; the last one has no end.
    counts: [u64; ENDS_US.len() + 1],
    sum_us: u64,
    max_us: u64,
}

impl Lateness {
    /// The engine was so late.
    pub(super) fn note(&mut self, late: Duration) {
        let us = late.us();
        let place = ENDS_US.partition_point(|end| *end < us);
        if let Some(count) = self.counts.get_mut(place) {
            *count += 1;
        }
        self.sum_us = self.sum_us.saturating_add(us);
        self.max_us = self.max_us.max(us);
    }

    /// As it is told.
    pub(crate) fn histogram(&self) -> Histogram {
        let ends = ENDS_US.into_iter().map(Some).chain([None]);
        let buckets = ends.zip(self.counts).map(|(to_us, count)| Bucket { to_us, count }).collect();
        Histogram { buckets, sum_us: self.sum_us, max_us: self.max_us }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_counted_once_in_the_range_that_it_lies_in() {
        let mut lateness = Lateness::default();
        for us in [0, 10, 11, 20, 1_000_000, 10_000_000, 10_000_001, u64::MAX] {
            lateness.note(Duration::from_us(us));
        }
        let told = lateness.histogram();
        let count = |to_us: Option<u64>| told.buckets.iter().find(|bucket| bucket.to_us == to_us).unwrap().count;
        assert_eq!(told.buckets.len(), 20);
        assert_eq!([Some(10), Some(20), Some(50)].map(count), [2, 2, 0]);
        assert_eq!([Some(1_000_000), Some(10_000_000), None].map(count), [1, 1, 2]);
        assert_eq!((told.count(), told.max_us, told.sum_us), (8, u64::MAX, u64::MAX));
    }

    #[test]
    fn the_ranges_grow() {
        assert!(ENDS_US.is_sorted_by(|before, after| before < after));
    }
}
