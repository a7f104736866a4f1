//! What a connection may wait for before it takes its next request.

use std::pin::Pin;

use shared::rt::time::Instant;
use shared::slot::Slot;

use crate::commit::Wait;
use crate::proxy::errand::Errand;
use crate::replication::feed::Hello;
use crate::slot_migration::import::Offer;

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
    /// What another node answers over a connection of the client's own.
    Errand(Box<Errand>),
    /// The end of CLIENT PAUSE; the request is run then.
    Unpaused(Instant),
    /// That it is settled who has a slot, until then at most; the request is run then.
    Settled(Slot, Instant),
    /// The end of the connection: another node sends slots over it.
    Import(Box<Offer>),
}
