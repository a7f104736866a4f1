//! What the engine wants done. Effects are performed in order.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use shared::node_id::NodeId;
use shared::slot_set::SlotSet;

use super::event::LinkId;
use super::message::{ClaimAsk, Message};
use crate::topology::CopyId;

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Write `nodes.conf` and sync it, before any later effect says what depends on it.
    Save,
    /// Write `nodes.conf`; it is synced beside what comes after. Who depends on it waits for that.
    Note,
    /// Show the topology to the request path.
    Show,
    /// These slots are no longer this node's: their sharded subscribers are told.
    SlotsLost(SlotSet),
    /// These slots are another shard's: what is here of them is forgotten.
    Forget(SlotSet),
    /// A node of another shard wants to claim a slot that is migrating to it: it is to be let go when no key of it is left here.
    AskedToClaim(NodeId, ClaimAsk),
    /// The owner of a slot that is to be claimed has answered.
    ClaimAnswered,
    /// The slots of this shard, or what changes hands of them, are others: its replicas are told.
    TellCopies,
    /// Whom to wait for before something is called saved; `None`: nothing is any more.
    WaitFor(Option<BTreeSet<CopyId>>),
    /// Follow the primary that the topology names: from here on no write of a client is taken.
    Follow,
    /// The log goes on as that of a primary.
    Lead,
    /// Hold clients' writes back, or no longer.
    Pause(bool),
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
