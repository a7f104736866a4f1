//! Shards whose logs are lists of numbers: written, streamed, synced, acknowledged, lost in crashes.

use std::collections::BTreeMap;

use persistence::StoreId;
use shared::epoch::Epoch;
use shared::node_id::NodeId;
use shared::rt::rng::Rng;

use super::transfers::Moving;
use crate::failover::{Follower, LogStatus};
use crate::gossip::Effect;
use crate::gossip::tests::network::Network;
use crate::topology::{CopyId, Moment, ShardId};

/// How long one step takes, milliseconds.
pub(super) const STEP_MS: u64 = 20;

/// The log of a node, and what it knows of those of its replicas.
#[derive(Debug, Clone)]
struct Disk {
    store: StoreId,
    log: Vec<u32>,
    /// So many entries survive a crash.
    synced: usize,
    /// The primary and term that it streams from.
    link: Option<(usize, Epoch)>,
    /// What each replica has acknowledged on its present link.
    acked: BTreeMap<usize, usize>,
    /// Replicas must have this much to be level.
    floor: usize,
    /// It syncs nothing, and so acknowledges nothing new.
    stalled: bool,
    stalled_ms: u64,
    /// It takes no more writes.
    failed: bool,
}

/// A cluster of three shards; the nodes 0, 1, 2 are their primaries at first, and 3, 4, … their replicas in turn.
pub(super) struct Shards {
    pub(super) network: Network,
    pub(super) rng: Rng,
    disks: Vec<Disk>,
    stores: u8,
    written: u32,
    /// What each shard's clients were told is saved, in order.
    pub(super) saved: BTreeMap<ShardId, Vec<u32>>,
    /// Who took office in which term.
    elected: BTreeMap<(ShardId, Epoch), NodeId>,
    /// The highest epochs on each disk.
    epochs: Vec<(Epoch, Epoch)>,
    /// Shards whose operator has given up what was saved.
    pub(super) taken_over: bool,
    /// Slots that go from shard to shard.
    pub(super) moving: Moving,
    /// How often each node has started.
    pub(super) starts: Vec<u64>,
}

impl Shards {
    pub(super) fn new(replicas_each: usize, seed: u64) -> Shards {
        let nodes = 3 + 3 * replicas_each;
        let mut network = Network::new(nodes, seed);
        let disks: Vec<Disk> = (0..nodes as u8).map(disk).collect();
        let mut shards = Shards {
            network: Network::new(0, seed),
            rng: Rng::from_seed(seed ^ 1),
            disks,
            stores: nodes as u8,
            written: 0,
            saved: BTreeMap::new(),
            elected: BTreeMap::new(),
            epochs: vec![(Epoch(0), Epoch(0)); nodes],
            taken_over: false,
            moving: Moving::default(),
            starts: vec![0; nodes],
        };
        std::mem::swap(&mut shards.network, &mut network);
        for node in 0..nodes {
            shards.network.logs[node] = shards.status(node);
            shards.network.restart(node);
        }
        shards.network.share_slots_of(3);
        shards.network.meet_all();
        assert!(shards.network.run_until(20_000, Network::all_up), "seed {seed}: the cluster did not form");
        for replica in 3..nodes {
            let primary = shards.network.id(replica % 3);
            shards
                .network
                .order(replica, |engine, now, rng| engine.replicate(primary, true, now, rng).unwrap());
        }
        assert!(shards.run_until(20_000, Shards::all_in_sync), "seed {seed}: {}", shards.picture());
        shards
    }

    pub(super) fn nodes(&self) -> usize {
        self.disks.len()
    }

    pub(super) fn now(&self) -> Moment {
        Moment::from_ms(self.network.now)
    }

    pub(super) fn shard(&self, node: usize) -> ShardId {
        self.network.engines[node].topology().me().shard
    }

    /// The primary of the newest term of a shard, if it serves: whoever calls itself one besides does not know better yet.
    pub(super) fn primary(&self, shard: ShardId) -> Option<usize> {
        let newest = self.elected.keys().filter(|(of, _)| *of == shard).map(|(_, term)| *term).max();
        let serves = |node: &usize| {
            let (engine, me) = (&self.network.engines[*node], self.network.engines[*node].topology().me());
            me.shard == shard && engine.may_lead() && Some(me.term) == newest
        };
        (0..self.nodes()).find(serves)
    }

