//! A set: distinct strings. A few integers are sorted and packed, a few short strings packed, anything else indexed.

use super::codec::{self, DecodeError, Reader, put_bytes, put_varint};
use super::dense::Dense;
use super::int_set::IntSet;
use super::packed::Packed;
use shared::limits::{SET_INTEGERS_MAX, SET_PACKED_BYTES_MAX, SET_PACKED_ENTRIES_MAX};
use std::ops::Deref;

/// Distinct strings.
#[derive(Debug, Clone)]
pub struct Set {
    repr: Repr,
}

#[derive(Debug, Clone)]
enum Repr {
    Integers(IntSet),
    Packed(Packed),
    Indexed(Box<Dense<Box<[u8]>>>),
}

impl Default for Set {
    fn default() -> Set {
        Set::new()
    }
}

impl Set {
    /// A set without members.
    pub const fn new() -> Set {
        Set { repr: Repr::Integers(IntSet::new()) }
    }

    /// Number of members.
    pub fn len(&self) -> usize {
        match &self.repr {
            Repr::Integers(integers) => integers.len(),
            Repr::Packed(packed) => packed.len(),
            Repr::Indexed(dense) => dense.len(),
        }
    }

    /// Whether there are no members: the key is then removed.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The name OBJECT ENCODING gives. Redis 7.0 has no packed sets of strings, so ours goes by the name it has there.
    pub const fn encoding(&self) -> &'static str {
        match &self.repr {
            Repr::Integers(_) => "intset",
            Repr::Packed(_) | Repr::Indexed(_) => "hashtable",
        }
    }

    /// Bytes allocated behind the structure itself.
    pub fn memory_bytes(&self) -> usize {
        match &self.repr {
            Repr::Integers(integers) => integers.memory_bytes(),
            Repr::Packed(packed) => packed.memory_bytes(),
            Repr::Indexed(dense) => size_of::<Dense<Box<[u8]>>>() + dense.memory_bytes(),
        }
    }

    /// Whether a string is a member.
    pub fn contains(&self, member: &[u8]) -> bool {
        match &self.repr {
            Repr::Integers(integers) => integer(member).is_some_and(|number| integers.contains(number)),
            Repr::Packed(packed) => packed.find(member, 1).is_some(),
            Repr::Indexed(dense) => dense.find(member).is_some(),
        }
    }

    /// Adds a member; whether it is new.
    pub fn add(&mut self, member: &[u8]) -> bool {
        if let Repr::Integers(integers) = &mut self.repr {
            match integer(member) {
                Some(number) if integers.len() < SET_INTEGERS_MAX => return integers.add(number),
                Some(number) if integers.contains(number) => return false,
                _ => self.leave_integers(),
            }
        }
        if let Repr::Packed(packed) = &mut self.repr {
            if packed.find(member, 1).is_some() {
                return false;
            }
            if packed.len() < SET_PACKED_ENTRIES_MAX && member.len() <= SET_PACKED_BYTES_MAX {
                packed.push_back(member);
                return true;
            }
            self.index();
        }
        let Repr::Indexed(dense) = &mut self.repr else { return false };
        let new = dense.find(member).is_none();
        if new {
            dense.push(member.into());
        }
        new
    }

    /// Removes a member; whether it was there.
    pub fn remove(&mut self, member: &[u8]) -> bool {
        match &mut self.repr {
            Repr::Integers(integers) => integer(member).is_some_and(|number| integers.remove(number)),
            Repr::Packed(packed) => match packed.find(member, 1) {
                Some(at) => {
                    packed.remove(at, 1);
                    true
                }
                None => false,
            },
            Repr::Indexed(dense) => dense.remove(member).is_some(),
        }
    }

    /// The members, in the same order on every node.
    pub fn iter(&self) -> Iter<'_> {
        match &self.repr {
            Repr::Integers(integers) => Iter { source: Source::Integers(integers, 0) },
            Repr::Packed(packed) => Iter { source: Source::Packed(packed.iter()) },
            Repr::Indexed(dense) => Iter { source: Source::Indexed(dense.as_slice().iter()) },
        }
    }

    /// The member with this index of [`Set::iter`].
    pub fn at(&self, index: usize) -> Option<Member<'_>> {
        match &self.repr {
            Repr::Integers(integers) => integers.at(index).map(Member::integer),
            Repr::Packed(packed) => packed.get(index).map(Member::string),
            Repr::Indexed(dense) => dense.at(index).map(|member| Member::string(member)),
        }
    }

    /// Shows some members to `visit` (`cursor` 0 begins); the cursor to go on with, 0 at the end. A small set is shown whole.
    pub fn scan(&self, cursor: u64, count: usize, mut visit: impl FnMut(&[u8])) -> u64 {
        match &self.repr {
            Repr::Indexed(dense) => dense.scan(cursor, count, |member| visit(member)),
            Repr::Integers(_) | Repr::Packed(_) => {
                self.iter().for_each(|member| visit(&member));
                0
            }
        }
    }

    /// Appends the set as bytes: version, count, then each member.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(codec::VERSION);
        put_varint(out, self.len() as u64);
        self.iter().for_each(|member| put_bytes(out, &member));
    }

    /// The set that [`Set::encode`] wrote. A member that stands twice is damage.
    pub fn decode(bytes: &[u8]) -> Result<Set, DecodeError> {
        let mut reader = Reader::open(bytes)?;
        let count = reader.count(1)?;
        let mut set = Set::new();
        if count > SET_INTEGERS_MAX.max(SET_PACKED_ENTRIES_MAX) {
            set.repr = Repr::Indexed(Box::new(Dense::with_capacity(count)));
        }
        for _ in 0..count {
            if !set.add(reader.bytes()?) {
                return Err(DecodeError::Damaged("a member of a set stands twice"));
            }
        }
        reader.finish()?;
        Ok(set)
    }

    fn leave_integers(&mut self) {
        let fits = self.len() <= SET_PACKED_ENTRIES_MAX;
        if !fits {
            return self.index();
        }
        let mut packed = Packed::new();
        self.iter().for_each(|member| packed.push_back(&member));
        self.repr = Repr::Packed(packed);
    }

    fn index(&mut self) {
        let mut dense = Dense::with_capacity(self.len() + 1);
        self.iter().for_each(|member| dense.push(Box::from(&*member)));
        self.repr = Repr::Indexed(Box::new(dense));
    }
}

