//! Commands on keys of any type.

use super::flag::{FAST, READ, WRITE};
use super::spec::{ALL_KEYS, KeysHandler};
use super::{Args, CommandError, CommandSpec, Group, Handler, KeyContext, KeySpec, Reply};

const fn row(
    name: &'static str,
    arity: i16,
    flags: u32,
    keys: KeySpec,
    since: &'static str,
    summary: &'static str,
    handler: KeysHandler,
) -> CommandSpec {
    CommandSpec {
        name,
        arity,
        flags,
        keys,
        group: Group::Generic,
        since,
        summary,
        handler: Handler::Keys(handler),
    }
}

/// The rows of this module.
pub const COMMANDS: &[CommandSpec] = &[
    row("del", -2, WRITE, ALL_KEYS, "1.0.0", "Deletes one or more keys.", del),
    row("unlink", -2, WRITE | FAST, ALL_KEYS, "4.0.0", "Deletes one or more keys.", del),
    row("exists", -2, READ | FAST, ALL_KEYS, "1.0.0", "Determines whether one or more keys exist.", exists),
];

fn del(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    reply.count(args.from(1).filter(|key| context.remove(key)).count());
    Ok(())
}

fn exists(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    reply.count(args.from(1).filter(|key| context.exists(key)).count());
    Ok(())
}
