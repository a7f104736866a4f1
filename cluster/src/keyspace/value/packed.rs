//! Strings packed one behind the other in one allocation: the whole of a small collection, or one node of a long list.
//!
//! An entry is `length, bytes, length backwards`: it can be walked from both ends, at two bytes beyond the string while that
//! is shorter than 128 bytes. At the front a gap is kept that pushing grows into, so both ends are cheap.

use super::codec::{VARINT_BYTES_MAX, put_varint, varint_at, varint_len};
use super::heap::allocated;

/// Strings in order, in one allocation. Positions ([`Position`]) name entries while nothing is changed.
#[derive(Debug, Clone, Default)]
pub struct Packed {
    /// The front gap, then the entries.
    bytes: Vec<u8>,
    /// Length of the front gap: where the first entry begins.
    start: usize,
    len: usize,
}

/// Where an entry begins (or, as the end, where the last one stops).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position(usize);

impl Packed {
    /// No entries, no allocation.
    pub const fn new() -> Packed {
        Packed { bytes: Vec::new(), start: 0, len: 0 }
    }

    /// Number of entries.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no entries.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes that the entries take, lengths included, gap and slack excluded.
    pub fn entry_bytes(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// Bytes that an entry of this length takes.
    pub const fn entry_bytes_of(length: usize) -> usize {
        2 * varint_len(length as u64) + length
    }

    /// Bytes of the allocation.
    pub fn memory_bytes(&self) -> usize {
        allocated(self.bytes.capacity())
    }

    /// Adds an entry behind the last.
    pub fn push_back(&mut self, entry: &[u8]) {
        self.reserve_back(Packed::entry_bytes_of(entry.len()));
        put_entry(&mut self.bytes, entry);
        self.len += 1;
    }

    /// Adds an entry before the first.
    pub fn push_front(&mut self, entry: &[u8]) {
        let size = Packed::entry_bytes_of(entry.len());
        if self.start < size {
            self.widen_gap(size);
        }
        let (mut head, mut head_len) = ([0; VARINT_BYTES_MAX], 0);
        let mut rest = entry.len();
        while rest >= 0x80 {
            head[head_len] = rest as u8 | 0x80;
            head_len += 1;
            rest >>= 7;
        }
        head[head_len] = rest as u8;
        head_len += 1;
        let (begin, end) = (self.start - size, self.start);
        self.bytes[begin..begin + head_len].copy_from_slice(&head[..head_len]);
        self.bytes[begin + head_len..end - head_len].copy_from_slice(entry);
        head[..head_len].reverse();
        self.bytes[end - head_len..end].copy_from_slice(&head[..head_len]);
        self.start = begin;
        self.len += 1;
    }

    /// The first entry's position, or the end.
    pub const fn first(&self) -> Position {
        Position(self.start)
    }

    /// Behind the last entry.
    pub fn end(&self) -> Position {
        Position(self.bytes.len())
    }

    /// The entry at a position and the position behind it; `None` at the end.
    pub fn entry(&self, at: Position) -> Option<(&[u8], Position)> {
        let mut begin = at.0;
        let length = varint_at(&self.bytes, &mut begin)? as usize;
        let end = begin + length;
        let next = end + varint_len(length as u64);
        Some((self.bytes.get(begin..end)?, Position(next)))
    }

    /// The entry before a position, and its own position; `None` at the first.
    pub fn entry_before(&self, at: Position) -> Option<(&[u8], Position)> {
        if at.0 <= self.start {
            return None;
        }
        let length = back_length(&self.bytes[self.start..at.0])?;
        let end = at.0.checked_sub(varint_len(length as u64))?;
        let begin = end.checked_sub(length)?;
        let own = begin.checked_sub(varint_len(length as u64))?;
        Some((self.bytes.get(begin..end)?, Position(own)))
    }

    /// The position of the entry with this index, walked to from the nearer end; the end if there is none.
    pub fn position(&self, index: usize) -> Position {
        if index >= self.len {
            return self.end();
        }
        if index <= self.len / 2 {
            return self.advance(self.first(), index);
        }
        let mut at = self.end();
        for _ in index..self.len {
            let Some((_, before)) = self.entry_before(at) else { break };
            at = before;
        }
        at
    }

    /// The position `count` entries further on, or the end.
    pub fn advance(&self, mut at: Position, count: usize) -> Position {
        for _ in 0..count {
            let Some((_, next)) = self.entry(at) else { break };
            at = next;
        }
        at
    }

    /// The entry with this index.
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        self.entry(self.position(index)).map(|(entry, _)| entry)
    }

    /// The first entry equal to `wanted` among every `stride`-th, the first included.
    pub fn find(&self, wanted: &[u8], stride: usize) -> Option<Position> {
        let mut at = self.first();
        while let Some((entry, next)) = self.entry(at) {
            if entry == wanted {
                return Some(at);
            }
            at = self.advance(next, stride.saturating_sub(1));
        }
        None
    }

