//! What people ask for: the `CLUSTER` commands that change something. Each is refused whole or done whole.

use std::net::IpAddr;

use shared::epoch::Epoch;
use shared::limits::EPOCH_MAX;
use shared::node_id::NodeId;
use shared::rt::rng::Rng;
use shared::slot::Slot;
use shared::slot_set::SlotSet;

use super::effect::Effect;
use super::engine::Engine;
use super::handshake::random_name;
use crate::keyspace::Left;
use crate::topology::{Address, Member, Moment, Moves, ShardId, Side};

/// How long rumors about a forgotten node are not believed, milliseconds (Redis Cluster specification, FORGET).
const FORGOTTEN_MS: u64 = 60_000;

/// Why an order is refused, in Redis's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// FORGET of this node.
    #[error("I tried hard but I can't forget myself...")]
    ForgetMyself,
    /// FORGET of the primary that this node follows.
    #[error("Can't forget my master!")]
    ForgetMyPrimary,
    /// No node of that name.
    #[error("Unknown node {0}")]
    UnknownNode(String),
    /// A slot to be added has an owner.
    #[error("Slot {0} is already busy")]
    Busy(u16),
    /// A slot to be removed has none.
    #[error("Slot {0} is already unassigned")]
    Unassigned(u16),
    /// SETSLOT MIGRATING of somebody else's.
    #[error("I'm not the owner of hash slot {0}")]
    NotOwner(u16),
    /// SETSLOT IMPORTING of one's own.
    #[error("I'm already the owner of hash slot {0}")]
    AlreadyOwner(u16),
    /// SETSLOT MIGRATING or IMPORTING with a stranger.
    #[error("I don't know about node {0}")]
    Stranger(String),
    /// SETSLOT NODE gives away a slot whose keys are still here.
    #[error("Can't assign hashslot {0} to a different node while I still hold keys for this hash slot.")]
    HoldsKeys(u16),
    /// REPLICATE of this node.
    #[error("Can't replicate myself")]
    ReplicateMyself,
    /// REPLICATE of a replica.
    #[error("I can only replicate a master, not a replica.")]
    ReplicaOfReplica,
    /// REPLICATE said to a node that would lose something.
    #[error("To set a master the node must be empty and without assigned slots.")]
    NotEmpty,
    /// SETSLOT with a replica.
    #[error("Target node is not a master")]
    TargetIsReplica,
    /// ADDSLOTS said to a replica.
    #[error("This node is a replica: only masters own slots")]
    OwnsNothing,
    /// SETSLOT said to a replica.
    #[error("You can use SETSLOT only with masters.")]
    NotPrimary,
    /// Slots that are on the move already.
    #[error("Slot {0} is being migrated already")]
    OnTheMove(u16),
    /// A slot that was given to a node, which is about to claim it.
    #[error(
        "Slot {0} has gone to node {1}, which can claim it at any time: CLUSTER SETSLOT {0} NODE {1}, said to it, has it do so"
    )]
    LetGo(u16, NodeId),
    /// A slot whose owner has not said that nothing of it is left there.
    #[error("The owner of slot {0} has not let go of it")]
    NotLetGo(u16),
    /// A slot that is to be claimed and was not imported.
    #[error("Slot {0} is not importing")]
    NotImporting(u16),
    /// A slot that is not migrating, or to another node.
    #[error("Slot {0} is not migrating to that node")]
    NotMigrating(u16),
    /// Slots that come from who does not have them.
    #[error("Hash slot {0} is not served by the node it comes from")]
    NotTheirs(u16),
    /// MIGRATESLOTS to a node that has not said where it is reached.
    #[error("The address of the target node is not known")]
    NoAddress,
    /// More transfers than a node takes part in.
    #[error("Too many slot migrations at once")]
    TooManyTransfers,
    /// The transfer is over, or was refused.
    #[error("The slot migration is over")]
    TransferOver,
    /// SET-CONFIG-EPOCH in company.
    #[error("The user can assign a config epoch only when the node does not know any other node.")]
    NotAlone,
    /// SET-CONFIG-EPOCH a second time.
    #[error("Node config epoch is already non-zero")]
    EpochSet,
    /// SET-CONFIG-EPOCH out of bounds.
    #[error("Invalid config epoch specified: {0}")]
    BadEpoch(i64),
}

