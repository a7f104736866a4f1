//! What is sent to the task of a room.

use bytes::Bytes;
use shared::document::Kind;
use tokio::sync::oneshot;

use super::participants::ParticipantId;
use super::request::Request;
use crate::gateway::{CloseReason, Outbox};

/// A message to a room.
#[derive(Debug)]
pub enum RoomMessage {
    /// A client comes.
    Join {
        /// What is to be written to it.
        outbox: Outbox,
        /// It wants to hear what of its edits is saved.
        wants_saved: bool,
        /// Its name in the room, or why it may not come.
        reply: oneshot::Sender<Result<ParticipantId, CloseReason>>,
    },
    /// A client has left.
    Leave(ParticipantId),
    /// A client asks for something.
    Request(ParticipantId, Request),
    /// Somebody wants to read the document as it is now.
    Read(oneshot::Sender<Whole>),
    /// Somebody works with the document by other ways: hold it open. Answers how many clients there are.
    Hold(oneshot::Sender<usize>),
    /// The document was deleted: close without saving.
    Deleted,
    /// The service stops: save, close, answer.
    Stop(oneshot::Sender<()>),
}

/// A document as it is now.
#[derive(Debug, Clone)]
pub struct Whole {
    /// What it is.
    pub kind: Kind,
    /// All of it as one Yjs v1 update.
    pub update: Bytes,
}
