//! How long to wait before trying again.

use crate::rt::rng::Rng;
use crate::rt::time::Duration;

/// Waits that double up to a bound, each shortened by up to a half at random, so that many clients do not come back at once.
#[derive(Debug, Clone)]
pub struct Backoff {
    next: Duration,
    min: Duration,
    max: Duration,
}

impl Backoff {
    /// Waits between these two.
    pub fn new(min: Duration, max: Duration) -> Backoff {
        Backoff { next: min, min, max }
    }

    /// The next wait.
    pub fn wait(&mut self, rng: &mut Rng) -> Duration {
        let whole = self.next.min(self.max);
        self.next = (whole * 2).min(self.max);
        let micros = u64::try_from(whole.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(micros - rng.below(micros / 2 + 1))
    }

    /// Starts over: it worked.
    pub fn reset(&mut self) {
        self.next = self.min;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_bound_and_start_over() {
        let mut rng = Rng::from_seed(1);
        let mut backoff = Backoff::new(Duration::from_millis(10), Duration::from_millis(40));
        for whole in [10, 20, 40, 40] {
            let wait = backoff.wait(&mut rng);
            assert!(
                wait <= Duration::from_millis(whole) && wait >= Duration::from_millis(whole / 2),
                "{wait:?}"
            );
        }
        backoff.reset();
        assert!(backoff.wait(&mut rng) <= Duration::from_millis(10));
    }
}
