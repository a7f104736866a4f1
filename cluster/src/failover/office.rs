//! A primary's duties: who is in sync, and whom it waits for before it calls something saved.

use std::collections::BTreeSet;

use shared::limits::IN_SYNC_COPIES_MAX;
use shared::node_id::NodeId;

use super::Follower;
use crate::gossip::message::{Message, Noted};
use crate::gossip::{Effect, Engine};
use crate::topology::{CopyId, InSync, Moment, Office, ShardId};

/// A replica that has let somebody wait for so long leaves the in-sync set, at most; with a short node timeout after half of it.
const PATIENCE_MS_MAX: u64 = 1_000;

impl Engine {
    /// Whether this node is a primary that has what it was elected with, and has not resigned.
    pub(crate) fn in_office(&self) -> bool {
        let failover = &self.failover;
        failover.opened
            && self.topology.me().primary.is_none()
            && self
                .topology
                .office
                .as_ref()
                .is_some_and(|office| !office.resigned && office.store == failover.log.store)
    }

    /// What became of the office over a restart. Whoever lost its log is no primary any more, as long as there are other copies:
    /// they may be elected, it may not, and would have them give up what they hold.
    pub(crate) fn judge_office(&mut self) {
        if self.topology.me().primary.is_some() {
            return;
        }
        let (me, store) = (self.topology.my_id(), self.failover.log.store);
        #[cfg(feature = "sim")]
        if let Some(office) = &mut self.topology.office
            && office.store != store
            && shared::rt::sim::strikes("empty-primary-wipes")
        {
            office.store = store;
            return;
        }
        let shard = self.my_shard();
        let is_alone = !self.topology.peers().any(|peer| peer.shard == shard);
        match &self.topology.office {
            None => {
                self.topology.office = Some(Office::new(self.topology.me().term, me, store, BTreeSet::new()))
            }
            Some(office) if office.store == store => return,
            Some(office) if is_alone && office.waits_for(me).is_empty() => {
                let mut next = Office::new(office.term, me, store, BTreeSet::new());
                // Nobody else can be elected by the old sets; the new one is told in the next version.
                let last = office.proposed.as_ref().unwrap_or(&office.in_force);
                next.in_force.version = last.version + 1;
                self.topology.office = Some(next);
            }
            Some(_) => {
                tracing::warn!(
                    "the log is not the one that this primary was elected with: it does not serve before a replica that has \
                     more was elected, or CLUSTER FAILOVER TAKEOVER is said"
                );
                return;
            }
        }
        self.changed();
    }

    /// Proposes who is in sync, tells it until all have noted it, and has the driver wait for whom it must.
    pub(super) fn keep_office(&mut self, now: Moment) {
        if !self.in_office() {
            self.failover.joining.clear();
            self.failover.absent.clear();
            self.wait_for(None);
            return;
        }
        if self.failover.log.failed
            && self.topology.office.as_ref().is_some_and(|office| office.in_force.copies.len() > 1)
        {
            tracing::warn!("the disk has failed: a replica is to take over");
            return self.resign(now);
        }
        if self.is_overruled() && self.leased_until().is_some_and(|until| until <= now) {
            tracing::warn!("a majority grants this term nothing any more: an election decides anew");
            return self.resign(now);
        }
        let waited_for = self.failover.waited_for.clone().unwrap_or_default();
        self.take_in();
        self.tell_wait();
        self.propose(&waited_for, now);
        self.spread_note();
    }

    fn patience_ms(&self) -> u64 {
        (self.settings.node_timeout_ms / 2).min(PATIENCE_MS_MAX)
    }

    /// Who follows is waited for from here on, so that it comes to have all that is called saved, and stays so.
    fn take_in(&mut self) {
        let Some(office) = &self.topology.office else { return };
        let follows =
            |copy: &CopyId| !office.in_force.copies.contains(copy) && self.keeps_up(*copy).is_some();
        let joining = self.failover.log.followers.iter().map(|follower| follower.copy).filter(follows);
        let room = IN_SYNC_COPIES_MAX.saturating_sub(office.in_force.copies.len());
        self.failover.joining = joining.take(room).collect();
    }

    /// The link of a replica of this shard that follows and lets nobody wait.
    fn keeps_up(&self, copy: CopyId) -> Option<&Follower> {
        let member = self.topology.member(copy.node)?;
        let follower = self.failover.log.followers.iter().find(|follower| follower.copy == copy)?;
        let keeps_up = member.shard == self.my_shard() && member.reachable() && follower.follows;
        (keeps_up && follower.behind_ms <= self.patience_ms()).then_some(follower)
    }

