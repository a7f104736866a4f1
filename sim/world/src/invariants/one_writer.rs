//! At most one node serves a shard in a term, and none once another one was seen to serve it in a later term.

use std::collections::BTreeMap;

use cluster::gossip::Engine;

use crate::world::World;

/// Who was seen to be primary: by shard and term.
#[derive(Debug, Default)]
pub(crate) struct Writers {
    seen: BTreeMap<(String, u64), String>,
    /// The highest term in which a node may have answered alone: by shard.
    highest: BTreeMap<String, u64>,
}

impl Writers {
    /// Looks at a node.
    pub(crate) fn look(&mut self, world: &World, node: &str, engine: &Engine, leased: bool) {
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
}
