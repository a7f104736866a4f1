//! A node as a value: several live in one process.

use std::process::ExitCode;
use std::sync::Arc;

use parking_lot::RwLock;
use shared::rt::rng;

use crate::config::Config;
use crate::keyspace::Keyspace;
use crate::log::Log;
use crate::redirect::{Alone, SlotOwners};
use crate::server::clients::Clients;
use crate::server::listener;
use crate::server::workers::Workers;
use crate::stats::Stats;

/// What all parts of a node share.
pub struct Shared {
    config: RwLock<Arc<Config>>,
    /// All keys.
    pub keyspace: Keyspace,
    /// Where effects go.
    pub log: Log,
    /// The clients that are connected.
    pub clients: Clients,
    /// What is counted.
    pub stats: Stats,
    /// Who serves which slot.
    pub owners: Arc<dyn SlotOwners>,
    /// The threads that serve connections: all tasks of a node are spawned through it.
    pub workers: Workers,
    /// The port clients connect to.
    pub port: u16,
}

impl Shared {
    /// The settings now.
    pub fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.read())
    }
}

/// A node that runs. Dropped without [`Node::stop`] it stops too, without order.
pub struct Node {
    shared: Arc<Shared>,
}

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A port could not be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// `host:port`.
        address: String,
        /// Why.
        source: std::io::Error,
    },
    /// A thread or a runtime could not be made.
    #[error("cannot start a worker: {0}")]
    Worker(std::io::Error),
}

impl Node {
    /// Starts a node: when this returns it accepts connections.
    pub fn start(config: Config) -> Result<Node, StartError> {
        let listeners = listener::bind(&config)?;
        let workers = Workers::start(config.workers).map_err(StartError::Worker)?;
        let port =
            listeners.first().and_then(|listener| listener.local_addr().ok()).map_or(0, |at| at.port());
        let shared = Arc::new(Shared {
            config: RwLock::new(Arc::new(config)),
            keyspace: Keyspace::new(rng::random_u64()),
            log: Log,
            clients: Clients::default(),
            stats: Stats::default(),
            owners: Arc::new(Alone),
            workers,
            port,
        });
        listener::start(&shared, listeners);
        tracing::info!(port, "Ready to accept connections");
        Ok(Node { shared })
    }

    /// What all parts of the node share.
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Stops in order: no new connections, the old ones closed, the log written.
    pub fn stop(self) {
        self.shared.workers.stop();
    }
}

/// `rustidocs-node [FILE.conf] [--NAME VALUE]…`: runs one node until SIGTERM or SIGINT.
pub fn main(args: impl Iterator<Item = String>) -> ExitCode {
    tracing_subscriber::fmt().with_ansi(false).init();
    let started =
        Config::from_args(args).and_then(|config| Node::start(config).map_err(|error| error.to_string()));
    match started
        .and_then(|node| crate::server::signals::wait().map(|()| node).map_err(|error| error.to_string()))
    {
        Ok(node) => {
            node.stop();
            ExitCode::SUCCESS
        }
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}
