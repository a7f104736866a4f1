//! How the new owner of a slot that came key by key claims it, whatever fails in between. Pure, part of the gossip engine's mind.
//!
//! 1. The new owner is told that the slot is its own ([`Engine::claim_imported`]), and notes that it will claim it. All copies of its
//!    shard that could be elected have that on disk before the next step.
//! 2. It asks the old owner ([`Message::ClaimAsk`]), again until that answers: keys may be on their way still, or have stayed there.
//! 3. The old owner lets go ([`Engine::let_go`]) when no key of the slot is left there, and answers when all copies of its shard that
//!    could be elected have that on disk ([`Message::ClaimAnswer`]). From here on it only goes forward: whoever leads that shard
//!    accepts the claim in any epoch, and has nothing else done with the slot.
//! 4. The new owner claims the slot ([`Engine::complete`]). Until the old one hears that, it sends clients after the keys.
//!
//! If the old owner has keys of the slot it says no, and the slot is on the move as before. What an administrator takes out of all hands
//! (`CLUSTER DELSLOTS`, `FLUSHSLOTS`, `FORGET`, `RESET`) is bound by nothing of this.

use shared::node_id::NodeId;
use shared::slot::Slot;
use shared::slot_set::SlotSet;

use crate::gossip::admin::Refused;
use crate::gossip::message::{Claim, ClaimAsk, Message};
use crate::gossip::{Effect, Engine};
use crate::keyspace::Left;
use crate::topology::{ShardId, Side, Transfer, TransferId};

/// For so many ticks of the engine a slot whose keys are on their way is taken for one that is claimed soon.
const LEAVING_TICKS: u8 = 4;

impl Engine {
    /// Whether a node that is named as a slot's owner is this one, and imported it.
    pub fn imports(&self, slot: Slot, to: NodeId) -> bool {
        to == self.topology.my_id() && self.topology.moves.importing.contains_key(&slot)
    }

    /// A slot that this node imported is to be claimed.
    ///
    /// # Errors
    /// It is claimed already or is not importing, there are too many, or this node is no primary.
    pub fn claim_imported(&mut self, id: TransferId, slot: Slot) -> Result<(), Refused> {
        self.must_be_primary()?;
        self.not_given(slot)?;
        self.room_for_one()?;
        let from = self.topology.moves.importing.get(&slot).and_then(|from| self.topology.member(*from));
        let shard = from.map(|from| from.shard).ok_or(Refused::NotImporting(slot.number()))?;
        // A claim must be newer than what others say. Whoever takes the next slot must know this epoch to take a higher one.
        self.bump_epoch();
        let (epoch, slots) = (self.topology.me().config_epoch, [slot].into_iter().collect());
        self.topology.transfers.insert(id, Transfer { side: Side::Claiming, shard, epoch, slots });
        self.agreement.driven.insert(id);
        self.claimed_soon();
        Ok(())
    }

    /// Refuses to claim a slot that its owner has not let go of.
    pub(super) fn may_claim(&self, id: TransferId) -> Result<(), Refused> {
        match self.to_be_asked(id) {
            Some((_, slot)) if !self.agreement.allowed.contains(&id) => Err(Refused::NotLetGo(slot.number())),
            _ => Ok(()),
        }
    }

    /// Asks the primary of the shard that a slot comes from whether it has let go of it, unless that has said so.
    pub fn ask_to_claim(&mut self, id: TransferId) {
        if let Some((shard, slot)) = self.to_be_asked(id)
            && !self.agreement.allowed.contains(&id)
            && let Some(primary) = self.topology.primary_of(shard).map(|primary| primary.id)
        {
            self.say(primary, Message::ClaimAsk(ClaimAsk { id, slot }));
        }
    }

    /// The shard that is asked about a slot that is to be claimed: also while none of its nodes can answer, as one may come back with
    /// what it holds. None if an administrator has taken the slot from it here, or forgotten all of its nodes.
    fn to_be_asked(&self, id: TransferId) -> Option<(ShardId, Slot)> {
        let transfer = self.topology.transfers.get(&id).filter(|transfer| transfer.side == Side::Claiming)?;
        let slot = transfer.slots.iter().next()?;
        let mine = self.topology.me().shard;
        let is_mine = self.topology.owner(slot).is_some_and(|owner| owner.shard == mine);
        let is_known = self.topology.peers().any(|peer| peer.shard == transfer.shard);
        (transfer.shard != mine && is_known && !is_mine).then_some((transfer.shard, slot))
    }

    /// The owner of a slot that is to be claimed has answered.
    pub(crate) fn told_whether_to_claim(&mut self, sender: NodeId, id: TransferId, may: bool) {
        let asked = self.to_be_asked(id).and_then(|(shard, _)| self.topology.primary_of(shard));
        if asked.is_none_or(|asked| asked.id != sender) {
            return;
        }
        if may {
            self.agreement.allowed.insert(id);
        } else {
            self.claim_not(id);
        }
        self.effect(Effect::ClaimAnswered);
    }

    /// Whether a claim waits for the old owner's answer.
    pub fn awaits_answer(&self, id: TransferId) -> bool {
        self.may_claim(id).is_err()
    }

    /// The claim that is to be made of a slot.
    pub(crate) fn claim_of(&self, slot: Slot) -> Option<TransferId> {
        let claims = self.topology.transfers.iter();
        let mut claims = claims.filter(|(_, transfer)| transfer.side == Side::Claiming);
        claims.find(|(_, transfer)| transfer.slots.contains(slot)).map(|(id, _)| *id)
    }

