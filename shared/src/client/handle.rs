//! The handle of a client.

use std::sync::Arc;

use super::command::{Command, Route};
use super::config::ClientConfig;
use super::core::{Core, Over, Parcel};
use super::document::publisher::Publishers;
use super::error::ClientError;
use super::nodes::Lane;
use super::slot_map::SlotMap;
use super::subscription::{Hub, Kind, Subscription};
use super::topology;
use super::watch::Watches;
use crate::resp::Value;
use crate::rt::time::{Instant, sleep};
use crate::slot::Slot;

/// A client. Clones share its connections; they are closed when the last clone and the last subscription are gone.
///
/// It lives on the tokio runtime on which it was connected.
#[derive(Debug, Clone)]
pub struct Client {
    core: Arc<Core>,
    hub: Hub,
    publishers: Arc<Publishers>,
    watches: Arc<Watches>,
}

impl Client {
    /// Connects: asks the seeds, in their order and again with growing waits, until one knows the cluster.
    ///
    /// # Errors
    ///
    /// [`ClientError::Auth`] at once; anything else that was the trouble last when `call_deadline` passes.
    pub async fn connect(config: ClientConfig) -> Result<Client, ClientError> {
        let core = Core::start(config)?;
        let deadline = Instant::now() + core.config.call_deadline;
        let mut backoff = super::backoff::Backoff::new(core.config.backoff_min, core.config.backoff_max);
        while let Err(error) = topology::refresh(&core).await {
            let wait = core.next_wait(&mut backoff);
            if matches!(error, ClientError::Auth { .. }) || Instant::now() + wait >= deadline {
                return Err(error);
            }
            sleep(wait).await;
        }
        let hub = Hub::start(Arc::clone(&core));
        let publishers = Arc::new(Publishers::new(Arc::clone(&core)));
        Ok(Client { core, hub, publishers, watches: Arc::default() })
    }

    /// As [`Client::connect`], with everything but the address as it usually is: `redis://[USER:PASSWORD@]HOST:PORT,…`.
    pub async fn connect_url(url: &str) -> Result<Client, ClientError> {
        Client::connect(url.parse::<ClientConfig>()?).await
    }

    /// Executes a command on the owner of its key, or on any primary if it has none. A refusal of the server is an `Err`.
    pub async fn call(&self, command: Command) -> Result<Value, ClientError> {
        let lane = if command.blocking_time().is_zero() { Lane::Calls } else { Lane::Blocking };
        let delivered = self.core.deliver(&Parcel::command(&command), &Over(lane)).await?;
        Ok(delivered.values.into_iter().next().unwrap_or(Value::Null))
    }

    /// Executes commands as one transaction (`MULTI` … `EXEC`, one write, one round trip) on the owner of `key`; their
    /// replies in order. A command that fails when it is executed has its refusal among them; one that is refused before
    /// that discards the transaction ([`ClientError::Discarded`]).
    pub async fn transaction(
        &self,
        key: impl AsRef<[u8]>,
        commands: Vec<Command>,
    ) -> Result<Vec<Value>, ClientError> {
        let slot = Slot::of_key(key.as_ref());
        let elsewhere = |command: &Command| {
            !matches!(command.route(), Route::Any | Route::Slot(_))
                || matches!(command.route(), Route::Slot(other) if *other != slot)
        };
        if self.slot_map().is_cluster() && commands.iter().any(elsewhere) {
            return Err(ClientError::CrossSlot);
        }
        let parcel = Parcel::transaction(Route::Slot(slot), &commands);
        Ok(self.core.deliver(&parcel, &Over(Lane::Calls)).await?.values)
    }

    /// Subscribes to a sharded channel, on the owner of its slot. Returns when the server has confirmed it: every message
    /// published from then on arrives.
    pub async fn subscribe_sharded(&self, channel: impl AsRef<[u8]>) -> Result<Subscription, ClientError> {
        self.hub.subscribe(Kind::Sharded, channel.as_ref()).await
    }

    /// Subscribes to a channel of the whole cluster, on any node.
    pub async fn subscribe(&self, channel: impl AsRef<[u8]>) -> Result<Subscription, ClientError> {
        self.hub.subscribe(Kind::Plain, channel.as_ref()).await
    }

    /// Subscribes to every channel of the whole cluster whose name matches a glob pattern, on any node.
    pub async fn psubscribe(&self, pattern: impl AsRef<[u8]>) -> Result<Subscription, ClientError> {
        self.hub.subscribe(Kind::Pattern, pattern.as_ref()).await
    }

    /// The slot map of the moment.
    pub fn slot_map(&self) -> Arc<SlotMap> {
        self.core.topology.map()
    }

    /// Reads the slot map again now.
    pub async fn refresh(&self) -> Result<(), ClientError> {
        topology::refresh(&self.core).await
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.core
    }

    pub(crate) fn watches(&self) -> &Watches {
        &self.watches
    }

    pub(crate) fn publishers(&self) -> &Arc<Publishers> {
        &self.publishers
    }
}
