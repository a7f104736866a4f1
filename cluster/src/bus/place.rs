//! A node does what its place in its shard asks for, and tells the engine how its log does.

use std::sync::Arc;

use shared::limits::RANGES;
use shared::rt::time::{Duration, Instant};

use crate::failover::LogStatus;
use crate::failover::handover::HANDOVER_MS;
use crate::gossip::Effect;
use crate::node::Shared;
use crate::replication::{self, Source};
use crate::slot_migration;
use crate::topology::Topology;

/// How the log of a node does.
pub(super) fn status(node: &Shared) -> LogStatus {
    let Some(store) = node.log.store() else { return LogStatus { whole: true, ..LogStatus::default() } };
    LogStatus {
        store: Some(store.id()),
        offset: store.ends().iter().sum(),
        whole: !(0..RANGES).any(|range| store.is_receiving(range)),
        failed: store.check().is_err(),
        followers: node.replication.feeds.followers(store),
    }
}

/// Lets requests wait that are refused only because an office changes hands, and all writes.
fn hold_back(node: &Shared) {
    node.clients.pause(Instant::now() + Duration::from_millis(HANDOVER_MS), false);
}

/// Has a node do what its place in the shard asks for.
pub(super) fn take(node: &Arc<Shared>, effect: Effect, topology: &Topology) {
    match effect {
        Effect::Forget(slots) => slot_migration::forget(node, slots),
        Effect::AskedToClaim(to, ask) => node.slot_migrations.asked.add(to, ask),
        Effect::ClaimAnswered => node.slot_migrations.claims.answered(),
        Effect::TellCopies => {
            node.replication.feeds.shard_changed();
            if !topology.moves.migrating.is_empty() && !node.replication.feeds.is_alone() {
                // Here and now, so that who needs it does not wait for it.
                let told = Arc::clone(node);
                node.workers.spawn(async move {
                    let patience = Duration::from_millis(told.config().cluster_node_timeout_ms.max(1));
                    if let Err(why) = slot_migration::known_to_copies(&told, patience).await {
                        tracing::debug!(why, "not all copies know which slots move");
                    }
                });
            }
        }
        Effect::WaitFor(copies) => node.replication.feeds.wait_for(copies),
        Effect::Follow => {
            let primary = topology.my_primary().and_then(|member| member.address);
            let source = primary.map_or(Source { host: String::new(), port: 0 }, Source::at);
            replication::follow(node, source);
            // Whoever waits for this node to take writes again is sent to the other one.
            node.clients.unpause();
        }
        Effect::Lead => {
            // Whoever is sent here already waits until the log is that of a primary.
            hold_back(node);
            replication::lead(node);
        }
        Effect::Pause(true) => hold_back(node),
        Effect::Pause(false) => node.clients.unpause(),
        _ => {}
    }
}
