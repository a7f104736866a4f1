//! An entry as bytes: for the base files, DUMP, RESTORE and COPY.
//!
//! A tag of the type (0 string, else [`Value::tag`]), then the value: a string as it is, another type as its module encodes it.

use shared::resp::write;

use super::entry::{Entry, NEVER};
use super::value::Value;

/// The tag of a string.
const STRING: u8 = 0;

/// Appends what an entry holds.
pub fn dump(entry: &Entry, out: &mut Vec<u8>) {
    match entry {
        Entry::Str(string) => {
            out.push(STRING);
            out.extend_from_slice(string.value());
        }
        Entry::Object(object) => {
            out.push(object.value.tag());
            object.value.encode(out);
        }
    }
}

/// An entry that holds what was dumped; an error says what is wrong with the bytes.
pub fn restore(key: &[u8], dumped: &[u8], deadline: u64, clock: u32) -> Result<Entry, String> {
    match dumped {
        [STRING, value @ ..] => Ok(Entry::string(key, value, deadline, clock)),
        [tag, value @ ..] => Ok(Entry::object(key, Value::decode(*tag, value)?, deadline, clock)),
        [] => Err("a dumped value is empty".into()),
    }
}

/// Appends the effect that makes a key what it is now: `RESTORE key deadline dump REPLACE ABSTTL`, deadline 0 for none.
pub fn write_restore(entry: &Entry, out: &mut Vec<u8>) {
    let mut dumped = Vec::new();
    dump(entry, &mut dumped);
    write_restore_of(entry.key(), entry.deadline(), dumped, out);
}

/// The same for a key with this deadline ([`NEVER`] for none) that holds what was dumped.
pub fn write_restore_of(key: &[u8], deadline: u64, dumped: Vec<u8>, out: &mut Vec<u8>) {
    let deadline = if deadline == NEVER { 0 } else { deadline };
    write::array(out, 6);
    write::bulk(out, b"RESTORE");
    write::bulk(out, key);
    write::bulk(out, deadline.to_string().as_bytes());
    write::bulk(out, &with_checksum(dumped));
    write::bulk(out, b"REPLACE");
    write::bulk(out, b"ABSTTL");
}

/// A dump with the CRC-16 of its bytes behind, as DUMP answers it.
pub fn with_checksum(mut dumped: Vec<u8>) -> Vec<u8> {
    dumped.extend_from_slice(&shared::slot::crc16(&dumped).to_le_bytes());
    dumped
}

/// The dump before its checksum, if that is right.
pub fn checked(dumped: &[u8]) -> Option<&[u8]> {
    let (dumped, sum) = dumped.split_last_chunk::<2>()?;
    (shared::slot::crc16(dumped) == u16::from_le_bytes(*sum)).then_some(dumped)
}
