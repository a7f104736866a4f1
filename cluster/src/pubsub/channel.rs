//! All who listen to one name.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::message::Encoded;
use super::subscriber::Subscriber;
use crate::config::high::OutputLimit;

/// The subscribers of one channel or pattern, in the order of their ids. Its lock gives its messages one order.
#[derive(Default)]
pub struct Channel {
    subscribers: Mutex<BTreeMap<u64, Arc<Subscriber>>>,
}

impl Channel {
    pub(super) fn add(&self, subscriber: &Arc<Subscriber>) {
        self.subscribers.lock().insert(subscriber.id(), Arc::clone(subscriber));
    }

    /// Takes one out; true if nobody is left.
    pub(super) fn remove(&self, subscriber: &Subscriber) -> bool {
        let mut subscribers = self.subscribers.lock();
        subscribers.remove(&subscriber.id());
        subscribers.is_empty()
    }

    /// How many listen.
    pub fn len(&self) -> usize {
        self.subscribers.lock().len()
    }

    /// Whether nobody listens.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Hands a message to everyone; returns to how many.
    pub(super) fn fan_out(&self, message: &Encoded<'_>, limit: &OutputLimit) -> usize {
        let subscribers = self.subscribers.lock();
        for subscriber in subscribers.values() {
            #[cfg(feature = "sim")]
            if shared::rt::sim::is_planted("message-not-delivered")
                && shared::rt::rng::random_u64().is_multiple_of(1_000)
                && shared::rt::sim::strikes("message-not-delivered")
            {
                continue;
            }
            subscriber.push(message.bytes(subscriber.protocol()), limit);
        }
        subscribers.len()
    }

    pub(super) fn all(&self) -> Vec<Arc<Subscriber>> {
        self.subscribers.lock().values().map(Arc::clone).collect()
    }
}
