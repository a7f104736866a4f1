//! What one lock guards: the tables of 64 neighbouring slots and what belongs to them.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use shared::limits::{PARTITIONS, SLOTS};
use shared::slot::Slot;

use super::KeyHasher;
use super::entry::{Deadline, Entry, NEVER};
use super::slot_table::{Place, SlotTable};
use super::waiting::Waiting;
use super::watch::Watched;
use super::wheel::{Due, Wheel};

/// Slots of a partition.
const SLOTS_PER_PARTITION: usize = SLOTS / PARTITIONS;

/// The tables of 64 neighbouring slots. All changes of keys go through its methods, which keep the sums right.
pub struct Partition {
    tables: Box<[SlotTable]>,
    hasher: KeyHasher,
    keys: usize,
    /// Bytes of all entries, as [`Entry::memory`] counts them.
    memory: usize,
    /// Keys that have a deadline.
    volatile: usize,
    /// When they expire.
    wheel: Wheel,
    /// Look-ups that found their key.
    pub hits: u64,
    /// Look-ups that did not.
    pub misses: u64,
    /// Keys removed because their deadline had passed.
    pub expired: u64,
    /// Keys that transactions watch.
    pub watched: Watched,
    /// Clients that wait for keys.
    pub waiting: Waiting,
    /// Keys that are on their way to another node: nobody touches them until they have arrived there.
    pub leaving: Vec<Box<[u8]>>,
}

/// What a node has of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// No key.
    Nothing,
    /// Only keys on their way to another node: MIGRATE has sent them, and that one has not said that they are on its disk.
    OnTheirWay,
    /// Keys.
    Keys,
}

impl Partition {
    /// No keys; the wheel of deadlines stands at `now_ms`.
    pub fn new(hasher: KeyHasher, now_ms: u64) -> Partition {
        let tables = (0..SLOTS_PER_PARTITION).map(|_| SlotTable::new()).collect();
        Partition {
            tables,
            hasher,
            keys: 0,
            memory: 0,
            volatile: 0,
            wheel: Wheel::new(now_ms),
            hits: 0,
            misses: 0,
            expired: 0,
            watched: Watched::default(),
            waiting: Waiting::default(),
            leaving: Vec::new(),
        }
    }

    /// The hash of a key in its tables.
    #[inline]
    pub fn hash(&self, key: &[u8]) -> u64 {
        self.hasher.hash(key)
    }

    /// The hasher of its keys.
    pub fn hasher(&self) -> KeyHasher {
        self.hasher
    }

    /// What is here of a slot.
    pub fn left(&self, slot: Slot) -> Left {
        match (self.table(slot).is_empty(), self.staying(slot)) {
            (true, _) => Left::Nothing,
            (false, 0) => Left::OnTheirWay,
            (false, _) => Left::Keys,
        }
    }

    /// How many keys of a slot are not on their way to another node.
    pub fn staying(&self, slot: Slot) -> usize {
        let leaving = self.leaving.iter();
        let leaving = leaving.filter(|key| Slot::of_key(key) == slot && self.find(slot, key).is_some());
        self.table(slot).len() - leaving.count()
    }

    /// The table of a slot.
    #[inline]
    pub fn table(&self, slot: Slot) -> &SlotTable {
        &self.tables[slot.index() % SLOTS_PER_PARTITION]
    }

    #[inline]
    fn table_mut(&mut self, slot: Slot) -> &mut SlotTable {
        &mut self.tables[slot.index() % SLOTS_PER_PARTITION]
    }

    /// Where a key lies, whether or not its deadline has passed.
    #[inline]
    pub fn find(&self, slot: Slot, key: &[u8]) -> Option<Place> {
        self.table(slot).find(self.hash(key), key)
    }

    /// The entry at a place.
    #[inline]
    pub fn at(&self, slot: Slot, place: Place) -> Option<&Entry> {
        self.table(slot).at(place)
    }

    /// Changes the entry at a place; what it takes is measured anew afterwards.
    #[inline]
    pub fn change<R>(&mut self, slot: Slot, place: Place, change: impl FnOnce(&mut Entry) -> R) -> Option<R> {
        let entry = self.table_mut(slot).at_mut(place)?;
        let before = entry.memory();
        let result = change(entry);
        let after = entry.remeasure().1;
        self.memory = self.memory - before + after;
        Some(result)
    }

    /// The entry at a place, to change. Whoever calls must call [`Partition::settle`] on it afterwards.
    #[inline]
    pub fn at_mut(&mut self, slot: Slot, place: Place) -> Option<&mut Entry> {
        self.table_mut(slot).at_mut(place)
    }

