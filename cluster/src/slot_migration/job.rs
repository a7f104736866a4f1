//! One migration of slots, as `CLUSTER GETSLOTMIGRATIONS` shows it.

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use shared::node_id::NodeId;
use shared::rt::time;
use shared::slot_set::SlotSet;
use tokio::sync::watch;

use crate::topology::TransferId;

/// What a node does in a migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Its slots go.
    Export,
    /// They come.
    Import,
}

impl Operation {
    /// Its word.
    pub fn name(self) -> &'static str {
        match self {
            Operation::Export => "EXPORT",
            Operation::Import => "IMPORT",
        }
    }
}

/// How far a migration is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Others are before it.
    Waiting,
    /// The other node is being reached.
    Connecting,
    /// What the slots hold is on its way.
    Snapshotting,
    /// What is written meanwhile follows.
    Streaming,
    /// The slots change hands: requests for them wait.
    HandingOver,
    /// The slots are the other node's.
    Success,
    /// They are not, and stay where they were.
    Failed,
    /// The same, because somebody wanted so.
    Cancelled,
}

impl State {
    /// Its word.
    pub fn name(self) -> &'static str {
        match self {
            State::Waiting => "waiting",
            State::Connecting => "connecting",
            State::Snapshotting => "snapshotting",
            State::Streaming => "streaming",
            State::HandingOver => "handing-over",
            State::Success => "success",
            State::Failed => "failed",
            State::Cancelled => "cancelled",
        }
    }

    /// Whether it is not over.
    pub fn is_active(self) -> bool {
        !matches!(self, State::Success | State::Failed | State::Cancelled)
    }
}

/// One migration.
#[derive(Debug)]
pub struct Job {
    /// Its name, the same on both nodes.
    pub id: TransferId,
    /// What this node does in it.
    pub operation: Operation,
    /// What moves.
    pub slots: SlotSet,
    /// Where from.
    pub source: NodeId,
    /// Where to.
    pub target: NodeId,
    /// When it was ordered, Unix milliseconds.
    pub created_ms: u64,
    progress: Mutex<Progress>,
    /// Slots whose entries were sent, or have come.
    pub slots_done: AtomicU64,
    /// Bytes that are written here and that the other node has not confirmed, at least.
    pub remaining_bytes: AtomicU64,
    cancelled: watch::Sender<bool>,
}

#[derive(Debug)]
struct Progress {
    state: State,
    message: String,
    updated_ms: u64,
    acked_ms: u64,
}

/// How a migration stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// How far it is.
    pub state: State,
    /// Why it is not further.
    pub message: String,
    /// When it last came further, Unix milliseconds.
    pub updated_ms: u64,
    /// When the other node last confirmed something, Unix milliseconds; 0 for never.
    pub acked_ms: u64,
}

impl Job {
    /// One that waits to begin.
    pub fn new(id: TransferId, operation: Operation, slots: SlotSet, source: NodeId, target: NodeId) -> Job {
        let now = time::now_ms();
        let progress =
            Progress { state: State::Waiting, message: String::new(), updated_ms: now, acked_ms: 0 };
        Job {
            id,
            operation,
            slots,
            source,
            target,
            created_ms: now,
            progress: Mutex::new(progress),
            slots_done: AtomicU64::new(0),
            remaining_bytes: AtomicU64::new(0),
            cancelled: watch::Sender::new(false),
        }
    }

    /// How far it is.
    pub fn state(&self) -> State {
        self.progress.lock().state
    }

    /// How it stands.
    pub fn status(&self) -> Status {
        let Progress { state, message, updated_ms, acked_ms } = &*self.progress.lock();
        Status { state: *state, message: message.clone(), updated_ms: *updated_ms, acked_ms: *acked_ms }
    }

    /// It has come further.
    pub(super) fn enters(&self, state: State) {
        self.ends(state, String::new());
    }

    /// It is over, or stands, for this reason.
    pub(super) fn ends(&self, state: State, message: String) {
        let mut progress = self.progress.lock();
        (progress.state, progress.message, progress.updated_ms) = (state, message, time::now_ms());
    }

    /// The other node has confirmed something.
    pub(super) fn acked(&self) {
        let mut progress = self.progress.lock();
        (progress.acked_ms, progress.updated_ms) = (time::now_ms(), time::now_ms());
        self.remaining_bytes.store(0, Ordering::Relaxed);
    }

    /// Has it end, unless the slots change hands already.
    pub fn cancel(&self) {
        self.cancelled.send_replace(true);
    }

    /// Whether it is to end.
    pub fn is_cancelled(&self) -> bool {
        *self.cancelled.borrow()
    }

    /// Waits until it is to end.
    pub(super) async fn until_cancelled(&self) {
        let mut cancelled = self.cancelled.subscribe();
        // The sender lives as long as this.
        let _cancelled = cancelled.wait_for(|cancelled| *cancelled).await;
    }
}
