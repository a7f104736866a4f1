//! The node's side of the bus: the engine behind one lock, its effects performed in order.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, Weak};

use parking_lot::{Mutex, RwLock};
use shared::limits::INTEREST_KEPT_MS_MAX;
use shared::node_id::NodeId;
use shared::rt::fs::{File, OpenOptions, TryLockError};
use shared::rt::rng::{self, Rng};
use shared::rt::time::{self, Duration};
use tokio::sync::Notify;

use super::counters::Counters;
use super::links::{Link, Links};
use super::marks::Marks;
use super::messages::{self, Messages, TooLong, outlet};
use super::packet::{self, Kind, Packet};
use super::place;
use crate::config::Config;
use crate::gossip::{Effect, Engine, Event, LinkId, Settings};
use crate::node::Shared;
use crate::pubsub::PubSub;
use crate::replication::Source;
use crate::topology::describe::WallClock;
use crate::topology::nodes_conf::file::{self, NodesConf};
use crate::topology::nodes_conf::render;
use crate::topology::view::ClusterView;
use crate::topology::{Address, Moment, RunId, Topology};

/// How long to wait before `nodes.conf` is written again after an error, milliseconds.
const SAVE_RETRY_MS: u64 = 1_000;

/// How long `nodes.conf` itself may be older than its journal, milliseconds: people look into it.
const FOLD_MS: u64 = 1_000;

/// How often time passes while somebody waits for what the log does, milliseconds.
const HURRIED_TICK_MS: u64 = 5;

/// From a node's port for clients to that of its bus, unless configured (Redis Cluster specification).
pub const BUS_PORT_OFFSET: u16 = 10_000;

/// The port of the cluster bus of a node whose clients connect to `port`.
pub fn port(config: &Config, port: u16) -> u16 {
    // Configuration refuses ports too high for this, and what the system chooses by itself lies below on Linux's defaults; if
    // not, binding the highest port fails with a clear error.
    if config.cluster_port == 0 { port.saturating_add(BUS_PORT_OFFSET) } else { config.cluster_port }
}

/// What configuration says to the engine.
fn settings(config: &Config) -> Settings {
    Settings {
        node_timeout_ms: config.cluster_node_timeout_ms,
        require_full_coverage: config.cluster_require_full_coverage,
        announce_ip: config.cluster_announce_ip.parse().ok(),
        replica_priority: config.replica_priority,
        replica_no_failover: config.cluster_replica_no_failover,
        allow_replica_migration: config.cluster_allow_replica_migration,
        migration_barrier: config.cluster_migration_barrier,
    }
}

/// Why a node does not become part of a cluster.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// `nodes.conf` is there but does not say who this node is.
    #[error(transparent)]
    Load(#[from] file::LoadError),
    /// Another process runs the node of this `nodes.conf`.
    #[error("the cluster configuration file {0} is already used by a different cluster node")]
    InUse(PathBuf),
    /// `nodes.conf` cannot be written.
    #[error("cannot write {path}: {why}")]
    Save {
        /// The file.
        path: PathBuf,
        /// What the system says.
        why: String,
    },
}

/// Takes the lock of a `nodes.conf`, a file beside it, as the file itself is replaced when it is written.
fn lock(nodes_conf: &Path) -> Result<File, StartError> {
    let mut name = nodes_conf.as_os_str().to_owned();
    name.push(".lock");
    let path = PathBuf::from(name);
    let unlockable = |why: std::io::Error| StartError::Save { path: path.clone(), why: why.to_string() };
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path).map_err(unlockable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StartError::InUse(nodes_conf.to_path_buf())),
        Err(TryLockError::Error(why)) => Err(unlockable(why)),
    }
}

