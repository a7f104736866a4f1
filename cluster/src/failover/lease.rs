//! Leases: while a majority has promised not to vote against it, a primary answers from its own memory and disk.
//!
//! A voter that answers a ping promises for as long as the ping asks, at most a node timeout; the primary, counting from when it
//! sent the ping, believes in it for less. So belief ends before the promise, unless clocks differ by more than an eighth.

use shared::epoch::Epoch;
use shared::node_id::NodeId;
use shared::rt::rng::Rng;

use crate::gossip::message::Heartbeat;
use crate::gossip::{Engine, Message};
use crate::topology::{Moment, ShardId};

/// Leases are asked for so many times a node timeout.
const ASKS: u64 = 4;
/// Of so many parts of a promise one is not believed in: clocks may run apart by that much.
const MARGIN: u64 = 8;

/// What a voter has promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Promise {
    /// To the primary of this name…
    pub(crate) to: NodeId,
    /// …and term…
    pub(crate) term: Epoch,
    /// …not to vote for anybody else in its shard until then.
    pub(crate) until: Moment,
    /// Until then nothing more is promised: somebody has ordered a failover.
    pub(crate) withheld_until: Moment,
}

impl Promise {
    fn none(shard: ShardId) -> Promise {
        let never = Moment::default();
        Promise { to: shard.0, term: Epoch::default(), until: never, withheld_until: never }
    }
}

impl Engine {
    /// How long a ping of this node asks for, milliseconds.
    pub(crate) fn lease_to_ask(&self) -> u64 {
        if self.topology.me().votes() && self.in_office() { self.settings.node_timeout_ms } else { 0 }
    }

    /// Asks the voters anew before the lease ends.
    pub(super) fn ask_for_lease(&mut self, now: Moment, rng: &mut Rng) {
        let due = now.since(self.failover.lease_asked) >= self.settings.node_timeout_ms / ASKS;
        if self.lease_to_ask() == 0 || !(due || self.failover.lease_asked == Moment::default()) {
            return;
        }
        self.failover.lease_asked = now;
        for voter in self.voters() {
            self.tell(voter, now, rng);
        }
    }

    /// A voter has answered a ping of this node.
    pub(crate) fn lease_granted(&mut self, voter: NodeId, pong: &Heartbeat, now: Moment) {
        if self.lease_to_ask() == 0 {
            return;
        }
        match pong.overruled {
            true => self.failover.overruled_by.insert(voter),
            false => self.failover.overruled_by.remove(&voter),
        };
        if pong.lease_ms == 0 || pong.stamp > now.as_ms() {
            return;
        }
        let asked = pong.lease_ms.min(self.settings.node_timeout_ms);
        let until = Moment::from_ms(pong.stamp).after(asked - asked / MARGIN);
        let believed = self.failover.lease.entry(voter).or_default();
        *believed = until.max(*believed);
    }

    /// Whether so many voters have voted for others since, or heard of them, that this primary gets no lease and no set noted any
    /// more. If none of those was elected, somebody has to be.
    pub(super) fn is_overruled(&self) -> bool {
        let (voters, needed) = (self.voters(), self.topology.size() / 2);
        let left = voters.iter().filter(|voter| !self.failover.overruled_by.contains(voter)).count();
        self.topology.me().votes() && left < needed
    }

    /// Until when this node may answer alone, as primary of its slots. `None` is for ever: there is nobody to ask.
    pub fn leased_until(&self) -> Option<Moment> {
        let needed = self.topology.size() / 2;
        if !self.topology.me().votes() || needed == 0 {
            return None;
        }
        let promised = self.voters().into_iter().filter_map(|voter| self.failover.lease.get(&voter).copied());
        let mut promised: Vec<Moment> = promised.collect();
        promised.sort_unstable_by(|a, b| b.cmp(a));
        Some(promised.get(needed - 1).copied().unwrap_or_default())
    }

    /// Whether the primary that pings asks for something in a term that is over for this voter.
    pub(crate) fn has_overruled(&self, ping: &Heartbeat) -> bool {
        let least = self.topology.shard(ping.shard).map(|shard| shard.least_term()).unwrap_or_default();
        ping.lease_ms > 0 && ping.term < least
    }

    /// Whether the primary that pings is promised something, and for how long: milliseconds.
    pub(crate) fn promise(&mut self, sender: NodeId, ping: &Heartbeat, now: Moment) -> u64 {
        let asked = ping.lease_ms.min(self.settings.node_timeout_ms);
        let is_primary = ping.primary.is_none() && ping.serving;
        if asked == 0 || !is_primary || !self.topology.me().votes() || ping.shard == self.my_shard() {
            return 0;
        }
        if self.has_overruled(ping) {
            return 0;
        }
        let promise = self.failover.promises.entry(ping.shard).or_insert_with(|| Promise::none(ping.shard));
        let to_another = promise.to != sender && promise.until > now;
        if to_another || promise.withheld_until > now {
            return 0;
        }
        *promise = Promise { to: sender, term: ping.term, until: now.after(asked), ..*promise };
        asked
    }

    /// Whether a vote for this candidate would break a promise. Who has resigned needs none any more.
    pub(super) fn has_promised_another(
        &self,
        shard: ShardId,
        candidate: NodeId,
        resigned: Option<Epoch>,
        now: Moment,
    ) -> bool {
        self.failover.promises.get(&shard).is_some_and(|promise| {
            promise.until > now && promise.to != candidate && resigned != Some(promise.term)
        })
    }

    /// Whether a promise to this primary runs.
    pub(crate) fn has_promised(&self, primary: NodeId, now: Moment) -> bool {
        self.failover.promises.values().any(|promise| promise.to == primary && promise.until > now)
    }

    /// Promises nothing more in a shard for a while: somebody has ordered a failover there.
    pub(super) fn withhold_promises(&mut self, shard: ShardId, now: Moment) {
        let until = now.after(2 * self.settings.node_timeout_ms);
        let promise = self.failover.promises.entry(shard).or_insert_with(|| Promise::none(shard));
        promise.withheld_until = until;
    }

    /// Forgets promises about shards that nobody is in any more.
    pub(super) fn forget_promises(&mut self) {
        let topology = &self.topology;
        self.failover.promises.retain(|shard, _| topology.members().any(|member| member.shard == *shard));
    }

    /// Believes in no promise any more.
    pub(crate) fn drop_lease(&mut self) {
        self.failover.lease.clear();
        self.failover.overruled_by.clear();
        self.failover.lease_asked = Moment::default();
    }

    /// Tells all voters at once, so that promises come with the answers.
    pub(super) fn announce(&mut self, now: Moment, rng: &mut Rng) {
        self.failover.lease_asked = now;
        for peer in self.peers_where(crate::topology::Member::joined) {
            self.tell(peer, now, rng);
        }
    }

    /// A message to a peer, over its open link.
    pub(crate) fn say(&mut self, to: NodeId, message: Message) {
        if let Some(link) = self.topology.member(to).and_then(|member| member.contact.open_link()) {
            self.send(crate::gossip::LinkId::Out(link), message);
        }
    }
}
