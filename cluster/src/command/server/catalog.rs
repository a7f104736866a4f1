//! COMMAND: the command table, told to clients.

use crate::command::subcommand::{self, Subcommand};
use crate::command::{Args, CommandError, CommandSpec, KeySpec, Reply, SessionContext, flag, table};
use crate::glob;

type Result<T = ()> = std::result::Result<T, CommandError>;

#[rustfmt::skip]
const MEMBERS: &[Subcommand] = &[
    Subcommand { name: "count", arity: 2, handler: count, help: &["COUNT", "    Return the total number of commands in this Redis server."] },
    Subcommand { name: "info", arity: -2, handler: info, help: &["INFO [<command-name> ...]", "    Return details about multiple Redis commands."] },
    Subcommand { name: "docs", arity: -2, handler: docs, help: &["DOCS [<command-name> ...]", "    Return documentation details about multiple Redis commands."] },
    Subcommand { name: "list", arity: -2, handler: list, help: &["LIST [FILTERBY (MODULE|ACLCAT|PATTERN) <arg>]", "    Return a list of all commands in this Redis server."] },
    Subcommand { name: "getkeys", arity: -4, handler: getkeys, help: &["GETKEYS <full-command>", "    Return the keys from a full Redis command."] },
];

/// `COMMAND [subcommand …]`
pub fn command(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    if args.len() == 1 {
        reply.array(table::all().len());
        table::all().for_each(|spec| row(spec, reply));
        return Ok(());
    }
    subcommand::run("command", MEMBERS, context, args, reply)
}

/// The names of a command's flags, as COMMAND tells them.
fn flags(spec: &CommandSpec) -> Vec<&'static str> {
    let names = [
        (spec.has(flag::WRITE), "write"),
        (spec.has(flag::READ), "readonly"),
        (spec.has(flag::DENY_OOM), "denyoom"),
        (spec.has(flag::ADMIN), "admin"),
        (spec.has(flag::PUBSUB), "pubsub"),
        (spec.has(flag::LOADING), "loading"),
        (spec.has(flag::STALE), "stale"),
        (spec.has(flag::FAST), "fast"),
        (spec.has(flag::NO_AUTH), "no_auth"),
        (spec.has(flag::BLOCKING), "blocking"),
        (spec.has(flag::NO_MULTI), "no_multi"),
        (matches!(spec.keys, KeySpec::Counted { .. } | KeySpec::Found { .. }), "movablekeys"),
    ];
    names.into_iter().filter_map(|(has, name)| has.then_some(name)).collect()
}

/// One command: name, arity, flags, first key, last key, step, ACL categories, tips, key specifications, subcommands.
fn row(spec: &CommandSpec, reply: &mut Reply<'_>) {
    let (first, last, step) = spec.keys.positions();
    reply.array(10);
    reply.bulk(spec.name.as_bytes());
    reply.int(i64::from(spec.arity));
    let flags = flags(spec);
    reply.set(flags.len());
    flags.iter().for_each(|name| reply.simple(name));
    [first, last, step].into_iter().for_each(|place| reply.int(place));
    let categories: Vec<_> = spec.categories().collect();
    reply.set(categories.len());
    categories.iter().for_each(|name| reply.simple(&format!("@{name}")));
    reply.array(0);
    key_specifications(spec, reply);
    reply.array(0);
}

/// Where keys stand, in the form since Redis 7.0; only for those at fixed places.
fn key_specifications(spec: &CommandSpec, reply: &mut Reply<'_>) {
    let KeySpec::Span { first, last, step } = spec.keys else {
        reply.array(0);
        return;
    };
    reply.array(1);
    reply.map(3);
    reply.bulk(b"flags");
    reply.set(1);
    reply.simple(if spec.has(flag::WRITE) { "RW" } else { "RO" });
    reply.bulk(b"begin_search");
    reply.map(2);
    reply.bulk(b"type");
    reply.bulk(b"index");
    reply.bulk(b"spec");
    reply.map(1);
    reply.bulk(b"index");
    reply.count(first);
    reply.bulk(b"find_keys");
    reply.map(2);
    reply.bulk(b"type");
    reply.bulk(b"range");
    reply.bulk(b"spec");
    reply.map(3);
    reply.bulk(b"lastkey");
    // Counted from the first, unless from the end.
    reply.int(if last < 0 { last as i64 } else { last as i64 - first as i64 });
    reply.bulk(b"keystep");
    reply.count(step);
    reply.bulk(b"limit");
    reply.int(0);
}

fn count(_: &mut SessionContext<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Result {
    reply.count(table::all().len());
    Ok(())
}

fn info(_: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    if args.len() == 2 {
        reply.array(table::all().len());
        table::all().for_each(|spec| row(spec, reply));
        return Ok(());
    }
    reply.array(args.len() - 2);
    for name in args.from(2) {
        match table::find(name) {
            Some(found) => row(found.spec, reply),
            None => reply.null_array(),
        }
    }
    Ok(())
}

fn docs(_: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    let specs: Vec<_> = if args.len() == 2 {
        table::all().collect()
    } else {
        args.from(2).filter_map(table::find).map(|found| found.spec).collect()
    };
    reply.map(specs.len());
    for spec in specs {
        reply.bulk(spec.name.as_bytes());
        reply.map(3);
        for (name, text) in [("summary", spec.summary), ("since", spec.since), ("group", spec.group.name())] {
            reply.bulk(name.as_bytes());
            reply.bulk(text.as_bytes());
        }
    }
    Ok(())
}

fn list(_: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    let mut specs: Vec<_> = table::all().collect();
    match args.len() {
        2 => {}
        5 if args.is(2, "filterby") => {
            let wanted = args.at(4);
            if args.is(3, "pattern") {
                specs.retain(|spec| glob::matches_ignoring_case(wanted, spec.name.as_bytes()));
            } else if args.is(3, "aclcat") {
                specs.retain(|spec| {
                    spec.categories().any(|name| name.as_bytes().eq_ignore_ascii_case(wanted))
                });
            } else if args.is(3, "module") {
                specs.clear();
            } else {
                return Err(CommandError::Syntax);
            }
        }
        _ => return Err(CommandError::Syntax),
    }
    reply.array(specs.len());
    specs.iter().for_each(|spec| reply.bulk(spec.name.as_bytes()));
    Ok(())
}

fn getkeys(_: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    let inner = args.after(2);
    let found = table::find(inner.at(0)).ok_or(CommandError::text("ERR Invalid command specified"))?;
    if matches!(found.spec.keys, KeySpec::None) {
        return Err(CommandError::text("ERR The command has no key arguments"));
    }
    if !found.spec.takes(inner.len()) {
        return Err(CommandError::text("ERR Invalid number of arguments specified for command"));
    }
    let mut keys = Vec::new();
    found.spec.keys.each(&inner, &mut |index| keys.push(inner.at(index)));
    if keys.is_empty() {
        return Err(CommandError::text("ERR Invalid arguments specified for command"));
    }
    reply.array(keys.len());
    keys.iter().for_each(|key| reply.bulk(key));
    Ok(())
}
