//! Who owns a slot, and the keys in it.

use std::sync::Arc;

use shared::node_id::NodeId;
use shared::resp::write;
use shared::rt::time;
use shared::slot::Slot;
use shared::slot_set::SlotSet;
use tokio::sync::OwnedSemaphorePermit;

use super::{Args, CommandError, Done, Reply, SessionContext, bus, refused, unsaved};
use crate::bus::Bus;
use crate::command::args::parse_int;
use crate::gossip::Engine;
use crate::gossip::admin::Refused;
use crate::node::Shared;
use crate::server::hold::node_timeouts;
use crate::server::pause::Pause;
use crate::slot_migration::new_name;
use crate::topology::TransferId;
use crate::topology::view::Ownership;

/// Most keys that GETKEYSINSLOT makes room for at once; more are still answered.
const KEYS_ANSWERED_MAX: i64 = i32::MAX as i64;

/// What ADDSLOTS and DELSLOTS have in common: all words are checked before anything is done.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    Add,
    Delete,
}

pub(super) fn add(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let slots = args.from(2).map(parse_slot).collect::<Result<Vec<_>, _>>()?;
    change(context, &slots, Change::Add, reply)
}

pub(super) fn delete(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let slots = args.from(2).map(parse_slot).collect::<Result<Vec<_>, _>>()?;
    change(context, &slots, Change::Delete, reply)
}

pub(super) fn add_range(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let slots = parse_ranges(args, "cluster|addslotsrange")?;
    change(context, &slots, Change::Add, reply)
}

pub(super) fn delete_range(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let slots = parse_ranges(args, "cluster|delslotsrange")?;
    change(context, &slots, Change::Delete, reply)
}

fn change(context: &SessionContext<'_>, slots: &[Slot], change: Change, reply: &mut Reply<'_>) -> Done {
    let ordered = bus(context)?.order(|engine, _, _| {
        let mut set = SlotSet::new();
        for &slot in slots {
            match (change, engine.topology().owner(slot)) {
                (Change::Add, Some(_)) => return Err(refused(Refused::Busy(slot.number()))),
                (Change::Delete, None) => return Err(refused(Refused::Unassigned(slot.number()))),
                _ if !set.insert(slot) => {
                    return Err(CommandError::owned(format!("ERR Slot {slot} specified multiple times")));
                }
                _ => {}
            }
        }
        match change {
            Change::Add => engine.add_slots(&set),
            Change::Delete => engine.delete_slots(&set),
        }
        .map_err(refused)
    });
    ordered.map_err(unsaved)??;
    reply.ok();
    Ok(())
}

/// `CLUSTER SETSLOT slot (MIGRATING node | IMPORTING node | STABLE | NODE node)`
pub(super) fn set(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let bus = bus(context)?;
    let slot = parse_slot(args.at(2))?;
    let is_claiming = || bus.look(|engine| engine.topology().claiming().any(|at| at == slot));
    let in_transfer = context.node.view.owner(slot) == Ownership::InTransfer;
    if in_transfer && !context.in_transaction() && !args.is(3, "stable") && is_claiming() {
        // What was said of it before is done first.
        return Err(CommandError::InTransfer(slot));
    }
    let with_node = |word: &str| args.is(3, word) && args.len() == 5;
    if args.is(3, "stable") && args.len() == 4 {
        bus.order(|engine, _, _| engine.keep_slot(slot)).map_err(unsaved)?.map_err(refused)?;
    } else if with_node("migrating") {
        order(&bus, args.at(4), Refused::Stranger, |engine, node| {
            not_streaming(context.node, slot)?;
            engine.migrate_slot(slot, node)
        })?;
    } else if with_node("importing") {
        context.node.slot_migrations.empty(context.node, slot);
        order(&bus, args.at(4), Refused::Stranger, |engine, node| {
            not_streaming(context.node, slot)?;
            engine.import_slot(slot, node)
        })?;
    } else if with_node("node") {
        return assign(context, bus, slot, args.at(4), reply);
    } else {
        return Err(CommandError::text(
            "ERR Invalid CLUSTER SETSLOT action or number of arguments. Try CLUSTER HELP",
        ));
    }
    reply.ok();
    Ok(())
}

/// Refuses a slot that is part of a migration as a stream, under way or waiting to begin: what came key by key would be removed with it.
fn not_streaming(node: &Shared, slot: Slot) -> Result<(), Refused> {
    let slots = [slot].into_iter().collect();
    node.slot_migrations.overlaps(&slots).map_or(Ok(()), |_| Err(Refused::OnTheMove(slot.number())))
}

