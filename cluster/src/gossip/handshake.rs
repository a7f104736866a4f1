//! How a stranger becomes a member: it is addressed under a random name, and gets its own with the first pong.

use shared::limits::CLUSTER_NODES_MAX;
use shared::node_id::NodeId;
use shared::rt::rng::Rng;

use super::engine::Engine;
use super::event::LinkId;
use super::message::Heartbeat;
use super::receive::Packet;
use crate::topology::{Address, Member, Moment, Stage};

impl Engine {
    /// Begins a handshake; false if one with that address is under way or the cluster is full.
    pub(super) fn begin_handshake(
        &mut self,
        address: Address,
        meet: bool,
        now: Moment,
        rng: &mut Rng,
    ) -> bool {
        let same = |p: &Member| !p.joined() && p.address.and_then(|a| a.bus()) == address.bus();
        if self.topology.len() >= CLUSTER_NODES_MAX || self.topology.peers().any(same) {
            return false;
        }
        let stage = Stage::Handshake { since: now, meet };
        self.topology.insert(Member::new(random_name(rng), Some(address), stage));
        true
    }

    /// A stranger sent MEET: this node asks back, and learns from the pong who it is.
    pub(super) fn meet_stranger(&mut self, packet: Packet, told: Address, now: Moment, rng: &mut Rng) {
        if self.topology.member(packet.sender).is_none() {
            self.begin_handshake(packet.address(told), false, now, rng);
        }
    }

    /// Settles who answers on an outgoing link. False if the pong is not to be believed: it belongs to no link of ours, or comes
    /// from another node than the link is for.
    pub(super) fn identify(&mut self, packet: Packet, heartbeat: &Heartbeat, now: Moment) -> bool {
        let LinkId::Out(link) = packet.link else { return false };
        let Some(member) = self.links.get(&link).and_then(|&id| self.topology.member(id)) else {
            return false;
        };
        let expected = member.id;
        match member.stage {
            Stage::Joined if expected == packet.sender => true,
            Stage::Joined => {
                tracing::warn!(id = %expected, found = %packet.sender, "another node answers at this address");
                self.lose_address(expected, now);
                false
            }
            Stage::Handshake { .. } if self.topology.member(packet.sender).is_some() => {
                // Known already: met twice, or this very node. Maybe it has moved.
                if self.is_member(packet.sender) && !self.refuses(packet, heartbeat, now) {
                    self.moved(packet.sender, packet.address(heartbeat.address), now);
                }
                self.drop_member(expected, now);
                false
            }
            Stage::Handshake { .. } => {
                tracing::info!(id = %packet.sender, "handshake completed");
                self.topology.rename(expected, packet.sender);
                self.links.insert(link, packet.sender);
                self.forgotten.remove(&packet.sender);
                self.heard(packet.sender, now);
                self.changed();
                true
            }
        }
    }

    fn lose_address(&mut self, id: NodeId, now: Moment) {
        self.close_link(id, now);
        if let Some(member) = self.topology.member_mut(id) {
            member.address = None;
            // Nobody can be asked any more: the wait begins here, if it has not yet.
            member.contact.ping_sent.get_or_insert(now);
        }
        self.changed();
    }
}

/// A name for a node whose own is not known yet.
pub(super) fn random_name(rng: &mut Rng) -> NodeId {
    let mut bytes = [0; NodeId::BYTES];
    for chunk in bytes.chunks_mut(8) {
        let word = rng.next_u64().to_le_bytes();
        chunk.copy_from_slice(&word[..chunk.len()]);
    }
    NodeId::from_bytes(bytes)
}
