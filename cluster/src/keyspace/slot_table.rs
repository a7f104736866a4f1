//! The keys of one slot.
//!
//! Most slots hold few keys: one table. A slot that grows beyond [`LEAF_ENTRIES_MAX`] is split into leaves by the bits of
//! the hash (extendible hashing): no insertion ever moves more than one leaf, however many keys share a hash tag, and SCAN can
//! walk in the order of the hash, which growth does not change.

use super::KeyHasher;
use super::entry::Entry;
use super::lines::Lines;

/// Entries of a leaf before it is split: what 512 lines hold, so a split moves at most so many.
const LEAF_ENTRIES_MAX: usize = 1_280;

/// Deepest split. Beyond it a leaf grows as a plain table (2^32 leaves never fit in memory).
const DEPTH_MAX: u32 = 32;

/// Bits of a hash's order.
pub const ORDER_BITS: u32 = 48;

/// The place of a hash in the order that SCAN walks in, [`ORDER_BITS`] bits: all but the top seven, which within a leaf still
/// differ and are part of the tag in its lines, and the low ones, which choose the line.
#[inline]
pub fn order(hash: u64) -> u64 {
    (hash << 7) >> (64 - ORDER_BITS)
}

/// Where an entry lies; valid until the table is changed.
#[derive(Clone, Copy)]
pub struct Place {
    leaf: usize,
    place: usize,
}

/// The keys of one slot.
pub struct SlotTable(Shape);

enum Shape {
    One(Lines),
    Many(Box<Directory>),
}

struct Directory {
    /// The leaf of a hash stands at its top `depth` bits of order.
    depth: u32,
    index: Vec<u32>,
    leaves: Vec<Leaf>,
    len: usize,
}

struct Leaf {
    depth: u32,
    table: Lines,
}

impl SlotTable {
    /// No keys.
    pub fn new() -> SlotTable {
        SlotTable(Shape::One(Lines::new()))
    }

    /// How many keys it holds.
    #[inline]
    pub fn len(&self) -> usize {
        match &self.0 {
            Shape::One(table) => table.len(),
            Shape::Many(directory) => directory.len,
        }
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where a key lies.
    #[inline]
    pub fn find(&self, hash: u64, key: &[u8]) -> Option<Place> {
        let (leaf, table) = match &self.0 {
            Shape::One(table) => (0, table),
            Shape::Many(directory) => directory.leaf(hash),
        };
        let place = table.find(hash, |entry| entry.key() == key)?;
        Some(Place { leaf, place })
    }

    /// Has the processor fetch the line in which a key with this hash would stand.
    #[inline]
    pub fn fetch_line(&self, hash: u64) {
        self.table(hash).fetch_line(hash);
    }

    /// Has the processor fetch the entry with this hash, if that line holds one.
    #[inline]
    pub fn fetch_entry(&self, hash: u64) {
        self.table(hash).fetch_entry(hash);
    }

    /// The table in which a key with this hash would stand.
    #[inline]
    fn table(&self, hash: u64) -> &Lines {
        match &self.0 {
            Shape::One(table) => table,
            Shape::Many(directory) => directory.leaf(hash).1,
        }
    }

    /// The entry at a place.
    #[inline]
    pub fn at(&self, place: Place) -> Option<&Entry> {
        self.leaf(place.leaf)?.get(place.place)
    }

    /// The entry at a place, to change.
    #[inline]
    pub fn at_mut(&mut self, place: Place) -> Option<&mut Entry> {
        self.leaf_mut(place.leaf)?.get_mut(place.place)
    }

    /// Takes out the entry at a place.
    pub fn remove(&mut self, place: Place, hasher: KeyHasher) -> Option<Entry> {
        let entry = self.leaf_mut(place.leaf)?.remove(place.place, |entry| hasher.hash(entry.key()))?;
        if let Shape::Many(directory) = &mut self.0 {
            directory.len -= 1;
        }
        if self.is_empty() {
            *self = SlotTable::new();
        }
        Some(entry)
    }

    /// Puts in an entry whose key is not there.
    pub fn insert(&mut self, hash: u64, entry: Entry, hasher: KeyHasher) {
        if let Shape::One(table) = &mut self.0 {
            if table.len() < LEAF_ENTRIES_MAX {
                table.insert(hash, entry, |entry| hasher.hash(entry.key()));
                return;
            }
            let leaf = Leaf { depth: 0, table: std::mem::take(table) };
            let len = leaf.table.len();
            self.0 = Shape::Many(Box::new(Directory { depth: 0, index: vec![0], leaves: vec![leaf], len }));
        }
        if let Shape::Many(directory) = &mut self.0 {
            directory.insert(hash, entry, hasher);
        }
    }

    /// All entries, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        (0..self.leaves()).filter_map(|leaf| self.leaf(leaf)).flat_map(Lines::iter)
    }

