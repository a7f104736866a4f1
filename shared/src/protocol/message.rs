//! The messages of y-protocols (`sync`, `awareness`, `auth`) as y-websocket frames them, and `Saved`, which is ours.

use super::lib0::{BadEncoding, Reader, write_byte_string, write_number};
use super::state_vector::StateVector;
use crate::limits::MESSAGE_BYTES_MAX;

const SYNC: u64 = 0;
const AWARENESS: u64 = 1;
const AUTH: u64 = 2;
const QUERY_AWARENESS: u64 = 3;
/// Above what y-websocket and its relatives use; a client that does not know it drops it with a word on its console.
const SAVED: u64 = 101;

const STEP_1: u64 = 0;
const STEP_2: u64 = 1;
const UPDATE: u64 = 2;

const PERMISSION_DENIED: u64 = 0;

/// One message. It borrows the frame that it was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message<'a> {
    /// "This is what I know; send what I lack": the state vector as Yjs v1 bytes.
    SyncStep1(&'a [u8]),
    /// The answer to it: one Yjs v1 update.
    SyncStep2(&'a [u8]),
    /// An edit: one Yjs v1 update.
    Update(&'a [u8]),
    /// Who is here: an awareness update, see [`super::awareness`].
    Awareness(&'a [u8]),
    /// "Tell me who is here."
    QueryAwareness,
    /// The server refuses access, and says why.
    PermissionDenied(&'a str),
    /// What this connection sent is *saved* up to here: on disk and on a replica.
    /// Sent only to clients that asked for it (`?saved=1`).
    Saved {
        /// The edits that are saved, by their clocks. Deletions have no clock (Yjs), so it does not tell of them.
        vector: StateVector,
        /// How many [`Message::Update`]s of this connection are saved, counted from its first, in the order in which they were
        /// sent: this tells of deletions too.
        edits: u64,
    },
}

/// Why bytes are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadMessage {
    /// It has more than [`MESSAGE_BYTES_MAX`] bytes.
    #[error("a message has at most {MESSAGE_BYTES_MAX} bytes")]
    TooLong,
    /// Its kind is none of y-protocols.
    #[error("unknown kind of message: {0}")]
    Kind(u64),
    /// Its bytes are not what lib0 would have written.
    #[error("malformed message: {0}")]
    Encoding(#[from] BadEncoding),
    /// Bytes follow after its end.
    #[error("{0} bytes follow after the message")]
    Trailing(usize),
}

impl<'a> Message<'a> {
    /// Reads one message; the whole slice must be it.
    pub fn decode(frame: &'a [u8]) -> Result<Message<'a>, BadMessage> {
        if frame.len() > MESSAGE_BYTES_MAX {
            return Err(BadMessage::TooLong);
        }
        let mut reader = Reader::new(frame);
        let message = match reader.number()? {
            SYNC => match reader.number()? {
                STEP_1 => Message::SyncStep1(reader.byte_string()?),
                STEP_2 => Message::SyncStep2(reader.byte_string()?),
                UPDATE => Message::Update(reader.byte_string()?),
                kind => return Err(BadMessage::Kind(kind)),
            },
            AWARENESS => Message::Awareness(reader.byte_string()?),
            AUTH => match reader.number()? {
                PERMISSION_DENIED => Message::PermissionDenied(reader.text()?),
                kind => return Err(BadMessage::Kind(kind)),
            },
            QUERY_AWARENESS => Message::QueryAwareness,
            SAVED => Message::Saved {
                vector: StateVector::decode(reader.byte_string()?)?,
                edits: reader.number()?,
            },
            kind => return Err(BadMessage::Kind(kind)),
        };
        match reader.remaining() {
            0 => Ok(message),
            bytes => Err(BadMessage::Trailing(bytes)),
        }
    }

    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.body_len() + 12);
        self.encode_into(&mut out);
        out
    }

    /// Appends its bytes.
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        let mut sync = |step: u64, body: &[u8]| {
            write_number(out, SYNC);
            write_number(out, step);
            write_byte_string(out, body);
        };
        match self {
            Message::SyncStep1(vector) => sync(STEP_1, vector),
            Message::SyncStep2(update) => sync(STEP_2, update),
            Message::Update(update) => sync(UPDATE, update),
            Message::Awareness(update) => {
                write_number(out, AWARENESS);
                write_byte_string(out, update);
            }
            Message::QueryAwareness => write_number(out, QUERY_AWARENESS),
            Message::PermissionDenied(reason) => {
                write_number(out, AUTH);
                write_number(out, PERMISSION_DENIED);
                write_byte_string(out, reason.as_bytes());
            }
            Message::Saved { vector, edits } => {
                write_number(out, SAVED);
                write_byte_string(out, &vector.encode());
                write_number(out, *edits);
            }
        }
    }

    fn body_len(&self) -> usize {
        match self {
            Message::SyncStep1(bytes)
            | Message::SyncStep2(bytes)
            | Message::Update(bytes)
            | Message::Awareness(bytes) => bytes.len(),
            Message::PermissionDenied(reason) => reason.len(),
            Message::QueryAwareness => 0,
            Message::Saved { vector, .. } => vector.len() * 12,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bytes_equal_those_of_y_protocols() {
        // From node: syncProtocol.writeSyncStep1/writeUpdate under y-websocket's message kinds.
        assert_eq!(Message::SyncStep1(&[0]).encode(), [0, 0, 1, 0]);
        assert_eq!(Message::SyncStep2(&[0, 0]).encode(), [0, 1, 2, 0, 0]);
        assert_eq!(Message::Update(&[0, 0]).encode(), [0, 2, 2, 0, 0]);
        assert_eq!(Message::Awareness(&[0]).encode(), [1, 1, 0]);
        assert_eq!(Message::QueryAwareness.encode(), [3]);
        assert_eq!(Message::PermissionDenied("no").encode(), [2, 0, 2, b'n', b'o']);
    }

    #[test]
    fn unknown_kinds_cut_frames_and_trailing_bytes_are_refused() {
        assert_eq!(Message::decode(&[9]), Err(BadMessage::Kind(9)));
        assert_eq!(Message::decode(&[0, 7, 0]), Err(BadMessage::Kind(7)));
        assert_eq!(Message::decode(&[]), Err(BadMessage::Encoding(BadEncoding::End)));
        assert_eq!(Message::decode(&[0, 2, 5, 1]), Err(BadMessage::Encoding(BadEncoding::End)));
        assert_eq!(Message::decode(&[3, 0, 0]), Err(BadMessage::Trailing(2)));
        assert_eq!(Message::decode(&vec![0; MESSAGE_BYTES_MAX + 1]), Err(BadMessage::TooLong));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(body in proptest::collection::vec(any::<u8>(), 0..200), clock in 1..1000u32) {
            let saved: StateVector = [(7, clock), (u64::from(clock) << 20, 3)].into_iter().collect();
            for message in [
                Message::SyncStep1(&body), Message::SyncStep2(&body), Message::Update(&body),
                Message::Awareness(&body), Message::QueryAwareness, Message::PermissionDenied("why"), Message::Saved { vector: saved.clone(), edits: u64::from(clock) },
            ] {
                let bytes = message.encode();
                prop_assert_eq!(Message::decode(&bytes), Ok(message));
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = Message::decode(&bytes);
        }
    }
}
