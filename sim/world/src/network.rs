//! Who can reach whom: several partitions may be in force at once.

use std::collections::BTreeSet;

use turmoil::Sim;

use crate::world::NODES;

/// One way that is blocked: from one node to another, by number.
pub(crate) type Way = (usize, usize);

/// What is blocked, and by how many causes.
#[derive(Debug, Default)]
pub(crate) struct Network {
    causes: Vec<(u64, BTreeSet<Way>)>,
    blocked: BTreeSet<Way>,
}

impl Network {
    /// Blocks ways, for a cause of this number.
    pub(crate) fn block(&mut self, cause: u64, ways: BTreeSet<Way>, sim: &Sim<'_>, names: &[String]) {
        self.causes.push((cause, ways));
        self.apply(sim, names);
    }

    /// The cause is gone.
    pub(crate) fn mend(&mut self, cause: u64, sim: &Sim<'_>, names: &[String]) {
        self.causes.retain(|(number, _)| *number != cause);
        self.apply(sim, names);
    }

    fn apply(&mut self, sim: &Sim<'_>, names: &[String]) {
        let blocked: BTreeSet<Way> = self.causes.iter().flat_map(|(_, ways)| ways).copied().collect();
        for &(from, to) in blocked.difference(&self.blocked) {
            sim.partition_oneway(names[from].as_str(), names[to].as_str());
        }
        for &(from, to) in self.blocked.difference(&blocked) {
            sim.repair_oneway(names[from].as_str(), names[to].as_str());
        }
        self.blocked = blocked;
    }
}

/// All ways between a group and the others.
pub(crate) fn apart(group: &BTreeSet<usize>, everybody: usize) -> BTreeSet<Way> {
    let is_cut = |&(from, to): &Way| group.contains(&from) != group.contains(&to);
    pairs(everybody).filter(is_cut).collect()
}

/// All ways out of a group, or into it, between nodes.
pub(crate) fn one_way(group: &BTreeSet<usize>, out: bool) -> BTreeSet<Way> {
    let is_cut = |&(from, to): &Way| {
        let (inside, outside) = if out { (from, to) } else { (to, from) };
        group.contains(&inside) && !group.contains(&outside)
    };
    pairs(NODES).filter(is_cut).collect()
}

fn pairs(everybody: usize) -> impl Iterator<Item = Way> {
    let all = (0..everybody).flat_map(move |from| (0..everybody).map(move |to| (from, to)));
    all.filter(|(from, to)| from != to)
}