    /// How many copies of a node's shard are in sync, by the primary that serves.
    pub(super) fn copies_in_sync(&self, node: usize) -> usize {
        let primary = self.primary(self.shard(node));
        primary
            .and_then(|primary| self.network.engines[primary].in_sync_to_show())
            .map_or(0, |(_, copies)| copies)
    }

    pub(super) fn store(&self, node: usize) -> StoreId {
        self.disks[node].store
    }

    pub(super) fn log(&self, node: usize) -> &[u32] {
        &self.disks[node].log
    }

    /// Every shard has one primary that serves, all its copies are in sync, and all hold the same.
    pub(super) fn all_in_sync(&self) -> bool {
        let copies = self.nodes() / 3;
        (0..self.nodes()).all(|node| self.network.engines[node].up())
            && (0..3).all(|first| {
                let shard = self.shard(first);
                let Some(primary) = self.primary(shard) else { return false };
                let in_sync = self.network.engines[primary].in_sync_to_show();
                let same = |node: usize| {
                    self.shard(node) != shard || self.disks[node].log == self.disks[primary].log
                };
                in_sync.is_some_and(|(_, count)| count == copies) && (0..self.nodes()).all(same)
            })
    }

    pub(super) fn run_until(&mut self, ms: u64, done: impl Fn(&Shards) -> bool) -> bool {
        let end = self.network.now + ms;
        while self.network.now < end {
            if done(self) {
                return true;
            }
            self.step();
        }
        done(self)
    }

    pub(super) fn run(&mut self, ms: u64) {
        self.run_until(ms, |_| false);
    }

    /// Some time passes; logs are streamed, synced and acknowledged; the invariants are looked at.
    pub(super) fn step(&mut self) {
        self.network.run(STEP_MS);
        self.perform_moves();
        for node in 0..self.nodes() {
            self.replicate(node);
            let disk = &mut self.disks[node];
            disk.stalled_ms = if disk.stalled { disk.stalled_ms + STEP_MS } else { 0 };
            if !disk.stalled && !self.network.silent[node] && self.rng.below(3) > 0 {
                disk.synced = disk.log.len();
            }
        }
        for node in 0..self.nodes() {
            self.acknowledge(node);
        }
        for node in 0..self.nodes() {
            self.network.logs[node] = self.status(node);
            self.answer(node);
        }
        self.drive_moves();
        self.check();
    }

    /// A client writes to a node, if that serves.
    pub(super) fn write(&mut self, node: usize) {
        let engine = &self.network.engines[node];
        let serves = engine.may_lead() && engine.up() && !self.network.silent[node];
        if serves {
            self.written += 1;
            self.disks[node].log.push(self.written);
        }
    }

    /// The process of a node dies and starts anew: what was not synced is gone.
    pub(super) fn crash(&mut self, node: usize) {
        let disk = &mut self.disks[node];
        disk.log.truncate(disk.synced);
        self.start(node);
    }

    /// The folder of a node is lost.
    pub(super) fn wipe(&mut self, node: usize) {
        self.stores += 1;
        self.disks[node] = disk(self.stores);
        self.start(node);
    }

    /// A node comes back with less than it had synced: an old copy of its folder.
    pub(super) fn set_back(&mut self, node: usize, entries: usize) {
        let disk = &mut self.disks[node];
        disk.log.truncate(disk.log.len().saturating_sub(entries));
        disk.synced = disk.log.len();
        self.start(node);
    }

    pub(super) fn stall(&mut self, node: usize, stalled: bool) {
        self.disks[node].stalled = stalled;
    }

    pub(super) fn break_disk(&mut self, node: usize) {
        (self.disks[node].failed, self.disks[node].stalled) = (true, true);
    }

    fn start(&mut self, node: usize) {
        self.starts[node] += 1;
        self.disks[node].link = None;
        self.disks[node].acked.clear();
        self.disks[node].floor = self.disks[node].log.len();
        self.cut_links(node);
        self.network.logs[node] = self.status(node);
        self.network.restart(node);
    }

