//! From suspicion to certainty, and back (Redis Cluster specification, failure detection).

use shared::node_id::NodeId;

use super::engine::Engine;
use super::message::Message;
use crate::topology::{Health, Moment};

/// A report counts for so many node timeouts.
const REPORT_TIMEOUTS: u64 = 2;
/// A primary with slots that answers again is taken back after so many node timeouts: until then a replica may take over.
const UNDO_TIMEOUTS: u64 = 2;

impl Engine {
    /// Reports about a node that still count.
    pub fn failure_reports(&self, id: NodeId, now: Moment) -> usize {
        let valid_ms = self.settings.node_timeout_ms * REPORT_TIMEOUTS;
        self.topology
            .member(id)
            .map_or(0, |m| m.reports.values().filter(|&&at| now.since(at) <= valid_ms).count())
    }

    /// Suspected by a majority of the primaries that own slots, this one's own suspicion counted: failed, and everyone is told.
    pub(super) fn fail_by_majority(&mut self, id: NodeId, now: Moment) {
        let valid_ms = self.settings.node_timeout_ms * REPORT_TIMEOUTS;
        let (majority, i_vote) = (self.topology.majority(), self.topology.me().votes());
        let Some(member) = self.topology.member_mut(id) else { return };
        if member.health != Health::Suspected {
            return;
        }
        member.reports.retain(|_, at| now.since(*at) <= valid_ms);
        if member.reports.len() + usize::from(i_vote) < majority {
            return;
        }
        member.health = Health::Failed { since: now };
        tracing::warn!(%id, "FAIL: a majority cannot reach it");
        self.changed();
        if i_vote {
            self.broadcast(&Message::Fail(id));
        }
    }

    /// A member says that a majority agreed.
    pub(super) fn told_of_failure(&mut self, id: NodeId, now: Moment) {
        if id == self.topology.my_id() {
            return;
        }
        let Some(member) = self.topology.member_mut(id) else { return };
        if member.joined() && !matches!(member.health, Health::Failed { .. }) {
            member.health = Health::Failed { since: now };
            tracing::warn!(%id, "FAIL: a majority cannot reach it, a peer says");
            self.changed();
        }
    }

    /// A node answered: no more suspicion; and no failure, unless it owns slots that a replica may be about to take over.
    pub(super) fn reachable_again(&mut self, id: NodeId, now: Moment) {
        let undo_ms = self.settings.node_timeout_ms * UNDO_TIMEOUTS;
        let Some(member) = self.topology.member_mut(id) else { return };
        let over = match member.health {
            Health::Reachable => return,
            Health::Suspected => true,
            Health::Failed { since } => member.slots().is_empty() || now.since(since) > undo_ms,
        };
        if over {
            tracing::info!(%id, "reachable again");
            let failed = member.health != Health::Suspected;
            member.health = Health::Reachable;
            member.reports.clear();
            if failed {
                self.changed();
            }
        }
    }
}
