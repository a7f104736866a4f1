//! The data: 16,384 slot tables inside 256 partitions, each partition behind one lock.
//!
//! # Layout
//!
//! - [`partition`]: what one lock guards; [`held`]: the locks that one command holds.
//! - [`slot_table`]: the keys of one slot; [`lines`]: a hash table made of cache lines; [`entry`]: one key with its value; [`dump`]: an entry as bytes; [`digest`]: as a number; [`clock`]: when it was used.
//! - [`fetch`]: has the processor fetch what look-ups will need.
//! - [`value`]: the types of values that are not strings.
//! - [`wheel`]: which keys expire when.
//! - [`watch`]: keys that transactions watch; [`waiting`]: clients that wait for keys.

pub mod clock;
pub mod digest;
pub mod dump;
pub mod entry;
mod fetch;
pub mod held;
pub mod lines;
pub mod partition;
pub mod slot_table;
pub mod value;
pub mod waiting;
pub mod watch;
pub mod wheel;

use std::hash::{BuildHasher, Hasher};

use foldhash::quality::FixedState;
use parking_lot::{Mutex, MutexGuard};
use shared::limits::PARTITIONS;
use shared::slot::Slot;

pub use held::{Held, Partitions};
pub use partition::{Left, Partition, PartitionStats};

/// Hashes keys; seeded per keyspace, so that nobody outside can choose colliding keys.
#[derive(Clone, Copy)]
pub struct KeyHasher(u64);

impl KeyHasher {
    /// The hasher with this seed.
    pub fn new(seed: u64) -> KeyHasher {
        KeyHasher(seed)
    }

    /// The hash of a key.
    #[inline]
    pub fn hash(&self, key: &[u8]) -> u64 {
        let mut hasher = FixedState::with_seed(self.0).build_hasher();
        hasher.write(key);
        hasher.finish()
    }
}

/// A partition with its lock and the figures that others read without it.
struct Cell {
    lock: Mutex<Partition>,
    stats: PartitionStats,
}

/// All keys of a node.
pub struct Keyspace {
    cells: Box<[Cell]>,
    hasher: KeyHasher,
}

impl Keyspace {
    /// An empty keyspace whose hashes are seeded with `seed`; `now_ms` is where expiry begins to look.
    pub fn new(seed: u64, now_ms: u64) -> Keyspace {
        let hasher = KeyHasher::new(seed);
        let cell =
            |_| Cell { lock: Mutex::new(Partition::new(hasher, now_ms)), stats: PartitionStats::default() };
        Keyspace { cells: (0..PARTITIONS).map(cell).collect(), hasher }
    }

    /// Locks the partition with this index (0 to 255). Whoever holds one may only lock a higher one.
    #[inline]
    pub fn lock(&self, partition: usize) -> Locked<'_> {
        let cell = &self.cells[partition];
        Locked { guard: cell.lock.lock(), stats: &cell.stats }
    }

    /// The hasher of its keys.
    pub fn hasher(&self) -> KeyHasher {
        self.hasher
    }

    /// The figures of each partition, as its last holder left them.
    pub fn stats(&self) -> impl Iterator<Item = &PartitionStats> {
        self.cells.iter().map(|cell| &cell.stats)
    }

    /// How many keys there are (keys past their deadline count until they are given back).
    pub fn len(&self) -> usize {
        self.stats().map(PartitionStats::keys).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many keys lie in a slot, without those that are on their way to another node.
    pub fn count_in_slot(&self, slot: Slot) -> usize {
        self.lock(slot.partition()).staying(slot)
    }

    /// Whether keys of a slot are on their way to another node.
    pub fn is_leaving(&self, slot: Slot) -> bool {
        self.lock(slot.partition()).leaving.iter().any(|key| Slot::of_key(key) == slot)
    }

    /// At most `limit` keys of a slot, none that is on its way to another node.
    pub fn keys_in_slot(&self, slot: Slot, limit: usize) -> Vec<Box<[u8]>> {
        let partition = self.lock(slot.partition());
        let stays = |key: &&[u8]| partition.leaving.iter().all(|leaving| **leaving != **key);
        partition
            .table(slot)
            .iter()
            .map(|entry| entry.key())
            .filter(stays)
            .take(limit)
            .map(Box::from)
            .collect()
    }
}

/// A locked partition; unlocking publishes its figures.
pub struct Locked<'k> {
    guard: MutexGuard<'k, Partition>,
    stats: &'k PartitionStats,
}

impl Drop for Locked<'_> {
    #[inline]
    fn drop(&mut self) {
        self.stats.publish(&self.guard);
    }
}

impl std::ops::Deref for Locked<'_> {
    type Target = Partition;

    #[inline]
    fn deref(&self) -> &Partition {
        &self.guard
    }
}

impl std::ops::DerefMut for Locked<'_> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Partition {
        &mut self.guard
    }
}
