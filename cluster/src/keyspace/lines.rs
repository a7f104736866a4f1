//! A hash table whose buckets are cache lines.
//!
//! With a million keys every look-up misses the cache, and what it costs is how often. A line holds three entries and two bytes
//! of each one's hash, so a look-up touches one line and, if the hash matches, the entry. (A table that keeps hashes apart from
//! entries, as hashbrown does, touches one more.) Measured on GET at pipeline 64 with a million keys: docs/BENCHMARKS.md.
//!
//! An entry that finds its line full goes to the next; `passed` counts, on every line it went past, so a look-up knows where to
//! stop and removal leaves no marks behind.

use prefetch_index::prefetch_index;

use super::entry::Entry;

/// Entries of a line.
const LANES: usize = 3;

/// A table grows when more than this many sixths of its places are taken: most keys then stand in their own line.
const FULL_SIXTHS: usize = 5;

/// 64 bytes.
#[repr(align(64))]
struct Line {
    /// The top bits of each entry's hash, never zero; zero where there is none.
    tags: [u16; LANES],
    /// Entries that went past this line because it was full.
    passed: u32,
    /// Vacant where the tag is zero.
    entries: [Entry; LANES],
}

impl Line {
    fn empty() -> Line {
        Line { tags: [0; LANES], passed: 0, entries: [Entry::vacant(), Entry::vacant(), Entry::vacant()] }
    }
}

/// Entries by the hash of their key.
#[derive(Default)]
pub struct Lines {
    /// None, or a power of two.
    lines: Box<[Line]>,
    len: usize,
}

#[inline]
fn tag(hash: u64) -> u16 {
    ((hash >> 48) as u16).max(1)
}

impl Lines {
    /// No entries; takes no memory.
    pub fn new() -> Lines {
        Lines::default()
    }

    /// Room for so many entries.
    pub fn with_capacity(entries: usize) -> Lines {
        let count = match entries {
            0 => 0,
            _ => (entries * 6).div_ceil(FULL_SIXTHS * LANES).next_power_of_two(),
        };
        Lines { lines: (0..count).map(|_| Line::empty()).collect(), len: 0 }
    }

    /// How many entries it holds.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many places it has, taken or not.
    pub fn places(&self) -> usize {
        self.lines.len() * LANES
    }

    /// The places of entries that have this hash, as far as the table knows: some may have another.
    #[inline]
    pub fn matching(&self, hash: u64) -> impl Iterator<Item = usize> {
        let (tag, mask) = (tag(hash), self.lines.len().wrapping_sub(1));
        let mut next = (!self.lines.is_empty()).then_some(hash as usize & mask);
        // A line is left behind at most once, so that a count that was ever wrong could not turn for ever.
        let mut left = self.lines.len();
        std::iter::from_fn(move || {
            let at = next?;
            let line = &self.lines[at];
            left -= 1;
            next = (line.passed > 0 && left > 0).then_some((at + 1) & mask);
            Some((at, line))
        })
        .flat_map(move |(at, line)| {
            (0..LANES).filter(move |&lane| line.tags[lane] == tag).map(move |lane| at * LANES + lane)
        })
    }

    /// The place of the entry with this hash that `is_it`.
    #[inline]
    pub fn find(&self, hash: u64, mut is_it: impl FnMut(&Entry) -> bool) -> Option<usize> {
        if self.lines.is_empty() {
            return None;
        }
        let (tag, mask) = (tag(hash), self.lines.len() - 1);
        let mut at = hash as usize & mask;
        for _ in 0..self.lines.len() {
            let line = &self.lines[at];
            for lane in 0..LANES {
                if line.tags[lane] == tag && is_it(&line.entries[lane]) {
                    return Some(at * LANES + lane);
                }
            }
            if line.passed == 0 {
                return None;
            }
            at = (at + 1) & mask;
        }
        None
    }

    /// Has the processor fetch the line in which an entry with this hash would stand.
    #[inline]
    pub fn fetch_line(&self, hash: u64) {
        if !self.lines.is_empty() {
            prefetch_index(&self.lines, hash as usize & (self.lines.len() - 1));
        }
    }

    /// Has the processor fetch the entry with this hash, if that line holds one.
    #[inline]
    pub fn fetch_entry(&self, hash: u64) {
        let Some(line) = self.lines.get(hash as usize & self.lines.len().wrapping_sub(1)) else { return };
        if let Some(lane) = line.tags.iter().position(|&lane| lane == tag(hash)) {
            line.entries[lane].fetch();
        }
    }

    /// The entry at a place.
    #[inline]
    pub fn get(&self, place: usize) -> Option<&Entry> {
        let (line, lane) = (self.lines.get(place / LANES)?, place % LANES);
        (line.tags[lane] != 0).then_some(&line.entries[lane])
    }

