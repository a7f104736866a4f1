//! A large hash, set or sorted set by key: records side by side in a vector, found through a hash table of their places.
//!
//! The order of the records is the order of insertion, changed only by removal (the last one takes the place of the removed):
//! it never depends on hash bits, so every node iterates alike, a random element is one index, and a scan from the last
//! record to the first sees everything that stays, whatever is added and removed meanwhile: a record only ever moves towards
//! the front, which is still to come.
//!
//! The table keeps 32 bits of each hash: growing it touches no record.

use super::heap::allocated_for;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::hash::{BuildHasher, Hasher};

/// Smallest capacity that is worth shrinking, records.
const SHRINK_MIN: usize = 64;

/// What a [`Dense`] holds: something with a key inside.
pub trait Record {
    /// The key, unique in its collection.
    fn key(&self) -> &[u8];

    /// Bytes allocated for this record beside itself.
    fn heap_bytes(&self) -> usize;
}

impl Record for Box<[u8]> {
    fn key(&self) -> &[u8] {
        self
    }

    fn heap_bytes(&self) -> usize {
        super::heap::allocated(self.len())
    }
}

/// Records by key, side by side.
#[derive(Debug, Clone)]
pub struct Dense<R> {
    records: Vec<R>,
    places: HashTable<Place>,
    hasher: RandomState,
    /// Sum of the records' `heap_bytes`.
    heap_bytes: usize,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    hash: u32,
    at: u32,
}

/// What [`Dense::remove`] did.
#[derive(Debug)]
pub struct Removed<R> {
    /// The record that is gone.
    pub record: R,
    /// Where it was; the record that was last, if any, is there now.
    pub at: usize,
}

impl<R: Record> Dense<R> {
    /// An empty collection with room for `capacity` records.
    pub fn with_capacity(capacity: usize) -> Dense<R> {
        Dense {
            records: Vec::with_capacity(capacity),
            places: HashTable::with_capacity(capacity),
            hasher: RandomState::default(),
            heap_bytes: 0,
        }
    }

    /// Number of records.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Bytes of the vector, the table and all records.
    pub fn memory_bytes(&self) -> usize {
        allocated_for::<R>(self.records.capacity()) + self.places.allocation_size() + self.heap_bytes
    }

    /// Where the record with this key is.
    pub fn find(&self, key: &[u8]) -> Option<usize> {
        let hash = self.hash(key);
        let records = &self.records;
        let same = |place: &Place| {
            place.hash == hash && records.get(place.at as usize).is_some_and(|r| r.key() == key)
        };
        self.places.find(widen(hash), same).map(|place| place.at as usize)
    }

    /// The record with this key.
    pub fn get(&self, key: &[u8]) -> Option<&R> {
        self.find(key).and_then(|at| self.records.get(at))
    }

    /// The record at this place.
    pub fn at(&self, at: usize) -> Option<&R> {
        self.records.get(at)
    }

    /// All records, in their order.
    pub fn as_slice(&self) -> &[R] {
        &self.records
    }

    /// Adds a record whose key the caller found absent; its place is the last.
    ///
    /// More than 2³² records are not held (the caller checks `limits::COLLECTION_ENTRIES_MAX`).
    pub fn push(&mut self, record: R) {
        let hash = self.hash(record.key());
        let Ok(at) = u32::try_from(self.records.len()) else { return };
        self.heap_bytes += record.heap_bytes();
        self.records.push(record);
        self.places.insert_unique(widen(hash), Place { hash, at }, |place| widen(place.hash));
    }

    /// Puts a record with the same key in the place of another, which is returned.
    pub fn replace(&mut self, at: usize, record: R) -> Option<R> {
        let place = self.records.get_mut(at)?;
        self.heap_bytes = self.heap_bytes + record.heap_bytes() - place.heap_bytes();
        Some(std::mem::replace(place, record))
    }

    /// Changes a record without its key or its `heap_bytes`.
    pub fn change(&mut self, at: usize, change: impl FnOnce(&mut R)) {
        if let Some(record) = self.records.get_mut(at) {
            change(record);
        }
    }

