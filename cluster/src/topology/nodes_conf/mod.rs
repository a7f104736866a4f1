//! `nodes.conf`: what a node must not forget, in Redis's text format.
//!
//! One line a node in the form of `CLUSTER NODES`, then `vars currentEpoch N lastVoteEpoch N`, then what Redis does not know: one
//! line for each shard that something was noted about, one for each transfer of slots that is not settled, and one for the office of a
//! primary. Nodes in handshake are left out: their
//! names are temporary.
//!
//! - [`parse`]: reading, strict: a damaged file stops the start, it is not guessed at.
//! - [`notes`]: the lines about shards and transfers.
//! - [`file`]: on disk, synced before anything that depends on it is said. The file's last line, `journal NUMBER`, names its journal.
//! - [`journal`]: what would stand in the file since it was replaced; a second old at most, then the file is replaced.

pub mod file;
pub mod journal;
pub mod notes;
pub mod parse;

use super::Topology;
use super::describe::{self, WallClock};

pub use parse::{BadNodesConf, parse};

/// The text of the file.
pub fn render(topology: &Topology, clock: WallClock) -> String {
    #[cfg(feature = "sim")]
    if shared::rt::sim::strikes("vote-not-persisted") {
        return rendered(&forgetful(topology), clock);
    }
    rendered(topology, clock)
}

/// A planted fault: what a voter has promised is not in the file.
#[cfg(feature = "sim")]
fn forgetful(topology: &Topology) -> Topology {
    let mut topology = topology.clone();
    topology.last_vote_epoch = shared::epoch::Epoch::default();
    let ids: Vec<_> = topology.shards().map(|(id, _)| id).collect();
    for id in ids {
        topology.shard_mut(id).last_vote = shared::epoch::Epoch::default();
    }
    topology
}

fn rendered(topology: &Topology, clock: WallClock) -> String {
    let mut text = describe::nodes_with_shards(topology, clock);
    text.push_str(&format!(
        "vars currentEpoch {} lastVoteEpoch {}\n",
        topology.current_epoch, topology.last_vote_epoch
    ));
    text.push_str(&notes::render(topology));
    text
}