    fn cut_links(&mut self, node: usize) {
        self.forget_told(node);
        for disk in &mut self.disks {
            disk.acked.remove(&node);
            disk.link = disk.link.filter(|(primary, _)| *primary != node);
        }
        self.disks[node].acked.clear();
    }

    fn perform_moves(&mut self) {
        for (node, effect) in std::mem::take(&mut self.network.moves) {
            match effect {
                Effect::Lead => {
                    self.disks[node].link = None;
                    self.disks[node].floor = self.disks[node].log.len();
                    self.cut_links(node);
                    self.network.order(node, |engine, _, _| engine.led());
                }
                Effect::Follow => {
                    self.disks[node].link = None;
                    self.cut_links(node);
                }
                _ => {}
            }
        }
    }

    pub(super) fn reach(&self, from: usize, to: usize) -> bool {
        !self.network.silent[from] && !self.network.silent[to] && !self.network.blocked.contains(&(from, to))
    }

    /// A replica connects, or takes some of what its primary has.
    fn replicate(&mut self, node: usize) {
        let Some(primary) = self.network.engines[node].topology().me().primary else {
            self.disks[node].link = None;
            return;
        };
        let Some(from) = (0..self.nodes()).find(|&other| self.network.id(other) == primary) else { return };
        if !self.reach(from, node) || !self.reach(node, from) {
            self.disks[from].acked.remove(&node);
            self.disks[node].link = None;
            return;
        }
        let Some((id, term)) = self.network.engines[from].office_to_show() else { return };
        if !self.network.engines[node].follows(id, term) {
            self.disks[node].link = None;
            return;
        }
        if self.disks[node].link != Some((from, term)) {
            let (mine, theirs) = (&self.disks[node].log, &self.disks[from].log);
            let shared = mine.iter().zip(theirs).take_while(|(a, b)| a == b).count();
            if shared < mine.len() && !self.network.engines[node].may_replace(term) {
                self.network.order(node, |engine, now, rng| engine.primary_has_less(now, rng));
                let copy = CopyId { node: self.network.id(node), store: self.disks[node].store };
                let log_term = self.network.engines[node].log_term().unwrap();
                self.network.order(from, |engine, now, _| engine.replica_has_more(copy, log_term, now));
                return;
            }
            let disk = &mut self.disks[node];
            disk.log.truncate(shared);
            disk.synced = disk.synced.min(shared);
            disk.link = Some((from, term));
            self.network.order(node, |engine, _, _| engine.in_sync_with(term));
            self.disks[from].acked.remove(&node);
            self.forget_told(node);
            self.tell_shard(from, node);
        }
        if self.rng.below(4) > 0 {
            self.tell_shard(from, node);
        }
        let (have, there) = (self.disks[node].log.len(), self.disks[from].log.len());
        let more = (there - have).min(self.rng.below(4) as usize);
        let streamed = self.disks[from].log[have..have + more].to_vec();
        self.disks[node].log.extend(streamed);
    }

    /// A replica says what it has on disk, if it still follows the one it streams from.
    fn acknowledge(&mut self, node: usize) {
        let Some((from, term)) = self.disks[node].link else { return };
        let id = self.network.id(from);
        if self.network.engines[node].follows(id, term) && self.reach(node, from) && self.rng.below(4) > 0 {
            let synced = self.disks[node].synced;
            self.disks[from].acked.insert(node, synced);
        }
    }

    fn status(&self, node: usize) -> LogStatus {
        let disk = &self.disks[node];
        let follower = |(&replica, &acked): (&usize, &usize)| Follower {
            copy: CopyId { node: self.network.id(replica), store: self.disks[replica].store },
            follows: true,
            level: acked >= disk.floor,
            behind_ms: if acked < disk.log.len() { self.disks[replica].stalled_ms } else { 0 },
            caught_up: self.disks[replica].log.len() == disk.log.len(),
        };
        LogStatus {
            store: Some(disk.store),
            offset: disk.log.len() as u64,
            whole: true,
            failed: disk.failed,
            followers: disk.acked.iter().map(follower).collect(),
        }
    }

