//! The slot map of the moment, and its renewal.

use std::sync::{Arc, Weak};

use parking_lot::RwLock;
use tokio::sync::{Notify, watch};

use super::address::Address;
use super::command::Command;
use super::connection::{Failure, Order};
use super::core::Core;
use super::error::ClientError;
use super::nodes::Lane;
use super::slot_map::SlotMap;
use crate::resp::Value;
use crate::rt::time::{Duration, Instant, sleep, timeout};
use crate::slot::Slot;

/// The renewal of the slot map rests at least this long: a storm of redirections asks once.
const REFRESH_REST: Duration = Duration::from_millis(50);

/// The slot map of the moment.
#[derive(Debug)]
pub(crate) struct Topology {
    map: RwLock<Arc<SlotMap>>,
    version: watch::Sender<u64>,
    wish: Arc<Notify>,
}

impl Topology {
    /// A map that knows only one node; `wish` asks for its renewal.
    pub(crate) fn new(first: Address, wish: Arc<Notify>) -> Topology {
        Topology {
            map: RwLock::new(Arc::new(SlotMap::stand_alone(first))),
            version: watch::Sender::new(0),
            wish,
        }
    }

    /// The map.
    pub(crate) fn map(&self) -> Arc<SlotMap> {
        Arc::clone(&self.map.read())
    }

    /// Told whenever the map changes.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// Asks for a renewal soon.
    pub(crate) fn wish(&self) {
        self.wish.notify_one();
    }

    /// A node said who owns this slot.
    pub(crate) fn learn(&self, slot: Slot, owner: Address) {
        {
            let mut map = self.map.write();
            if map.owner(slot) == Some(&owner) {
                return;
            }
            Arc::make_mut(&mut map).set_owner(slot, owner);
        }
        self.version.send_modify(|version| *version += 1);
        self.wish();
    }

    fn replace(&self, new: SlotMap) {
        {
            let mut map = self.map.write();
            if **map == new {
                return;
            }
            *map = Arc::new(new);
        }
        self.version.send_modify(|version| *version += 1);
    }
}

/// Renews the map whenever it is wished for and every so often, until the client is gone.
pub(crate) async fn keep_fresh(core: Weak<Core>, wish: Arc<Notify>, interval: Duration) {
    loop {
        let _ = timeout(interval, wish.notified()).await;
        let Some(core) = core.upgrade() else { return };
        if let Err(error) = refresh(&core).await {
            tracing::debug!(%error, "the slot map cannot be renewed");
        }
        drop(core);
        sleep(REFRESH_REST).await;
    }
}

/// Asks node after node for the slot map, those it names first (from a random one on), then the seeds.
pub(crate) async fn refresh(core: &Core) -> Result<(), ClientError> {
    let known = core.topology.map();
    let mut nodes: Vec<Address> = known
        .shards()
        .iter()
        .flat_map(|shard| std::iter::once(&shard.primary).chain(&shard.replicas))
        .cloned()
        .collect();
    let first = core.random_below(nodes.len());
    nodes.rotate_left(first);
    nodes.extend(core.config.seeds.iter().cloned());
    let mut last = ClientError::NoSeeds;
    for (index, node) in nodes.iter().enumerate() {
        if nodes[..index].contains(node) {
            continue;
        }
        match ask(core, node).await {
            Ok(map) => {
                core.nodes.retain(&map);
                core.topology.replace(map);
                return Ok(());
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn ask(core: &Core, node: &Address) -> Result<SlotMap, ClientError> {
    let mut map = None;
    for (question, read) in QUESTIONS {
        match ask_for(core, node, question).await? {
            // A server on its own says so; one from before clusters does not know the command.
            Value::Error(error) if error.detail().contains("cluster support disabled") => {
                return Ok(SlotMap::stand_alone(node.clone()));
            }
            Value::Error(error) if error.detail().to_ascii_lowercase().starts_with("unknown command") => {
                return Ok(SlotMap::stand_alone(node.clone()));
            }
            // Servers before Redis 7 do not know `SHARDS`.
            Value::Error(error) if error.code() == "ERR" && question == "SHARDS" => {}
            Value::Error(error) => return Err(error.into()),
            answer => {
                map = Some(read(&answer, node).ok_or_else(|| ClientError::unexpected(question, &answer))?);
                break;
            }
        }
    }
    map.filter(|map| !map.shards().is_empty())
        .ok_or_else(|| ClientError::Unreachable(format!("{node} knows no owner of any slot")))
}

type ReadMap = fn(&Value, &Address) -> Option<SlotMap>;

/// What a node is asked, the better question first.
const QUESTIONS: [(&str, ReadMap); 2] =
    [("SHARDS", SlotMap::from_cluster_shards), ("SLOTS", SlotMap::from_cluster_slots)];

async fn ask_for(core: &Core, node: &Address, question: &str) -> Result<Value, ClientError> {
    let command = Command::new("CLUSTER").arg(question);
    let patience = core.config.connect_deadline;
    let order = Order { bytes: command.to_request(), replies: 1, patience, only_on: None };
    let link = core.nodes.link(node, Lane::Calls);
    match link.send(order, Instant::now() + 2 * patience).await {
        Ok(reply) => Ok(reply.values.into_iter().next().unwrap_or(Value::Null)),
        Err(failure @ Failure::Auth(_)) => Err(failure.into_error(node)),
        Err(failure) => Err(ClientError::Unreachable(failure.words())),
    }
}
