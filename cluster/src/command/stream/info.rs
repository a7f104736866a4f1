//! XINFO.

use super::{Done, answer_entries, answer_entry, answer_id};
use crate::command::{Args, CommandError, KeyContext, Reply};
use crate::keyspace::value::Stream;
use crate::keyspace::value::stream::{Entry, StreamId};

/// Entries that XINFO STREAM FULL shows if it is not told how many.
const FULL_ENTRIES: usize = 10;

const HELP: &[&str] = &[
    "XINFO <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "STREAM <key> [FULL [COUNT <count>]]",
    "    Show information about the stream <key>.",
    "GROUPS <key>",
    "    Show the stream's consumer groups: there are none in this version.",
    "HELP",
    "    Print this help.",
];

pub(super) fn xinfo(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let (sub, words) = (args.at(1), args.len());
    match () {
        () if args.is(1, "help") && words == 2 => {
            reply.array(HELP.len());
            HELP.iter().for_each(|line| reply.simple(line));
            Ok(())
        }
        () if args.is(1, "stream") && words >= 3 => stream(context, args, reply),
        () if args.is(1, "groups") && words == 3 => {
            found(context, args)?;
            reply.array(0);
            Ok(())
        }
        () if args.is(1, "consumers") && words == 4 => {
            found(context, args)?;
            let text = |at| String::from_utf8_lossy(args.at(at)).into_owned();
            let text = format!("NOGROUP No such consumer group '{}' for key name '{}'", text(3), text(2));
            Err(CommandError::owned(text))
        }
        () if ["stream", "groups", "consumers", "help"].iter().any(|name| args.is(1, name)) => {
            Err(CommandError::Arity(format!("xinfo|{}", String::from_utf8_lossy(sub).to_lowercase())))
        }
        () => Err(CommandError::unknown_subcommand("xinfo", sub)),
    }
}

fn found<'c>(context: &'c mut KeyContext<'_>, args: Args<'_>) -> Result<&'c Stream, CommandError> {
    context.find(args.at(2))?.ok_or(CommandError::NoSuchKey)
}

fn stream(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let stream = found(context, args)?;
    let full = full(args)?;
    reply.map(if full.is_some() { 9 } else { 10 });
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let keys = stream.blocks() as u64;
    // Redis counts the nodes of a radix tree here; a ring of blocks has one more for its head.
    for (name, value) in [("length", stream.len()), ("radix-tree-keys", keys), ("radix-tree-nodes", keys + 1)]
    {
        reply.bulk(name.as_bytes());
        reply.int(number(value));
    }
    for (name, id) in
        [("last-generated-id", stream.last_id()), ("max-deleted-entry-id", stream.max_deleted_id())]
    {
        reply.bulk(name.as_bytes());
        answer_id(id, reply);
    }
    reply.bulk(b"entries-added");
    reply.int(number(stream.entries_added()));
    reply.bulk(b"recorded-first-entry-id");
    answer_id(stream.first_id(), reply);
    match full {
        Some(count) => {
            reply.bulk(b"entries");
            answer_entries(stream.range(StreamId::MIN, StreamId::MAX).take(count), reply);
            reply.bulk(b"groups");
            reply.array(0);
        }
        None => {
            reply.bulk(b"groups");
            reply.int(0);
            reply.bulk(b"first-entry");
            entry_or_null(stream.first(), reply);
            reply.bulk(b"last-entry");
            entry_or_null(stream.last(), reply);
        }
    }
    Ok(())
}

fn entry_or_null(entry: Option<Entry<'_>>, reply: &mut Reply<'_>) {
    match entry {
        Some(entry) => answer_entry(entry, reply),
        None => reply.null(),
    }
}

/// Reads `[FULL [COUNT count]]`: how many entries are to be shown.
fn full(args: Args<'_>) -> Result<Option<usize>, CommandError> {
    match args.len() {
        3 => Ok(None),
        4 if args.is(3, "full") => Ok(Some(FULL_ENTRIES)),
        6 if args.is(3, "full") && args.is(4, "count") => match args.int(5)? {
            0 => Ok(Some(usize::MAX)),
            count => Ok(Some(usize::try_from(count).unwrap_or(FULL_ENTRIES))),
        },
        _ => Err(CommandError::owned(format!(
            "ERR unknown subcommand or wrong number of arguments for '{}'. Try XINFO HELP.",
            String::from_utf8_lossy(args.at(1))
        ))),
    }
}