/// The node's side of the bus, shared by its connections and the driver.
pub struct Bus {
    mind: Mutex<Mind>,
    view: Arc<ClusterView>,
    pubsub: Arc<PubSub>,
    /// The node that this is the bus of, once it is there.
    node: OnceLock<Weak<Shared>>,
    /// Held while the node runs: two processes with one id would each take the other's place.
    _lock: File,
    /// The real ports for clients and of the bus: told to others if no others are announced.
    ports: (u16, u16),
    clock: WallClock,
    /// This node's name, for what passes by the engine.
    my_id: RwLock<NodeId>,
    /// The links that carry gossip.
    pub links: Links,
    /// The links that carry what is published.
    pub messages: Messages,
    /// Marks of slots that move, on their way to the disk.
    pub marks: Marks,
    /// What is counted.
    pub counters: Counters,
    /// Links to be connected by the driver; the engine wants at most one for each peer.
    dials: Mutex<Vec<(Arc<Link>, SocketAddr)>>,
    dial_wanted: Notify,
}

struct Mind {
    engine: Engine,
    rng: Rng,
    nodes_conf: NodesConf,
    /// When `nodes.conf` is replaced if there is something in its journal.
    next_fold: Moment,
    /// While `nodes.conf` could not be written. Nothing is said and nothing served until it is.
    unsaved: Option<Unsaved>,
    /// When what nobody listens to any more is not wanted any more.
    next_sweep: Moment,
    /// What the node is to do once it is attached, each thing once: while a long log is opened, others are heard already.
    waiting: Vec<Effect>,
}

struct Unsaved {
    why: String,
    retry_at: Moment,
}

impl Bus {
    /// Reads or founds the node's view of its cluster, and writes `nodes.conf`.
    ///
    /// # Errors
    /// A damaged `nodes.conf`, one that another process uses, or one that cannot be written.
    pub fn start(
        config: &Config,
        ports: (u16, u16),
        view: Arc<ClusterView>,
        pubsub: Arc<PubSub>,
    ) -> Result<Arc<Bus>, StartError> {
        let path = config.dir.join(&config.cluster_config_file);
        let lock = lock(&path)?;
        let mut topology = match file::load(&path)? {
            Some(topology) => topology,
            None => {
                let id = new_name();
                tracing::info!(%id, "No cluster configuration found, I'm a new node");
                Topology::new(id, told(config, ports, None))
            }
        };
        let me = topology.me_mut();
        me.address = Some(told(config, ports, me.address.and_then(|address| address.ip)));
        let my_id = topology.my_id();
        let mut rng = Rng::from_system();
        let run = RunId(rng.next_u64());
        let mut engine = Engine::new(topology, settings(config), run, Moment::default());
        let effects = engine.effects(Moment::default());
        let bus = Bus {
            mind: Mutex::new(Mind {
                engine,
                rng,
                nodes_conf: NodesConf::new(path.clone()),
                next_fold: Moment::default(),
                unsaved: None,
                next_sweep: Moment::default(),
                waiting: Vec::new(),
            }),
            view,
            pubsub,
            node: OnceLock::new(),
            _lock: lock,
            ports,
            clock: WallClock { started_unix_ms: time::now_ms() },
            my_id: RwLock::new(my_id),
            links: Links::default(),
            messages: Messages::default(),
            marks: Marks::default(),
            counters: Counters::default(),
            dials: Mutex::new(Vec::new()),
            dial_wanted: Notify::new(),
        };
        bus.perform(&mut bus.mind.lock(), effects);
        let unsaved = bus.mind.lock().unsaved.take();
        match unsaved {
            Some(Unsaved { why, .. }) => Err(StartError::Save { path, why }),
            None => Ok(Arc::new(bus)),
        }
    }

    /// The node is there, and its log is open: the engine is told how it does, and moves it from here on.
    pub fn attach(&self, node: &Arc<Shared>) {
        // It is attached once.
        let _attached = self.node.set(Arc::downgrade(node));
        let log = place::status(node);
        let leads = !node.replication.is_replica();
        let opened = self.order(|engine, _, _| {
            engine.opened(log);
            if leads {
                engine.led();
            }
        });
        if let Err(why) = opened {
            tracing::error!(why, "cannot write nodes.conf");
        }
        self.look(|engine| self.dial_publishing(engine));
    }

