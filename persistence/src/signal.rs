//! Waking the writer and the syncer, at the price of one load when they are awake already.

use std::sync::atomic::{AtomicU8, Ordering};

use parking_lot::{Condvar, Mutex};
use shared::rt::time::{Duration, Instant};

/// How much somebody wants a thread to move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Urgency {
    /// There is something to do, in time.
    Soon = 1,
    /// Somebody waits.
    Now = 2,
}

#[derive(Debug, Default)]
pub(crate) struct Signal {
    level: AtomicU8,
    /// The level at which the sleeper wakes.
    sleeper: Mutex<u8>,
    raised: Condvar,
}

impl Signal {
    /// Raises the level if it is lower: for who has just changed something under a lock that the sleeper takes after [`Signal::clear`].
    ///
    /// Either that lock was taken before the sleeper took it, so the sleeper finds the change; or after it, and then this load
    /// finds the level down.
    #[inline]
    pub(crate) fn raise_after_lock(&self, urgency: Urgency) {
        if self.level.load(Ordering::Relaxed) < urgency as u8 {
            self.raise(urgency);
        }
    }

    /// Raises the level if it is lower: what was stored before is seen by the sleeper after its next [`Signal::clear`].
    #[cold]
    pub(crate) fn raise(&self, urgency: Urgency) {
        if self.level.fetch_max(urgency as u8, Ordering::AcqRel) < urgency as u8 {
            // Not woken for less than it waits for: that it finds when its time is over.
            if *self.sleeper.lock() <= urgency as u8 {
                self.raised.notify_all();
            }
        }
    }

    /// Takes the level back, before looking at what there is to do.
    pub(crate) fn clear(&self) {
        self.level.swap(0, Ordering::AcqRel);
    }

    /// Sleeps until the level is at least this high, or until the time; whether the level is.
    pub(crate) fn wait(&self, urgency: Urgency, until: Option<Instant>) -> bool {
        let mut held = self.sleeper.lock();
        *held = urgency as u8;
        while self.level.load(Ordering::Acquire) < urgency as u8 {
            match until {
                None => self.raised.wait(&mut held),
                Some(until) => {
                    let left = until.saturating_duration_since(Instant::now());
                    if left == Duration::ZERO {
                        return false;
                    }
                    self.raised.wait_for(&mut held, left);
                }
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sleeper_wakes_at_its_level_and_not_below() {
        let signal = Signal::default();
        signal.raise(Urgency::Soon);
        signal.wait(Urgency::Soon, None);
        let until = Instant::now() + Duration::from_millis(20);
        signal.wait(Urgency::Now, Some(until));
        assert!(Instant::now() >= until);
        std::thread::scope(|scope| {
            scope.spawn(|| signal.wait(Urgency::Now, None));
            signal.raise(Urgency::Now);
        });
        signal.clear();
        assert_eq!(signal.level.load(Ordering::Relaxed), 0);
    }
}
