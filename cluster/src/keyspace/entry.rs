//! One key with its value, its deadline and its access clock.
//!
//! A string key is one allocation: a header of four bytes, an optional deadline, the key's length, the key, the value. With the
//! pointer in the slot table that is 21 bytes beside the data, so that a key takes no more memory than in Redis.

use prefetch_index::prefetch_index;

use super::value::Value;

/// The deadline of a key that has none, Unix milliseconds.
pub const NEVER: u64 = u64::MAX;

/// What the processor fetches at once, bytes.
const CACHE_LINE_BYTES: usize = 64;

/// When a key that is set shall expire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deadline {
    /// As the key that was there before.
    Keep,
    /// At this Unix millisecond; [`NEVER`] is never.
    At(u64),
}

/// Bytes of the allocator that an allocation of `bytes` takes, near enough for accounting (jemalloc's size classes: four a
/// doubling, multiples of 16 up to 128).
#[inline]
pub const fn allocated(bytes: usize) -> usize {
    match bytes {
        0 => 0,
        1..=128 => (bytes + 15) & !15,
        _ => {
            let step = 1 << ((bytes - 1).ilog2() - 2);
            (bytes + step - 1) & !(step - 1)
        }
    }
}

/// A key and what it holds.
pub enum Entry {
    /// A string.
    Str(StrEntry),
    /// Any other type.
    Object(Box<Object>),
}

/// A key that holds no string.
pub struct Object {
    key: Box<[u8]>,
    deadline: u64,
    clock: u32,
    /// Bytes as last accounted: what the partition's sum holds for this key.
    memory: usize,
    /// What it holds.
    pub value: Value,
}

impl Entry {
    /// A string key.
    #[inline]
    pub fn string(key: &[u8], value: &[u8], deadline: u64, clock: u32) -> Entry {
        Entry::Str(StrEntry::new(key, value, deadline, clock))
    }

    /// No key: what stands in a place of a table that is not taken. Takes no memory.
    pub(super) fn vacant() -> Entry {
        Entry::Str(StrEntry(Box::default()))
    }

    /// A key of another type.
    pub fn object(key: &[u8], value: Value, deadline: u64, clock: u32) -> Entry {
        let mut object = Box::new(Object { key: key.into(), deadline, clock, memory: 0, value });
        object.memory = object.measure();
        Entry::Object(object)
    }

    /// Its key.
    #[inline]
    pub fn key(&self) -> &[u8] {
        match self {
            Entry::Str(entry) => entry.key(),
            Entry::Object(object) => &object.key,
        }
    }

    /// Has the processor fetch what it points to: the key, and a value that is short.
    #[inline]
    pub(super) fn fetch(&self) {
        match self {
            Entry::Str(entry) => {
                prefetch_index(&entry.0, 0);
                prefetch_index(&entry.0, CACHE_LINE_BYTES);
            }
            Entry::Object(object) => prefetch_index(std::slice::from_ref(&**object), 0),
        }
    }

    /// When it expires, Unix milliseconds, or [`NEVER`].
    #[inline]
    pub fn deadline(&self) -> u64 {
        match self {
            Entry::Str(entry) => entry.deadline(),
            Entry::Object(object) => object.deadline,
        }
    }

    /// Sets when it expires; [`NEVER`] persists it.
    pub fn set_deadline(&mut self, deadline: u64) {
        match self {
            Entry::Str(entry) if (entry.deadline() == NEVER) == (deadline == NEVER) => {
                entry.put_deadline(deadline)
            }
            Entry::Str(entry) => *entry = StrEntry::new(entry.key(), entry.value(), deadline, entry.clock()),
            Entry::Object(object) => object.deadline = deadline,
        }
    }

    /// Its access clock: 24 bits, for eviction.
    #[inline]
    pub fn clock(&self) -> u32 {
        match self {
            Entry::Str(entry) => entry.clock(),
            Entry::Object(object) => object.clock,
        }
    }

