//! Has the processor fetch what a look-up will need, while it does something else. Nothing is looked up or changed; a partition
//! whose lock is taken is passed over, as this must never wait.

use shared::slot::Slot;

use super::Keyspace;

impl Keyspace {
    /// Fetches the line of its table in which a key would stand. Returns what [`Keyspace::fetch_entry`] goes on with.
    #[inline]
    pub fn fetch_line(&self, key: &[u8]) -> (Slot, u64) {
        let (slot, hash) = (Slot::of_key(key), self.hasher.hash(key));
        if let Some(partition) = self.cells[slot.partition()].lock.try_lock() {
            partition.table(slot).fetch_line(hash);
        }
        (slot, hash)
    }

    /// Fetches the entry that has this hash, if its line holds one.
    #[inline]
    pub fn fetch_entry(&self, slot: Slot, hash: u64) {
        if let Some(partition) = self.cells[slot.partition()].lock.try_lock() {
            partition.table(slot).fetch_entry(hash);
        }
    }
}