    pub(super) fn node(&self) -> Option<Arc<Shared>> {
        self.node.get().and_then(Weak::upgrade)
    }

    /// Lets time pass.
    pub(super) fn tick(&self) {
        let log = self.node().map(|node| place::status(&node));
        let mind = &mut *self.mind.lock();
        if let Some(log) = log {
            mind.engine.set_log(log);
        }
        let now = self.now();
        let effects = mind.engine.handle(Event::Tick, now, &mut mind.rng);
        self.perform(mind, effects);
        if now >= mind.next_fold && !mind.nodes_conf.is_folded() && mind.unsaved.is_none() {
            self.try_save(mind, NodesConf::fold);
        }
        self.dial_publishing(&mind.engine);
        if now >= mind.next_sweep {
            mind.next_sweep = now.after(INTEREST_KEPT_MS_MAX);
            self.pubsub.interest.sweep();
        }
    }

    /// Syncs what is noted, without keeping anybody waiting who asks the engine.
    pub(super) fn sync_noted(&self) {
        let Some(noted) = self.mind.lock().nodes_conf.noted() else { return };
        let synced = noted.sync();
        let mind = &mut *self.mind.lock();
        match synced {
            Ok(()) => {
                mind.nodes_conf.synced(&noted);
                self.marks.publish(&mind.nodes_conf);
            }
            Err(error) => {
                tracing::warn!(%error, "cannot sync the journal of nodes.conf");
                self.try_save(mind, NodesConf::fold);
            }
        }
    }

    /// When time should pass again.
    pub(super) fn tick_in(&self) -> Duration {
        let ms = self.look(|engine| if engine.is_hurried() { HURRIED_TICK_MS } else { engine.tick_ms() });
        Duration::from_millis(ms)
    }

    /// Takes other settings: CONFIG SET.
    pub fn configure(&self, config: &Config) {
        let ordered = self.order(|engine, _, _| {
            let known = engine.topology().me().address.and_then(|address| address.ip);
            engine.configure(settings(config), told(config, self.ports, known));
        });
        if let Err(why) = ordered {
            tracing::error!(why, "the cluster's settings are not in nodes.conf yet");
        }
    }

    /// Looks at what the engine knows.
    pub fn look<T>(&self, question: impl FnOnce(&Engine) -> T) -> T {
        question(&self.mind.lock().engine)
    }

    /// Where the primary that this node follows takes clients.
    pub fn my_primary(&self) -> Option<Source> {
        let address = self.look(|engine| engine.topology().my_primary().and_then(|member| member.address))?;
        Some(Source::at(address))
    }

    /// The log is that of a primary from here on.
    pub fn led(&self) {
        if let Err(why) = self.order(|engine, _, _| engine.led()) {
            tracing::error!(why, "cannot write nodes.conf");
        }
        if let Some(node) = self.node() {
            node.clients.unpause();
        }
    }

    /// The name of this node.
    pub fn my_id(&self) -> NodeId {
        *self.my_id.read()
    }

    /// Whether this node follows another one.
    pub fn is_replica(&self) -> bool {
        self.look(|engine| engine.topology().me().primary.is_some())
    }

    /// Gives the engine an order and performs what follows. Whatever changed is on disk when this returns.
    ///
    /// # Errors
    /// Why `nodes.conf` could not be written; the order stands, but nobody hears of it before it could.
    pub fn order<T>(&self, order: impl FnOnce(&mut Engine, Moment, &mut Rng) -> T) -> Result<T, String> {
        let mind = &mut *self.mind.lock();
        let now = self.now();
        let answer = order(&mut mind.engine, now, &mut mind.rng);
        let effects = mind.engine.effects(now);
        self.perform(mind, effects);
        if mind.engine.wants_links(now) || mind.engine.is_hurried() {
            // Not to wait for the next tick makes `CLUSTER MEET` quick.
            self.dial_wanted.notify_one();
        }
        match &mind.unsaved {
            Some(unsaved) => Err(unsaved.why.clone()),
            None => Ok(answer),
        }
    }

