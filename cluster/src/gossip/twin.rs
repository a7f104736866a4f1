//! Two processes under one name: somebody copied a node's folder. The one that this node knows stays, as long as it lives.

use std::net::SocketAddr;

use shared::node_id::NodeId;

use super::effect::Effect;
use super::engine::Engine;
use super::message::Heartbeat;
use super::receive::Packet;
use crate::topology::{Address, Moment, RunId};

impl Engine {
    /// Whether another process says this than the member that it says to be; its link is closed then, and nothing of it is believed.
    pub(super) fn refuses(&mut self, packet: Packet, said: &Heartbeat, now: Moment) -> bool {
        let (id, address) = (packet.sender, packet.address(said.address));
        if !self.is_twin(id, said.run, address, now) {
            return false;
        }
        if let Some(member) = self.topology.member_mut(id)
            && member.contact.twin != Some(address)
        {
            member.contact.twin = Some(address);
            let lives = member.address.map(|address| address.to_string());
            tracing::warn!(%id, ?lives, refused = %address, "two nodes have one id: this one is not believed");
        }
        self.effect(Effect::Close(packet.link));
        true
    }

    /// Whether the process at this address is another one than the member of this name, which lives: it answers, or is promised something.
    /// A node that starts anew where it was is no twin, nor one that starts elsewhere once it is silent for the node timeout.
    fn is_twin(&self, id: NodeId, run: RunId, address: Address, now: Moment) -> bool {
        if id == self.topology.my_id() {
            return run != self.run;
        }
        let Some(member) = self.topology.member(id) else { return false };
        let contact = &member.contact;
        if contact.run.is_none_or(|known| known == run) || member.address.is_none_or(|known| known == address)
        {
            return false;
        }
        let answered = |at| now.since(at) <= self.settings.node_timeout_ms;
        contact.pong_received.is_some_and(answered) || self.has_promised(id, now)
    }

    /// Whether a replica that links is the member that it says to be, so far as this node can tell: the process that gossip knows, or one
    /// that starts anew where it was.
    pub(crate) fn may_link(&self, id: NodeId, run: RunId, from: SocketAddr) -> bool {
        let Some(member) = self.topology.member(id) else { return true };
        let there =
            member.address.is_some_and(|known| known.ip == Some(from.ip()) && known.port == from.port());
        member.contact.run.is_none_or(|known| known == run) || there
    }

    /// Which process this is.
    pub fn run(&self) -> RunId {
        self.run
    }
}
