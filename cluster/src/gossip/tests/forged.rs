//! Messages that are well formed and lie.

use std::net::IpAddr;

use proptest::prelude::*;
use shared::epoch::Epoch;
use shared::limits::{CLUSTER_NODES_MAX, EPOCH_MAX};
use shared::node_id::NodeId;
use shared::rt::rng::Rng;
use shared::slot::Slot;
use shared::slot_set::SlotSet;

use super::network::Network;
use crate::gossip::{Claim, Event, Heartbeat, LinkId, Message, Rumor, RumoredHealth};
use crate::topology::describe::WallClock;
use crate::topology::{Address, nodes_conf};

/// Makes up messages: names that are known, one's own and strangers'; any epoch, slots and health.
struct Liar {
    rng: Rng,
    names: Vec<NodeId>,
}

impl Liar {
    fn name(&mut self) -> NodeId {
        let known = self.rng.below(self.names.len() as u64 + 1) as usize;
        self.names.get(known).copied().unwrap_or_else(|| NodeId::from_bytes([self.rng.next_u64() as u8; 20]))
    }

    fn epoch(&mut self) -> Epoch {
        Epoch([0, 1, 5, EPOCH_MAX][self.rng.below(4) as usize])
    }

    fn address(&mut self) -> Address {
        let ip = (self.rng.below(3) > 0).then(|| IpAddr::from([127, 0, 0, self.rng.next_u64() as u8]));
        Address { ip, port: 1 + self.rng.below(9) as u16, bus_port: 17_000 }
    }

    fn slots(&mut self) -> SlotSet {
        let modulus = 1 + self.rng.below(5_000) as usize;
        Slot::all().filter(|slot| slot.index().is_multiple_of(modulus)).collect()
    }

    fn rumor(&mut self) -> Rumor {
        let health = [RumoredHealth::Reachable, RumoredHealth::Suspected, RumoredHealth::Failed];
        let address = (self.rng.below(4) > 0).then(|| self.address());
        Rumor { node: self.name(), address, health: health[self.rng.below(3) as usize] }
    }

    fn heartbeat(&mut self) -> Heartbeat {
        Heartbeat {
            current_epoch: self.epoch(),
            config_epoch: self.epoch(),
            primary: (self.rng.below(3) == 0).then(|| self.name()),
            address: self.address(),
            up: true,
            slots: self.slots(),
            rumors: (0..self.rng.below(20)).map(|_| self.rumor()).collect(),
        }
    }

    fn event(&mut self) -> Event {
        let message = match self.rng.below(5) {
            0 => Message::Ping(self.heartbeat()),
            1 => Message::Pong(self.heartbeat()),
            2 => Message::Meet(self.heartbeat()),
            3 => Message::Fail(self.name()),
            _ => {
                Message::Update(Claim { node: self.name(), config_epoch: self.epoch(), slots: self.slots() })
            }
        };
        let number = self.rng.below(20);
        let link = if self.rng.below(2) == 0 { LinkId::Out(number) } else { LinkId::In(number) };
        let (local, remote) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2]));
        Event::Received { link, local, remote, sender: self.name(), message }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn no_lie_breaks_what_a_node_knows(seed: u64) {
        let mut network = Network::formed(3, seed);
        let me = network.id(0);
        let mut liar = Liar { rng: Rng::from_seed(seed), names: (0..3).map(|n| network.id(n)).collect() };
        for _ in 0..60 {
            let event = liar.event();
            network.give(0, event);
            if liar.rng.below(10) == 0 {
                network.give(0, Event::Tick);
            }
            let topology = network.engines[0].topology();
            prop_assert_eq!(topology.my_id(), me);
            prop_assert!(topology.len() <= CLUSTER_NODES_MAX && topology.highest_epoch() <= Epoch(EPOCH_MAX));
            let owned: usize = topology.members().map(|m| m.slots().len()).sum();
            let by_slot = Slot::all().filter(|&slot| topology.owner(slot).is_some()).count();
            prop_assert_eq!(owned, by_slot, "each slot has at most one owner, and both sides agree");
            let text = nodes_conf::render(topology, WallClock { started_unix_ms: 0 });
            let read = nodes_conf::parse(&text).map(drop);
            prop_assert_eq!(read, Ok(()), "what it writes down it can read when it is started again");
        }
    }
}
