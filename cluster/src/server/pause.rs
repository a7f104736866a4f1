//! What a connection may wait for before it takes its next request.

use std::pin::Pin;

use shared::rt::time::Instant;

use crate::commit::Wait;
use crate::replication::feed::Hello;

/// A reply that takes time; encoded.
pub type LateReply = Pin<Box<dyn Future<Output = Vec<u8>> + Send>>;

/// What a connection waits for.
pub enum Pause {
    /// Keys (BLPOP, XREAD BLOCK).
    Keys(Wait),
    /// Its reply (WAITAOF, SAVE, DEBUG SLEEP).
    Reply(LateReply),
    /// The end of the connection: it belongs to a replica now.
    Feed(Box<Hello>),
    /// The end of CLIENT PAUSE; the request is run then.
    Unpaused(Instant),
}
