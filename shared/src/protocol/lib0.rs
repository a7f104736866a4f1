//! lib0's encoding, as Yjs and y-protocols use it: variable-length numbers of 7 bits a byte, byte strings and texts with their
//! length in front. The reader borrows, allocates nothing, and refuses instead of wrapping.

/// Largest number that Yjs can hold exactly, and so the largest client id: 2⁵³ − 1.
pub const NUMBER_MAX: u64 = (1 << 53) - 1;

/// Why bytes are not what lib0 would have written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadEncoding {
    /// The bytes end inside a value.
    #[error("the bytes end too early")]
    End,
    /// A number is above [`NUMBER_MAX`], or above what its place allows.
    #[error("a number is too large")]
    Number,
    /// A text is not UTF-8.
    #[error("a text is not valid UTF-8")]
    Utf8,
}

/// Reads from the front of a byte slice.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// A reader at the start of these bytes.
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { bytes, at: 0 }
    }

    /// How many bytes were read.
    pub fn position(&self) -> usize {
        self.at
    }

    /// How many bytes are left.
    pub fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// One byte.
    #[inline]
    pub fn byte(&mut self) -> Result<u8, BadEncoding> {
        let byte = *self.bytes.get(self.at).ok_or(BadEncoding::End)?;
        self.at += 1;
        Ok(byte)
    }

    /// An unsigned number, at most [`NUMBER_MAX`].
    #[inline]
    pub fn number(&mut self) -> Result<u64, BadEncoding> {
        let first = self.byte()?;
        if first < 0x80 {
            return Ok(u64::from(first));
        }
        self.long_number(u64::from(first & 0x7f))
    }

    /// An unsigned number of at most 32 bits.
    #[inline]
    pub fn number_u32(&mut self) -> Result<u32, BadEncoding> {
        u32::try_from(self.number()?).map_err(|_| BadEncoding::Number)
    }

    /// How many things of at least `size` bytes follow: never more than the bytes left can hold.
    #[inline]
    pub fn count(&mut self, size: usize) -> Result<usize, BadEncoding> {
        let count = usize::try_from(self.number()?).map_err(|_| BadEncoding::Number)?;
        if count > self.remaining() / size.max(1) { Err(BadEncoding::End) } else { Ok(count) }
    }

    /// So many bytes.
    #[inline]
    pub fn take(&mut self, len: usize) -> Result<&'a [u8], BadEncoding> {
        let rest = self.bytes.get(self.at..).ok_or(BadEncoding::End)?;
        let taken = rest.get(..len).ok_or(BadEncoding::End)?;
        self.at += len;
        Ok(taken)
    }

    /// A byte string with its length in front.
    #[inline]
    pub fn byte_string(&mut self) -> Result<&'a [u8], BadEncoding> {
        let len = self.count(1)?;
        self.take(len)
    }

    /// A text with its length in bytes in front.
    #[inline]
    pub fn text(&mut self) -> Result<&'a str, BadEncoding> {
        std::str::from_utf8(self.byte_string()?).map_err(|_| BadEncoding::Utf8)
    }

    fn long_number(&mut self, mut number: u64) -> Result<u64, BadEncoding> {
        for shift in (7..=49).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return if number <= NUMBER_MAX { Ok(number) } else { Err(BadEncoding::Number) };
            }
        }
        Err(BadEncoding::Number)
    }
}

/// Appends an unsigned number.
pub fn write_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Appends a byte string with its length in front.
pub fn write_byte_string(out: &mut Vec<u8>, bytes: &[u8]) {
    write_number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_written_as_lib0_writes_them() {
        for (number, bytes) in
            [(0, &[0][..]), (127, &[127]), (128, &[128, 1]), (691_529_286, &[0xC6, 0xCC, 0xDF, 0xC9, 2])]
        {
            let mut out = Vec::new();
            write_number(&mut out, number);
            assert_eq!(out, bytes);
        }
    }

    #[test]
    fn a_number_of_more_than_53_bits_and_one_that_never_ends_are_refused() {
        let mut out = Vec::new();
        write_number(&mut out, NUMBER_MAX + 1);
        assert_eq!(Reader::new(&out).number(), Err(BadEncoding::Number));
        assert_eq!(Reader::new(&[0xff; 100]).number(), Err(BadEncoding::Number));
        assert_eq!(Reader::new(&[0x80]).number(), Err(BadEncoding::End));
    }

    #[test]
    fn a_count_is_bounded_by_the_bytes_that_are_left() {
        let mut out = Vec::new();
        write_number(&mut out, 1_000_000);
        out.extend_from_slice(&[0; 10]);
        assert_eq!(Reader::new(&out).count(1), Err(BadEncoding::End));
        assert_eq!(Reader::new(&out).byte_string(), Err(BadEncoding::End));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(number in 0..=NUMBER_MAX, bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut out = Vec::new();
            write_number(&mut out, number);
            write_byte_string(&mut out, &bytes);
            let mut reader = Reader::new(&out);
            prop_assert_eq!(reader.number(), Ok(number));
            prop_assert_eq!(reader.byte_string(), Ok(&bytes[..]));
            prop_assert_eq!(reader.remaining(), 0);
        }
    }
}
