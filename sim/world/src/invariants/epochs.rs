//! Epochs of votes and notes never go back, over restarts and power failures: they are on disk before anybody hears of them. The current
//! epoch, the config epoch and the offset of a primary never go back while its process runs (what others tell again may be older on the disk).

use std::collections::BTreeMap;

use cluster::gossip::Engine;

use crate::world::World;

/// What a node was last seen to have promised: by name of the promise.
#[derive(Debug, Default)]
pub(crate) struct Epochs {
    seen: BTreeMap<(String, String), (u64, u64)>,
}

impl Epochs {
    /// Looks at a node.
    pub(crate) fn look(&mut self, world: &World, node: &str, engine: &Engine) {
        let topology = engine.topology();
        self.rises(world, node, "last vote".to_owned(), (topology.last_vote_epoch.0, 0));
        let (me, run) = (topology.me(), engine.run().0);
        self.rises(world, node, format!("current epoch of run {run}"), (topology.current_epoch.0, 0));
        if let Some((_, term)) = engine.office_to_show() {
            self.rises(world, node, format!("config epoch of run {run}"), (me.config_epoch.0, 0));
            self.rises(world, node, format!("offset of run {run}"), (term.0, engine.offset_of(me)));
        }
        for (id, shard) in topology.shards() {
            self.rises(world, node, format!("last vote about {id}"), (shard.last_vote.0, 0));
            let noted = shard.noted.as_ref().map_or((0, 0), |noted| (noted.term.0, noted.version));
            self.rises(world, node, format!("noted about {id}"), noted);
        }
    }

    fn rises(&mut self, world: &World, node: &str, what: String, now: (u64, u64)) {
        let seen = self.seen.entry((node.to_owned(), what.clone())).or_default();
        if now < *seen {
            world.fault(format!("{node}: {what} went back from {seen:?} to {now:?}"));
        }
        *seen = now;
    }
}
