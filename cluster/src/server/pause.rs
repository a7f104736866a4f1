//! What a connection may wait for before it takes its next request.

use std::pin::Pin;

use persistence::Generation;
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

/// Why replies are held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// What they tell must be in the log first.
    Log {
        /// What.
        generation: Generation,
        /// Whether durable (`appendfsync always`), or written only (too much waits for the disk).
        durable: bool,
    },
    /// More copies must hold what they tell, and confirm that this node is their primary (CLIENT CONSISTENCY).
    Copies {
        /// All replicas, not only those that may be elected.
        all: bool,
        /// How often the node had become a primary when it did what they tell.
        led: u64,
    },
    /// A majority must be heard first: another node may be the primary by now.
    Lease {
        /// How often the node had become a primary when it did what they tell.
        led: u64,
    },
}
