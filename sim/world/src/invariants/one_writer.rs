//! At most one node serves a shard in a term, and none once another one was seen to serve it in a later term; and no two nodes serve
//! one slot at one time, whatever their shards.

use std::collections::BTreeMap;
use std::time::Duration;

use cluster::gossip::Engine;
use shared::slot_set::SlotSet;

use crate::trace;
use crate::world::World;

/// Who was seen to be primary: by shard and term.
#[derive(Debug, Default)]
pub(crate) struct Writers {
    seen: BTreeMap<(String, u64), String>,
    /// The highest term in which a node may have answered alone: by shard.
    highest: BTreeMap<String, u64>,
    /// What each node was last seen to serve alone, and when.
    served: BTreeMap<String, (Duration, SlotSet)>,
}

impl Writers {
    /// Looks at a node.
    pub(crate) fn look(&mut self, world: &World, node: &str, engine: &Engine, leased: bool) {
        self.look_at_slots(world, node, if leased { served(engine) } else { SlotSet::new() });
        let Some((_, term)) = engine.office_to_show() else { return };
        let me = engine.topology().me();
        if me.slots().is_empty() {
            return;
        }
        let key = (me.shard.to_string(), term.0);
        if !self.seen.contains_key(&key) {
            world.count(if term.0 == 0 { "first primaries" } else { "elected" });
        }
        if leased {
            let highest = self.highest.entry(key.0.clone()).or_default();
            if key.1 < *highest {
                let (shard, term) = &key;
                world.fault(format!(
                    "{node} serves shard {shard} in term {term}, after it was served in {highest}"
                ));
            }
            *highest = key.1.max(*highest);
        }
        let seen = self.seen.entry(key.clone()).or_insert_with(|| node.to_owned());
        if seen != node {
            world.fault(format!("{seen} and {node} are both primary of shard {} in term {}", key.0, key.1));
        }
    }

    /// Nodes are looked at one after another: what one serves at two looks it serves in between too, and nobody else may then.
    fn look_at_slots(&mut self, world: &World, node: &str, now: SlotSet) {
        // Clocks of machines differ: the time of the run.
        let (at, before) = (trace::now(), self.served.remove(node));
        if let Some((since, before)) = before {
            let all_the_time = common(&before, &now);
            for (other, (seen, theirs)) in &self.served {
                let both = common(&all_the_time, theirs);
                if *seen >= since && !both.is_empty() {
                    world.fault(format!("{node} and {other} serve slots at one time: {:?}", both.ranges()));
                }
            }
        }
        self.served.insert(node.to_owned(), (at, now));
    }
}

/// The slots that a primary with a lease answers for alone: neither those that leave key by key nor those that change hands.
fn served(engine: &Engine) -> SlotSet {
    let topology = engine.topology();
    if engine.office_to_show().is_none() || topology.me().primary.is_some() {
        return SlotSet::new();
    }
    let moving: SlotSet = topology.moves.migrating.keys().copied().collect();
    topology.me().slots().minus(&moving).minus(&topology.given())
}

fn common(a: &SlotSet, b: &SlotSet) -> SlotSet {
    a.minus(&a.minus(b))
}