    /// Puts another string in the place of an entry.
    pub fn replace(&mut self, at: Position, entry: &[u8]) {
        let Some((old, next)) = self.entry(at) else { return };
        if old.len() == entry.len() {
            let begin = at.0 + varint_len(entry.len() as u64);
            self.bytes[begin..begin + entry.len()].copy_from_slice(entry);
            return;
        }
        self.splice(at.0, next.0, entry);
    }

    /// Puts a string before the entry at a position, or at the end.
    pub fn insert(&mut self, at: Position, entry: &[u8]) {
        if at == self.end() {
            return self.push_back(entry);
        }
        self.splice(at.0, at.0, entry);
        self.len += 1;
    }

    /// Removes up to `count` entries from a position on; the entry behind them is then at that position.
    pub fn remove(&mut self, at: Position, count: usize) -> Position {
        let mut end = at;
        let mut removed = 0;
        while removed < count
            && let Some((_, next)) = self.entry(end)
        {
            end = next;
            removed += 1;
        }
        self.len -= removed;
        if at.0 == self.start {
            self.start = end.0;
            self.tighten();
            return self.first();
        }
        let before = at.0 - self.start;
        self.bytes.drain(at.0..end.0);
        // This may close the front gap, so the position is counted from the first entry.
        self.tighten();
        Position(self.start + before)
    }

    /// Removes the first `count` entries.
    pub fn drop_front(&mut self, count: usize) {
        self.remove(self.first(), count);
    }

    /// Removes the last `count` entries.
    pub fn drop_back(&mut self, count: usize) {
        let keep = self.len.saturating_sub(count);
        let at = self.position(keep);
        self.bytes.truncate(at.0);
        self.len = keep;
        self.tighten();
    }

    /// Cuts the entries from this index on off into another.
    pub fn split_off(&mut self, index: usize) -> Packed {
        let at = self.position(index);
        let tail =
            Packed { bytes: self.bytes[at.0..].to_vec(), start: 0, len: self.len.saturating_sub(index) };
        self.bytes.truncate(at.0);
        self.len = self.len.min(index);
        self.shrink();
        tail
    }

    /// Appends all entries of another.
    pub fn append(&mut self, other: &Packed) {
        self.reserve_back(other.entry_bytes());
        self.bytes.extend_from_slice(&other.bytes[other.start..]);
        self.len += other.len;
    }

    /// Gives slack and gap back.
    pub fn shrink(&mut self) {
        if self.start > 0 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        self.bytes.shrink_to_fit();
    }

    /// The entries in order, from both ends.
    pub fn iter(&self) -> Iter<'_> {
        Iter { packed: self, front: self.first(), back: self.end() }
    }

    fn splice(&mut self, begin: usize, end: usize, entry: &[u8]) {
        let mut encoded = Vec::with_capacity(Packed::entry_bytes_of(entry.len()));
        put_entry(&mut encoded, entry);
        self.reserve_back(encoded.len().saturating_sub(end - begin));
        self.bytes.splice(begin..end, encoded);
    }

    /// Grows by an eighth instead of doubling: a small collection is mostly read, and its slack would be paid by every key.
    fn reserve_back(&mut self, more: usize) {
        if self.bytes.capacity() - self.bytes.len() < more {
            let slack = if self.bytes.is_empty() { 0 } else { self.bytes.len() / 8 + 8 };
            self.bytes.reserve_exact(more + slack);
        }
    }

    fn widen_gap(&mut self, needed: usize) {
        let live = self.entry_bytes();
        let gap = needed + live / 4;
        let mut bytes = Vec::with_capacity(gap + live);
        bytes.resize(gap, 0);
        bytes.extend_from_slice(&self.bytes[self.start..]);
        self.bytes = bytes;
        self.start = gap;
    }

    /// After a removal: no gap larger than what is left, no allocation four times what is needed.
    fn tighten(&mut self) {
        let live = self.entry_bytes();
        if self.len == 0 {
            *self = Packed::new();
        } else if self.bytes.capacity() > 64 && self.bytes.capacity() / 4 > live {
            self.shrink();
        }
    }
}

impl<M: std::ops::Deref<Target = [u8]>> Extend<M> for Packed {
    fn extend<I: IntoIterator<Item = M>>(&mut self, entries: I) {
        entries.into_iter().for_each(|entry| self.push_back(&entry));
    }
}

impl PartialEq for Packed {
    fn eq(&self, other: &Packed) -> bool {
        self.len == other.len && self.bytes[self.start..] == other.bytes[other.start..]
    }
}

