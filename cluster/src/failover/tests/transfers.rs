//! Slots that go from shard to shard while things fail: what the two nodes say to each other besides gossip, and what must hold.

use std::collections::{BTreeMap, BTreeSet};

use shared::epoch::Epoch;
use shared::node_id::NodeId;
use shared::slot::Slot;
use shared::slot_set::SlotSet;

use super::shards::Shards;
use crate::slot_migration::ShardSlots;
use crate::topology::{ShardId, TransferId};

/// How many slots move; they begin as those of the first node.
const SLOTS: usize = 10;

/// The slots that move, and who moves them.
#[derive(Debug, Default)]
pub(super) struct Moving {
    run: Option<Run>,
    runs: u8,
    /// What each replica was told of its shard on its present link to a primary.
    told: BTreeMap<(usize, usize), ShardSlots>,
    /// Writes to the slots, and those of them that were called saved.
    written: BTreeMap<u32, ShardId>,
    saved: BTreeSet<u32>,
}

/// One transfer that two tasks drive, one on each node.
#[derive(Debug)]
struct Run {
    id: TransferId,
    source: usize,
    target: usize,
    /// How often each of the two had started.
    starts: (u64, u64),
    stage: Stage,
}

#[derive(Debug, Clone, Copy)]
enum Stage {
    Gives,
    /// In this epoch; what is missing goes to the target.
    Sends(Epoch),
    /// The target has everything when its log is saved up to here.
    Offers(Epoch, usize),
    Takes,
}

pub(super) fn slots() -> SlotSet {
    Slot::all().take(SLOTS).collect()
}

fn first() -> Slot {
    Slot::all().next().unwrap()
}

impl Shards {
    /// Whether a node serves the slots that move, and may answer alone.
    fn serves_moving(&self, node: usize) -> bool {
        let engine = &self.network.engines[node];
        let topology = engine.topology();
        engine.may_lead()
            && engine.leased_until().is_none_or(|until| until > self.now())
            && topology.me().slots().contains(first())
            && !topology.given().contains(first())
    }

    /// A client writes to the slots that move at a node, if that serves them.
    pub(super) fn write_moving(&mut self, node: usize) {
        let before = self.log(node).len();
        if self.serves_moving(node) {
            self.write(node);
            let new = self.log(node)[before..].to_vec();
            let shard = self.shard(node);
            self.moving.written.extend(new.into_iter().map(|write| (write, shard)));
        }
    }

    /// Begins to move the slots to the primary of another shard, if that can be.
    pub(super) fn begin_move(&mut self, target: usize) {
        let source = (0..self.nodes()).find(|node| self.serves_moving(*node));
        let target = self.primary(self.shard(target));
        let (Some(source), Some(target), None) = (source, target, &self.moving.run) else { return };
        self.moving.runs += 1;
        let id = TransferId(NodeId::from_bytes([self.moving.runs; NodeId::BYTES]));
        let starts = (self.starts[source], self.starts[target]);
        self.moving.run = Some(Run { id, source, target, starts, stage: Stage::Gives });
    }

    /// A replica hears which slots its shard has.
    pub(super) fn tell_shard(&mut self, from: usize, node: usize) {
        let Some(now) = self.network.engines[from].shard_slots() else { return };
        if self.moving.told.get(&(from, node)) != Some(&now) {
            let primary = self.network.id(from);
            self.network.order(node, |engine, _, _| engine.told_of_shard(primary, now.clone()));
            self.moving.told.insert((from, node), now);
        }
    }

    pub(super) fn forget_told(&mut self, node: usize) {
        self.moving.told.retain(|(from, to), _| *from != node && *to != node);
    }

    /// Whether all copies that could be elected in a node's place know what it knows.
    fn noted(&self, node: usize) -> bool {
        let engine = &self.network.engines[node];
        let (Some(waits), Some(now)) = (engine.waits_for(), engine.shard_slots()) else { return false };
        let knows = |copy: &crate::topology::CopyId| {
            let replica =
                (0..self.nodes()).find(|&n| self.network.id(n) == copy.node && self.store(n) == copy.store);
            replica.is_some_and(|n| self.is_linked(n, node) && self.moving.told.get(&(node, n)) == Some(&now))
        };
        engine.may_lead() && waits.iter().all(knows)
    }

