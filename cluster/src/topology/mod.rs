//! What a node knows about its cluster: who is in it, who owns which slot, and in which epoch.
//!
//! Pure: no IO and no clock. The gossip engine changes it, `CLUSTER` commands read it, [`nodes_conf`] keeps it on disk.
//!
//! # Layout
//!
//! - [`member`], [`contact`], [`address`]: one node as another knows it.
//! - [`claim`]: which of two claims to a slot holds; [`moves`]: slots on the move.
//! - [`transfer`]: slots that change hands between two shards as a stream.
//! - [`shard`]: what is kept about a primary and its replicas, so that a failover loses nothing.
//! - [`nodes_conf`], [`describe`]: the text of `nodes.conf` and `CLUSTER NODES`.
//! - [`view`]: who serves a slot, as the request path reads it.
//! - [`moment`]: the clock that delays are measured on.

pub mod address;
pub mod claim;
pub mod contact;
pub mod describe;
pub mod member;
pub mod moment;
pub mod moves;
pub mod nodes_conf;
pub mod shard;
pub mod transfer;
pub mod view;

use std::collections::BTreeMap;

use shared::epoch::Epoch;
use shared::limits::SLOTS;
use shared::node_id::NodeId;
use shared::slot::Slot;
use shared::slot_set::SlotSet;

pub use address::Address;
pub use claim::ClaimOutcome;
pub use contact::{Contact, Link, RunId};
pub use member::{Health, Member, Stage};
pub use moment::Moment;
pub use moves::Moves;
pub use shard::{CopyId, InSync, Office, Shard, ShardId};
pub use transfer::{Side, Transfer, TransferId, Transfers};

/// The cluster as one node knows it. That node is always a member.
#[derive(Debug, Clone)]
pub struct Topology {
    my_id: NodeId,
    /// In the order of ids, so that nothing depends on a hash.
    members: BTreeMap<NodeId, Member>,
    /// Owner of each slot: the same fact as the members' slot sets, seen from the slot.
    owners: Box<[Option<NodeId>]>,
    /// Which slots of this node are on the move.
    pub moves: Moves,
    /// Which slots of the primary that this node follows are migrating, as that one has told: who is elected in its place goes on so.
    pub primary_moves: Moves,
    /// The highest epoch this node has heard of.
    pub current_epoch: Epoch,
    /// The epoch of this node's last vote; kept in `nodes.conf` since a vote must never be given twice.
    pub last_vote_epoch: Epoch,
    /// What this node has noted and voted about shards. Shards that it has nothing to say of are left out.
    shards: BTreeMap<ShardId, Shard>,
    /// The term of the primary that this node's log was last in sync with, if ever; its own, of a primary.
    pub log_term: Option<Epoch>,
    /// The office of this node, if it is a primary and its log was opened once.
    pub office: Option<Office>,
    /// The transfers of this node's shard.
    pub transfers: Transfers,
    /// Slots that their owner, as this node knows it, does not claim any more: whoever claims them next gets them.
    disclaimed: SlotSet,
    /// Slots of this node that came key by key, and from which shard, until its primary is heard not to claim them any more.
    pub won: BTreeMap<Slot, ShardId>,
}

impl Topology {
    /// A cluster of one node without slots.
    pub fn new(my_id: NodeId, address: Address) -> Topology {
        let me = Member::new(my_id, Some(address), Stage::Joined);
        Topology {
            my_id,
            members: BTreeMap::from([(my_id, me)]),
            owners: vec![None; SLOTS].into(),
            moves: Moves::default(),
            primary_moves: Moves::default(),
            current_epoch: Epoch::default(),
            last_vote_epoch: Epoch::default(),
            shards: BTreeMap::new(),
            log_term: None,
            office: None,
            transfers: Transfers::new(),
            disclaimed: SlotSet::new(),
            won: BTreeMap::new(),
        }
    }

    /// The name of this node.
    pub fn my_id(&self) -> NodeId {
        self.my_id
    }

    /// This node.
    pub fn me(&self) -> &Member {
        // The constructors put it in and `remove` refuses it.
        &self.members[&self.my_id]
    }

    /// This node, to change it.
    pub fn me_mut(&mut self) -> &mut Member {
        let me = Member::new(self.my_id, None, Stage::Joined);
        self.members.entry(self.my_id).or_insert(me)
    }

    /// A node by name.
    pub fn member(&self, id: NodeId) -> Option<&Member> {
        self.members.get(&id)
    }

    /// A node by name, to change it.
    pub fn member_mut(&mut self, id: NodeId) -> Option<&mut Member> {
        self.members.get_mut(&id)
    }