/// The entries of a [`Packed`], from both ends.
#[derive(Debug, Clone)]
pub struct Iter<'a> {
    packed: &'a Packed,
    front: Position,
    back: Position,
}

impl<'a> Iterator for Iter<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.front >= self.back {
            return None;
        }
        let (entry, next) = self.packed.entry(self.front)?;
        self.front = next;
        Some(entry)
    }
}

impl DoubleEndedIterator for Iter<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.front >= self.back {
            return None;
        }
        let (entry, before) = self.packed.entry_before(self.back)?;
        self.back = before;
        Some(entry)
    }
}

fn put_entry(out: &mut Vec<u8>, entry: &[u8]) {
    put_varint(out, entry.len() as u64);
    out.extend_from_slice(entry);
    let behind = out.len();
    put_varint(out, entry.len() as u64);
    out[behind..].reverse();
}

/// The length that stands backwards at the end of `bytes`.
fn back_length(bytes: &[u8]) -> Option<usize> {
    let mut reversed = [0; VARINT_BYTES_MAX];
    let mut count = 0;
    for (to, from) in reversed.iter_mut().zip(bytes.iter().rev()) {
        *to = *from;
        count += 1;
        if *from < 0x80 {
            break;
        }
    }
    varint_at(&reversed[..count], &mut 0).and_then(|length| usize::try_from(length).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    #[derive(Debug, Clone)]
    enum Step {
        PushBack(Vec<u8>),
        PushFront(Vec<u8>),
        Insert(usize, Vec<u8>),
        Replace(usize, Vec<u8>),
        Remove(usize, usize),
        DropFront(usize),
        DropBack(usize),
        SplitAndJoin(usize),
    }

    fn string() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![5 => proptest::collection::vec(any::<u8>(), 0..10), 1 => proptest::collection::vec(any::<u8>(), 120..300)]
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            string().prop_map(Step::PushBack),
            string().prop_map(Step::PushFront),
            (0usize..30, string()).prop_map(|(at, entry)| Step::Insert(at, entry)),
            (0usize..30, string()).prop_map(|(at, entry)| Step::Replace(at, entry)),
            (0usize..30, 0usize..4).prop_map(|(at, count)| Step::Remove(at, count)),
            (0usize..4).prop_map(Step::DropFront),
            (0usize..4).prop_map(Step::DropBack),
            (0usize..30).prop_map(Step::SplitAndJoin),
        ]
    }

    proptest! {
        #[test]
        fn packed_behaves_as_a_deque_of_strings(steps in proptest::collection::vec(step(), 0..80)) {
            let mut packed = Packed::new();
            let mut model: VecDeque<Vec<u8>> = VecDeque::new();
            for step in steps {
                match step {
                    Step::PushBack(entry) => { packed.push_back(&entry); model.push_back(entry); }
                    Step::PushFront(entry) => { packed.push_front(&entry); model.push_front(entry); }
                    Step::Insert(at, entry) => {
                        let at = at.min(model.len());
                        packed.insert(packed.position(at), &entry);
                        model.insert(at, entry);
                    }
                    Step::Replace(at, entry) => {
                        packed.replace(packed.position(at), &entry);
                        if let Some(place) = model.get_mut(at) { *place = entry; }
                    }
                    Step::Remove(at, count) => {
                        let at = at.min(model.len());
                        let next = packed.remove(packed.position(at), count);
                        let end = (at + count).min(model.len());
                        model.drain(at..end);
                        prop_assert_eq!(packed.entry(next).map(|(entry, _)| entry), model.get(at).map(Vec::as_slice));
                    }
                    Step::DropFront(count) => { packed.drop_front(count); model.drain(..count.min(model.len())); }
                    Step::DropBack(count) => {
                        packed.drop_back(count);
                        model.truncate(model.len().saturating_sub(count));
                    }
                    Step::SplitAndJoin(at) => {
                        let tail = packed.split_off(at);
                        packed.append(&tail);
                    }
                }
                prop_assert_eq!(packed.len(), model.len());
                prop_assert!(packed.iter().eq(model.iter().map(Vec::as_slice)));
                prop_assert!(packed.iter().rev().eq(model.iter().rev().map(Vec::as_slice)));
                for index in 0..=model.len() {
                    prop_assert_eq!(packed.get(index), model.get(index).map(Vec::as_slice));
                }
            }
        }
    }

    #[test]
    fn find_looks_at_every_stride_th_entry_only() {
        let mut packed = Packed::new();
        for entry in [b"a", b"b", b"b", b"x"] {
            packed.push_back(entry);
        }
        assert_eq!(packed.find(b"b", 2), Some(packed.position(2)));
        assert_eq!(packed.find(b"x", 2), None);
        assert_eq!(packed.find(b"x", 1), Some(packed.position(3)));
    }
}
