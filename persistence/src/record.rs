//! Records and their items: FORMAT.md, "Record" and "Item".

use shared::limits::{ITEM_BYTES_MAX, RECORD_BYTES_TARGET};
use shared::slot::Slot;

use crate::header::HEADER_BYTES;

/// Length of a record's header, bytes.
pub(crate) const RECORD_HEADER_BYTES: usize = 16;

/// Length of an item's header, bytes.
pub(crate) const ITEM_HEADER_BYTES: usize = 6;

/// No payload is longer, bytes: a record takes one item more while it is below its target.
const PAYLOAD_BYTES_MAX: usize = RECORD_BYTES_TARGET + ITEM_BYTES_MAX;

/// The slot of the item that is the table of cuts.
pub(crate) const CUTS_SLOT: u16 = u16::MAX;

/// The first 16 bytes of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RecordHeader {
    pub(crate) crc: u32,
    /// Length of the payload, bytes.
    pub(crate) length: u32,
    pub(crate) offset: u64,
}

impl RecordHeader {
    #[inline]
    pub(crate) fn decode(bytes: &[u8; RECORD_HEADER_BYTES]) -> RecordHeader {
        let u32_at = |at: usize| u32::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
        let offset = u64::from_le_bytes(std::array::from_fn(|i| bytes[8 + i]));
        RecordHeader { crc: u32_at(0), length: u32_at(4), offset }
    }

    /// Why this header cannot stand at this offset with so many bytes of the file after it, if so.
    pub(crate) fn refuse(&self, offset: u64, remaining: u64) -> Option<&'static str> {
        if !is_payload_length(self.length) {
            Some("no record has such a length")
        } else if self.offset != offset {
            Some("the record has another offset")
        } else if u64::from(self.length) > remaining {
            Some("the record is longer than the rest of the file")
        } else {
            None
        }
    }

    /// These at most 16 bytes contradict nothing that is known of the header of a record at this offset.
    pub(crate) fn may_begin_with(bytes: &[u8], offset: u64) -> bool {
        let length = bytes.get(4..).and_then(|rest| rest.first_chunk());
        length.is_none_or(|length| is_payload_length(u32::from_le_bytes(*length)))
            && bytes.get(8..).is_none_or(|rest| offset.to_le_bytes().starts_with(rest))
    }
}

fn is_payload_length(length: u32) -> bool {
    (ITEM_HEADER_BYTES..=PAYLOAD_BYTES_MAX).contains(&(length as usize))
}

/// The offset of this byte of a file whose first record has the offset `start`.
pub(crate) fn offset_at(byte: u64, start: u64) -> u64 {
    // Not beyond the file: a start near the end of the numbers comes from damage only, and then no record is valid.
    start.wrapping_add(byte - HEADER_BYTES as u64)
}

/// The CRC that a record with this header (its own CRC aside) and payload must have.
pub(crate) fn crc_of(header: &[u8; RECORD_HEADER_BYTES], payload: &[u8]) -> u32 {
    crc_with_length(RecordHeader::decode(header).length, header, payload)
}

/// The CRC that it must have if its length is this one, whatever the header says.
pub(crate) fn crc_with_length(length: u32, header: &[u8; RECORD_HEADER_BYTES], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&length.to_le_bytes());
    hasher.update(&header[8..]);
    hasher.update(payload);
    hasher.finalize()
}

/// Puts the CRC into each record of a run of records whose lengths are in place.
pub(crate) fn seal(mut records: &mut [u8]) {
    while let Some((header, rest)) = records.split_first_chunk_mut::<RECORD_HEADER_BYTES>() {
        let length = (RecordHeader::decode(header).length as usize).min(rest.len());
        let (payload, next) = rest.split_at_mut(length);
        let crc = crc_of(header, payload);
        header[..4].copy_from_slice(&crc.to_le_bytes());
        records = next;
    }
}

/// An effect: its slot, its position in the log stream, its bytes.
pub(crate) type Placed<'a> = (Slot, u64, &'a [u8]);

