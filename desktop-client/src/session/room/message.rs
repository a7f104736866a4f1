//! What a room says to its link and hears from it, whatever the link is made of.

use bytes::Bytes;
use shared::protocol::StateVector;

/// From the room to the link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// "This is what I know; send what I lack."
    Ask(StateVector),
    /// An own edit. The link answers [`Heard::Saved`] with its number, or a later one, when it is *saved*.
    Update {
        /// Number of the last edit in it.
        number: u64,
        /// One Yjs v1 update.
        update: Bytes,
    },
    /// What a peer lacks: one Yjs v1 update.
    Answer(Bytes),
    /// An awareness update.
    Presence(Bytes),
}

/// From the link to the room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// What others edited: one Yjs v1 update.
    Update(Bytes),
    /// All that was asked for has come.
    Synced,
    /// A peer says what it knows and wants the rest.
    Asked(StateVector),
    /// An awareness update.
    Presence(Bytes),
    /// A peer asks who is here.
    PresenceAsked,
    /// Own edits up to this number are *saved*.
    Saved(u64),
    /// The document was deleted for everybody.
    Deleted,
    /// The server closes the link because it does not take what was said: why, in its words.
    Refused(String),
}
