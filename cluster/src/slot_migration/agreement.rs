//! How two shards agree on who has slots that go as a stream, whatever fails in between. Pure, part of the gossip engine's mind.
//!
//! 1. The source gives ([`Engine::give`]): it neither serves nor claims the slots from here on, in a new config epoch. All copies of
//!    its shard that could be elected have that on disk before the target hears of it.
//! 2. The target takes ([`Engine::take`]): all copies of its shard that could be elected have that on disk, and everything that the
//!    slots hold, before it serves them.
//! 3. The target completes ([`Engine::complete`]): it serves and claims the slots. The source hears of the claim and forgets the keys.
//!
//! From 1 on only the target's shard knows whose the slots are. If the source does not hear, it asks ([`Message::TransferAsk`]): the
//! target's primary answers with the claim of who has them, or that it never took them and never will
//! ([`Message::TransferNever`]); then the source takes them back in a new epoch. Between 2 and 3 there is no answer: the transfer
//! only goes forward from there, be it by a successor.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use shared::epoch::Epoch;
use shared::limits::{EPOCH_MAX, TRANSFERS_MAX, TRANSFERS_REFUSED_MAX, TRANSFERS_TAKEN_MAX};
use shared::node_id::NodeId;
use shared::slot::Slot;
use shared::slot_set::SlotSet;

use crate::gossip::admin::Refused;
use crate::gossip::message::{Claim, Message, TransferAsk};
use crate::gossip::{Effect, Engine};
use crate::topology::{Address, Member, Moment, Moves, Side, Transfer, TransferId, Transfers};

/// How often the other side is asked about a transfer, milliseconds.
const ASK_EVERY_MS: u64 = 200;

/// What an engine remembers of transfers besides what is on disk.
#[derive(Debug, Default)]
pub(crate) struct Agreement {
    /// Transfers that a task of this process drives: it asks about them itself.
    pub(super) driven: BTreeSet<TransferId>,
    /// Claims of slots that came key by key whose old owner has let go of them.
    pub(super) allowed: BTreeSet<TransferId>,
    /// Slots whose last keys are on their way to another node, and since how many ticks: they are claimed soon.
    pub(crate) leaving: BTreeMap<Slot, u8>,
    /// Transfers that this node has said it will never take, oldest first.
    refused: VecDeque<TransferId>,
    asked: Moment,
    /// What the other copies of the shard were last told.
    told: Option<ShardSlots>,
}

#[cfg(feature = "sim")]
impl Agreement {
    /// How much is remembered of transfers.
    pub(crate) fn held(&self) -> [(&'static str, usize); 4] {
        [
            ("transfers that are driven", self.driven.len()),
            ("transfers that are refused", self.refused.len()),
            ("claims that are allowed", self.allowed.len()),
            ("slots that are leaving", self.leaving.len()),
        ]
    }
}

/// What a primary tells the other copies of its shard of its slots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardSlots {
    /// Since when it claims them.
    pub config_epoch: Epoch,
    /// All its slots, those it gives among them.
    pub slots: SlotSet,
    /// The transfers that are not settled.
    pub transfers: Transfers,
    /// The slots that move key by key.
    pub moves: Moves,
}

impl Engine {
    /// Whether slots of this node may go to another one, and where that is reached.
    ///
    /// # Errors
    /// Not now, or never.
    pub fn may_give(&self, slots: &SlotSet, to: NodeId) -> Result<Address, Refused> {
        if !self.may_lead() {
            return Err(Refused::NotPrimary);
        }
        let me = self.topology.me();
        let target = self.topology.member(to).filter(|member| member.joined());
        let target = target.ok_or_else(|| Refused::UnknownNode(to.to_string()))?;
        if !target.is_primary() || target.shard == me.shard {
            return Err(Refused::TargetIsReplica);
        }
        if let Some(foreign) = slots.minus(me.slots()).iter().next() {
            return Err(Refused::NotOwner(foreign.number()));
        }
        self.not_moving(slots)?;
        self.room_for_one()?;
        target.address.filter(|address| address.ip.is_some()).ok_or(Refused::NoAddress)
    }

    pub(super) fn room_for_one(&self) -> Result<(), Refused> {
        let open = self.topology.transfers.values().filter(|transfer| transfer.side.is_open());
        if open.count() < TRANSFERS_MAX { Ok(()) } else { Err(Refused::TooManyTransfers) }
    }

