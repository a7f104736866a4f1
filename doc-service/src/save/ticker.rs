//! When a changed document is saved.

use shared::rt::time::{Duration, Instant};

/// A save may take this share of the time between two saves: a document that takes long is saved less often.
const PAUSE_PER_SAVE: u32 = 4;

/// Longest rest after a save: one that took very long waited for the cluster.
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// Decides; the room asks it again and again.
#[derive(Debug)]
pub struct Ticker {
    every: Duration,
    /// Since when there is something to save.
    changed_at: Option<Instant>,
    started_at: Option<Instant>,
    not_before: Instant,
}

impl Ticker {
    /// Saves so long after a change.
    pub fn new(every: Duration, now: Instant) -> Ticker {
        Ticker { every, changed_at: None, started_at: None, not_before: now }
    }

    /// The document has changed.
    pub fn changed(&mut self, now: Instant) {
        self.changed_at.get_or_insert(now);
    }

    /// Whether there is something to save, or a save under way.
    pub fn is_busy(&self) -> bool {
        self.changed_at.is_some() || self.started_at.is_some()
    }

    /// Whether a save is to start now. If so, it has started: what changes from now on is for the next.
    pub fn start(&mut self, now: Instant) -> bool {
        let due = self.changed_at.is_some_and(|changed_at| now >= changed_at + self.every);
        due && now >= self.not_before && self.start_now(now)
    }

    /// Starts a save whenever something changed, as when the document is closed.
    pub fn start_now(&mut self, now: Instant) -> bool {
        if self.started_at.is_some() || self.changed_at.take().is_none() {
            return false;
        }
        self.started_at = Some(now);
        true
    }

    /// The save has ended.
    pub fn done(&mut self, now: Instant) {
        let took = self.started_at.take().map_or(Duration::ZERO, |started_at| now - started_at);
        self.not_before = now + (took * PAUSE_PER_SAVE).min(PAUSE_MAX);
    }

    /// The save has failed, or another service has the lease: there is still something to save.
    pub fn failed(&mut self, now: Instant) {
        self.started_at = None;
        self.changed_at = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Duration = Duration::from_secs(3);

    fn at(start: Instant, ms: u64) -> Instant {
        start + Duration::from_millis(ms)
    }

    #[test]
    fn the_first_change_starts_the_clock_and_later_ones_do_not_move_it() {
        let start = Instant::now();
        let mut ticker = Ticker::new(EVERY, start);
        assert!(!ticker.start(at(start, 10_000)), "nothing changed");
        ticker.changed(at(start, 10_000));
        ticker.changed(at(start, 12_900));
        assert!(!ticker.start(at(start, 12_999)));
        assert!(ticker.start(at(start, 13_000)));
        assert!(!ticker.start(at(start, 20_000)), "one at a time");
    }

    #[test]
    fn what_changes_during_a_save_is_saved_by_the_next() {
        let start = Instant::now();
        let mut ticker = Ticker::new(EVERY, start);
        ticker.changed(start);
        assert!(ticker.start(at(start, 3_000)));
        ticker.changed(at(start, 3_010));
        ticker.done(at(start, 3_020));
        assert!(ticker.is_busy() && ticker.start(at(start, 6_010)));
    }

    #[test]
    fn a_slow_save_makes_saves_rarer_and_a_failed_one_is_tried_again() {
        let start = Instant::now();
        let mut ticker = Ticker::new(EVERY, start);
        ticker.changed(start);
        assert!(ticker.start(at(start, 3_000)));
        ticker.changed(at(start, 3_000));
        ticker.done(at(start, 5_000));
        assert!(!ticker.start(at(start, 12_999)));
        assert!(ticker.start(at(start, 13_000)), "2 s of saving, 8 s of rest");
        ticker.failed(at(start, 13_001));
        assert!(!ticker.start(at(start, 13_002)));
        assert!(ticker.start(at(start, 16_001)));
    }

    #[test]
    fn a_save_that_waited_for_the_cluster_does_not_make_the_next_one_wait_for_a_multiple_of_that() {
        let start = Instant::now();
        let mut ticker = Ticker::new(EVERY, start);
        ticker.changed(start);
        assert!(ticker.start(at(start, 3_000)));
        ticker.changed(at(start, 3_000));
        ticker.done(at(start, 15_000));
        assert!(!ticker.start(at(start, 24_999)));
        assert!(ticker.start(at(start, 25_000)));
    }
}
