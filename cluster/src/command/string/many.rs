//! Several strings at once.

use crate::command::{Args, CommandError, KeyContext, Reply};
use crate::keyspace::entry::{Deadline, NEVER};

type Result<T = ()> = std::result::Result<T, CommandError>;

/// `MGET key…`: null for a key that holds no string.
pub fn mget(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    reply.array(args.len() - 1);
    for key in args.from(1) {
        reply.bulk_or_null(context.string(key).ok().flatten());
    }
    Ok(())
}

/// `MSET key value…`
///
/// Others see all of it or none. The log has one group for each slot: on a node without cluster mode, where the keys may lie in
/// several, a crash may leave what some slots got without what others got, until WAITAOF has answered. (In a cluster the keys share a slot,
/// and so a group.)
pub fn mset(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    in_pairs(&args, "mset")?;
    set_pairs(context, &args);
    reply.ok();
    Ok(())
}

/// `MSETNX key value…`: all or, if any key is there, none.
pub fn msetnx(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    in_pairs(&args, "msetnx")?;
    let new = !args.from(1).step_by(2).any(|key| context.exists(key));
    if new {
        set_pairs(context, &args);
    }
    reply.flag(new);
    Ok(())
}

fn in_pairs(args: &Args<'_>, name: &str) -> Result {
    if args.len().is_multiple_of(2) { Err(CommandError::Arity(name.into())) } else { Ok(()) }
}

fn set_pairs(context: &mut KeyContext<'_>, args: &Args<'_>) {
    for index in (1..args.len() - 1).step_by(2) {
        context.set_string(args.at(index), args.at(index + 1), Deadline::At(NEVER));
    }
}
