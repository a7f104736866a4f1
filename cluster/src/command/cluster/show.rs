//! What the node knows of its cluster.

use std::fmt::Write as _;
use std::sync::Arc;

use shared::node_id::NodeId;
use shared::resp::write;
use shared::rt::time::{self, Duration};
use shared::slot::Slot;

use super::{Args, Done, Reply, SessionContext, bus};
use crate::bus::Bus;
use crate::gossip::{Engine, LinkId};
use crate::server::pause::Pause;
use crate::topology::{Health, Member, describe};

/// How long CLUSTER NODES waits for claims of slots that were moved by hand, milliseconds.
const CLAIMS_MS: u64 = 100;

pub(super) fn info(context: &mut SessionContext<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let bus = bus(context)?;
    let mut text = bus.look(state);
    messages(&bus, &mut text);
    reply.verbatim(&text);
    Ok(())
}

fn state(engine: &Engine) -> String {
    let topology = engine.topology();
    let slots_where = |wanted: fn(&Member) -> bool| -> usize {
        topology.members().filter(|m| wanted(m)).map(|m| m.slots().len()).sum()
    };
    format!(
        "cluster_state:{}\r\ncluster_slots_assigned:{}\r\ncluster_slots_ok:{}\r\ncluster_slots_pfail:{}\r\n\
         cluster_slots_fail:{}\r\ncluster_known_nodes:{}\r\ncluster_size:{}\r\ncluster_current_epoch:{}\r\n\
         cluster_my_epoch:{}\r\n",
        if engine.up() { "ok" } else { "fail" },
        topology.assigned(),
        slots_where(Member::reachable),
        slots_where(|m| m.health == Health::Suspected),
        slots_where(|m| matches!(m.health, Health::Failed { .. })),
        topology.len(),
        topology.size(),
        topology.current_epoch,
        topology.me().config_epoch,
    )
}

fn messages(bus: &Bus, text: &mut String) {
    let mut lines = |way: &str, counts: Vec<(&str, u64)>| {
        for (name, count) in counts.iter().filter(|(_, count)| *count > 0) {
            // Writing to a String does not fail.
            let _ = write!(text, "cluster_stats_messages_{name}_{way}:{count}\r\n");
        }
        let total: u64 = counts.iter().map(|(_, count)| count).sum();
        let _ = write!(text, "cluster_stats_messages_{way}:{total}\r\n");
    };
    lines("sent", bus.counters.all_sent().map(|(kind, count)| (kind.name(), count)).collect());
    lines("received", bus.counters.all_received().map(|(kind, count)| (kind.name(), count)).collect());
    let _ = write!(text, "total_cluster_links_buffer_limit_exceeded:{}\r\n", bus.counters.overflows());
}

pub(super) fn nodes(context: &mut SessionContext<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let bus = bus(context)?;
    let nodes = |bus: &Bus| bus.look(|engine| describe::nodes(engine.topology(), bus.clock()));
    if context.in_transaction() || !bus.look(Engine::awaits_claims) {
        reply.verbatim(&nodes(&bus));
        return Ok(());
    }
    // Whoever has just moved slots by hand wants to see them moved, as redis-cli --cluster check.
    let (node, protocol) = (Arc::clone(context.node), context.session.protocol);
    context.pause(Pause::Reply(Box::pin(async move {
        let mut changes = node.view.changes();
        let claimed = async { while bus.look(Engine::awaits_claims) && changes.changed().await.is_ok() {} };
        time::timeout(Duration::from_millis(CLAIMS_MS), claimed).await.ok();
        let mut text = Vec::new();
        write::verbatim(&mut text, protocol, *b"txt", nodes(&bus).as_bytes());
        text
    })));
    Ok(())
}

pub(super) fn my_id(context: &mut SessionContext<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let id = bus(context)?.look(|engine| engine.topology().my_id());
    reply.bulk(id.to_string().as_bytes());
    Ok(())
}

pub(super) fn my_shard_id(context: &mut SessionContext<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let id = bus(context)?.look(|engine| engine.topology().me().shard);
    reply.bulk(id.to_string().as_bytes());
    Ok(())
}

