//! Edits on their way into the log and onto the channel.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use tokio::sync::Semaphore;

use super::barrier::{Pass, ShardPublisher};
use super::log::UPDATE_FIELD;
use super::log_id::LogId;
use super::segment::Draft;
use super::unsaved::Unsaved;
use crate::client::address::Address;
use crate::client::capabilities::Capabilities;
use crate::client::command::{Command, Route};
use crate::client::core::{Core, Entrance, Parcel};
use crate::client::error::ClientError;
use crate::client::nodes::Lane;
use crate::limits::{MESSAGE_BYTES_MAX, UNSAVED_BYTES_MAX};
use crate::names::DocumentId;
use crate::protocol::Message;
use crate::resp::Value;
use crate::rt::time::{Instant, timeout_at};

/// Bytes that a sync message adds to its update, at most.
const MESSAGE_HEADER_BYTES: usize = 12;

/// All edits of a client that are on their way.
#[derive(Debug)]
pub(crate) struct Publishers {
    pub(super) core: Arc<Core>,
    shards: Mutex<BTreeMap<Address, Arc<ShardPublisher>>>,
    capabilities: RwLock<Option<Capabilities>>,
    room: Arc<Semaphore>,
}

impl Entrance for Publishers {
    type Pass = Pass;

    fn enter(&self, node: &Address) -> (Lane, Pass) {
        let mut shards = self.shards.lock();
        let shard = shards.entry(node.clone()).or_insert_with(|| Arc::new(ShardPublisher::new(node.clone())));
        shard.enter()
    }
}

impl Publishers {
    pub(crate) fn new(core: Arc<Core>) -> Publishers {
        let room = Arc::new(Semaphore::new(UNSAVED_BYTES_MAX));
        Publishers { core, shards: Mutex::new(BTreeMap::new()), capabilities: RwLock::new(None), room }
    }

    /// Publishes an edit: `XADD` to its log and `SPUBLISH` on its channel, in one transaction. Where it stands in the log.
    pub(super) async fn publish(
        self: &Arc<Self>,
        document: &DocumentId,
        update: Bytes,
        unsaved: &Arc<Unsaved>,
    ) -> Result<LogId, ClientError> {
        if update.len() > MESSAGE_BYTES_MAX - MESSAGE_HEADER_BYTES {
            let bytes_max = MESSAGE_BYTES_MAX - MESSAGE_HEADER_BYTES;
            return Err(ClientError::TooLong { what: "an edit", bytes: update.len(), bytes_max });
        }
        let number = unsaved.begin();
        let begun = Begun { unsaved, number };
        let deadline = Instant::now() + self.core.config.call_deadline;
        let share = u32::try_from(update.len().max(1)).unwrap_or(u32::MAX);
        let Ok(Ok(room)) = timeout_at(deadline, Arc::clone(&self.room).acquire_many_owned(share)).await
        else {
            return Err(ClientError::Deadline("too much is not saved yet".to_owned()));
        };
        begun.hand_over();
        let draft = Draft {
            document: document.clone(),
            update,
            unsaved: Arc::downgrade(unsaved),
            number,
            _room: room,
        };
        self.deliver(draft).await.map_err(|(error, _)| error)
    }

    /// Delivers a draft and hands it to the barrier of the shard that took it; gives it back with the error otherwise.
    pub(super) async fn deliver(self: &Arc<Self>, draft: Draft) -> Result<LogId, (ClientError, Draft)> {
        match self.core.deliver(&parcel(&draft), &**self).await {
            Ok(delivered) => {
                let id = log_id(&delivered.values);
                match id {
                    Ok(id) => {
                        delivered.pass.publish(delivered.connection, draft, self);
                        Ok(id)
                    }
                    Err(error) => Err((error, draft)),
                }
            }
            Err(error) => Err((error, draft)),
        }
    }

    /// What the servers can do; asked once.
    pub(super) async fn capabilities(&self) -> Result<Capabilities, ClientError> {
        let known = self.capabilities.read().clone();
        if let Some(known) = known {
            return Ok(known);
        }
        let probed = Capabilities::probe(&self.core).await?;
        *self.capabilities.write() = Some(probed.clone());
        Ok(probed)
    }

    /// The servers have changed: they are asked again.
    pub(super) fn forget_capabilities(&self) {
        *self.capabilities.write() = None;
    }
}

/// Twice in the log is as good as once: applying an edit again changes nothing.
fn parcel(draft: &Draft) -> Parcel {
    let message = Message::Update(&draft.update).encode();
    let commands = [
        Command::new("XADD")
            .key(draft.document.log_key())
            .arg("*")
            .arg(UPDATE_FIELD)
            .arg(&draft.update)
            .idempotent(),
        Command::new("SPUBLISH").key(draft.document.channel()).arg(message).idempotent(),
    ];
    Parcel::transaction(Route::Slot(draft.document.slot()), &commands)
}

fn log_id(values: &[Value]) -> Result<LogId, ClientError> {
    match values.first() {
        Some(Value::Error(error)) => Err(error.clone().into()),
        Some(value) => value
            .as_str()
            .and_then(|id| id.parse().ok())
            .ok_or_else(|| ClientError::unexpected("XADD", value)),
        None => Err(ClientError::unexpected("XADD", &Value::Null)),
    }
}

/// Closes the number of an edit that never became a draft.
struct Begun<'a> {
    unsaved: &'a Unsaved,
    number: u64,
}

impl Begun<'_> {
    /// The draft closes it.
    fn hand_over(self) {
        std::mem::forget(self);
    }
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        self.unsaved.close(self.number);
    }
}
