//! A small set of integers: sorted, two, four or eight bytes each, the width of the widest.

use super::heap::allocated;

/// Integers in ascending order, packed.
#[derive(Debug, Clone, Default)]
pub struct IntSet {
    bytes: Vec<u8>,
    /// Bytes per integer: 2, 4 or 8 (0 while empty and new).
    width: u8,
}

impl IntSet {
    /// No integers, no allocation.
    pub const fn new() -> IntSet {
        IntSet { bytes: Vec::new(), width: 0 }
    }

    /// Number of integers.
    pub fn len(&self) -> usize {
        self.bytes.len() / usize::from(self.width.max(1))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Bytes of the allocation.
    pub fn memory_bytes(&self) -> usize {
        allocated(self.bytes.capacity())
    }

    /// The integer with this index of the ascending order.
    pub fn at(&self, index: usize) -> Option<i64> {
        let width = usize::from(self.width);
        let bytes = self.bytes.get(index * width..(index + 1) * width)?;
        match *bytes {
            [a, b] => Some(i64::from(i16::from_le_bytes([a, b]))),
            [a, b, c, d] => Some(i64::from(i32::from_le_bytes([a, b, c, d]))),
            _ => bytes.try_into().ok().map(i64::from_le_bytes),
        }
    }

    /// Whether an integer is in the set.
    pub fn contains(&self, number: i64) -> bool {
        self.search(number).is_ok()
    }

    /// Adds an integer; whether it is new.
    pub fn add(&mut self, number: i64) -> bool {
        let Err(index) = self.search(number) else { return false };
        let width = width_of(number);
        if width > self.width {
            self.widen(width);
        }
        let at = index * usize::from(self.width);
        let bytes = number.to_le_bytes();
        self.bytes.splice(at..at, bytes[..usize::from(self.width)].iter().copied());
        true
    }

    /// Removes an integer; whether it was there.
    pub fn remove(&mut self, number: i64) -> bool {
        let Ok(index) = self.search(number) else { return false };
        let width = usize::from(self.width);
        self.bytes.drain(index * width..(index + 1) * width);
        if self.bytes.capacity() > 64 && self.bytes.len() < self.bytes.capacity() / 4 {
            self.bytes.shrink_to_fit();
        }
        true
    }

    /// The integers in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = i64> {
        (0..self.len()).map_while(|index| self.at(index))
    }

    fn search(&self, number: i64) -> Result<usize, usize> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            match self.at(middle) {
                Some(found) if found < number => low = middle + 1,
                Some(found) if found == number => return Ok(middle),
                _ => high = middle,
            }
        }
        Err(low)
    }

    fn widen(&mut self, width: u8) {
        let bytes = self
            .iter()
            .flat_map(|number| number.to_le_bytes().into_iter().take(usize::from(width)))
            .collect();
        *self = IntSet { bytes, width };
    }
}

fn width_of(number: i64) -> u8 {
    if i16::try_from(number).is_ok() {
        2
    } else if i32::try_from(number).is_ok() {
        4
    } else {
        8
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn number() -> impl Strategy<Value = i64> {
        prop_oneof![8 => -40i64..40, 2 => any::<i16>().prop_map(i64::from), 1 => any::<i32>().prop_map(i64::from), 1 => any::<i64>()]
    }

    proptest! {
        #[test]
        fn an_int_set_behaves_as_a_sorted_set(steps in proptest::collection::vec((any::<bool>(), number()), 0..200)) {
            let mut set = IntSet::new();
            let mut model = BTreeSet::new();
            for (add, number) in steps {
                if add {
                    prop_assert_eq!(set.add(number), model.insert(number));
                } else {
                    prop_assert_eq!(set.remove(number), model.remove(&number));
                }
                prop_assert_eq!(set.contains(number), model.contains(&number));
                prop_assert_eq!(set.len(), model.len());
            }
            prop_assert!(set.iter().eq(model.iter().copied()));
        }
    }
}
