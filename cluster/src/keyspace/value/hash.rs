//! A hash: fields with values. Small ones are packed in one allocation, large ones indexed.

use super::codec::{self, DecodeError, Reader, bytes_at, put_bytes, put_varint, varint_len};
use super::dense::{Dense, Record};
use super::heap::allocated;
use super::packed::Packed;
use shared::limits::{HASH_PACKED_BYTES_MAX, HASH_PACKED_ENTRIES_MAX};

/// Fields with values.
#[derive(Debug, Clone)]
pub struct Hash {
    repr: Repr,
}

#[derive(Debug, Clone)]
enum Repr {
    /// Field, value, field, value…, in the order of insertion.
    Packed(Packed),
    Indexed(Box<Dense<Field>>),
}

/// Length of the field's name, the name, the value: one allocation.
#[derive(Debug, Clone)]
struct Field(Box<[u8]>);

impl Field {
    fn new(name: &[u8], value: &[u8]) -> Field {
        let mut bytes = Vec::with_capacity(varint_len(name.len() as u64) + name.len() + value.len());
        put_bytes(&mut bytes, name);
        bytes.extend_from_slice(value);
        Field(bytes.into())
    }

    fn parts(&self) -> (&[u8], &[u8]) {
        let mut at = 0;
        let name = bytes_at(&self.0, &mut at).unwrap_or_default();
        (name, &self.0[at..])
    }
}

impl Record for Field {
    fn key(&self) -> &[u8] {
        self.parts().0
    }

    fn heap_bytes(&self) -> usize {
        allocated(self.0.len())
    }
}

impl Default for Hash {
    fn default() -> Hash {
        Hash::new()
    }
}

impl Hash {
    /// A hash without fields.
    pub const fn new() -> Hash {
        Hash { repr: Repr::Packed(Packed::new()) }
    }

    /// Number of fields.
    pub fn len(&self) -> usize {
        match &self.repr {
            Repr::Packed(packed) => packed.len() / 2,
            Repr::Indexed(dense) => dense.len(),
        }
    }

    /// Whether there are no fields: the key is then removed.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it is small and packed: [`Hash::at`] then walks.
    pub const fn is_packed(&self) -> bool {
        matches!(self.repr, Repr::Packed(_))
    }

    /// The name OBJECT ENCODING gives.
    pub const fn encoding(&self) -> &'static str {
        match &self.repr {
            Repr::Packed(_) => "listpack",
            Repr::Indexed(_) => "hashtable",
        }
    }

    /// Bytes allocated behind the structure itself.
    pub fn memory_bytes(&self) -> usize {
        match &self.repr {
            Repr::Packed(packed) => packed.memory_bytes(),
            Repr::Indexed(dense) => size_of::<Dense<Field>>() + dense.memory_bytes(),
        }
    }

    /// The value of a field.
    pub fn get(&self, name: &[u8]) -> Option<&[u8]> {
        match &self.repr {
            Repr::Packed(packed) => {
                let (_, behind) = packed.entry(packed.find(name, 2)?)?;
                packed.entry(behind).map(|(value, _)| value)
            }
            Repr::Indexed(dense) => dense.get(name).map(|field| field.parts().1),
        }
    }

    /// Sets a field; whether it is new.
    pub fn set(&mut self, name: &[u8], value: &[u8]) -> bool {
        if let Repr::Packed(packed) = &mut self.repr {
            if name.len() > HASH_PACKED_BYTES_MAX || value.len() > HASH_PACKED_BYTES_MAX {
                self.index();
            } else {
                if let Some((_, at)) = packed.find(name, 2).and_then(|at| packed.entry(at)) {
                    packed.replace(at, value);
                    return false;
                }
                if packed.len() / 2 < HASH_PACKED_ENTRIES_MAX {
                    packed.push_back(name);
                    packed.push_back(value);
                    return true;
                }
                self.index();
            }
        }
        let Repr::Indexed(dense) = &mut self.repr else { return false };
        let field = Field::new(name, value);
        match dense.find(name) {
            Some(at) => {
                dense.replace(at, field);
                false
            }
            None => {
                dense.push(field);
                true
            }
        }
    }

    /// Removes a field; whether it was there.
    pub fn remove(&mut self, name: &[u8]) -> bool {
        match &mut self.repr {
            Repr::Packed(packed) => match packed.find(name, 2) {
                Some(at) => {
                    packed.remove(at, 2);
                    true
                }
                None => false,
            },
            Repr::Indexed(dense) => dense.remove(name).is_some(),
        }
    }

    /// Fields and values, in the same order on every node.
    pub fn iter(&self) -> Iter<'_> {
        Iter {
            source: match &self.repr {
                Repr::Packed(packed) => Source::Packed(packed.iter()),
                Repr::Indexed(dense) => Source::Indexed(dense.as_slice().iter()),
            },
        }
    }

    /// The field with this index of [`Hash::iter`]: O(1) if indexed, else a walk of at most `HASH_PACKED_ENTRIES_MAX`.
    pub fn at(&self, index: usize) -> Option<(&[u8], &[u8])> {
        match &self.repr {
            Repr::Packed(packed) => {
                let (name, behind) = packed.entry(packed.position(index * 2))?;
                packed.entry(behind).map(|(value, _)| (name, value))
            }
            Repr::Indexed(dense) => dense.at(index).map(Field::parts),
        }
    }

    /// Shows some fields to `visit` (`cursor` 0 begins); the cursor to go on with, 0 at the end. A small hash is shown whole.
    pub fn scan(&self, cursor: u64, count: usize, mut visit: impl FnMut(&[u8], &[u8])) -> u64 {
        match &self.repr {
            Repr::Packed(_) => {
                self.iter().for_each(|(name, value)| visit(name, value));
                0
            }
            Repr::Indexed(dense) => dense.scan(cursor, count, |field| {
                let (name, value) = field.parts();
                visit(name, value);
            }),
        }
    }

    /// Appends the hash as bytes: version, count, then field and value of each.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(codec::VERSION);
        put_varint(out, self.len() as u64);
        for (name, value) in self.iter() {
            put_bytes(out, name);
            put_bytes(out, value);
        }
    }

    /// The hash that [`Hash::encode`] wrote. A field that stands twice is damage.
    pub fn decode(bytes: &[u8]) -> Result<Hash, DecodeError> {
        let mut reader = Reader::open(bytes)?;
        let count = reader.count(2)?;
        let mut hash = Hash::new();
        if count > HASH_PACKED_ENTRIES_MAX {
            hash.repr = Repr::Indexed(Box::new(Dense::with_capacity(count)));
        }
        for _ in 0..count {
            if !hash.set(reader.bytes()?, reader.bytes()?) {
                return Err(DecodeError::Damaged("a field of a hash stands twice"));
            }
        }
        reader.finish()?;
        Ok(hash)
    }

    fn index(&mut self) {
        let mut dense = Dense::with_capacity(self.len() + 1);
        self.iter().for_each(|(name, value)| dense.push(Field::new(name, value)));
        self.repr = Repr::Indexed(Box::new(dense));
    }
}

