//! A network in memory: links break, messages are lost and overtake each other, as the seed says.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use shared::node_id::NodeId;
use shared::rt::rng::Rng;
use shared::slot::Slot;
use shared::slot_set::SlotSet;

use crate::failover::LogStatus;
use crate::gossip::engine::TICK_MS;
use crate::gossip::{Effect, Engine, Event, LinkId, Message, Settings};
use crate::topology::{Address, Health, Member, Moment, RunId, Topology};

pub(crate) const TIMEOUT_MS: u64 = 1_000;

enum Delivery {
    Tick,
    Connect { link: u64, to: usize },
    Closed { link: u64 },
    Message { link: LinkId, remote: usize, sender: NodeId, message: Message },
}

/// Several engines and what travels between them.
pub(crate) struct Network {
    pub(crate) engines: Vec<Engine>,
    pub(crate) now: u64,
    /// Percent of messages that vanish.
    pub(crate) loss: u64,
    /// Longest time a message takes, milliseconds.
    pub(crate) delay_ms_max: u64,
    /// Nodes that neither hear nor speak.
    pub(crate) silent: Vec<bool>,
    /// Slots each node was told to have lost.
    pub(crate) lost: Vec<SlotSet>,
    /// What is in each node's `nodes.conf`.
    pub(crate) saved: Vec<Topology>,
    /// How the log of each node does, as it is told with every tick.
    pub(crate) logs: Vec<LogStatus>,
    /// What nodes are to do in their shards, oldest first.
    pub(crate) moves: Vec<(usize, Effect)>,
    /// From whom to whom nothing arrives.
    pub(crate) blocked: BTreeSet<(usize, usize)>,
    /// Links that stand and carry nothing from this end, for ever.
    dead: BTreeSet<(usize, LinkId)>,
    rng: Rng,
    due: BTreeMap<(u64, u64), (usize, Delivery)>,
    sequence: u64,
    /// The other end of (node, link).
    ends: BTreeMap<(usize, LinkId), (usize, LinkId)>,
    next_incoming: u64,
}

pub(crate) fn settings() -> Settings {
    Settings {
        node_timeout_ms: TIMEOUT_MS,
        require_full_coverage: true,
        announce_ip: None,
        replica_priority: 100,
        replica_no_failover: false,
        allow_replica_migration: false,
        migration_barrier: 1,
    }
}

/// The engine of a node that starts with this on its disk.
fn engine(topology: Topology, log: LogStatus, run: RunId, now: Moment) -> Engine {
    let mut engine = Engine::new(topology, settings(), run, now);
    engine.opened(log);
    engine.led();
    engine
}

fn ip(node: usize) -> IpAddr {
    IpAddr::from([127, 0, 0, node as u8 + 1])
}

impl Network {
    /// Nodes that know nobody, not even their own IP.
    pub(crate) fn new(nodes: usize, seed: u64) -> Network {
        let mut network = Network {
            engines: Vec::new(),
            now: 0,
            loss: 0,
            delay_ms_max: 2,
            silent: vec![false; nodes],
            lost: vec![SlotSet::new(); nodes],
            saved: Vec::new(),
            logs: vec![LogStatus::default(); nodes],
            moves: Vec::new(),
            blocked: BTreeSet::new(),
            dead: BTreeSet::new(),
            rng: Rng::from_seed(seed),
            due: BTreeMap::new(),
            sequence: 0,
            ends: BTreeMap::new(),
            next_incoming: 0,
        };
        for node in 0..nodes {
            let mut name = [0; NodeId::BYTES];
            name.iter_mut().for_each(|byte| *byte = network.rng.next_u64() as u8);
            let address = Address { ip: None, port: 7000, bus_port: 17000 };
            let topology = Topology::new(NodeId::from_bytes(name), address);
            network.saved.push(topology.clone());
            let run = RunId(network.rng.next_u64());
            network.engines.push(engine(topology, LogStatus::default(), run, Moment::default()));
            network.post(node, network.rng.clone().below(TICK_MS), Delivery::Tick);
        }
        network
    }

    /// A cluster whose nodes have met and share the slots evenly.
    pub(crate) fn formed(nodes: usize, seed: u64) -> Network {
        let mut network = Network::new(nodes, seed);
        network.share_slots();
        network.meet_all();
        assert!(network.run_until(20_000, Network::all_up), "seed {seed}: the cluster did not form");
        network
    }

    pub(crate) fn id(&self, node: usize) -> NodeId {
        self.engines[node].topology().my_id()
    }

    pub(crate) fn share_slots(&mut self) {
        self.share_slots_of(self.engines.len());
    }

