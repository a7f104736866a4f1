//! `MIGRATE host port key | "" 0 timeout [COPY] [REPLACE] [AUTH password] [AUTH2 user password] [KEYS key …]`

use std::sync::Arc;

use shared::resp::write;
use shared::rt::time::Duration;
use tokio::sync::oneshot;

use crate::command::{Args, CommandError, Reply, SessionContext};
use crate::migrate::{Migration, Target, migrate as run};
use crate::server::pause::Pause;

type Result<T = ()> = std::result::Result<T, CommandError>;

/// How long each step may take when it is not said, milliseconds.
const TIMEOUT_MS: i64 = 1_000;

/// Which words are keys: the third, or those behind KEYS.
pub fn keys(args: &Args<'_>, found: &mut dyn FnMut(usize)) {
    match (6..args.len()).find(|&at| args.is(at, "keys")) {
        Some(at) if args.at(3).is_empty() => (at + 1..args.len()).for_each(found),
        _ => found(3),
    }
}

/// Answers `OK` when the keys are on the disk of the other node and gone here, or, from a slot that is migrating, on the other node and on
/// their way to its disk; `NOKEY` if there are none.
pub fn migrate(context: &mut SessionContext<'_>, args: Args<'_>, _: &mut Reply<'_>) -> Result {
    let migration = parse(context, &args)?;
    let (node, (done, migrated)) = (Arc::clone(context.node), oneshot::channel());
    // It goes on although its client hangs up: else keys that were sent would be on both nodes.
    context.node.workers.spawn(async move {
        run(&node, migration, done).await;
    });
    context.pause(Pause::Reply(Box::pin(async move {
        let mut reply = Vec::new();
        match migrated.await {
            Ok(Ok(0)) => write::simple(&mut reply, "NOKEY"),
            Ok(Ok(_)) => write::simple(&mut reply, "OK"),
            Ok(Err(error)) => write::error(&mut reply, &error.to_string()),
            Err(_) => write::error(&mut reply, "IOERR the node is shutting down"),
        }
        reply
    })));
    Ok(())
}

fn parse(context: &SessionContext<'_>, args: &Args<'_>) -> Result<Migration> {
    let text = |index: usize| String::from_utf8_lossy(args.at(index)).into_owned();
    let (mut copy, mut replace, mut auth, mut listed) = (false, false, None, None);
    let mut at = 6;
    while at < args.len() {
        let behind = args.len() - at - 1;
        if args.is(at, "copy") {
            copy = true;
        } else if args.is(at, "replace") {
            replace = true;
        } else if args.is(at, "auth") && behind >= 1 {
            auth = Some(vec![args.at(at + 1).to_vec()]);
            at += 1;
        } else if args.is(at, "auth2") && behind >= 2 {
            auth = Some(vec![args.at(at + 1).to_vec(), args.at(at + 2).to_vec()]);
            at += 2;
        } else if args.is(at, "keys") {
            if !args.at(3).is_empty() {
                return Err(CommandError::text(
                    "ERR When using MIGRATE KEYS option, the key argument must be set to the empty string",
                ));
            }
            listed = Some(args.from(at + 1).map(Box::from).collect());
            break;
        } else {
            return Err(CommandError::Syntax);
        }
        at += 1;
    }
    let (db, timeout) = (args.int(4)?, args.int(5)?);
    if db != 0 {
        return Err(CommandError::text("ERR DB index is out of range"));
    }
    let timeout = u64::try_from(if timeout <= 0 { TIMEOUT_MS } else { timeout }).unwrap_or_default();
    Ok(Migration {
        target: Target { host: text(1), port: text(2), auth: auth.unwrap_or_default() },
        keys: listed.unwrap_or_else(|| vec![Box::from(args.at(3))]),
        timeout: Duration::from_millis(timeout),
        copy,
        replace,
        asking: context.config.cluster_enabled,
    })
}
