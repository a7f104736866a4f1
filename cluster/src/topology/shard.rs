//! A shard: a primary and its replicas. What its primary and the voters must not forget about it (`sim/README.md`, "The rules").

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use persistence::StoreId;
use shared::epoch::Epoch;
use shared::node_id::{NodeId, NotANodeId};

/// The name of a shard, which stays when its primary changes: that of the first one, or random bits after CLUSTER RESET.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardId(pub NodeId);

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ShardId({self})")
    }
}

impl FromStr for ShardId {
    type Err = NotANodeId;

    fn from_str(text: &str) -> Result<ShardId, NotANodeId> {
        text.parse().map(ShardId)
    }
}

/// One copy of a shard's data. A node that comes back with an empty folder has another store, so it is another copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CopyId {
    /// The node that has it.
    pub node: NodeId,
    /// The store it is in.
    pub store: StoreId,
}

impl fmt::Display for CopyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.node, self.store)
    }
}

impl FromStr for CopyId {
    type Err = NotANodeId;

    fn from_str(text: &str) -> Result<CopyId, NotANodeId> {
        let (node, store) = text.split_once(':').ok_or(NotANodeId)?;
        Ok(CopyId { node: node.parse()?, store: store.parse()? })
    }
}

/// An in-sync set: the copies that have all that was saved, one of which follows when the primary is gone. Its primary sends each
/// new one to the voters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InSync {
    /// The term of the primary that says so.
    pub term: Epoch,
    /// Which one of that term.
    pub version: u64,
    /// The copies, the primary's own among them.
    pub copies: BTreeSet<CopyId>,
}

impl InSync {
    /// Whether it was said after another one.
    pub fn is_newer_than(&self, other: &InSync) -> bool {
        (self.term, self.version) > (other.term, other.version)
    }
}

/// What this node keeps about a shard. Votes and notes of its own are on disk before anybody hears of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Shard {
    /// The highest term of a primary that this node has heard of: the epoch in which that one was elected.
    pub term: Epoch,
    /// The epoch of this node's last vote about it.
    pub last_vote: Epoch,
    /// The newest in-sync set that this node has noted.
    pub noted: Option<InSync>,
}

impl Shard {
    /// The term below which nothing is granted to a primary any more.
    pub fn least_term(&self) -> Epoch {
        self.term.max(self.last_vote)
    }

    /// Whether nothing is known.
    pub fn is_blank(&self) -> bool {
        *self == Shard::default()
    }
}

/// What a primary must not forget of its office.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Office {
    /// The epoch in which it was elected; 0 for the first primary of a shard, whom nobody elected.
    pub term: Epoch,
    /// The store that it was elected with; `None` keeps nothing on disk, and so has no replicas.
    pub store: Option<StoreId>,
    /// The newest in-sync set that a majority has noted. Of a new primary: none yet, version 0 and its own copy.
    pub in_force: InSync,
    /// The one that waits for a majority.
    pub proposed: Option<InSync>,
    /// All that the votes for it named: waited for until a set of its own is in force.
    pub inherited: BTreeSet<CopyId>,
    /// It has given its office up for another one, and takes it back only by an election.
    pub resigned: bool,
}

impl Office {
    /// The office of a primary that was elected in this term; `voted` are the copies that its votes named.
    pub fn new(term: Epoch, me: NodeId, store: Option<StoreId>, voted: BTreeSet<CopyId>) -> Office {
        let copies = store.map(|store| CopyId { node: me, store }).into_iter().collect();
        Office {
            term,
            store,
            in_force: InSync { term, version: 0, copies },
            proposed: None,
            inherited: voted,
            resigned: false,
        }
    }

    /// Whom it waits for before it calls anything saved, its own copy left out.
    pub fn waits_for(&self, me: NodeId) -> BTreeSet<CopyId> {
        let proposed = self.proposed.iter().flat_map(|set| &set.copies);
        let named = self.in_force.copies.iter().chain(proposed).chain(&self.inherited);
        named.copied().filter(|copy| copy.node != me).collect()
    }
}
