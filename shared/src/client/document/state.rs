//! The byte form of `doc:{ID}:state`: which part of the log it covers, then the document as one Yjs v1 update.
//!
//! | bytes | |
//! |---|---|
//! | 0 | version of this form: 1 |
//! | 1 to 16 | the id of the last log entry that the update covers, two 64-bit big-endian numbers: milliseconds, sequence |
//! | from 17 | one Yjs v1 update |
//!
//! A state that covers nothing of the log (a document that was imported) says 0-0.

use bytes::Bytes;

use super::log_id::LogId;

/// The version that is written.
const VERSION: u8 = 1;

/// Bytes before the update.
pub const HEADER_BYTES: usize = 1 + LogId::BYTES;

/// A document as of one place in its log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// The last log entry that the update covers.
    pub covers: LogId,
    /// One Yjs v1 update.
    pub update: Bytes,
}

/// Bytes that are no state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadState {
    /// It ends within its header.
    #[error("a document's state of {0} bytes ends within its header")]
    Short(usize),
    /// It was written in a form that this version does not know.
    #[error("a document's state in form {0}, which this version does not know")]
    Version(u8),
}

impl State {
    /// The bytes of a state that covers the log up to `covers`.
    pub fn encode(covers: LogId, update: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES + update.len());
        bytes.push(VERSION);
        bytes.extend_from_slice(&covers.to_bytes());
        bytes.extend_from_slice(update);
        bytes
    }

    /// The state of these bytes; the update is a slice of them and is not looked at.
    pub fn decode(bytes: &Bytes) -> Result<State, BadState> {
        Ok(State { covers: State::decode_header(bytes)?, update: bytes.slice(HEADER_BYTES..) })
    }

    /// What a state covers, from its first [`HEADER_BYTES`].
    pub fn decode_header(bytes: &[u8]) -> Result<LogId, BadState> {
        match bytes.first() {
            Some(&version) if version != VERSION => return Err(BadState::Version(version)),
            _ => {}
        }
        let id = bytes
            .get(1..HEADER_BYTES)
            .and_then(|id| id.try_into().ok())
            .ok_or(BadState::Short(bytes.len()))?;
        Ok(LogId::from_bytes(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_state_are_inverse() {
        let covers = LogId { ms: 1_700_000_000_000, sequence: 3 };
        let bytes = Bytes::from(State::encode(covers, b"update"));
        assert_eq!(State::decode(&bytes), Ok(State { covers, update: Bytes::from_static(b"update") }));
        assert_eq!(State::decode_header(&bytes[..HEADER_BYTES]), Ok(covers));
        assert_eq!(&bytes[..9], [1, 0, 0, 1, 0x8b, 0xcf, 0xe5, 0x68, 0]);
    }

    #[test]
    fn damaged_states_are_refused() {
        assert_eq!(State::decode(&Bytes::new()), Err(BadState::Short(0)));
        assert_eq!(State::decode(&Bytes::from_static(&[1; 16])), Err(BadState::Short(16)));
        assert_eq!(State::decode(&Bytes::from_static(&[2; 40])), Err(BadState::Version(2)));
    }
}