/// What BUMPEPOCH did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bumped {
    /// The node has a new epoch.
    To(Epoch),
    /// Its epoch was the highest already.
    Still(Epoch),
}

impl Engine {
    /// `CLUSTER MEET`: begins a handshake, if none with that address is under way.
    pub fn meet(&mut self, ip: IpAddr, port: u16, bus_port: u16, now: Moment, rng: &mut Rng) {
        self.begin_handshake(Address { ip: Some(ip), port, bus_port }, true, now, rng);
    }

    /// `CLUSTER FORGET`.
    ///
    /// # Errors
    /// An unknown name or one's own.
    pub fn forget(&mut self, id: NodeId, now: Moment) -> Result<(), Refused> {
        if id == self.topology.my_id() {
            return Err(Refused::ForgetMyself);
        }
        if self.topology.member(id).is_none() {
            return Err(Refused::UnknownNode(id.to_string()));
        }
        if self.topology.me().primary == Some(id) {
            return Err(Refused::ForgetMyPrimary);
        }
        self.forgotten.insert(id, now.after(FORGOTTEN_MS));
        self.drop_member(id, now);
        Ok(())
    }

    /// `CLUSTER REPLICATE`: this node follows a primary from now on. `is_empty`: it holds no key.
    ///
    /// # Errors
    /// The other one is no primary of the cluster, or this node is a primary that owns slots or holds keys.
    pub fn replicate(
        &mut self,
        primary: NodeId,
        is_empty: bool,
        now: Moment,
        rng: &mut Rng,
    ) -> Result<(), Refused> {
        let my_id = self.topology.my_id();
        let Some(member) = self.known(primary) else {
            return Err(Refused::UnknownNode(primary.to_string()));
        };
        if primary == my_id {
            return Err(Refused::ReplicateMyself);
        }
        if !member.is_primary() {
            return Err(Refused::ReplicaOfReplica);
        }
        let me = self.topology.me();
        if me.primary.is_none() && !(me.slots().is_empty() && is_empty) {
            return Err(Refused::NotEmpty);
        }
        self.topology.moves = Moves::default();
        self.topology.primary_moves = Moves::default();
        self.become_replica(primary);
        for id in self.peers_where(Member::joined) {
            self.tell(id, now, rng);
        }
        Ok(())
    }

    /// `CLUSTER ADDSLOTS`, `ADDSLOTSRANGE`.
    ///
    /// # Errors
    /// One of the slots has an owner.
    pub fn add_slots(&mut self, slots: &SlotSet) -> Result<(), Refused> {
        if self.topology.me().primary.is_some() {
            return Err(Refused::OwnsNothing);
        }
        if let Some(busy) = slots.iter().find(|&s| self.topology.owner(s).is_some()) {
            return Err(Refused::Busy(busy.number()));
        }
        let my_id = self.topology.my_id();
        for slot in slots.iter() {
            self.topology.assign(slot, my_id);
            // What was importing is here now.
            self.topology.moves.importing.remove(&slot);
        }
        self.changed();
        Ok(())
    }

    /// `CLUSTER DELSLOTS`, `DELSLOTSRANGE`: this node forgets who owns the slots; others do not.
    ///
    /// # Errors
    /// One of the slots has no owner.
    pub fn delete_slots(&mut self, slots: &SlotSet) -> Result<(), Refused> {
        if let Some(free) = slots.iter().find(|&s| self.topology.owner(s).is_none()) {
            return Err(Refused::Unassigned(free.number()));
        }
        let lost = slots.iter().filter(|&s| self.topology.me().slots().contains(s)).collect();
        for slot in slots.iter() {
            self.topology.unassign(slot);
            self.topology.moves.end(slot);
        }
        self.drop_claims(slots);
        // Slots that were given to a shard that is lost stay here with their keys: an administrator may add them again.
        self.topology.transfers.retain(|_, transfer| {
            if transfer.side == Side::Giving {
                transfer.slots = transfer.slots.minus(slots);
            }
            !transfer.slots.is_empty()
        });
        self.slots_lost(lost);
        self.changed();
        Ok(())
    }

