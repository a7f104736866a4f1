//! All links on which peers publish here.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;

use parking_lot::Mutex;
use shared::node_id::NodeId;
use tokio::sync::Notify;

use super::inlet::Inlet;

/// The links by who publishes on them: one each.
#[derive(Debug, Default)]
pub struct Inlets {
    links: Mutex<BTreeMap<NodeId, Arc<Inlet>>>,
    /// Somebody has heard of something, or is gone.
    changed: Notify,
}

impl Inlets {
    /// A peer made a link; the one before, if there is one, has ended and delivers nothing more when this returns.
    pub(super) fn add(&self, inlet: &Arc<Inlet>) {
        let before = self.links.lock().insert(inlet.peer, Arc::clone(inlet));
        if let Some(before) = before {
            before.close();
        }
    }

    /// A link has ended.
    pub(super) fn remove(&self, inlet: &Arc<Inlet>) {
        let mut links = self.links.lock();
        if links.get(&inlet.peer).is_some_and(|there| Arc::ptr_eq(there, inlet)) {
            links.remove(&inlet.peer);
        }
        drop(links);
        self.changed.notify_waiters();
    }

    /// Ends the links of those who may not publish here any more.
    pub(in super::super) fn keep(&self, may: impl Fn(NodeId) -> bool) {
        let gone: Vec<_> = self.links.lock().extract_if(.., |&peer, _| !may(peer)).collect();
        for (_, inlet) in gone {
            inlet.end();
            self.changed.notify_waiters();
        }
    }

    /// A peer has heard of a version.
    pub(super) fn heard(&self, inlet: &Inlet, version: u64) {
        inlet.has_heard(version);
        self.changed.notify_waiters();
    }

    /// Whether everybody has heard of a version.
    pub fn have_heard(&self, version: u64) -> bool {
        self.links.lock().values().all(|inlet| inlet.heard() >= version)
    }

    /// Waits until everybody has.
    pub(super) async fn until_heard(&self, version: u64) {
        loop {
            let mut changed = pin!(self.changed.notified());
            // From here on no change is missed.
            changed.as_mut().enable();
            if self.have_heard(version) {
                return;
            }
            changed.await;
        }
    }

    /// Ends the links of those who have not heard of a version.
    pub(super) fn cut_off(&self, version: u64) {
        let late: Vec<_> = self.links.lock().extract_if(.., |_, inlet| inlet.heard() < version).collect();
        for (peer, inlet) in late {
            tracing::warn!(%peer, "a peer does not hear who listens here: its link is reset");
            inlet.end();
        }
    }

    /// All links by who publishes on them.
    pub fn all(&self) -> Vec<Arc<Inlet>> {
        self.links.lock().values().map(Arc::clone).collect()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.links.lock().len()
    }

    /// Whether nobody publishes here.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
