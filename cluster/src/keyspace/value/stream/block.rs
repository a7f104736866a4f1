//! A block: some dozens of entries of a stream, packed in one allocation and walked from its front.
//!
//! Bytes: `count of names, names` of the block's first entry, then the entries: `flags, id as difference to the entry before,
//! values`; an entry with other names than the first brings its own pairs. With the one field of a document's log an entry of
//! a few milliseconds after the last takes four bytes beyond its value.

use super::id::StreamId;
use crate::keyspace::value::codec::{
    DecodeError, Reader, bytes_at, put_bytes, put_varint, varint_at, varint_len,
};
use crate::keyspace::value::heap::allocated;
use shared::limits::{STREAM_BLOCK_BYTES_MAX, STREAM_BLOCK_ENTRIES_MAX};

/// The entry was deleted (XDEL) and only keeps its place, because the next id counts from it.
const DELETED: u8 = 1;
/// The entry brings its own names.
const OWN_NAMES: u8 = 2;

/// Entries side by side.
#[derive(Debug, Clone)]
pub(super) struct Block {
    bytes: Vec<u8>,
    /// Length of the names in front.
    names: usize,
    /// Where the first entry begins: entries between the names and here were trimmed.
    start: usize,
    /// What the first entry's id counts from.
    base: StreamId,
    /// The id of the last entry, deleted or not.
    last: StreamId,
    live: usize,
    deleted: usize,
}

impl Block {
    /// A block for entries like this one, which is not added yet.
    pub(super) fn new<'f>(
        first: StreamId,
        fields: impl ExactSizeIterator<Item = (&'f [u8], &'f [u8])>,
    ) -> Block {
        let mut bytes = Vec::new();
        put_varint(&mut bytes, fields.len() as u64);
        fields.for_each(|(name, _)| put_bytes(&mut bytes, name));
        let names = bytes.len();
        Block { bytes, names, start: names, base: first, last: first, live: 0, deleted: 0 }
    }

    /// Entries that are not deleted.
    pub(super) const fn len(&self) -> usize {
        self.live
    }

    pub(super) const fn last(&self) -> StreamId {
        self.last
    }

    /// Below or equal to the first entry's id, and above all ids of the block before.
    pub(super) const fn base(&self) -> StreamId {
        self.base
    }

    pub(super) fn memory_bytes(&self) -> usize {
        allocated(self.bytes.capacity())
    }

    /// Whether an entry with `bytes` of names and values may be added.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        self.live + self.deleted < STREAM_BLOCK_ENTRIES_MAX
            && self.bytes.len() + bytes < STREAM_BLOCK_BYTES_MAX
    }

    /// Adds an entry, whose id is above all others.
    pub(super) fn append<'f, F>(&mut self, id: StreamId, fields: F)
    where
        F: ExactSizeIterator<Item = (&'f [u8], &'f [u8])> + Clone,
    {
        let same = self.names_equal(fields.clone());
        self.bytes.push(if same { 0 } else { OWN_NAMES });
        let ms = id.ms - self.last.ms;
        put_varint(&mut self.bytes, ms);
        put_varint(&mut self.bytes, if ms == 0 { id.seq - self.last.seq } else { id.seq });
        if same {
            fields.for_each(|(_, value)| put_bytes(&mut self.bytes, value));
        } else {
            put_varint(&mut self.bytes, fields.len() as u64);
            fields.for_each(|(name, value)| {
                put_bytes(&mut self.bytes, name);
                put_bytes(&mut self.bytes, value);
            });
        }
        self.last = id;
        self.live += 1;
    }

    /// The entries that are not deleted.
    pub(super) fn entries(&self) -> Entries<'_> {
        Entries { walk: self.walk() }
    }

    /// Deletes an entry; whether it was there.
    pub(super) fn delete(&mut self, id: StreamId) -> bool {
        let found = self.walk().find(|step| step.entry.id >= id);
        let Some(step) = found.filter(|step| step.entry.id == id && !step.deleted) else { return false };
        let begin = step.begin;
        self.bytes[begin] |= DELETED;
        self.live -= 1;
        self.deleted += 1;
        if self.deleted > self.live {
            self.rebuild();
        }
        true
    }

    /// Removes entries from the front while `goes` says so of them; how many, not counting deleted ones.
    pub(super) fn trim(&mut self, mut goes: impl FnMut(StreamId) -> bool) -> usize {
        let (mut start, mut base, mut live, mut deleted) = (self.start, self.base, 0, 0);
        for step in self.walk() {
            if step.deleted {
                deleted += 1;
            } else if goes(step.entry.id) {
                live += 1;
            } else {
                break;
            }
            (start, base) = (step.end, step.entry.id);
        }
        (self.start, self.base) = (start, base);
        self.live -= live;
        self.deleted -= deleted;
        if self.start - self.names > self.bytes.len() / 2 {
            self.bytes.drain(self.names..self.start);
            self.start = self.names;
        }
        live
    }

    /// Makes room for a full block at once.
    pub(super) fn reserve_whole(&mut self) {
        self.bytes.reserve_exact(STREAM_BLOCK_BYTES_MAX.saturating_sub(self.bytes.len()));
    }

    /// Gives slack back: nothing is appended to this block any more.
    pub(super) fn close(&mut self) {
        self.bytes.shrink_to_fit();
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        for number in [self.base.ms, self.base.seq, self.live as u64, self.deleted as u64, self.names as u64]
        {
            put_varint(out, number);
        }
        put_varint(out, (self.names + self.bytes.len() - self.start) as u64);
        out.extend_from_slice(&self.bytes[..self.names]);
        out.extend_from_slice(&self.bytes[self.start..]);
    }

    /// The block that [`Block::encode`] wrote: walked and counted before it is believed.
    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Block, DecodeError> {
        let base = StreamId::new(reader.varint()?, reader.varint()?);
        let (live, deleted) = (reader.varint_u32()? as usize, reader.varint_u32()? as usize);
        let names = reader.varint_u32()? as usize;
        let bytes = reader.bytes()?.to_vec();
        let mut block = Block { bytes, names, start: names, base, last: base, live, deleted };
        block.check().ok_or(DecodeError::Damaged("a block of a stream"))?;
        Ok(block)
    }

    /// Whether names, entries and counts agree; sets `last`.
    fn check(&mut self) -> Option<()> {
        let mut at = 0;
        for _ in 0..varint_at(&self.bytes, &mut at)? {
            bytes_at(&self.bytes, &mut at)?;
        }
        if at != self.names {
            return None;
        }
        let (mut live, mut deleted, mut end) = (0, 0, self.start);
        let mut last: Option<StreamId> = None;
        for step in self.walk() {
            if last.is_some_and(|last| last >= step.entry.id) {
                return None;
            }
            last = Some(step.entry.id);
            if step.deleted {
                deleted += 1
            } else {
                live += 1
            }
            end = step.end;
        }
        let whole = end == self.bytes.len() && live > 0;
        self.last = last?;
        (whole && live == self.live && deleted == self.deleted).then_some(())
    }

    fn names_equal<'f>(&self, fields: impl ExactSizeIterator<Item = (&'f [u8], &'f [u8])>) -> bool {
        let mut at = 0;
        varint_at(&self.bytes, &mut at) == Some(fields.len() as u64)
            && fields.into_iter().all(|(name, _)| bytes_at(&self.bytes, &mut at) == Some(name))
    }

    /// Leaves out what was deleted.
    pub(super) fn rebuild(&mut self) {
        let mut bytes = self.bytes[..self.names].to_vec();
        let mut last = self.base;
        for step in self.walk().filter(|step| !step.deleted) {
            let id = step.entry.id;
            bytes.push(self.bytes[step.begin]);
            let ms = id.ms - last.ms;
            put_varint(&mut bytes, ms);
            put_varint(&mut bytes, if ms == 0 { id.seq - last.seq } else { id.seq });
            bytes.extend_from_slice(&self.bytes[step.body..step.end]);
            last = id;
        }
        (self.bytes, self.start, self.deleted, self.last) = (bytes, self.names, 0, last);
    }

    fn walk(&self) -> Walk<'_> {
        Walk { bytes: &self.bytes, at: self.start, id: self.base }
    }
}