    /// The two tasks go on; transfers that nobody drives are completed; what was saved is noted.
    pub(super) fn drive_moves(&mut self) {
        if let Some(run) = self.moving.run.take() {
            self.moving.run = self.drive(run);
        }
        for node in 0..self.nodes() {
            for id in self.network.engines[node].takings() {
                if !self.network.silent[node] && self.noted(node) {
                    let _ = self.network.order(node, |engine, _, _| engine.complete(id));
                }
            }
        }
        // Saved where it was written: a copy that came with the slots tells nobody so, and they may never be taken.
        for (shard, saved) in &self.saved {
            let saved = saved.iter().filter(|write| self.moving.written.get(write) == Some(shard));
            self.moving.saved.extend(saved);
        }
        let serving: Vec<usize> = (0..self.nodes()).filter(|node| self.serves_moving(*node)).collect();
        assert!(serving.len() <= 1 || self.taken_over, "two serve one slot: {serving:?}\n{}", self.picture());
    }

    fn drive(&mut self, mut run: Run) -> Option<Run> {
        let Run { id, source, target, starts, .. } = run;
        let alive = (self.starts[source] == starts.0, self.starts[target] == starts.1);
        let engines = &self.network.engines;
        let lead = engines[source].may_lead() && engines[target].may_lead();
        if !(alive.0 && alive.1 && lead && self.reach(source, target) && self.reach(target, source)) {
            self.leave(&run, alive);
            return None;
        }
        let (from, to) = (self.network.id(source), self.network.id(target));
        let next = match run.stage {
            Stage::Gives => {
                let given = self.network.order(source, |engine, _, _| engine.give(id, slots(), to));
                given.ok().map(Stage::Sends)
            }
            Stage::Sends(epoch) => {
                self.send_moving(source, target);
                Some(Stage::Offers(epoch, self.log(target).len()))
            }
            Stage::Offers(epoch, length) if self.noted(source) && self.saved_up_to(target) >= length => {
                let taken = self.network.order(target, |engine, _, _| engine.take(id, from, slots(), epoch));
                taken.ok().map(|()| Stage::Takes)
            }
            Stage::Takes if self.noted(target) => {
                if let Ok(epoch) = self.network.order(target, |engine, _, _| engine.complete(id)) {
                    self.network.order(source, |engine, _, _| engine.given(id, to, epoch));
                }
                None
            }
            waits => Some(waits),
        };
        let Some(next) = next else {
            self.leave(&run, alive);
            return None;
        };
        run.stage = next;
        Some(run)
    }

    /// The tasks end, where their processes live.
    fn leave(&mut self, run: &Run, alive: (bool, bool)) {
        for (node, alive) in [(run.source, alive.0), (run.target, alive.1)] {
            if alive {
                self.network.order(node, |engine, _, _| engine.left_alone(run.id));
            }
        }
    }

    /// The target's log gets what the source's has of the slots.
    fn send_moving(&mut self, source: usize, target: usize) {
        let there: BTreeSet<u32> = self.log(target).iter().copied().collect();
        let missing = self.log(source).iter().copied();
        let missing: Vec<u32> = missing
            .filter(|write| self.moving.written.contains_key(write) && !there.contains(write))
            .collect();
        self.append(target, &missing);
    }

    /// Nothing is on the move, and all agree whose the slots are.
    pub(super) fn all_moved(&self) -> bool {
        let owner = |node: usize| {
            let topology = self.network.engines[node].topology();
            let settled = !topology.transfers.values().any(|transfer| transfer.side.is_open());
            topology.owner(first()).map(|owner| owner.shard).filter(|_| settled)
        };
        self.moving.run.is_none()
            && owner(0).is_some()
            && (0..self.nodes()).all(|node| owner(node) == owner(0))
            && (0..self.nodes()).any(|node| self.serves_moving(node))
    }

    /// Whose the slots are as a node knows it, and what it knows of transfers.
    pub(super) fn picture_of_moving(&self, node: usize) -> String {
        let topology = self.network.engines[node].topology();
        let owner = topology.owner(first()).map(|owner| owner.id.to_string()[..4].to_owned());
        let transfers: Vec<_> = topology
            .transfers
            .iter()
            .map(|(id, transfer)| format!("{} {:.4}", transfer.side.word(), id.to_string()))
            .collect();
        let (disclaimed, epoch) = (topology.is_disclaimed(first()), topology.me().config_epoch);
        format!("owner {owner:?} disclaimed {disclaimed} config epoch {epoch} {transfers:?}")
    }

    /// Whoever has the slots has everything that was saved in them.
    pub(super) fn check_moved(&self) {
        let holder = (0..self.nodes()).find(|node| self.serves_moving(*node)).unwrap();
        let there: BTreeSet<u32> = self.log(holder).iter().copied().collect();
        let lost: Vec<_> = self.moving.saved.difference(&there).collect();
        assert!(lost.is_empty(), "node {holder} has the slots and lacks {lost:?}\n{}", self.picture());
    }
}
