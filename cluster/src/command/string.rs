//! Commands on strings.

use super::flag::{DENY_OOM, FAST, READ, WRITE};
use super::spec::{KeysHandler, ONE_KEY};
use super::{Args, CommandError, CommandSpec, Group, Handler, KeyContext, KeySpec, Reply};
use crate::keyspace::entry::{Deadline, NEVER};

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
        group: Group::String,
        since,
        summary,
        handler: Handler::Keys(handler),
    }
}

/// The rows of this module.
pub const COMMANDS: &[CommandSpec] = &[
    row("get", 2, READ | FAST, ONE_KEY, "1.0.0", "Returns the string value of a key.", get),
    row("set", 3, WRITE | DENY_OOM, ONE_KEY, "1.0.0", "Sets the string value of a key.", set),
];

fn get(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    reply.bulk_or_null(context.string(args.at(1))?);
    Ok(())
}

fn set(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    context.set_string(args.at(1), args.at(2), Deadline::At(NEVER));
    reply.ok();
    Ok(())
}
