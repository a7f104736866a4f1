//! A node as a value: several live in one process.

use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::RwLock;
use shared::rt::{fs, rng, time};

use crate::config::settings::SetError;
use crate::config::{Config, Settings};
use crate::keyspace::Keyspace;
use crate::log::Log;
use crate::logging;
use crate::server::clients::Clients;
use crate::server::listener;
use crate::server::workers::Workers;
use crate::stats::Stats;
use crate::topology::view::ClusterView;

/// What all parts of a node share.
pub struct Shared {
    settings: RwLock<(Settings, Arc<Config>)>,
    /// All keys.
    pub keyspace: Keyspace,
    /// Where effects go.
    pub log: Log,
    /// The clients that are connected.
    pub clients: Clients,
    /// What is counted.
    pub stats: Stats,
    /// Who serves which slot.
    pub view: Arc<ClusterView>,
    /// The threads that serve connections: all tasks of a node are spawned through it.
    pub workers: Workers,
    /// The port clients connect to: the real one, also if the settings let the system choose.
    pub port: u16,
    /// When the node was started, Unix milliseconds.
    pub started_ms: u64,
}

impl Shared {
    /// The settings now, as values.
    #[inline]
    pub fn config(&self) -> Arc<Config> {
        Arc::clone(&self.settings.read().1)
    }

    /// The settings now, as texts.
    pub fn settings(&self) -> Settings {
        self.settings.read().0.clone()
    }

    /// Changes settings, all or none: CONFIG SET. They hold for every request that arrives afterwards.
    pub fn set(&self, pairs: &[(String, String)]) -> Result<(), SetError> {
        let mut settings = self.settings.write();
        let (new, config) = settings.0.with(pairs)?;
        if config.loglevel != settings.1.loglevel {
            logging::set_level(&config.loglevel);
        }
        *settings = (new, Arc::new(config));
        Ok(())
    }

    /// The path of a file of the node.
    pub fn path(&self, name: &str) -> PathBuf {
        self.config().dir.join(name)
    }
}

/// A node that runs. Dropped without [`Node::stop`] it stops too, without order.
pub struct Node {
    shared: Arc<Shared>,
}

/// Why a node did not start, or did not stop in order.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// Settings do not fit.
    #[error("'{0}': {1}")]
    Settings(&'static str, String),
    /// A port could not be listened on.
    #[error("Could not create server TCP listening socket {address}: {source}")]
    Listen {
        /// `host:port`.
        address: String,
        /// Why.
        source: std::io::Error,
    },
    /// A thread or a runtime could not be made.
    #[error("cannot start a worker: {0}")]
    Worker(std::io::Error),
    /// A file of the node could not be written or read.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl Node {
    /// Starts a node: when this returns it accepts connections.
    pub fn start(settings: Settings) -> Result<Node, NodeError> {
        let config = Config::of(&settings).map_err(|(name, reason)| NodeError::Settings(name, reason))?;
        fs::create_dir_all(&config.dir)
            .map_err(|source| NodeError::File { path: config.dir.clone(), source })?;
        let workers = Workers::start(config.workers).map_err(NodeError::Worker)?;
        let (listeners, port) = listener::bind(&config, &workers)?;
        let view = if config.cluster_enabled { ClusterView::down() } else { ClusterView::alone() };
        write_pid(&config)?;
        let shared = Arc::new(Shared {
            settings: RwLock::new((settings, Arc::new(config))),
            keyspace: Keyspace::new(rng::random_u64()),
            log: Log,
            clients: Clients::default(),
            stats: Stats::default(),
            view: Arc::new(view),
            workers,
            port,
            started_ms: time::now_ms(),
        });
        listener::start(&shared, listeners);
        tracing::info!(port, "Ready to accept connections");
        Ok(Node { shared })
    }

    /// What all parts of the node share.
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Stops in order: no new connections, the old ones closed, the log written and synced.
    pub fn stop(self) -> Result<(), NodeError> {
        self.shared.workers.stop();
        let config = self.shared.config();
        if !config.pidfile.is_empty()
            && let Err(error) = fs::remove_file(self.shared.path(&config.pidfile))
        {
            tracing::debug!(%error, "the pid file was gone");
        }
        tracing::info!("bye bye...");
        Ok(())
    }
}

fn write_pid(config: &Config) -> Result<(), NodeError> {
    if config.pidfile.is_empty() {
        return Ok(());
    }
    let path = config.dir.join(&config.pidfile);
    let pid = format!("{}\n", std::process::id());
    fs::write(&path, pid).map_err(|source| NodeError::File { path, source })
}
