//! What a command or a transaction did, appended to the logs of its slots.

use shared::slot::Slot;

use super::Clock;
use super::waiting::serve;
use crate::command::work::Work;
use crate::command::{Args, CommandError, Request};
use crate::keyspace::{Held, Partitions};
use crate::node::Shared;

/// Puts a command that said no effect of its own into the log as it came.
pub(super) fn note_verbatim(work: &mut Work, args: Args<'_>) {
    if work.changes == 0 || work.explicit || work.each_key {
        return;
    }
    match args.raw() {
        [] => work.payload.extend_from_slice(Request::copy(&args).args().raw()),
        raw => work.payload.extend_from_slice(raw),
    }
}

/// Appends what was done to the log, after serving those who waited for it: their effects follow in the same record.
#[inline]
pub(super) fn log(
    shared: &Shared,
    held: &mut Held<'_>,
    work: &mut Work,
    slot: Option<Slot>,
    last: Option<Args<'_>>,
    clock: Clock,
) -> Result<(), CommandError> {
    // The common write: one command, no other effect. Its bytes go from the read buffer to the log.
    if let (Some(args), Some(slot)) = (last, slot)
        && work.changes > 0
        && !work.explicit
        && work.payload.is_empty()
        && work.ready.is_empty()
        && !args.raw().is_empty()
    {
        work.appended(shared.log.append(slot, args.raw())?);
        return Ok(());
    }
    if let Some(args) = last {
        note_verbatim(work, args);
    }
    if !work.ready.is_empty() {
        serve(shared, held, work, slot, clock);
    }
    if work.each_key {
        return log_each_key(shared, held, work);
    }
    match slot {
        Some(slot) if !work.payload.is_empty() => {
            work.appended(shared.log.append(slot, &work.payload)?);
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Logs every changed key as what it holds now: right whatever the order in which the slots' logs are read back.
#[cold]
fn log_each_key(shared: &Shared, held: &mut Held<'_>, work: &mut Work) -> Result<(), CommandError> {
    for slot in std::mem::take(&mut work.flushed) {
        shared.slot_migrations.flushed(slot);
        work.payload.clear();
        work.encode(&[b"FLUSHALL"]);
        work.appended(shared.log.append(slot, &work.payload)?);
    }
    let changed = std::mem::take(&mut work.changed);
    for (slot, key) in changed.iter() {
        work.payload.clear();
        let partition = held.partition(slot.partition());
        match partition.find(slot, key).and_then(|place| partition.at(slot, place)) {
            Some(entry) => crate::keyspace::dump::write_restore(entry, &mut work.payload),
            None => work.encode(&[b"DEL", key]),
        }
        work.appended(shared.log.append(slot, &work.payload)?);
    }
    Ok(())
}
