//! The bytes of a value outside its structure: varints, strings, and a reader that trusts no length.
//!
//! Every value opens with one byte of version ([`VERSION`]), so that a later layout can be told from this one.

use thiserror::Error;

/// The version that [`Reader::open`] takes and that every `encode` writes.
pub const VERSION: u8 = 1;

/// Longest varint of a `u64`, bytes.
pub const VARINT_BYTES_MAX: usize = 10;

/// Why encoded bytes are not a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// The bytes end inside a field.
    #[error("encoded value is cut short")]
    Truncated,
    /// Written by a version this program does not know.
    #[error("encoded value has unknown version {0}")]
    Version(u8),
    /// A rule of the structure is broken (order, duplicates, counts).
    #[error("encoded value is damaged: {0}")]
    Damaged(&'static str),
    /// Bytes are left over after the value's end.
    #[error("encoded value has bytes after its end")]
    Trailing,
}

/// Appends `number` as LEB128: seven bits a byte, lowest first.
pub fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Bytes that [`put_varint`] appends for `number`.
pub const fn varint_len(number: u64) -> usize {
    (64 - (number | 1).leading_zeros() as usize).div_ceil(7)
}

/// Appends the length of `bytes` as a varint, then `bytes`.
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Maps small numbers of either sign to small unsigned ones, for [`put_varint`].
pub const fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

/// The inverse of [`zigzag`].
pub const fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

/// The varint at `*at`, which is moved behind it; `None` (and `*at` unspecified) if there is none.
pub fn varint_at(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let first = *bytes.get(*at)?;
    *at += 1;
    if first < 0x80 {
        return Some(u64::from(first));
    }
    let mut number = u64::from(first & 0x7f);
    let mut shift = 7;
    loop {
        let byte = *bytes.get(*at)?;
        *at += 1;
        if shift == 63 && byte > 1 {
            return None;
        }
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
        shift += 7;
        if shift > 63 {
            return None;
        }
    }
}

/// The string (varint length, then bytes) at `*at`, which is moved behind it.
pub fn bytes_at<'a>(bytes: &'a [u8], at: &mut usize) -> Option<&'a [u8]> {
    let length = usize::try_from(varint_at(bytes, at)?).ok()?;
    let end = at.checked_add(length)?;
    let found = bytes.get(*at..end)?;
    *at = end;
    Some(found)
}

/// Reads an encoded value front to back. Every length is checked against what is left before anything is allocated for it.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Opens a value, whose first byte must be [`VERSION`].
    pub fn open(bytes: &'a [u8]) -> Result<Reader<'a>, DecodeError> {
        match bytes.first() {
            None => Err(DecodeError::Truncated),
            Some(&VERSION) => Ok(Reader { bytes, at: 1 }),
            Some(&other) => Err(DecodeError::Version(other)),
        }
    }

    /// A varint.
    pub fn varint(&mut self) -> Result<u64, DecodeError> {
        varint_at(self.bytes, &mut self.at).ok_or(DecodeError::Truncated)
    }

    /// A varint that must fit 32 bits.
    pub fn varint_u32(&mut self) -> Result<u32, DecodeError> {
        u32::try_from(self.varint()?).map_err(|_| DecodeError::Damaged("number above 32 bits"))
    }

    /// A count of things that take at least `bytes_each` each: one that the rest cannot hold is refused.
    pub fn count(&mut self, bytes_each: usize) -> Result<usize, DecodeError> {
        let count = usize::try_from(self.varint()?).map_err(|_| DecodeError::Truncated)?;
        let room = (self.bytes.len() - self.at) / bytes_each.max(1);
        if count > room { Err(DecodeError::Truncated) } else { Ok(count) }
    }

    /// A string: varint length, then bytes.
    pub fn bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        bytes_at(self.bytes, &mut self.at).ok_or(DecodeError::Truncated)
    }

    /// Eight bytes, little endian, as a double.
    pub fn double(&mut self) -> Result<f64, DecodeError> {
        let end = self.at.checked_add(8).ok_or(DecodeError::Truncated)?;
        let bytes = self.bytes.get(self.at..end).and_then(|bytes| bytes.try_into().ok());
        self.at = end;
        bytes.map(f64::from_le_bytes).ok_or(DecodeError::Truncated)
    }

    /// Ends the reading: nothing may be left.
    pub fn finish(self) -> Result<(), DecodeError> {
        if self.at == self.bytes.len() { Ok(()) } else { Err(DecodeError::Trailing) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_varint_comes_back_and_its_length_is_foretold(number: u64, shift in 0u32..64) {
            let number = number >> shift;
            let mut out = vec![];
            put_varint(&mut out, number);
            prop_assert_eq!(out.len(), varint_len(number));
            let mut at = 0;
            prop_assert_eq!(varint_at(&out, &mut at), Some(number));
            prop_assert_eq!(at, out.len());
            prop_assert_eq!(varint_at(&out[..out.len() - 1], &mut 0), None);
        }

        #[test]
        fn zigzag_is_undone(number: i64) {
            prop_assert_eq!(unzigzag(zigzag(number)), number);
        }

        #[test]
        fn hostile_bytes_never_panic(bytes: Vec<u8>) {
            let mut at = 0;
            while bytes_at(&bytes, &mut at).is_some() {}
        }
    }

    #[test]
    fn a_count_larger_than_the_rest_is_refused_before_anything_is_allocated() {
        let mut bytes = vec![VERSION];
        put_varint(&mut bytes, u64::MAX);
        let mut reader = Reader::open(&bytes).unwrap();
        assert_eq!(reader.count(1), Err(DecodeError::Truncated));
    }

    #[test]
    fn an_unknown_version_is_named() {
        assert_eq!(Reader::open(&[9]).unwrap_err(), DecodeError::Version(9));
        assert_eq!(Reader::open(&[]).unwrap_err(), DecodeError::Truncated);
    }
}