    /// Whether a copy of the set in force stays in it: a link that broke may come back in a moment.
    fn stays(&mut self, copy: CopyId, now: Moment) -> bool {
        if self.keeps_up(copy).is_some() {
            self.failover.absent.remove(&copy);
            return true;
        }
        let linked =
            self.failover.log.followers.iter().any(|follower| follower.copy == copy && follower.follows);
        let reachable = self.topology.member(copy.node).is_some_and(|member| member.reachable());
        let since = *self.failover.absent.entry(copy).or_insert(now);
        !linked && reachable && now.since(since) < self.patience_ms()
    }

    fn tell_wait(&mut self) {
        let Some(office) = &self.topology.office else { return };
        let mut waited_for = office.waits_for(self.topology.my_id());
        waited_for.extend(&self.failover.joining);
        self.wait_for(Some(waited_for));
    }

    pub(super) fn wait_for(&mut self, copies: Option<BTreeSet<CopyId>>) {
        if self.failover.waited_for != copies {
            self.failover.waited_for.clone_from(&copies);
            self.effect(Effect::WaitFor(copies));
        }
    }

    /// The set that should be: this copy, those in force that still keep up, and those that have come to have everything while they
    /// were waited for.
    ///
    /// `waited_for` are those who were waited for when the log was looked at: of another one, something may have been called saved
    /// since, without it.
    fn propose(&mut self, waited_for: &BTreeSet<CopyId>, now: Moment) {
        let (Some(office), Some(me)) = (self.topology.office.clone(), self.my_copy()) else { return };
        if office.proposed.is_some() {
            return;
        }
        let mut copies = BTreeSet::from([me]);
        let others = office.in_force.copies.iter().copied().filter(|copy| copy.node != me.node);
        copies.extend(others.filter(|copy| self.stays(*copy, now)));
        let coming = self.failover.joining.iter().copied().chain(office.inherited.iter().copied());
        let level = |copy: &CopyId| {
            waited_for.contains(copy) && self.keeps_up(*copy).is_some_and(|follower| follower.level)
        };
        let level: Vec<CopyId> = coming.filter(level).collect();
        copies.extend(level.into_iter().take(IN_SYNC_COPIES_MAX.saturating_sub(copies.len())));
        if copies == office.in_force.copies && office.inherited.is_empty() {
            return;
        }
        let set = InSync { term: office.term, version: office.in_force.version + 1, copies };
        tracing::info!(term = %set.term, version = set.version, copies = set.copies.len(), "proposes an in-sync set");
        self.failover.noted_by.clear();
        if let Some(office) = &mut self.topology.office {
            office.proposed = Some(set);
        }
        self.changed();
        self.tell_wait();
        self.settle_proposal();
    }

    /// Tells the newest set to whoever has not noted it: to the voters, who may vote by it, and to the replicas, who may stand.
    fn spread_note(&mut self) {
        let Some(office) = &self.topology.office else { return };
        let newest = office.proposed.as_ref().unwrap_or(&office.in_force).clone();
        if newest.version == 0 {
            return;
        }
        let (shard, me) = (self.my_shard(), self.topology.my_id());
        let hears = self.peers_where(|peer| {
            (peer.votes() && peer.shard != shard) || (peer.shard == shard && peer.primary == Some(me))
        });
        for peer in hears {
            if self.failover.noted_by.get(&peer).is_none_or(|&version| version < newest.version) {
                self.say(peer, Message::Note(shard, newest.clone()));
            }
        }
    }

    /// A node has noted a set.
    pub(crate) fn heard_noted(&mut self, sender: NodeId, shard: ShardId, noted: Noted) {
        let is_mine = shard == self.my_shard();
        let Some(office) =
            self.topology.office.as_ref().filter(|office| is_mine && office.term == noted.term)
        else {
            return;
        };
        if noted.version > office.proposed.as_ref().unwrap_or(&office.in_force).version {
            return;
        }
        self.failover.noted_by.insert(sender, noted.version);
        self.settle_proposal();
    }

    /// A set that a majority has noted, this primary included, comes into force.
    fn settle_proposal(&mut self) {
        let needed = self.topology.size() / 2;
        let voters = self.voters();
        let Some(office) = &mut self.topology.office else { return };
        let Some(proposed) = &office.proposed else { return };
        let noted_by = &self.failover.noted_by;
        let noted =
            voters.iter().filter(|voter| noted_by.get(voter).is_some_and(|&v| v >= proposed.version)).count();
        if noted < needed {
            return;
        }
        if let Some(set) = office.proposed.take() {
            office.in_force = set;
        }
        office.inherited.clear();
        // Until it is on disk, a restart waits for more than it needs to.
        self.heard_change();
        self.tell_wait();
    }
}
