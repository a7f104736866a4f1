//! What clients know: of each key what was sent, answered and saved, and of what nobody knows what became.
//!
//! Each key has one writer, which waits for each answer, so the order of its writes is known.

use std::collections::{BTreeMap, BTreeSet};

use shared::slot::Slot;

/// What a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `SET key n`, n rising.
    Register,
    /// `INCR key`.
    Counter,
    /// `XADD key * n n`, n rising.
    Stream,
}

/// A key and its writes, numbered from 1.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) slot: Slot,
    pub(crate) kind: Kind,
    /// The last write that was sent.
    pub(crate) sent: u64,
    /// Writes that were answered and may be lost.
    pub(crate) answered: BTreeSet<u64>,
    /// Writes that must never be lost.
    pub(crate) saved: BTreeSet<u64>,
    /// Writes that may have been done, or be done later.
    pub(crate) unknown: BTreeSet<u64>,
}

impl Key {
    pub(crate) fn new(name: String, kind: Kind) -> Key {
        let slot = Slot::of_key(name.as_bytes());
        let (answered, saved, unknown) = Default::default();
        Key { name, slot, kind, sent: 0, answered, saved, unknown }
    }

    /// What was answered on a connection is saved.
    pub(crate) fn save(&mut self, writes: &[u64]) {
        for write in writes {
            self.answered.remove(write);
            self.saved.insert(*write);
        }
    }
}

/// Everything that all clients know.
#[derive(Debug, Default)]
pub(crate) struct Oracle {
    pub(crate) keys: BTreeMap<String, Key>,
}
