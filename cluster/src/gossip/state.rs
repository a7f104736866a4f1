//! Whether the cluster is ok, as this node sees it (Redis, `clusterUpdateState`).

use shared::limits::SLOTS;

use super::engine::Engine;
use crate::topology::{Member, Moment};

/// A node that owns slots when it starts waits so long before it serves, at least and at most, milliseconds; in between the node
/// timeout. Others may have to tell it that its slots have gone on without it.
const START_DELAY_MS: (u64, u64) = (500, 2_000);
/// A node without slots that comes back from a minority waits so long, at least and at most, milliseconds.
const REJOIN_DELAY_MS: (u64, u64) = (500, 5_000);

/// The judgement and what it depends on besides the topology.
#[derive(Debug)]
pub(super) struct ClusterState {
    up: bool,
    /// Until when it waits after its start.
    starting_until: Moment,
    /// Whether this node has been in a majority since its start: before, it is starting, not cut off.
    had_majority: bool,
    /// When this node last saw itself cut off in a minority.
    minority_at: Option<Moment>,
}

impl ClusterState {
    pub(super) fn new(now: Moment, owns_slots: bool, node_timeout_ms: u64) -> ClusterState {
        let delay = if owns_slots { delay(START_DELAY_MS, node_timeout_ms) } else { 0 };
        ClusterState { up: false, starting_until: now.after(delay), had_majority: false, minority_at: None }
    }

    pub(super) fn up(&self) -> bool {
        self.up
    }
}

impl Engine {
    /// Judges anew. Ok needs: a majority of the primaries with slots is heard, and, if configured, every slot is served.
    pub(super) fn judge_state(&mut self, now: Moment) {
        let covered = !self.settings.require_full_coverage || self.topology.served() == SLOTS;
        let my_id = self.topology.my_id();
        // Who was never heard since the start is not known to live.
        let heard = |m: &&Member| m.id == my_id || (m.reachable() && m.contact.pong_received.is_some());
        let is_heard =
            self.topology.members().filter(|m| m.votes()).filter(heard).count() >= self.topology.majority();
        if is_heard {
            self.state.had_majority = true;
        } else if self.state.had_majority {
            self.state.minority_at = Some(now);
        }
        // Who owns slots serves them only if it is entitled to. A lease that ran out does not change the state: replies wait then
        // until it is renewed, or until nobody is heard for the node timeout.
        let entitled = !self.topology.me().votes() || self.may_lead();
        let up = covered && is_heard && entitled;
        if up == self.state.up || (up && self.must_wait(now)) {
            return;
        }
        self.state.up = up;
        self.state_changed();
        if up {
            tracing::info!("cluster state: ok");
        } else {
            tracing::warn!(covered, majority = is_heard, entitled, "cluster state: fail");
        }
    }

    fn must_wait(&self, now: Moment) -> bool {
        // A lease says that nobody was elected meanwhile.
        let rejoin = if self.topology.me().votes() {
            0
        } else {
            delay(REJOIN_DELAY_MS, self.settings.node_timeout_ms)
        };
        now < self.state.starting_until || self.state.minority_at.is_some_and(|at| now.since(at) < rejoin)
    }
}

fn delay((least, most): (u64, u64), node_timeout_ms: u64) -> u64 {
    node_timeout_ms.clamp(least, most)
}
