//! Replication: the log of a primary goes to its replicas as it is written.
//!
//! A replica's log is, range by range, a prefix of its primary's: the same records at the same offsets. So what a replica has is
//! told by 16 offsets and by the history of the log (`persistence::History`), and what it lacks is read from the primary's files
//! and then followed; of a range whose log does not reach back so far the slots that differ are sent as their entries, while writes go on.
//!
//! # Layout
//!
//! - [`frame`]: what travels on a link; `entries`: what slots hold, on their way.
//! - [`digests`]: whether replicas hold what their primary holds; `catch_up`: the same of ranges that do not come by their log.
//! - [`feed`]: the primary's side of a link; [`feeds`]: all of them, and what the replicas have said that they hold; [`sent`]: what has
//!   left for them, and replies that wait for it.
//! - [`link`]: the replica's side; [`intake`]: what comes in becomes log and keys.

mod catch_up;
pub mod digests;
pub(crate) mod entries;
pub mod feed;
pub mod feeds;
pub mod frame;
pub mod intake;
pub mod link;
pub mod sent;

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;
use persistence::Store;
use shared::limits::{PARTITIONS, RANGES};
use shared::slot::Slot;
use tokio::sync::watch;

use self::digests::Digests;
use self::feeds::Feeds;
use crate::command::CommandError;
use crate::config::Config;
use crate::keyspace::Keyspace;
use crate::log::Log;
use crate::node::Shared;
use crate::topology::Address;

/// A primary, as REPLICAOF names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its name or IP.
    pub host: String,
    /// Its port for clients.
    pub port: u16,
}

impl Source {
    /// The one at an address of the cluster.
    pub fn at(address: Address) -> Source {
        Source { host: address.host(), port: address.port }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// It takes writes.
    Primary,
    /// It follows another node.
    Replica {
        /// Which one.
        source: Source,
        /// Whether what it holds may be replaced by what the other one holds, even by less: somebody has just said REPLICAOF.
        may_replace: bool,
    },
}

/// How far the link of a replica is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkState {
    /// Not connected; it is tried again and again.
    Connect,
    /// On the way.
    Connecting,
    /// Ranges are received whole.
    Sync,
    /// It follows.
    Connected,
}

impl LinkState {
    /// As ROLE says it.
    pub fn name(self) -> &'static str {
        match self {
            LinkState::Connect => "connect",
            LinkState::Connecting => "connecting",
            LinkState::Sync => "sync",
            LinkState::Connected => "connected",
        }
    }
}

/// How the link to the primary does.
#[derive(Debug, Clone)]
pub struct LinkStatus {
    /// How far it is.
    pub state: LinkState,
    /// When something was heard last, Unix milliseconds; 0 for never.
    pub heard_ms: u64,
    /// Why it is not connected, if it ever was tried.
    pub trouble: Option<String>,
}

/// What a node is, and its links to others.
pub struct Replication {
    role: watch::Sender<Role>,
    /// The same, for the path of every command.
    replica: AtomicBool,
    /// The link to the primary.
    pub link: Mutex<LinkStatus>,
    /// The links to replicas.
    pub feeds: Feeds,
    /// Ranges that did not come by their log, and of which something was received.
    pub ranges_received: AtomicU64,
    /// Ranges that did not come by their log, and of which everything was here already.
    pub ranges_equal: AtomicU64,
    /// Slots that were received with their entries.
    pub slots_received: AtomicU64,
    /// What was compared with the primary, and what is to be repaired.
    pub digests: Digests,
    /// Some range is being received: what the node holds is a part.
    partial: AtomicBool,
    /// The history of the log says that this process writes it, so that others may copy it.
    noted: AtomicBool,
    /// Held while the role changes: the flags above change with it.
    changing: Mutex<()>,
    /// Counts how often the node has become a primary.
    led: watch::Sender<u64>,
    /// The same, for the path of every command.
    leads: AtomicU64,
}

impl Replication {
    /// Of a node that begins as this, in a cluster or not.
    pub fn new(role: Role, cluster: bool) -> Replication {
        let replica = AtomicBool::new(role != Role::Primary);
        let link = LinkStatus { state: LinkState::Connect, heard_ms: 0, trouble: None };
        Replication {
            role: watch::Sender::new(role),
            replica,
            link: Mutex::new(link),
            feeds: Feeds::new(cluster),
            ranges_received: AtomicU64::new(0),
            ranges_equal: AtomicU64::new(0),
            slots_received: AtomicU64::new(0),
            digests: Digests::default(),
            partial: AtomicBool::new(false),
            noted: AtomicBool::new(false),
            changing: Mutex::default(),
            led: watch::Sender::new(0),
            leads: AtomicU64::new(0),
        }
    }

    /// Whether the node follows another one: then nothing but the link changes keys. Asked under the lock of a partition, the
    /// answer holds while the lock is held.
    #[inline]
    pub fn is_replica(&self) -> bool {
        self.replica.load(Ordering::Relaxed)
    }