    /// Sets its access clock.
    #[inline]
    pub fn set_clock(&mut self, clock: u32) {
        match self {
            Entry::Str(entry) => entry.set_clock(clock),
            Entry::Object(object) => object.clock = clock,
        }
    }

    /// The value, if it is a string.
    #[inline]
    pub fn as_string(&self) -> Option<&[u8]> {
        match self {
            Entry::Str(entry) => Some(entry.value()),
            Entry::Object(_) => None,
        }
    }

    /// The value, if it is no string.
    pub fn as_object(&self) -> Option<&Value> {
        match self {
            Entry::Str(_) => None,
            Entry::Object(object) => Some(&object.value),
        }
    }

    /// The name of its type, as TYPE tells it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Entry::Str(_) => "string",
            Entry::Object(object) => object.value.type_name(),
        }
    }

    /// Bytes of the allocator it takes, as accounted; the slot table's own bytes are not in it.
    #[inline]
    pub fn memory(&self) -> usize {
        match self {
            Entry::Str(entry) => allocated(entry.0.len()),
            Entry::Object(object) => object.memory,
        }
    }

    /// Measures an object anew after it was changed; returns the bytes before and after.
    pub fn remeasure(&mut self) -> (usize, usize) {
        let before = self.memory();
        if let Entry::Object(object) = self {
            object.memory = object.measure();
        }
        (before, self.memory())
    }
}

impl Object {
    /// The same under another key.
    pub fn renamed(mut self: Box<Object>, key: &[u8]) -> Entry {
        self.key = key.into();
        self.memory = self.measure();
        Entry::Object(self)
    }

    fn measure(&self) -> usize {
        allocated(size_of::<Object>()) + allocated(self.key.len()) + self.value.memory_bytes()
    }
}

/// A string key as one allocation.
///
/// Byte 0: flags. Bytes 1 to 3: access clock. Then, if [`HAS_DEADLINE`], 8 bytes of deadline; then the key's length, one byte or,
/// if [`LONG_KEY`], four; then the key; the rest is the value. Integers are little-endian.
pub struct StrEntry(Box<[u8]>);

const HAS_DEADLINE: u8 = 1;
const LONG_KEY: u8 = 2;
const HEADER_BYTES: usize = 4;

impl StrEntry {
    /// A string key; keys are at most 4 GiB long (a bulk string is at most 512 MiB).
    pub fn new(key: &[u8], value: &[u8], deadline: u64, clock: u32) -> StrEntry {
        let mut flags = 0;
        let mut len = HEADER_BYTES + 1 + key.len() + value.len();
        if deadline != NEVER {
            flags |= HAS_DEADLINE;
            len += 8;
        }
        if key.len() > usize::from(u8::MAX) {
            flags |= LONG_KEY;
            len += 3;
        }
        let mut bytes = Vec::with_capacity(len);
        bytes.push(flags);
        bytes.extend_from_slice(&clock.to_le_bytes()[..3]);
        if deadline != NEVER {
            bytes.extend_from_slice(&deadline.to_le_bytes());
        }
        let key_len = (key.len() as u32).to_le_bytes();
        bytes.extend_from_slice(if flags & LONG_KEY != 0 { &key_len } else { &key_len[..1] });
        bytes.extend_from_slice(key);
        bytes.extend_from_slice(value);
        StrEntry(bytes.into_boxed_slice())
    }

    #[inline]
    fn key_at(&self) -> (usize, usize) {
        let flags = self.0[0];
        let at = HEADER_BYTES + if flags & HAS_DEADLINE != 0 { 8 } else { 0 };
        if flags & LONG_KEY == 0 {
            (at + 1, at + 1 + usize::from(self.0[at]))
        } else {
            let len = self.0[at..at + 4].iter().rev().fold(0, |len, &byte| len << 8 | usize::from(byte));
            (at + 4, at + 4 + len)
        }
    }

