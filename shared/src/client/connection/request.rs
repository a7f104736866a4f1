//! What travels through a link, and how it ends.

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::client::error::ClientError;
use crate::resp::{ServerError, Value};
use crate::rt::time::Duration;

/// What a caller wants sent.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    /// One or more requests.
    pub(crate) bytes: Bytes,
    /// How many replies they get, at least one.
    pub(crate) replies: usize,
    /// How long the replies may take once they are due.
    pub(crate) patience: Duration,
    /// Only over the connection of this number, if it still stands.
    pub(crate) only_on: Option<u64>,
}

/// An order on its way.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) order: Order,
    pub(super) answer: oneshot::Sender<Answer>,
    /// Its share of the bytes that a link may hold; given back when the request ends.
    pub(super) _room: OwnedSemaphorePermit,
}

/// How an order ended.
pub(crate) type Answer = Result<Reply, Failure>;

/// The replies to one order.
#[derive(Debug)]
pub(crate) struct Reply {
    /// As many as ordered, refusals among them.
    pub(crate) values: Vec<Value>,
    /// The number of the connection that carried it; no two connections of a process have the same.
    pub(crate) connection: u64,
}

/// Why an order has no replies.
#[derive(Debug, Clone)]
pub(crate) enum Failure {
    /// Not one byte was sent: trying again is safe.
    NotSent(String),
    /// It was sent, at least partly, and the connection broke.
    Unknown(String),
    /// The server does not let us in; trying again does not help.
    Auth(ServerError),
}

impl Failure {
    /// In words.
    pub(crate) fn words(&self) -> String {
        match self {
            Failure::NotSent(why) | Failure::Unknown(why) => why.clone(),
            Failure::Auth(error) => error.to_string(),
        }
    }

    /// As the end of a call to the node at `address`.
    pub(crate) fn into_error(self, address: &crate::client::Address) -> ClientError {
        match self {
            Failure::NotSent(why) => ClientError::Unreachable(why),
            Failure::Unknown(why) => ClientError::Unknown(why),
            Failure::Auth(error) => ClientError::Auth { address: address.clone(), error },
        }
    }
}