    /// Measures a key anew after its value was changed in place, and removes it if that is now empty. True if it was removed.
    pub fn settle(&mut self, slot: Slot, key: &[u8]) -> bool {
        let Some(place) = self.find(slot, key) else { return false };
        let Some(entry) = self.table_mut(slot).at_mut(place) else { return false };
        let (before, after) = entry.remeasure();
        let empty = entry.as_object().is_some_and(super::value::Value::is_empty);
        self.memory = self.memory - before + after;
        if empty {
            self.remove(slot, place);
        }
        empty
    }

    /// Takes out the entry at a place.
    #[inline]
    pub fn remove(&mut self, slot: Slot, place: Place) -> Option<Entry> {
        let hasher = self.hasher;
        let entry = self.table_mut(slot).remove(place, hasher)?;
        self.keys -= 1;
        self.memory -= entry.memory();
        self.volatile -= usize::from(entry.deadline() != NEVER);
        Some(entry)
    }

    /// Takes out the entry at a place because its deadline has passed.
    #[cold]
    pub fn expire(&mut self, slot: Slot, place: Place) -> Option<Entry> {
        self.expired += 1;
        self.remove(slot, place)
    }

    /// Replaces what the key at a place holds by a string; in place if nothing moves.
    #[inline]
    pub fn put_string(
        &mut self,
        slot: Slot,
        place: Place,
        key: &[u8],
        value: &[u8],
        deadline: Deadline,
        clock: u32,
    ) {
        let Some(entry) = self.table_mut(slot).at_mut(place) else { return };
        let (memory, old) = (entry.memory(), entry.deadline());
        let new = if let Deadline::At(at) = deadline { at } else { old };
        match entry {
            Entry::Str(string) => string.replace(value, new),
            Entry::Object(_) => *entry = Entry::string(key, value, new, clock),
        }
        let now = entry.memory();
        self.memory = self.memory - memory + now;
        self.deadline_changed(slot, key, old, new);
    }

    /// Sets when the key at a place expires; [`NEVER`] persists it.
    pub fn set_deadline(&mut self, slot: Slot, place: Place, key: &[u8], deadline: u64) {
        let Some(old) = self.at(slot, place).map(Entry::deadline) else { return };
        self.change(slot, place, |entry| entry.set_deadline(deadline));
        self.deadline_changed(slot, key, old, deadline);
    }

    #[inline]
    fn deadline_changed(&mut self, slot: Slot, key: &[u8], old: u64, new: u64) {
        self.volatile = self.volatile + usize::from(new != NEVER) - usize::from(old != NEVER);
        if new != NEVER && new != old {
            self.wind(slot, self.hash(key), new);
        }
    }

    /// Puts a deadline into the wheel.
    fn wind(&mut self, slot: Slot, hash: u64, deadline: u64) {
        self.wheel.insert(Due::new(hash, slot.index() % SLOTS_PER_PARTITION, deadline));
        let (tables, hasher) = (&self.tables, self.hasher);
        self.wheel.sweep(self.volatile, |due| {
            let table = &tables[due.place()];
            table
                .find_hash(due.hash, hasher)
                .any(|place| table.at(place).is_some_and(|entry| is_of(entry, due)))
        });
    }

    /// The keys that are due now, at most about `limit`, with their slots; true if there may be more. `index` is this
    /// partition's. They are still there.
    pub fn due(
        &mut self,
        index: usize,
        now_ms: u64,
        limit: usize,
        found: &mut Vec<(Slot, Box<[u8]>)>,
    ) -> bool {
        let mut out = Vec::new();
        let more = self.wheel.advance(now_ms, limit, &mut out);
        for due in out {
            let number = u16::try_from(index * SLOTS_PER_PARTITION + due.place()).ok();
            let Some(slot) = number.and_then(Slot::new) else { continue };
            let table = &self.tables[due.place()];
            let entries = table.find_hash(due.hash, self.hasher).filter_map(|place| table.at(place));
            found.extend(entries.filter(|entry| is_of(entry, &due)).map(|entry| (slot, entry.key().into())));
        }
        more
    }

    /// Puts in an entry whose key is not there.
    #[inline]
    pub fn insert(&mut self, slot: Slot, entry: Entry) {
        self.keys += 1;
        self.memory += entry.memory();
        self.volatile += usize::from(entry.deadline() != NEVER);
        let hash = self.hash(entry.key());
        let hasher = self.hasher;
        let deadline = entry.deadline();
        self.table_mut(slot).insert(hash, entry, hasher);
        if deadline != NEVER {
            self.wind(slot, hash, deadline);
        }
    }