    /// Shares the slots between the first nodes.
    pub(crate) fn share_slots_of(&mut self, nodes: usize) {
        for node in 0..nodes {
            let share: SlotSet = Slot::all().filter(|s| s.index() * nodes / 16_384 == node).collect();
            self.order(node, |engine, _, _| engine.add_slots(&share).unwrap());
            self.order(node, |engine, _, _| engine.set_config_epoch(node as i64 + 1).unwrap());
        }
    }

    pub(crate) fn meet_all(&mut self) {
        for other in 1..self.engines.len() {
            self.order(0, |engine, now, rng| engine.meet(ip(other), 7000, 17000, now, rng));
        }
    }

    pub(crate) fn meet(&mut self, node: usize, other: usize) {
        self.order(node, |engine, now, rng| engine.meet(ip(other), 7000, 17000, now, rng));
    }

    /// Other settings for one node.
    pub(crate) fn configure(&mut self, node: usize, change: impl FnOnce(&mut Settings)) {
        let mut settings = self.engines[node].settings();
        change(&mut settings);
        let address = self.engines[node].topology().me().address.unwrap();
        self.engines[node].configure(settings, address);
    }

    /// An administrator's order to one node.
    pub(crate) fn order<T>(
        &mut self,
        node: usize,
        order: impl FnOnce(&mut Engine, Moment, &mut Rng) -> T,
    ) -> T {
        let now = Moment::from_ms(self.now);
        let answer = order(&mut self.engines[node], now, &mut self.rng);
        let effects = self.engines[node].effects(now);
        self.perform(node, effects);
        answer
    }

    /// Hands an engine an event and performs its effects.
    pub(crate) fn give(&mut self, node: usize, event: Event) {
        let before = durable(&self.engines[node]);
        let effects = self.engines[node].handle(event, Moment::from_ms(self.now), &mut self.rng);
        let after = durable(&self.engines[node]);
        if after.0 != before.0 || after.1.iter().any(|slot| !before.1.contains(slot)) {
            assert_eq!(effects.first(), Some(&Effect::Save), "what changed is on disk before it is said");
        }
        self.perform(node, effects);
    }

    /// The process of a node ends and starts anew from its `nodes.conf`; its links break.
    pub(crate) fn restart(&mut self, node: usize) {
        self.cut(node);
        self.copy(node, node);
    }

    /// A process starts on a copy of what a node has on its disk.
    pub(crate) fn copy(&mut self, node: usize, to: usize) {
        let (topology, log) = (self.saved[node].clone(), self.logs[node].clone());
        let run = RunId(self.rng.next_u64());
        self.engines[to] = engine(topology, log, run, Moment::from_ms(self.now));
        self.silent[to] = false;
        let effects = self.engines[to].effects(Moment::from_ms(self.now));
        self.perform(to, effects);
    }

    /// Breaks every link of a node.
    pub(crate) fn cut(&mut self, node: usize) {
        let ends: Vec<_> = self.ends.keys().copied().filter(|&(at, _)| at == node).collect();
        for end in ends {
            self.close(end.0, end.1);
        }
    }

    /// The links on which a node asks stand, and carry nothing that it says any more.
    pub(crate) fn deaden(&mut self, node: usize) {
        let asks = |&(at, link): &(usize, LinkId)| at == node && matches!(link, LinkId::Out(_));
        self.dead.extend(self.ends.keys().copied().filter(asks));
    }

    /// Runs until it is true or so many milliseconds have passed; whether it became true.
    pub(crate) fn run_until(&mut self, ms: u64, mut done: impl FnMut(&Network) -> bool) -> bool {
        let end = self.now + ms;
        while !done(self) {
            let Some((&(at, sequence), _)) = self.due.first_key_value() else { return false };
            if at > end {
                self.now = end;
                return false;
            }
            self.now = at;
            if let Some((node, delivery)) = self.due.remove(&(at, sequence)) {
                self.deliver(node, delivery);
            }
        }
        true
    }

    pub(crate) fn run(&mut self, ms: u64) {
        self.run_until(ms, |_| false);
    }

    pub(crate) fn all_up(&self) -> bool {
        (0..self.engines.len()).all(|n| self.silent[n] || self.engines[n].up())
    }

    pub(crate) fn health(&self, at: usize, of: usize) -> Health {
        self.engines[at].topology().member(self.id(of)).map_or(Health::Reachable, |m| m.health)
    }

    pub(crate) fn failed(&self, at: usize, of: usize) -> bool {
        matches!(self.health(at, of), Health::Failed { .. })
    }

    /// Who owns each slot and in which epochs, as one node sees it.
    pub(crate) fn picture(&self, node: usize) -> Vec<String> {
        let line =
            |m: &Member| format!("{} {:?} {} {:?}", m.id, m.address, m.config_epoch, m.slots().ranges());
        self.engines[node].topology().members().filter(|m| m.joined()).map(line).collect()
    }

