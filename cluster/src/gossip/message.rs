//! What nodes tell each other.

use shared::epoch::Epoch;
use shared::node_id::NodeId;
use shared::slot_set::SlotSet;

use crate::topology::Address;

/// One message of the bus that the engine reads. The sender's name travels in front of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Are you there? Asks for a pong.
    Ping(Heartbeat),
    /// The answer to a ping or meet.
    Pong(Heartbeat),
    /// A ping that also asks to be taken into the cluster.
    Meet(Heartbeat),
    /// A majority of primaries agrees that this node is gone.
    Fail(NodeId),
    /// Your claim is stale: this node owns the slots.
    Update(Claim),
}

/// What every ping, pong and meet says of its sender, and of a few others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heartbeat {
    /// The highest epoch the sender has heard of.
    pub current_epoch: Epoch,
    /// The epoch of its own claims.
    pub config_epoch: Epoch,
    /// The primary that it follows; `None` is a primary.
    pub primary: Option<NodeId>,
    /// Where it is reached; without IP the one it speaks from counts.
    pub address: Address,
    /// Whether it sees the cluster in state ok.
    pub up: bool,
    /// The slots it claims.
    pub slots: SlotSet,
    /// What it thinks of others.
    pub rumors: Vec<Rumor>,
}

/// What one node says about another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rumor {
    /// Of whom.
    pub node: NodeId,
    /// Where that one is reached.
    pub address: Option<Address>,
    /// Whether it answers the sender.
    pub health: RumoredHealth,
}

/// A node's health as told by another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RumoredHealth {
    /// It answers.
    Reachable,
    /// PFAIL.
    Suspected,
    /// FAIL.
    Failed,
}

/// Who owns slots since which epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The owner.
    pub node: NodeId,
    /// Since when.
    pub config_epoch: Epoch,
    /// All its slots.
    pub slots: SlotSet,
}
