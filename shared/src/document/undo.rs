//! Undo and redo of one's own edits only: what others wrote in between stays.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use yrs::branch::Branch;
use yrs::undo::{Options, UndoManager};

use super::guard::{Broken, Document, LOCAL};

/// Edits with less time between them are one step, milliseconds (Yjs `captureTimeout`).
const STEP_MS: u64 = 500;

const OBSERVER: &str = "undo";

pub(crate) struct Undo {
    manager: UndoManager<()>,
    /// The clock that the manager reads, milliseconds; it never goes back.
    now_ms: Arc<AtomicU64>,
}

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Undo,
    Redo,
}

impl Undo {
    pub(crate) fn new(document: &Document, scope: &impl AsRef<Branch>) -> Undo {
        // From 1: the manager takes 0 for "never".
        let now_ms = Arc::new(AtomicU64::new(1));
        let clock = now_ms.clone();
        let mut manager = UndoManager::with_options(Options {
            capture_timeout_millis: STEP_MS,
            tracked_origins: [LOCAL.into()].into(),
            timestamp: Arc::new(move || clock.load(Ordering::Relaxed)),
            ..Options::default()
        });
        manager.expand_scope(document.doc(), scope);
        Undo { manager, now_ms }
    }

    /// Tells the time, before an edit.
    pub(crate) fn tick(&self, now_ms: u64) {
        self.now_ms.fetch_max(now_ms.max(1), Ordering::Relaxed);
    }

    /// The next edit starts a new step.
    pub(crate) fn end_step(&mut self) {
        self.manager.reset();
    }

    pub(crate) fn can(&self, way: Way) -> bool {
        match way {
            Way::Undo => self.manager.can_undo(),
            Way::Redo => self.manager.can_redo(),
        }
    }

    /// Goes one step; returns the update to publish if something changed.
    pub(crate) fn go(&mut self, way: Way, document: &mut Document) -> Result<Option<Vec<u8>>, Broken> {
        let updates: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
        let sink = updates.clone();
        let before = document.state_vector();
        let observed = document
            .doc()
            .observe_update_v1(OBSERVER, move |_, event| sink.lock().push(event.update.clone()));
        observed.map_err(|_| Broken)?;
        let manager = &mut self.manager;
        let went = catch_unwind(AssertUnwindSafe(|| match way {
            Way::Undo => manager.undo_blocking(),
            Way::Redo => manager.redo_blocking(),
        }));
        if went.is_err() || document.doc().unobserve_update_v1(OBSERVER).is_err() {
            self.abandon();
            return Err(Broken);
        }
        let updates = std::mem::take(&mut *updates.lock());
        for update in &updates {
            document.note(update)?;
        }
        Ok(match updates.len() {
            0 => None,
            1 => updates.into_iter().next(),
            _ => Some(document.encode_since(&before)?),
        })
    }

    /// The document broke. Its manager is not dropped: that would wait for the document's lock.
    pub(crate) fn abandon(&mut self) {
        std::mem::forget(std::mem::replace(&mut self.manager, UndoManager::new()));
    }
}
