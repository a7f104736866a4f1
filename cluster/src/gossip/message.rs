//! What nodes tell each other.

use persistence::StoreId;
use shared::epoch::Epoch;
use shared::node_id::NodeId;
use shared::slot::Slot;
use shared::slot_set::SlotSet;

use crate::topology::{Address, InSync, Member, RunId, ShardId, Topology, TransferId};

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
    /// From the primary of a shard: these are in sync from here on, once a majority has noted it.
    Note(ShardId, InSync),
    /// The answer: noted, on disk.
    Noted(ShardId, Noted),
    /// Vote for me.
    VoteRequest(Box<VoteRequest>),
    /// The answer of who does.
    Vote(Vote),
    /// From a replica to its primary: hand your office over to me (`CLUSTER FAILOVER`).
    Handover,
    /// The answer: the primary of this term has stopped, and the replica has all that it had.
    Resigned(Epoch),
    /// From the primary of a shard that gave slots: what became of them?
    TransferAsk(TransferAsk),
    /// The answer of one that never took them and never will. One that has them answers with its claim.
    TransferNever(TransferId),
    /// From a primary that imported a slot key by key to its owner: may I claim it?
    ClaimAsk(ClaimAsk),
    /// The answer: whether its owner has let go of it.
    ClaimAnswer(TransferId, bool),
}

/// A question about a slot that came key by key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimAsk {
    /// Which claim.
    pub id: TransferId,
    /// Of which slot.
    pub slot: Slot,
}

/// A question about slots that were given to another shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferAsk {
    /// Which transfer.
    pub id: TransferId,
    /// What was given.
    pub slots: SlotSet,
}

/// Which in-sync set is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Noted {
    /// The term of the primary that said it.
    pub term: Epoch,
    /// Which one of that term.
    pub version: u64,
}

/// A copy that stands for the office of its shard's primary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VoteRequest {
    /// The epoch that it stands in: its term, if it is elected.
    pub epoch: Epoch,
    /// The shard.
    pub shard: ShardId,
    /// The store that it has.
    pub store: StoreId,
    /// The slots that it would own.
    pub slots: SlotSet,
    /// The epoch of the claims to them as it knows it.
    pub config_epoch: Epoch,
    /// The newest in-sync set that it has heard of: as good as if it came from the primary itself.
    pub noted: Option<InSync>,
    /// Somebody has ordered it (`CLUSTER FAILOVER`): whether the primary has failed does not matter.
    pub ordered: bool,
    /// The primary of this term has resigned in its favour: what was promised to that one holds no more.
    pub resigned: Option<Epoch>,
}

/// A vote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vote {
    /// In this epoch.
    pub epoch: Epoch,
    /// About this shard.
    pub shard: ShardId,
    /// What the voter had noted: who has voted notes nothing older any more.
    pub noted: InSync,
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
    /// The shard that it belongs to.
    pub shard: ShardId,
    /// Of a primary: the epoch in which it was elected.
    pub term: Epoch,
    /// Of a primary: it serves with the store that it was elected with. Of a replica: what it holds is whole.
    pub serving: bool,
    /// Where its log ends: the replication offset.
    pub offset: u64,
    /// In a ping, when it was sent on the sender's clock; in a pong, what was in the ping.
    pub stamp: u64,
    /// In a ping of a primary: for how long the other one is asked to vote for nobody else in this shard, milliseconds. In a pong:
    /// for how long it will not (lease). 0 for not at all.
    pub lease_ms: u64,
    /// In a pong: the sender has voted for another copy of that shard since, or heard of a newer primary, and grants nothing any more.
    pub overruled: bool,
    /// Of a replica: who of several with the same offset stands first, the lowest; 0 never stands (`replica-priority`).
    pub priority: u32,
    /// Where it is reached; without IP the one it speaks from counts.
    pub address: Address,
    /// Which process says so: of a copied folder another one may run.
    pub run: RunId,
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
    /// The owner's shard.
    pub shard: ShardId,
    /// The epoch in which it was elected.
    pub term: Epoch,
    /// All its slots.
    pub slots: SlotSet,
}

impl Claim {
    /// What a member claims.
    pub fn of(topology: &Topology, member: &Member) -> Claim {
        Claim {
            node: member.id,
            config_epoch: member.config_epoch,
            shard: member.shard,
            term: member.term,
            slots: topology.claimed_by(member),
        }
    }
}
