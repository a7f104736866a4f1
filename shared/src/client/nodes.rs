//! The links to all nodes, by node and lane.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::address::Address;
use super::config::ClientConfig;
use super::connection::Link;
use super::slot_map::SlotMap;

/// Which of the connections to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lane {
    /// For calls.
    Calls,
    /// For calls that block on the server, so that no other call waits behind them.
    Blocking,
    /// For edits of documents: two, so that a barrier that blocks one does not hold up the edits on the other.
    Publish(u8),
    /// For watched transactions: a watch belongs to a connection.
    Watch(u8),
}

/// Links to nodes, made when they are first needed.
#[derive(Debug)]
pub(crate) struct Nodes {
    config: Arc<ClientConfig>,
    links: Mutex<BTreeMap<(Address, Lane), Arc<Link>>>,
    /// Told whenever a connection is lost.
    lost: Arc<Notify>,
}

impl Nodes {
    pub(crate) fn new(config: Arc<ClientConfig>, lost: Arc<Notify>) -> Nodes {
        Nodes { config, links: Mutex::new(BTreeMap::new()), lost }
    }

    /// The link to a node.
    pub(crate) fn link(&self, address: &Address, lane: Lane) -> Arc<Link> {
        let mut links = self.links.lock();
        let link = links.entry((address.clone(), lane)).or_insert_with(|| {
            Arc::new(Link::new(address.clone(), Arc::clone(&self.config), Arc::clone(&self.lost)))
        });
        Arc::clone(link)
    }

    /// Drops the links to nodes that have left the cluster. What is in flight on them still ends.
    pub(crate) fn retain(&self, map: &SlotMap) {
        self.links.lock().retain(|(address, _), _| {
            map.shards().iter().any(|shard| shard.primary == *address || shard.replicas.contains(address))
        });
    }
}
