//! Making pings, pongs and meets: what a node says of itself, and rumors about a few others.

use shared::node_id::NodeId;
use shared::rt::rng::Rng;

use super::engine::Engine;
use super::message::{Heartbeat, Rumor, RumoredHealth};
use super::tick::shuffle_front;
use crate::topology::{Address, Health, Member, Moment};

/// Least number of rumors in a heartbeat, if there are so many others.
const RUMORS_MIN: usize = 3;
/// One of so many nodes is talked about: enough for failure reports to meet within their validity (Redis, `clusterSendPing`).
const RUMORS_SHARE: usize = 10;

impl Engine {
    /// What this node says now to `to`, or to a stranger.
    pub(super) fn heartbeat(&self, to: Option<NodeId>, now: Moment, rng: &mut Rng) -> Heartbeat {
        let me = self.topology.me();
        let known = me.address.unwrap_or(Address { ip: None, port: 0, bus_port: 0 });
        Heartbeat {
            current_epoch: self.topology.current_epoch,
            config_epoch: me.config_epoch,
            primary: me.primary,
            shard: me.shard,
            term: me.term,
            serving: self.is_serving(),
            offset: self.offset_of(me),
            stamp: now.as_ms(),
            lease_ms: self.lease_to_ask(),
            overruled: false,
            priority: self.settings.replica_priority,
            // Only an announced IP is told: else the one a peer sees is right from where it stands.
            address: Address { ip: self.settings.announce_ip, ..known },
            run: self.run,
            up: self.up(),
            slots: self.topology.claimed_by(me),
            rumors: self.rumors_for(to, rng),
        }
    }

    /// Every suspected node first, since a majority waits for these reports; then a random share of the others.
    fn rumors_for(&self, to: Option<NodeId>, rng: &mut Rng) -> Vec<Rumor> {
        let worth_telling = |p: &&Member| p.joined() && Some(p.id) != to && p.address.is_some();
        let (mut told, mut others): (Vec<&Member>, Vec<&Member>) =
            self.topology.peers().filter(worth_telling).partition(|p| p.health == Health::Suspected);
        // One without link and slots is most likely gone; why spread it.
        others.retain(|p| p.contact.open_link().is_some() || !p.slots().is_empty());
        let wanted = (self.topology.len() / RUMORS_SHARE).max(RUMORS_MIN).min(others.len());
        shuffle_front(&mut others, wanted, rng);
        told.extend(&others[..wanted]);
        told.into_iter().map(rumor).collect()
    }
}

fn rumor(member: &Member) -> Rumor {
    let health = match member.health {
        Health::Reachable => RumoredHealth::Reachable,
        Health::Suspected => RumoredHealth::Suspected,
        Health::Failed { .. } => RumoredHealth::Failed,
    };
    Rumor { node: member.id, address: member.address, health }
}
