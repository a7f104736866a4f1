//! AUTH and HELLO.

use shared::resp::Protocol;

use crate::command::{Args, CommandError, Reply, SessionContext};

type Result<T = ()> = std::result::Result<T, CommandError>;

/// The only user.
pub const USER: &[u8] = b"default";

/// The version of Redis whose commands and replies these are: clients switch features on by it.
pub const REDIS_VERSION: &str = "7.2.0";

/// `AUTH [username] password`
pub fn auth(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    let (user, password) = match args.len() {
        2 => (USER, args.at(1)),
        3 => (args.at(1), args.at(2)),
        _ => return Err(CommandError::Syntax),
    };
    if args.len() == 2 && context.config.requirepass.is_empty() {
        return Err(CommandError::text(
            "ERR AUTH <password> called without any password configured for the default user. Are you sure your \
             configuration is correct?",
        ));
    }
    authenticate(context, user, password)?;
    reply.ok();
    Ok(())
}

fn authenticate(context: &mut SessionContext<'_>, user: &[u8], password: &[u8]) -> Result {
    let expected = context.config.requirepass.as_bytes();
    if user != USER || !expected.is_empty() && !same(expected, password) {
        return Err(CommandError::text("WRONGPASS invalid username-password pair or user is disabled."));
    }
    context.session.authenticated = true;
    Ok(())
}

/// Compares in a time that does not tell where two passwords differ.
fn same(expected: &[u8], given: &[u8]) -> bool {
    let different = expected
        .iter()
        .enumerate()
        .fold(0, |different, (index, byte)| different | (byte ^ given.get(index).copied().unwrap_or(!byte)));
    different == 0 && expected.len() == given.len()
}

/// `HELLO [protover [AUTH username password] [SETNAME clientname]]`
pub fn hello(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    let protocol = match args.get(1) {
        None => context.session.protocol,
        Some(b"2") => Protocol::Resp2,
        Some(b"3") => Protocol::Resp3,
        Some(_) => {
            args.int(1)
                .map_err(|_| CommandError::text("ERR Protocol version is not an integer or out of range"))?;
            return Err(CommandError::text("NOPROTO unsupported protocol version"));
        }
    };
    let (mut at, mut credentials, mut name) = (2, None, None);
    while at < args.len() {
        if args.is(at, "auth") && at + 2 < args.len() {
            credentials = Some((args.at(at + 1), args.at(at + 2)));
            at += 3;
        } else if args.is(at, "setname") && at + 1 < args.len() {
            name = Some(super::client::valid_name(args.at(at + 1))?);
            at += 2;
        } else {
            let option = String::from_utf8_lossy(args.at(at));
            return Err(CommandError::owned(format!("ERR Syntax error in HELLO option '{option}'")));
        }
    }
    if let Some((user, password)) = credentials {
        authenticate(context, user, password)?;
    }
    if !context.session.authenticated {
        return Err(CommandError::text(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> \
             <pass> option can be used to authenticate the client and select the RESP protocol version at the same time",
        ));
    }
    if let Some(name) = name {
        *context.session.client.name.lock() = name;
    }
    context.session.protocol = protocol;
    if let Some(subscription) = &context.session.subscription {
        subscription.speaks(protocol);
    }
    let mode: &[u8] = if context.config.cluster_enabled { b"cluster" } else { b"standalone" };
    let mut reply = reply.nested(protocol);
    reply.map(7);
    reply.bulk(b"server");
    reply.bulk(b"redis");
    reply.bulk(b"version");
    reply.bulk(REDIS_VERSION.as_bytes());
    reply.bulk(b"proto");
    reply.int(if protocol == Protocol::Resp3 { 3 } else { 2 });
    reply.bulk(b"id");
    reply.int(context.session.client.id as i64);
    reply.bulk(b"mode");
    reply.bulk(mode);
    reply.bulk(b"role");
    reply.bulk(b"master");
    reply.bulk(b"modules");
    reply.array(0);
    Ok(())
}
