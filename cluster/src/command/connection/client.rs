//! CLIENT.

use std::sync::atomic::Ordering;

use shared::rt::time::{Duration, Instant};

use super::{list, proxy};
use crate::command::subcommand::{self, Subcommand};
use crate::command::{Args, CommandError, Reply, SessionContext};
use crate::server::session::{Consistency, Replies};

type Result<T = ()> = std::result::Result<T, CommandError>;

/// Longest name of a client or library, bytes: others are shown it.
const NAME_BYTES_MAX: usize = 1_024;

/// Longest CLIENT PAUSE, milliseconds: a day.
const PAUSE_MS_MAX: i64 = 24 * 3_600 * 1_000;

#[rustfmt::skip]
const MEMBERS: &[Subcommand] = &[
    Subcommand { name: "id", arity: 2, handler: id, help: &["ID", "    Return the ID of the current connection."] },
    Subcommand { name: "info", arity: 2, handler: list::info, help: &["INFO", "    Return information about the current client connection."] },
    Subcommand { name: "list", arity: -2, handler: list::list, help: &["LIST [TYPE (NORMAL|MASTER|REPLICA|PUBSUB)] [ID <id>...]", "    Return information about client connections."] },
    Subcommand { name: "kill", arity: -3, handler: list::kill, help: &["KILL <ip:port> | <option> ...", "    Kill connections: ID, ADDR, LADDR, TYPE, USER, SKIPME."] },
    Subcommand { name: "setname", arity: 3, handler: setname, help: &["SETNAME <name>", "    Assign the name <name> to the current connection."] },
    Subcommand { name: "getname", arity: 2, handler: getname, help: &["GETNAME", "    Return the name of the current connection."] },
    Subcommand { name: "setinfo", arity: 4, handler: setinfo, help: &["SETINFO <option> <value>", "    Set client meta attr: LIB-NAME, LIB-VER."] },
    Subcommand { name: "reply", arity: 3, handler: reply_mode, help: &["REPLY (ON|OFF|SKIP)", "    Control the replies sent to the current connection."] },
    Subcommand { name: "no-evict", arity: 3, handler: no_evict, help: &["NO-EVICT (ON|OFF)", "    Protect current client connection from eviction."] },
    Subcommand { name: "no-touch", arity: 3, handler: no_touch, help: &["NO-TOUCH (ON|OFF)", "    Will not touch LRU/LFU stats when this mode is on."] },
    Subcommand { name: "consistency", arity: 3, handler: consistency, help: &["CONSISTENCY (ONE|QUORUM|ALL)", "    How many copies of a shard must hold on disk what replies to this connection tell: this node, all that may be elected, all."] },
    Subcommand { name: "proxy", arity: -3, handler: proxy::proxy, help: &["PROXY (ON|SHARED|RESUME|CLAIM <token>)", "    Said by nodes that forward requests (cluster-proxy)."] },
    Subcommand { name: "pause", arity: -3, handler: pause, help: &["PAUSE <timeout> [WRITE|ALL]", "    Suspend all, or just write, clients for <timeout> milliseconds."] },
    Subcommand { name: "unpause", arity: 2, handler: unpause, help: &["UNPAUSE", "    Stop the current client pause, resuming traffic."] },
    Subcommand { name: "unblock", arity: -3, handler: unblock, help: &["UNBLOCK <clientid> [TIMEOUT|ERROR]", "    Unblock the specified blocked client."] },
    Subcommand { name: "tracking", arity: -3, handler: tracking, help: &["TRACKING (ON|OFF)", "    Control server assisted client side caching: only OFF here."] },
    Subcommand { name: "trackinginfo", arity: 2, handler: trackinginfo, help: &["TRACKINGINFO", "    Report tracking status for the current connection."] },
    Subcommand { name: "getredir", arity: 2, handler: getredir, help: &["GETREDIR", "    Return the client ID we are redirecting to when tracking is enabled."] },
];

/// `CLIENT subcommand …`
pub fn client(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    subcommand::run("client", MEMBERS, context, args, reply)
}