    /// How much of a primary's log is on the disks of all copies that could be elected.
    pub(super) fn saved_up_to(&self, node: usize) -> usize {
        let Some(waits) = self.network.engines[node].waits_for() else { return 0 };
        let disk = &self.disks[node];
        let acked = |copy: &CopyId| {
            let replica = (0..self.nodes())
                .find(|&n| self.network.id(n) == copy.node && self.disks[n].store == copy.store);
            replica.and_then(|replica| disk.acked.get(&replica).copied()).unwrap_or(0)
        };
        waits.iter().map(acked).fold(disk.synced, usize::min)
    }

    /// Whether a replica streams from this node in its present term.
    pub(super) fn is_linked(&self, replica: usize, node: usize) -> bool {
        let term = self.network.engines[node].topology().me().term;
        self.disks[replica].link == Some((node, term))
    }

    /// Adds writes to a node's log.
    pub(super) fn append(&mut self, node: usize, writes: &[u32]) {
        self.disks[node].log.extend(writes);
    }

    /// A primary tells its clients what is saved by now.
    fn answer(&mut self, node: usize) {
        let engine = &self.network.engines[node];
        if engine.waits_for().is_none()
            || !engine.in_office()
            || !engine.may_lead()
            || self.network.silent[node]
        {
            return;
        }
        let safe = self.saved_up_to(node);
        let disk = &self.disks[node];
        let shard = self.shard(node);
        let told = disk.log[..safe].to_vec();
        self.disks[node].floor = self.disks[node].floor.max(safe);
        let saved = self.saved.entry(shard).or_default();
        let same = saved.iter().zip(&told).all(|(a, b)| a == b);
        assert!(same || self.taken_over, "saved twice at one position: {saved:?} and {told:?}");
        if told.len() > saved.len() {
            *saved = told;
        }
    }

    fn check(&mut self) {
        for node in 0..self.nodes() {
            let topology = self.network.engines[node].topology();
            let (me, shard) = (topology.me(), topology.me().shard);
            if self.network.engines[node].in_office() {
                let holder = *self.elected.entry((shard, me.term)).or_insert(me.id);
                assert_eq!(holder, me.id, "two primaries of one term");
            }
            let on_disk = (self.network.saved[node].current_epoch, self.network.saved[node].last_vote_epoch);
            assert!(
                on_disk.0 >= self.epochs[node].0 && on_disk.1 >= self.epochs[node].1,
                "an epoch went back"
            );
            self.epochs[node] = on_disk;
        }
        for (&shard, saved) in &self.saved {
            let Some(primary) = self.primary(shard) else { continue };
            let log = &self.disks[primary].log;
            assert!(
                log.starts_with(saved) || self.taken_over,
                "node {primary} of the newest term has {log:?}, saved was {saved:?}\n{}",
                self.picture()
            );
            let newest = self.network.engines[primary].topology().me().term;
            for node in (0..self.nodes()).filter(|&node| node != primary && self.shard(node) == shard) {
                let engine = &self.network.engines[node];
                let alone = engine.may_lead() && engine.leased_until().is_none_or(|until| until > self.now());
                let ordered = self.taken_over;
                assert!(
                    !alone || ordered,
                    "node {node} answers alone in a term below {newest}\n{}",
                    self.picture()
                );
            }
        }
    }

    pub(super) fn picture(&self) -> String {
        let line = |node: usize| {
            let engine = &self.network.engines[node];
            let me = engine.topology().me();
            let disk = &self.disks[node];
            format!(
                "{node}: shard {:.4} primary {:?} term {} serving {} up {} log {} synced {} link {:?} acked {:?} office {:?} moving {}\n",
                me.shard.to_string(),
                me.primary.map(|p| p.to_string()[..4].to_owned()),
                me.term,
                engine.is_serving(),
                engine.up(),
                disk.log.len(),
                disk.synced,
                disk.link,
                disk.acked,
                engine.topology().office.as_ref().map(|o| (
                    o.in_force.version,
                    o.in_force.copies.len(),
                    o.proposed.is_some(),
                    o.inherited.len(),
                    o.resigned
                )),
                self.picture_of_moving(node),
            )
        };
        (0..self.nodes()).map(line).collect()
    }
}

fn disk(store: u8) -> Disk {
    Disk {
        store: StoreId::from_bytes([store; NodeId::BYTES]),
        log: Vec::new(),
        synced: 0,
        link: None,
        acked: BTreeMap::new(),
        floor: 0,
        stalled: false,
        stalled_ms: 0,
        failed: false,
    }
}
