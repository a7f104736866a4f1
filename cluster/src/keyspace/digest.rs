//! What keys hold as a number, so that two nodes can compare without sending it.
//!
//! A digest is of what clients can see and what later effects build on: key, deadline, value. How a value is stored, in which order
//! a hash or a set lies, and when a key was used are not in it. The function is our own, as both nodes must compute the same whatever
//! versions of libraries they were built with; nobody needs to be kept from making two contents with one digest on purpose.

use super::entry::Entry;
use super::value::stream::StreamId;
use super::value::{Stream, Value};

/// The digest of a key with what it holds. That of several keys is the sum, wrapping, in whatever order.
pub fn digest(entry: &Entry) -> u64 {
    let mut mixer = Mixer::new();
    mixer.bytes(entry.key());
    mixer.word(entry.deadline());
    match entry {
        Entry::Str(string) => {
            mixer.word(0);
            mixer.bytes(string.value());
        }
        Entry::Object(object) => {
            mixer.word(u64::from(object.value.tag()));
            value(&object.value, &mut mixer);
        }
    }
    mixer.finish()
}

fn value(value: &Value, mixer: &mut Mixer) {
    match value {
        Value::Hash(hash) => {
            mixer.word(hash.len() as u64);
            let fields = hash.iter().map(|(name, value)| {
                let mut mixer = Mixer::new();
                mixer.bytes(name);
                mixer.bytes(value);
                mixer.finish()
            });
            mixer.word(fields.fold(0, u64::wrapping_add));
        }
        Value::Set(set) => {
            mixer.word(set.len() as u64);
            let members = set.iter().map(|member| {
                let mut mixer = Mixer::new();
                mixer.bytes(&member);
                mixer.finish()
            });
            mixer.word(members.fold(0, u64::wrapping_add));
        }
        Value::List(list) => list.iter_from(0).for_each(|element| mixer.bytes(element)),
        Value::SortedSet(set) => set.iter().for_each(|entry| {
            mixer.bytes(entry.member);
            mixer.word(entry.score.to_bits());
        }),
        Value::Stream(stream) => self::stream(stream, mixer),
    }
}

fn stream(stream: &Stream, mixer: &mut Mixer) {
    let id = |mixer: &mut Mixer, id: StreamId| {
        mixer.word(id.ms);
        mixer.word(id.seq);
    };
    id(mixer, stream.last_id());
    id(mixer, stream.max_deleted_id());
    mixer.word(stream.entries_added());
    for entry in stream.range(StreamId::MIN, StreamId::MAX) {
        id(mixer, entry.id);
        for (name, value) in entry.fields {
            mixer.bytes(name);
            mixer.bytes(value);
        }
    }
}

/// Mixes words into one. Each step is a bijection of state and of word, so contents that differ in one word never have one digest.
struct Mixer(u64);

impl Mixer {
    fn new() -> Mixer {
        Mixer(0x9E37_79B9_7F4A_7C15)
    }

    #[inline]
    fn word(&mut self, word: u64) {
        let mixed = (self.0 ^ word).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        self.0 = (mixed ^ mixed >> 29).wrapping_add(0x9E37_79B9_7F4A_7C15);
    }

    /// The length, then the bytes, the last word filled up with zeros.
    #[inline]
    fn bytes(&mut self, bytes: &[u8]) {
        self.word(bytes.len() as u64);
        let (words, rest) = bytes.as_chunks::<8>();
        words.iter().for_each(|word| self.word(u64::from_le_bytes(*word)));
        if !rest.is_empty() {
            let mut last = [0; 8];
            last[..rest.len()].copy_from_slice(rest);
            self.word(u64::from_le_bytes(last));
        }
    }

    /// So that a sum of digests is as good as one.
    fn finish(mut self) -> u64 {
        self.word(0);
        let mixed = (self.0 ^ self.0 >> 33).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
        let mixed = (mixed ^ mixed >> 33).wrapping_mul(0xC4CE_B9FE_1A85_EC53);
        mixed ^ mixed >> 33
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::{btree_map, btree_set, vec};
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::super::dump::{dump, restore};
    use super::super::entry::NEVER;
    use super::super::value::list::End;
    use super::super::value::{Hash, List, Set, SortedSet};
    use super::*;

    type Text = Vec<u8>;

    fn text() -> impl Strategy<Value = Text> {
        vec(any::<u8>(), 0..20)
    }

    fn hash<'f>(fields: impl Iterator<Item = (&'f Text, &'f Text)>) -> Value {
        let mut hash = Hash::new();
        fields.for_each(|(name, value)| {
            hash.set(name, value);
        });
        hash.into()
    }

