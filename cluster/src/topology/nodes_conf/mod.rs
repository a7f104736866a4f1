//! `nodes.conf`: what a node must not forget, in Redis's text format.
//!
//! One line a node in the form of `CLUSTER NODES`, then `vars currentEpoch N lastVoteEpoch N`, then what Redis does not know: one
//! line for each shard that something was noted about, one for each transfer of slots that is not settled, and one for the office of a
//! primary. Nodes in handshake are left out: their
//! names are temporary.
//!
//! - [`parse`]: reading, strict: a damaged file stops the start, it is not guessed at.
//! - [`notes`]: the lines about shards and transfers.
//! - [`file`]: on disk, replaced whole and synced before anything that depends on it is said.

pub mod file;
pub mod notes;
pub mod parse;

use super::Topology;
use super::describe::{self, WallClock};

pub use parse::{BadNodesConf, parse};

/// The text of the file.
pub fn render(topology: &Topology, clock: WallClock) -> String {
    let mut text = describe::nodes_with_shards(topology, clock);
    text.push_str(&format!(
        "vars currentEpoch {} lastVoteEpoch {}\n",
        topology.current_epoch, topology.last_vote_epoch
    ));
    text.push_str(&notes::render(topology));
    text
}
