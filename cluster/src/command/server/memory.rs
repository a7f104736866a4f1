//! MEMORY.

use shared::limits::PARTITIONS;

use crate::command::{Args, CommandError, KeyContext, Reply};
use crate::maxmemory::PLACE_BYTES;

const HELP: &[&str] = &[
    "MEMORY <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "DOCTOR",
    "    Return memory problems reports.",
    "PURGE",
    "    Attempt to purge dirty pages for reclamation by the allocator.",
    "STATS",
    "    Return information about the memory usage of the server.",
    "USAGE <key> [SAMPLES <count>]",
    "    Return memory in bytes used by <key> and its value.",
    "HELP",
    "    Print this help.",
];

/// `MEMORY USAGE key [SAMPLES count] | STATS | DOCTOR | PURGE`
pub fn memory(
    context: &mut KeyContext<'_>,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), CommandError> {
    match args.len() {
        3 | 5 if args.is(1, "usage") => {
            if args.len() == 5 && (!args.is(3, "samples") || args.int(4)? < 0) {
                return Err(CommandError::Syntax);
            }
            match context.peek(args.at(2)) {
                Some(entry) => reply.count(entry.memory() + PLACE_BYTES),
                None => reply.null(),
            }
        }
        2 if args.is(1, "stats") => stats(context, reply),
        2 if args.is(1, "doctor") => reply.verbatim("Sam, I detected no issues in this instance."),
        2 if args.is(1, "purge") => reply.ok(),
        2 if args.is(1, "help") => {
            reply.array(HELP.len());
            HELP.iter().for_each(|line| reply.simple(line));
        }
        _ => return Err(CommandError::unknown_subcommand("memory", args.at(1))),
    }
    Ok(())
}

fn stats(context: &mut KeyContext<'_>, reply: &mut Reply<'_>) {
    let (mut keys, mut data, mut tables) = (0, 0, 0);
    for index in 0..PARTITIONS {
        let partition = context.partitions().partition(index);
        keys += partition.len();
        data += partition.memory();
        tables += partition.table_memory();
    }
    let figures = [
        ("total.allocated", data + tables),
        ("keys.count", keys),
        ("keys.bytes-per-key", (data + tables) / keys.max(1)),
        ("dataset.bytes", data),
        ("overhead.hashtable.main", tables),
        ("process.resident", crate::process::resident_bytes()),
    ];
    reply.map(figures.len());
    for (name, figure) in figures {
        reply.bulk(name.as_bytes());
        reply.count(figure);
    }
}
