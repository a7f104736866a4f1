//! What the primaries of other shards do: they note in-sync sets, and vote. Both are on disk before they are said.

use shared::node_id::NodeId;

use crate::gossip::Engine;
use crate::gossip::message::{Message, Noted, Vote, VoteRequest};
use crate::topology::{CopyId, Health, InSync, Moment, ShardId};

impl Engine {
    /// A primary says which copies are in sync. Noted unless it is from below this voter's last vote, or from below a primary it
    /// has heard of: what it said when it voted must stay true.
    pub(crate) fn told_in_sync(&mut self, sender: NodeId, shard: ShardId, set: &InSync) {
        self.note(shard, set);
        let answer = self.topology.shard(shard).and_then(|shard| shard.noted.as_ref());
        if let Some(noted) = answer.filter(|noted| noted.term == set.term && noted.version >= set.version) {
            let noted = Noted { term: noted.term, version: noted.version };
            self.say(sender, Message::Noted(shard, noted));
        }
    }

    fn note(&mut self, id: ShardId, set: &InSync) {
        if !self.topology.members().any(|member| member.shard == id)
            || set.term > self.topology.highest_epoch()
        {
            return;
        }
        let shard = self.topology.shard_mut(id);
        if set.term < shard.least_term()
            || shard.noted.as_ref().is_some_and(|noted| !set.is_newer_than(noted))
        {
            return;
        }
        shard.term = shard.term.max(set.term);
        shard.noted = Some(set.clone());
        self.changed();
    }

    /// A copy asks for this node's vote. Refused without an answer, as in Redis.
    pub(crate) fn asked_to_vote(&mut self, candidate: NodeId, request: &VoteRequest, now: Moment) {
        if request.epoch > self.topology.current_epoch {
            self.topology.current_epoch = request.epoch;
            self.heard_change();
        }
        if let Some(noted) = &request.noted {
            self.note(request.shard, noted);
        }
        if let Err(why) = self.may_vote(candidate, request, now) {
            tracing::info!(%candidate, epoch = %request.epoch, why, "no vote");
            self.correct_candidate(candidate, request);
            return;
        }
        let shard = self.topology.shard_mut(request.shard);
        // It is in the set, so there is one.
        let Some(noted) = shard.noted.clone() else { return };
        shard.last_vote = request.epoch;
        self.topology.last_vote_epoch = request.epoch;
        self.failover.promises.remove(&request.shard);
        self.changed();
        tracing::info!(%candidate, epoch = %request.epoch, "voted");
        self.say(candidate, Message::Vote(Vote { epoch: request.epoch, shard: request.shard, noted }));
    }

    /// A candidate that does not know who is in sync is told: what its primary said may not have reached it.
    fn correct_candidate(&mut self, candidate: NodeId, request: &VoteRequest) {
        let noted = self.topology.shard(request.shard).and_then(|shard| shard.noted.clone());
        let is_news = |noted: &InSync| request.noted.as_ref().is_none_or(|known| noted.is_newer_than(known));
        if let Some(noted) = noted.filter(is_news) {
            self.say(candidate, Message::Note(request.shard, noted));
        }
    }

    fn may_vote(
        &mut self,
        candidate: NodeId,
        request: &VoteRequest,
        now: Moment,
    ) -> Result<(), &'static str> {
        let member = self.topology.member(candidate).filter(|member| member.joined());
        let member = member.ok_or("it is a stranger")?;
        if !self.topology.me().votes() {
            return Err("this node owns no slots");
        }
        // Else the seat of a shard could vote twice: by its old primary and by its new one.
        if request.shard == self.my_shard() || member.shard != request.shard {
            return Err("it is of this node's own shard, or not of the one it names");
        }
        if now < self.failover.votes_from {
            return Err("this node started a moment ago and may have promised something before");
        }
        if request.epoch <= self.topology.last_vote_epoch || request.epoch < self.topology.current_epoch {
            return Err("the epoch is over");
        }
        let shard = self.topology.shard(request.shard).cloned().unwrap_or_default();
        if request.epoch <= shard.least_term() {
            return Err("there is a newer primary");
        }
        let copy = CopyId { node: candidate, store: request.store };
        if !shard.noted.as_ref().is_some_and(|noted| noted.copies.contains(&copy)) {
            return Err("it is not in sync");
        }
        let primary = self.topology.primary_of(request.shard).filter(|primary| primary.id != candidate);
        let gone =
            primary.is_none_or(|primary| matches!(primary.health, Health::Failed { .. }) || !primary.serving);
        if !gone && !request.ordered {
            return Err("its primary has not failed");
        }
        let newer_owner = |slot| {
            let owner = self.topology.owner(slot);
            owner.is_some_and(|owner| {
                owner.shard != request.shard && owner.config_epoch > request.config_epoch
            })
        };
        if request.slots.iter().any(newer_owner) {
            return Err("a slot has a newer owner");
        }
        if self.has_promised_another(request.shard, candidate, request.resigned, now) {
            if request.ordered {
                self.withhold_promises(request.shard, now);
            }
            return Err("another one was promised something");
        }
        Ok(())
    }
}