/// The effects of whole records that continue the log stream of a range at `offset`. The error says what keeps them from being
/// that.
pub(crate) fn records_of(
    range: usize,
    offset: u64,
    mut records: &[u8],
) -> Result<Vec<Placed<'_>>, &'static str> {
    let (mut items, mut offset) = (Vec::new(), offset);
    while let Some((raw, rest)) = records.split_first_chunk::<RECORD_HEADER_BYTES>() {
        let header = RecordHeader::decode(raw);
        header.refuse(offset, rest.len() as u64).map_or(Ok(()), Err)?;
        let (payload, next) = rest.split_at(header.length as usize);
        if crc_of(raw, payload) != header.crc {
            return Err("the record's CRC is wrong");
        }
        let first = offset + RECORD_HEADER_BYTES as u64;
        for item in Items::new(payload) {
            let item = item.map_err(|_| "the items do not fill the record")?;
            let slot = Slot::new(item.slot).filter(|slot| slot.range() == range);
            let slot = slot.ok_or("the slot of an item does not belong to the range")?;
            items.push((slot, first + item.at as u64, item.bytes));
        }
        (records, offset) = (next, first + payload.len() as u64);
    }
    if records.is_empty() { Ok(items) } else { Err("the record's header is cut") }
}

/// One effect or entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item<'a> {
    /// The slot as written; whether it belongs here is the reader's to judge.
    pub slot: u16,
    /// Where the item begins in the payload, bytes.
    pub at: usize,
    /// What the caller encoded.
    pub bytes: &'a [u8],
}

/// The items of a record's payload, in order. Ends after the first one that does not fit, which is an error that names its place.
#[derive(Debug, Clone)]
pub struct Items<'a> {
    payload: &'a [u8],
    at: usize,
}

impl<'a> Items<'a> {
    /// Of this payload.
    pub fn new(payload: &'a [u8]) -> Items<'a> {
        Items { payload, at: 0 }
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Result<Item<'a>, usize>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let at = self.at;
        let rest = self.payload.get(at..).filter(|rest| !rest.is_empty())?;
        let item = rest.split_first_chunk::<ITEM_HEADER_BYTES>().and_then(|(header, rest)| {
            let [slot_low, slot_high, length @ ..] = *header;
            let bytes = rest.get(..u32::from_le_bytes(length) as usize)?;
            Some(Item { slot: u16::from_le_bytes([slot_low, slot_high]), at, bytes })
        });
        self.at = item.map_or(self.payload.len(), |item| at + ITEM_HEADER_BYTES + item.bytes.len());
        Some(item.ok_or(at))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn item(slot: u16, bytes: &[u8]) -> Vec<u8> {
        [&slot.to_le_bytes()[..], &(bytes.len() as u32).to_le_bytes(), bytes].concat()
    }

    #[test]
    fn items_are_read_in_order_with_their_places() {
        let payload = [item(7, b"one"), item(16_383, b""), item(0, b"three")].concat();
        let items: Vec<_> = Items::new(&payload).collect::<Result<_, _>>().unwrap();
        let read: Vec<_> = items.iter().map(|item| (item.slot, item.at, item.bytes)).collect();
        assert_eq!(read, [(7, 0, &b"one"[..]), (16_383, 9, b""), (0, 15, b"three")]);
    }

    #[test]
    fn an_item_that_does_not_fit_ends_the_payload_and_names_its_place() {
        let mut payload = [item(7, b"one"), item(8, b"two")].concat();
        payload.pop();
        let read: Vec<_> = Items::new(&payload).map(|item| item.map(|item| item.slot)).collect();
        assert_eq!(read, [Ok(7), Err(9)]);
    }

    proptest! {
        #[test]
        fn any_payload_is_walked_within_its_bounds(payload in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut end = 0;
            for item in Items::new(&payload) {
                let Ok(item) = item else { break };
                prop_assert_eq!(item.at, end);
                end = item.at + ITEM_HEADER_BYTES + item.bytes.len();
            }
            prop_assert!(end <= payload.len());
        }
    }
}
