//! Subscriptions to channels: they survive lost connections and moves of their slot, and say when messages may be missing.
//!
//! The queue between the connection and the reader is bounded in messages and bytes. Its policy is *lose and tell*: what
//! comes while it is full is dropped, and when the reader has caught up it is told [`Event::Lost`] and [`Event::Resumed`],
//! as after a broken connection. A slow reader never holds up the connection that others share, and always learns that it
//! must read the log.
//!
//! # Layout
//!
//! - [`Subscription`], [`Event`]: what the reader sees. - `queue`: the bounded queue.
//! - `hub`: which node each subscription lives on; places it again after a loss. - `link`: one node's connection.
//! - `notice`: what a server sends on it. - `topic`: the three kinds of channels.

mod hub;
mod link;
mod notice;
mod queue;
mod topic;

use bytes::Bytes;

pub(crate) use hub::Hub;
pub(crate) use topic::Kind;

use queue::Queue;
use std::sync::Arc;

/// What a subscription tells its reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A message.
    Message {
        /// The channel that it was published on.
        channel: Bytes,
        /// What was published.
        payload: Bytes,
    },
    /// From here on messages may be missing: the connection broke, the slot moved, or the reader was too slow.
    Lost,
    /// From here on no message is missing. Always follows a [`Event::Lost`]; what came in between is in the log.
    Resumed,
}

/// A subscription; dropping it unsubscribes.
#[derive(Debug)]
pub struct Subscription {
    queue: Arc<Queue>,
    /// Keeps the client's subscriptions running.
    _hub: Hub,
}

impl Subscription {
    /// The next event; waits for it. `None` when the server has refused to go on (its permission was taken away) or the
    /// runtime shuts down.
    ///
    /// Cancelling it loses nothing.
    pub async fn next(&mut self) -> Option<Event> {
        self.queue.next().await
    }

    /// The next event if there is one already.
    pub fn try_next(&mut self) -> Option<Event> {
        self.queue.try_next()
    }

    /// Waits for an event, then takes up to `max` without waiting again. Empty where [`Subscription::next`] says `None`.
    pub async fn batch(&mut self, max: usize) -> Vec<Event> {
        let mut events: Vec<Event> = self.next().await.into_iter().collect();
        while !events.is_empty() && events.len() < max {
            let Some(event) = self.try_next() else { break };
            events.push(event);
        }
        events
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.queue.leave();
    }
}
