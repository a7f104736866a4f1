//! Which edits of a document are on their way and not *saved* yet.

use std::collections::BTreeSet;

use parking_lot::Mutex;
use tokio::sync::Notify;

/// Numbers the edits of one door and knows which of them are open: begun, and neither saved nor given up.
#[derive(Debug, Default)]
pub(super) struct Unsaved {
    state: Mutex<State>,
    closed: Notify,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    open: BTreeSet<u64>,
}

impl Unsaved {
    /// A new edit begins.
    pub(super) fn begin(&self) -> u64 {
        let mut state = self.state.lock();
        let number = state.next;
        state.next += 1;
        state.open.insert(number);
        number
    }

    /// An edit is saved, or was given up and its publisher knows.
    pub(super) fn close(&self, number: u64) {
        let mut state = self.state.lock();
        let oldest = state.open.first() == Some(&number);
        state.open.remove(&number);
        drop(state);
        if oldest {
            self.closed.notify_waiters();
        }
    }

    /// How many edits are open.
    pub(super) fn count(&self) -> usize {
        self.state.lock().open.len()
    }

    /// Waits until every edit that has begun by now is closed.
    pub(super) async fn wait(&self) {
        let target = self.state.lock().next;
        loop {
            let closed = self.closed.notified();
            tokio::pin!(closed);
            // Counts from here on: a close between the look and the wait is not missed.
            closed.as_mut().enable();
            if self.state.lock().open.first().is_none_or(|&oldest| oldest >= target) {
                return;
            }
            closed.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn waiting_is_for_what_began_before() {
        let unsaved = Unsaved::default();
        let (first, second) = (unsaved.begin(), unsaved.begin());
        let mut wait = Box::pin(unsaved.wait());
        assert!(wait.as_mut().now_or_never().is_none());
        let third = unsaved.begin();
        unsaved.close(second);
        assert!(wait.as_mut().now_or_never().is_none());
        unsaved.close(first);
        assert!(wait.as_mut().now_or_never().is_some());
        assert_eq!(unsaved.count(), 1);
        unsaved.close(third);
        assert!(unsaved.wait().now_or_never().is_some());
    }
}