/// `CLUSTER SETSLOT slot NODE to`
fn assign(
    context: &mut SessionContext<'_>,
    bus: Arc<Bus>,
    slot: Slot,
    to: &[u8],
    reply: &mut Reply<'_>,
) -> Done {
    let node = Arc::clone(context.node);
    let imports = |to| bus.look(|engine| engine.imports(slot, to));
    if !String::from_utf8_lossy(to).parse().is_ok_and(imports) {
        give(&node, &bus, slot, to)?;
    } else if let Ok(room) = node.slot_migrations.claims.room().try_acquire_owned() {
        claim(&node, &bus, slot, room)?;
    } else if context.in_transaction() {
        return Err(refused(Refused::TooManyTransfers));
    } else {
        context.pause(Pause::Reply(Box::pin(async move {
            let room = node.slot_migrations.claims.room().acquire_owned();
            let claimed = match time::timeout(node_timeouts(&node), room).await {
                Ok(Ok(room)) => claim(&node, &bus, slot, room),
                _ => Err(refused(Refused::TooManyTransfers)),
            };
            let mut reply = Vec::new();
            match claimed {
                Ok(()) => write::simple(&mut reply, "OK"),
                Err(why) => write::error(&mut reply, &why.to_string()),
            }
            reply
        })));
        return Ok(());
    }
    reply.ok();
    Ok(())
}

/// Has a slot claimed that this node has imported.
fn claim(node: &Shared, bus: &Bus, slot: Slot, room: OwnedSemaphorePermit) -> Done {
    let id = TransferId(new_name());
    let noted = bus.order(|engine, _, _| {
        not_streaming(node, slot)?;
        engine.claim_imported(id, slot)
    });
    match noted {
        Ok(noted) => noted.map_err(refused)?,
        Err(why) => {
            // The order stands: what was noted is claimed when nodes.conf can be written.
            let _left = bus.order(|engine, _, _| engine.left_alone(id));
            return Err(unsaved(why));
        }
    }
    node.slot_migrations.claims.add(id, slot, room);
    Ok(())
}

/// Gives a slot to the node of this name.
fn give(node: &Shared, bus: &Bus, slot: Slot, to: &[u8]) -> Done {
    // Held until the slot is not this node's any more: no key comes into it in between. Behind the lock of the bus, as when a node
    // that is moved to another place locks all partitions.
    let mut held = None;
    order(bus, to, Refused::UnknownNode, |engine, to| {
        not_streaming(node, slot)?;
        let partition = held.insert(node.keyspace.lock(slot.partition()));
        engine.give_slot(slot, to, partition.left(slot))
    })
}

/// Gives the engine an order about a slot and the node of this name.
fn order(
    bus: &Bus,
    name: &[u8],
    unknown: fn(String) -> Refused,
    order: impl FnOnce(&mut Engine, NodeId) -> Result<(), Refused>,
) -> Done {
    let name = String::from_utf8_lossy(name).into_owned();
    let node: NodeId = name.parse().map_err(|_| refused(unknown(name)))?;
    bus.order(|engine, _, _| order(engine, node)).map_err(unsaved)?.map_err(refused)
}

pub(super) fn flush(context: &mut SessionContext<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let bus = bus(context)?;
    if !context.node.keyspace.is_empty() {
        return Err(CommandError::text("ERR DB must be empty to perform CLUSTER FLUSHSLOTS."));
    }
    bus.order(|engine, _, _| engine.flush_slots()).map_err(unsaved)?;
    reply.ok();
    Ok(())
}

pub(super) fn of_key(_: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    reply.int(i64::from(Slot::of_key(args.at(2)).number()));
    Ok(())
}

pub(super) fn count_keys(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    bus(context)?;
    let number = args.int(2)?;
    let slot = slot_of_number(number).ok_or(CommandError::text("ERR Invalid slot"))?;
    reply.count(context.node.keyspace.count_in_slot(slot));
    Ok(())
}

pub(super) fn keys(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    bus(context)?;
    let (number, limit) = (args.int(2)?, args.int(3)?);
    let (Some(slot), Ok(limit)) = (slot_of_number(number), usize::try_from(limit.min(KEYS_ANSWERED_MAX)))
    else {
        return Err(CommandError::text("ERR Invalid slot or number of keys"));
    };
    let keys = context.node.keyspace.keys_in_slot(slot, limit);
    reply.array(keys.len());
    keys.iter().for_each(|key| reply.bulk(key));
    Ok(())
}

fn slot_of_number(number: i64) -> Option<Slot> {
    u16::try_from(number).ok().and_then(Slot::new)
}

pub(super) fn parse_slot(word: &[u8]) -> Result<Slot, CommandError> {
    let bad = CommandError::text("ERR Invalid or out of range slot");
    parse_int(word).and_then(slot_of_number).ok_or(bad)
}

fn parse_ranges(args: Args<'_>, name: &str) -> Result<Vec<Slot>, CommandError> {
    if !args.len().is_multiple_of(2) {
        return Err(CommandError::Arity(name.to_owned()));
    }
    let mut slots = Vec::new();
    for pair in (2..args.len()).step_by(2) {
        let (first, last) = (parse_slot(args.at(pair))?, parse_slot(args.at(pair + 1))?);
        if first > last {
            return Err(CommandError::owned(format!(
                "ERR start slot number {first} is greater than end slot number {last}"
            )));
        }
        slots.extend((first.number()..=last.number()).filter_map(Slot::new));
    }
    Ok(slots)
}
