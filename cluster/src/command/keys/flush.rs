//! FLUSHALL: all partitions are held at once, so that it has one place in the order of every slot.

use shared::limits::PARTITIONS;

use crate::command::{Args, CommandError, KeyContext, Reply};

/// `FLUSHALL [ASYNC | SYNC]`, `FLUSHDB [ASYNC | SYNC]`: memory is given back when the locks are, in both.
pub fn flushall(
    context: &mut KeyContext<'_>,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), CommandError> {
    if args.len() > 2 || args.len() == 2 && !args.is(1, "async") && !args.is(1, "sync") {
        return Err(CommandError::Syntax);
    }
    for index in 0..PARTITIONS {
        context.flush_partition(index);
    }
    reply.ok();
    Ok(())
}
