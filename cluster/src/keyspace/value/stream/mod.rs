//! A stream: entries with ascending ids, appended at the end and trimmed from the front.
//!
//! Entries are packed in blocks of at most 4 KiB or 100 entries, the blocks stand in a ring in the order of their ids. Appending
//! touches the last block only, trimming the first, a range is found by bisection over the blocks.
//!
//! # Layout
//!
//! - [`id`]: the ids of entries.
//! - [`block`]: entries side by side.

mod block;
pub mod id;

use super::codec::{self, DecodeError, Reader, put_varint};
use super::heap::allocated_for;
use block::Block;
pub use block::{Entry, Fields};
pub use id::StreamId;
use std::collections::VecDeque;

/// Entries with ascending ids.
#[derive(Debug, Clone, Default)]
pub struct Stream {
    /// No block is empty; ids ascend from block to block.
    blocks: VecDeque<Block>,
    len: u64,
    last_id: StreamId,
    max_deleted_id: StreamId,
    entries_added: u64,
    /// Sum of the blocks' memory.
    block_bytes: usize,
}

/// How far a stream is trimmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// The last so many entries (MAXLEN).
    Last(u64),
    /// The entries from this id on (MINID).
    From(StreamId),
}

impl Stream {
    /// A stream without entries.
    pub fn new() -> Stream {
        Stream::default()
    }

    /// Number of entries.
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Whether there are no entries. An empty stream keeps its key and its last id.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The name OBJECT ENCODING gives.
    pub const fn encoding(&self) -> &'static str {
        "stream"
    }

    /// Bytes allocated behind the structure itself.
    pub fn memory_bytes(&self) -> usize {
        allocated_for::<Block>(self.blocks.capacity()) + self.block_bytes
    }

    /// The highest id ever given.
    pub const fn last_id(&self) -> StreamId {
        self.last_id
    }

    /// The highest id ever deleted by XDEL.
    pub const fn max_deleted_id(&self) -> StreamId {
        self.max_deleted_id
    }

    /// How many entries were ever added.
    pub const fn entries_added(&self) -> u64 {
        self.entries_added
    }

    /// Number of blocks, which XINFO STREAM calls the keys of its radix tree.
    pub fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// The id of the first entry; `0-0` if there is none.
    pub fn first_id(&self) -> StreamId {
        self.first().map_or(StreamId::MIN, |entry| entry.id)
    }

    /// The first entry.
    pub fn first(&self) -> Option<Entry<'_>> {
        self.blocks.front()?.entries().next()
    }

    /// The last entry.
    pub fn last(&self) -> Option<Entry<'_>> {
        self.blocks.back()?.entries().last()
    }

    /// The id that `*` stands for at this time; `None` behind the last possible id.
    pub const fn next_id(&self, now_ms: u64) -> Option<StreamId> {
        if now_ms > self.last_id.ms { Some(StreamId::new(now_ms, 0)) } else { self.last_id.next() }
    }

    /// Adds an entry, whose id must be above [`Stream::last_id`]; whether it was.
    pub fn append<'f, F>(&mut self, id: StreamId, fields: F) -> bool
    where
        F: ExactSizeIterator<Item = (&'f [u8], &'f [u8])> + Clone,
    {
        if id <= self.last_id {
            return false;
        }
        let room =
            self.blocks.back().is_some_and(|block| block.has_room(block::size_of_fields(fields.clone())));
        if !room {
            self.change(self.blocks.len().wrapping_sub(1), Block::close);
            let mut block = Block::new(id, fields.clone());
            if !self.blocks.is_empty() {
                // A stream that filled one block fills the next: it grows once, and is cut to size when full.
                block.reserve_whole();
            }
            self.block_bytes += block.memory_bytes();
            self.blocks.push_back(block);
        }
        self.change(self.blocks.len() - 1, |block| block.append(id, fields));
        self.len += 1;
        self.last_id = id;
        self.entries_added += 1;
        true
    }

    /// Deletes an entry; whether it was there.
    pub fn delete(&mut self, id: StreamId) -> bool {
        let Some(at) = self.block_of(id) else { return false };
        if !self.change(at, |block| block.delete(id)).unwrap_or(false) {
            return false;
        }
        if self.blocks.get(at).is_some_and(|block| block.len() == 0) {
            self.drop_block(at);
        }
        self.len -= 1;
        self.max_deleted_id = self.max_deleted_id.max(id);
        true
    }

    /// Removes entries from the front; how many.
    ///
    /// `approximate` (the `~` of MAXLEN and MINID) removes whole blocks only, and no block that would make it more than
    /// `limit` entries (0: any number).
    pub fn trim(&mut self, keep: Keep, approximate: bool, limit: u64) -> u64 {
        let mut removed = 0;
        while let Some(block) = self.blocks.front() {
            let here = block.len() as u64;
            let excess = match keep {
                Keep::Last(count) => self.len.saturating_sub(count),
                Keep::From(_) => u64::MAX,
            };
            if excess == 0 || (limit > 0 && removed + here > limit) {
                break;
            }
            let whole = match keep {
                Keep::Last(_) => here <= excess,
                Keep::From(id) => block.last() < id,
            };
            if whole {
                self.drop_block(0);
                self.len -= here;
                removed += here;
                continue;
            }
            if approximate {
                break;
            }
            let mut left = excess;
            let goes = |id: StreamId| match keep {
                Keep::From(first) => id < first,
                Keep::Last(_) => left.checked_sub(1).is_some_and(|less| {
                    left = less;
                    true
                }),
            };
            let within = self.change(0, |block| block.trim(goes)).unwrap_or(0) as u64;
            self.len -= within;
            removed += within;
            if self.blocks.front().is_some_and(|block| block.len() == 0) {
                self.drop_block(0);
            }
            break;
        }
        removed
    }

    /// Sets what the stream tells of its past (XSETID). The caller has checked that no entry is above `last_id`.
    pub fn set_past(
        &mut self,
        last_id: StreamId,
        entries_added: Option<u64>,
        max_deleted_id: Option<StreamId>,
    ) {
        // Deleted entries above the new last id would stand in the way of entries to come.
        if self.blocks.back().is_some_and(|block| block.last() > last_id) {
            self.change(self.blocks.len() - 1, Block::rebuild);
        }
        self.last_id = last_id;
        if let Some(count) = entries_added {
            self.entries_added = count;
        }
        if let Some(id) = max_deleted_id {
            self.max_deleted_id = id;
        }
    }

    /// The entries from `start` to `end`, both included, in order.
    pub fn range(&self, start: StreamId, end: StreamId) -> Range<'_> {
        let at = self.blocks.partition_point(|block| block.last() < start);
        Range { blocks: self.blocks.range(at..), entries: None, start, end }
    }

    /// The entries from `end` back to `start`, both included.
    pub fn range_back(&self, start: StreamId, end: StreamId) -> RangeBack<'_> {
        let behind = self.blocks.partition_point(|block| block.base() <= end);
        RangeBack { blocks: self.blocks.range(..behind), left: vec![], start, end }
    }

    /// Appends the stream as bytes: version, past, then block by block.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(codec::VERSION);
        let ids = [self.last_id, self.max_deleted_id];
        ids.iter().flat_map(|id| [id.ms, id.seq]).for_each(|number| put_varint(out, number));
        put_varint(out, self.entries_added);
        put_varint(out, self.blocks.len() as u64);
        self.blocks.iter().for_each(|block| block.encode(out));
    }

    /// The stream that [`Stream::encode`] wrote. Blocks out of order, empty ones and wrong counts are damage.
    pub fn decode(bytes: &[u8]) -> Result<Stream, DecodeError> {
        let mut reader = Reader::open(bytes)?;
        let mut stream = Stream {
            last_id: StreamId::new(reader.varint()?, reader.varint()?),
            max_deleted_id: StreamId::new(reader.varint()?, reader.varint()?),
            entries_added: reader.varint()?,
            ..Stream::default()
        };
        let count = reader.count(8)?;
        stream.blocks.reserve_exact(count);
        for _ in 0..count {
            let block = Block::decode(&mut reader)?;
            let ascends = stream.blocks.back().is_none_or(|before| before.last() < block.base());
            if !ascends || block.last() > stream.last_id {
                return Err(DecodeError::Damaged("ids of a stream do not ascend"));
            }
            stream.len += block.len() as u64;
            stream.block_bytes += block.memory_bytes();
            stream.blocks.push_back(block);
        }
        reader.finish()?;
        Ok(stream)
    }

    /// The one block that may hold this id.
    fn block_of(&self, id: StreamId) -> Option<usize> {
        let at = self.blocks.partition_point(|block| block.last() < id);
        self.blocks.get(at).is_some_and(|block| block.base() <= id).then_some(at)
    }

    /// Changes a block and keeps the account of memory.
    fn change<T>(&mut self, at: usize, change: impl FnOnce(&mut Block) -> T) -> Option<T> {
        let block = self.blocks.get_mut(at)?;
        let before = block.memory_bytes();
        let result = change(block);
        self.block_bytes = self.block_bytes + block.memory_bytes() - before;
        Some(result)
    }

    fn drop_block(&mut self, at: usize) {
        if let Some(block) = self.blocks.remove(at) {
            self.block_bytes -= block.memory_bytes();
        }
        if self.blocks.capacity() > 16 && self.blocks.len() < self.blocks.capacity() / 4 {
            self.blocks.shrink_to(self.blocks.len() * 2);
        }
    }
}

