//! All connections of a worker to owners. A connection lives on one thread, as its clients do.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use shared::limits::{PROXY_LINKS_PER_PEER, PROXY_PRIVATE_IDLE_MAX};
use shared::rt::time::{Duration, Instant};

use super::link::Link;
use super::mode::Mode;
use super::private::Private;
use crate::node::Shared;

/// How long a private connection is kept that nobody needs.
const IDLE_MAX: Duration = Duration::from_secs(10);

/// Owner, mode, and which of several.
type Key = (SocketAddr, u8, u64);

#[derive(Default)]
struct Pool {
    links: BTreeMap<Key, Link>,
    idle: Vec<(Instant, Private)>,
}

thread_local! {
    /// A thread serves the clients of one node only. Borrowed only between two awaits.
    static POOL: RefCell<Pool> = RefCell::default();
}

/// Where a client is: its number, and how the node it is connected to is reached from itself.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// The client's id.
    pub client: u64,
    /// The node.
    pub own: SocketAddr,
}

/// The link that this client shares with others.
pub(super) fn link(shared: &Arc<Shared>, address: SocketAddr, mode: Mode, place: Place) -> Link {
    let key = (address, mode.code(), place.client % PROXY_LINKS_PER_PEER as u64);
    POOL.with_borrow_mut(|pool| {
        if let Some(link) = pool.links.get(&key).filter(|link| !link.is_closed()) {
            return link.clone();
        }
        pool.links.retain(|_, link| !link.is_closed());
        let link = Link::new(shared, address, mode, address == place.own);
        pool.links.insert(key, link.clone());
        link
    })
}

/// A private connection that was kept.
pub(super) fn idle(address: SocketAddr, mode: Mode) -> Option<Private> {
    POOL.with_borrow_mut(|pool| {
        pool.idle.retain(|(since, _)| since.elapsed() < IDLE_MAX);
        let place = pool.idle.iter().position(|(_, private)| private.is_for(address, mode))?;
        Some(pool.idle.swap_remove(place).1).filter(Private::stands)
    })
}

/// Keeps a private connection that owes nothing for whoever needs one next.
pub(super) fn keep(private: Private) {
    POOL.with_borrow_mut(|pool| {
        pool.idle.retain(|(since, _)| since.elapsed() < IDLE_MAX);
        if pool.idle.len() < PROXY_PRIVATE_IDLE_MAX {
            pool.idle.push((Instant::now(), private));
        }
    });
}
