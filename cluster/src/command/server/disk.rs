//! The disk: SAVE and its kin, SHUTDOWN.

use std::sync::Arc;

use shared::resp::write;

use crate::command::{Args, CommandError, Reply, SessionContext};
use crate::server::pause::Pause;

type Result<T = ()> = std::result::Result<T, CommandError>;

/// `SAVE`: answers when everything written until now is on disk.
pub fn save(context: &mut SessionContext<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Result {
    let Some(store) = context.node.log.store() else {
        reply.ok();
        return Ok(());
    };
    let (node, generation) = (Arc::clone(context.node), store.generation());
    context.pause(Pause::Reply(Box::pin(async move {
        let mut reply = Vec::new();
        match node.log.durable(generation).await {
            Ok(()) => {
                node.log.saved();
                write::simple(&mut reply, "OK");
            }
            Err(error) => write::error(&mut reply, &error.to_string()),
        }
        reply
    })));
    Ok(())
}

/// `BGSAVE [SCHEDULE]`: the bases are the snapshot.
pub fn bgsave(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    if args.len() > 2 || args.len() == 2 && !args.is(1, "schedule") {
        return Err(CommandError::Syntax);
    }
    context.node.log.ask_rewrite();
    reply.simple("Background saving started");
    Ok(())
}

/// `BGREWRITEAOF`: rewrites all ranges, one after another.
pub fn bgrewriteaof(context: &mut SessionContext<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Result {
    context.node.log.ask_rewrite();
    reply.simple("Background append only file rewriting started");
    Ok(())
}

/// `LASTSAVE`
pub fn lastsave(context: &mut SessionContext<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Result {
    reply.int(context.node.log.saved_s() as i64);
    Ok(())
}

/// `SHUTDOWN [NOSAVE | SAVE] [NOW] [FORCE] [ABORT]`: everything is always saved.
pub fn shutdown(context: &mut SessionContext<'_>, args: Args<'_>, _: &mut Reply<'_>) -> Result {
    if args.len() == 2 && args.is(1, "abort") {
        return Err(CommandError::text("ERR No shutdown in progress."));
    }
    let known = ["nosave", "save", "now", "force"];
    if (1..args.len()).any(|index| !known.iter().any(|word| args.is(index, word))) {
        return Err(CommandError::Syntax);
    }
    context.node.workers.ask_stop();
    context.close();
    Ok(())
}
