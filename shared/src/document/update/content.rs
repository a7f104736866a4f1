//! The kinds of content of a block, their length in clocks, and values nested inside them, read without recursion.

use yrs::Any;

use super::BadUpdate;
use crate::limits::UPDATE_NESTING_MAX;
use crate::protocol::lib0::{BadEncoding, Reader};

/// Info byte of a block that was deleted and forgotten.
pub(super) const GC: u8 = 0;
/// Info byte of clocks that are left out.
pub(super) const SKIP: u8 = 10;
/// Info bits of an item.
pub(super) const HAS_ORIGIN: u8 = 0x80;
pub(super) const HAS_RIGHT_ORIGIN: u8 = 0x40;
pub(super) const HAS_KEY: u8 = 0x20;
const KIND: u8 = 0x1f;

/// Shared types on the wire.
pub(in crate::document) const ARRAY: u8 = 0;
pub(in crate::document) const MAP: u8 = 1;
pub(in crate::document) const TEXT: u8 = 2;
pub(in crate::document) const XML_TEXT: u8 = 6;
/// A root, whose type nobody says.
pub(in crate::document) const UNSAID: u8 = 255;

/// What an item holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Was deleted; only its length is known.
    Deleted,
    /// Bytes.
    Binary,
    /// Text.
    Text,
    /// An embedded value in a text.
    Embed,
    /// The start or end of a format in a text.
    Format,
    /// A shared type, by its number on the wire.
    Type(u8),
    /// Plain values.
    Values,
}

impl Content {
    /// Reads the content of an item; returns its length in clocks and the number of values in it.
    pub(super) fn read(reader: &mut Reader<'_>, info: u8) -> Result<(Content, u32, usize), BadUpdate> {
        let whole = |content| Ok((content, 1, 0));
        match info & KIND {
            1 => Ok((Content::Deleted, reader.number_u32()?, 0)),
            3 => {
                reader.byte_string()?;
                whole(Content::Binary)
            }
            4 => Ok((Content::Text, utf16_len(reader.text()?)?, 0)),
            5 => match json(reader)? {
                // It would look like letters to whoever counts them.
                Any::String(_) => Err(BadUpdate::NotText),
                _ => whole(Content::Embed),
            },
            6 => {
                reader.text()?;
                json(reader)?;
                whole(Content::Format)
            }
            7 => {
                let kind = shared_type(reader)?;
                whole(Content::Type(kind))
            }
            8 => {
                let len = reader.count(1)?;
                let mut values = 0;
                for _ in 0..len {
                    values += value(reader)?;
                }
                Ok((Content::Values, u32::try_from(len).map_err(|_| BadUpdate::Clock)?, values))
            }
            kind => Err(BadUpdate::Kind(kind)),
        }
    }
}

/// Yjs counts texts in UTF-16 code units.
fn utf16_len(text: &str) -> Result<u32, BadUpdate> {
    // One unit for each byte that starts a character, and one more for those of four bytes.
    let units: usize =
        text.bytes().map(|byte| usize::from(byte & 0xC0 != 0x80) + usize::from(byte >= 0xF0)).sum();
    u32::try_from(units).map_err(|_| BadUpdate::Clock)
}

fn shared_type(reader: &mut Reader<'_>) -> Result<u8, BadUpdate> {
    match reader.byte()? {
        // Array, map, text, XML fragment, XML text.
        kind @ (ARRAY | MAP | TEXT | 4 | XML_TEXT) => Ok(kind),
        // XML element, with its name.
        3 => Ok(reader.text().map(|_| 3)?),
        // XML hooks (yrs reads them otherwise than Yjs writes them), weak links, and what nobody knows.
        kind => Err(BadUpdate::Type(kind)),
    }
}

fn json(reader: &mut Reader<'_>) -> Result<Any, BadUpdate> {
    // serde_json stops at 128 levels, so this cannot overflow a stack, and it is what yrs reads it with.
    Any::from_json(reader.text()?).map_err(|_| BadUpdate::Json)
}

/// Reads one value of lib0's `any` encoding; returns how many values it is made of.
fn value(reader: &mut Reader<'_>) -> Result<usize, BadUpdate> {
    let mut values = 0;
    // What is open: how many members are still to come, and whether they have keys.
    let mut open = [(0usize, false); UPDATE_NESTING_MAX];
    let mut depth = 0;
    loop {
        values += 1;
        let members = match reader.byte()? {
            127 | 126 | 121 | 120 => None,
            125 => integer(reader).map(|()| None)?,
            124 => reader.take(4).map(|_| None)?,
            123 | 122 => reader.take(8).map(|_| None)?,
            119 => reader.text().map(|_| None)?,
            116 => reader.byte_string().map(|_| None)?,
            118 => Some((reader.count(2)?, true)),
            117 => Some((reader.count(1)?, false)),
            _ => return Err(BadEncoding::Number.into()),
        };
        if let Some(members) = members {
            *open.get_mut(depth).ok_or(BadUpdate::Nesting)? = members;
            depth += 1;
        }
        while depth > 0 && open[depth - 1].0 == 0 {
            depth -= 1;
        }
        if depth == 0 {
            return Ok(values);
        }
        let (left, keyed) = &mut open[depth - 1];
        *left -= 1;
        if *keyed {
            reader.text()?;
        }
    }
}

/// A signed number of at most 53 bits: 6 bits in its first byte, 7 in each other.
fn integer(reader: &mut Reader<'_>) -> Result<(), BadEncoding> {
    for _ in 0..8 {
        if reader.byte()? < 0x80 {
            return Ok(());
        }
    }
    Err(BadEncoding::Number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::Arc;
    use yrs::encoding::write::Write as _;

    fn values() -> impl Strategy<Value = Any> {
        let leaf = prop_oneof![
            Just(Any::Null),
            Just(Any::Undefined),
            proptest::prelude::any::<bool>().prop_map(Any::from),
            proptest::prelude::any::<f64>().prop_map(Any::from),
            (-(1i64 << 53)..(1i64 << 53)).prop_map(Any::from),
            ".{0,8}".prop_map(Any::from),
            proptest::collection::vec(proptest::prelude::any::<u8>(), 0..9)
                .prop_map(|b| Any::Buffer(b.into())),
        ];
        leaf.prop_recursive(5, 40, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(|a| Any::Array(a.into())),
                proptest::collection::hash_map(".{0,4}", inner, 0..6).prop_map(|m| Any::Map(Arc::new(m))),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_value_that_yrs_writes_is_walked_to_its_end(written in values(), tail in any::<u8>()) {
            let mut bytes = Vec::new();
            written.encode(&mut bytes);
            let len = bytes.len();
            bytes.write_u8(tail);
            let mut reader = Reader::new(&bytes);
            prop_assert!(value(&mut reader).is_ok());
            prop_assert_eq!(reader.position(), len);
        }

        #[test]
        fn utf16_lengths_are_counted_as_rust_counts_them(text in ".{0,40}") {
            prop_assert_eq!(utf16_len(&text), Ok(text.encode_utf16().count() as u32));
        }
    }

    #[test]
    fn deep_nesting_is_refused_without_recursion() {
        // Arrays of one array, a million deep.
        let mut bytes = [117, 1].repeat(1_000_000);
        bytes.push(126);
        assert_eq!(value(&mut Reader::new(&bytes)), Err(BadUpdate::Nesting));
        let mut most = [117, 1].repeat(UPDATE_NESTING_MAX);
        most.push(126);
        assert_eq!(value(&mut Reader::new(&most)), Ok(UPDATE_NESTING_MAX + 1));
    }
}