    /// Whether this node may take slots from another one.
    ///
    /// # Errors
    /// Not now, or never.
    pub fn may_take(&self, id: TransferId, from: NodeId, slots: &SlotSet) -> Result<(), Refused> {
        if !self.may_lead() {
            return Err(Refused::NotPrimary);
        }
        let source = self.topology.member(from).filter(|member| member.joined());
        let source = source.ok_or_else(|| Refused::UnknownNode(from.to_string()))?;
        if let Some(foreign) = slots.minus(source.slots()).iter().next() {
            return Err(Refused::NotTheirs(foreign.number()));
        }
        self.not_moving(slots)?;
        let refused = self.agreement.refused.contains(&id) || self.topology.transfers.contains_key(&id);
        if refused { Err(Refused::TransferOver) } else { Ok(()) }
    }

    /// Refuses slots that are on the move already, in whatever way.
    pub(crate) fn not_moving(&self, slots: &SlotSet) -> Result<(), Refused> {
        let moves = &self.topology.moves;
        let open = self.topology.transfers.values().filter(|transfer| transfer.side.is_open());
        let changing = open.flat_map(|transfer| transfer.slots.iter());
        let mut moving = moves.migrating.keys().chain(moves.importing.keys()).copied().chain(changing);
        moving
            .find(|slot| slots.contains(*slot))
            .map_or(Ok(()), |slot| Err(Refused::OnTheMove(slot.number())))
    }

    /// This node serves and claims the slots no more; the epoch since when.
    ///
    /// # Errors
    /// As [`Engine::may_give`].
    pub fn give(&mut self, id: TransferId, slots: SlotSet, to: NodeId) -> Result<Epoch, Refused> {
        self.may_give(&slots, to)?;
        let shard = self.topology.member(to).map(|member| member.shard).ok_or(Refused::TransferOver)?;
        let epoch = self.take_new_epoch();
        self.topology.transfers.insert(id, Transfer { side: Side::Giving, shard, epoch, slots });
        self.agreement.driven.insert(id);
        Ok(epoch)
    }

    /// This node will have the slots that another one gave in this epoch.
    ///
    /// # Errors
    /// As [`Engine::may_take`].
    pub fn take(
        &mut self,
        id: TransferId,
        from: NodeId,
        slots: SlotSet,
        given: Epoch,
    ) -> Result<(), Refused> {
        self.may_take(id, from, &slots)?;
        let shard = self.topology.member(from).map(|member| member.shard).ok_or(Refused::TransferOver)?;
        self.topology.current_epoch = self.topology.current_epoch.max(Epoch(given.0.min(EPOCH_MAX)));
        let epoch = self.take_new_epoch();
        self.topology.transfers.insert(id, Transfer { side: Side::Taking, shard, epoch, slots });
        self.agreement.driven.insert(id);
        Ok(())
    }

    /// This node has the slots: all copies of its shard that could be elected know that it takes them, and hold what is in them.
    /// The epoch of its claim.
    ///
    /// # Errors
    /// It is no primary any more, or has them already; or their old owner has not let go of them yet.
    pub fn complete(&mut self, id: TransferId) -> Result<Epoch, Refused> {
        self.has(id)?;
        Ok(self.say_claim())
    }

    /// The same for several slots that came key by key, of which this node makes those claims that it may.
    pub fn complete_claims(&mut self, ids: impl Iterator<Item = TransferId>) -> Vec<TransferId> {
        let made: Vec<TransferId> = ids.filter(|id| self.has(*id).is_ok()).collect();
        if !made.is_empty() {
            self.say_claim();
        }
        made
    }

    /// Has the slots of a transfer, and does not say so yet.
    fn has(&mut self, id: TransferId) -> Result<(), Refused> {
        if !self.may_lead() {
            return Err(Refused::NotPrimary);
        }
        let taking = |transfer: &&Transfer| matches!(transfer.side, Side::Taking | Side::Claiming);
        let transfer =
            self.topology.transfers.get(&id).filter(taking).cloned().ok_or(Refused::TransferOver)?;
        if transfer.side == Side::Claiming {
            self.may_claim(id)?;
        }
        let me = self.topology.my_id();
        transfer.slots.iter().for_each(|slot| self.topology.assign(slot, me));
        self.agreement.driven.remove(&id);
        self.agreement.allowed.remove(&id);
        match transfer.side {
            Side::Claiming => {
                for slot in transfer.slots.iter() {
                    self.topology.moves.end(slot);
                    self.topology.won.insert(slot, transfer.shard);
                }
                self.topology.transfers.remove(&id);
                // The old owner may have taken a newer one since.
                self.bump_epoch();
            }
            _ => self.remember_taken(id, transfer),
        }
        // Until it is on disk, a restart completes it again.
        self.heard_change();
        Ok(())
    }

