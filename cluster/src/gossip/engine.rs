//! The gossip engine: one node's mind about its cluster.

use std::collections::BTreeMap;
use std::net::IpAddr;

use shared::epoch::Epoch;
use shared::limits::EPOCH_MAX;
use shared::node_id::NodeId;
use shared::rt::rng::Rng;
use shared::slot_set::SlotSet;

use super::effect::Effect;
use super::event::{Event, LinkId};
use super::message::Message;
use super::state::ClusterState;
use crate::failover::Failover;
use crate::slot_migration::Agreement;
use crate::topology::{Address, Contact, Link, Moment, RunId, Topology};

/// How often the driver should say that time passed, milliseconds: Redis's `clusterCron`. With a short node timeout more often.
pub const TICK_MS: u64 = 100;
/// The node timeout in ticks, at least.
const TICKS_A_TIMEOUT: u64 = 20;

/// What configuration says about the bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How long a silent node is waited for before it is suspected, milliseconds (`cluster-node-timeout`).
    pub node_timeout_ms: u64,
    /// Whether one unserved slot stops the whole cluster (`cluster-require-full-coverage`).
    pub require_full_coverage: bool,
    /// The IP to tell others, if it is not the one they see (`cluster-announce-ip`).
    pub announce_ip: Option<IpAddr>,
    /// Who of several replicas with the same offset stands first: the lowest; 0 never stands (`replica-priority`).
    pub replica_priority: u32,
    /// Whether this replica stands only if somebody orders it (`cluster-replica-no-failover`).
    pub replica_no_failover: bool,
    /// Whether a replica may go to a primary that has lost all of its own (`cluster-allow-replica-migration`).
    pub allow_replica_migration: bool,
    /// How many replicas its old primary must keep (`cluster-migration-barrier`).
    pub migration_barrier: usize,
}

/// One node's mind about its cluster. Deterministic: the same events, times and random bits give the same effects.
#[derive(Debug)]
pub struct Engine {
    pub(crate) topology: Topology,
    pub(crate) settings: Settings,
    /// Which process this is.
    pub(super) run: RunId,
    pub(crate) failover: Failover,
    pub(crate) agreement: Agreement,
    pub(super) state: ClusterState,
    /// Forgotten nodes, and until when rumors about them are not believed.
    pub(super) forgotten: BTreeMap<NodeId, Moment>,
    /// Whose outgoing link has which number.
    pub(super) links: BTreeMap<u64, NodeId>,
    next_link: u64,
    pub(super) next_random_ping: Moment,
    effects: Vec<Effect>,
    /// Something that must survive a restart changed.
    unsaved: bool,
    /// Something changed that must survive a restart before anything depends on it.
    unsaved_mark: bool,
    /// The same, and nothing depends on it yet: saved with what changes next, or by [`Engine::note_now`].
    unsaved_soon: bool,
    /// Something that the copies of the shard are to know changed, and nothing that the request path sees.
    untold: bool,
    /// Something changed that others will tell again if it is forgotten: saved with all that changes until `next_heard_save`.
    unsaved_heard: bool,
    next_heard_save: Moment,
    /// Something the request path sees changed.
    unshown: bool,
}

impl Engine {
    /// How much it remembers of others, for who looks whether that is bounded.
    #[cfg(feature = "sim")]
    pub fn held(&self) -> Vec<(&'static str, usize)> {
        let mut held = self.failover.held().to_vec();
        held.extend(self.agreement.held());
        held.extend([("forgotten nodes", self.forgotten.len()), ("outgoing links", self.links.len())]);
        held
    }

    /// The mind of a node that starts now and knows this much.
    pub fn new(mut topology: Topology, settings: Settings, run: RunId, now: Moment) -> Engine {
        for peer in topology.peers_mut() {
            peer.contact = Contact::default();
        }
        let owns_slots = !topology.me().slots().is_empty();
        Engine {
            topology,
            settings,
            run,
            failover: Failover::new(now, settings.node_timeout_ms),
            agreement: Agreement::default(),
            state: ClusterState::new(now, owns_slots, settings.node_timeout_ms),
            forgotten: BTreeMap::new(),
            links: BTreeMap::new(),
            next_link: 0,
            next_random_ping: now,
            effects: Vec::new(),
            unsaved: true,
            unsaved_mark: false,
            unsaved_soon: false,
            untold: false,
            unsaved_heard: false,
            next_heard_save: now,
            unshown: true,
        }
    }

    /// Takes an event; returns what is to be done, in order.
    pub fn handle(&mut self, event: Event, now: Moment, rng: &mut Rng) -> Vec<Effect> {
        match event {
            Event::Tick => {
                if self.unsaved_heard && now >= self.next_heard_save {
                    self.unsaved = true;
                    self.next_heard_save = now.after(TICK_MS);
                }
                self.note_now();
                self.forget_leaving();
                self.tick(now, rng);
                self.tick_failover(now, rng);
                self.ask_about_transfers(now);
            }
            Event::Connected(link) => self.connected(link, now, rng),
            Event::Closed(link) => self.closed(link, now),
            Event::Received { link, local, remote, sender, message } => {
                self.receive(super::receive::Packet { link, local, remote, sender }, message, now, rng);
            }
        }
        self.keep_standing(now, rng);
        self.finish(now)
    }