    fn set<'m>(members: impl Iterator<Item = &'m Text>) -> Value {
        let mut set = Set::new();
        members.for_each(|member| {
            set.add(member);
        });
        set.into()
    }

    fn of(value: Value) -> u64 {
        digest(&Entry::object(b"key", value, NEVER, 0))
    }

    /// What was dumped and restored has the digest of what it was.
    fn comes_back(entry: &Entry) {
        let mut bytes = Vec::new();
        dump(entry, &mut bytes);
        let back = restore(entry.key(), &bytes, entry.deadline(), 7).unwrap();
        assert_eq!(digest(&back), digest(entry), "{}", entry.type_name());
    }

    proptest! {
        #[test]
        fn the_order_in_which_a_hash_was_made_and_how_it_is_stored_do_not_count(
            fields in btree_map(text(), text(), 1..40),
            others in btree_set(text(), 0..600),
        ) {
            let one = hash(fields.iter());
            // Grown beyond what is packed, and shrunk again.
            let mut other = Hash::new();
            others.iter().for_each(|name| { other.set(name, b""); });
            fields.iter().rev().for_each(|(name, value)| { other.set(name, value); });
            others.iter().filter(|name| !fields.contains_key(*name)).for_each(|name| { other.remove(name); });
            prop_assert_eq!(of(one), of(other.into()));
        }

        #[test]
        fn the_order_in_which_a_set_was_made_and_how_it_is_stored_do_not_count(
            members in btree_set(prop_oneof![text(), any::<i16>().prop_map(|number| number.to_string().into_bytes())], 1..40),
        ) {
            let mut grown = Set::new();
            grown.add(b"no number");
            (0..200).for_each(|number| { grown.add(format!("more {number}").as_bytes()); });
            members.iter().rev().for_each(|member| { grown.add(member); });
            (0..200).for_each(|number| { grown.remove(format!("more {number}").as_bytes()); });
            if !members.contains(&b"no number"[..]) {
                grown.remove(b"no number");
            }
            prop_assert_eq!(of(set(members.iter())), of(grown.into()));
        }

        #[test]
        fn a_byte_more_or_another_one_shows_in_every_type(
            mut texts in vec(text(), 2..10), other in text(), at: Index, change in 1_u8..,
        ) {
            let whole = |texts: &[Text]| {
                let [key, value, ..] = texts else { unreachable!() };
                let mut list = List::new();
                texts.iter().for_each(|text| list.push(End::Right, text));
                let mut sorted = SortedSet::new();
                texts.iter().for_each(|text| { sorted.insert(text, 1.5); });
                let mut stream = Stream::new();
                (1..).zip(texts).for_each(|(ms, text)| { stream.append(StreamId::new(ms, 1), [(&key[..], &text[..])].into_iter()); });
                let entries = [
                    Entry::string(key, value, NEVER, 3),
                    Entry::string(key, value, 9, 3),
                    Entry::object(b"key", hash(texts.iter().map(|text| (text, value))), 9, 3),
                    Entry::object(b"key", set(texts.iter()), 9, 3),
                    Entry::object(b"key", list.into(), 9, 3),
                    Entry::object(b"key", sorted.into(), 9, 3),
                    Entry::object(b"key", stream.into(), 9, 3),
                ];
                entries.iter().for_each(comes_back);
                entries.each_ref().map(digest)
            };
            let before = whole(&texts);
            prop_assert_eq!(before[0] == before[1], false, "a deadline shows");
            // Of all strings one, so that no set has it twice.
            texts.iter_mut().zip(0_u8..).for_each(|(text, number)| text.insert(0, number));
            let before = whole(&texts);
            let place = at.index(texts[0].len());
            // The first byte tells them apart.
            if place > 0 { texts[0][place] ^= change } else { texts[0].push(change) }
            let after = whole(&texts);
            for (before, after) in before.iter().zip(after) {
                prop_assert_ne!(*before, after);
            }
            texts[1].extend(&other);
            texts[1].push(0);
            prop_assert_ne!(whole(&texts)[0], after[0]);
        }
    }

    #[test]
    fn deadlines_show_and_access_clocks_do_not() {
        let entry = |deadline, clock| digest(&Entry::string(b"k", b"v", deadline, clock));
        assert_eq!(entry(NEVER, 1), entry(NEVER, 2));
        assert_ne!(entry(NEVER, 1), entry(5, 1));
        assert_ne!(entry(6, 1), entry(5, 1));
    }
}
