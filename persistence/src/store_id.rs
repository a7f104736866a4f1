//! The name of a store: it tells a copy of data from another one in the same place.

use std::fmt;
use std::str::FromStr;

use shared::node_id::{NodeId, NotANodeId};
use shared::rt::rng;

/// 160 random bits, drawn when the store is made and written like the name of a node. Whoever deletes the folder and starts anew
/// has another store, although the node has its old name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoreId(NodeId);

impl StoreId {
    /// The id with these bits.
    pub fn from_bytes(bytes: [u8; NodeId::BYTES]) -> StoreId {
        StoreId(NodeId::from_bytes(bytes))
    }

    /// Its bits.
    pub fn as_bytes(&self) -> &[u8; NodeId::BYTES] {
        self.0.as_bytes()
    }

    pub(crate) fn random() -> StoreId {
        let mut bytes = [0; NodeId::BYTES];
        rng::fill(&mut bytes);
        StoreId::from_bytes(bytes)
    }
}

impl FromStr for StoreId {
    type Err = NotANodeId;

    fn from_str(text: &str) -> Result<StoreId, NotANodeId> {
        text.trim_end_matches('\n').parse().map(StoreId)
    }
}

impl fmt::Display for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreId({self})")
    }
}
