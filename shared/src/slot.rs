//! Which slot a key belongs to (Redis Cluster specification, key distribution model).

use std::fmt;

use crate::limits::{PARTITIONS, RANGES, SLOTS, SLOTS_PER_RANGE};

/// One of the 16,384 slots of a cluster.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(u16);

impl Slot {
    /// The slot of a number, if it is one: 0 to 16,383.
    pub fn new(number: u16) -> Option<Slot> {
        (usize::from(number) < SLOTS).then_some(Slot(number))
    }

    /// The slot of a key or of a sharded channel: CRC16 (XMODEM) of its hash tag.
    #[inline]
    pub fn of_key(key: &[u8]) -> Slot {
        Slot(crc16(hash_tag(key)) & (SLOTS as u16 - 1))
    }

    /// The slot that a walk around all of them has come to after so many steps.
    pub fn around(steps: u64) -> Slot {
        Slot((steps % SLOTS as u64) as u16)
    }

    /// Its number, 0 to 16,383.
    #[inline]
    pub fn number(self) -> u16 {
        self.0
    }

    /// Its number as an index.
    #[inline]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// The partition whose lock guards it, 0 to 255: `slot >> 6`.
    #[inline]
    pub fn partition(self) -> usize {
        self.index() / (SLOTS / PARTITIONS)
    }

    /// The range whose folder stores it, 0 to 15.
    #[inline]
    pub fn range(self) -> usize {
        self.index() / SLOTS_PER_RANGE
    }

    /// Every slot in order.
    pub fn all() -> impl DoubleEndedIterator<Item = Slot> {
        (0..SLOTS as u16).map(Slot)
    }

    /// Every slot of the range with this index (0 to 15), in order.
    pub fn of_range(range: usize) -> impl DoubleEndedIterator<Item = Slot> {
        debug_assert!(range < RANGES);
        let first = (range * SLOTS_PER_RANGE) as u16;
        (first..first + SLOTS_PER_RANGE as u16).map(Slot)
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Slot({})", self.0)
    }
}

/// CRC16 (XMODEM) of these bytes.
#[inline]
pub fn crc16(bytes: &[u8]) -> u16 {
    crc16::State::<crc16::XMODEM>::calculate(bytes)
}

/// The part of a key that is hashed: what stands between the first `{` and the next `}`, if that is not empty; else all of it.
#[inline]
pub fn hash_tag(key: &[u8]) -> &[u8] {
    let Some(open) = key.iter().position(|&b| b == b'{') else { return key };
    let after = &key[open + 1..];
    match after.iter().position(|&b| b == b'}') {
        None | Some(0) => key,
        Some(close) => &after[..close],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_that_redis_computes() {
        // `CLUSTER KEYSLOT` of redis-server 7.0.15.
        for (key, slot) in [("123456789", 12_739), ("foo", 12_182), ("", 0), ("doc:{notes}", 9_643)] {
            assert_eq!(Slot::of_key(key.as_bytes()).number(), slot, "{key}");
        }
    }

    #[test]
    fn the_hash_tag_is_the_first_non_empty_one() {
        for (key, tag) in [
            ("{user1000}.following", "user1000"),
            ("foo{}{bar}", "foo{}{bar}"),
            ("foo{{bar}}zap", "{bar"),
            ("foo{bar}{zap}", "bar"),
            ("foo{bar", "foo{bar"),
            ("}{a}", "a"),
        ] {
            assert_eq!(hash_tag(key.as_bytes()), tag.as_bytes(), "{key}");
        }
    }

    #[test]
    fn a_partition_and_a_range_hold_neighbouring_slots() {
        let slot = Slot::new(16_383).unwrap();
        assert_eq!((slot.partition(), slot.range()), (255, 15));
        assert_eq!(Slot::new(16_384), None);
        assert!(Slot::of_range(3).all(|s| s.range() == 3));
        assert_eq!(Slot::of_range(3).count(), SLOTS_PER_RANGE);
    }
}
