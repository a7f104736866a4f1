//! Slots that go to another node as a stream (Valkey 9, atomic slot migration).

use std::sync::Arc;
use std::sync::atomic::Ordering;

use shared::node_id::NodeId;
use shared::slot::Slot;
use shared::slot_set::SlotSet;

use super::slots::parse_slot;
use super::{Args, CommandError, Done, Reply, SessionContext, bus, refused};
use crate::server::pause::Pause;
use crate::slot_migration::frame::VERSION;
use crate::slot_migration::import::Offer;
use crate::slot_migration::job::{Job, Operation};
use crate::slot_migration::new_name;
use crate::topology::TransferId;
use crate::topology::transfer::{describe_slots, parse_slots};

/// `CLUSTER MIGRATESLOTS SLOTSRANGE first last [first last …] NODE node [SLOTSRANGE … NODE node …]`
pub(super) fn migrate(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let bus = bus(context)?;
    let migrations = &context.node.slot_migrations;
    if context.node.log.store().is_none() {
        return Err(CommandError::text("ERR slots move by the log: appendonly must be yes"));
    }
    let (mut jobs, mut all) = (Vec::new(), SlotSet::new());
    let mut at = 2;
    while at < args.len() {
        let (slots, target, next) = group(&args, at, &mut all)?;
        bus.look(|engine| engine.may_give(&slots, target)).map_err(refused)?;
        if let Some(slot) = migrations.overlaps(&slots) {
            return Err(CommandError::owned(format!("ERR Slot {slot} is being migrated already")));
        }
        let id = TransferId(new_name());
        jobs.push(Arc::new(Job::new(id, Operation::Export, slots, bus.my_id(), target)));
        at = next;
    }
    migrations.add(jobs).map_err(refused)?;
    reply.ok();
    Ok(())
}

/// One `SLOTSRANGE … NODE …` from this word on: its slots, its node, and where the next one begins.
fn group(args: &Args<'_>, at: usize, all: &mut SlotSet) -> Result<(SlotSet, NodeId, usize), CommandError> {
    if !args.is(at, "slotsrange") {
        return Err(CommandError::Syntax);
    }
    let (mut slots, mut at) = (SlotSet::new(), at + 1);
    while at + 1 < args.len() && !args.is(at, "node") {
        let (first, last) = (parse_slot(args.at(at))?, parse_slot(args.at(at + 1))?);
        if first > last {
            return Err(CommandError::owned(format!(
                "ERR start slot number {first} is greater than end slot number {last}"
            )));
        }
        for slot in (first.number()..=last.number()).filter_map(Slot::new) {
            if !all.insert(slot) {
                return Err(CommandError::owned(format!("ERR Slot {slot} specified multiple times")));
            }
            slots.insert(slot);
        }
        at += 2;
    }
    if slots.is_empty() || !args.is(at, "node") || at + 1 >= args.len() {
        return Err(CommandError::Syntax);
    }
    let name = String::from_utf8_lossy(args.at(at + 1)).into_owned();
    let node = name.parse().map_err(|_| CommandError::owned(format!("ERR Unknown node {name}")))?;
    Ok((slots, node, at + 2))
}

/// `CLUSTER CANCELSLOTMIGRATIONS`: of this node's slots; what changes hands already goes on.
pub(super) fn cancel(context: &mut SessionContext<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Done {
    bus(context)?;
    let active = |job: &Arc<Job>| job.operation == Operation::Export && job.state().is_active();
    context.node.slot_migrations.all().into_iter().filter(active).for_each(|job| job.cancel());
    reply.ok();
    Ok(())
}

/// `CLUSTER GETSLOTMIGRATIONS`: those under way and the last ones that are over.
pub(super) fn show(context: &mut SessionContext<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Done {
    bus(context)?;
    let jobs = context.node.slot_migrations.all();
    reply.array(jobs.len());
    for job in jobs {
        let status = job.status();
        reply.map(13);
        let mut text = |name: &str, value: &str| {
            reply.bulk(name.as_bytes());
            reply.bulk(value.as_bytes());
        };
        text("name", &job.id.to_string());
        text("operation", job.operation.name());
        text("slot_ranges", &describe_slots(&job.slots, " "));
        text("target_node", &job.target.to_string());
        text("source_node", &job.source.to_string());
        text("state", status.state.name());
        text("message", &status.message);
        let mut number = |name: &str, value: u64| {
            reply.bulk(name.as_bytes());
            reply.int(i64::try_from(value).unwrap_or(i64::MAX));
        };
        number("create_time", job.created_ms / 1_000);
        number("last_update_time", status.updated_ms / 1_000);
        number("last_ack_time", status.acked_ms / 1_000);
        // Nothing forks here.
        number("cow_size", 0);
        number("remaining_repl_size", job.remaining_bytes.load(Ordering::Relaxed));
        number("slots_sent", job.slots_done.load(Ordering::Relaxed));
    }
    Ok(())
}

/// `SLOTSYNC version migration source slots`: another primary offers slots. Answered with `OK`; frames follow.
pub fn slotsync(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let bus = bus(context)?;
    if args.int(1)? != VERSION as i64 {
        return Err(CommandError::owned(format!("ERR this node speaks version {VERSION} of SLOTSYNC")));
    }
    if args.len() != 5 {
        return Err(CommandError::Arity("slotsync".to_owned()));
    }
    if context.node.log.store().is_none() {
        return Err(CommandError::text("ERR slots move by the log: appendonly must be yes"));
    }
    let text = |index| std::str::from_utf8(args.at(index)).unwrap_or_default();
    let id: TransferId = text(2).parse().map_err(refused)?;
    let source: NodeId = text(3).parse().map_err(refused)?;
    let slots = parse_slots(text(4)).map_err(refused)?;
    bus.look(|engine| engine.may_take(id, source, &slots)).map_err(refused)?;
    if let Some(slot) = context.node.slot_migrations.overlaps(&slots) {
        return Err(CommandError::owned(format!("ERR Slot {slot} is being migrated already")));
    }
    reply.ok();
    context.pause(Pause::Import(Box::new(Offer { id, source, slots })));
    Ok(())
}
