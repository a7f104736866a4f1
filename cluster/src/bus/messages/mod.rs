//! Message links: what is published goes over links of its own to those nodes that have subscribers for it.
//!
//! Each node dials each member that it reaches, on the port of the bus, and publishes on that link. The other end says on it
//! what its clients listen to ([`crate::pubsub::interest`]): all of it first, then each change, and hears that a change is known.
//! Until the first has come everything is sent, so that nobody misses a message because it is not known that he listens.
//!
//! When a SUBSCRIBE wants something new its confirmation waits until every node that publishes here has heard of it, or for
//! [`INTEREST_HEARD_MS_MAX`]: what anybody publishes anywhere afterwards reaches the subscriber. The link of a node that has not
//! heard of it by then is ended, and it begins again by sending everything.
//!
//! The links are served by the workers, as clients are; neither the engine nor the thread of the bus is waited for.
//!
//! # Layout
//!
//! - [`said`]: what is said on these links, as bytes.
//! - [`outlet`]: a link that this node dialled, to publish; [`wanted`]: what the other end wants.
//! - [`inlet`]: a link that a peer dialled; [`inlets`]: all of them.

pub mod inlet;
pub mod inlets;
pub mod outlet;
pub mod said;
pub mod wanted;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use parking_lot::RwLock;
use shared::limits::INTEREST_HEARD_MS_MAX;
use shared::node_id::NodeId;
use shared::rt::time::{self, Duration};
use shared::slot::Slot;

use self::inlets::Inlets;
use self::outlet::Outlet;
use super::counters::Counters;
use super::packet::Kind;
use crate::topology::{Health, Member};

/// A published message that is longer than a packet of the bus can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("message too long for the cluster bus")]
pub struct TooLong;

/// The message links of a node.
#[derive(Debug, Default)]
pub struct Messages {
    /// To whom this node publishes, in the order of names.
    outlets: RwLock<Vec<Arc<Outlet>>>,
    /// Who publishes here.
    pub inlets: Inlets,
    /// How long a peer may take to let itself be dialled or to read, milliseconds.
    patience_ms: AtomicU64,
}

/// Where a member is dialled; `None` if it is not, because it is not known to live.
pub(super) fn dialled(member: &Member) -> Option<(NodeId, SocketAddr)> {
    let failed = matches!(member.health, Health::Failed { .. });
    let heard = member.reachable() || member.contact.open_link().is_some();
    let address = member.address.and_then(|address| address.bus())?;
    (member.joined() && heard && !failed).then_some((member.id, address))
}

impl Messages {
    /// Links go to these peers from now on, in the order of names, and to no others. Returns the new ones, which are to be run.
    pub(super) fn dial(&self, peers: &[(NodeId, SocketAddr)], now_unix_ms: u64) -> Vec<Arc<Outlet>> {
        let same =
            |outlets: &[Arc<Outlet>]| outlets.iter().map(|o| (o.peer, o.address)).eq(peers.iter().copied());
        if same(&self.outlets.read()) {
            return Vec::new();
        }
        let mut outlets = self.outlets.write();
        let mut new = Vec::new();
        let next = peers.iter().map(|&(peer, address)| {
            let old = outlets.iter().find(|outlet| (outlet.peer, outlet.address) == (peer, address));
            old.map(Arc::clone).unwrap_or_else(|| {
                let outlet = Arc::new(Outlet::new(peer, address, now_unix_ms));
                new.push(Arc::clone(&outlet));
                outlet
            })
        });
        let next: Vec<_> = next.collect();
        for outlet in outlets.iter().filter(|old| !next.iter().any(|outlet| Arc::ptr_eq(old, outlet))) {
            outlet.close();
        }
        *outlets = next;
        new
    }

    /// Sends a published message to every node that has subscribers for it, or may have.
    pub(super) fn publish(
        &self,
        me: NodeId,
        channel: &[u8],
        payload: &[u8],
        counters: &Counters,
    ) -> Result<(), TooLong> {
        if channel.len() + payload.len() > said::PUBLISHED_BYTES_MAX {
            return Err(TooLong);
        }
        let slot = Slot::of_key(channel);
        let mut packet: Option<Bytes> = None;
        let mut sent = 0;
        for outlet in self.outlets.read().iter().filter(|outlet| outlet.wanted.has(slot)) {
            let packet = match &packet {
                Some(packet) => packet.clone(),
                None => packet.insert(said::publish(me, channel, payload).ok_or(TooLong)?).clone(),
            };
            match outlet.queue.push(packet) {
                true => sent += 1,
                false => {
                    tracing::warn!(peer = %outlet.peer, "a peer does not read what is published: its link is reset");
                    counters.overflowed();
                    outlet.reset();
                }
            }
        }
        if sent > 0 {
            counters.sent(Kind::Publish, sent);
        }
        Ok(())
    }

    /// Waits until everybody who publishes here has heard of this version of what is wanted; whoever has not in time is cut off.
    pub async fn until_heard(&self, version: u64) {
        let deadline = Duration::from_millis(INTEREST_HEARD_MS_MAX);
        if time::timeout(deadline, self.inlets.until_heard(version)).await.is_err() {
            self.inlets.cut_off(version);
        }
    }

    /// How many links stand on which this node publishes, and knows what the other end wants.
    pub fn standing(&self) -> usize {
        self.outlets.read().iter().filter(|outlet| outlet.wanted.is_known()).count()
    }

    /// What waits to be sent on them, bytes.
    pub fn waiting_bytes(&self) -> usize {
        self.outlets.read().iter().map(|outlet| outlet.queue.bytes()).sum()
    }

    /// All links on which this node publishes.
    pub fn outlets(&self) -> Vec<Arc<Outlet>> {
        self.outlets.read().clone()
    }

    /// How long a peer may take.
    fn patience(&self) -> Duration {
        Duration::from_millis(self.patience_ms.load(Ordering::Relaxed))
    }

    /// Peers may take so long from now on.
    pub(super) fn be_patient(&self, ms: u64) {
        self.patience_ms.store(ms, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
