//! Why a call has no result.

use super::address::Address;
use super::config::BadUrl;
use crate::resp::{ProtocolError, ServerError};

/// Why a call has no result, and so what the caller knows about its effect.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ClientError {
    /// The server refused the command; it had no effect.
    #[error("{0}")]
    Server(#[from] ServerError),
    /// The server refused user or password.
    #[error("{address} does not let us in: {error}")]
    Auth {
        /// Who refused.
        address: Address,
        /// In these words.
        error: ServerError,
    },
    /// The command was sent and its answer never came: it had its effect once or not at all, and is not sent again because
    /// it is not idempotent.
    #[error("it is unknown whether the command was executed: {0}")]
    Unknown(String),
    /// The deadline passed without the command being executed (or, if it is idempotent, without hearing of it).
    #[error("not done before the deadline: {0}")]
    Deadline(String),
    /// No node of the cluster can be reached.
    #[error("no node can be reached: {0}")]
    Unreachable(String),
    /// The keys of one command or transaction lie in different slots.
    #[error("CROSSSLOT Keys in request don't hash to the same slot")]
    CrossSlot,
    /// A transaction was not executed because a command in it was refused when it was queued.
    #[error("the transaction was discarded: {0}")]
    Discarded(ServerError),
    /// The server answered what this command never answers.
    #[error("{command} was answered by {answer}")]
    UnexpectedReply {
        /// The name of the command.
        command: String,
        /// What was answered, shortened.
        answer: String,
    },
    /// A server sent what is no RESP.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    /// The text is no address of a cluster.
    #[error(transparent)]
    Url(#[from] BadUrl),
    /// The client was told no seed.
    #[error("a client needs at least one node to start from")]
    NoSeeds,
    /// The value is longer than its bound and was not sent.
    #[error("{what} has {bytes} bytes, more than {bytes_max}")]
    TooLong {
        /// What it is.
        what: &'static str,
        /// Its length.
        bytes: usize,
        /// Its bound.
        bytes_max: usize,
    },
}

impl ClientError {
    /// Whether the command may have had its effect.
    pub fn may_have_happened(&self) -> bool {
        matches!(
            self,
            ClientError::Unknown(_) | ClientError::UnexpectedReply { .. } | ClientError::Protocol(_)
        )
    }

    pub(crate) fn unexpected(command: &str, answer: &crate::resp::Value) -> ClientError {
        ClientError::UnexpectedReply { command: command.to_owned(), answer: answer.to_string() }
    }
}
