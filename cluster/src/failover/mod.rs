//! Failover: who is primary of a shard, so that nothing that was called saved is lost. The rules and why they are enough:
//! `sim/README.md`; a model checker has tried every order of steps against them.
//!
//! Pure, and part of the gossip engine's mind ([`crate::gossip::Engine`]): no IO, no clock. What the log does is told with
//! [`LogStatus`]; what is to be done comes out as effects.
//!
//! A **term** is the epoch in which a primary was elected; unlike its config epoch, which also rises when slots move, nothing but
//! an election raises it. Inside a shard the higher term is right.
//!
//! # Layout
//!
//! - [`office`]: a primary's duties: the in-sync set, and whom it waits for before something is saved (rules 1, 3, 6, 8).
//! - [`voter`]: noting in-sync sets, and voting (rules 4, 5).
//! - [`lease`]: what a primary may answer alone, and for how long (rule 9).
//! - [`candidate`]: how a copy becomes primary (rules 5, 6).
//! - [`succession`]: hearing that another one is (rules 2, 7).
//! - [`handover`]: `CLUSTER FAILOVER`.
//! - [`spare`]: replicas go where there are none.

mod candidate;
pub mod handover;
mod lease;
mod office;
mod spare;
mod succession;
mod voter;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use persistence::StoreId;
use shared::epoch::Epoch;
use shared::node_id::NodeId;

use self::candidate::Candidacy;
use self::handover::Order;
use self::lease::Promise;
use crate::gossip::Engine;
use crate::topology::{CopyId, Moment, ShardId};

/// What the log of this node does now, as its driver sees it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogStatus {
    /// Its store; `None` keeps nothing on disk.
    pub store: Option<StoreId>,
    /// Where it ends: the replication offset.
    pub offset: u64,
    /// No range of it is there in part only.
    pub whole: bool,
    /// It takes no more writes: its disk has failed.
    pub failed: bool,
    /// The replicas that are linked.
    pub followers: Vec<Follower>,
}

/// A replica that is linked to this primary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Follower {
    /// Which copy.
    pub copy: CopyId,
    /// It has all that was there when it came, and gets what is written.
    pub follows: bool,
    /// It has on disk all that was there when this node became primary, and all that was called saved since.
    pub level: bool,
    /// For how long somebody has been waiting for it to have something on disk, milliseconds.
    pub behind_ms: u64,
    /// It holds everything that this node's log holds.
    pub caught_up: bool,
}

/// What an engine remembers of all this, besides what is in the topology and on disk.
#[derive(Debug)]
pub(crate) struct Failover {
    log: LogStatus,
    /// The log is open: before, this node knows nothing of itself.
    opened: bool,
    /// The log is that of a primary: what this process writes is noted to be its own.
    led: bool,
    /// A promise that was given before a restart has ended by then.
    votes_from: Moment,
    /// To whom this voter has promised not to vote against them.
    promises: BTreeMap<ShardId, Promise>,
    /// Until when this primary believes in whose promise.
    lease: BTreeMap<NodeId, Moment>,
    lease_asked: Moment,
    /// Which voters grant nothing any more in this primary's term.
    overruled_by: BTreeSet<NodeId>,
    /// Which version of this primary's in-sync set each node has noted.
    noted_by: BTreeMap<NodeId, u64>,
    /// Replicas that are waited for already, before a set names them.
    joining: BTreeSet<CopyId>,
    /// Since when a copy of the set in force has no link.
    absent: BTreeMap<CopyId, Moment>,
    /// Whom the driver was told to wait for; `None` for nobody can be enough.
    waited_for: Option<BTreeSet<CopyId>>,
    /// When this copy stands, if it is to.
    stands_at: Option<Moment>,
    candidacy: Option<Candidacy>,
    /// When this copy last asked the voters who is in sync.
    asked_in_sync: Moment,
    order: Option<Order>,
    /// To whom this primary is about to hand its office over, and until when it tries.
    handing: Option<(NodeId, Moment)>,
    resigned_at: Moment,
    /// Since when primaries have lost all their replicas.
    orphans: BTreeMap<NodeId, Moment>,
}

impl Failover {
    pub(crate) fn new(now: Moment, node_timeout_ms: u64) -> Failover {
        Failover {
            log: LogStatus::default(),
            opened: false,
            led: false,
            votes_from: now.after(node_timeout_ms),
            promises: BTreeMap::new(),
            lease: BTreeMap::new(),
            lease_asked: Moment::default(),
            overruled_by: BTreeSet::new(),
            noted_by: BTreeMap::new(),
            joining: BTreeSet::new(),
            absent: BTreeMap::new(),
            waited_for: None,
            stands_at: None,
            candidacy: None,
            asked_in_sync: Moment::default(),
            order: None,
            handing: None,
            resigned_at: Moment::default(),
            orphans: BTreeMap::new(),
        }
    }
}

