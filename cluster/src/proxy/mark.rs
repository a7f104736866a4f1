//! The other side: a session whose requests another node has forwarded (CLIENT PROXY).
//!
//! It forwards nothing itself, so that no request goes round in circles. On a connection that many clients share it also keeps the order
//! of each slot: once a request was refused because of where its slot is, all further ones on the slot are, until the forwarding node says
//! that it has heard of it. Without that, of two requests sent together the second could be executed when the slot comes back in between,
//! and the first, asked again, after it.

use std::sync::atomic::Ordering;

use persistence::Store;
use shared::slot::Slot;
use shared::slot_set::SlotSet;

use crate::command::CommandError;
use crate::node::Shared;
use crate::server::session::Session;

/// What a request on a slot is told of which an earlier one was refused.
pub const STUCK: CommandError =
    CommandError::text("TRYAGAIN An earlier request on this slot was refused, and this one with it");

/// What a request is told that would wait on a connection that other clients share.
pub const WOULD_WAIT: CommandError = CommandError::text("TRYAGAIN The request would have to wait");

/// A session whose requests another node has forwarded.
#[derive(Debug, Default)]
pub struct Mark {
    /// Slots on which a request was refused; none on a connection of one client.
    refused: Option<SlotSet>,
}

impl Mark {
    /// A connection of one client, or one that several share.
    pub fn new(is_shared: bool) -> Mark {
        Mark { refused: is_shared.then(SlotSet::new) }
    }

    /// Whether several clients share the connection: then no request may wait on it.
    pub fn is_shared(&self) -> bool {
        self.refused.is_some()
    }

    /// Whether an earlier request on this slot was refused.
    pub fn is_stuck(&self, slot: Slot) -> bool {
        self.refused.as_ref().is_some_and(|refused| refused.contains(slot))
    }

    /// A request on this slot is refused.
    pub fn refuse(&mut self, slot: Slot) {
        if let Some(refused) = &mut self.refused {
            refused.insert(slot);
        }
    }

    /// The forwarding node has heard of all refusals until now.
    pub fn resume(&mut self) {
        if let Some(refused) = &mut self.refused {
            *refused = SlotSet::new();
        }
    }
}

/// What names the time since this node was started and has been a primary without a break.
pub fn token(shared: &Shared, led: u64) -> String {
    format!("{:016x}-{led}", shared.proxy.run)
}

/// Has WAIT and WAITAOF in this session speak of all that the node has written until now, if it has been a primary without a break
/// since the token was given.
///
/// # Errors
/// It has not, or is another node: what was written then may be gone.
pub fn claim(shared: &Shared, session: &mut Session, said: &[u8]) -> Result<(), CommandError> {
    let led = shared.replication.led_count();
    if said != token(shared, led).as_bytes() || !shared.replication.leads_since(led) {
        return Err(CommandError::text(
            "ERR this node was not the primary all the time since then: what became of earlier writes is not known",
        ));
    }
    session.generation = shared.log.store().map(Store::generation);
    session.led = led;
    Ok(())
}

/// Counts requests that were forwarded.
pub(crate) fn forwarded(shared: &Shared, requests: usize) {
    shared.proxy.forwarded.fetch_add(requests as u64, Ordering::Relaxed);
}