/// A member as bytes: borrowed from the set, or an integer written out.
#[derive(Debug, Clone, Copy)]
pub struct Member<'a> {
    form: Form<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Form<'a> {
    String(&'a [u8]),
    Integer { digits: [u8; 20], begin: u8 },
}

impl<'a> Member<'a> {
    const fn string(bytes: &'a [u8]) -> Member<'a> {
        Member { form: Form::String(bytes) }
    }

    fn integer(number: i64) -> Member<'a> {
        let mut digits = [0; 20];
        let mut begin = digits.len();
        let mut rest = number.unsigned_abs();
        loop {
            begin -= 1;
            digits[begin] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        if number < 0 {
            begin -= 1;
            digits[begin] = b'-';
        }
        Member { form: Form::Integer { digits, begin: begin as u8 } }
    }
}

impl Deref for Member<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.form {
            Form::String(bytes) => bytes,
            Form::Integer { digits, begin } => &digits[usize::from(*begin)..],
        }
    }
}

/// The members of a [`Set`].
#[derive(Debug, Clone)]
pub struct Iter<'a> {
    source: Source<'a>,
}

#[derive(Debug, Clone)]
enum Source<'a> {
    Integers(&'a IntSet, usize),
    Packed(super::packed::Iter<'a>),
    Indexed(std::slice::Iter<'a, Box<[u8]>>),
}

impl<'a> Iterator for Iter<'a> {
    type Item = Member<'a>;

    fn next(&mut self) -> Option<Member<'a>> {
        match &mut self.source {
            Source::Integers(integers, index) => {
                let number = integers.at(*index)?;
                *index += 1;
                Some(Member::integer(number))
            }
            Source::Packed(packed) => packed.next().map(Member::string),
            Source::Indexed(members) => members.next().map(|member| Member::string(member)),
        }
    }
}

/// The integer that these bytes are the one canonical spelling of.
fn integer(bytes: &[u8]) -> Option<i64> {
    if bytes.is_empty() || bytes.len() > 20 {
        return None;
    }
    let number: i64 = std::str::from_utf8(bytes).ok()?.parse().ok()?;
    (*Member::integer(number) == *bytes).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn member() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            20 => (-400i64..400).prop_map(|n| n.to_string().into_bytes()),
            1 => (0u16..300).prop_map(|n| format!("m{n}").into_bytes()),
            1 => any::<i64>().prop_map(|n| n.to_string().into_bytes()),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_set_behaves_as_a_set(
            integers_only: bool,
            steps in proptest::collection::vec((0u8..8, member()), 0..1200),
        ) {
            let mut set = Set::new();
            let mut model = BTreeSet::new();
            for (kind, member) in steps {
                if integers_only && member[0] == b'm' {
                    continue;
                }
                match kind {
                    0..=5 => prop_assert_eq!(set.add(&member), model.insert(member.clone())),
                    _ => prop_assert_eq!(set.remove(&member), model.remove(&member)),
                }
                prop_assert_eq!(set.contains(&member), model.contains(&member));
                prop_assert_eq!(set.len(), model.len());
            }
            let found: BTreeSet<_> = set.iter().map(|member| member.to_vec()).collect();
            prop_assert_eq!(&found, &model);
            for (index, member) in set.iter().enumerate() {
                prop_assert_eq!(&*set.at(index).unwrap(), &*member);
            }
            let mut bytes = vec![];
            set.encode(&mut bytes);
            let back = Set::decode(&bytes).unwrap();
            prop_assert_eq!(back.len(), set.len());
            prop_assert!(model.iter().all(|member| back.contains(member)));
        }

        #[test]
        fn every_integer_is_written_as_its_decimal(number: i64) {
            let text = number.to_string();
            prop_assert_eq!(&*Member::integer(number), text.as_bytes());
            prop_assert_eq!(integer(text.as_bytes()), Some(number));
        }

        #[test]
        fn hostile_bytes_are_refused_without_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = Set::decode(&bytes);
            bytes.insert(0, codec::VERSION);
            let _ = Set::decode(&bytes);
        }
    }

    #[test]
    fn only_the_canonical_spelling_is_an_integer() {
        for other in ["", "-", "+1", "01", "-0", " 1", "1 ", "9223372036854775808", "1.0"] {
            assert_eq!(integer(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn the_encoding_changes_where_redis_changes_it() {
        let mut set = Set::new();
        (0..512).for_each(|n: i32| assert!(set.add(n.to_string().as_bytes())));
        assert_eq!(set.encoding(), "intset");
        assert!(!set.add(b"511"));
        assert_eq!(set.encoding(), "intset");
        set.add(b"512");
        assert_eq!((set.encoding(), set.len()), ("hashtable", 513));
        let mut set = Set::new();
        set.add(b"1");
        set.add(b"a");
        assert_eq!((set.encoding(), set.len()), ("hashtable", 2));
    }
}