    fn say_claim(&mut self) -> Epoch {
        let claim = Claim::of(&self.topology, self.topology.me());
        let epoch = claim.config_epoch;
        self.broadcast(&Message::Update(claim));
        epoch
    }

    /// Notes that this shard has taken slots, and forgets the oldest of such notes.
    fn remember_taken(&mut self, id: TransferId, transfer: Transfer) {
        let transfers = &mut self.topology.transfers;
        transfers.insert(id, Transfer { side: Side::Taken, ..transfer });
        let taken = transfers.iter().filter(|(_, transfer)| transfer.side == Side::Taken);
        let oldest = taken.clone().min_by_key(|(_, transfer)| transfer.epoch).map(|(id, _)| *id);
        if let (true, Some(oldest)) = (taken.count() > TRANSFERS_TAKEN_MAX, oldest) {
            transfers.remove(&oldest);
        }
    }

    /// The target has said that it has the slots of a transfer, in this epoch.
    pub fn given(&mut self, id: TransferId, to: NodeId, epoch: Epoch) {
        let (Some(transfer), Some(target)) = (self.topology.transfers.get(&id), self.topology.member(to))
        else {
            return;
        };
        if transfer.side != Side::Giving || target.shard != transfer.shard || !target.is_primary() {
            return;
        }
        let slots = target.slots().iter().chain(transfer.slots.iter()).collect();
        if let Some(target) = self.topology.member_mut(to) {
            target.config_epoch = target.config_epoch.max(epoch);
        }
        let outcome = self.topology.claim(to, epoch, &slots);
        self.heard_change();
        self.slots_lost(outcome.lost);
    }

    /// Nobody in this process drives a transfer any more: if it was given, the other side is asked what became of it.
    pub fn left_alone(&mut self, id: TransferId) {
        self.agreement.driven.remove(&id);
    }

    /// The transfers that this primary takes and that nobody drives: they are to be completed.
    pub fn takings(&self) -> Vec<TransferId> {
        let alone = |(id, transfer): &(&TransferId, &Transfer)| {
            matches!(transfer.side, Side::Taking | Side::Claiming) && !self.agreement.driven.contains(id)
        };
        if !self.may_lead() {
            return Vec::new();
        }
        self.topology.transfers.iter().filter(alone).map(|(id, _)| *id).collect()
    }

    /// Asks about the transfers that were given and that nobody drives.
    pub(crate) fn ask_about_transfers(&mut self, now: Moment) {
        if self.topology.transfers.is_empty()
            || !self.may_lead()
            || now.since(self.agreement.asked) < ASK_EVERY_MS
        {
            return;
        }
        self.agreement.asked = now;
        let given = |(id, transfer): &(&TransferId, &Transfer)| {
            transfer.side == Side::Giving && !self.agreement.driven.contains(id)
        };
        let asks: Vec<(NodeId, TransferAsk)> = self
            .topology
            .transfers
            .iter()
            .filter(given)
            .filter_map(|(id, transfer)| {
                let to = self.topology.primary_of(transfer.shard)?.id;
                Some((to, TransferAsk { id: *id, slots: transfer.slots.clone() }))
            })
            .collect();
        for (to, ask) in asks {
            self.say(to, Message::TransferAsk(ask));
        }
    }