    /// Replaces `nodes.conf` itself: `CLUSTER SAVECONFIG`, and the end of the node.
    ///
    /// # Errors
    /// Why it could not be written.
    pub fn save_config(&self) -> Result<(), String> {
        let mind = &mut *self.mind.lock();
        self.try_save(mind, NodesConf::fold);
        match &mind.unsaved {
            Some(unsaved) => Err(unsaved.why.clone()),
            None => Ok(()),
        }
    }

    /// Hands the engine an event and performs what follows.
    pub fn handle(&self, event: Event) {
        let mind = &mut *self.mind.lock();
        let connected = matches!(event, Event::Connected(_));
        let effects = mind.engine.handle(event, self.now(), &mut mind.rng);
        self.perform(mind, effects);
        if connected {
            // A peer that was suspected is reached again: what is published from here on waits for its link.
            self.dial_publishing(&mind.engine);
        }
    }

    /// Sends a published message to every node that has subscribers for it, or may have.
    ///
    /// # Errors
    /// It is longer than a packet can be.
    pub fn publish(&self, channel: &[u8], payload: &[u8]) -> Result<(), TooLong> {
        self.messages.publish(self.my_id(), channel, payload, &self.counters)
    }

    /// The version of what is wanted on this node, if somebody who publishes here has not heard of it yet.
    pub fn unheard(&self) -> Option<u64> {
        let version = self.pubsub.interest.turned_on();
        (!self.messages.inlets.have_heard(version)).then_some(version)
    }

    /// Who listens to what on this node.
    pub(super) fn pubsub(&self) -> &PubSub {
        &self.pubsub
    }

    /// Whether a node of this name is a member of the cluster.
    pub(super) fn knows(&self, id: NodeId) -> bool {
        self.view.knows(id)
    }

    /// How many links peers have made.
    pub(super) fn incoming_count(&self) -> usize {
        self.links.incoming_count() + self.messages.inlets.len()
    }

    /// Now, on the engine's clock.
    pub fn now(&self) -> Moment {
        self.view.now()
    }

    /// Turns the engine's moments into times of day.
    pub fn clock(&self) -> WallClock {
        self.clock
    }

    /// How long a peer may keep this node waiting.
    pub(super) fn patience(&self) -> Duration {
        Duration::from_millis(self.look(|engine| engine.settings().node_timeout_ms))
    }

    /// A packet came over a link.
    pub(super) fn received(&self, link: &Link, local: IpAddr, remote: IpAddr, packet: Packet) {
        let Packet { sender, message } = packet;
        self.counters.received(Kind::of(&message));
        self.handle(Event::Received { link: link.id, local, remote, sender, message });
        if self.view.knows(sender) {
            link.spoken(sender);
        }
    }

    /// Waits until a link is to be connected, or an order was given.
    pub(super) async fn dial_wanted(&self) {
        self.dial_wanted.notified().await;
    }

    /// The links to be connected now.
    pub(super) fn take_dials(&self) -> Vec<(Arc<Link>, SocketAddr)> {
        std::mem::take(&mut *self.dials.lock())
    }

