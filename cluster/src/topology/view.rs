//! Who serves a slot, as the request path reads it: one relaxed load of a bitmap of 2 KiB for a command on a slot of this node.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;
use shared::limits::{CLUSTER_NODES_MAX, SLOTS};
use shared::node_id::NodeId;
use shared::rt::time::{self, Duration};
use shared::slot::Slot;
use shared::slot_set::SlotSet;
use tokio::sync::watch;

use super::{Address, Moment, Topology};

/// Who serves a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ownership {
    /// This node.
    Mine,
    /// Another node: the client is sent there.
    Other(Address),
    /// Nobody: `CLUSTERDOWN Hash slot not served`.
    Unassigned,
    /// This node, but its keys are going to another one: who asks for a key that is not here any more is sent there.
    Migrating(Address),
    /// Another node, whose keys are coming to this one: who was sent here says ASKING.
    Importing {
        /// Who owns it; `None` is nobody.
        from: Option<Address>,
    },
    /// This node or, by now, another one: what is asked waits until that is settled.
    InTransfer,
    /// The cluster is in state fail: `CLUSTERDOWN The cluster is down`, unless configuration lets some commands through.
    Down {
        /// Who would serve it; `None` is this node.
        elsewhere: Option<Address>,
    },
}

/// The slots of the cluster, shared by every connection of a node.
#[derive(Debug)]
pub struct ClusterView {
    /// Bit `n % 64` of word `n / 64`: this node serves slot `n` now, whole. All clear while the cluster is down.
    mine: [AtomicU64; SLOTS / 64],
    table: RwLock<Arc<Table>>,
    /// Moment 0 of the engine, as time since the machine's start: a lease ends although the machine sleeps.
    started: Duration,
    /// Until when this node may answer alone, milliseconds after `started`.
    leased_until: AtomicU64,
    /// Counts changes of what this node serves, or may answer.
    changes: watch::Sender<u64>,
}

/// Who owned which slot at one moment.
#[derive(Debug, Clone)]
pub struct Owners(Arc<Table>);

/// Who owns a slot, whatever its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// This node.
    Me,
    /// The node that clients reach there.
    At(SocketAddr),
    /// Nobody, or one whose address is not known.
    Unknown,
}

impl Owners {
    /// Who owned the slot.
    pub fn of(&self, slot: Slot) -> Owner {
        match self.0.owners[slot.index()] {
            NOBODY => Owner::Unknown,
            MINE => Owner::Me,
            place => self.0.addresses[usize::from(place)].client().map_or(Owner::Unknown, Owner::At),
        }
    }

    /// Whether another node that clients reach there owned any slot.
    pub fn is_owner(&self, address: SocketAddr) -> bool {
        self.0.addresses.iter().skip(1).any(|known| known.client() == Some(address))
    }
}

/// Who owns what, for the commands that are not served here.
#[derive(Debug)]
struct Table {
    up: bool,
    /// Index into `addresses` by slot.
    owners: Box<[u16]>,
    /// Place [`MINE`] is this node.
    addresses: Vec<Address>,
    /// Slots of this node on the move.
    moving: BTreeMap<Slot, Ownership>,
    /// Slots of the primary that this node follows.
    followed: SlotSet,
    /// Names of the nodes past their handshake, sorted.
    names: Vec<NodeId>,
}

const NOBODY: u16 = u16::MAX;
const MINE: u16 = 0;
const _: () = assert!(CLUSTER_NODES_MAX < NOBODY as usize);

impl ClusterView {
    /// A node that serves every slot alone (`cluster-enabled no`).
    pub fn alone() -> ClusterView {
        let table = Table {
            up: true,
            owners: vec![MINE; SLOTS].into(),
            addresses: vec![Address { ip: None, port: 0, bus_port: 0 }],
            moving: BTreeMap::new(),
            followed: SlotSet::new(),
            names: Vec::new(),
        };
        ClusterView {
            mine: [const { AtomicU64::new(u64::MAX) }; SLOTS / 64],
            table: RwLock::new(Arc::new(table)),
            started: time::uptime(),
            leased_until: AtomicU64::new(u64::MAX),
            changes: watch::Sender::new(0),
        }
    }

    /// A node of a cluster that serves nothing until it is told.
    pub fn down() -> ClusterView {
        let table = Table {
            up: false,
            owners: vec![NOBODY; SLOTS].into(),
            addresses: Vec::new(),
            moving: BTreeMap::new(),
            followed: SlotSet::new(),
            names: Vec::new(),
        };
        ClusterView {
            mine: [const { AtomicU64::new(0) }; SLOTS / 64],
            table: RwLock::new(Arc::new(table)),
            started: time::uptime(),
            leased_until: AtomicU64::new(0),
            changes: watch::Sender::new(0),
        }
    }

