//! No replica ever holds something else than its primary did at the same offset of the log: nodes compare in the background.

use std::sync::atomic::Ordering;

use cluster::node::Shared;

use crate::world::World;

/// What a node had compared when it was looked at last.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    checked: u64,
    differed: u64,
}

impl Seen {
    /// Looks at a node.
    pub(crate) fn look(&mut self, world: &World, name: &str, node: &Shared) {
        let digests = &node.replication.digests;
        let now = Seen {
            checked: digests.checked.load(Ordering::Relaxed),
            differed: digests.differed.load(Ordering::Relaxed),
        };
        world.count_more("digests compared", now.checked - self.checked);
        if now.differed > self.differed {
            let differ = now.differed - self.differed;
            world.fault(format!("{name}: {differ} slots differ from what its primary holds"));
        }
        *self = now;
    }
}
