//! Commands about the connection: PING, ECHO, HELLO, AUTH, QUIT.

use super::flag::{FAST, LOADING, NO_AUTH, STALE, WHILE_SUBSCRIBED};
use super::{Args, CommandError, CommandSpec, Group, Handler, KeySpec, Reply, SessionContext};

const fn row(
    name: &'static str,
    arity: i16,
    flags: u32,
    since: &'static str,
    summary: &'static str,
    handler: super::spec::SessionHandler,
) -> CommandSpec {
    let (keys, group, handler) = (KeySpec::None, Group::Connection, Handler::Session(handler));
    CommandSpec { name, arity, flags: flags | LOADING | STALE, keys, group, since, summary, handler }
}

/// The rows of this module.
pub const COMMANDS: &[CommandSpec] = &[
    row("ping", -1, FAST | WHILE_SUBSCRIBED, "1.0.0", "Returns the server's liveliness response.", ping),
    row("echo", 2, FAST, "1.0.0", "Returns the given string.", echo),
    row("quit", -1, FAST | NO_AUTH | WHILE_SUBSCRIBED, "1.0.0", "Closes the connection.", quit),
];

fn ping(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
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

fn echo(_: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    reply.bulk(args.at(1));
    Ok(())
}

fn quit(context: &mut SessionContext<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CommandError> {
    context.close();
    reply.ok();
    Ok(())
}
