//! `cluster-proxy yes`: commands on slots of other nodes are forwarded to their owners, so that a client that knows no cluster may
//! be connected to any node.
//!
//! The requests that one client has sent together go out together, one write to each owner, and are answered together, in the order
//! in which they came. What is refused because a slot moves or an owner has failed is asked again, with the view as it is then, until
//! [`patience`] is over; but only what was certainly not executed. Of two requests on one slot the later one is never executed before
//! the earlier one ([`mark`] says how). Whose connection was lost after it had been sent is told that its outcome is not known.
//!
//! # Layout
//!
//! - [`batch`]: the requests of one client that go out together, and where their replies belong; [`split`]: those that were split by slot,
//!   and their replies joined; [`rounds`]: sent, sent again, answered; [`verdict`]: what a reply says about where the slot is.
//! - [`link`]: a connection that the clients of a worker share, [`pipeline`]: while it lasts; [`private`]: one that belongs to one client;
//!   [`pool`]: all of a worker; [`dial`]: the introduction; [`mode`]: what a session asks of replies.
//! - [`errand`]: what needs a connection of its own: blocking commands, WATCH and its EXEC; [`claim`]: WAIT and WAITAOF.
//! - [`mark`]: the other side: a session whose requests were forwarded.

pub mod batch;
pub mod claim;
mod dial;
pub mod errand;
mod link;
pub mod mark;
pub mod mode;
mod pipeline;
pub mod pool;
pub mod private;
mod rounds;
pub mod split;
mod verdict;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize};

use shared::rt::rng;
use shared::rt::time::{self, Duration, Instant};
use tokio::sync::watch;

use crate::config::Config;

/// How long a forwarded request may take at least, milliseconds: an owner may hold replies back for five seconds (CLIENT CONSISTENCY).
const PATIENCE_MS_MIN: u64 = 6_000;

/// How much longer than an owner may hold replies back, milliseconds.
const PATIENCE_MS_MORE: u64 = 1_000;

/// How long to wait before a slot is asked for again, if nothing is heard of it, milliseconds.
const AGAIN_MS: u64 = 10;

/// What a node counts of what it forwards, and what it is known by to those who forward to it.
pub struct Proxy {
    /// Another one whenever the node is started.
    pub run: u64,
    /// Requests that were forwarded, parts of split ones included.
    pub forwarded: AtomicU64,
    /// Requests that were split.
    pub split: AtomicU64,
    /// Requests that were asked again.
    pub again: AtomicU64,
    /// Connections that belong to one client each, now.
    pub private: Arc<AtomicUsize>,
}

impl Default for Proxy {
    fn default() -> Proxy {
        Proxy {
            run: rng::random_u64(),
            forwarded: AtomicU64::new(0),
            split: AtomicU64::new(0),
            again: AtomicU64::new(0),
            private: Arc::default(),
        }
    }
}

/// How long a forwarded request is asked again, and how long an owner may owe a reply: so that a failover is over by then.
fn patience(config: &Config) -> Duration {
    let held = config.cluster_node_timeout_ms.saturating_mul(2);
    Duration::from_millis(PATIENCE_MS_MIN.max(held.saturating_add(PATIENCE_MS_MORE)))
}

/// Waits until something about slots is heard, or a while.
async fn pause(changes: &mut watch::Receiver<u64>, deadline: Instant) {
    let until = deadline.min(Instant::now() + Duration::from_millis(AGAIN_MS));
    let _heard = time::timeout_at(until, changes.changed()).await;
}
