//! The registry of clients: what CLIENT LIST tells and CLIENT KILL ends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use dashmap::DashMap;
use parking_lot::Mutex;

use super::outbox::Outbox;

/// One client as others see it.
pub struct Client {
    /// Unique and ascending within a node's life.
    pub id: u64,
    /// Where it comes from.
    pub peer: SocketAddr,
    /// Where it came to.
    pub local: SocketAddr,
    /// When it came, Unix milliseconds.
    pub since_ms: u64,
    /// When it last asked, Unix milliseconds.
    pub last_ms: AtomicU64,
    /// CLIENT SETNAME.
    pub name: Mutex<String>,
    /// Messages pushed to it.
    pub outbox: Outbox,
}

/// All clients of a node.
#[derive(Default)]
pub struct Clients {
    by_id: DashMap<u64, Arc<Client>, foldhash::fast::RandomState>,
    last_id: AtomicU64,
    count: AtomicUsize,
}

impl Clients {
    /// Registers a client.
    pub fn add(&self, peer: SocketAddr, local: SocketAddr, now_ms: u64) -> Arc<Client> {
        let id = self.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        let client = Arc::new(Client {
            id,
            peer,
            local,
            since_ms: now_ms,
            last_ms: AtomicU64::new(now_ms),
            name: Mutex::new(String::new()),
            outbox: Outbox::default(),
        });
        self.by_id.insert(id, Arc::clone(&client));
        self.count.fetch_add(1, Ordering::Relaxed);
        client
    }

    /// Forgets a client.
    pub fn remove(&self, id: u64) {
        if self.by_id.remove(&id).is_some() {
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// The client with this id.
    pub fn get(&self, id: u64) -> Option<Arc<Client>> {
        self.by_id.get(&id).map(|client| Arc::clone(&client))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All clients, by id.
    pub fn all(&self) -> Vec<Arc<Client>> {
        let mut all: Vec<_> = self.by_id.iter().map(|client| Arc::clone(&client)).collect();
        all.sort_unstable_by_key(|client| client.id);
        all
    }
}