    /// Its key.
    #[inline]
    pub fn key(&self) -> &[u8] {
        let (start, end) = self.key_at();
        &self.0[start..end]
    }

    /// Its value.
    #[inline]
    pub fn value(&self) -> &[u8] {
        &self.0[self.key_at().1..]
    }

    /// Its value, to change bytes in place.
    #[inline]
    pub fn value_mut(&mut self) -> &mut [u8] {
        let end = self.key_at().1;
        &mut self.0[end..]
    }

    /// Makes the value `len` bytes long: cut, or filled with zero bytes. The key may move in memory.
    pub fn resize(&mut self, len: usize) {
        let end = self.key_at().1 + len;
        let mut bytes = std::mem::take(&mut self.0).into_vec();
        // Exactly, so that the allocator grows in place within a size class instead of moving to a doubled one and back.
        bytes.reserve_exact(end.saturating_sub(bytes.len()));
        bytes.resize(end, 0);
        self.0 = bytes.into_boxed_slice();
    }

    #[inline]
    fn deadline(&self) -> u64 {
        if self.0[0] & HAS_DEADLINE == 0 {
            return NEVER;
        }
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.0[HEADER_BYTES..HEADER_BYTES + 8]);
        u64::from_le_bytes(bytes)
    }

    /// Overwrites the deadline where there is one; a key without stays without.
    fn put_deadline(&mut self, deadline: u64) {
        if self.0[0] & HAS_DEADLINE != 0 {
            self.0[HEADER_BYTES..HEADER_BYTES + 8].copy_from_slice(&deadline.to_le_bytes());
        }
    }

    #[inline]
    fn clock(&self) -> u32 {
        u32::from_le_bytes([self.0[1], self.0[2], self.0[3], 0])
    }

    #[inline]
    fn set_clock(&mut self, clock: u32) {
        self.0[1..HEADER_BYTES].copy_from_slice(&clock.to_le_bytes()[..3]);
    }

    /// Replaces value and deadline; in place if nothing moves.
    pub fn replace(&mut self, value: &[u8], deadline: u64) {
        if (self.deadline() == NEVER) == (deadline == NEVER) && self.value().len() == value.len() {
            self.put_deadline(deadline);
            self.value_mut().copy_from_slice(value);
        } else {
            *self = StrEntry::new(self.key(), value, deadline, self.clock());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_keeps_key_value_deadline_and_clock() {
        for key in [vec![], b"k".to_vec(), vec![b'x'; 255], vec![b'x'; 256], vec![7; 70_000]] {
            for deadline in [NEVER, 0, 1_700_000_000_000] {
                let mut entry = StrEntry::new(&key, b"value", deadline, 0xABCDEF);
                assert_eq!((entry.key(), entry.value()), (&key[..], &b"value"[..]));
                assert_eq!((entry.deadline(), entry.clock()), (deadline, 0xABCDEF));
                entry.replace(b"other", 5);
                assert_eq!((entry.key(), entry.value(), entry.deadline()), (&key[..], &b"other"[..], 5));
                entry.resize(7);
                assert_eq!(entry.value(), b"other\0\0");
                entry.resize(1);
                assert_eq!((entry.key(), entry.value()), (&key[..], &b"o"[..]));
            }
        }
    }

    #[test]
    fn an_entry_is_two_words_in_the_table() {
        assert_eq!(size_of::<Entry>(), 16);
        let entry = Entry::string(&[b'k'; 16], &[b'v'; 100], NEVER, 0);
        assert_eq!(entry.memory(), 128);
    }

    #[test]
    fn size_classes_are_those_of_jemalloc() {
        for (bytes, class) in
            [(1, 16), (121, 128), (129, 160), (161, 192), (257, 320), (1025, 1280), (4096, 4096)]
        {
            assert_eq!(allocated(bytes), class, "{bytes}");
        }
    }
}