pub(super) fn slots(context: &mut SessionContext<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Done {
    bus(context)?.look(|engine| {
        let runs = runs(engine);
        reply.array(runs.len());
        for (first, last, owner) in runs {
            let replicas: Vec<_> = engine.topology().replicas(owner.id).filter(|m| m.reachable()).collect();
            reply.array(3 + replicas.len());
            reply.int(i64::from(first.number()));
            reply.int(i64::from(last.number()));
            for member in [owner].into_iter().chain(replicas) {
                reply.array(4);
                reply.bulk(host(member).as_bytes());
                reply.int(i64::from(member.address.map_or(0, |a| a.port)));
                reply.bulk(member.id.to_string().as_bytes());
                reply.map(0);
            }
        }
    });
    Ok(())
}

/// Neighbouring slots with one owner, in order.
fn runs(engine: &Engine) -> Vec<(Slot, Slot, &Member)> {
    let mut runs: Vec<(Slot, Slot, &Member)> = Vec::new();
    for slot in Slot::all() {
        let Some(owner) = engine.topology().owner(slot) else { continue };
        match runs.last_mut() {
            Some((_, last, before)) if before.id == owner.id && last.number() + 1 == slot.number() => {
                *last = slot
            }
            _ => runs.push((slot, slot, owner)),
        }
    }
    runs
}

pub(super) fn shards(context: &mut SessionContext<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Done {
    bus(context)?.look(|engine| {
        let primaries: Vec<&Member> = engine.topology().members().filter(|m| m.is_primary()).collect();
        reply.array(primaries.len());
        primaries.into_iter().for_each(|primary| shard(engine, primary, reply));
    });
    Ok(())
}

fn shard(engine: &Engine, primary: &Member, reply: &mut Reply<'_>) {
    reply.map(2);
    reply.bulk(b"slots");
    let ranges = primary.slots().ranges();
    reply.array(2 * ranges.len());
    for range in ranges {
        reply.int(i64::from(*range.start()));
        reply.int(i64::from(*range.end()));
    }
    reply.bulk(b"nodes");
    let copies: Vec<_> = [primary].into_iter().chain(engine.topology().replicas(primary.id)).collect();
    reply.array(copies.len());
    copies.into_iter().for_each(|member| copy(member, engine.offset_of(member), reply));
}

fn copy(member: &Member, offset: u64, reply: &mut Reply<'_>) {
    reply.map(7);
    reply.bulk(b"id");
    reply.bulk(member.id.to_string().as_bytes());
    reply.bulk(b"port");
    reply.int(i64::from(member.address.map_or(0, |a| a.port)));
    reply.bulk(b"ip");
    reply.bulk(host(member).as_bytes());
    reply.bulk(b"endpoint");
    reply.bulk(host(member).as_bytes());
    reply.bulk(b"role");
    reply.bulk(if member.primary.is_none() { b"master" } else { b"replica" });
    reply.bulk(b"replication-offset");
    reply.int(i64::try_from(offset).unwrap_or(i64::MAX));
    reply.bulk(b"health");
    reply.bulk(if member.reachable() { b"online" } else { b"fail" });
}

/// The links for gossip by peer, then those for messages.
pub(super) fn links(context: &mut SessionContext<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let bus = bus(context)?;
    let outgoing = |number: u64| {
        bus.look(|engine| {
            let on_it = |m: &&Member| m.contact.open_link() == Some(number);
            engine.topology().peers().find(on_it).map(|m| m.id)
        })
    };
    let mut named: Vec<_> = bus
        .links
        .all()
        .into_iter()
        .filter(|link| link.is_open())
        .filter_map(|link| match link.id {
            LinkId::Out(number) => outgoing(number).map(|peer| (peer, "to", link)),
            LinkId::In(_) => link.speaker().map(|peer| (peer, "from", link)),
        })
        .collect();
    named.sort_by_key(|(peer, _, link)| (*peer, link.id));
    let outlets: Vec<_> = bus.messages.outlets().into_iter().filter(|o| o.wanted.is_known()).collect();
    let inlets = bus.messages.inlets.all();
    reply.array(named.len() + outlets.len() + inlets.len());
    for (peer, direction, link) in named {
        link_map((peer, direction), link.since_unix_ms, link.queue.bytes(), reply);
    }
    for outlet in outlets {
        link_map((outlet.peer, "to"), outlet.since_unix_ms, outlet.queue.bytes(), reply);
    }
    for inlet in inlets {
        link_map((inlet.peer, "from"), inlet.since_unix_ms, 0, reply);
    }
    Ok(())
}

fn link_map((peer, direction): (NodeId, &str), since_unix_ms: u64, waiting: usize, reply: &mut Reply<'_>) {
    reply.map(6);
    reply.bulk(b"direction");
    reply.bulk(direction.as_bytes());
    reply.bulk(b"node");
    reply.bulk(peer.to_string().as_bytes());
    reply.bulk(b"create-time");
    reply.int(i64::try_from(since_unix_ms).unwrap_or(i64::MAX));
    reply.bulk(b"events");
    reply.bulk(if waiting > 0 { b"rw" } else { b"r" });
    reply.bulk(b"send-buffer-allocated");
    reply.count(waiting);
    reply.bulk(b"send-buffer-used");
    reply.count(waiting);
}

fn host(member: &Member) -> String {
    member.address.map(|address| address.host()).unwrap_or_default()
}
