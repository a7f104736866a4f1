//! How the nodes of one process become a cluster: by the same orders as `redis-cli --cluster create` gives.
//!
//! Every step looks first at what is so already: after a restart, or one in the middle of forming, only what is missing is done.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use shared::limits::SLOTS;
use shared::node_id::NodeId;
use shared::rt::time::{self, Duration, Instant};
use shared::slot_set::SlotSet;

use crate::bus::Bus;
use crate::node::Node;
use crate::replication;
use crate::topology::Member;

/// How often the nodes are looked at while they form, milliseconds.
const LOOK_MS: u64 = 50;
/// A handshake that led nowhere so long is begun again, milliseconds.
const MEET_AGAIN_MS: u64 = 2_000;

/// Forms the cluster, waits until every node sees it in state ok, and says so. The nodes behind the primaries become their replicas
/// in turn.
pub async fn form(nodes: &[Node], primaries: usize) {
    let buses: Vec<Arc<Bus>> = nodes.iter().filter_map(|node| node.shared().bus.clone()).collect();
    if let Err(why) = share_slots(&buses[..primaries.min(buses.len())]) {
        return tracing::error!(why, "the cluster cannot be formed: nodes.conf cannot be written");
    }
    let ip = nodes.first().map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), ip_of);
    let mut meet_at = Instant::now();
    while !formed(&buses) {
        if Instant::now() >= meet_at {
            meet_at = Instant::now() + Duration::from_millis(MEET_AGAIN_MS);
            meet(&buses, ip);
        }
        time::sleep(Duration::from_millis(LOOK_MS)).await;
    }
    for (index, node) in nodes.iter().enumerate().skip(primaries) {
        let primary = buses[index % primaries].my_id();
        if let Err(why) = replicate(node, primary) {
            tracing::error!(why, "a node did not become a replica");
        }
    }
    tracing::info!(nodes = buses.len(), primaries, "The cluster is formed: all slots are served");
}

/// Makes a node that owns no slots and follows nobody a replica. Another one has been a part of the cluster before.
fn replicate(node: &Node, primary: NodeId) -> Result<(), String> {
    let shared = node.shared();
    let Some(bus) = &shared.bus else { return Ok(()) };
    let is_new = |member: &Member| member.primary.is_none() && member.slots().is_empty();
    if !bus.look(|engine| is_new(engine.topology().me())) {
        return Ok(());
    }
    let is_empty = shared.keyspace.is_empty();
    bus.order(|engine, now, rng| engine.replicate(primary, is_empty, now, rng))?
        .map_err(|error| error.to_string())?;
    if let Some(source) = bus.my_primary() {
        replication::follow(shared, source);
    }
    Ok(())
}

/// Gives each node its even share of the slots, as far as no node knows an owner.
fn share_slots(buses: &[Arc<Bus>]) -> Result<(), String> {
    let free = buses.iter().map(|bus| bus.look(|engine| engine.topology().unassigned()));
    let free = free.reduce(|a, b| a.iter().filter(|&slot| b.contains(slot)).collect()).unwrap_or_default();
    for (index, bus) in buses.iter().enumerate() {
        let share: SlotSet = free.iter().filter(|slot| slot.index() * buses.len() / SLOTS == index).collect();
        if share.is_empty() {
            continue;
        }
        bus.order(|engine, _, _| {
            // Alone it cannot be refused: the slots are free. Its epoch only spares the nodes a collision.
            let epoch = i64::try_from(index).unwrap_or_default() + 1;
            let shared = engine.add_slots(&share).and_then(|()| engine.set_config_epoch(epoch));
            if let Err(error) = shared {
                tracing::debug!(%error, "a step of forming was done before");
            }
        })?;
    }
    Ok(())
}

/// The first node meets all that it does not know.
fn meet(buses: &[Arc<Bus>], ip: IpAddr) {
    let Some((first, others)) = buses.split_first() else { return };
    for other in others {
        let (id, address) = other.look(|engine| (engine.topology().my_id(), engine.topology().me().address));
        let Some(address) = address else { continue };
        let met = first.order(|engine, now, rng| {
            if !engine.topology().member(id).is_some_and(Member::joined) {
                engine.meet(ip, address.port, address.bus_port, now, rng);
            }
        });
        if let Err(why) = met {
            tracing::warn!(why, "nodes.conf cannot be written");
        }
    }
}

/// Whether every node knows all others and sees the cluster in state ok.
fn formed(buses: &[Arc<Bus>]) -> bool {
    let ids: Vec<_> = buses.iter().map(|bus| bus.look(|engine| engine.topology().my_id())).collect();
    let knows_all = |bus: &Arc<Bus>| {
        bus.look(|engine| {
            engine.up() && ids.iter().all(|&id| engine.topology().member(id).is_some_and(Member::joined))
        })
    };
    buses.iter().all(knows_all)
}

/// Where nodes of this machine reach each other: the first address they listen on.
fn ip_of(node: &Node) -> IpAddr {
    let config = node.shared().config();
    let listened = config.bind.iter().find_map(|host| host.trim_start_matches('-').parse::<IpAddr>().ok());
    listened.filter(|ip| !ip.is_unspecified()).unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
}
