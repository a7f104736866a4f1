//! What `CLUSTER INFO` counts.

use std::sync::atomic::{AtomicU64, Ordering};

use super::packet::Kind;

/// Packets by kind, and links that were reset because their queue was full.
#[derive(Debug, Default)]
pub struct Counters {
    sent: [AtomicU64; Kind::ALL.len()],
    received: [AtomicU64; Kind::ALL.len()],
    overflows: AtomicU64,
}

impl Counters {
    /// So many packets of a kind were handed to links.
    pub fn sent(&self, kind: Kind, count: u64) {
        self.sent[place(kind)].fetch_add(count, Ordering::Relaxed);
    }

    /// A packet of a kind came.
    pub fn received(&self, kind: Kind) {
        self.received[place(kind)].fetch_add(1, Ordering::Relaxed);
    }

    /// A link was reset because its peer did not read what was published.
    pub fn overflowed(&self) {
        self.overflows.fetch_add(1, Ordering::Relaxed);
    }

    /// Sent packets by kind.
    pub fn all_sent(&self) -> impl Iterator<Item = (Kind, u64)> {
        Kind::ALL.into_iter().map(|kind| (kind, self.sent[place(kind)].load(Ordering::Relaxed)))
    }

    /// Received packets by kind.
    pub fn all_received(&self) -> impl Iterator<Item = (Kind, u64)> {
        Kind::ALL.into_iter().map(|kind| (kind, self.received[place(kind)].load(Ordering::Relaxed)))
    }

    /// Links that were reset because of a full queue.
    pub fn overflows(&self) -> u64 {
        self.overflows.load(Ordering::Relaxed)
    }
}

fn place(kind: Kind) -> usize {
    usize::from(kind as u16 - 1)
}
