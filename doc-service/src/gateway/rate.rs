//! How fast one client may send: a token bucket that says how long to wait, so that nobody is cut off for a burst.

use shared::limits::{CLIENT_MESSAGES_BURST_MAX, CLIENT_MESSAGES_PER_SECOND_MAX};
use shared::rt::time::{Duration, Instant};

/// Messages that may still be sent now; refills with time.
#[derive(Debug)]
pub struct Rate {
    tokens: f64,
    filled_at: Instant,
}

impl Rate {
    /// A full bucket.
    pub fn new(now: Instant) -> Rate {
        Rate { tokens: f64::from(CLIENT_MESSAGES_BURST_MAX), filled_at: now }
    }

    /// Takes one message's token; the time to wait before the next message is read, if the bucket is empty.
    pub fn take(&mut self, now: Instant) -> Option<Duration> {
        let per_second = f64::from(CLIENT_MESSAGES_PER_SECOND_MAX);
        let since = now.saturating_duration_since(self.filled_at).as_secs_f64();
        self.filled_at = now;
        self.tokens = (self.tokens + since * per_second).min(f64::from(CLIENT_MESSAGES_BURST_MAX)) - 1.0;
        (self.tokens < 0.0).then(|| Duration::from_secs_f64(-self.tokens / per_second))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_a_flood_waits_at_the_named_rate() {
        let start = Instant::now();
        let mut rate = Rate::new(start);
        assert!((0..CLIENT_MESSAGES_BURST_MAX).all(|_| rate.take(start).is_none()));
        let mut now = start;
        for _ in 0..CLIENT_MESSAGES_PER_SECOND_MAX {
            now += rate.take(now).unwrap();
        }
        let took = (now - start).as_secs_f64();
        assert!((0.99..1.01).contains(&took), "{took}");
    }
}
