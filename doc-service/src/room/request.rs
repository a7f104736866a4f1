//! What a client asks of its room, already checked by its connection.

use bytes::Bytes;
use shared::protocol::StateVector;

/// One request of one client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Sync step 1: send what is missing in this state vector.
    Missing(StateVector),
    /// Sync step 2: what the room lacked when the client came, its offline edits among it.
    Offline(Edit),
    /// An edit.
    Edit(Edit),
    /// An awareness update.
    Presence(Bytes),
    /// Send what everybody says about themselves.
    WhoIsHere,
}

/// An update about nothing. Published where only the publication itself matters: once it is saved, all before it is.
pub const NOTHING: &[u8] = &[0, 0];

/// A sound Yjs v1 update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// Its bytes.
    pub update: Bytes,
    /// What is saved when it is.
    pub saves: StateVector,
}

/// The edit that changes nothing.
impl Default for Edit {
    fn default() -> Edit {
        Edit { update: Bytes::from_static(NOTHING), saves: StateVector::new() }
    }
}
