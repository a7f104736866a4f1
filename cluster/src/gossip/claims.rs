//! Claims to slots, as heartbeats carry them, and epochs that collide.

use shared::epoch::Epoch;
use shared::node_id::NodeId;
use shared::slot_set::SlotSet;

use super::engine::Engine;
use super::event::LinkId;
use super::message::{Claim, Heartbeat, Message};
use super::receive::Packet;

impl Engine {
    /// A member says which slots it owns: it gets what its epoch gives it, and is told if it is behind.
    pub(super) fn hear_claims(&mut self, packet: Packet, heartbeat: &Heartbeat) {
        if let Some(member) = self.topology.member(packet.sender)
            && self.is_overtaken(member)
        {
            // Another copy of its shard was elected since: whatever its config epoch, it owns nothing.
            let newer = self.topology.primary_of(member.shard).map(|primary| primary.id);
            if let Some(newer) = newer.filter(|newer| *newer != packet.sender) {
                self.correct(packet, newer);
            }
            return;
        }
        // What it said before it took a newer epoch may come later than what it says since.
        if self
            .topology
            .member(packet.sender)
            .is_none_or(|member| heartbeat.config_epoch < member.config_epoch)
        {
            return;
        }
        let outcome = self.topology.claim(packet.sender, heartbeat.config_epoch, &heartbeat.slots);
        self.hear_disclaim(packet.sender, &heartbeat.slots);
        if outcome.changed {
            self.heard_change();
        }
        self.slots_lost_to(heartbeat.config_epoch, outcome.lost);
        if let Some(owner) = outcome.overruled_by {
            self.correct(packet, owner);
        }
        self.settle_collision(packet.sender, heartbeat);
    }

    /// A member says that somebody owns slots since a higher epoch than this node knew; or that it does itself, since the same one.
    pub(super) fn told_of_claim(&mut self, sender: NodeId, claim: &Claim) {
        if claim.node == self.topology.my_id() {
            return;
        }
        let Some(member) = self.topology.member_mut(claim.node) else { return };
        let is_known = member.config_epoch == claim.config_epoch;
        if !member.joined() || member.config_epoch > claim.config_epoch || is_known && sender != claim.node {
            return;
        }
        member.config_epoch = claim.config_epoch;
        (member.shard, member.term, member.primary) = (claim.shard, member.term.max(claim.term), None);
        self.heard_change();
        self.heard_primary(claim.node, claim.shard, claim.term);
        if self.topology.member(claim.node).is_none_or(|member| self.is_overtaken(member)) {
            return;
        }
        let outcome = self.topology.claim(claim.node, claim.config_epoch, &claim.slots);
        if !is_known {
            self.hear_disclaim(claim.node, &claim.slots);
        }
        self.slots_lost_to(claim.config_epoch, outcome.lost);
    }

    /// Slots of this node are another one's since this epoch. What was let go may be so in an older one than this node's: if that were
    /// forgotten, this node would claim it anew, and be believed.
    fn slots_lost_to(&mut self, epoch: Epoch, lost: SlotSet) {
        if !lost.is_empty() && epoch <= self.topology.me().config_epoch {
            self.changed();
        }
        self.slots_lost(lost);
    }

    /// A member says what it claims, and by that what it does not claim any more. What this node's own shard gives away is told to it
    /// with the log, in order: who is elected meanwhile must not believe that it is another's already.
    fn hear_disclaim(&mut self, id: NodeId, claimed: &SlotSet) {
        if self.topology.me().primary != Some(id) {
            self.topology.disclaim(id, claimed);
        }
    }

    /// Tells a node with a stale claim who owns the slot now.
    fn correct(&mut self, packet: Packet, owner: NodeId) {
        let Some(owner) = self.topology.member(owner) else { return };
        let claim = Claim::of(&self.topology, owner);
        let link = self.topology.member(packet.sender).and_then(|m| m.contact.open_link());
        self.send(link.map_or(packet.link, LinkId::Out), Message::Update(claim));
    }

    /// Two primaries with one config epoch: the one with the smaller name takes a new epoch (Redis Cluster specification,
    /// "configEpoch conflicts resolution algorithm").
    fn settle_collision(&mut self, sender: NodeId, heartbeat: &Heartbeat) {
        let me = self.topology.me();
        if me.primary.is_some()
            || self.is_overtaken(me)
            || heartbeat.config_epoch != me.config_epoch
            || sender <= me.id
        {
            return;
        }
        let epoch = self.take_new_epoch();
        tracing::info!(%sender, %epoch, "config epoch collision: took a new one");
    }
}
