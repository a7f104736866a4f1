//! The types of values that are not strings.
//!
//! A new type: a module with a struct that is a [`Collection`], a variant of [`Value`], and its line in each `match` below.

pub mod hash;

pub use hash::Hash;

/// What a key holds, if it is no string.
pub enum Value {
    /// Fields with values.
    Hash(Hash),
}

/// A type of value: what the keyspace asks of all of them.
pub trait Collection: Default + Into<Value> {
    /// The value, if it is of this type.
    fn of(value: &Value) -> Option<&Self>;

    /// The value, if it is of this type, to change.
    fn of_mut(value: &mut Value) -> Option<&mut Self>;

    /// Whether it holds nothing: the key is removed then (streams never are).
    fn is_empty(&self) -> bool;

    /// Bytes of the allocator it takes beyond its own struct; constant time.
    fn memory_bytes(&self) -> usize;

    /// The name of its representation, as OBJECT ENCODING tells it.
    fn encoding(&self) -> &'static str;

    /// Appends its bytes in the form that [`Collection::restore`] reads: for the base files, DUMP and COPY.
    fn encode(&self, out: &mut Vec<u8>);

    /// The value of these bytes; an error says what is wrong with them.
    fn decode(bytes: &[u8]) -> Result<Self, String>;
}

impl Value {
    /// The name of its type, as TYPE tells it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Hash(_) => "hash",
        }
    }

    /// A byte for its type in dumps: part of the file format, never changed. 0 is the string.
    pub fn tag(&self) -> u8 {
        match self {
            Value::Hash(_) => 1,
        }
    }

    /// The value of a type's tag and its encoded bytes.
    pub fn decode(tag: u8, bytes: &[u8]) -> Result<Value, String> {
        match tag {
            1 => Hash::decode(bytes).map(Value::Hash),
            _ => Err(format!("no type of value has the tag {tag}")),
        }
    }

    /// See [`Collection::is_empty`].
    pub fn is_empty(&self) -> bool {
        match self {
            Value::Hash(value) => value.is_empty(),
        }
    }

    /// See [`Collection::memory`].
    pub fn memory_bytes(&self) -> usize {
        match self {
            Value::Hash(value) => value.memory_bytes(),
        }
    }

    /// See [`Collection::encoding`].
    pub fn encoding(&self) -> &'static str {
        match self {
            Value::Hash(value) => value.encoding(),
        }
    }

    /// See [`Collection::dump`].
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Value::Hash(value) => value.encode(out),
        }
    }
}