    /// `CLUSTER FLUSHSLOTS`: this node owns none.
    pub fn flush_slots(&mut self) {
        let mine = self.topology.me().slots().clone();
        for slot in mine.iter() {
            self.topology.unassign(slot);
        }
        self.topology.moves = Moves::default();
        self.slots_lost(mine);
        self.changed();
    }

    /// `CLUSTER SETSLOT slot MIGRATING to`: keys that are not here are asked for there.
    ///
    /// # Errors
    /// This node does not own the slot, or does not know the other one.
    pub fn migrate_slot(&mut self, slot: Slot, to: NodeId) -> Result<(), Refused> {
        self.must_be_primary()?;
        if !self.topology.me().slots().contains(slot) {
            return Err(Refused::NotOwner(slot.number()));
        }
        self.not_given(slot)?;
        self.target(to, Refused::Stranger)?;
        // To where it has gone it may go again, or to who was elected there.
        if !self.migrates_to(slot, to) {
            self.not_let_go(slot)?;
        }
        self.topology.moves.migrating.insert(slot, to);
        self.agreement.leaving.remove(&slot);
        self.topology.won.remove(&slot);
        self.marked();
        Ok(())
    }

    /// `CLUSTER SETSLOT slot IMPORTING from`: whoever says ASKING is served.
    ///
    /// # Errors
    /// This node owns the slot, or does not know the other one.
    pub fn import_slot(&mut self, slot: Slot, from: NodeId) -> Result<(), Refused> {
        self.must_be_primary()?;
        if self.topology.me().slots().contains(slot) {
            return Err(Refused::AlreadyOwner(slot.number()));
        }
        self.not_given(slot)?;
        self.target(from, Refused::Stranger)?;
        self.topology.moves.importing.insert(slot, from);
        self.marked();
        Ok(())
    }

    /// `CLUSTER SETSLOT slot STABLE`: it stays where it is.
    ///
    /// # Errors
    /// This node is no primary, or has let go of the slot.
    pub fn keep_slot(&mut self, slot: Slot) -> Result<(), Refused> {
        self.must_be_primary()?;
        self.not_let_go(slot)?;
        if let Some(claim) = self.claim_of(slot) {
            self.claim_not(claim);
        }
        self.not_given(slot)?;
        self.topology.moves.end(slot);
        self.changed();
        Ok(())
    }

    /// `CLUSTER SETSLOT slot NODE to`: the slot has moved, and this is left of it here. Who sent it there lets go of it, and
    /// goes on to send clients after its keys until it hears the other node's claim: if that crashed before it was on its disk, nobody
    /// would own the slot. For the same reason a third node believes the claim alone. Who imported it claims it
    /// ([`Engine::claim_imported`]).
    ///
    /// # Errors
    /// An unknown node, keys of the slot that would be left behind, or a slot that was given to another one.
    pub fn give_slot(&mut self, slot: Slot, to: NodeId, left: Left) -> Result<(), Refused> {
        self.must_be_primary()?;
        self.not_given(slot)?;
        self.target(to, Refused::UnknownNode)?;
        let my_id = self.topology.my_id();
        let was_mine = self.topology.me().slots().contains(slot);
        if self.migrates_to(slot, to) {
            return self.let_go(slot, to, left);
        }
        if was_mine && to != my_id && left != Left::Nothing {
            return Err(Refused::HoldsKeys(slot.number()));
        }
        if to != my_id && self.topology.moves.let_go.contains(&slot) {
            // It was given to another one before, whose claim has not been heard yet, nor that it has given it on.
            return Ok(());
        }
        self.not_let_go(slot)?;
        if self.imports(slot, to) {
            return Err(Refused::NotLetGo(slot.number()));
        }
        if !was_mine && to != my_id && self.topology.owner(slot).is_some() {
            // It is heard from the new owner itself. Who said it before might take the slot from the old one, and the new one not have it.
            return Ok(());
        }
        if left == Left::Nothing {
            self.topology.moves.migrating.remove(&slot);
        }
        self.topology.assign(slot, to);
        if was_mine && to != my_id {
            self.slots_lost([slot].into_iter().collect());
        }
        if to == my_id {
            self.changed();
        } else {
            // Its new owner claims it in a higher epoch.
            self.heard_change();
        }
        Ok(())
    }