    /// Has the keys of a slot come out when they are due, also those that came out already and were passed over.
    pub fn wind_slot(&mut self, slot: Slot) {
        let deadlines: Vec<(u64, u64)> = self
            .table(slot)
            .iter()
            .filter(|entry| entry.deadline() != NEVER)
            .map(|entry| (self.hash(entry.key()), entry.deadline()))
            .collect();
        deadlines.into_iter().for_each(|(hash, deadline)| self.wind(slot, hash, deadline));
    }

    /// Takes out all keys; dropping the tables is left to the caller, outside the lock.
    pub fn take_all(&mut self) -> Box<[SlotTable]> {
        self.watched.all_changed();
        (self.keys, self.memory, self.volatile) = (0, 0, 0);
        let empty = (0..SLOTS_PER_PARTITION).map(|_| SlotTable::new()).collect();
        std::mem::replace(&mut self.tables, empty)
    }

    /// Takes out all keys of a slot.
    pub fn take_slot(&mut self, slot: Slot) -> SlotTable {
        let table = std::mem::take(self.table_mut(slot));
        for entry in table.iter() {
            self.keys -= 1;
            self.memory -= entry.memory();
            self.volatile -= usize::from(entry.deadline() != NEVER);
            self.watched.changed(entry.key());
        }
        table
    }

    /// The slots that hold keys; `index` is this partition's.
    pub fn slots_in_use(&self, index: usize) -> Vec<Slot> {
        let number =
            |place: usize| u16::try_from(index * SLOTS_PER_PARTITION + place).ok().and_then(Slot::new);
        let used = self.tables.iter().enumerate().filter(|(_, table)| !table.is_empty());
        used.filter_map(|(place, _)| number(place)).collect()
    }

    /// How many keys have a deadline.
    pub fn volatile(&self) -> usize {
        self.volatile
    }

    /// All its entries, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.tables.iter().flat_map(SlotTable::iter)
    }

    /// Some entry, chosen by random bits; none only if there is none. A slot is as likely as it has keys.
    pub fn sample(&self, random: u64) -> Option<&Entry> {
        let mut nth = (random % self.keys.max(1) as u64) as usize;
        let table = self.tables.iter().find(|table| {
            let here = nth < table.len();
            nth -= if here { 0 } else { table.len() };
            here
        });
        table.and_then(|table| table.sample(random.rotate_right(8)))
    }

    /// Bytes of all its entries.
    pub fn memory(&self) -> usize {
        self.memory
    }

    /// Bytes of its tables, without what the entries point to.
    pub fn table_memory(&self) -> usize {
        self.tables.iter().map(SlotTable::table_memory).sum()
    }

    /// How many keys it holds.
    pub fn len(&self) -> usize {
        self.keys
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.keys == 0
    }
}

/// Whether what came out of the wheel is about what the key holds now.
fn is_of(entry: &Entry, due: &Due) -> bool {
    entry.deadline() != NEVER && Due::new(due.hash, due.place(), entry.deadline()) == *due
}

/// Figures of a partition that others read without its lock: as its last holder left them.
#[derive(Default)]
pub struct PartitionStats {
    keys: AtomicUsize,
    memory: AtomicUsize,
    volatile: AtomicUsize,
    hits: AtomicU64,
    misses: AtomicU64,
    expired: AtomicU64,
}

impl PartitionStats {
    /// Called by the holder of the lock, so plain stores are enough.
    #[inline]
    pub(super) fn publish(&self, partition: &Partition) {
        self.keys.store(partition.keys, Ordering::Relaxed);
        self.memory.store(partition.memory, Ordering::Relaxed);
        self.volatile.store(partition.volatile, Ordering::Relaxed);
        self.hits.store(partition.hits, Ordering::Relaxed);
        self.misses.store(partition.misses, Ordering::Relaxed);
        self.expired.store(partition.expired, Ordering::Relaxed);
    }

    /// How many keys.
    pub fn keys(&self) -> usize {
        self.keys.load(Ordering::Relaxed)
    }

    /// How many keys have a deadline.
    pub fn volatile(&self) -> usize {
        self.volatile.load(Ordering::Relaxed)
    }

    /// Look-ups that found their key.
    pub fn hits(&self) -> u64 {
        self.hits.load(Ordering::Relaxed)
    }

    /// Look-ups that did not.
    pub fn misses(&self) -> u64 {
        self.misses.load(Ordering::Relaxed)
    }

    /// Keys removed because their deadline had passed.
    pub fn expired(&self) -> u64 {
        self.expired.load(Ordering::Relaxed)
    }

    /// Bytes of all entries.
    pub fn memory(&self) -> usize {
        self.memory.load(Ordering::Relaxed)
    }
}
