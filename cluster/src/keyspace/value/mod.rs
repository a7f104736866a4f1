//! The types of values that are not strings.
//!
//! A new type: a module with a struct that has the methods of [`Collection`], and its line in `types!` below.
//!
//! # Layout
//!
//! - [`hash`], [`list`], [`set`], [`sorted_set`], [`stream`]: the types.
//! - [`packed`], [`int_set`]: small ones, in one allocation.
//! - [`dense`]: large ones, by key.
//! - [`codec`]: their bytes in base files; [`heap`]: what allocations take.

pub mod codec;
pub mod dense;
pub mod hash;
pub mod heap;
pub mod int_set;
pub mod list;
pub mod packed;
pub mod set;
pub mod sorted_set;
pub mod stream;

pub use hash::Hash;
pub use list::List;
pub use set::Set;
pub use sorted_set::SortedSet;
pub use stream::Stream;

use std::borrow::{Borrow, BorrowMut};

/// A type of value: what the keyspace asks of all of them.
pub trait Collection: Default + Into<Value> {
    /// The value, if it is of this type.
    fn of(value: &Value) -> Option<&Self>;

    /// The value, if it is of this type, to change.
    fn of_mut(value: &mut Value) -> Option<&mut Self>;
}

/// Each line: the type, how the enum holds it (boxed if it is much larger than the others), its tag in dumps (part of the file format,
/// never changed; 0 is the string), its name in TYPE, and whether a key that holds nothing of it stays.
macro_rules! types {
    ($($(#[$doc:meta])* $type:ident in $holder:ty, $tag:literal, $name:literal, $stays_empty:literal;)*) => {
        /// What a key holds, if it is no string.
        #[derive(Debug, Clone)]
        pub enum Value {
            $($(#[$doc])* $type($holder),)*
        }

        impl Value {
            /// The name of its type, as TYPE tells it.
            pub fn type_name(&self) -> &'static str {
                match self { $(Value::$type(_) => $name,)* }
            }

            /// A byte for its type in dumps.
            pub fn tag(&self) -> u8 {
                match self { $(Value::$type(_) => $tag,)* }
            }

            /// The value of a type's tag and its encoded bytes; an error says what is wrong with them.
            pub fn decode(tag: u8, bytes: &[u8]) -> Result<Value, String> {
                let value: Value = match tag {
                    $($tag => $type::decode(bytes).map_err(|error| format!("{}: {error}", $name))?.into(),)*
                    _ => return Err(format!("no type of value has the tag {tag}")),
                };
                if value.is_empty() { Err(format!("a {} without entries", value.type_name())) } else { Ok(value) }
            }

            /// Whether it holds nothing, so that its key is removed (never that of a stream).
            pub fn is_empty(&self) -> bool {
                match self { $(Value::$type(value) => !$stays_empty && value.is_empty(),)* }
            }

            /// Bytes of the allocator it takes beside the enum itself; constant time.
            pub fn memory_bytes(&self) -> usize {
                match self { $(Value::$type(value) => heap::boxed::<$type, $holder>() + value.memory_bytes(),)* }
            }

            /// The name of its representation, as OBJECT ENCODING tells it.
            pub fn encoding(&self) -> &'static str {
                match self { $(Value::$type(value) => value.encoding(),)* }
            }

            /// Appends its bytes in the form that [`Value::decode`] reads: for the base files, DUMP and COPY.
            pub fn encode(&self, out: &mut Vec<u8>) {
                match self { $(Value::$type(value) => value.encode(out),)* }
            }
        }

        $(
            impl From<$type> for Value {
                fn from(value: $type) -> Value {
                    Value::$type(value.into())
                }
            }

            impl Collection for $type {
                fn of(value: &Value) -> Option<&$type> {
                    if let Value::$type(value) = value { Some(value.borrow()) } else { None }
                }

                fn of_mut(value: &mut Value) -> Option<&mut $type> {
                    if let Value::$type(value) = value { Some(value.borrow_mut()) } else { None }
                }
            }
        )*
    };
}

types! {
    /// Fields with values.
    Hash in Hash, 1, "hash", false;
    /// Strings in order.
    List in List, 2, "list", false;
    /// Distinct strings.
    Set in Set, 3, "set", false;
    /// Distinct strings ordered by score.
    SortedSet in SortedSet, 4, "zset", false;
    /// Entries with ascending ids.
    Stream in Box<Stream>, 5, "stream", true;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_comes_back_by_its_tag() {
        let mut hash = Hash::new();
        hash.set(b"f", b"v");
        let value = Value::from(hash);
        let mut bytes = vec![];
        value.encode(&mut bytes);
        let back = Value::decode(value.tag(), &bytes).unwrap();
        assert_eq!((back.type_name(), back.encoding()), ("hash", "listpack"));
        assert!(Value::decode(99, &bytes).is_err());
    }

    #[test]
    fn only_a_stream_is_restored_empty() {
        for empty in
            [Value::from(Hash::new()), List::new().into(), Set::new().into(), SortedSet::new().into()]
        {
            let mut bytes = vec![];
            empty.encode(&mut bytes);
            assert!(Value::decode(empty.tag(), &bytes).is_err(), "{}", empty.type_name());
        }
        let mut bytes = vec![];
        Stream::new().encode(&mut bytes);
        assert!(!Value::decode(5, &bytes).unwrap().is_empty());
    }
}
