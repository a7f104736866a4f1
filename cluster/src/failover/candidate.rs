//! How a copy becomes primary: it stands, asks for votes, and takes office with the votes of a majority.

use std::collections::{BTreeMap, BTreeSet};

use shared::epoch::Epoch;
use shared::limits::EPOCH_MAX;
use shared::node_id::NodeId;
use shared::rt::rng::Rng;

use crate::gossip::message::{Message, Vote, VoteRequest};
use crate::gossip::{Effect, Engine};
use crate::topology::{CopyId, Health, InSync, Member, Moment, Office};

/// Each copy that has more, or should stand before this one, has a head start of a node timeout over this.
const HEAD_STARTS: u64 = 5;
/// And some chance, a node timeout over this at most, so that equals do not stand at once.
const JITTERS: u64 = 10;
/// Votes are waited for so many node timeouts; then it is tried anew.
const VOTE_TIMEOUTS: u64 = 2;

/// Who has not voted is asked again after so long, milliseconds.
const ASK_AGAIN_MS: u64 = 50;

/// A copy that stands.
#[derive(Debug)]
pub(super) struct Candidacy {
    epoch: Epoch,
    since: Moment,
    asked: Moment,
    /// Who has voted, and what they had noted.
    votes: BTreeMap<NodeId, InSync>,
}

impl Engine {
    /// Whose slots this copy would own, if it is to stand: its primary has failed, or says that it does not serve.
    fn vacant_office(&self, now: Moment) -> Option<&Member> {
        let me = self.topology.me();
        let timeout = self.settings.node_timeout_ms;
        let Some(primary) = self.topology.my_primary() else {
            // Who has resigned for somebody who did not take over takes it back only by an election.
            let resigned = self.topology.office.as_ref().is_some_and(|office| office.resigned);
            let waited = now.since(self.failover.resigned_at) > VOTE_TIMEOUTS * timeout;
            return (me.primary.is_none() && resigned && waited).then_some(me);
        };
        let failed = matches!(primary.health, Health::Failed { .. });
        let idle = primary.idle_since.is_some_and(|since| now.since(since) > timeout);
        let ordered = self.failover.order.as_ref().is_some_and(|order| order.may_stand());
        let willing = self.settings.replica_priority > 0 && !self.settings.replica_no_failover;
        let vacant = !primary.slots().is_empty() && (ordered || (willing && (failed || idle)));
        vacant.then_some(primary)
    }

    /// Whether this copy has all that was saved, as far as it knows: else it would get no vote.
    pub(super) fn may_be_elected(&self) -> bool {
        let noted = self.topology.shard(self.my_shard()).and_then(|shard| shard.noted.as_ref());
        let held = |copy: CopyId| {
            noted.is_some_and(|noted| noted.copies.contains(&copy))
                || self.topology.office.as_ref().is_some_and(|office| office.in_force.copies.contains(&copy))
        };
        self.failover.opened
            && self.failover.log.whole
            && !self.failover.log.failed
            && self.my_copy().is_some_and(held)
    }

    /// Stands when the time has come, asks again who has not voted, and gives up what takes too long.
    pub(crate) fn keep_standing(&mut self, now: Moment, rng: &mut Rng) {
        let is_vacant = self.vacant_office(now).is_some();
        if !is_vacant || !self.may_be_elected() {
            self.failover.stands_at = None;
            self.failover.candidacy = None;
            if is_vacant {
                self.ask_who_is_in_sync(now);
            }
            return;
        }
        let patience = VOTE_TIMEOUTS * self.settings.node_timeout_ms;
        if self.failover.candidacy.as_ref().is_some_and(|candidacy| now.since(candidacy.since) > patience) {
            tracing::warn!("not elected in time: another epoch is tried");
            self.failover.candidacy = None;
            self.failover.stands_at = None;
        }
        if let Some(candidacy) = &mut self.failover.candidacy {
            if now.since(candidacy.asked) >= ASK_AGAIN_MS {
                candidacy.asked = now;
                self.ask_for_votes();
            }
            return;
        }
        let ordered = self.failover.order.as_ref().is_some_and(|order| order.may_stand());
        let stands_at =
            self.failover.stands_at.unwrap_or_else(|| if ordered { now } else { self.head_start(now, rng) });
        self.failover.stands_at = Some(stands_at);
        if now >= stands_at {
            self.stand(now);
        }
    }

    /// When this copy stands: after those that have more of the log, then those of lower priority number, have had their chance.
    fn head_start(&self, now: Moment, rng: &mut Rng) -> Moment {
        let me = self.topology.me();
        let noted = self.topology.shard(me.shard).and_then(|shard| shard.noted.as_ref());
        let electable = |member: &&Member| {
            member.shard == me.shard
                && member.primary.is_some()
                && member.reachable()
                && member.serving
                && member.priority > 0
                && noted.is_some_and(|noted| noted.copies.iter().any(|copy| copy.node == member.id))
        };
        let mine = (u64::MAX - self.failover.log.offset, self.settings.replica_priority, me.id);
        let ahead = |member: &&Member| (u64::MAX - member.offset, member.priority, member.id) < mine;
        let rank = self.topology.peers().filter(electable).filter(ahead).count() as u64;
        let timeout = self.settings.node_timeout_ms;
        let jitter = if rank == 0 { 0 } else { rng.below(timeout / JITTERS + 1) };
        now.after(rank * timeout / HEAD_STARTS + jitter)
    }

