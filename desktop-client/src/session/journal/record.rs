//! The bytes of a journal.
//!
//! A file is a run of records: `length: u32 LE` of what follows the checksum, `crc32: u32 LE` of it, then `kind: u8` and
//!
//! - [`HEADER`]: JSON of [`Header`]; the first record and only there;
//! - [`EDIT`]: `first: u64 LE`, `last: u64 LE`, one Yjs v1 update;
//! - [`SAVED`]: `last: u64 LE`: the edits up to this number are *saved*.
//!
//! Reading stops at the first record that is torn or fails its checksum: only the end of a file can be so after a crash,
//! since records are only ever appended.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use shared::limits::MESSAGE_BYTES_MAX;

use crate::session::pending::Edit;

const HEADER: u8 = 0;
const EDIT: u8 = 1;
const SAVED: u8 = 2;

/// Length and checksum in front of a record, bytes.
const PREFIX: usize = 8;

/// Longest record, bytes: one message and its numbers.
const RECORD_BYTES_MAX: usize = MESSAGE_BYTES_MAX + 64;

/// What a journal belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The server's address as given on the command line.
    pub server: String,
    /// The document's id.
    pub document: String,
    /// `text` or `sheet`.
    pub kind: String,
}

/// What a journal holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// What it belongs to; `None` if not even that was written.
    pub header: Option<Header>,
    /// The edits that are not *saved*, oldest first.
    pub edits: Vec<Edit>,
}

/// Appends the first record.
pub(super) fn write_header(header: &Header, out: &mut Vec<u8>) -> Result<(), serde_json::Error> {
    let json = serde_json::to_vec(header)?;
    write(HEADER, &[&json], out);
    Ok(())
}

/// Appends an edit.
pub(super) fn write_edit(edit: &Edit, out: &mut Vec<u8>) {
    write(EDIT, &[&edit.first.to_le_bytes(), &edit.last.to_le_bytes(), &edit.update], out);
}

/// Appends that edits are *saved*.
pub(super) fn write_saved(last: u64, out: &mut Vec<u8>) {
    write(SAVED, &[&last.to_le_bytes()], out);
}

fn write(kind: u8, parts: &[&[u8]], out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&[0; PREFIX]);
    out.push(kind);
    parts.iter().for_each(|part| out.extend_from_slice(part));
    let body = start + PREFIX;
    let length = u32::try_from(out.len() - body).unwrap_or(u32::MAX);
    let checksum = crc32fast::hash(&out[body..]);
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
    out[start + 4..body].copy_from_slice(&checksum.to_le_bytes());
}

/// Reads as much of a journal as is whole.
pub fn read(mut bytes: &[u8]) -> Contents {
    let mut contents = Contents::default();
    while let Some((body, rest)) = next_body(bytes) {
        bytes = rest;
        if read_body(body, &mut contents).is_none() {
            break;
        }
    }
    contents
}

fn next_body(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (checksum, rest) = rest.split_first_chunk::<4>()?;
    let length = u32::from_le_bytes(*length) as usize;
    if length > RECORD_BYTES_MAX {
        return None;
    }
    let (body, rest) = rest.split_at_checked(length)?;
    (crc32fast::hash(body) == u32::from_le_bytes(*checksum)).then_some((body, rest))
}

fn read_body(body: &[u8], contents: &mut Contents) -> Option<()> {
    let (&kind, body) = body.split_first()?;
    match kind {
        HEADER => contents.header = Some(serde_json::from_slice(body).ok()?),
        EDIT => {
            let (first, body) = body.split_first_chunk::<8>()?;
            let (last, update) = body.split_first_chunk::<8>()?;
            let (first, last) = (u64::from_le_bytes(*first), u64::from_le_bytes(*last));
            contents.edits.push(Edit { first, last, update: Bytes::copy_from_slice(update) });
        }
        SAVED => {
            let (last, _) = body.split_first_chunk::<8>()?;
            let last = u64::from_le_bytes(*last);
            contents.edits.retain(|edit| edit.last > last);
        }
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header() -> Header {
        Header { server: "ws://127.0.0.1:8080".into(), document: "notes".into(), kind: "text".into() }
    }

    fn edit(number: u64, update: &[u8]) -> Edit {
        Edit { first: number, last: number, update: Bytes::copy_from_slice(update) }
    }

    #[test]
    fn a_file_cut_at_any_byte_gives_every_whole_record_and_nothing_else() {
        let mut bytes = Vec::new();
        write_header(&header(), &mut bytes).unwrap();
        let mut ends = vec![bytes.len()];
        let edits: Vec<Edit> = (1..=6).map(|n| edit(n, &vec![n as u8; n as usize * 3])).collect();
        for edit in &edits {
            write_edit(edit, &mut bytes);
            ends.push(bytes.len());
        }
        for cut in 0..=bytes.len() {
            let contents = read(&bytes[..cut]);
            let whole = ends.iter().filter(|&&end| end <= cut).count();
            assert_eq!(contents.header.is_some(), whole >= 1, "cut at {cut}");
            assert_eq!(contents.edits, edits[..whole.saturating_sub(1)], "cut at {cut}");
        }
    }

    #[test]
    fn a_flipped_bit_hides_its_record_and_what_follows_and_never_makes_an_edit_up() {
        let mut bytes = Vec::new();
        write_header(&header(), &mut bytes).unwrap();
        let edits: Vec<Edit> = (1..=3).map(|n| edit(n, b"update")).collect();
        edits.iter().for_each(|edit| write_edit(edit, &mut bytes));
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let contents = read(&damaged);
            assert!(edits.starts_with(&contents.edits), "bit {bit}");
            assert!(contents.edits.len() < edits.len(), "bit {bit}");
        }
    }

    proptest! {
        #[test]
        fn saved_records_take_away_exactly_what_they_name(steps in prop::collection::vec(prop_oneof![3 => Just(None), 1 => (0u64..40).prop_map(Some)], 0..60)) {
            let mut bytes = Vec::new();
            write_header(&header(), &mut bytes).unwrap();
            let (mut model, mut number) = (Vec::new(), 0);
            for step in steps {
                match step {
                    None => {
                        number += 1;
                        write_edit(&edit(number, &number.to_le_bytes()), &mut bytes);
                        model.push(number);
                    }
                    Some(last) => {
                        write_saved(last.min(number), &mut bytes);
                        model.retain(|&n| n > last.min(number));
                    }
                }
            }
            let contents = read(&bytes);
            prop_assert_eq!(contents.header, Some(header()));
            prop_assert_eq!(contents.edits.iter().map(|edit| edit.last).collect::<Vec<_>>(), model);
        }

        #[test]
        fn no_bytes_make_reading_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            read(&bytes);
        }
    }
}
