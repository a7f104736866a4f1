//! What this node knows about one node, itself included.

use std::collections::BTreeMap;

use shared::epoch::Epoch;
use shared::node_id::NodeId;
use shared::slot_set::SlotSet;

use super::address::Address;
use super::contact::Contact;
use super::moment::Moment;
use super::shard::ShardId;

/// One node of the cluster as this node knows it.
#[derive(Debug, Clone)]
pub struct Member {
    /// Its name; random and temporary during the handshake.
    pub id: NodeId,
    /// Where it is reached; `None` when the node behind the last known address turned out to be another one (`noaddr`).
    pub address: Option<Address>,
    /// Whether it belongs to the cluster already.
    pub stage: Stage,
    /// What this node thinks of its health.
    pub health: Health,
    /// The primary that it follows; `None` is a primary.
    pub primary: Option<NodeId>,
    /// The shard that it belongs to.
    pub shard: ShardId,
    /// Of a primary: the epoch in which it was elected.
    pub term: Epoch,
    /// Of a primary: it serves what it was elected with. Of a replica: what it holds is whole.
    pub serving: bool,
    /// Since when it says that it does not, if so.
    pub idle_since: Option<Moment>,
    /// Of a replica: its `replica-priority`, as it said last.
    pub priority: u32,
    /// Where its log ends (the replication offset), as it said last.
    pub offset: u64,
    /// The epoch of its claims to slots.
    pub config_epoch: Epoch,
    /// The slots it owns. Kept equal to the owner map by [`super::Topology`].
    pub(super) slots: SlotSet,
    /// Pings, pongs and the outgoing link.
    pub contact: Contact,
    /// Who said when that it does not answer (failure reports).
    pub reports: BTreeMap<NodeId, Moment>,
}

/// How far a node has come into the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Addressed, but it has not told its name yet.
    Handshake {
        /// When it began: it is given up after a while.
        since: Moment,
        /// Whether to ask it with MEET, which joins it; else with PING.
        meet: bool,
    },
    /// It belongs to the cluster and owns or may own slots.
    Joined,
}

/// What a node thinks of another one's health (Redis Cluster specification, failure detection).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// It answers.
    Reachable,
    /// PFAIL: it has not answered this node for the node timeout.
    Suspected,
    /// FAIL: a majority of the primaries that own slots suspects it.
    Failed {
        /// When this node learned it.
        since: Moment,
    },
}

impl Member {
    /// A node nothing is known about but its name and address.
    pub fn new(id: NodeId, address: Option<Address>, stage: Stage) -> Member {
        Member {
            id,
            address,
            stage,
            health: Health::Reachable,
            primary: None,
            shard: ShardId(id),
            term: Epoch::default(),
            serving: true,
            idle_since: None,
            priority: 0,
            offset: 0,
            config_epoch: Epoch::default(),
            slots: SlotSet::new(),
            contact: Contact::default(),
            reports: BTreeMap::new(),
        }
    }

    /// The slots it owns.
    pub fn slots(&self) -> &SlotSet {
        &self.slots
    }

    /// Whether it is past the handshake.
    pub fn joined(&self) -> bool {
        self.stage == Stage::Joined
    }

    /// Whether it is a primary of the cluster, with slots or without.
    pub fn is_primary(&self) -> bool {
        self.joined() && self.primary.is_none()
    }

    /// Whether it owns slots, so that its word counts in failure detection.
    pub fn votes(&self) -> bool {
        self.joined() && !self.slots.is_empty()
    }

    /// Whether it answers, as far as this node knows.
    pub fn reachable(&self) -> bool {
        self.health == Health::Reachable
    }
}