    fn stand(&mut self, now: Moment) {
        let epoch = Epoch(self.topology.highest_epoch().next().0.min(EPOCH_MAX));
        self.topology.current_epoch = epoch;
        self.changed();
        tracing::info!(%epoch, "stands for election");
        self.failover.candidacy = Some(Candidacy { epoch, since: now, asked: now, votes: BTreeMap::new() });
        self.ask_for_votes();
        self.count_votes();
    }

    fn ask_for_votes(&mut self) {
        let Some(candidacy) = &self.failover.candidacy else { return };
        let (epoch, voted) = (candidacy.epoch, candidacy.votes.keys().copied().collect());
        self.request_votes(epoch, &voted);
    }

    /// The office is vacant, and this copy is not in sync as far as it knows. The voters may know better: they refuse a request in
    /// an epoch that is over, and tell what they have noted.
    fn ask_who_is_in_sync(&mut self, now: Moment) {
        if now.since(self.failover.asked_in_sync) >= self.settings.node_timeout_ms {
            self.failover.asked_in_sync = now;
            self.request_votes(Epoch::default(), &BTreeSet::new());
        }
    }

    fn request_votes(&mut self, epoch: Epoch, voted: &BTreeSet<NodeId>) {
        let (Some(store), me) = (self.failover.log.store, self.topology.me()) else { return };
        let primary = self.topology.my_primary().unwrap_or(me);
        let order = self.failover.order.as_ref();
        let request = VoteRequest {
            epoch,
            shard: me.shard,
            store,
            slots: self.topology.claimed_by(primary),
            config_epoch: primary.config_epoch,
            noted: self.newest_set().cloned(),
            ordered: order.is_some(),
            resigned: order.and_then(|order| order.resigned()).or(self.resigned_term()),
        };
        for voter in self.voters() {
            if !voted.contains(&voter) {
                self.say(voter, Message::VoteRequest(Box::new(request.clone())));
            }
        }
    }

    /// Who is in sync, as far as this copy knows. One that has resigned knows it from its own office: a voter that took its seat since was told
    /// by nobody, and must not be told older things.
    fn newest_set(&self) -> Option<&InSync> {
        let noted = self.topology.shard(self.my_shard()).and_then(|shard| shard.noted.as_ref());
        let office = self.topology.office.as_ref();
        let own = office.map(|office| office.proposed.as_ref().unwrap_or(&office.in_force));
        own.into_iter().chain(noted).max_by_key(|set| (set.term, set.version))
    }

    /// The term in which this node itself was primary and has resigned.
    fn resigned_term(&self) -> Option<Epoch> {
        self.topology.office.as_ref().filter(|office| office.resigned).map(|office| office.term)
    }

    /// A voter has voted for this copy.
    pub(crate) fn heard_vote(&mut self, sender: NodeId, vote: Vote, now: Moment, rng: &mut Rng) {
        if vote.shard != self.my_shard() || !self.voters().contains(&sender) {
            return;
        }
        let Some(candidacy) = &mut self.failover.candidacy else { return };
        if candidacy.epoch == vote.epoch {
            candidacy.votes.insert(sender, vote.noted);
            if self.count_votes() {
                self.announce(now, rng);
            }
        }
    }

    /// Takes office if a majority has voted for this copy.
    fn count_votes(&mut self) -> bool {
        let (needed, voters) = (self.topology.majority(), self.voters());
        let Some(candidacy) = &self.failover.candidacy else { return false };
        // Not of those that have lost their seat since: who has it now may vote too, and its promises are not theirs.
        if candidacy.votes.keys().filter(|voter| voters.contains(voter)).count() < needed {
            return false;
        }
        let epoch = candidacy.epoch;
        let voted = candidacy.votes.values().flat_map(|noted| noted.copies.iter().copied()).collect();
        tracing::warn!(%epoch, "elected: takes over");
        self.take_office(epoch, voted);
        true
    }

    /// Becomes the primary of a term, with the log as it is, and the owner of its primary's slots.
    pub(super) fn take_office(&mut self, epoch: Epoch, voted: BTreeSet<CopyId>) {
        let (id, store, shard) = (self.topology.my_id(), self.failover.log.store, self.my_shard());
        let slots = self.topology.my_primary().map(|primary| self.topology.owned_for_certain(primary));
        self.topology.office = Some(Office::new(epoch, id, store, voted));
        self.topology.log_term = Some(epoch);
        self.topology.current_epoch = self.topology.current_epoch.max(epoch);
        let me = self.topology.me_mut();
        (me.primary, me.term, me.config_epoch) = (None, epoch, epoch);
        slots.iter().flat_map(|slots| slots.iter()).for_each(|slot| self.topology.assign(slot, id));
        let mut moves = std::mem::take(&mut self.topology.primary_moves);
        moves.migrating.retain(|slot, _| self.topology.me().slots().contains(*slot));
        moves.let_go.retain(|slot| moves.migrating.contains_key(slot));
        self.topology.moves.migrating.append(&mut moves.migrating);
        self.topology.moves.let_go.append(&mut moves.let_go);
        let kept = self.topology.shard_mut(shard);
        kept.term = kept.term.max(epoch);
        self.end_candidacy();
        self.drop_lease();
        self.failover.led = slots.is_none();
        self.failover.noted_by.clear();
        self.failover.absent.clear();
        self.changed();
        if slots.is_some() {
            self.effect(Effect::Lead);
        }
    }

    pub(super) fn end_candidacy(&mut self) {
        self.failover.candidacy = None;
        self.failover.stands_at = None;
        self.failover.order = None;
        if self.failover.handing.take().is_some() {
            self.effect(Effect::Pause(false));
        }
    }
}