    /// What this node knows.
    pub fn topology(&self) -> &Topology {
        &self.topology
    }

    /// Whether the cluster is in state ok.
    pub fn up(&self) -> bool {
        self.state.up()
    }

    /// What configuration says now.
    pub fn settings(&self) -> Settings {
        self.settings
    }

    /// How often time should pass, milliseconds.
    pub fn tick_ms(&self) -> u64 {
        (self.settings.node_timeout_ms / TICKS_A_TIMEOUT).clamp(10, TICK_MS)
    }

    /// Takes other settings, and another address to tell, from the next event on.
    pub fn configure(&mut self, settings: Settings, address: Address) {
        self.settings = settings;
        let me = self.topology.me_mut();
        if me.address != Some(address) {
            me.address = Some(address);
            self.changed();
        }
    }

    /// Ends the handling of an event: what must be known on disk comes first.
    pub(crate) fn finish(&mut self, now: Moment) -> Vec<Effect> {
        let untold = std::mem::take(&mut self.untold);
        let tells = (self.unshown || untold) && self.settle_transfers();
        self.judge_state(now);
        let mut effects = Vec::with_capacity(self.effects.len() + 2);
        let marked = std::mem::take(&mut self.unsaved_mark);
        let saved = std::mem::take(&mut self.unsaved);
        if saved || marked {
            (self.unsaved_heard, self.unsaved_soon) = (false, false);
            effects.push(if saved { Effect::Save } else { Effect::Note });
        }
        // Before clients see it: what they are answered may wait for the copies to know.
        if tells {
            effects.push(Effect::TellCopies);
        }
        if std::mem::take(&mut self.unshown) {
            effects.push(Effect::Show);
        }
        effects.append(&mut self.effects);
        effects
    }

    /// Something changed that must survive a restart and that clients may see.
    pub(crate) fn changed(&mut self) {
        self.unsaved = true;
        self.unshown = true;
    }

    /// A slot began to move: its keys wait until that is on the disk.
    pub(crate) fn marked(&mut self) {
        self.unsaved_mark = true;
        self.unshown = true;
    }

    /// A slot is to be claimed: nothing depends on it before [`Engine::note_now`].
    pub(crate) fn claimed_soon(&mut self) {
        self.unsaved_soon = true;
        self.unshown = true;
    }

    /// The same of a slot that was let go, of which clients see nothing.
    pub(crate) fn let_go_soon(&mut self) {
        self.unsaved_soon = true;
        self.untold = true;
    }

    /// Has written what was to be written soon, if it is not yet.
    pub fn note_now(&mut self) {
        self.unsaved_mark |= self.unsaved_soon;
    }

    /// Others said something that they will say again: who owns what, and since which epoch.
    pub(crate) fn heard_change(&mut self) {
        self.unsaved_heard = true;
        self.unshown = true;
    }

    /// The cluster's state changed: clients see it, the disk need not.
    pub(crate) fn state_changed(&mut self) {
        self.unshown = true;
    }

    pub(crate) fn effect(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    pub(crate) fn send(&mut self, link: LinkId, message: Message) {
        self.effects.push(Effect::Send { link, message });
    }

    /// Sends to every member whose link is open.
    pub(crate) fn broadcast(&mut self, message: &Message) {
        let links: Vec<u64> =
            self.topology.peers().filter(|p| p.joined()).filter_map(|p| p.contact.open_link()).collect();
        for link in links {
            self.send(LinkId::Out(link), message.clone());
        }
    }

    pub(crate) fn slots_lost(&mut self, slots: SlotSet) {
        if !slots.is_empty() {
            self.effects.push(Effect::SlotsLost(slots));
        }
    }

    /// Opens the outgoing link to a member whose address is known.
    pub(super) fn open_link(&mut self, id: NodeId, backoff_ms: u64) {
        let Some(member) = self.topology.member_mut(id) else { return };
        let Some(to) = member.address.and_then(|a| a.bus()) else { return };
        self.next_link += 1;
        let link = self.next_link;
        member.contact.link = Link::Opening { link, backoff_ms };
        self.links.insert(link, id);
        self.effects.push(Effect::Connect { link, to });
    }

    /// Closes the outgoing link to a member, if there is one; it is opened anew at the next tick.
    pub(super) fn close_link(&mut self, id: NodeId, now: Moment) {
        let Some(member) = self.topology.member_mut(id) else { return };
        if let Some(link) = member.contact.any_link() {
            member.contact.link = Link::Down { retry_at: now, backoff_ms: 0 };
            self.links.remove(&link);
            self.effects.push(Effect::Close(LinkId::Out(link)));
        }
    }

    /// Forgets a member and its link.
    pub(super) fn drop_member(&mut self, id: NodeId, now: Moment) {
        self.close_link(id, now);
        let Some(member) = self.topology.remove(id) else { return };
        for peer in self.topology.peers_mut() {
            peer.reports.remove(&id);
        }
        if member.joined() {
            self.changed();
        }
    }

    /// Takes a config epoch that nobody this node knows of has.
    pub(crate) fn take_new_epoch(&mut self) -> Epoch {
        let epoch = Epoch(self.topology.highest_epoch().next().0.min(EPOCH_MAX));
        self.topology.current_epoch = epoch;
        self.topology.me_mut().config_epoch = epoch;
        self.changed();
        epoch
    }
}
