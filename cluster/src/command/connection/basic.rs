//! PING, ECHO, QUIT, RESET, SELECT.

use std::sync::atomic::Ordering;

use shared::resp::Protocol;

use crate::command::{Args, CommandError, Reply, SessionContext};
use crate::redirect::Said;
use crate::server::session::{Consistency, Replies};

type Result<T = ()> = std::result::Result<T, CommandError>;

/// `PING [message]`
pub fn ping(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    if args.len() > 2 {
        return Err(CommandError::Arity("ping".into()));
    }
    if context.session.subscribed() && !reply.resp3() {
        reply.array(2);
        reply.bulk(b"pong");
        reply.bulk(args.get(1).unwrap_or_default());
    } else if let Some(message) = args.get(1) {
        reply.bulk(message);
    } else {
        reply.simple("PONG");
    }
    Ok(())
}

/// `ECHO message`
pub fn echo(_: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    reply.bulk(args.at(1));
    Ok(())
}

/// `QUIT`
pub fn quit(context: &mut SessionContext<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Result {
    context.close();
    reply.ok();
    Ok(())
}

/// `RESET`: the connection as it was when it came.
pub fn reset(context: &mut SessionContext<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Result {
    let session = &mut *context.session;
    session.transaction = None;
    session.watch.end(&context.node.keyspace);
    session.subscription = None;
    session.protocol = Protocol::Resp2;
    session.authenticated = context.config.requirepass.is_empty();
    session.replies = Replies::On;
    session.said = Said::default();
    session.no_touch = false;
    session.consistency = Consistency::One;
    session.client.no_evict.store(false, Ordering::Relaxed);
    session.client.listens.iter().for_each(|count| count.store(0, Ordering::Relaxed));
    session.client.name.lock().clear();
    reply.simple("RESET");
    Ok(())
}

/// `SELECT index`: there is one database.
pub fn select(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    match args.int(1)? {
        0 => reply.ok(),
        _ if context.config.cluster_enabled => {
            return Err(CommandError::text("ERR SELECT is not allowed in cluster mode"));
        }
        _ => return Err(CommandError::text("ERR DB index is out of range")),
    }
    Ok(())
}

/// `ASKING`
pub fn asking(context: &mut SessionContext<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Result {
    cluster_only(context)?.asking = true;
    reply.ok();
    Ok(())
}

/// `READONLY`
pub fn readonly(context: &mut SessionContext<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Result {
    cluster_only(context)?.readonly = true;
    reply.ok();
    Ok(())
}

/// `READWRITE`
pub fn readwrite(context: &mut SessionContext<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Result {
    cluster_only(context)?.readonly = false;
    reply.ok();
    Ok(())
}

/// What the client has said about slots of others, which means something in a cluster only.
fn cluster_only<'c>(context: &'c mut SessionContext<'_>) -> Result<&'c mut Said> {
    if !context.config.cluster_enabled {
        return Err(CommandError::text("ERR This instance has cluster support disabled"));
    }
    Ok(&mut context.session.said)
}