    /// Now, on the engine's clock.
    pub fn now(&self) -> Moment {
        let since = time::uptime().saturating_sub(self.started);
        Moment::from_ms(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    /// Whether this node may answer alone: a majority has promised to elect nobody else meanwhile. Asked before replies are sent,
    /// so that a process that was stopped does not answer what it did when it woke.
    #[inline]
    pub fn is_leased(&self) -> bool {
        let until = self.leased_until.load(Ordering::Relaxed);
        let leased = until == u64::MAX || self.now().as_ms() < until;
        #[cfg(feature = "sim")]
        if !leased && shared::rt::sim::strikes("old-primary-writes") {
            return true;
        }
        leased
    }

    /// This node may answer alone until then; `None` is for ever.
    pub fn lease(&self, until: Option<Moment>) {
        let until = until.map_or(u64::MAX, Moment::as_ms);
        if self.leased_until.swap(until, Ordering::Relaxed) != until {
            self.changes.send_modify(|count| *count += 1);
        }
    }

    /// Changes whenever what this node serves or may answer does.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Whether this node serves the slot now: the one question of the hot path.
    #[inline]
    pub fn is_mine(&self, slot: Slot) -> bool {
        self.mine[slot.index() / 64].load(Ordering::Relaxed) & (1 << (slot.index() % 64)) != 0
    }

    /// Who serves the slot.
    pub fn owner(&self, slot: Slot) -> Ownership {
        if self.is_mine(slot) {
            return Ownership::Mine;
        }
        let table = Arc::clone(&self.table.read());
        if table.up
            && let Some(moving) = table.moving.get(&slot)
        {
            return *moving;
        }
        let owner = table.owners[slot.index()];
        if owner == NOBODY {
            return Ownership::Unassigned;
        }
        let elsewhere = (owner != MINE).then(|| table.addresses[usize::from(owner)]);
        match elsewhere {
            _ if !table.up => Ownership::Down { elsewhere },
            Some(address) => Ownership::Other(address),
            None => Ownership::Mine,
        }
    }

    /// Whether keys of a slot of this node go to another one.
    pub fn is_migrating(&self, slot: Slot) -> bool {
        matches!(self.owner(slot), Ownership::Migrating(_))
    }

    /// Who owns which slot now.
    pub fn owners(&self) -> Owners {
        Owners(Arc::clone(&self.table.read()))
    }

    /// Whether the slot is one of the primary that this node follows.
    pub fn follows(&self, slot: Slot) -> bool {
        self.table.read().followed.contains(slot)
    }

    /// Whether the cluster is in state ok.
    pub fn up(&self) -> bool {
        self.table.read().up
    }

    /// Whether a node of this name is past its handshake.
    pub fn knows(&self, id: NodeId) -> bool {
        self.table.read().names.binary_search(&id).is_ok()
    }

    /// Shows the topology to the request path. Slots that stop being served stop first.
    pub fn show(&self, topology: &Topology, up: bool) {
        let mut owners = vec![NOBODY; SLOTS];
        let mut addresses = vec![topology.me().address.unwrap_or(Address { ip: None, port: 0, bus_port: 0 })];
        let mut fill = |slots: &SlotSet, place: u16| {
            for range in slots.ranges() {
                owners[usize::from(*range.start())..=usize::from(*range.end())].fill(place);
            }
        };
        fill(topology.me().slots(), MINE);
        for peer in topology.peers().filter(|p| p.votes()) {
            // A node without an address is named with port 0, as Redis does, until it tells where it is.
            addresses.push(peer.address.unwrap_or(Address { ip: None, port: 0, bus_port: 0 }));
            let place = u16::try_from(addresses.len() - 1).unwrap_or(NOBODY);
            fill(peer.slots(), place);
        }
        let mut served = if up { topology.me().slots().clone() } else { SlotSet::new() };
        let address_of = |id: &NodeId| topology.member(*id).and_then(|member| member.address);
        let mut moving = BTreeMap::new();
        for (slot, to) in &topology.moves.migrating {
            served.remove(*slot);
            // Where what has left is reached is not known: nobody can be told what there is of the slot.
            moving.insert(*slot, address_of(to).map_or(Ownership::InTransfer, Ownership::Migrating));
        }
        for slot in topology.moves.importing.keys() {
            let from = topology.owner(*slot).and_then(|owner| owner.address);
            moving.insert(*slot, Ownership::Importing { from });
        }
        if topology.me().primary.is_none() {
            for slot in topology.given().iter().filter(|slot| topology.me().slots().contains(*slot)) {
                served.remove(slot);
                moving.insert(slot, Ownership::InTransfer);
            }
            // It is this node's own in a moment.
            moving.extend(topology.claiming().map(|slot| (slot, Ownership::InTransfer)));
        }
        let names = topology.members().filter(|m| m.joined()).map(|m| m.id).collect();
        self.serve_only(&served);
        let followed = topology.my_primary().map(|primary| primary.slots().clone()).unwrap_or_default();
        *self.table.write() =
            Arc::new(Table { up, owners: owners.into(), addresses, moving, followed, names });
        self.store(&served);
        self.changes.send_modify(|count| *count += 1);
    }

    fn serve_only(&self, slots: &SlotSet) {
        for (word, keep) in self.mine.iter().zip(words(slots)) {
            word.fetch_and(keep, Ordering::Relaxed);
        }
    }

    fn store(&self, slots: &SlotSet) {
        for (word, bits) in self.mine.iter().zip(words(slots)) {
            word.store(bits, Ordering::Relaxed);
        }
    }
}

/// The set as 64-bit words: its wire form, read little-endian.
fn words(slots: &SlotSet) -> impl Iterator<Item = u64> {
    let wire = slots.to_wire();
    (0..SLOTS / 64).map(move |word| {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&wire[word * 8..word * 8 + 8]);
        u64::from_le_bytes(bytes)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::tests::{address, id, three_nodes};

    fn slot(number: u16) -> Slot {
        Slot::new(number).unwrap()
    }

    #[test]
    fn each_slot_has_the_answer_of_the_topology() {
        let mut topology = three_nodes();
        topology.assign(slot(63), id(1));
        topology.assign(slot(64), id(2));
        let view = ClusterView::down();
        assert_eq!(view.owner(slot(63)), Ownership::Unassigned);
        view.show(&topology, true);
        assert_eq!(view.owner(slot(63)), Ownership::Mine);
        assert_eq!(view.owner(slot(64)), Ownership::Other(address(2)));
        assert_eq!(view.owner(slot(65)), Ownership::Unassigned);
        let owners = view.owners();
        let second = address(2).client().unwrap();
        assert_eq!([63, 64, 65].map(|n| owners.of(slot(n))), [Owner::Me, Owner::At(second), Owner::Unknown]);
        assert!(owners.is_owner(second) && !owners.is_owner(address(3).client().unwrap()));
        assert!(view.knows(id(3)) && !view.knows(id(4)));
    }

    #[test]
    fn a_slot_that_moves_to_a_node_without_an_address_is_not_taken_for_a_whole_one() {
        let mut topology = three_nodes();
        topology.assign(slot(1), id(1));
        topology.moves.migrating.insert(slot(1), id(2));
        let view = ClusterView::down();
        view.show(&topology, true);
        assert_eq!(view.owner(slot(1)), Ownership::Migrating(address(2)));
        topology.member_mut(id(2)).unwrap().address = None;
        view.show(&topology, true);
        assert_eq!(view.owner(slot(1)), Ownership::InTransfer);
    }

    #[test]
    fn a_cluster_that_is_down_serves_nothing_but_says_who_would() {
        let mut topology = three_nodes();
        topology.assign(slot(1), id(1));
        topology.assign(slot(2), id(2));
        let view = ClusterView::down();
        view.show(&topology, true);
        view.show(&topology, false);
        assert!(!view.is_mine(slot(1)) && !view.up());
        assert_eq!(view.owner(slot(1)), Ownership::Down { elsewhere: None });
        assert_eq!(view.owner(slot(2)), Ownership::Down { elsewhere: Some(address(2)) });
        assert_eq!(view.owner(slot(3)), Ownership::Unassigned);
    }

    #[test]
    fn a_slot_on_the_move_is_nobodys_whole() {
        let mut topology = three_nodes();
        topology.assign(slot(1), id(1));
        topology.assign(slot(2), id(2));
        topology.moves.migrating.insert(slot(1), id(3));
        topology.moves.importing.insert(slot(2), id(2));
        let view = ClusterView::down();
        view.show(&topology, true);
        assert!(!view.is_mine(slot(1)));
        assert_eq!(view.owner(slot(1)), Ownership::Migrating(address(3)));
        assert_eq!(view.owner(slot(2)), Ownership::Importing { from: Some(address(2)) });
        topology.moves.end(slot(1));
        view.show(&topology, true);
        assert_eq!(view.owner(slot(1)), Ownership::Mine);
    }

    #[test]
    fn alone_every_slot_is_mine() {
        let view = ClusterView::alone();
        assert!(Slot::all().all(|s| view.owner(s) == Ownership::Mine) && view.up());
    }
}