    /// Every node in the order of names, this one and those in handshake included.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.values()
    }

    /// Every node but this one, to change them, in the order of names.
    pub fn peers_mut(&mut self) -> impl Iterator<Item = &mut Member> {
        let my_id = self.my_id;
        self.members.values_mut().filter(move |m| m.id != my_id)
    }

    /// Every node but this one, in the order of names.
    pub fn peers(&self) -> impl Iterator<Item = &Member> {
        self.members.values().filter(|m| m.id != self.my_id)
    }

    /// The replicas of a primary, in the order of names.
    pub fn replicas(&self, primary: NodeId) -> impl Iterator<Item = &Member> {
        self.members.values().filter(move |m| m.joined() && m.primary == Some(primary))
    }

    /// The primary that this node follows.
    pub fn my_primary(&self) -> Option<&Member> {
        self.me().primary.and_then(|id| self.members.get(&id))
    }

    /// How many nodes it knows, this one and those in handshake included.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Never: this node is always in.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Nodes that own slots: the size of the cluster whose majority decides.
    pub fn size(&self) -> usize {
        self.members.values().filter(|m| m.votes()).count()
    }

    /// How many of them decide.
    pub fn majority(&self) -> usize {
        self.size() / 2 + 1
    }

    /// What this node keeps about a shard.
    pub fn shard(&self, id: ShardId) -> Option<&Shard> {
        self.shards.get(&id)
    }

    /// The same, to note something.
    pub fn shard_mut(&mut self, id: ShardId) -> &mut Shard {
        self.shards.entry(id).or_default()
    }

    /// All that it keeps.
    pub fn shards(&self) -> impl Iterator<Item = (ShardId, &Shard)> {
        self.shards.iter().filter(|(_, shard)| !shard.is_blank()).map(|(&id, shard)| (id, shard))
    }

    /// Forgets what it kept about shards without members: nobody will ask for that any more. So there are no more than members.
    pub fn forget_memberless_shards(&mut self) {
        self.shards.retain(|shard, _| self.members.values().any(|member| member.shard == *shard));
    }

    /// Forgets what it kept about all shards.
    pub fn forget_shards(&mut self) {
        self.shards.clear();
    }

    /// The primary of a shard, as far as this node knows: the one of the highest term.
    pub fn primary_of(&self, shard: ShardId) -> Option<&Member> {
        self.members
            .values()
            .filter(|m| m.is_primary() && m.shard == shard)
            .max_by_key(|m| (m.term, m.config_epoch))
    }

    /// Adds a node; nothing if the name is known already.
    pub fn insert(&mut self, member: Member) {
        debug_assert!(member.slots.is_empty(), "slots are assigned, not brought along");
        self.members.entry(member.id).or_insert(member);
    }

    /// Forgets a node and its slots. This node itself stays.
    pub fn remove(&mut self, id: NodeId) -> Option<Member> {
        if id == self.my_id {
            return None;
        }
        let member = self.members.remove(&id)?;
        let heir =
            self.primary_of(member.shard).filter(|heir| heir.shard != self.me().shard).map(|heir| heir.id);
        self.moves.forget(id, heir);
        self.primary_moves.forget(id, heir);
        for slot in member.slots.iter() {
            self.owners[slot.index()] = None;
        }
        self.forget_memberless_shards();
        Some(member)
    }

    /// Gives a node of the handshake its true name.
    pub fn rename(&mut self, temporary: NodeId, id: NodeId) {
        if self.members.contains_key(&id) {
            return;
        }
        if let Some(mut member) = self.members.remove(&temporary) {
            member.id = id;
            member.shard = ShardId(id);
            member.stage = Stage::Joined;
            self.members.insert(id, member);
        }
    }

    /// Gives this node another name, as `CLUSTER RESET HARD` does; only while it owns nothing.
    pub fn rename_me(&mut self, id: NodeId) {
        if let Some(mut me) = self.members.remove(&self.my_id) {
            debug_assert!(me.slots.is_empty());
            me.id = id;
            me.shard = ShardId(id);
            self.my_id = id;
            self.members.insert(id, me);
        }
    }

    /// Who owns a slot.
    pub fn owner(&self, slot: Slot) -> Option<&Member> {
        self.owners[slot.index()].and_then(|id| self.members.get(&id))
    }

    /// Gives a slot to a known primary, whoever had it. Unknown names change nothing, nor do those of replicas.
    pub fn assign(&mut self, slot: Slot, id: NodeId) {
        if self.members.get(&id).is_none_or(|member| member.primary.is_some()) {
            return;
        }
        self.unassign(slot);
        self.disclaimed.remove(slot);
        self.owners[slot.index()] = Some(id);
        if let Some(member) = self.members.get_mut(&id) {
            member.slots.insert(slot);
        }
    }

    /// Takes a slot from whoever has it; true if somebody had.
    pub fn unassign(&mut self, slot: Slot) -> bool {
        self.won.remove(&slot);
        let Some(id) = self.owners[slot.index()].take() else { return false };
        if let Some(member) = self.members.get_mut(&id) {
            member.slots.remove(slot);
        }
        true
    }

    /// The slots that a member claims as far as this node knows: those it owns and has not given away since.
    pub fn claimed_by(&self, member: &Member) -> SlotSet {
        let of_mine = member.id == self.my_id || self.me().primary == Some(member.id);
        let claimed = self.owned_for_certain(member);
        if of_mine { claimed.minus(&self.given()) } else { claimed }
    }

    /// The slots of a member, without those that it does not claim any more.
    pub fn owned_for_certain(&self, member: &Member) -> SlotSet {
        member.slots.minus(&self.disclaimed)
    }

    /// What this node's shard gives away, as far as that is not settled.
    pub fn given(&self) -> SlotSet {
        let giving = self.transfers.values().filter(|transfer| transfer.side == Side::Giving);
        giving.flat_map(|transfer| transfer.slots.iter()).collect()
    }

    /// What came to this shard key by key and is about to be claimed.
    pub fn claiming(&self) -> impl Iterator<Item = Slot> {
        let claiming = self.transfers.values().filter(|transfer| transfer.side == Side::Claiming);
        claiming.flat_map(|transfer| transfer.slots.iter())
    }

    /// What this shard gives to another one, as far as that is not settled.
    pub fn given_to(&self, shard: ShardId) -> SlotSet {
        let given = |transfer: &&Transfer| transfer.side == Side::Giving && transfer.shard == shard;
        self.transfers.values().filter(given).flat_map(|transfer| transfer.slots.iter()).collect()
    }

    /// A member says all that it claims: what else it owns as far as this node knows goes to whoever claims it next.
    pub fn disclaim(&mut self, id: NodeId, claimed: &SlotSet) {
        let Some(member) = self.members.get(&id) else { return };
        let given_up = member.slots.minus(claimed);
        claimed.iter().filter(|slot| member.slots.contains(*slot)).for_each(|slot| {
            self.disclaimed.remove(slot);
        });
        given_up.iter().for_each(|slot| {
            self.disclaimed.insert(slot);
        });
    }

    /// Whether its owner does not claim it any more.
    pub fn is_disclaimed(&self, slot: Slot) -> bool {
        self.disclaimed.contains(slot)
    }

    /// Slots somebody owns.
    pub fn assigned(&self) -> usize {
        self.members.values().map(|m| m.slots.len()).sum()
    }

    /// Slots whose owner is not known to have failed.
    pub fn served(&self) -> usize {
        let failed = |m: &&Member| matches!(m.health, Health::Failed { .. });
        self.members.values().filter(|m| !failed(m)).map(|m| m.slots.len()).sum()
    }

    /// The highest config epoch of any node.
    pub fn highest_epoch(&self) -> Epoch {
        let claimed = self.members.values().map(|m| m.config_epoch).max().unwrap_or_default();
        claimed.max(self.current_epoch)
    }

    /// All slots nobody owns.
    pub fn unassigned(&self) -> SlotSet {
        Slot::all().filter(|s| self.owners[s.index()].is_none()).collect()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn id(n: u8) -> NodeId {
        NodeId::from_bytes([n; NodeId::BYTES])
    }

    pub(crate) fn address(n: u8) -> Address {
        Address { ip: Some([127, 0, 0, n].into()), port: 7000, bus_port: 17000 }
    }

    pub(crate) fn three_nodes() -> Topology {
        let mut topology = Topology::new(id(1), address(1));
        for n in 2..=3 {
            topology.insert(Member::new(id(n), Some(address(n)), Stage::Joined));
        }
        topology
    }

    fn agree(topology: &Topology) {
        for slot in Slot::all() {
            let holders: Vec<_> =
                topology.members().filter(|m| m.slots.contains(slot)).map(|m| m.id).collect();
            assert_eq!(holders.first().copied(), topology.owner(slot).map(|m| m.id));
            assert!(holders.len() <= 1);
        }
    }

    #[test]
    fn a_slot_has_one_owner_and_both_sides_agree() {
        let mut topology = three_nodes();
        let slot = Slot::new(7).unwrap();
        topology.assign(slot, id(2));
        topology.assign(slot, id(3));
        agree(&topology);
        assert_eq!(topology.owner(slot).unwrap().id, id(3));
        topology.remove(id(3));
        agree(&topology);
        assert!(topology.owner(slot).is_none());
        topology.assign(slot, id(9));
        assert!(topology.owner(slot).is_none());
        topology.member_mut(id(2)).unwrap().primary = Some(id(1));
        topology.assign(slot, id(2));
        agree(&topology);
        assert!(topology.owner(slot).is_none(), "a replica owns nothing");
    }

    #[test]
    fn a_node_cannot_forget_itself() {
        let mut topology = three_nodes();
        assert!(topology.remove(id(1)).is_none());
        assert_eq!(topology.me().id, id(1));
    }

    #[test]
    fn a_renamed_node_is_known_by_its_true_name_only() {
        let mut topology = three_nodes();
        let handshake = Stage::Handshake { since: Moment::default(), meet: true };
        topology.insert(Member::new(id(50), Some(address(50)), handshake));
        topology.rename(id(50), id(4));
        assert!(topology.member(id(50)).is_none() && topology.member(id(4)).unwrap().joined());
    }
}