/// Entries of a stream in order.
#[derive(Debug, Clone)]
pub struct Range<'a> {
    blocks: std::collections::vec_deque::Iter<'a, Block>,
    entries: Option<block::Entries<'a>>,
    start: StreamId,
    end: StreamId,
}

impl<'a> Iterator for Range<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        loop {
            for entry in self.entries.iter_mut().flatten() {
                if entry.id > self.end {
                    return None;
                }
                if entry.id >= self.start {
                    return Some(entry);
                }
            }
            self.entries = Some(self.blocks.next()?.entries());
        }
    }
}

/// Entries of a stream from the last to the first.
#[derive(Debug, Clone)]
pub struct RangeBack<'a> {
    blocks: std::collections::vec_deque::Iter<'a, Block>,
    /// Of one block, in order: it is taken from the end.
    left: Vec<Entry<'a>>,
    start: StreamId,
    end: StreamId,
}

impl<'a> Iterator for RangeBack<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        loop {
            if let Some(entry) = self.left.pop() {
                return Some(entry);
            }
            let block = self.blocks.next_back().filter(|block| block.last() >= self.start)?;
            let (start, end) = (self.start, self.end);
            self.left.extend(
                block.entries().skip_while(|entry| entry.id < start).take_while(|entry| entry.id <= end),
            );
        }
    }
}

#[cfg(test)]
mod tests;