    /// Whether a slot is to be claimed still.
    pub fn is_claiming(&self, id: TransferId) -> bool {
        self.topology.transfers.get(&id).is_some_and(|transfer| transfer.side == Side::Claiming)
    }

    /// Whether a slot that was moved by hand is claimed soon, by this node or by the one that it went to.
    pub fn awaits_claims(&self) -> bool {
        let moves = &self.topology.moves;
        let leaves = |slot: &Slot| moves.migrating.contains_key(slot);
        !moves.let_go.is_empty()
            || self.agreement.leaving.keys().any(leaves)
            || self.topology.claiming().next().is_some()
    }

    /// A slot is not claimed after all, and importing as before; unless its old owner has let go of it: then it goes forward only.
    pub fn claim_not(&mut self, id: TransferId) {
        self.agreement.driven.remove(&id);
        // A replica notes what its primary tells it.
        if self.must_be_primary().is_ok() && self.is_claiming(id) && !self.agreement.allowed.contains(&id) {
            self.topology.transfers.remove(&id);
            self.changed();
        }
    }

    /// A node of another shard wants to claim a slot.
    pub(crate) fn asked_to_claim(&mut self, sender: NodeId, ask: ClaimAsk) {
        if !self.may_lead() {
            return;
        }
        match self.topology.owner(ask.slot) {
            Some(owner) if owner.id == self.topology.my_id() && self.migrates_to(ask.slot, sender) => {
                self.effect(Effect::AskedToClaim(sender, ask));
            }
            // It is here as a whole, and written to.
            Some(owner) if owner.id == self.topology.my_id() => {
                self.say(sender, Message::ClaimAnswer(ask.id, false));
            }
            // It has it already.
            Some(owner) if self.topology.member(sender).is_some_and(|member| member.shard == owner.shard) => {
                self.say(sender, Message::ClaimAnswer(ask.id, true));
            }
            // That is to be asked.
            Some(owner) => {
                let claim = Claim::of(&self.topology, owner);
                self.say(sender, Message::Update(claim));
            }
            None => {}
        }
    }

    /// Whether keys of a slot of this node go to that one, or to another one of its shard.
    pub(crate) fn migrates_to(&self, slot: Slot, to: NodeId) -> bool {
        let shard = |id: NodeId| self.topology.member(id).map(|member| member.shard);
        let target = self.topology.moves.migrating.get(&slot).and_then(|target| shard(*target));
        target.is_some_and(|target| target != self.topology.me().shard && shard(to) == Some(target))
    }

    /// Lets go of a slot that is migrating to that node, unless keys of it are here; if they are on their way, when they have arrived.
    ///
    /// # Errors
    /// There are, or it is not.
    pub fn let_go(&mut self, slot: Slot, to: NodeId, left: Left) -> Result<(), Refused> {
        self.must_be_primary()?;
        if !self.migrates_to(slot, to) {
            return Err(Refused::NotMigrating(slot.number()));
        }
        self.agreement.leaving.remove(&slot);
        match left {
            Left::Nothing => {
                if self.topology.moves.let_go.insert(slot) {
                    self.let_go_soon();
                }
                Ok(())
            }
            // The other node asks for it, and is answered when they have arrived.
            Left::OnTheirWay => {
                self.agreement.leaving.insert(slot, 0);
                Ok(())
            }
            Left::Keys => {
                // A crash has brought keys back that were removed: then nobody was told yes.
                if self.topology.moves.let_go.remove(&slot) {
                    self.changed();
                }
                Err(Refused::HoldsKeys(slot.number()))
            }
        }
    }

    /// Answers who wants to claim a slot. `may`: it was let go, and all copies that could be elected here know that.
    pub fn answer_claim(&mut self, to: NodeId, ask: ClaimAsk, may: bool) {
        let has_let_go = || self.migrates_to(ask.slot, to) && self.topology.moves.let_go.contains(&ask.slot);
        if self.may_lead() && (!may || has_let_go()) {
            self.say(to, Message::ClaimAnswer(ask.id, may));
        }
    }

    /// Time has passed: who was to claim a slot asks soon, or never.
    pub(crate) fn forget_leaving(&mut self) {
        self.agreement.leaving.retain(|_, ticks| {
            *ticks += 1;
            *ticks < LEAVING_TICKS
        });
    }

    /// What is to be claimed of these slots is not, whoever may have said yes: an administrator takes them out of all hands.
    pub(crate) fn drop_claims(&mut self, slots: &SlotSet) {
        let transfers = &mut self.topology.transfers;
        transfers.retain(|_, transfer| {
            transfer.side != Side::Claiming || !transfer.slots.iter().any(|slot| slots.contains(slot))
        });
        let (allowed, driven) = (&mut self.agreement.allowed, &mut self.agreement.driven);
        allowed.retain(|id| transfers.contains_key(id));
        driven.retain(|id| transfers.contains_key(id));
    }

    /// Refuses to do anything else with a slot that another node is about to claim.
    pub(crate) fn not_let_go(&self, slot: Slot) -> Result<(), Refused> {
        let moves = &self.topology.moves;
        match moves.migrating.get(&slot).filter(|_| moves.let_go.contains(&slot)) {
            Some(to) => Err(Refused::LetGo(slot.number(), *to)),
            None => Ok(()),
        }
    }
}
