//! Where the rows or the columns of a sheet lie, in pixels.

use std::ops::Range;

/// Lines of one direction, most of them of one size.
///
/// Offsets are found by binary search over the exceptions, so a sheet of a million rows costs nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    count: usize,
    size: f64,
    /// Lines of another size, by index, with what they and those before them add to the offset of later lines.
    exceptions: Vec<Exception>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Exception {
    index: usize,
    size: f64,
    added: f64,
}

impl Axis {
    /// `count` lines of `size` pixels, but for `exceptions`: (index, pixels), in order of their index; 0 pixels hide a line.
    pub fn new(count: usize, size: f64, exceptions: impl IntoIterator<Item = (usize, f64)>) -> Axis {
        let mut axis = Axis { count, size, exceptions: Vec::new() };
        let mut added = 0.0;
        for (index, pixels) in exceptions {
            if index >= count || axis.exceptions.last().is_some_and(|last| last.index >= index) {
                continue;
            }
            added += pixels - size;
            axis.exceptions.push(Exception { index, size: pixels, added });
        }
        axis
    }

    /// How many lines there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Pixels from the first line's start to this line's start.
    pub fn offset(&self, index: usize) -> f64 {
        let before = self.exceptions.partition_point(|exception| exception.index < index);
        let added = before.checked_sub(1).map_or(0.0, |last| self.exceptions[last].added);
        index as f64 * self.size + added
    }

    /// Pixels of one line.
    pub fn size(&self, index: usize) -> f64 {
        match self.exceptions.binary_search_by_key(&index, |exception| exception.index) {
            Ok(found) => self.exceptions[found].size,
            Err(_) => self.size,
        }
    }

    /// Pixels of all lines.
    pub fn length(&self) -> f64 {
        self.offset(self.count)
    }

    /// The line at so many pixels from the start; the nearest one outside. `None` only where there are no lines.
    pub fn line_at(&self, pixels: f64) -> Option<usize> {
        let last = self.count.checked_sub(1)?;
        let (mut low, mut high) = (0, last);
        while low < high {
            let middle = low + (high - low).div_ceil(2);
            if self.offset(middle) <= pixels { low = middle } else { high = middle - 1 }
        }
        Some(low)
    }

    /// The lines of which something lies within `length` pixels from `start`.
    pub fn visible(&self, start: f64, length: f64) -> Range<usize> {
        match (self.line_at(start), self.line_at(start + length)) {
            (Some(first), Some(last)) => first..last + 1,
            _ => 0..0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn equal_lines_lie_at_multiples() {
        let axis = Axis::new(10, 20.0, []);
        assert_eq!((axis.offset(3), axis.length()), (60.0, 200.0));
        assert_eq!(axis.visible(30.0, 50.0), 1..5);
        assert_eq!((axis.line_at(-5.0), axis.line_at(1e9)), (Some(0), Some(9)));
        assert_eq!(Axis::new(0, 20.0, []).line_at(0.0), None);
    }

    #[test]
    fn a_hidden_line_is_never_hit() {
        let axis = Axis::new(5, 10.0, [(2, 0.0)]);
        assert_eq!(axis.line_at(20.0), Some(3));
        assert_eq!(axis.line_at(19.9), Some(1));
    }

    proptest! {
        #[test]
        fn offsets_are_the_sum_of_the_sizes_before(sizes in proptest::collection::vec(prop_oneof![Just(20.0), 0.0..80.0], 1..60)) {
            let exceptions = sizes.iter().copied().enumerate().filter(|(_, size)| *size != 20.0);
            let axis = Axis::new(sizes.len(), 20.0, exceptions);
            let mut sum = 0.0;
            for (index, size) in sizes.iter().enumerate() {
                prop_assert!((axis.offset(index) - sum).abs() < 1e-6);
                prop_assert_eq!(axis.size(index), *size);
                if *size > 0.01 {
                    prop_assert_eq!(axis.line_at(sum + size / 2.0), Some(index));
                }
                sum += size;
            }
            prop_assert!((axis.length() - sum).abs() < 1e-6);
        }
    }
}