#[cfg(feature = "sim")]
impl Failover {
    /// How much is remembered of other nodes.
    pub(crate) fn held(&self) -> [(&'static str, usize); 7] {
        [
            ("promises", self.promises.len()),
            ("promises heard", self.lease.len()),
            ("voters that overrule", self.overruled_by.len()),
            ("voters that have noted", self.noted_by.len()),
            ("copies that join", self.joining.len()),
            ("copies that are absent", self.absent.len()),
            ("orphans", self.orphans.len()),
        ]
    }
}

impl Engine {
    /// What time brings.
    pub(crate) fn tick_failover(&mut self, now: Moment, rng: &mut shared::rt::rng::Rng) {
        // A member that says another shard each time takes no more memory than the others.
        if self.topology.shards().count().max(self.failover.promises.len()) > self.topology.len() {
            self.topology.forget_memberless_shards();
            self.forget_promises();
        }
        self.ask_for_lease(now, rng);
        self.keep_office(now);
        self.keep_handing_over(now);
        self.keep_order(now);
        self.keep_standing(now, rng);
        self.keep_spares(now);
    }

    /// The log is open: what this node is entitled to is known.
    pub fn opened(&mut self, log: LogStatus) {
        self.failover.log = log;
        self.failover.opened = true;
        self.judge_office();
        self.state_changed();
    }

    /// How the log does now.
    pub fn set_log(&mut self, log: LogStatus) {
        self.failover.log = log;
    }

    /// Whether the driver should let time pass more often: somebody waits for what the log does.
    pub fn is_hurried(&self) -> bool {
        self.failover.handing.is_some() || !self.failover.joining.is_empty()
    }

    /// The log is that of a primary from here on: what this process writes follows what is there.
    pub fn led(&mut self) {
        self.failover.led = self.topology.me().primary.is_none();
        self.state_changed();
    }

    /// The copies that must have on disk what is called saved, besides this one; `None`: nothing is.
    pub fn waits_for(&self) -> Option<&BTreeSet<CopyId>> {
        self.failover.waited_for.as_ref()
    }

    /// The term of this primary, and how many copies are in sync, its own included; 0 while that changes.
    pub fn in_sync_to_show(&self) -> Option<(Epoch, usize)> {
        let office = self.topology.office.as_ref().filter(|_| self.in_office())?;
        let settled = office.proposed.is_none() && office.inherited.is_empty();
        Some((office.term, if settled { office.in_force.copies.len() } else { 0 }))
    }

    /// Who this primary is, and its term; `None` if it is none, or does not serve.
    pub fn office_to_show(&self) -> Option<(NodeId, Epoch)> {
        self.may_lead().then(|| (self.topology.my_id(), self.topology.me().term))
    }

    /// Of a primary: it has the log that it was elected with, and has not resigned. Of a replica: what it has is whole.
    pub fn is_serving(&self) -> bool {
        if self.topology.me().primary.is_some() { self.failover.log.whole } else { self.in_office() }
    }

    /// Whether this primary may serve its slots, if a majority lets it.
    pub(crate) fn may_lead(&self) -> bool {
        self.in_office() && self.failover.led
    }

    /// Where the log of a member ends, as far as is known.
    pub fn offset_of(&self, member: &crate::topology::Member) -> u64 {
        if member.id == self.topology.my_id() { self.failover.log.offset } else { member.offset }
    }

    /// Whether this replica follows a primary of this name and term: what it acknowledges to others could be counted twice.
    pub fn follows(&self, primary: NodeId, term: Epoch) -> bool {
        let me = self.topology.me();
        me.primary == Some(primary) && term >= self.newest_term(me.shard)
    }

    /// Whether what this replica holds may be replaced by less that a primary of this term holds: that one was elected after the one
    /// that this log was last in sync with, or this copy is not in sync and so has nothing that counts. If one of the same term has
    /// less than a copy in sync, it has lost something.
    pub fn may_replace(&self, term: Epoch) -> bool {
        let noted = self.topology.shard(self.my_shard()).and_then(|shard| shard.noted.as_ref());
        let in_sync = noted.is_some_and(|noted| self.my_copy().is_some_and(|me| noted.copies.contains(&me)));
        !in_sync || self.topology.log_term.is_none_or(|of_log| term > of_log)
    }

    /// The term of the primary that the log was last in sync with, if ever.
    pub fn log_term(&self) -> Option<Epoch> {
        self.topology.log_term
    }

    /// The log is a prefix of that of the primary of this term.
    pub fn in_sync_with(&mut self, term: Epoch) {
        if self.topology.log_term != Some(term) && self.topology.me().primary.is_some() {
            self.topology.log_term = Some(term);
            self.changed();
        }
    }

    /// Of this node as a copy of its shard.
    fn my_copy(&self) -> Option<CopyId> {
        self.failover.log.store.map(|store| CopyId { node: self.topology.my_id(), store })
    }

    fn my_shard(&self) -> ShardId {
        self.topology.me().shard
    }

    /// The primaries of other shards that own slots: they vote about this node's shard. One a shard, the newest one: each shard has
    /// one seat, and one vote.
    fn voters(&self) -> Vec<NodeId> {
        let shard = self.my_shard();
        self.peers_where(|peer| peer.votes() && peer.shard != shard && !self.is_overtaken(peer))
    }
}
