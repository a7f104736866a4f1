//! A set of slots as a bitmap: what a node owns, as gossip carries it.

use std::fmt;
use std::ops::RangeInclusive;

use crate::limits::SLOTS;
use crate::slot::Slot;

const WORDS: usize = SLOTS / 64;

/// A set of slots; 2 KiB, bit `n % 64` of word `n / 64` stands for slot `n`.
#[derive(Clone, PartialEq, Eq)]
pub struct SlotSet {
    words: Box<[u64; WORDS]>,
}

impl SlotSet {
    /// Bytes of its wire form.
    pub const WIRE_BYTES: usize = SLOTS / 8;

    /// No slot.
    pub fn new() -> SlotSet {
        SlotSet { words: Box::new([0; WORDS]) }
    }

    /// Every slot.
    pub fn full() -> SlotSet {
        SlotSet { words: Box::new([u64::MAX; WORDS]) }
    }

    /// Adds a slot; true if it was not there.
    pub fn insert(&mut self, slot: Slot) -> bool {
        let (word, bit) = place(slot);
        let new = self.words[word] & bit == 0;
        self.words[word] |= bit;
        new
    }

    /// Takes a slot out; true if it was there.
    pub fn remove(&mut self, slot: Slot) -> bool {
        let (word, bit) = place(slot);
        let had = self.words[word] & bit != 0;
        self.words[word] &= !bit;
        had
    }

    /// Whether it holds this slot.
    #[inline]
    pub fn contains(&self, slot: Slot) -> bool {
        let (word, bit) = place(slot);
        self.words[word] & bit != 0
    }

    /// How many slots it holds.
    pub fn len(&self) -> usize {
        self.words.iter().map(|w| w.count_ones() as usize).sum()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|&w| w == 0)
    }

    /// Its slots in order.
    pub fn iter(&self) -> impl Iterator<Item = Slot> + '_ {
        self.words.iter().enumerate().flat_map(|(index, &word)| {
            let mut rest = word;
            std::iter::from_fn(move || {
                let bit = rest.trailing_zeros() as usize;
                // Takes the lowest bit away; of none there is none.
                rest &= rest.checked_sub(1)?;
                Slot::new((index * 64 + bit) as u16)
            })
        })
    }

    /// Its slots that another set does not hold.
    pub fn minus(&self, other: &SlotSet) -> SlotSet {
        let mut rest = self.clone();
        rest.words.iter_mut().zip(other.words.iter()).for_each(|(word, other)| *word &= !other);
        rest
    }

    /// The first slot from this number on that is in it, or is not; 16,384 if there is none.
    fn next(&self, from: usize, inside: bool) -> usize {
        let mut at = from;
        while at < SLOTS {
            let word = if inside { self.words[at / 64] } else { !self.words[at / 64] };
            let rest = word >> (at % 64);
            if rest != 0 {
                return at + rest.trailing_zeros() as usize;
            }
            at = (at / 64 + 1) * 64;
        }
        SLOTS
    }

    /// Its slots as runs of neighbours, in order.
    pub fn ranges(&self) -> Vec<RangeInclusive<u16>> {
        let mut ranges = Vec::new();
        let mut first = self.next(0, true);
        while first < SLOTS {
            let end = self.next(first, false);
            ranges.push(first as u16..=(end - 1) as u16);
            first = self.next(end, true);
        }
        ranges
    }

    /// 2,048 bytes: slot `n` is bit `n % 8` of byte `n / 8`, as in Redis's bus header.
    pub fn to_wire(&self) -> [u8; SlotSet::WIRE_BYTES] {
        let mut wire = [0; SlotSet::WIRE_BYTES];
        for (chunk, word) in wire.chunks_exact_mut(8).zip(self.words.iter()) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        wire
    }

    /// The inverse of [`SlotSet::to_wire`].
    pub fn from_wire(wire: &[u8; SlotSet::WIRE_BYTES]) -> SlotSet {
        let mut set = SlotSet::new();
        for (chunk, word) in wire.chunks_exact(8).zip(set.words.iter_mut()) {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(chunk);
            *word = u64::from_le_bytes(bytes);
        }
        set
    }
}

fn place(slot: Slot) -> (usize, u64) {
    (slot.index() / 64, 1 << (slot.index() % 64))
}

impl Default for SlotSet {
    fn default() -> SlotSet {
        SlotSet::new()
    }
}

impl FromIterator<Slot> for SlotSet {
    fn from_iter<I: IntoIterator<Item = Slot>>(slots: I) -> SlotSet {
        let mut set = SlotSet::new();
        for slot in slots {
            set.insert(slot);
        }
        set
    }
}

impl fmt::Debug for SlotSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.ranges()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(numbers: &[u16]) -> SlotSet {
        numbers.iter().filter_map(|&n| Slot::new(n)).collect()
    }

    #[test]
    fn slots_come_in_order_and_without_those_of_another_set() {
        let numbers = [0, 1, 63, 64, 65, 127, 9_000, 16_383];
        let all = set(&numbers);
        assert_eq!(all.iter().map(Slot::number).collect::<Vec<_>>(), numbers);
        assert_eq!(all.minus(&set(&[1, 64, 2])), set(&[0, 63, 65, 127, 9_000, 16_383]));
        assert_eq!(SlotSet::full().iter().count(), SLOTS);
        assert_eq!(SlotSet::full().minus(&SlotSet::full()), SlotSet::new());
    }

    #[test]
    fn neighbours_are_one_range() {
        assert_eq!(set(&[0, 1, 2, 63, 64, 16_383]).ranges(), vec![0..=2, 63..=64, 16_383..=16_383]);
        assert_eq!(SlotSet::full().ranges(), vec![0..=16_383]);
        assert!(set(&[]).ranges().is_empty());
    }

    #[test]
    fn the_wire_form_has_slot_n_in_byte_n_over_8() {
        let set = set(&[9, 16_383]);
        let wire = set.to_wire();
        assert_eq!((wire[1], wire[2_047]), (0b10, 0x80));
        assert_eq!(SlotSet::from_wire(&wire), set);
    }

    #[test]
    fn insert_and_remove_say_what_changed() {
        let mut set = SlotSet::new();
        let slot = Slot::new(70).unwrap();
        assert!(set.insert(slot) && !set.insert(slot) && set.contains(slot));
        assert_eq!(set.len(), 1);
        assert!(set.remove(slot) && !set.remove(slot) && set.is_empty());
    }
}
