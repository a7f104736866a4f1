//! What members tell of others.

use shared::limits::CLUSTER_NODES_MAX;
use shared::node_id::NodeId;

use super::engine::Engine;
use super::message::{Rumor, RumoredHealth};
use crate::topology::{Member, Moment, Stage};

impl Engine {
    /// Believes what a member tells: reports of failure, new members, new addresses of nodes that this one cannot reach.
    pub(super) fn hear_rumors(&mut self, sender: NodeId, rumors: &[Rumor], now: Moment) {
        for rumor in rumors {
            if rumor.node == self.topology.my_id() {
                continue;
            }
            if self.topology.member(rumor.node).is_some() {
                self.hear_health(sender, rumor, now);
                self.hear_address(rumor, now);
            } else {
                self.hear_of_stranger(rumor);
            }
        }
    }

    fn hear_health(&mut self, sender: NodeId, rumor: &Rumor, now: Moment) {
        if !self.topology.member(sender).is_some_and(Member::votes) {
            return;
        }
        let Some(member) = self.topology.member_mut(rumor.node) else { return };
        match rumor.health {
            RumoredHealth::Reachable => {
                member.reports.remove(&sender);
            }
            RumoredHealth::Suspected | RumoredHealth::Failed => {
                member.reports.insert(sender, now);
                self.fail_by_majority(rumor.node, now);
            }
        }
    }

    fn hear_address(&mut self, rumor: &Rumor, now: Moment) {
        let Some(address) = rumor.address.filter(|_| rumor.health == RumoredHealth::Reachable) else {
            return;
        };
        let lost = |m: &Member| m.joined() && (!m.reachable() || m.address.is_none());
        if self.topology.member(rumor.node).is_some_and(lost) {
            self.moved(rumor.node, address, now);
        }
    }

    /// A member vouches for a node: no handshake is needed, its name is known.
    fn hear_of_stranger(&mut self, rumor: &Rumor) {
        let Some(address) = rumor.address.filter(|a| a.ip.is_some()) else { return };
        if self.forgotten.contains_key(&rumor.node) || self.topology.len() >= CLUSTER_NODES_MAX {
            return;
        }
        tracing::info!(id = %rumor.node, %address, "heard of a node");
        self.topology.insert(Member::new(rumor.node, Some(address), Stage::Joined));
        self.changed();
    }
}
