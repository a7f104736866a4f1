//! Clients that wait for keys (BLPOP, XREAD BLOCK).
//!
//! A waiting command is kept with its words. Whoever makes a key ready serves the clients that wait for it, in the order they
//! came, before it gives the lock back: the command is run again for each, and its reply handed over. So a client is served
//! exactly once, nothing can come between, and the order is one for all.

use std::collections::VecDeque;
use std::sync::Arc;

use hashbrown::HashMap;
use parking_lot::Mutex;
use persistence::Generation;
use shared::resp::Protocol;
use tokio::sync::oneshot;

use crate::command::Request;

/// How a waiting client is woken.
pub enum Wake {
    /// It was served.
    Served {
        /// Its reply, encoded.
        reply: Vec<u8>,
        /// What its write will be in, if anything is logged.
        generation: Option<Generation>,
    },
    /// It shall run its command again by itself: its keys lie under several locks.
    Retry,
}

/// A client that waits, in the queue of each of its keys.
pub struct Waiter {
    /// What is run again.
    pub request: Request,
    /// The protocol its client speaks.
    pub protocol: Protocol,
    /// Takes the reply; gone once it is served, and closed once the client gave up.
    pub wake: Mutex<Option<oneshot::Sender<Wake>>>,
    /// Whether its keys lie under several locks (only on a node without cluster mode).
    pub retries: bool,
}

impl Waiter {
    /// Whether it was served or has given up.
    pub fn is_done(&self) -> bool {
        self.wake.lock().as_ref().is_none_or(oneshot::Sender::is_closed)
    }

    /// Wakes its client; false if it was served before or has given up.
    pub fn wake(&self, wake: Wake) -> bool {
        self.wake.lock().take().is_some_and(|sender| sender.send(wake).is_ok())
    }
}

/// The waiting clients of a partition, by key.
#[derive(Default)]
pub struct Waiting {
    keys: HashMap<Box<[u8]>, VecDeque<Arc<Waiter>>, foldhash::quality::RandomState>,
}

impl Waiting {
    /// Whether anybody waits for this key.
    #[inline]
    pub fn has(&self, key: &[u8]) -> bool {
        !self.keys.is_empty() && self.keys.contains_key(key)
    }

    /// Queues a client at a key.
    pub fn add(&mut self, key: &[u8], waiter: &Arc<Waiter>) {
        let queue = self.keys.entry(key.into()).or_default();
        if !queue.iter().any(|other| Arc::ptr_eq(other, waiter)) {
            queue.push_back(Arc::clone(waiter));
        }
    }

    /// Takes a client out of the queue of a key.
    pub fn remove(&mut self, key: &[u8], waiter: &Arc<Waiter>) {
        if let Some(queue) = self.keys.get_mut(key) {
            queue.retain(|other| !Arc::ptr_eq(other, waiter));
            if queue.is_empty() {
                self.keys.remove(key);
            }
        }
    }

    /// The clients that wait for a key, the first come first.
    pub fn of(&self, key: &[u8]) -> Vec<Arc<Waiter>> {
        self.keys.get(key).into_iter().flatten().cloned().collect()
    }

    /// Keys that somebody waits for.
    pub fn keys(&self) -> impl Iterator<Item = &[u8]> {
        self.keys.keys().map(|key| &**key)
    }

    /// How many places in queues there are.
    pub fn len(&self) -> usize {
        self.keys.values().map(VecDeque::len).sum()
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}