    /// The entries whose order is at least `from`, ascending, of the leaf that `from` falls in; and the order at which the next
    /// leaf begins, or none if this was the last.
    pub fn scan(&self, from: u64, hasher: KeyHasher) -> (Vec<(u64, &Entry)>, Option<u64>) {
        let (table, next) = match &self.0 {
            Shape::One(table) => (table, None),
            Shape::Many(directory) => directory.leaf_in_order(from),
        };
        let mut found: Vec<_> = table
            .iter()
            .map(|entry| (order(hasher.hash(entry.key())), entry))
            .filter(|(o, _)| *o >= from)
            .collect();
        found.sort_unstable_by_key(|(order, _)| *order);
        (found, next)
    }

    /// Some entry, chosen by random bits; none only if the table is empty.
    pub fn sample(&self, random: u64) -> Option<&Entry> {
        if self.is_empty() {
            return None;
        }
        let leaves = self.leaves();
        let first = (random >> 40) as usize % leaves;
        let table = (0..leaves)
            .filter_map(|step| self.leaf((first + step) % leaves))
            .find(|table| !table.is_empty())?;
        let places = table.places();
        let start = random as usize % places;
        (0..places).find_map(|step| table.get((start + step) % places))
    }

    /// Entries whose key has this hash; one, but for a collision of 64 bits.
    pub fn find_hash(&self, hash: u64, hasher: KeyHasher) -> impl Iterator<Item = Place> {
        let (leaf, table) = match &self.0 {
            Shape::One(table) => (0, table),
            Shape::Many(directory) => directory.leaf(hash),
        };
        table
            .matching(hash)
            .filter(move |&place| table.get(place).is_some_and(|entry| hasher.hash(entry.key()) == hash))
            .map(move |place| Place { leaf, place })
    }

    /// Bytes of its tables, without what the entries point to.
    pub fn table_memory(&self) -> usize {
        let tables: usize = (0..self.leaves()).filter_map(|leaf| self.leaf(leaf)).map(Lines::memory).sum();
        match &self.0 {
            Shape::One(_) => tables,
            Shape::Many(directory) => {
                tables + directory.index.len() * 4 + directory.leaves.len() * size_of::<Leaf>()
            }
        }
    }

    fn leaves(&self) -> usize {
        match &self.0 {
            Shape::One(_) => 1,
            Shape::Many(directory) => directory.leaves.len(),
        }
    }

    #[inline]
    fn leaf(&self, leaf: usize) -> Option<&Lines> {
        match &self.0 {
            Shape::One(table) => Some(table),
            Shape::Many(directory) => directory.leaves.get(leaf).map(|leaf| &leaf.table),
        }
    }

    #[inline]
    fn leaf_mut(&mut self, leaf: usize) -> Option<&mut Lines> {
        match &mut self.0 {
            Shape::One(table) => Some(table),
            Shape::Many(directory) => directory.leaves.get_mut(leaf).map(|leaf| &mut leaf.table),
        }
    }
}

impl Default for SlotTable {
    fn default() -> SlotTable {
        SlotTable::new()
    }
}

impl Directory {
    #[inline]
    fn leaf(&self, hash: u64) -> (usize, &Lines) {
        let leaf = self.index[top_bits(order(hash), self.depth)] as usize;
        (leaf, &self.leaves[leaf].table)
    }

    fn leaf_in_order(&self, from: u64) -> (&Lines, Option<u64>) {
        let leaf = &self.leaves[self.index[top_bits(from, self.depth)] as usize];
        let next = (top_bits(from, leaf.depth) as u64 + 1) << (ORDER_BITS - leaf.depth);
        (&leaf.table, (next >> ORDER_BITS == 0).then_some(next))
    }

