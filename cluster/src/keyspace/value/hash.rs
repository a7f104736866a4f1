//! A hash: fields with values.

use hashbrown::HashMap;

use super::{Collection, Value};
use crate::keyspace::entry::allocated;

/// Fields with values.
#[derive(Default)]
pub struct Hash {
    fields: HashMap<Box<[u8]>, Box<[u8]>, foldhash::quality::RandomState>,
    bytes: usize,
}

impl Hash {
    /// Sets a field; true if it is new.
    pub fn insert(&mut self, field: &[u8], value: &[u8]) -> bool {
        self.bytes += allocated(value.len());
        match self.fields.insert(field.into(), value.into()) {
            Some(old) => {
                self.bytes -= allocated(old.len());
                false
            }
            None => {
                self.bytes += allocated(field.len());
                true
            }
        }
    }

    /// The value of a field.
    pub fn get(&self, field: &[u8]) -> Option<&[u8]> {
        self.fields.get(field).map(AsRef::as_ref)
    }
}

impl From<Hash> for Value {
    fn from(hash: Hash) -> Value {
        Value::Hash(hash)
    }
}

impl Collection for Hash {
    fn of(value: &Value) -> Option<&Hash> {
        let Value::Hash(hash) = value;
        Some(hash)
    }

    fn of_mut(value: &mut Value) -> Option<&mut Hash> {
        let Value::Hash(hash) = value;
        Some(hash)
    }

    fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    fn memory_bytes(&self) -> usize {
        self.bytes + self.fields.allocation_size()
    }

    fn encoding(&self) -> &'static str {
        "hashtable"
    }

    fn encode(&self, out: &mut Vec<u8>) {
        for (field, value) in &self.fields {
            for part in [field, value] {
                out.extend_from_slice(&(part.len() as u32).to_le_bytes());
                out.extend_from_slice(part);
            }
        }
    }

    fn decode(mut bytes: &[u8]) -> Result<Hash, String> {
        fn part<'b>(bytes: &mut &'b [u8]) -> Option<&'b [u8]> {
            let (len, rest) = bytes.split_first_chunk()?;
            let (part, rest) = rest.split_at_checked(u32::from_le_bytes(*len) as usize)?;
            *bytes = rest;
            Some(part)
        }
        let mut hash = Hash::default();
        while !bytes.is_empty() {
            let (Some(field), Some(value)) = (part(&mut bytes), part(&mut bytes)) else {
                return Err("a hash is cut short".into());
            };
            hash.insert(field, value);
        }
        Ok(hash)
    }
}