    /// Refuses a write on a replica.
    #[inline]
    pub fn check_write(&self) -> Result<(), CommandError> {
        if self.is_replica() { Err(CommandError::ReadOnly) } else { Ok(()) }
    }

    /// Refuses a write where too few replicas are there (`min-replicas-to-write`).
    #[inline]
    pub fn check_copies(&self, config: &Config) -> Result<(), CommandError> {
        if config.min_replicas_to_write == 0 {
            return Ok(());
        }
        let good = self.feeds.good(config.min_replicas_max_lag_s);
        if good >= config.min_replicas_to_write { Ok(()) } else { Err(CommandError::NoReplicas) }
    }

    /// Whether replicas may copy the log.
    pub fn may_feed(&self) -> bool {
        !self.is_replica() && self.noted.load(Ordering::Relaxed)
    }

    /// Whether a range is being received, or its receipt did not come to its end.
    pub fn is_partial(&self) -> bool {
        self.partial.load(Ordering::Relaxed)
    }

    /// What the node is.
    pub fn role(&self) -> Role {
        self.role.borrow().clone()
    }

    /// How often the node has become a primary. Who remembers a generation of the log remembers this too: as a replica in between it
    /// may have given up what it held.
    #[inline]
    pub fn led_count(&self) -> u64 {
        self.leads.load(Ordering::Relaxed)
    }

    /// Whether the node has been a primary without a break since then.
    pub fn leads_since(&self, led: u64) -> bool {
        if self.is_replica() {
            return false;
        }
        let since = self.led_count() == led;
        #[cfg(feature = "sim")]
        if !since && shared::rt::sim::strikes("saved-in-a-stale-term") {
            return true;
        }
        since
    }

    /// Waits until the node is a primary.
    pub async fn led(&self) {
        let mut led = self.led.subscribe();
        while self.is_replica() {
            // The sender lives as long as this.
            if led.changed().await.is_err() {
                return;
            }
        }
    }

    /// For who does what the role asks for.
    pub fn watch_role(&self) -> watch::Receiver<Role> {
        self.role.subscribe()
    }

    /// Ranges are received from here on, until [`Replication::replaced`].
    pub(crate) fn replacing(&self) {
        self.partial.store(true, Ordering::Relaxed);
    }

    /// What it holds was replaced by what its primary holds: from now on only more of the same is taken.
    pub(crate) fn replaced(&self) {
        self.partial.store(false, Ordering::Relaxed);
        self.role.send_if_modified(|role| {
            if let Role::Replica { may_replace, .. } = role {
                *may_replace = false;
            }
            false
        });
    }
}

/// Makes the node follow another one: REPLICAOF. When this returns, no write is taken any more.
pub fn follow(shared: &Shared, source: Source) {
    let replication = &shared.replication;
    let _changing = replication.changing.lock();
    replication.replica.store(true, Ordering::Relaxed);
    // Whoever asked before still holds a lock.
    (0..PARTITIONS).for_each(|partition| drop(shared.keyspace.lock(partition)));
    replication.feeds.end();
    *replication.link.lock() = LinkStatus { state: LinkState::Connect, heard_ms: 0, trouble: None };
    replication.role.send_replace(Role::Replica { source, may_replace: true });
}

/// Has the node take writes again: REPLICAOF NO ONE. The link ends first; then the log goes on as that of a primary.
pub fn lead(shared: &Shared) {
    shared.replication.role.send_replace(Role::Primary);
}

/// The node is a primary from here on, if that is still its role: what this process writes follows what is in the log now; what
/// another one has behind that it has not.
pub(crate) fn leads(replication: &Replication, log: &Log, keyspace: &Keyspace) {
    let _changing = replication.changing.lock();
    if *replication.role.borrow() != Role::Primary {
        return;
    }
    if let Some(store) = log.store() {
        // Everything that is there has a generation by which replicas can say that they have it.
        let generation = store.generation();
        let _written = store.wait_written_blocking(generation);
        replication.feeds.begin(generation);
        // A disk too full for that keeps nobody from reading; replicas are refused then.
        let noted = give_up_parts(store, keyspace)
            .and_then(|()| store.set_history(store.history().continued(store.ends())));
        replication.noted.store(noted.is_ok(), Ordering::Relaxed);
        if let Err(error) = noted {
            tracing::warn!(%error, "cannot note who writes the log from here on: no replica is taken");
        }
    }
    // Before it takes writes: what is remembered from before counts no more.
    replication.leads.fetch_add(1, Ordering::Relaxed);
    replication.replica.store(false, Ordering::Relaxed);
    replication.partial.store(false, Ordering::Relaxed);
    replication.digests.leads();
    replication.led.send_modify(|count| *count += 1);
}

/// Ranges that did not come to their end hold nothing.
fn give_up_parts(store: &Store, keyspace: &Keyspace) -> Result<(), persistence::Error> {
    for range in (0..RANGES).filter(|range| store.is_receiving(*range)) {
        for slot in Slot::of_range(range) {
            let keys = keyspace.lock(slot.partition()).take_slot(slot);
            drop(keys);
        }
        store.empty(range)?;
    }
    Ok(())
}
