//! One shard's log, as short as a model needs it.

use std::hash::{Hash, Hasher};

/// An epoch of the cluster: `currentEpoch`, `configEpoch`, `lastVoteEpoch`. 0 is none.
pub type Epoch = u8;

/// Most entries that a log of the model holds: the bound on client writes.
pub const ENTRIES_MAX: usize = 3;

/// One write in a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Entry {
    /// The config epoch of the primary that took it.
    pub epoch: Epoch,
    /// Which client write. An engine does not see it: two entries are the same to it if position and epoch are.
    pub write: u8,
}

/// What a copy holds, from the first entry on; its length is the replication offset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Log {
    entries: [Entry; ENTRIES_MAX],
    len: u8,
}

/// In one piece: hashing is a third of what a check costs.
impl Hash for Log {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        let start = u64::from(self.len);
        let join = |sum: u64, entry: &Entry| sum << 16 | u64::from(entry.epoch) << 8 | u64::from(entry.write);
        hasher.write_u64(self.entries.iter().fold(start, join));
    }
}

impl Log {
    /// Number of entries.
    pub fn len(&self) -> usize {
        usize::from(self.len)
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The entries in order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries[..self.len()]
    }

    /// Appends one; a log that is full stays as it is (the bound on writes comes first).
    pub fn push(&mut self, entry: Entry) {
        if let Some(place) = self.entries.get_mut(usize::from(self.len)) {
            *place = entry;
            self.len += 1;
        }
    }

    /// The first `len` entries. What is cut is zeroed: equal logs must be equal states.
    pub fn first(mut self, len: usize) -> Log {
        for entry in self.entries.iter_mut().skip(len) {
            *entry = Entry::default();
        }
        self.len = self.len.min(u8::try_from(len).unwrap_or(u8::MAX));
        self
    }

    /// How many leading entries two logs share, as far as an engine can tell: by epoch and position.
    pub fn shared_with(&self, other: &Log) -> usize {
        self.entries().iter().zip(other.entries()).take_while(|(a, b)| a.epoch == b.epoch).count()
    }

    /// Whether the other log is a prefix of this one, write by write.
    pub fn starts_with(&self, other: &Log) -> bool {
        self.entries().starts_with(other.entries())
    }
}
