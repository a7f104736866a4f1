//! Slots that are on the move between two nodes, as one of them sees it (Redis Cluster specification, live resharding).

use std::collections::{BTreeMap, BTreeSet};

use shared::node_id::NodeId;
use shared::slot::Slot;

/// The slots of this node that are on the move: a slot it owns is migrating, one it does not own is importing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Moves {
    /// Keys go to this node; what is not here any more is there.
    pub migrating: BTreeMap<Slot, NodeId>,
    /// Keys come from this node; who asks for one here says ASKING before.
    pub importing: BTreeMap<Slot, NodeId>,
    /// Those of the migrating ones of which no key is here any more, and that are the other node's as soon as it says so, in whatever
    /// epoch: it may have been told so. Nothing else is done with them, unless an administrator takes them out of all hands.
    pub let_go: BTreeSet<Slot>,
}

impl Moves {
    /// The slot is not on the move any more.
    pub fn end(&mut self, slot: Slot) {
        self.migrating.remove(&slot);
        self.importing.remove(&slot);
        self.let_go.remove(&slot);
    }

    /// The slots that are migrating, those that were let go among them, for the other copies of the shard: without knowing it one that is
    /// elected would say of keys that have moved that they never were.
    pub fn only_migrating(&self) -> Moves {
        Moves { migrating: self.migrating.clone(), let_go: self.let_go.clone(), ..Moves::default() }
    }

    /// A node is forgotten: nothing moves to it or from it. What has gone to its shard is with its heir there, if it has one.
    pub fn forget(&mut self, id: NodeId, heir: Option<NodeId>) {
        if let Some(heir) = heir {
            self.migrating.values_mut().filter(|to| **to == id).for_each(|to| *to = heir);
        }
        self.migrating.retain(|_, to| *to != id);
        self.let_go.retain(|slot| self.migrating.contains_key(slot));
        self.importing.retain(|_, from| *from != id);
    }

    /// As the line of this node in `CLUSTER NODES` says it: ` [slot->-to]`, ` [slot-<-from]`.
    pub fn describe(&self) -> String {
        self.words(|_| "->-")
    }

    /// As `nodes.conf` has it: slots that were let go are ` [slot->>-to]`.
    pub fn note(&self) -> String {
        self.words(|slot| if self.let_go.contains(slot) { "->>-" } else { "->-" })
    }

    fn words(&self, migrates: impl Fn(&Slot) -> &'static str) -> String {
        let migrating =
            self.migrating.iter().map(|(slot, to)| (slot, format!(" [{slot}{}{to}]", migrates(slot))));
        let importing = self.importing.iter().map(|(slot, from)| (slot, format!(" [{slot}-<-{from}]")));
        let words: BTreeMap<_, _> = migrating.chain(importing).collect();
        words.into_values().collect()
    }

    /// Takes over a word of `nodes.conf`.
    ///
    /// # Errors
    /// It is not as [`Moves::note`] writes it.
    pub fn read(&mut self, word: &str) -> Result<(), &'static str> {
        const WHAT: &str = "a slot on the move is [slot->-node], [slot->>-node] or [slot-<-node]";
        let inner = word.strip_prefix('[').and_then(|word| word.strip_suffix(']')).ok_or(WHAT)?;
        let number = |word: &str| word.parse().ok().and_then(Slot::new).ok_or(WHAT);
        let name = |word: &str| word.parse::<NodeId>().map_err(|_| WHAT);
        if let Some((slot, to)) = inner.split_once("->-") {
            self.migrating.insert(number(slot)?, name(to)?);
        } else if let Some((slot, to)) = inner.split_once("->>-") {
            self.migrating.insert(number(slot)?, name(to)?);
            self.let_go.insert(number(slot)?);
        } else if let Some((slot, from)) = inner.split_once("-<-") {
            self.importing.insert(number(slot)?, name(from)?);
        } else {
            return Err(WHAT);
        }
        Ok(())
    }
}
