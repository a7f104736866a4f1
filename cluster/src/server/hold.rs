//! Why replies are held back, and until when.

use persistence::Generation;
use shared::rt::task::yield_now;
use shared::rt::time::{self, Duration};

use crate::node::Shared;
use crate::slot_migration::known_to_copies;

/// How many node timeouts replies wait for a majority to be heard, or for the disk of `nodes.conf`.
const LEASE_TIMEOUTS: u64 = 2;

/// How long replies wait at least for copies to confirm, milliseconds.
const COPIES_MS: u64 = 5_000;

const NO_LONGER_PRIMARY: &str = "another node has become the primary";

/// Why replies are held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// What they tell must be in the log first.
    Log {
        /// What.
        generation: Generation,
        /// Whether durable (`appendfsync always`), or written only (too much waits for the disk).
        durable: bool,
    },
    /// More copies must hold what they tell, and confirm that this node is their primary (CLIENT CONSISTENCY).
    Copies {
        /// All replicas, not only those that may be elected.
        all: bool,
        /// How often the node had become a primary when it did what they tell.
        led: u64,
    },
    /// A majority must be heard first: another node may be the primary by now.
    Lease {
        /// How often the node had become a primary when it did what they tell.
        led: u64,
    },
    /// Other nodes must hear of what this one listens to: the confirmation of a SUBSCRIBE promises that what is published anywhere
    /// from then on comes.
    Heard {
        /// By which version they know it.
        version: u64,
    },
    /// The mark of a slot on the move must be on the disk, and with the other copies of the shard: they send somebody after a key that has moved, or tell of what came here.
    Marked {
        /// The text of `nodes.conf` that says it.
        text: u64,
    },
}

impl Hold {
    /// Waits until what the replies tell holds.
    ///
    /// # Errors
    /// Why it does not, or cannot be known in time: then they are never sent.
    pub(super) async fn ends(self, shared: &Shared) -> Result<(), String> {
        match self {
            Hold::Log { generation, durable } => logged(shared, generation, durable).await,
            Hold::Copies { all, led } => copied(shared, all, led).await,
            Hold::Lease { led } => leased(shared, led).await,
            Hold::Heard { version } => {
                if let Some(bus) = &shared.bus {
                    bus.messages.until_heard(version).await;
                }
                Ok(())
            }
            Hold::Marked { text } => marked(shared, text, node_timeouts(shared)).await,
        }
    }
}

/// Waits until the marks of slots on the move are on the disk and with the other copies of the shard, so long at most for each.
async fn marked(shared: &Shared, text: u64, patience: Duration) -> Result<(), String> {
    let Some(bus) = &shared.bus else { return Ok(()) };
    bus.marks.durable(text, patience).await?;
    known_to_copies(shared, patience).await
}

/// How long what depends on other nodes is waited for: until then who does not answer has failed, or left the in-sync set.
pub(crate) fn node_timeouts(shared: &Shared) -> Duration {
    Duration::from_millis(LEASE_TIMEOUTS * shared.config().cluster_node_timeout_ms.max(1))
}

/// Waits until a generation is in the log.
async fn logged(shared: &Shared, generation: Generation, durable: bool) -> Result<(), String> {
    let Some(store) = shared.log.store() else { return Ok(()) };
    let logged = match durable {
        true => store.wait_durable(generation).await,
        false => store.wait_written(generation).await,
    };
    logged.map_err(|error| error.to_string())
}

/// Waits until a majority has promised this node to elect nobody else, which it has not if it did: then its writes may be lost.
async fn leased(shared: &Shared, led: u64) -> Result<(), String> {
    let mut changes = shared.view.changes();
    let leased = async {
        while shared.replication.leads_since(led) {
            if shared.view.is_leased() {
                return Ok(());
            }
            if changes.changed().await.is_err() {
                break;
            }
        }
        Err(NO_LONGER_PRIMARY.to_owned())
    };
    time::timeout(node_timeouts(shared), leased)
        .await
        .unwrap_or_else(|_| Err("no majority was heard".to_owned()))
}

/// Waits until all copies that may be elected have on disk what this node holds now, or all replicas, and have said so to it as
/// their primary.
async fn copied(shared: &Shared, all: bool, led: u64) -> Result<(), String> {
    let Some(store) = shared.log.store() else { return Ok(()) };
    let feeds = &shared.replication.feeds;
    // Others that have something to read have it done first: one fsync is for them all.
    yield_now().await;
    // One that is not written yet: whoever acknowledges it follows this node now.
    let generation = store.generation();
    let copied = async {
        feeds.want_on_disk(generation);
        store.want_durable(generation);
        feeds.until_saved(generation).await;
        // The copies were told by way of the disk of this node or at the same time: mostly it is there by now.
        store.wait_durable(generation).await.map_err(|error| error.to_string())?;
        let replicas = || match &shared.bus {
            None => feeds.all().len(),
            Some(bus) => bus.look(|engine| engine.topology().replicas(engine.topology().my_id()).count()),
        };
        if all || shared.bus.is_none() {
            let needed = replicas();
            feeds.until(|feeds| feeds.on_disk(generation) >= needed).await;
        }
        if shared.replication.leads_since(led) { Ok(()) } else { Err(NO_LONGER_PRIMARY.to_owned()) }
    };
    let patience =
        Duration::from_millis(COPIES_MS.max(LEASE_TIMEOUTS * shared.config().cluster_node_timeout_ms));
    time::timeout(patience, copied).await.unwrap_or_else(|_| Err("too few copies have confirmed".to_owned()))
}