fn id(context: &mut SessionContext<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Result {
    reply.int(context.session.client.id as i64);
    Ok(())
}

/// The text of a name that a client may have.
pub fn valid_name(name: &[u8]) -> Result<String> {
    let allowed = |byte: &u8| (b'!'..=b'~').contains(byte);
    if !name.iter().all(allowed) || name.len() > NAME_BYTES_MAX {
        return Err(CommandError::text(
            "ERR Client names cannot contain spaces, newlines or special characters.",
        ));
    }
    Ok(String::from_utf8_lossy(name).into_owned())
}

fn setname(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    *context.session.client.name.lock() = valid_name(args.at(2))?;
    reply.ok();
    Ok(())
}

fn getname(context: &mut SessionContext<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Result {
    let name = context.session.client.name.lock().clone();
    reply.bulk_or_null(Some(name.as_bytes()).filter(|name| !name.is_empty()));
    Ok(())
}

fn setinfo(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    let (is_name, is_version) = (args.is(2, "lib-name"), args.is(2, "lib-ver"));
    if !is_name && !is_version {
        let option = String::from_utf8_lossy(args.at(2));
        return Err(CommandError::owned(format!("ERR Unrecognized option '{option}'")));
    }
    let option = if is_name { "lib-name" } else { "lib-ver" };
    let value = valid_name(args.at(3)).map_err(|_| {
        CommandError::owned(format!("ERR {option} cannot contain spaces, newlines or special characters."))
    })?;
    let mut library = context.session.client.library.lock();
    *(if is_name { &mut library.0 } else { &mut library.1 }) = value;
    reply.ok();
    Ok(())
}

fn reply_mode(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    let session = &mut *context.session;
    if args.is(2, "on") {
        session.replies = Replies::On;
        reply.ok();
    } else if args.is(2, "off") {
        session.replies = Replies::Off;
        reply.cut();
    } else if args.is(2, "skip") {
        if session.replies == Replies::On {
            session.replies = Replies::SkipNext;
        }
        reply.cut();
    } else {
        return Err(CommandError::Syntax);
    }
    Ok(())
}

fn on_or_off(args: &Args<'_>) -> Result<bool> {
    match (args.is(2, "on"), args.is(2, "off")) {
        (true, _) => Ok(true),
        (_, true) => Ok(false),
        _ => Err(CommandError::Syntax),
    }
}

fn no_evict(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    context.session.client.no_evict.store(on_or_off(&args)?, Ordering::Relaxed);
    reply.ok();
    Ok(())
}

fn no_touch(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    context.session.no_touch = on_or_off(&args)?;
    reply.ok();
    Ok(())
}

fn consistency(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    let level = match args {
        _ if args.is(2, "one") => Consistency::One,
        _ if args.is(2, "quorum") => Consistency::Quorum,
        _ if args.is(2, "all") => Consistency::All,
        _ => return Err(CommandError::text("ERR CLIENT CONSISTENCY must be ONE, QUORUM or ALL")),
    };
    if level != Consistency::One && context.node.log.store().is_none() {
        return Err(CommandError::text("ERR without a log nothing is kept on disk: appendonly must be yes"));
    }
    context.session.consistency = level;
    reply.ok();
    Ok(())
}

fn pause(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    let bad = CommandError::text("ERR timeout is not an integer or out of range");
    let timeout = args.int(2).map_err(|_| bad)?;
    let all = match args.len() {
        3 => true,
        4 if args.is(3, "all") => true,
        4 if args.is(3, "write") => false,
        _ => return Err(CommandError::text("ERR CLIENT PAUSE mode must be WRITE or ALL")),
    };
    let timeout = u64::try_from(timeout.min(PAUSE_MS_MAX))
        .map_err(|_| CommandError::text("ERR timeout is negative"))?;
    context.node.clients.pause(Instant::now() + Duration::from_millis(timeout), all);
    reply.ok();
    Ok(())
}

fn unpause(context: &mut SessionContext<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Result {
    context.node.clients.unpause();
    reply.ok();
    Ok(())
}

fn unblock(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    let id = args.int(2)?;
    let with_error = match args.len() {
        3 => false,
        4 if args.is(3, "timeout") => false,
        4 if args.is(3, "error") => true,
        _ => return Err(CommandError::text("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")),
    };
    let client = u64::try_from(id).ok().and_then(|id| context.node.clients.get(id));
    let unblock = client.and_then(|client| client.unblock.lock().take());
    reply.flag(unblock.is_some_and(|unblock| unblock.send(with_error).is_ok()));
    Ok(())
}

fn tracking(_: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    if on_or_off(&args)? {
        return Err(CommandError::text("ERR client side caching is not supported by this server"));
    }
    reply.ok();
    Ok(())
}

fn trackinginfo(_: &mut SessionContext<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Result {
    reply.map(3);
    reply.bulk(b"flags");
    reply.set(1);
    reply.bulk(b"off");
    reply.bulk(b"redirect");
    reply.int(-1);
    reply.bulk(b"prefixes");
    reply.array(0);
    Ok(())
}

fn getredir(_: &mut SessionContext<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Result {
    reply.int(-1);
    Ok(())
}
