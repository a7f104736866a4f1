//! What a node does when nobody asks: gives back expired keys, disconnects idle clients.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use shared::limits::PARTITIONS;
use shared::rt::time::{self, Duration};

use crate::command::work::Work;
use crate::commit;
use crate::node::Shared;

/// How often a worker looks for expired keys, milliseconds.
const EXPIRE_EVERY_MS: u64 = 20;

/// Expired keys removed under one hold of a lock: a few dozen microseconds.
const EXPIRE_KEYS_MAX: usize = 256;

/// How often idle clients are looked for, milliseconds.
const IDLE_EVERY_MS: u64 = 1_000;

/// Starts the tasks of a node.
pub fn start(shared: &Arc<Shared>) {
    for worker in 0..shared.workers.len() {
        shared.workers.spawn_on(worker, expire(Arc::clone(shared), worker));
    }
    shared.workers.spawn_on(0, disconnect_idle(Arc::clone(shared)));
}

/// Gives back the expired keys of every partition whose number is `worker` modulo the count of workers, and sends away who waits
/// for keys of slots that have moved.
async fn expire(shared: Arc<Shared>, worker: usize) {
    let mut work = Work::default();
    loop {
        time::sleep(Duration::from_millis(EXPIRE_EVERY_MS)).await;
        for index in (worker..PARTITIONS).step_by(shared.workers.len()) {
            commit::redirect_waiting(&shared, index);
            while commit::expire_due(&shared, &mut work, index, time::now_ms(), EXPIRE_KEYS_MAX) {
                // Others of this thread come between.
                time::sleep(Duration::ZERO).await;
            }
        }
    }
}

/// Disconnects clients that were idle for `timeout` seconds; those that listen or wait are not idle.
async fn disconnect_idle(shared: Arc<Shared>) {
    loop {
        time::sleep(Duration::from_millis(IDLE_EVERY_MS)).await;
        let timeout_ms = shared.config().timeout_s * 1_000;
        if timeout_ms == 0 {
            continue;
        }
        let now_ms = time::now_ms();
        for client in shared.clients.all() {
            let idle_ms = now_ms.saturating_sub(client.last_ms.load(Ordering::Relaxed));
            if idle_ms > timeout_ms && !client.subscribed() && !client.blocked() {
                tracing::debug!(id = client.id, "closing an idle client");
                client.outbox.close();
            }
        }
    }
}
