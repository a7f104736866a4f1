//! Who listens to what, and handing messages over.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use dashmap::{DashMap, Entry};
use parking_lot::RwLock;
use shared::slot::Slot;
use shared::slot_set::SlotSet;

use super::channel::Channel;
use super::interest::{Interest, Topic};
use super::message::{Encoded, confirmation};
use super::subscriber::{Scope, Subscriber};
use crate::config::high::OutputLimit;
use crate::glob;

type Channels = DashMap<Bytes, Arc<Channel>, foldhash::fast::RandomState>;

/// The subscriptions of a node.
///
/// Locks are taken in this order: a subscriber's names, then the registry, then a channel or the interest, then an outbox.
pub struct PubSub {
    channels: Channels,
    shard_channels: Channels,
    /// In the order of patterns: who listens to several gets the messages in it.
    patterns: RwLock<BTreeMap<Bytes, Arc<Channel>>>,
    /// As many as `patterns` holds: most nodes have none, and then no lock is taken.
    pattern_count: AtomicUsize,
    /// What other nodes are told of it.
    pub interest: Interest,
    limit: RwLock<OutputLimit>,
}

impl PubSub {
    /// Nobody listens yet; subscribers may fall behind so far.
    pub fn new(limit: OutputLimit) -> PubSub {
        PubSub {
            channels: Channels::default(),
            shard_channels: Channels::default(),
            patterns: RwLock::default(),
            pattern_count: AtomicUsize::new(0),
            interest: Interest::default(),
            limit: RwLock::new(limit),
        }
    }

    /// Subscribers may fall behind so far from now on.
    pub fn set_limit(&self, limit: OutputLimit) {
        *self.limit.write() = limit;
    }

    /// Hands a message to the subscribers on this node: those of the channel, then those of patterns that match. Returns how
    /// many got it.
    pub fn deliver(&self, channel: &[u8], payload: &[u8]) -> usize {
        let limit = *self.limit.read();
        let direct = find(&self.channels, channel)
            .map_or(0, |found| found.fan_out(&Encoded::new(&[b"message", channel, payload]), &limit));
        direct + self.deliver_to_patterns(channel, payload, &limit)
    }

    fn deliver_to_patterns(&self, channel: &[u8], payload: &[u8], limit: &OutputLimit) -> usize {
        if self.pattern_count.load(Ordering::Relaxed) == 0 {
            return 0;
        }
        let matching: Vec<(Bytes, Arc<Channel>)> = self
            .patterns
            .read()
            .iter()
            .filter(|(pattern, _)| glob::matches(pattern, channel))
            .map(|(pattern, listeners)| (pattern.clone(), Arc::clone(listeners)))
            .collect();
        matching
            .iter()
            .map(|(pattern, found)| {
                found.fan_out(&Encoded::new(&[b"pmessage", pattern, channel, payload]), limit)
            })
            .sum()
    }

    /// Hands a message to the subscribers of a sharded channel; returns how many got it. The caller holds what orders the
    /// channel's slot.
    pub fn deliver_sharded(&self, channel: &[u8], payload: &[u8]) -> usize {
        let limit = *self.limit.read();
        find(&self.shard_channels, channel)
            .map_or(0, |found| found.fan_out(&Encoded::new(&[b"smessage", channel, payload]), &limit))
    }

    /// Slots are served elsewhere now: whoever listens to a sharded channel of theirs is told that this ended.
    pub fn slots_lost(&self, slots: &SlotSet) {
        let mut names: Vec<Bytes> = self.shard_channels.iter().map(|entry| entry.key().clone()).collect();
        names.retain(|name| slots.contains(Slot::of_key(name)));
        names.sort();
        let limit = *self.limit.read();
        for name in names {
            let listeners = find(&self.shard_channels, &name).map(|found| found.all()).unwrap_or_default();
            for subscriber in listeners {
                self.end_sharded(&subscriber, &name, &limit);
            }
        }
    }

    fn end_sharded(&self, subscriber: &Arc<Subscriber>, name: &Bytes, limit: &OutputLimit) {
        let count = self.unsubscribe(subscriber, Scope::Shard, name);
        let mut message = Vec::new();
        confirmation(&mut message, subscriber.protocol(), "sunsubscribe", Some(name), count);
        subscriber.push(message.into(), limit);
    }

