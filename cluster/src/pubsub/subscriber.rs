//! One connection that listens.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;
use shared::resp::Protocol;
use shared::rt::time;

use super::limit;
use super::registry::PubSub;
use crate::config::high::OutputLimit;
use crate::server::clients::Client;

/// What a name in a subscription means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// A channel of the whole cluster.
    Channel,
    /// A pattern over such channels.
    Pattern,
    /// A channel of one slot.
    Shard,
}

/// One connection that listens, as the registry sees it.
pub struct Subscriber {
    client: Arc<Client>,
    resp3: AtomicBool,
    /// Since when it is over the soft output limit, Unix milliseconds; 0 if it is not.
    over_since_ms: Mutex<u64>,
    pub(super) names: Mutex<Names>,
    /// As many as `names` holds, to be asked without its lock.
    count: AtomicUsize,
}

/// What it listens to.
#[derive(Default)]
pub(super) struct Names {
    channels: BTreeSet<Bytes>,
    patterns: BTreeSet<Bytes>,
    shard: BTreeSet<Bytes>,
}

impl Names {
    pub(super) fn of(&mut self, scope: Scope) -> &mut BTreeSet<Bytes> {
        match scope {
            Scope::Channel => &mut self.channels,
            Scope::Pattern => &mut self.patterns,
            Scope::Shard => &mut self.shard,
        }
    }

    /// The number a confirmation tells: sharded channels are counted by themselves.
    pub(super) fn told(&self, scope: Scope) -> usize {
        match scope {
            Scope::Channel | Scope::Pattern => self.channels.len() + self.patterns.len(),
            Scope::Shard => self.shard.len(),
        }
    }

    fn len(&self) -> usize {
        self.channels.len() + self.patterns.len() + self.shard.len()
    }
}

impl Subscriber {
    fn new(client: Arc<Client>, protocol: Protocol) -> Subscriber {
        Subscriber {
            client,
            resp3: AtomicBool::new(protocol == Protocol::Resp3),
            over_since_ms: Mutex::new(0),
            names: Mutex::new(Names::default()),
            count: AtomicUsize::new(0),
        }
    }

    /// The client's id: unique and ascending.
    pub fn id(&self) -> u64 {
        self.client.id
    }

    /// The protocol it speaks now.
    pub fn protocol(&self) -> Protocol {
        if self.resp3.load(Ordering::Relaxed) { Protocol::Resp3 } else { Protocol::Resp2 }
    }

    /// Hands it a message; a subscriber that has fallen too far behind is disconnected.
    pub(super) fn push(&self, message: Bytes, limit: &OutputLimit) {
        let queued = self.client.outbox.push(message) as u64;
        // Most are far below every bound: no clock and no lock for them.
        if queued <= limit::unbounded_below(limit) {
            return;
        }
        if limit::exceeded(limit, queued, &mut self.over_since_ms.lock(), time::now_ms) {
            tracing::warn!(
                client = self.client.id,
                queued,
                "a subscriber does not take its messages: disconnected"
            );
            self.client.outbox.close();
        }
    }

    /// To be called after `names` changed.
    pub(super) fn counted(&self, names: &Names) {
        self.count.store(names.len(), Ordering::Relaxed);
    }
}

/// A connection's own end of its subscriptions; dropped, it listens to nothing.
pub struct Subscription {
    pubsub: Arc<PubSub>,
    subscriber: Arc<Subscriber>,
}

impl Subscription {
    /// A connection that listens to nothing yet.
    pub fn new(pubsub: Arc<PubSub>, client: Arc<Client>, protocol: Protocol) -> Subscription {
        Subscription { pubsub, subscriber: Arc::new(Subscriber::new(client, protocol)) }
    }

    /// The connection speaks another protocol from now on.
    pub fn speaks(&self, protocol: Protocol) {
        self.subscriber.resp3.store(protocol == Protocol::Resp3, Ordering::Relaxed);
    }

    /// To how many names it listens.
    pub fn count(&self) -> usize {
        self.subscriber.count.load(Ordering::Relaxed)
    }

    /// The number a confirmation tells: sharded channels are counted by themselves.
    pub fn told(&self, scope: Scope) -> usize {
        self.subscriber.names.lock().told(scope)
    }

    /// Listens to a name; returns the count for the confirmation.
    pub fn subscribe(&self, scope: Scope, name: &[u8]) -> usize {
        self.pubsub.subscribe(&self.subscriber, scope, name)
    }

    /// Listens to a name no more; returns the count for the confirmation.
    pub fn unsubscribe(&self, scope: Scope, name: &[u8]) -> usize {
        self.pubsub.unsubscribe(&self.subscriber, scope, name)
    }

    /// All names of a scope, in order.
    pub fn names(&self, scope: Scope) -> Vec<Bytes> {
        self.subscriber.names.lock().of(scope).iter().cloned().collect()
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        for scope in [Scope::Channel, Scope::Pattern, Scope::Shard] {
            for name in self.names(scope) {
                self.pubsub.unsubscribe(&self.subscriber, scope, &name);
            }
        }
    }
}
