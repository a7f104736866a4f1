//! The visible text as a rope: cheap to clone, and the one place where positions are converted. Yjs counts UTF-16 units, GTK
//! Unicode scalars, files bytes.

use std::fmt;

use ropey::Rope;

use super::delta::Delta;

/// The visible text. A clone shares its letters until one of both changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VisibleText {
    rope: Rope,
}

impl VisibleText {
    /// This text.
    pub fn new(text: &str) -> VisibleText {
        VisibleText { rope: Rope::from_str(text) }
    }

    /// Length in Unicode scalars.
    pub fn len(&self) -> usize {
        self.rope.len_chars()
    }

    /// Whether it has no letters.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Length in UTF-16 units.
    pub fn len_utf16(&self) -> usize {
        self.rope.len_utf16_cu()
    }

    /// Length in bytes of UTF-8.
    pub fn len_bytes(&self) -> usize {
        self.rope.len_bytes()
    }

    /// Number of lines: one more than line ends.
    pub fn lines(&self) -> usize {
        self.rope.len_lines()
    }

    /// UTF-16 units before a scalar; the end if it is beyond.
    pub fn utf16_of(&self, scalar: usize) -> usize {
        self.rope.char_to_utf16_cu(scalar.min(self.len()))
    }

    /// The scalar at or, inside a surrogate pair, around a UTF-16 unit; the end if it is beyond.
    pub fn scalar_of_utf16(&self, unit: usize) -> usize {
        self.rope.utf16_cu_to_char(unit.min(self.len_utf16()))
    }

    /// Bytes before a scalar; the end if it is beyond.
    pub fn byte_of(&self, scalar: usize) -> usize {
        self.rope.char_to_byte(scalar.min(self.len()))
    }

    /// The scalar that a byte is part of; the end if it is beyond.
    pub fn scalar_of_byte(&self, byte: usize) -> usize {
        self.rope.byte_to_char(byte.min(self.len_bytes()))
    }

    /// Line and column of a scalar, both from 0, the column in scalars.
    pub fn line_of(&self, scalar: usize) -> (usize, usize) {
        let scalar = scalar.min(self.len());
        let line = self.rope.char_to_line(scalar);
        (line, scalar - self.rope.line_to_char(line))
    }

    /// The first scalar of a line; the end if there is no such line.
    pub fn scalar_of_line(&self, line: usize) -> usize {
        self.rope.line_to_char(line.min(self.lines()))
    }

    /// Some of it, from scalar to scalar.
    pub fn slice(&self, range: std::ops::Range<usize>) -> String {
        let end = range.end.min(self.len());
        self.rope.slice(range.start.min(end)..end).to_string()
    }

    /// The text in pieces, without copying it.
    pub fn chunks(&self) -> impl Iterator<Item = &str> {
        self.rope.chunks()
    }

    /// Deletes and inserts at a scalar. What is beyond the end is cut off.
    pub fn splice(&mut self, at: usize, deleted: usize, inserted: &str) {
        let at = at.min(self.len());
        let end = at.saturating_add(deleted).min(self.len());
        self.rope.remove(at..end);
        self.rope.insert(at, inserted);
    }

    /// Takes the steps of a change.
    pub fn apply(&mut self, steps: &[Delta]) {
        let mut at = 0;
        for step in steps {
            match step {
                Delta::Retain(scalars) => at += scalars,
                Delta::Delete(scalars) => self.splice(at, *scalars, ""),
                Delta::Insert(text) => {
                    self.splice(at, 0, text);
                    at += text.chars().count();
                }
            }
        }
    }
}

impl fmt::Display for VisibleText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.chunks().try_for_each(|chunk| f.write_str(chunk))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn positions_are_converted_there_and_back(text in "[a-zé😀\n]{0,40}") {
            let visible = VisibleText::new(&text);
            prop_assert_eq!(visible.len_utf16(), text.encode_utf16().count());
            for (scalar, (byte, _)) in text.char_indices().enumerate() {
                prop_assert_eq!(visible.byte_of(scalar), byte);
                prop_assert_eq!(visible.scalar_of_byte(byte), scalar);
                prop_assert_eq!(visible.scalar_of_utf16(visible.utf16_of(scalar)), scalar);
                let (line, column) = visible.line_of(scalar);
                prop_assert_eq!(visible.scalar_of_line(line) + column, scalar);
            }
        }

        #[test]
        fn steps_between_two_texts_lead_from_one_to_the_other(old in "[ab😀]{0,12}", new in "[ab😀]{0,12}") {
            let mut visible = VisibleText::new(&old);
            let steps = super::super::delta::between(&visible, &new);
            visible.apply(&steps);
            prop_assert_eq!(visible.to_string(), new);
        }
    }

    #[test]
    fn positions_beyond_the_end_are_the_end() {
        let visible = VisibleText::new("a😀");
        assert_eq!((visible.utf16_of(9), visible.scalar_of_utf16(9), visible.scalar_of_line(9)), (3, 2, 2));
        assert_eq!(visible.slice(1..9), "😀");
    }
}
