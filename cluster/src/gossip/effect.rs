//! What the engine wants done. Effects are performed in order.

use std::net::SocketAddr;

use shared::slot_set::SlotSet;

use super::event::LinkId;
use super::message::Message;

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Write `nodes.conf` and sync it, before any later effect says what depends on it.
    Save,
    /// Show the topology to the request path.
    Show,
    /// These slots are no longer this node's: their sharded subscribers are told.
    SlotsLost(SlotSet),
    /// Connect an outgoing link.
    Connect {
        /// Its number.
        link: u64,
        /// Where to.
        to: SocketAddr,
    },
    /// Close a link.
    Close(LinkId),
    /// Send a message.
    Send {
        /// Over this link.
        link: LinkId,
        /// What to say.
        message: Message,
    },
}
