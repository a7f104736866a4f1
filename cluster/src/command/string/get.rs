//! Reading a string, also with a change of its deadline.

use crate::command::deadline::TimeForm;
use crate::command::{Args, CommandError, KeyContext, Reply};
use crate::keyspace::entry::NEVER;

type Result<T = ()> = std::result::Result<T, CommandError>;

/// `GET key`
pub fn get(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    reply.bulk_or_null(context.string(args.at(1))?);
    Ok(())
}

/// `GETDEL key`
pub fn getdel(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    reply.bulk_or_null(context.string(args.at(1))?);
    if context.remove(args.at(1)) {
        context.effect(&[b"DEL", args.at(1)]);
    }
    Ok(())
}

/// `GETEX key [EX s | PX ms | EXAT s | PXAT ms | PERSIST]`
pub fn getex(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    let key = args.at(1);
    let now = context.now_ms();
    let (form, persists) = match (args.len(), TimeForm::of_option(&args, 2)) {
        (2, _) => (None, false),
        (4, Some(form)) => (Some(form), false),
        _ if (2..args.len()).all(|index| args.is(index, "persist")) => (None, true),
        _ => return Err(CommandError::Syntax),
    };
    // Of a key that is not there the moment is not looked at.
    let Some(value) = context.string(key)? else {
        reply.null();
        return Ok(());
    };
    let at = match form {
        Some(form) => Some(form.positive(&args, 3, now, "getex")?),
        None => persists.then_some(NEVER),
    };
    reply.bulk(value);
    let before = context.deadline(key);
    match (at, before) {
        (None, _) | (_, None) | (Some(NEVER), Some(NEVER)) => {}
        (Some(NEVER), _) => {
            context.set_deadline(key, NEVER);
            context.effect(&[b"PERSIST", key]);
        }
        (Some(at), _) if at <= now => {
            context.remove(key);
            context.effect(&[b"DEL", key]);
        }
        (Some(at), _) => {
            context.set_deadline(key, at);
            context.effect(&[b"PEXPIREAT", key, at.to_string().as_bytes()]);
        }
    }
    Ok(())
}