    /// The primary of another shard asks what became of a transfer to this one.
    pub(crate) fn asked_about_transfer(&mut self, sender: NodeId, ask: &TransferAsk, now: Moment) {
        // Only a primary that nobody can have succeeded knows, and only when all who may succeed it know what it knows.
        let settled = self.in_sync_to_show().is_some_and(|(_, copies)| copies > 0);
        let leased = self.leased_until().is_none_or(|until| until > now);
        let side = self.topology.transfers.get(&ask.id).map(|transfer| transfer.side);
        let Some(shard) = self.topology.member(sender).map(|member| member.shard) else { return };
        if !self.may_lead() || !settled || !leased || side.is_some_and(Side::is_open) {
            return;
        }
        if side == Some(Side::Taken) {
            let claimed = |slot: &Slot| !self.topology.is_disclaimed(*slot);
            let elsewhere = |owner: &&Member| owner.shard != shard;
            let owner =
                ask.slots.iter().filter(claimed).find_map(|slot| self.topology.owner(slot).filter(elsewhere));
            // If that is not known here, whoever has them says so itself.
            if let Some(claim) = owner.map(|owner| Claim::of(&self.topology, owner)) {
                self.say(sender, Message::Update(claim));
            }
            return;
        }
        if self.agreement.refused.len() >= TRANSFERS_REFUSED_MAX {
            self.agreement.refused.pop_front();
        }
        if !self.agreement.refused.contains(&ask.id) {
            self.agreement.refused.push_back(ask.id);
        }
        self.say(sender, Message::TransferNever(ask.id));
    }

    /// The other side never took the slots and never will: they are served here again.
    pub(crate) fn told_never(&mut self, sender: NodeId, id: TransferId) {
        let Some(transfer) = self.topology.transfers.get(&id) else { return };
        let knows = self.topology.primary_of(transfer.shard).is_some_and(|primary| primary.id == sender);
        let open = transfer.side == Side::Giving && !self.agreement.driven.contains(&id);
        if !knows || !open || !self.may_lead() {
            return;
        }
        tracing::warn!(transfer = %id, "the other shard did not take the slots: they are served here again");
        self.topology.transfers.remove(&id);
        self.take_new_epoch();
    }

    /// The primary of this replica's shard says which slots it has and which change hands.
    pub fn told_of_shard(&mut self, primary: NodeId, told: ShardSlots) {
        if self.topology.me().primary != Some(primary) {
            return;
        }
        let Some(member) = self.topology.member_mut(primary) else { return };
        member.config_epoch = member.config_epoch.max(told.config_epoch);
        let outcome = self.topology.claim(primary, told.config_epoch, &told.slots);
        self.slots_lost(outcome.lost);
        self.topology.transfers = told.transfers;
        self.topology.primary_moves = told.moves;
        self.topology.disclaim(primary, &told.slots);
        // On disk before anything that comes after it is acknowledged.
        self.changed();
    }

    /// What the other copies of this primary's shard must know; `None` of a replica.
    pub fn shard_slots(&self) -> Option<ShardSlots> {
        let me = self.topology.me();
        me.primary.is_none().then(|| ShardSlots {
            config_epoch: me.config_epoch,
            slots: me.slots().clone(),
            transfers: self.topology.transfers.clone(),
            moves: self.topology.moves.only_migrating(),
        })
    }

    /// This node follows another one from here on, perhaps of another shard.
    pub(crate) fn forget_agreement(&mut self, other_shard: bool) {
        self.agreement.driven.clear();
        self.agreement.allowed.clear();
        self.agreement.leaving.clear();
        if other_shard {
            self.topology.transfers.clear();
            self.topology.primary_moves = Moves::default();
        }
    }

    /// Whatever has changed: forgets transfers that are settled. Whether the other copies of this shard are to be told.
    pub(crate) fn settle_transfers(&mut self) -> bool {
        let me = self.topology.me();
        let is_primary = me.primary.is_none();
        let owner = me.primary.unwrap_or(me.id);
        let topology = &self.topology;
        let gone = |transfer: &Transfer| {
            let is_ours = |slot| topology.owner(slot).is_some_and(|member| member.id == owner);
            transfer.side == Side::Giving && !transfer.slots.iter().any(is_ours)
        };
        let over: Vec<TransferId> =
            topology.transfers.iter().filter(|(_, transfer)| gone(transfer)).map(|(id, _)| *id).collect();
        for id in over {
            self.agreement.driven.remove(&id);
            if let Some(transfer) = self.topology.transfers.remove(&id)
                && is_primary
            {
                self.effect(Effect::Forget(transfer.slots));
            }
            self.heard_change();
        }
        let now = self.shard_slots();
        let told = std::mem::replace(&mut self.agreement.told, now);
        told != self.agreement.told
    }
}
