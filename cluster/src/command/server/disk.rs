//! The disk: SAVE and its kin, WAIT, WAITAOF, SHUTDOWN.

use std::sync::Arc;

use shared::resp::write;
use shared::rt::time::{self, Duration};

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

fn timeout(args: &Args<'_>, index: usize) -> Result<Option<Duration>> {
    let bad = || CommandError::text("ERR timeout is not an integer or out of range");
    match args.int(index).map_err(|_| bad())? {
        0 => Ok(None),
        number => match u64::try_from(number) {
            Ok(number) => Ok(Some(Duration::from_millis(number))),
            Err(_) => Err(CommandError::text("ERR timeout is negative")),
        },
    }
}

/// Waits for a timeout; without one for ever.
async fn wait_for(timeout: Option<Duration>) {
    match timeout {
        Some(timeout) => time::sleep(timeout).await,
        None => std::future::pending().await,
    }
}

/// `WAIT numreplicas timeout`: there are no replicas, so more than none never come.
pub fn wait(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    let replicas = args.int(1)?;
    let timeout = timeout(&args, 2)?;
    if replicas <= 0 || context.in_transaction() {
        reply.int(0);
        return Ok(());
    }
    context.pause(Pause::Reply(Box::pin(async move {
        wait_for(timeout).await;
        let mut reply = Vec::new();
        write::integer(&mut reply, 0);
        reply
    })));
    Ok(())
}

/// `WAITAOF numlocal numreplicas timeout`: answers when this connection's writes are on the disk of so many nodes: this one
/// (0 or 1), and replicas. Who waits has the next fsync start at once.
pub fn waitaof(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    let local = args.int(1)?;
    if !(0..=1).contains(&local) {
        return Err(CommandError::text("ERR value is out of range, must be between 0 and 1"));
    }
    let replicas = args.int(2)?;
    if replicas < 0 {
        return Err(CommandError::text("ERR value is out of range, must be positive"));
    }
    let timeout = timeout(&args, 3)?;
    let Some(store) = context.node.log.store() else {
        if local == 1 {
            return Err(CommandError::text(
                "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.",
            ));
        }
        return wait_for_replicas(context, replicas, timeout, reply);
    };
    let generation = context.session.generation;
    let durable = generation.is_none_or(|generation| store.durable() >= generation);
    if context.in_transaction() || durable && replicas == 0 || local == 0 && replicas == 0 {
        store.check().map_err(|error| CommandError::Misconfigured(error.to_string()))?;
        counts(reply, durable);
        return Ok(());
    }
    let node = Arc::clone(context.node);
    context.pause(Pause::Reply(Box::pin(async move {
        let on_disk = async {
            if let Some(generation) = generation {
                node.log.durable(generation).await?;
            }
            if replicas > 0 {
                std::future::pending::<()>().await;
            }
            Ok::<(), CommandError>(())
        };
        let result = tokio::select! {
            biased;
            result = on_disk => result,
            () = wait_for(timeout) => Ok(()),
        };
        let store = node.log.store();
        let durable =
            generation.is_none_or(|generation| store.is_some_and(|store| store.durable() >= generation));
        let mut reply = Vec::new();
        match result {
            Ok(()) => {
                write::array(&mut reply, 2);
                write::integer(&mut reply, i64::from(durable));
                write::integer(&mut reply, 0);
            }
            Err(error) => write::error(&mut reply, &error.to_string()),
        }
        reply
    })));
    Ok(())
}

fn counts(reply: &mut Reply<'_>, durable: bool) {
    reply.array(2);
    reply.flag(durable);
    reply.int(0);
}

fn wait_for_replicas(
    context: &mut SessionContext<'_>,
    replicas: i64,
    timeout: Option<Duration>,
    reply: &mut Reply<'_>,
) -> Result {
    if replicas == 0 || context.in_transaction() {
        counts(reply, false);
        return Ok(());
    }
    context.pause(Pause::Reply(Box::pin(async move {
        wait_for(timeout).await;
        let mut reply = Vec::new();
        write::array(&mut reply, 2);
        write::integer(&mut reply, 0);
        write::integer(&mut reply, 0);
        reply
    })));
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
