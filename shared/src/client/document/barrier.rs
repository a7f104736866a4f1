//! Barriers of one shard: when edits are *saved*.
//!
//! While edits come, a barrier runs at most every [`BARRIER_INTERVAL_MS`] and never two at once: it closes the segment,
//! waits for the segment's replies, and asks `WAITAOF` (`WAIT` where servers do not know it) on the connection that carried
//! them: a server answers for what *this connection* wrote. If that connection is gone, nobody can tell what became of
//! the edits on a primary that may have restarted: they are published again, which changes nothing where they arrived.

use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::publisher::Publishers;
use super::segment::{Draft, Segments};
use crate::client::address::Address;
use crate::client::command::Command;
use crate::client::connection::{Failure, Order};
use crate::client::core::Core;
use crate::client::nodes::Lane;
use crate::client::topology;
use crate::limits::BARRIER_INTERVAL_MS;
use crate::resp::Value;
use crate::rt::task;
use crate::rt::time::{Duration, Instant, sleep_until};

/// How long one `WAITAOF` blocks on the server before it answers how far it came and is asked again.
const WAIT: Duration = Duration::from_millis(500);

/// The edits of one shard on their way to *saved*.
#[derive(Debug)]
pub(super) struct ShardPublisher {
    primary: Address,
    state: Mutex<ShardState>,
    /// Told when the last edit in flight of a segment has ended.
    drained: Notify,
}

#[derive(Debug, Default)]
struct ShardState {
    segments: Segments,
    /// A task runs barriers.
    running: bool,
}

/// An edit on its way: it belongs to a segment until this is dropped.
#[derive(Debug)]
pub(crate) struct Pass {
    shard: Arc<ShardPublisher>,
    segment: u64,
}

impl ShardPublisher {
    pub(super) fn new(primary: Address) -> ShardPublisher {
        ShardPublisher { primary, state: Mutex::default(), drained: Notify::new() }
    }

    /// An edit sets out on the connection of the open segment.
    pub(super) fn enter(self: &Arc<Self>) -> (Lane, Pass) {
        let segment = self.state.lock().segments.enter();
        (Lane::Publish(Segments::lane(segment)), Pass { shard: Arc::clone(self), segment })
    }

    /// Runs barriers until there is nothing left to save.
    async fn run(self: Arc<Self>, publishers: Weak<Publishers>) {
        loop {
            let started = Instant::now();
            let segment = {
                let mut state = self.state.lock();
                if !state.segments.has_work() {
                    state.running = false;
                    return;
                }
                state.segments.close();
                state.segments.closed_number().unwrap_or_default()
            };
            let drafts = self.closed_drafts().await;
            // Whoever holds no client any more does not ask what is saved.
            let Some(publishers) = publishers.upgrade() else { return };
            let lost = self.save(&publishers, segment, drafts).await;
            if !lost.is_empty() {
                tracing::warn!(
                    primary = %self.primary, edits = lost.len(),
                    "a connection was lost before its edits were saved: publishing them again"
                );
                task::spawn(publish_again(Arc::downgrade(&publishers), lost));
            }
            drop(publishers);
            sleep_until(started + Duration::from_millis(BARRIER_INTERVAL_MS)).await;
        }
    }

    async fn closed_drafts(&self) -> Vec<(u64, Draft)> {
        loop {
            // A permit that was given between the look and the wait is kept.
            if let Some(drafts) = self.state.lock().segments.take_closed() {
                return drafts;
            }
            self.drained.notified().await;
        }
    }

    /// Waits until edits are saved; those of which it cannot be known come back.
    async fn save(&self, publishers: &Publishers, segment: u64, drafts: Vec<(u64, Draft)>) -> Vec<Draft> {
        // Usually all went over one connection. Of an earlier one nothing can be asked any more.
        let Some(connection) = drafts.iter().map(|(connection, _)| *connection).max() else {
            return Vec::new();
        };
        let saved = self.barrier(publishers, Lane::Publish(Segments::lane(segment)), connection).await;
        let covered = |of: u64| of == connection && saved.is_ok();
        if let Err(why) = &saved {
            tracing::debug!(primary = %self.primary, why, "no barrier");
        }
        drafts.into_iter().filter(|(of, _)| !covered(*of)).map(|(_, draft)| draft).collect()
    }

