//! Whether keys are there, of what type, and deleting them.

use crate::command::{Args, CommandError, KeyContext, Reply};
use crate::keyspace::entry::Entry;

type Result<T = ()> = std::result::Result<T, CommandError>;

/// `DEL key…`, `UNLINK key…`
pub fn del(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    reply.count(args.from(1).filter(|key| context.remove(key)).count());
    Ok(())
}

/// `EXISTS key…`, `TOUCH key…`: a key named twice counts twice.
pub fn exists(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    reply.count(args.from(1).filter(|key| context.exists(key)).count());
    Ok(())
}

/// `TYPE key`
pub fn type_of(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    reply.simple(context.peek(args.at(1)).map_or("none", Entry::type_name));
    Ok(())
}
