//! The links of a node that carry gossip.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use parking_lot::RwLock;
use shared::node_id::NodeId;

use super::queue::SendQueue;
use crate::gossip::LinkId;

/// One connection to a peer, for gossip.
#[derive(Debug)]
pub struct Link {
    /// Its number.
    pub id: LinkId,
    /// When it was made, Unix milliseconds.
    pub since_unix_ms: u64,
    /// What waits to be sent.
    pub queue: SendQueue,
    /// Whether it stands; an outgoing one is being connected at first.
    open: AtomicBool,
    /// Who speaks on an incoming one: the first member that did.
    speaker: OnceLock<NodeId>,
}

impl Link {
    /// It stands from now on.
    pub fn opened(&self) {
        self.open.store(true, Ordering::Release);
    }

    /// Whether it stands.
    pub fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    /// A member spoke on it.
    pub fn spoken(&self, member: NodeId) {
        // The first member to speak keeps the link's name; another name on it changes nothing but what LINKS tells.
        self.speaker.get_or_init(|| member);
    }

    /// Who speaks on it, if it is incoming and a member did.
    pub fn speaker(&self) -> Option<NodeId> {
        self.speaker.get().copied()
    }
}

/// The links of a node by number.
#[derive(Debug, Default)]
pub struct Links {
    links: RwLock<BTreeMap<LinkId, Arc<Link>>>,
    last_incoming: AtomicU64,
}

impl Links {
    /// A link that the engine wants; it is not open yet.
    pub fn outgoing(&self, number: u64, now_unix_ms: u64) -> Arc<Link> {
        self.add(LinkId::Out(number), now_unix_ms)
    }

    /// A link that a peer made.
    pub fn incoming(&self, now_unix_ms: u64) -> Arc<Link> {
        let number = self.last_incoming.fetch_add(1, Ordering::Relaxed) + 1;
        let link = self.add(LinkId::In(number), now_unix_ms);
        link.opened();
        link
    }

    fn add(&self, id: LinkId, since_unix_ms: u64) -> Arc<Link> {
        let link = Arc::new(Link {
            id,
            since_unix_ms,
            queue: SendQueue::default(),
            open: AtomicBool::new(false),
            speaker: OnceLock::new(),
        });
        self.links.write().insert(id, Arc::clone(&link));
        link
    }

    /// Ends a link, if it is there.
    pub fn close(&self, id: LinkId) {
        if let Some(link) = self.links.write().remove(&id) {
            link.queue.close();
        }
    }

    /// Queues a packet on a link; a link that is gone takes nothing.
    pub fn send(&self, id: LinkId, packet: Bytes) {
        if let Some(link) = self.links.read().get(&id) {
            link.queue.push_gossip(packet);
        }
    }

    /// How many incoming links there are.
    pub fn incoming_count(&self) -> usize {
        self.links.read().keys().filter(|id| matches!(id, LinkId::In(_))).count()
    }

    /// All links by number.
    pub fn all(&self) -> Vec<Arc<Link>> {
        self.links.read().values().map(Arc::clone).collect()
    }
}
