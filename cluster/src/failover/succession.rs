//! Hearing that another copy is primary: an old primary becomes its replica, and so do the other replicas.

use shared::epoch::Epoch;
use shared::node_id::NodeId;

use crate::gossip::{Effect, Engine};
use crate::topology::{Member, Moves, ShardId};

impl Engine {
    /// The term of the newest primary of a shard that this node knows of.
    pub(crate) fn newest_term(&self, shard: ShardId) -> Epoch {
        let kept = self.topology.shard(shard).map(|shard| shard.term).unwrap_or_default();
        kept.max(self.topology.primary_of(shard).map(|primary| primary.term).unwrap_or_default())
    }

    /// A member says that it was elected in this term: kept for its shard, and, if that is this node's own, followed.
    pub(crate) fn heard_primary(&mut self, sender: NodeId, shard: ShardId, term: Epoch) {
        if term < self.newest_term(shard) {
            return;
        }
        if term > Epoch::default() {
            let kept = self.topology.shard_mut(shard);
            if term > kept.term {
                kept.term = term;
                self.heard_change();
            }
        }
        let me = self.topology.me();
        if shard != me.shard || me.primary == Some(sender) {
            return;
        }
        let known = match me.primary {
            None => Some(me.term),
            Some(primary) => self.topology.member(primary).map(|primary| primary.term),
        };
        if known.is_none_or(|known| term > known) {
            tracing::warn!(primary = %sender, %term, "another copy of this shard was elected: follows it");
            self.follow(sender);
        }
    }

    /// Becomes a replica of another copy, or of another one than before. What this node had and that one has not is given up: it
    /// was never called saved.
    fn follow(&mut self, primary: NodeId) {
        let owned = self.topology.me().slots().clone();
        for slot in owned.iter() {
            self.topology.unassign(slot);
        }
        self.slots_lost(owned);
        // As the new primary will tell: who is elected before it has goes on with them.
        self.topology.primary_moves = self.topology.moves.only_migrating();
        self.topology.moves = Moves::default();
        self.become_replica(primary);
        self.effect(Effect::Follow);
    }

    /// Notes that this node follows a primary from here on.
    pub(crate) fn become_replica(&mut self, primary: NodeId) {
        let shard = self.topology.member(primary).map(|member| member.shard);
        let office = self.topology.office.take();
        self.forget_agreement(shard.is_some_and(|shard| shard != self.my_shard()));
        if shard.is_some_and(|shard| shard != self.my_shard()) {
            // What it holds is not of that one.
            self.topology.log_term = None;
        } else if let Some(office) = office {
            // It was in sync with itself, and stands with that until it hears of a newer set.
            let shard = self.my_shard();
            let noted = &mut self.topology.shard_mut(shard).noted;
            if noted.as_ref().is_none_or(|noted| office.in_force.is_newer_than(noted)) {
                *noted = Some(office.in_force);
            }
        }
        let me = self.topology.me_mut();
        me.primary = Some(primary);
        me.term = Epoch::default();
        me.shard = shard.unwrap_or(me.shard);
        self.end_candidacy();
        self.drop_lease();
        self.failover.led = false;
        self.wait_for(None);
        self.changed();
    }

    /// Whether a member that claims slots is the newest primary of its shard.
    pub(crate) fn is_overtaken(&self, member: &Member) -> bool {
        member.term < self.newest_term(member.shard)
    }
}