    /// The entry at a place, to change; not its key.
    #[inline]
    pub fn get_mut(&mut self, place: usize) -> Option<&mut Entry> {
        let (line, lane) = (self.lines.get_mut(place / LANES)?, place % LANES);
        (line.tags[lane] != 0).then_some(&mut line.entries[lane])
    }

    /// Puts in an entry whose key is not there; `hash_of` tells the hash of any entry.
    pub fn insert(&mut self, hash: u64, entry: Entry, hash_of: impl Fn(&Entry) -> u64) {
        if (self.len + 1) * 6 > self.places() * FULL_SIXTHS {
            self.grow(&hash_of);
        }
        self.put(hash, entry);
    }

    /// Takes out the entry at a place; `hash_of` tells the hash of any entry.
    pub fn remove(&mut self, place: usize, hash_of: impl Fn(&Entry) -> u64) -> Option<Entry> {
        let hash = hash_of(self.get(place)?);
        let (stands, mask) = (place / LANES, self.lines.len() - 1);
        let mut at = hash as usize & mask;
        while at != stands {
            self.lines[at].passed -= 1;
            at = (at + 1) & mask;
        }
        let line = &mut self.lines[stands];
        line.tags[place % LANES] = 0;
        self.len -= 1;
        Some(std::mem::replace(&mut line.entries[place % LANES], Entry::vacant()))
    }

    /// All entries, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        (0..self.places()).filter_map(|place| self.get(place))
    }

    /// Takes out all entries.
    pub fn drain(&mut self) -> impl Iterator<Item = Entry> + use<> {
        self.len = 0;
        std::mem::take(&mut self.lines).into_iter().flat_map(|line| {
            line.tags.into_iter().zip(line.entries).filter(|(tag, _)| *tag != 0).map(|(_, entry)| entry)
        })
    }

    /// Bytes that its lines take.
    pub fn memory(&self) -> usize {
        self.lines.len() * size_of::<Line>()
    }

    fn grow(&mut self, hash_of: &impl Fn(&Entry) -> u64) {
        let mut larger =
            Lines { lines: (0..(self.lines.len() * 2).max(1)).map(|_| Line::empty()).collect(), len: 0 };
        for entry in self.drain() {
            larger.put(hash_of(&entry), entry);
        }
        *self = larger;
    }

    /// Puts in an entry; there is room.
    fn put(&mut self, hash: u64, entry: Entry) {
        let mask = self.lines.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            let line = &mut self.lines[at];
            if let Some(lane) = line.tags.iter().position(|&tag| tag == 0) {
                line.tags[lane] = tag(hash);
                line.entries[lane] = entry;
                self.len += 1;
                return;
            }
            line.passed += 1;
            at = (at + 1) & mask;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;
    use crate::keyspace::entry::NEVER;

    #[test]
    fn a_line_is_a_cache_line() {
        assert_eq!((size_of::<Line>(), align_of::<Line>()), (64, 64));
    }

    /// Few lines and few tags, so that lines overflow and tags collide all the time.
    fn hash_of(entry: &Entry) -> u64 {
        let key = u64::from(entry.key()[0]);
        ((key % 3) << 48) | (key % 5)
    }

    proptest! {
        #[test]
        fn it_holds_what_a_map_holds(steps in prop::collection::vec((any::<bool>(), 0..60u8), 0..400)) {
            let (mut lines, mut map) = (Lines::new(), HashMap::new());
            for (number, (put, key)) in steps.into_iter().enumerate() {
                let value = number.to_string();
                let entry = Entry::string(&[key], value.as_bytes(), NEVER, 0);
                let hash = hash_of(&entry);
                let found = lines.find(hash, |entry| entry.key() == [key]);
                prop_assert_eq!(found.is_some(), map.contains_key(&key));
                prop_assert!(found.is_none_or(|place| lines.matching(hash).any(|at| at == place)));
                match (put, found) {
                    (true, None) => {
                        lines.insert(hash, entry, hash_of);
                        map.insert(key, value);
                    }
                    (false, Some(place)) => {
                        let removed = lines.remove(place, hash_of).unwrap();
                        let value = map.remove(&key).unwrap();
                        prop_assert_eq!(removed.as_string(), Some(value.as_bytes()));
                    }
                    _ => {}
                }
            }
            prop_assert_eq!(lines.len(), map.len());
            prop_assert_eq!(lines.iter().count(), map.len());
            let keys: Vec<u8> = lines.iter().map(|entry| entry.key()[0]).collect();
            for key in keys {
                let place = lines.find(hash_of(&Entry::string(&[key], b"", NEVER, 0)), |entry| entry.key() == [key]).unwrap();
                lines.remove(place, hash_of).unwrap();
            }
            prop_assert!(lines.lines.iter().all(|line| line.passed == 0), "nothing is left behind");
        }
    }
}
