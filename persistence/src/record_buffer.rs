//! Many items, encoded in place: records whose CRC is still missing.

use shared::limits::{ITEM_BYTES_MAX, RECORD_BYTES_TARGET};

use crate::record::{ITEM_HEADER_BYTES, RECORD_HEADER_BYTES};

/// Records in the making, for one file. Items go to the last one until it is long enough.
#[derive(Debug, Default)]
pub(crate) struct RecordBuffer {
    bytes: Vec<u8>,
    /// Where the last record begins in `bytes`.
    record: usize,
    /// Offset of `bytes[0]`.
    start: u64,
    /// The last record is sealed: it takes no more items.
    closed: bool,
}

/// What was encoded is longer than a length field should hold, or the encoder cut what stood there before it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadItem;

impl RecordBuffer {
    /// An empty buffer whose first record will have this offset.
    pub(crate) fn new(start: u64) -> RecordBuffer {
        RecordBuffer { bytes: Vec::new(), record: 0, start, closed: false }
    }

    /// Adds an item: `encode` appends its bytes. After an error, or a panic of `encode`, nothing was added.
    #[inline]
    pub(crate) fn push(&mut self, slot: u16, encode: impl FnOnce(&mut Vec<u8>)) -> Result<(), BadItem> {
        let mut open = Unfinished { len: self.bytes.len(), record: self.record, buffer: self, done: false };
        let buffer = &mut *open.buffer;
        if buffer.bytes.len() - buffer.record >= RECORD_BYTES_TARGET
            || buffer.bytes.is_empty()
            || buffer.closed
        {
            buffer.open_record();
        }
        let at = buffer.bytes.len();
        let [low, high] = slot.to_le_bytes();
        buffer.bytes.extend_from_slice(&[low, high, 0, 0, 0, 0]);
        encode(&mut buffer.bytes);
        let end = buffer.bytes.len();
        let Some(length) = end.checked_sub(at + ITEM_HEADER_BYTES).filter(|length| *length <= ITEM_BYTES_MAX)
        else {
            return Err(BadItem);
        };
        // The lengths fit: an item is at most ITEM_BYTES_MAX, a record at most that and RECORD_BYTES_TARGET (limits assert it).
        buffer.bytes[at + 2..at + 6].copy_from_slice(&(length as u32).to_le_bytes());
        let (record, payload) = (buffer.record, end - buffer.record - RECORD_HEADER_BYTES);
        buffer.bytes[record + 4..record + 8].copy_from_slice(&(payload as u32).to_le_bytes());
        buffer.closed = false;
        open.done = true;
        Ok(())
    }

    /// Adds whole records that are sealed already; the first must have the offset at which the buffer ends.
    pub(crate) fn append_sealed(&mut self, records: &[u8]) {
        self.bytes.extend_from_slice(records);
        self.closed = true;
    }

    fn open_record(&mut self) {
        self.record = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 8]);
        self.bytes.extend_from_slice(&(self.start + self.record as u64).to_le_bytes());
    }

    /// The offset behind everything added so far.
    pub(crate) fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Hands out the records, CRCs still missing, and goes on behind them in `spare`, whose room is reused.
    pub(crate) fn take(&mut self, spare: &mut Vec<u8>) {
        self.start = self.end();
        self.record = 0;
        self.closed = false;
        spare.clear();
        std::mem::swap(&mut self.bytes, spare);
    }
}

/// Gives the buffer its old end back unless the item was finished.
struct Unfinished<'a> {
    buffer: &'a mut RecordBuffer,
    len: usize,
    record: usize,
    done: bool,
}

impl Drop for Unfinished<'_> {
    #[inline]
    fn drop(&mut self) {
        if !self.done {
            self.buffer.bytes.truncate(self.len);
            self.buffer.record = self.record;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Items, RecordHeader, crc_of, seal};

    fn records(mut bytes: Vec<u8>) -> Vec<(u64, usize)> {
        seal(&mut bytes);
        let (mut at, mut found) = (0, Vec::new());
        while at < bytes.len() {
            let raw: &[u8; 16] = bytes[at..at + 16].try_into().unwrap();
            let header = RecordHeader::decode(raw);
            let payload = &bytes[at + 16..at + 16 + header.length as usize];
            assert_eq!(header.crc, crc_of(raw, payload));
            found.push((header.offset, Items::new(payload).map(Result::unwrap).count()));
            at += 16 + header.length as usize;
        }
        found
    }

    #[test]
    fn items_share_a_record_until_it_is_long_enough() {
        let mut buffer = RecordBuffer::new(1_000);
        for _ in 0..3 {
            buffer.push(1, |bytes| bytes.extend_from_slice(b"small")).unwrap();
        }
        buffer.push(1, |bytes| bytes.resize(bytes.len() + RECORD_BYTES_TARGET, 7)).unwrap();
        let second = buffer.end();
        buffer.push(2, |bytes| bytes.push(1)).unwrap();
        let (end, mut taken) = (buffer.end(), Vec::new());
        buffer.take(&mut taken);
        assert_eq!(records(taken), [(1_000, 4), (second, 1)]);
        assert!(buffer.is_empty());
        assert_eq!(buffer.end(), end);
        buffer.push(2, |bytes| bytes.push(1)).unwrap();
        let mut taken = Vec::new();
        buffer.take(&mut taken);
        assert_eq!(records(taken), [(end, 1)]);
    }

    #[test]
    fn a_failed_item_leaves_nothing_behind() {
        let mut buffer = RecordBuffer::new(0);
        assert_eq!(buffer.push(1, Vec::clear), Err(BadItem));
        assert!(buffer.is_empty());
        buffer.push(1, |bytes| bytes.push(7)).unwrap();
        let end = buffer.end();
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _ = buffer.push(1, |bytes| {
                bytes.push(1);
                assert!(bytes.is_empty(), "an encoder's fault");
            });
        }));
        assert!(panicked.is_err());
        assert_eq!(buffer.end(), end);
        let mut taken = Vec::new();
        buffer.take(&mut taken);
        assert_eq!(records(taken), [(0, 1)]);
    }
}
