//! What the node counts, for INFO.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters since the start or the last CONFIG RESETSTAT.
#[derive(Default)]
pub struct Stats {
    connections: AtomicU64,
    rejected: AtomicU64,
    commands: AtomicU64,
    unblocked: AtomicU64,
}

impl Stats {
    /// A client was accepted.
    pub fn connected(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    /// A client was refused at `maxclients`.
    pub fn rejected(&self) {
        self.rejected.fetch_add(1, Ordering::Relaxed);
    }

    /// So many commands were run.
    pub fn ran(&self, commands: u64) {
        self.commands.fetch_add(commands, Ordering::Relaxed);
    }

    /// A waiting client was served.
    pub fn unblocked(&self) {
        self.unblocked.fetch_add(1, Ordering::Relaxed);
    }
}
