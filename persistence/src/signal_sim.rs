//! Waking the tasks that are writer and syncer on a simulated machine.

use std::sync::atomic::{AtomicU8, Ordering};

use tokio::sync::Notify;

/// How much somebody wants a task to move.
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
    raised: Notify,
}

impl Signal {
    /// Raises the level if it is lower.
    pub(crate) fn raise_after_lock(&self, urgency: Urgency) {
        self.raise(urgency);
    }

    /// Raises the level if it is lower.
    pub(crate) fn raise(&self, urgency: Urgency) {
        if self.level.fetch_max(urgency as u8, Ordering::AcqRel) < urgency as u8 {
            self.raised.notify_waiters();
        }
    }

    /// Takes the level back, before looking at what there is to do.
    pub(crate) fn clear(&self) {
        self.level.store(0, Ordering::Release);
    }

    /// Waits until the level is at least this high.
    pub(crate) async fn raised(&self, urgency: Urgency) {
        loop {
            let raised = self.raised.notified();
            if self.level.load(Ordering::Acquire) >= urgency as u8 {
                return;
            }
            raised.await;
        }
    }
}