    pub(super) fn subscribe(&self, subscriber: &Arc<Subscriber>, scope: Scope, name: &[u8]) -> usize {
        let mut names = subscriber.names.lock();
        let name = Bytes::copy_from_slice(name);
        if names.of(scope).insert(name.clone()) {
            match scope {
                Scope::Channel => self.add(name, subscriber),
                Scope::Shard => self.shard_channels.entry(name).or_default().add(subscriber),
                Scope::Pattern => {
                    let mut patterns = self.patterns.write();
                    if !patterns.contains_key(&name) {
                        self.interest.began(Topic::Patterns);
                    }
                    patterns.entry(name).or_default().add(subscriber);
                    self.pattern_count.store(patterns.len(), Ordering::Relaxed);
                }
            }
            subscriber.counted(&names);
        }
        names.told(scope)
    }

    fn add(&self, name: Bytes, subscriber: &Arc<Subscriber>) {
        let slot = Slot::of_key(&name);
        let entry = self.channels.entry(name);
        // Under the lock of the name's place in the map, so that its end is not counted before its beginning.
        if matches!(entry, Entry::Vacant(_)) {
            self.interest.began(Topic::Slot(slot));
        }
        entry.or_default().add(subscriber);
    }

    pub(super) fn unsubscribe(&self, subscriber: &Arc<Subscriber>, scope: Scope, name: &[u8]) -> usize {
        let mut names = subscriber.names.lock();
        if names.of(scope).remove(name) {
            match scope {
                Scope::Channel => {
                    if remove(&self.channels, name, subscriber) {
                        self.interest.ended(Topic::Slot(Slot::of_key(name)));
                    }
                }
                Scope::Shard => drop(remove(&self.shard_channels, name, subscriber)),
                Scope::Pattern => {
                    let mut patterns = self.patterns.write();
                    if patterns.get(name).is_some_and(|found| found.remove(subscriber)) {
                        patterns.remove(name);
                        self.interest.ended(Topic::Patterns);
                    }
                    self.pattern_count.store(patterns.len(), Ordering::Relaxed);
                }
            }
            subscriber.counted(&names);
        }
        names.told(scope)
    }

    /// Channels that somebody listens to, in order; those that match, if a pattern is given.
    pub fn active(&self, scope: Scope, pattern: Option<&[u8]>) -> Vec<Bytes> {
        let wanted = |name: &Bytes| pattern.is_none_or(|pattern| glob::matches(pattern, name));
        let mut names: Vec<Bytes> = match scope {
            Scope::Channel => self.channels.iter().map(|entry| entry.key().clone()).filter(wanted).collect(),
            Scope::Shard => {
                self.shard_channels.iter().map(|entry| entry.key().clone()).filter(wanted).collect()
            }
            Scope::Pattern => self.patterns.read().keys().filter(|name| wanted(name)).cloned().collect(),
        };
        names.sort();
        names
    }

    /// How many listen to a channel or sharded channel, those by pattern not counted.
    pub fn listeners(&self, scope: Scope, name: &[u8]) -> usize {
        match scope {
            Scope::Channel => find(&self.channels, name).map_or(0, |found| found.len()),
            Scope::Shard => find(&self.shard_channels, name).map_or(0, |found| found.len()),
            Scope::Pattern => self.patterns.read().get(name).map_or(0, |found| found.len()),
        }
    }

    /// How many patterns somebody listens to.
    pub fn patterns(&self) -> usize {
        self.pattern_count.load(Ordering::Relaxed)
    }
}

/// The channel, without holding the registry.
fn find(channels: &Channels, name: &[u8]) -> Option<Arc<Channel>> {
    channels.get(name).map(|found| Arc::clone(&found))
}

/// Takes a subscriber out; true if nobody listens to the channel any more, and it is gone.
fn remove(channels: &Channels, name: &[u8], subscriber: &Subscriber) -> bool {
    // The emptiness is asked again under the map's lock: somebody may have come in between.
    find(channels, name).is_some_and(|found| found.remove(subscriber))
        && channels.remove_if(name, |_, found| found.is_empty()).is_some()
}
