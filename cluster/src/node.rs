//! A node as a value: several live in one process.

use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::RwLock;
use shared::limits::RANGES;
use shared::rt::{fs, rng, time};

use crate::bus::{self, Bus};
use crate::commit::Clock;
use crate::config::settings::SetError;
use crate::config::{Config, Settings};
use crate::keyspace::Keyspace;
use crate::log::Log;
use crate::logging;
use crate::migrate::Targets;
use crate::proxy::Proxy;
use crate::pubsub::PubSub;
use crate::replay::KeyspaceReplay;
use crate::replication::{self, Replication, Role, Source};
use crate::server::clients::Clients;
use crate::server::workers::Workers;
use crate::server::{housekeeping, listener};
use crate::slot_migration::{self, SlotMigrations};
use crate::slowlog::SlowLog;
use crate::stats::Stats;
use crate::topology::view::ClusterView;

/// What all parts of a node share.
pub struct Shared {
    settings: RwLock<(Settings, Arc<Config>)>,
    /// All keys.
    pub keyspace: Keyspace,
    /// Where effects go.
    pub log: Log,
    /// What the node is, primary or replica, and its links to others.
    pub replication: Replication,
    /// The clients that are connected.
    pub clients: Clients,
    /// What is counted.
    pub stats: Stats,
    /// What was slow.
    pub slowlog: SlowLog,
    /// Who serves which slot.
    pub view: Arc<ClusterView>,
    /// Nodes that keys went to.
    pub targets: Targets,
    /// Slots that go to other nodes, or come from them.
    pub slot_migrations: SlotMigrations,
    /// What is forwarded to their owners.
    pub proxy: Proxy,
    /// The other nodes, in cluster mode.
    pub bus: Option<Arc<Bus>>,
    /// Who listens to what.
    pub pubsub: Arc<PubSub>,
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
        self.pubsub.set_limit(config.output_limit_pubsub);
        self.log.configure(&config);
        if let Some(bus) = &self.bus {
            bus.configure(&config);
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
    /// The node cannot become part of its cluster.
    #[error(transparent)]
    Bus(#[from] bus::StartError),
    /// The log could not be opened, or could not be written to its end.
    #[error("append only file: {0}")]
    Log(#[from] persistence::Error),
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
        let (listeners, port) = {
            let _runtime = workers.enter(0);
            listener::bind(&config, config.port)?
        };
        let pubsub = Arc::new(PubSub::new(config.output_limit_pubsub));
        let (view, bus) = if config.cluster_enabled {
            let (view, bus) = join(&config, port, &workers, &pubsub)?;
            (view, Some(bus))
        } else {
            (Arc::new(ClusterView::alone()), None)
        };
        let keyspace = Keyspace::new(rng::random_u64(), time::now_ms());
        let clock = Clock::at(time::now_ms(), &config);
        let log = Log::open(&config, &KeyspaceReplay { keyspace: &keyspace, pubsub: &pubsub, clock })?;
        // Where the primary of a cluster is reached is asked for with every attempt.
        let unknown = Source { host: String::new(), port: 0 };
        let replicates = bus.as_ref().is_some_and(|bus| bus.is_replica());
        let source = if replicates { Some(unknown) } else { config.replicaof.clone() };
        let role = match source {
            Some(source) => Role::Replica { source, may_replace: false },
            None => Role::Primary,
        };
        let replication = Replication::new(role, bus.is_some());
        if replicates && log.store().is_none() {
            let why = "this node is a replica, and a replica keeps a log: appendonly must be yes";
            return Err(NodeError::Settings("appendonly", why.into()));
        }
        if !replication.is_replica() {
            replication::leads(&replication, &log, &keyspace);
        } else if log.store().is_some_and(|store| (0..RANGES).any(|range| store.is_receiving(range))) {
            replication.replacing();
        }
        write_pid(&config)?;
        let shared = Arc::new(Shared {
            settings: RwLock::new((settings, Arc::new(config))),
            keyspace,
            log,
            replication,
            clients: Clients::default(),
            stats: Stats::default(),
            slowlog: SlowLog::default(),
            view,
            targets: Targets::default(),
            slot_migrations: SlotMigrations::default(),
            proxy: Proxy::default(),
            bus,
            pubsub,
            workers,
            port,
            started_ms: time::now_ms(),
        });
        if let Some(bus) = &shared.bus {
            bus.attach(&shared);
        }
        listener::start(&shared, listeners);
        housekeeping::start(&shared);
        let rewriter = Arc::clone(&shared);
        let rewriting = async move { rewriter.log.run_rewriter(&rewriter.keyspace).await };
        shared.workers.spawn_apart("log-rewriter", rewriting).map_err(NodeError::Worker)?;
        let link = replication::link::run(Arc::clone(&shared));
        shared.workers.spawn_apart("replica-link", link).map_err(NodeError::Worker)?;
        if shared.bus.is_some() {
            let migrating = slot_migration::run(Arc::clone(&shared));
            shared.workers.spawn_apart("slot-migration", migrating).map_err(NodeError::Worker)?;
            shared.workers.spawn(slot_migration::run_takings(Arc::clone(&shared)));
            shared.workers.spawn(slot_migration::run_claims(Arc::clone(&shared)));
            shared.workers.spawn(slot_migration::run_answers(Arc::clone(&shared)));
        }
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
        if let Some(bus) = &self.shared.bus
            && let Err(why) = bus.save_config()
        {
            tracing::warn!(why, "nodes.conf is not as it should be");
        }
        let closed = self.shared.log.close();
        let config = self.shared.config();
        if !config.pidfile.is_empty()
            && let Err(error) = fs::remove_file(self.shared.path(&config.pidfile))
        {
            tracing::debug!(%error, "the pid file was gone");
        }
        closed?;
        tracing::info!("bye bye...");
        Ok(())
    }
}

/// Makes the node part of a cluster: the one in its `nodes.conf`, or a new one of its own. The bus has a thread of its own, so
/// that failure detection never waits behind commands.
fn join(
    config: &Config,
    port: u16,
    workers: &Workers,
    pubsub: &Arc<PubSub>,
) -> Result<(Arc<ClusterView>, Arc<Bus>), NodeError> {
    let apart = workers.start_apart("cluster-bus").map_err(NodeError::Worker)?;
    let bus_port = bus::port(config, port);
    let (listeners, _) = {
        let _runtime = apart.enter();
        listener::bind(config, bus_port)?
    };
    let view = Arc::new(ClusterView::down());
    let bus = Bus::start(config, (port, bus_port), Arc::clone(&view), Arc::clone(pubsub))?;
    apart.spawn(bus::driver::run(Arc::clone(&bus), listeners));
    Ok((view, bus))
}

fn write_pid(config: &Config) -> Result<(), NodeError> {
    if config.pidfile.is_empty() {
        return Ok(());
    }
    let path = config.dir.join(&config.pidfile);
    let pid = format!("{}\n", std::process::id());
    fs::write(&path, pid).map_err(|source| NodeError::File { path, source })
}