    fn insert(&mut self, hash: u64, entry: Entry, hasher: KeyHasher) {
        let mut leaf = self.leaf(hash).0;
        while self.leaves[leaf].table.len() >= LEAF_ENTRIES_MAX && self.leaves[leaf].depth < DEPTH_MAX {
            self.split(leaf, hash, hasher);
            leaf = self.leaf(hash).0;
        }
        self.leaves[leaf].table.insert(hash, entry, |entry| hasher.hash(entry.key()));
        self.len += 1;
    }

    /// Splits a leaf by its next bit; the half with that bit set becomes a new leaf. `hash` is any hash that falls in it.
    fn split(&mut self, leaf: usize, hash: u64, hasher: KeyHasher) {
        let depth = self.leaves[leaf].depth;
        if depth == self.depth {
            self.index = self.index.iter().flat_map(|&leaf| [leaf, leaf]).collect();
            self.depth += 1;
        }
        let mut old = std::mem::take(&mut self.leaves[leaf].table);
        let mut halves = [Lines::with_capacity(old.len() / 2), Lines::with_capacity(old.len() / 2)];
        for entry in old.drain() {
            let hash = hasher.hash(entry.key());
            let half = &mut halves[top_bits(order(hash), depth + 1) & 1];
            half.insert(hash, entry, |entry| hasher.hash(entry.key()));
        }
        let [low, high] = halves;
        let new = self.leaves.len() as u32;
        self.leaves[leaf] = Leaf { depth: depth + 1, table: low };
        self.leaves.push(Leaf { depth: depth + 1, table: high });
        let per_half = 1 << (self.depth - depth - 1);
        let first = (top_bits(order(hash), depth) << (self.depth - depth)) + per_half;
        self.index[first..first + per_half].fill(new);
    }
}

/// The first `bits` bits of an order.
#[inline]
fn top_bits(order: u64, bits: u32) -> usize {
    (order >> (ORDER_BITS - bits)) as usize
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::keyspace::entry::NEVER;

    fn key(number: usize) -> Vec<u8> {
        format!("key:{number}").into_bytes()
    }

    fn filled(hasher: KeyHasher, count: usize) -> SlotTable {
        let mut table = SlotTable::new();
        for number in 0..count {
            let key = key(number);
            table.insert(hasher.hash(&key), Entry::string(&key, b"v", NEVER, 0), hasher);
        }
        table
    }

    #[test]
    fn keys_are_found_and_removed_before_and_after_splits() {
        let hasher = KeyHasher::new(1);
        for count in [1, LEAF_ENTRIES_MAX, LEAF_ENTRIES_MAX + 1, 20_000] {
            let mut table = filled(hasher, count);
            assert_eq!((table.len(), table.iter().count()), (count, count));
            for number in 0..count {
                let key = key(number);
                let hash = hasher.hash(&key);
                assert_eq!(table.find_hash(hash, hasher).count(), 1);
                let place = table.find(hash, &key).unwrap();
                assert_eq!(table.remove(place, hasher).unwrap().key(), key);
                assert!(table.find(hash, &key).is_none());
            }
            assert!(table.is_empty() && table.sample(9).is_none());
        }
    }

    #[test]
    fn a_scan_meets_every_key_that_stays_while_others_come_and_go() {
        let hasher = KeyHasher::new(7);
        let mut table = filled(hasher, 1_000);
        let (mut from, mut met, mut more) = (0, BTreeSet::new(), 1_000);
        loop {
            let (found, next) = table.scan(from, hasher);
            let batch: Vec<_> =
                found.iter().take(10).map(|(order, entry)| (*order, entry.key().to_vec())).collect();
            let cut = found.len() > batch.len();
            met.extend(batch.iter().map(|(_, key)| key.clone()));
            from = match (cut, batch.last(), next) {
                (true, Some((order, _)), _) => order + 1,
                (_, _, Some(next)) => next,
                _ => break,
            };
            let grow = if more < 20_000 { 100 } else { 0 };
            for _ in 0..grow {
                let key = key(more);
                table.insert(hasher.hash(&key), Entry::string(&key, b"v", NEVER, 0), hasher);
                more += 1;
            }
        }
        assert!(more >= 20_000, "the table grew while it was walked");
        assert!((0..1_000).all(|number| met.contains(&key(number))));
    }
}