/// Fields and values of a [`Hash`].
#[derive(Debug, Clone)]
pub struct Iter<'a> {
    source: Source<'a>,
}

#[derive(Debug, Clone)]
enum Source<'a> {
    Packed(super::packed::Iter<'a>),
    Indexed(std::slice::Iter<'a, Field>),
}

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.source {
            Source::Packed(packed) => Some((packed.next()?, packed.next()?)),
            Source::Indexed(fields) => fields.next().map(Field::parts),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[derive(Debug, Clone)]
    enum Step {
        Set(u16, usize),
        Remove(u16),
        Recode,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            20 => (0u16..900, prop_oneof![50 => 0usize..64, 1 => 65usize..70]).prop_map(|(n, len)| Step::Set(n, len)),
            10 => (0u16..900).prop_map(Step::Remove),
            1 => Just(Step::Recode),
        ]
    }

    fn name(number: u16) -> Vec<u8> {
        format!("field:{number}").into_bytes()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_hash_behaves_as_a_map(steps in proptest::collection::vec(step(), 0..1500)) {
            let mut hash = Hash::new();
            let mut model = BTreeMap::new();
            for step in steps {
                match step {
                    Step::Set(n, len) => {
                        let value = vec![n as u8; len];
                        prop_assert_eq!(hash.set(&name(n), &value), model.insert(name(n), value).is_none());
                        prop_assert_eq!(hash.get(&name(n)), model.get(&name(n)).map(Vec::as_slice));
                    }
                    Step::Remove(n) => {
                        prop_assert_eq!(hash.remove(&name(n)), model.remove(&name(n)).is_some());
                        prop_assert_eq!(hash.get(&name(n)), None);
                    }
                    Step::Recode => {
                        let mut bytes = vec![];
                        hash.encode(&mut bytes);
                        let back = Hash::decode(&bytes).unwrap();
                        prop_assert!(back.iter().eq(hash.iter()), "order is kept");
                        hash = back;
                    }
                }
                prop_assert_eq!(hash.len(), model.len());
            }
            let found: BTreeMap<_, _> = hash.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
            prop_assert_eq!(&found, &model);
            for (index, pair) in hash.iter().enumerate() {
                prop_assert_eq!(hash.at(index), Some(pair));
            }
        }

        #[test]
        fn hostile_bytes_are_refused_without_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = Hash::decode(&bytes);
            bytes.insert(0, codec::VERSION);
            let _ = Hash::decode(&bytes);
        }
    }

    #[test]
    fn the_encoding_changes_where_redis_changes_it() {
        let mut hash = Hash::new();
        (0..512).for_each(|n| assert!(hash.set(&name(n), b"1")));
        assert_eq!(hash.encoding(), "listpack");
        hash.set(&name(512), b"1");
        assert_eq!(hash.encoding(), "hashtable");
        let mut hash = Hash::new();
        hash.set(b"f", &[b'x'; 64]);
        assert_eq!(hash.encoding(), "listpack");
        hash.set(b"f", &[b'x'; 65]);
        assert_eq!((hash.encoding(), hash.len()), ("hashtable", 1));
    }

    #[test]
    fn damage_is_refused() {
        let mut hash = Hash::new();
        hash.set(b"a", b"1");
        let mut bytes = vec![];
        hash.encode(&mut bytes);
        for cut in 0..bytes.len() {
            assert!(Hash::decode(&bytes[..cut]).is_err(), "cut at {cut}");
        }
        let twice = [codec::VERSION, 2, 1, b'a', 0, 1, b'a', 0];
        assert_eq!(Hash::decode(&twice).unwrap_err(), DecodeError::Damaged("a field of a hash stands twice"));
        bytes.push(0);
        assert_eq!(Hash::decode(&bytes).unwrap_err(), DecodeError::Trailing);
    }
}