/// An entry of a stream.
#[derive(Debug, Clone)]
pub struct Entry<'a> {
    /// Its id.
    pub id: StreamId,
    /// Its fields.
    pub fields: Fields<'a>,
}

/// Names and values of an entry, in order.
#[derive(Debug, Clone)]
pub struct Fields<'a> {
    /// The block's names, if the entry brings none.
    names: Option<&'a [u8]>,
    body: &'a [u8],
    left: usize,
}

impl<'a> Iterator for Fields<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let source = self.names.as_mut().unwrap_or(&mut self.body);
        let name = take(source)?;
        Some((name, take(&mut self.body)?))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Fields<'_> {}

fn take<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let mut at = 0;
    let taken = bytes_at(bytes, &mut at)?;
    *bytes = &bytes[at..];
    Some(taken)
}

/// The entries of a block that are not deleted.
#[derive(Debug, Clone)]
pub(super) struct Entries<'a> {
    walk: Walk<'a>,
}

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        self.walk.find(|step| !step.deleted).map(|step| step.entry)
    }
}

/// Where an entry is, and what it is.
struct Step<'a> {
    begin: usize,
    /// Behind flags and id.
    body: usize,
    end: usize,
    deleted: bool,
    entry: Entry<'a>,
}

#[derive(Debug, Clone)]
struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    id: StreamId,
}

impl<'a> Iterator for Walk<'a> {
    type Item = Step<'a>;

    fn next(&mut self) -> Option<Step<'a>> {
        let bytes = self.bytes;
        let begin = self.at;
        let flags = *bytes.get(begin)?;
        let mut at = begin + 1;
        let (ms, seq) = (varint_at(bytes, &mut at)?, varint_at(bytes, &mut at)?);
        self.id = match ms {
            0 => StreamId::new(self.id.ms, self.id.seq.checked_add(seq)?),
            _ => StreamId::new(self.id.ms.checked_add(ms)?, seq),
        };
        let body = at;
        let mut names_at = 0;
        let of_block = usize::try_from(varint_at(bytes, &mut names_at)?).ok()?;
        let own = flags & OWN_NAMES != 0;
        let count = if own { usize::try_from(varint_at(bytes, &mut at)?).ok()? } else { of_block };
        let strings = at;
        for _ in 0..if own { count.checked_mul(2)? } else { count } {
            bytes_at(bytes, &mut at)?;
        }
        self.at = at;
        let fields = Fields {
            names: if own { None } else { bytes.get(names_at..) },
            body: bytes.get(strings..at)?,
            left: count,
        };
        Some(Step {
            begin,
            body,
            end: at,
            deleted: flags & DELETED != 0,
            entry: Entry { id: self.id, fields },
        })
    }
}

/// Bytes that an entry's strings take in a block that does not know their names.
pub(super) fn size_of_fields<'f>(fields: impl Iterator<Item = (&'f [u8], &'f [u8])>) -> usize {
    let size = |bytes: &[u8]| varint_len(bytes.len() as u64) + bytes.len();
    fields.map(|(name, value)| size(name) + size(value)).sum()
}