    /// Removes the record with this key; the last record takes its place.
    pub fn remove(&mut self, key: &[u8]) -> Option<Removed<R>> {
        let hash = self.hash(key);
        let records = &self.records;
        let same = |place: &Place| {
            place.hash == hash && records.get(place.at as usize).is_some_and(|r| r.key() == key)
        };
        let (place, _) = self.places.find_entry(widen(hash), same).ok()?.remove();
        let at = place.at as usize;
        let last = (self.records.len() - 1) as u32;
        if place.at != last {
            let moved = self.hash(self.records.last()?.key());
            if let Some(of_last) = self.places.find_mut(widen(moved), |other| other.at == last) {
                of_last.at = place.at;
            }
        }
        let record = self.records.swap_remove(at);
        self.heap_bytes -= record.heap_bytes();
        self.shrink();
        Some(Removed { record, at })
    }

    /// Shows up to `count` records to `visit`, from `cursor` (0 begins) towards the front; the cursor to go on with, 0 at the end.
    pub fn scan(&self, cursor: u64, count: usize, mut visit: impl FnMut(&R)) -> u64 {
        let len = self.records.len();
        let end = if cursor == 0 { len } else { usize::try_from(cursor).unwrap_or(len).min(len) };
        let begin = end.saturating_sub(count.max(1));
        self.records[begin..end].iter().rev().for_each(&mut visit);
        begin as u64
    }

    fn shrink(&mut self) {
        let (len, capacity) = (self.records.len(), self.records.capacity());
        if capacity >= SHRINK_MIN && len < capacity / 4 {
            self.records.shrink_to(len * 2);
            self.places.shrink_to(len * 2, |place| widen(place.hash));
        }
    }

    fn hash(&self, key: &[u8]) -> u32 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(key);
        let hash = hasher.finish();
        (hash ^ (hash >> 32)) as u32
    }
}

/// The table takes its place from the low bits and its tag from the high ones: both are filled.
const fn widen(hash: u32) -> u64 {
    (hash as u64) << 32 | hash as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn boxed(number: u16) -> Box<[u8]> {
        number.to_string().into_bytes().into()
    }

    proptest! {
        #[test]
        fn dense_behaves_as_a_set(steps in proptest::collection::vec((any::<bool>(), 0u16..200), 0..600)) {
            let mut dense = Dense::with_capacity(0);
            let mut model = BTreeSet::new();
            for (add, number) in steps {
                let key = boxed(number);
                if add {
                    if dense.find(&key).is_none() {
                        dense.push(key.clone());
                    }
                    model.insert(number);
                } else {
                    prop_assert_eq!(dense.remove(&key).is_some(), model.remove(&number));
                }
                prop_assert_eq!(dense.len(), model.len());
                prop_assert_eq!(dense.find(&key).is_some(), model.contains(&number));
            }
            for (at, record) in dense.as_slice().iter().enumerate() {
                prop_assert_eq!(dense.find(record), Some(at));
            }
            let heap: usize = dense.as_slice().iter().map(Record::heap_bytes).sum();
            prop_assert_eq!(dense.heap_bytes, heap);
        }

        #[test]
        fn a_scan_sees_all_that_stays(
            count in 1usize..20,
            changes in proptest::collection::vec((any::<bool>(), 0u16..300), 0..200),
        ) {
            let mut dense = Dense::with_capacity(0);
            (0..300).for_each(|number| dense.push(boxed(number)));
            let mut changes = changes.into_iter();
            let (mut seen, mut cursor) = (BTreeSet::new(), 0);
            let mut touched = BTreeSet::new();
            loop {
                cursor = dense.scan(cursor, count, |record| { seen.insert(record.clone()); });
                if cursor == 0 {
                    break;
                }
                for (add, number) in changes.by_ref().take(7) {
                    touched.insert(boxed(number));
                    if add && dense.find(&boxed(number)).is_none() {
                        dense.push(boxed(number));
                    } else if !add {
                        dense.remove(&boxed(number));
                    }
                }
            }
            for number in 0..300 {
                prop_assert!(touched.contains(&boxed(number)) || seen.contains(&boxed(number)), "{} missed", number);
            }
        }
    }

    #[test]
    fn memory_is_given_back_when_most_records_are_removed() {
        let mut dense = Dense::with_capacity(0);
        (0..10_000).for_each(|number| dense.push(boxed(number)));
        let full = dense.memory_bytes();
        (0..9_990).for_each(|number| assert!(dense.remove(&boxed(number)).is_some()));
        assert!(dense.memory_bytes() < full / 20, "{} of {full}", dense.memory_bytes());
    }
}
