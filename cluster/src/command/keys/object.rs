//! OBJECT: how a value is held.

use crate::command::args::parse_int;
use crate::command::{Args, CommandError, KeyContext, Reply};
use crate::keyspace::entry::Entry;

type Result<T = ()> = std::result::Result<T, CommandError>;

/// Longest string that Redis would hold beside its header: what OBJECT ENCODING calls `embstr`, bytes.
const EMBEDDED_BYTES_MAX: usize = 44;

/// Longest text of an integer, bytes.
const INTEGER_BYTES_MAX: usize = 20;

const HELP: &[&str] = &[
    "OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "ENCODING <key>",
    "    Return the kind of internal representation used in order to store the value",
    "    associated with a <key>.",
    "FREQ <key>",
    "    Return the access frequency index of the <key>. The returned integer is",
    "    proportional to the logarithm of the recent access frequency of the key.",
    "IDLETIME <key>",
    "    Return the idle time of the <key>, that is the approximated number of",
    "    seconds elapsed since the last access to the key.",
    "REFCOUNT <key>",
    "    Return the number of references of the value associated with the specified",
    "    <key>.",
    "HELP",
    "    Prints this help.",
];

/// `OBJECT ENCODING | FREQ | IDLETIME | REFCOUNT key`
pub fn object(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    if args.is(1, "help") && args.len() == 2 {
        reply.array(HELP.len());
        HELP.iter().for_each(|line| reply.simple(line));
        return Ok(());
    }
    let known = ["encoding", "freq", "idletime", "refcount"];
    let Some(what) = known.into_iter().find(|name| args.is(1, name)) else {
        return Err(CommandError::unknown_subcommand("object", args.at(1)));
    };
    if args.len() != 3 {
        return Err(CommandError::Arity(format!("object|{what}")));
    }
    let (now_ms, lfu) = (context.now_ms(), context.lfu());
    let Some(entry) = context.peek(args.at(2)) else {
        reply.null();
        return Ok(());
    };
    match (what, lfu) {
        ("encoding", _) => reply.bulk(encoding(entry).as_bytes()),
        ("refcount", _) => reply.int(1),
        ("freq", Some(lfu)) => reply.int(i64::from(lfu.frequency(entry.clock(), now_ms))),
        ("freq", None) => {
            return Err(CommandError::text(
                "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when \
                 switching between policies at runtime LRU and LFU data will take some time to adjust.",
            ));
        }
        (_, None) => reply.int(i64::from(crate::keyspace::clock::idle_s(entry.clock(), now_ms))),
        (_, Some(_)) => {
            return Err(CommandError::text(
                "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching \
                 between policies at runtime LRU and LFU data will take some time to adjust.",
            ));
        }
    }
    Ok(())
}

/// What OBJECT ENCODING says.
pub fn encoding(entry: &Entry) -> &'static str {
    match entry {
        Entry::Str(string)
            if string.value().len() <= INTEGER_BYTES_MAX && parse_int(string.value()).is_some() =>
        {
            "int"
        }
        Entry::Str(string) if string.value().len() <= EMBEDDED_BYTES_MAX => "embstr",
        Entry::Str(_) => "raw",
        Entry::Object(object) => object.value.encoding(),
    }
}
