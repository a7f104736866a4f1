//! Messages that are well formed and lie.

use std::net::IpAddr;

use persistence::StoreId;
use proptest::prelude::*;
use shared::epoch::Epoch;
use shared::limits::{CLUSTER_NODES_MAX, EPOCH_MAX, IN_SYNC_COPIES_MAX};
use shared::node_id::NodeId;
use shared::rt::rng::Rng;
use shared::slot::Slot;
use shared::slot_set::SlotSet;

use super::network::Network;
use crate::gossip::{
    Claim, ClaimAsk, Event, Heartbeat, LinkId, Message, Noted, Rumor, RumoredHealth, TransferAsk, Vote,
    VoteRequest,
};
use crate::topology::describe::WallClock;
use crate::topology::{Address, CopyId, InSync, RunId, ShardId, TransferId, nodes_conf};

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
            shard: self.shard(),
            term: self.epoch(),
            serving: self.rng.below(2) == 0,
            offset: self.rng.below(9),
            stamp: self.rng.below(9_000),
            lease_ms: [0, 1, 1_000, u64::MAX][self.rng.below(4) as usize],
            overruled: self.rng.below(4) == 0,
            priority: 100,
            address: self.address(),
            run: RunId(self.rng.below(3)),
            up: true,
            slots: self.slots(),
            rumors: (0..self.rng.below(20)).map(|_| self.rumor()).collect(),
        }
    }

    fn shard(&mut self) -> ShardId {
        ShardId(self.name())
    }

    fn in_sync(&mut self) -> InSync {
        let copy = |liar: &mut Liar| CopyId {
            node: liar.name(),
            store: StoreId::from_bytes([liar.rng.next_u64() as u8; 20]),
        };
        let copies = (0..self.rng.below(IN_SYNC_COPIES_MAX as u64 + 1)).map(|_| copy(self)).collect();
        InSync { term: self.epoch(), version: self.rng.below(4), copies }
    }

    fn vote_request(&mut self) -> VoteRequest {
        VoteRequest {
            epoch: self.epoch(),
            shard: self.shard(),
            store: StoreId::from_bytes([1; 20]),
            slots: self.slots(),
            config_epoch: self.epoch(),
            noted: (self.rng.below(2) == 0).then(|| self.in_sync()),
            ordered: self.rng.below(2) == 0,
            resigned: (self.rng.below(2) == 0).then(|| self.epoch()),
        }
    }

    fn event(&mut self) -> Event {
        let message = match self.rng.below(15) {
            0 => Message::Ping(self.heartbeat()),
            1 => Message::Pong(self.heartbeat()),
            2 => Message::Meet(self.heartbeat()),
            3 => Message::Fail(self.name()),
            4 => Message::Note(self.shard(), self.in_sync()),
            5 => Message::Noted(self.shard(), Noted { term: self.epoch(), version: self.rng.below(3) }),
            6 => Message::VoteRequest(Box::new(self.vote_request())),
            7 => Message::Vote(Vote { epoch: self.epoch(), shard: self.shard(), noted: self.in_sync() }),
            8 => Message::Handover,
            9 => Message::Resigned(self.epoch()),
            10 => Message::TransferAsk(TransferAsk { id: TransferId(self.name()), slots: self.slots() }),
            11 => Message::TransferNever(TransferId(self.name())),
            12 => {
                let slot = Slot::new(self.rng.below(16_384) as u16).unwrap();
                Message::ClaimAsk(ClaimAsk { id: TransferId(self.name()), slot })
            }
            13 => Message::ClaimAnswer(TransferId(self.name()), self.rng.below(2) == 0),
            _ => Message::Update(Claim {
                node: self.name(),
                config_epoch: self.epoch(),
                shard: self.shard(),
                term: self.epoch(),
                slots: self.slots(),
            }),
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
    fn what_a_stranger_says_changes_nothing(seed: u64) {
        let mut network = Network::formed(3, seed);
        let written = |network: &Network| {
            nodes_conf::render(network.engines[0].topology(), WallClock { started_unix_ms: 0 })
        };
        // No time passes here, so nobody else says anything.
        let before = written(&network);
        let mut liar = Liar { rng: Rng::from_seed(seed), names: (0..3).map(|n| network.id(n)).collect() };
        for _ in 0..60 {
            let event = liar.event();
            let Event::Received { local, remote, message, .. } = event else { continue };
            // A meet is how a node asks to join: that it is asked back is noted, without a name.
            if matches!(message, Message::Meet(_)) {
                continue;
            }
            let (link, sender) = (LinkId::In(1_000), NodeId::from_bytes([9; NodeId::BYTES]));
            network.give(0, Event::Received { link, local, remote, sender, message });
            prop_assert_eq!(&written(&network), &before);
        }
    }

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
                let topology = network.engines[0].topology();
                prop_assert!(topology.shards().count() <= topology.len(), "nobody makes up shards without end");
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
