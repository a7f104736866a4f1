//! A primary that has lost all its replicas gets one of a shard that has some to spare (Redis Cluster specification, replica
//! migration).

use crate::gossip::{Effect, Engine};
use crate::topology::{Member, Moment};

/// A primary is without replicas for so many node timeouts before another shard gives it one: they may come back.
const ORPHAN_TIMEOUTS: u64 = 5;

impl Engine {
    fn good_replicas(&self, primary: &Member) -> impl Iterator<Item = &Member> {
        self.topology.replicas(primary.id).filter(|replica| replica.reachable())
    }

    /// Goes to a primary that has nobody, if this replica is the one to go: of those of the primaries with the most, the one of the lowest name.
    pub(super) fn keep_spares(&mut self, now: Moment) {
        self.note_orphans(now);
        let (me, barrier) = (self.topology.me(), self.settings.migration_barrier);
        let Some(primary) = self.topology.my_primary() else { return };
        let allowed = self.settings.allow_replica_migration && self.up() && primary.reachable();
        let count = |primary: &Member| self.good_replicas(primary).count();
        let primaries = || self.topology.members().filter(|member| member.is_primary());
        let most = primaries().map(count).max().unwrap_or(0);
        let spare = primaries().filter(|primary| count(primary) == most).flat_map(|p| self.good_replicas(p));
        let is_first = spare.map(|replica| replica.id).min() == Some(me.id);
        if !allowed || most <= barrier || !is_first {
            return;
        }
        let patience = ORPHAN_TIMEOUTS * self.settings.node_timeout_ms;
        let orphan = self.failover.orphans.iter().find(|(_, since)| now.since(**since) > patience);
        if let Some((&orphan, _)) = orphan {
            tracing::warn!(primary = %orphan, "goes to a primary that has lost its replicas");
            self.become_replica(orphan);
            self.effect(Effect::Follow);
        }
    }

    /// Since when which primaries have lost all their replicas. One that never had any is left alone.
    fn note_orphans(&mut self, now: Moment) {
        let had_some = |primary: &Member| {
            self.topology.members().any(|other| other.shard == primary.shard && other.id != primary.id)
        };
        let is_orphan = |primary: &&Member| {
            primary.votes()
                && primary.reachable()
                && self.good_replicas(primary).next().is_none()
                && had_some(primary)
        };
        let orphans: Vec<_> = self.topology.members().filter(is_orphan).map(|primary| primary.id).collect();
        self.failover.orphans.retain(|id, _| orphans.contains(id));
        for id in orphans {
            self.failover.orphans.entry(id).or_insert(now);
        }
    }
}