    pub(crate) fn all_agree(&self) -> bool {
        let speaking: Vec<usize> = (0..self.engines.len()).filter(|&n| !self.silent[n]).collect();
        speaking.iter().all(|&n| self.picture(n) == self.picture(speaking[0]))
    }

    fn post(&mut self, node: usize, after_ms: u64, delivery: Delivery) {
        self.sequence += 1;
        self.due.insert((self.now + after_ms, self.sequence), (node, delivery));
    }

    fn deliver(&mut self, node: usize, delivery: Delivery) {
        match delivery {
            Delivery::Tick => {
                self.post(node, TICK_MS, Delivery::Tick);
                if !self.silent[node] {
                    let log = self.logs[node].clone();
                    self.engines[node].set_log(log);
                    self.give(node, Event::Tick);
                }
            }
            Delivery::Connect { link, to } => {
                if self.silent[node] || to >= self.engines.len() || self.silent[to] {
                    return self.give(node, Event::Closed(link));
                }
                self.next_incoming += 1;
                let incoming = LinkId::In(self.next_incoming);
                self.ends.insert((node, LinkId::Out(link)), (to, incoming));
                self.ends.insert((to, incoming), (node, LinkId::Out(link)));
                self.give(node, Event::Connected(link));
            }
            Delivery::Closed { link } => self.give(node, Event::Closed(link)),
            Delivery::Message { link, remote, sender, message } => {
                if self.ends.contains_key(&(node, link)) && !self.silent[node] {
                    let (local, remote) = (ip(node), ip(remote));
                    self.give(node, Event::Received { link, local, remote, sender, message });
                }
            }
        }
    }

    fn perform(&mut self, node: usize, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Save => self.saved[node] = self.engines[node].topology().clone(),
                // A crash forgets it: it is not on the disk before a later text is.
                Effect::Note => {}
                Effect::Show | Effect::TellCopies | Effect::ClaimAnswered => {}
                // There are no keys.
                Effect::AskedToClaim(to, ask) => {
                    self.order(node, |engine, _, _| {
                        engine.let_go(ask.slot, to, crate::keyspace::Left::Nothing).unwrap();
                        engine.answer_claim(to, ask, true);
                    });
                }
                Effect::Forget(_) | Effect::WaitFor(_) | Effect::Follow | Effect::Lead | Effect::Pause(_) => {
                    self.moves.push((node, effect));
                }
                Effect::SlotsLost(slots) => slots.iter().for_each(|s| {
                    self.lost[node].insert(s);
                }),
                Effect::Connect { link, to } => {
                    let IpAddr::V4(v4) = to.ip() else { continue };
                    // 0 is nobody's last byte: past the end, where nobody answers.
                    let to = usize::from(v4.octets()[3]).checked_sub(1).unwrap_or(usize::MAX);
                    let delay = self.rng.below(self.delay_ms_max + 1);
                    self.post(node, delay, Delivery::Connect { link, to });
                }
                Effect::Close(link) => self.close(node, link),
                Effect::Send { link, message } => self.send(node, link, message),
            }
        }
    }

    fn send(&mut self, node: usize, link: LinkId, message: Message) {
        let Some(&(to, at_peer)) = self.ends.get(&(node, link)) else { return };
        if self.dead.contains(&(node, link)) {
            return;
        }
        if self.silent[node] || self.blocked.contains(&(node, to)) || self.rng.below(100) < self.loss {
            return;
        }
        let delay = self.rng.below(self.delay_ms_max + 1);
        let sender = self.id(node);
        self.post(to, delay, Delivery::Message { link: at_peer, remote: node, sender, message });
    }

    fn close(&mut self, node: usize, link: LinkId) {
        let Some((peer, at_peer)) = self.ends.remove(&(node, link)) else { return };
        self.ends.remove(&(peer, at_peer));
        for (node, link) in [(node, link), (peer, at_peer)] {
            if let LinkId::Out(link) = link {
                self.post(node, 0, Delivery::Closed { link });
            }
        }
    }
}

/// What nobody else would tell again: who there is, what this node claims, and its votes.
fn durable(engine: &Engine) -> (String, SlotSet) {
    let topology = engine.topology();
    let line = |m: &Member| {
        let fail = matches!(m.health, Health::Failed { .. });
        format!("{} {:?} {fail}", m.id, m.address)
    };
    let members: Vec<String> = topology.members().filter(|m| m.joined()).map(line).collect();
    let me = topology.me();
    (format!("{members:?} {} {}", me.config_epoch, topology.last_vote_epoch), me.slots().clone())
}
