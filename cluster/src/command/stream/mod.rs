//! Commands on streams.
//!
//! Consumer groups are not there yet: their commands are unknown to the table.
//!
//! # Layout
//!
//! - [`add`]: XADD and XTRIM.
//! - [`read`]: ranges, and XREAD, which may wait.
//! - [`info`]: what XINFO tells.

mod add;
mod info;
mod read;

use super::flag::{BLOCKING, DENY_OOM, FAST, MOVABLE_KEYS, READ, WRITE};
use super::spec::ONE_KEY;
use super::{Args, CommandError, CommandSpec, Group, KeyContext, KeySpec, Reply};
use crate::keyspace::value::Stream;
use crate::keyspace::value::stream::{Entry, StreamId};

type Done = Result<(), CommandError>;

const SECOND: KeySpec = KeySpec::Span { first: 2, last: 2, step: 1 };
const ADD: u32 = WRITE | DENY_OOM | FAST;
const WAITS: u32 = READ | BLOCKING | MOVABLE_KEYS;

const STREAM: Group = Group::Stream;

/// The rows of this module.
#[rustfmt::skip]
pub const COMMANDS: &[CommandSpec] = &[
    STREAM.row("xadd", -5, ADD, ONE_KEY, "5.0.0", "Appends an entry to a stream.", add::xadd),
    STREAM.row("xtrim", -4, WRITE, ONE_KEY, "5.0.0", "Removes the oldest entries of a stream.", add::xtrim),
    STREAM.row("xdel", -3, WRITE | FAST, ONE_KEY, "5.0.0", "Removes entries of a stream.", xdel),
    STREAM.row("xlen", 2, READ | FAST, ONE_KEY, "5.0.0", "Returns the number of entries of a stream.", xlen),
    STREAM.row("xrange", -4, READ, ONE_KEY, "5.0.0", "Returns entries in a range of ids.", read::xrange),
    STREAM.row("xrevrange", -4, READ, ONE_KEY, "5.0.0", "Returns entries in a range of ids, last first.", read::xrevrange),
    STREAM.row("xread", -4, WAITS, KeySpec::Found { find: read::keys, told: 0 }, "5.0.0", "Returns entries behind an id, waiting for some.", read::xread),
    STREAM.row("xinfo", -2, READ, SECOND, "5.0.0", "Tells about a stream.", info::xinfo),
    STREAM.row("xsetid", -3, WRITE | DENY_OOM | FAST, ONE_KEY, "5.0.0", "Sets the last id of a stream.", xsetid),
];

const INVALID_ID: CommandError =
    CommandError::text("ERR Invalid stream ID specified as stream command argument");

/// The word at `at` as an id; `missing` stands for a second part that is not given.
fn id(args: Args<'_>, at: usize, missing: u64) -> Result<StreamId, CommandError> {
    args.get(at).and_then(|text| StreamId::parse(text, missing)).ok_or(INVALID_ID)
}

fn answer_entry(entry: Entry<'_>, reply: &mut Reply<'_>) {
    reply.array(2);
    answer_id(entry.id, reply);
    reply.array(entry.fields.len() * 2);
    for (name, value) in entry.fields {
        reply.bulk(name);
        reply.bulk(value);
    }
}

fn answer_id(id: StreamId, reply: &mut Reply<'_>) {
    let mut text = [0; StreamId::TEXT_BYTES_MAX];
    reply.bulk(id.text(&mut text));
}

/// Answers entries whose number is not known before they are walked.
fn answer_entries<'s>(entries: impl Iterator<Item = Entry<'s>>, reply: &mut Reply<'_>) {
    let entries: Vec<Entry<'s>> = entries.collect();
    reply.array(entries.len());
    entries.into_iter().for_each(|entry| answer_entry(entry, reply));
}

fn xlen(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let len = context.find(args.at(1))?.map_or(0, Stream::len);
    reply.int(i64::try_from(len).unwrap_or(i64::MAX));
    Ok(())
}

fn xdel(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let mut removed = 0;
    if let Some(stream) = context.find_mut::<Stream>(args.at(1))? {
        // All ids are read before the first entry is removed.
        for at in 2..args.len() {
            id(args, at, 0)?;
        }
        for at in 2..args.len() {
            removed += usize::from(stream.delete(id(args, at, 0)?));
        }
    }
    if removed > 0 {
        context.changed(args.at(1));
    }
    reply.count(removed);
    Ok(())
}

fn xsetid(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let last_id = id(args, 2, 0)?;
    let (mut entries_added, mut max_deleted) = (None, None);
    let mut at = 3;
    while at < args.len() {
        let more = at + 1 < args.len();
        if more && args.is(at, "entriesadded") {
            let count = u64::try_from(args.int(at + 1)?);
            entries_added =
                Some(count.map_err(|_| CommandError::text("ERR entries_added must be positive"))?);
        } else if more && args.is(at, "maxdeletedid") {
            let id = id(args, at + 1, 0)?;
            if last_id < id {
                return Err(CommandError::text(
                    "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id",
                ));
            }
            max_deleted = Some(id).filter(|id| *id != StreamId::MIN);
        } else {
            return Err(CommandError::Syntax);
        }
        at += 2;
    }
    let stream: &mut Stream = context.find_mut(args.at(1))?.ok_or(CommandError::NoSuchKey)?;
    check_past(stream, last_id, entries_added)?;
    stream.set_past(last_id, entries_added, max_deleted);
    context.changed(args.at(1));
    reply.ok();
    Ok(())
}

/// Whether a stream may be told that its past was so.
fn check_past(stream: &Stream, last_id: StreamId, entries_added: Option<u64>) -> Done {
    let top = stream.last().map(|entry| entry.id);
    let fault = match () {
        () if top.is_some_and(|top| last_id < top) => {
            "ERR The ID specified in XSETID is smaller than the target stream top item"
        }
        () if top.is_some() && entries_added.is_some_and(|added| added < stream.len()) => {
            "ERR The entries_added specified in XSETID is smaller than the target stream length"
        }
        () => return Ok(()),
    };
    Err(CommandError::text(fault))
}