    fn perform(&self, mind: &mut Mind, effects: Vec<Effect>) {
        if mind.unsaved.as_ref().is_some_and(|unsaved| unsaved.retry_at <= self.now()) {
            self.try_save(mind, NodesConf::save);
        }
        let waiting = self.node().map(|_| std::mem::take(&mut mind.waiting)).unwrap_or_default();
        for effect in waiting.into_iter().chain(effects) {
            match effect {
                Effect::Save => {
                    self.try_save(mind, NodesConf::save);
                    *self.my_id.write() = mind.engine.topology().my_id();
                }
                Effect::Note => self.try_save(mind, NodesConf::note),
                Effect::Show => self.show(mind),
                Effect::SlotsLost(slots) => self.pubsub.slots_lost(&slots),
                Effect::Forget(_)
                | Effect::AskedToClaim(..)
                | Effect::ClaimAnswered
                | Effect::TellCopies
                | Effect::WaitFor(_)
                | Effect::Follow
                | Effect::Lead
                | Effect::Pause(_) => {
                    if let Some(node) = self.node() {
                        place::take(&node, effect, mind.engine.topology());
                    } else if self.node.get().is_none() && !mind.waiting.contains(&effect) {
                        mind.waiting.push(effect);
                    }
                }
                Effect::Connect { link, to } => {
                    let link = self.links.outgoing(link, time::now_ms());
                    self.dials.lock().push((link, to));
                    self.dial_wanted.notify_one();
                }
                Effect::Close(link) => self.links.close(link),
                Effect::Send { link, message } => {
                    if mind.unsaved.is_none() {
                        self.counters.sent(Kind::of(&message), 1);
                        self.links.send(link, packet::encode(mind.engine.topology().my_id(), &message));
                    }
                }
            }
        }
        self.view.lease(mind.engine.leased_until());
    }

    fn show(&self, mind: &Mind) {
        self.view.show(mind.engine.topology(), mind.engine.up() && mind.unsaved.is_none());
        self.dial_publishing(&mind.engine);
    }

    /// Message links go to whom this node reaches, and come from members only.
    fn dial_publishing(&self, engine: &Engine) {
        let Some(node) = self.node() else { return };
        let topology = engine.topology();
        let peers: Vec<_> = topology.peers().filter_map(messages::dialled).collect();
        self.messages.be_patient(engine.settings().node_timeout_ms);
        self.messages.inlets.keep(|peer| topology.member(peer).is_some_and(|member| member.joined()));
        for outlet in self.messages.dial(&peers, time::now_ms()) {
            if let Some(bus) = &node.bus {
                node.workers.spawn(outlet::run(Arc::clone(bus), outlet));
            }
        }
    }

    /// Saves what the engine knows in this way. While that fails the node is silent and serves nothing: what it would say or do must
    /// not be forgotten. An attempt after an error writes new files from the start, so that the error says nothing about it.
    fn try_save(&self, mind: &mut Mind, way: fn(&mut NodesConf, &str) -> io::Result<()>) {
        let text = render(mind.engine.topology(), self.clock);
        let saved = way(&mut mind.nodes_conf, &text);
        self.marks.publish(&mind.nodes_conf);
        if mind.nodes_conf.is_folded() {
            mind.next_fold = self.now().after(FOLD_MS);
        }
        match saved {
            Ok(()) => {
                if mind.unsaved.take().is_some() {
                    tracing::info!("nodes.conf could be written again");
                    self.show(mind);
                }
            }
            Err(error) => {
                if mind.unsaved.is_none() {
                    tracing::error!(path = %mind.nodes_conf.path().display(), %error, "cannot write nodes.conf");
                }
                let retry_at = self.now().after(SAVE_RETRY_MS);
                mind.unsaved = Some(Unsaved { why: error.to_string(), retry_at });
                self.show(mind);
            }
        }
    }
}

/// What others are told of where this node is: what is announced, else what is so.
fn told(config: &Config, (port, bus_port): (u16, u16), known: Option<IpAddr>) -> Address {
    let announced = |announced: u16, real: u16| if announced == 0 { real } else { announced };
    Address {
        ip: config.cluster_announce_ip.parse().ok().or(known),
        port: announced(config.cluster_announce_port, port),
        bus_port: announced(config.cluster_announce_bus_port, bus_port),
    }
}

/// A name for a new node, from the system.
pub fn new_name() -> NodeId {
    let mut bytes = [0; NodeId::BYTES];
    rng::fill(&mut bytes);
    NodeId::from_bytes(bytes)
}

/// Ends an outgoing link: the engine hears of it.
pub(super) fn ended(bus: &Bus, link: &Link) {
    bus.links.close(link.id);
    if let LinkId::Out(number) = link.id {
        bus.handle(Event::Closed(number));
    }
}