    /// Refuses a slot that changes hands as a stream.
    pub(crate) fn not_given(&self, slot: Slot) -> Result<(), Refused> {
        let open = self.topology.transfers.values().filter(|transfer| transfer.side.is_open());
        let moving = open.into_iter().any(|transfer| transfer.slots.contains(slot));
        if moving { Err(Refused::OnTheMove(slot.number())) } else { Ok(()) }
    }

    pub(crate) fn must_be_primary(&self) -> Result<(), Refused> {
        if self.topology.me().primary.is_some() { Err(Refused::NotPrimary) } else { Ok(()) }
    }

    /// Refuses a node that slots cannot go to or come from.
    fn target(&self, id: NodeId, unknown: fn(String) -> Refused) -> Result<(), Refused> {
        let member = self.known(id).ok_or_else(|| unknown(id.to_string()))?;
        if member.is_primary() { Ok(()) } else { Err(Refused::TargetIsReplica) }
    }

    fn known(&self, id: NodeId) -> Option<&Member> {
        self.topology.member(id).filter(|member| member.joined())
    }

    /// `CLUSTER BUMPEPOCH`: a new config epoch without asking anybody, unless this node's is the highest.
    pub fn bump_epoch(&mut self) -> Bumped {
        let (mine, highest) = (self.topology.me().config_epoch, self.topology.highest_epoch());
        if mine != Epoch::default() && mine == highest {
            return Bumped::Still(mine);
        }
        Bumped::To(self.take_new_epoch())
    }

    /// `CLUSTER SET-CONFIG-EPOCH`, for a node that is alone and has none.
    ///
    /// # Errors
    /// It is not, or the number is no epoch.
    pub fn set_config_epoch(&mut self, epoch: i64) -> Result<(), Refused> {
        let number = u64::try_from(epoch).ok().filter(|&e| e <= EPOCH_MAX).ok_or(Refused::BadEpoch(epoch))?;
        if self.topology.len() > 1 {
            return Err(Refused::NotAlone);
        }
        if self.topology.me().config_epoch != Epoch::default() {
            return Err(Refused::EpochSet);
        }
        self.topology.me_mut().config_epoch = Epoch(number);
        self.topology.current_epoch = self.topology.current_epoch.max(Epoch(number));
        self.changed();
        Ok(())
    }

    /// `CLUSTER RESET`: forgets all peers and slots; with a new name, all epochs too.
    pub fn reset(&mut self, new_name: Option<NodeId>, now: Moment, rng: &mut Rng) {
        self.flush_slots();
        let me = self.topology.me_mut();
        // Its old shard goes on without it: this is another one.
        (me.primary, me.term, me.shard) = (None, Epoch::default(), ShardId(random_name(rng)));
        (self.topology.office, self.topology.log_term) = (None, None);
        self.drop_lease();
        for id in self.peers_where(|_| true) {
            self.drop_member(id, now);
        }
        if let Some(name) = new_name {
            self.topology.rename_me(name);
            self.topology.me_mut().config_epoch = Epoch::default();
            self.topology.current_epoch = Epoch::default();
            self.topology.last_vote_epoch = Epoch::default();
        }
        self.forgotten.clear();
        self.topology.forget_shards();
        self.forget_agreement(true);
        self.judge_office();
        self.changed();
    }

    /// The effects of the orders since the last event.
    pub fn effects(&mut self, now: Moment) -> Vec<Effect> {
        self.finish(now)
    }
}