    /// Waits until everything that this connection wrote is saved; an error when that cannot be known.
    async fn barrier(&self, publishers: &Publishers, lane: Lane, connection: u64) -> Result<(), String> {
        let core = &publishers.core;
        loop {
            let capabilities = publishers.capabilities().await.map_err(|error| error.to_string())?;
            let replicas = i64::from(self.has_replica(core).await?);
            let wait_ms = i64::try_from(WAIT.as_millis()).unwrap_or(i64::MAX);
            let disk = i64::from(capabilities.waits_for_disk());
            let command = if capabilities.waitaof {
                Command::new("WAITAOF").int(disk).int(replicas).int(wait_ms)
            } else {
                Command::new("WAIT").int(replicas).int(wait_ms)
            };
            let patience = core.config.reply_deadline + WAIT;
            let order =
                Order { bytes: command.to_request(), replies: 1, patience, only_on: Some(connection) };
            let link = core.nodes.link(&self.primary, lane);
            let reply = link.send(order, Instant::now() + patience).await;
            let answer =
                reply.map_err(|failure: Failure| failure.words())?.values.pop().unwrap_or(Value::Null);
            let reached = match &answer {
                Value::Error(error) => {
                    publishers.forget_capabilities();
                    return Err(error.to_string());
                }
                Value::Int(followers) => *followers >= replicas,
                other => match other.elements() {
                    Some([local, followers]) => {
                        local.as_int() >= Some(disk) && followers.as_int() >= Some(replicas)
                    }
                    _ => return Err(format!("{} was answered by {answer}", command.name())),
                },
            };
            if reached {
                return Ok(());
            }
            core.topology.wish();
        }
    }
}

impl ShardPublisher {
    /// Whether a replica must have the edits too. One that has failed leaves the map: then the disk alone counts.
    async fn has_replica(&self, core: &Core) -> Result<bool, String> {
        if core.topology.map().is_patched() {
            topology::refresh(core).await.map_err(|error| error.to_string())?;
        }
        // What a primary says that the cluster has replaced is worth nothing.
        let map = core.topology.map();
        let shard =
            map.shard_at(&self.primary).ok_or_else(|| format!("{} is no primary any more", self.primary))?;
        Ok(!shard.replicas.is_empty())
    }
}

impl Pass {
    /// The edit is published, over this connection: the segment's barrier covers it.
    pub(super) fn publish(self, connection: u64, draft: Draft, publishers: &Arc<Publishers>) {
        let mut state = self.shard.state.lock();
        state.segments.publish(self.segment, connection, draft);
        let start = !std::mem::replace(&mut state.running, true);
        drop(state);
        if start {
            task::spawn(Arc::clone(&self.shard).run(Arc::downgrade(publishers)));
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if self.shard.state.lock().segments.leave(self.segment) {
            self.shard.drained.notify_one();
        }
    }
}

/// Publishes edits again, in their order, each until it succeeds or nobody waits for it any more.
async fn publish_again(publishers: Weak<Publishers>, drafts: Vec<Draft>) {
    for draft in drafts {
        let mut draft = Some(draft);
        while let Some(again) = draft.take() {
            // The door is gone: nobody asks whether it is saved.
            let abandoned = again.unsaved.strong_count() == 0;
            let (false, Some(publishers)) = (abandoned, publishers.upgrade()) else { return };
            match publishers.deliver(again).await {
                Ok(_) => {}
                Err((error, back)) => {
                    tracing::warn!(document = %back.document, %error, "an unsaved edit cannot be published again yet");
                    sleep_until(Instant::now() + publishers.core.config.backoff_max).await;
                    draft = Some(back);
                }
            }
        }
    }
}
