//! How long to wait before the next attempt to connect.

use shared::rt::rng::Rng;
use shared::rt::time::Duration;

use super::limits::LINK_HELD_MIN;

/// The first wait.
const FIRST: Duration = Duration::from_millis(250);

/// The longest wait: a person looks at a banner meanwhile.
const LONGEST: Duration = Duration::from_secs(5);

/// Doubling waits with jitter, so that a restarted service is not hit by all windows in the same instant.
#[derive(Debug)]
pub struct Backoff {
    attempt: u32,
    rng: Rng,
}

impl Backoff {
    /// Waits that begin at the first.
    pub fn new(rng: Rng) -> Backoff {
        Backoff { attempt: 0, rng }
    }

    /// The next wait: between half and the whole of a bound that doubles up to the longest.
    pub fn next_wait(&mut self) -> Duration {
        let bound = FIRST.saturating_mul(1 << self.attempt.min(16)).min(LONGEST);
        self.attempt = self.attempt.saturating_add(1);
        let half = bound / 2;
        let jitter = self.rng.below(u64::try_from(half.as_millis()).unwrap_or(u64::MAX) + 1);
        half + Duration::from_millis(jitter)
    }

    /// A connection that held for this time is gone: begin with the first wait again, unless it was too short to mean anything.
    /// Returns whether it meant something.
    pub fn held(&mut self, time: Duration) -> bool {
        let held = time >= LINK_HELD_MIN;
        if held {
            self.attempt = 0;
        }
        held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_differ_between_windows() {
        let mut backoff = Backoff::new(Rng::from_seed(1));
        let waits: Vec<Duration> = (0..12).map(|_| backoff.next_wait()).collect();
        for (attempt, wait) in waits.iter().enumerate() {
            let bound = FIRST.saturating_mul(1 << attempt.min(16)).min(LONGEST);
            assert!(*wait >= bound / 2 && *wait <= bound, "attempt {attempt}: {wait:?}");
        }
        let mut other = Backoff::new(Rng::from_seed(2));
        assert_ne!(waits, (0..12).map(|_| other.next_wait()).collect::<Vec<_>>());
        assert!(!backoff.held(LINK_HELD_MIN - Duration::from_millis(1)));
        assert!(backoff.next_wait() >= LONGEST / 2, "who is refused at once does not come back at once");
        assert!(backoff.held(LINK_HELD_MIN));
        assert!(backoff.next_wait() <= FIRST);
    }
}
