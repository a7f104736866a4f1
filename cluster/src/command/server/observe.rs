//! Looking at the node: TIME, ROLE, SLOWLOG, LATENCY, DEBUG.

use shared::resp::write;
use shared::rt::time::{self as clock, Duration};
use shared::slot::Slot;

use crate::command::subcommand::{self, Subcommand};
use crate::command::{Args, CommandError, Reply, SessionContext};
use crate::server::pause::Pause;

type Result<T = ()> = std::result::Result<T, CommandError>;

/// Entries that SLOWLOG GET answers unless it is told.
const SLOWLOG_COUNT_DEFAULT: i64 = 10;

/// Longest DEBUG SLEEP, seconds.
const SLEEP_S_MAX: f64 = 3_600.0;

#[rustfmt::skip]
const SLOWLOG: &[Subcommand] = &[
    Subcommand { name: "get", arity: -2, handler: slowlog_get, help: &["GET [<count>]", "    Return top <count> entries from the slowlog (default: 10, -1 mean all)."] },
    Subcommand { name: "len", arity: 2, handler: slowlog_len, help: &["LEN", "    Return the length of the slowlog."] },
    Subcommand { name: "reset", arity: 2, handler: slowlog_reset, help: &["RESET", "    Reset the slowlog."] },
];

#[rustfmt::skip]
const LATENCY: &[Subcommand] = &[
    Subcommand { name: "latest", arity: 2, handler: nothing, help: &["LATEST", "    Return the latest latency samples for all events."] },
    Subcommand { name: "history", arity: 3, handler: nothing, help: &["HISTORY <event>", "    Return time-latency samples for the <event> class."] },
    Subcommand { name: "reset", arity: -2, handler: latency_reset, help: &["RESET [<event> ...]", "    Reset latency data of one or more <event> classes."] },
    Subcommand { name: "doctor", arity: 2, handler: latency_doctor, help: &["DOCTOR", "    Return a human readable latency analysis report."] },
];

#[rustfmt::skip]
const DEBUG: &[Subcommand] = &[
    Subcommand { name: "sleep", arity: 3, handler: sleep, help: &["SLEEP <seconds>", "    Keep this connection waiting for <seconds>; others are served."] },
    Subcommand { name: "object", arity: 3, handler: object, help: &["OBJECT <key>", "    Show low level info about the <key>."] },
];

/// `TIME`: Unix seconds and microseconds.
pub fn time(_: &mut SessionContext<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Result {
    let now = clock::now_us();
    reply.array(2);
    reply.bulk((now / 1_000_000).to_string().as_bytes());
    reply.bulk((now % 1_000_000).to_string().as_bytes());
    Ok(())
}

/// `SWAPDB index index`: there is one database.
pub fn swapdb(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    if context.config.cluster_enabled {
        return Err(CommandError::text("ERR SWAPDB is not allowed in cluster mode"));
    }
    let first = args.int(1).map_err(|_| CommandError::text("ERR invalid first DB index"))?;
    let second = args.int(2).map_err(|_| CommandError::text("ERR invalid second DB index"))?;
    if (first, second) != (0, 0) {
        return Err(CommandError::text("ERR DB index is out of range"));
    }
    reply.ok();
    Ok(())
}

/// `SLOWLOG subcommand …`
pub fn slowlog(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    subcommand::run("slowlog", SLOWLOG, context, args, reply)
}

fn slowlog_get(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    let count = match args.len() {
        2 => SLOWLOG_COUNT_DEFAULT,
        _ => args
            .int(2)
            .ok()
            .filter(|count| *count >= -1)
            .ok_or(CommandError::text("ERR count should be greater than or equal to -1"))?,
    };
    let entries = context.node.slowlog.newest(usize::try_from(count).unwrap_or(usize::MAX));
    reply.array(entries.len());
    for entry in entries {
        reply.array(6);
        [entry.id, entry.at_s, entry.took_us].into_iter().for_each(|number| reply.int(number as i64));
        reply.array(entry.words.len());
        entry.words.iter().for_each(|word| reply.bulk(word));
        reply.bulk(entry.peer.as_bytes());
        reply.bulk(entry.name.as_bytes());
    }
    Ok(())
}

fn slowlog_len(context: &mut SessionContext<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Result {
    reply.count(context.node.slowlog.len());
    Ok(())
}

fn slowlog_reset(context: &mut SessionContext<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Result {
    context.node.slowlog.clear();
    reply.ok();
    Ok(())
}

/// `LATENCY subcommand …`: events are not monitored.
pub fn latency(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    subcommand::run("latency", LATENCY, context, args, reply)
}

fn nothing(_: &mut SessionContext<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Result {
    reply.array(0);
    Ok(())
}

fn latency_reset(_: &mut SessionContext<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Result {
    reply.int(0);
    Ok(())
}

fn latency_doctor(_: &mut SessionContext<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Result {
    reply.verbatim("Latency monitoring is not available here; the slow log is: SLOWLOG GET.");
    Ok(())
}

/// `DEBUG subcommand …`
pub fn debug(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    subcommand::run("debug", DEBUG, context, args, reply)
}

fn sleep(context: &mut SessionContext<'_>, args: Args<'_>, _: &mut Reply<'_>) -> Result {
    let seconds = args.float(2)?.clamp(0.0, SLEEP_S_MAX);
    context.pause(Pause::Reply(Box::pin(async move {
        clock::sleep(Duration::from_secs_f64(seconds)).await;
        let mut reply = Vec::new();
        write::simple(&mut reply, "OK");
        reply
    })));
    Ok(())
}

fn object(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    let slot = Slot::of_key(args.at(2));
    let partition = context.node.keyspace.lock(slot.partition());
    let entry = partition.find(slot, args.at(2)).and_then(|place| partition.at(slot, place));
    let entry = entry.ok_or(CommandError::NoSuchKey)?;
    let mut dumped = Vec::new();
    crate::keyspace::dump::dump(entry, &mut dumped);
    reply.simple(&format!(
        "Value at:0x0 refcount:1 encoding:{} serializedlength:{} lru:{} lru_seconds_idle:{}",
        crate::command::keys::object::encoding(entry),
        dumped.len(),
        entry.clock(),
        crate::keyspace::clock::idle_s(entry.clock(), context.clock.now_ms),
    ));
    Ok(())
}
