//! How durations are distributed, in buckets of Prometheus's shape.

use std::sync::atomic::{AtomicU64, Ordering};

use shared::rt::time::Duration;

/// Upper bounds of the buckets, microseconds; one more bucket holds what is longer.
pub(super) const BOUNDS_US: [u64; 13] =
    [250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 125_000, 250_000, 1_000_000, 4_000_000];

/// Counts of durations by bucket.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [AtomicU64; BOUNDS_US.len() + 1],
    sum_us: AtomicU64,
}

impl Histogram {
    /// Counts one duration.
    pub fn observe(&self, duration: Duration) {
        let us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_US.iter().position(|&bound| us <= bound).unwrap_or(BOUNDS_US.len());
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(us, Ordering::Relaxed);
    }

    /// Durations up to each bound of [`BOUNDS_US`] (cumulative), how many there are in all, and their sum in microseconds.
    pub fn totals(&self) -> (Vec<u64>, u64, u64) {
        let mut count = 0;
        let cumulative: Vec<u64> = self
            .buckets
            .iter()
            .map(|bucket| {
                count += bucket.load(Ordering::Relaxed);
                count
            })
            .collect();
        (cumulative[..BOUNDS_US.len()].to_vec(), count, self.sum_us.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_counts_in_every_bucket_that_is_not_shorter() {
        let histogram = Histogram::default();
        for us in [100, 250, 251, 9_000_000] {
            histogram.observe(Duration::from_micros(us));
        }
        let (cumulative, count, sum) = histogram.totals();
        assert_eq!(cumulative[..2], [2, 3]);
        assert_eq!((cumulative.last(), count, sum), (Some(&3), 4, 9_000_601));
    }
}
