//! Strings that are numbers.

use crate::command::args::{parse_float, parse_int};
use crate::command::{Args, CommandError, KeyContext, Reply, decimal};
use crate::keyspace::entry::Deadline;

type Result<T = ()> = std::result::Result<T, CommandError>;

/// `INCR key`
pub fn incr(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    add(context, args, reply, 1)
}

/// `DECR key`
pub fn decr(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    add(context, args, reply, -1)
}

/// `INCRBY key increment`
pub fn incrby(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    add(context, args, reply, args.int(2)?)
}

/// `DECRBY key decrement`
pub fn decrby(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    let decrement = args.int(2)?;
    let negated = decrement.checked_neg().ok_or(CommandError::text("ERR decrement would overflow"))?;
    add(context, args, reply, negated)
}

fn add(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>, by: i64) -> Result {
    let key = args.at(1);
    let old = match context.string(key)? {
        Some(text) => parse_int(text).ok_or(CommandError::NotAnInteger)?,
        None => 0,
    };
    let new = old.checked_add(by).ok_or(CommandError::text("ERR increment or decrement would overflow"))?;
    context.set_string(key, new.to_string().as_bytes(), Deadline::Keep);
    reply.int(new);
    Ok(())
}

/// `INCRBYFLOAT key increment`
pub fn incrbyfloat(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    let key = args.at(1);
    let old = context.string(key)?.unwrap_or(b"0");
    let valid = parse_float(old).and(parse_float(args.at(2)));
    valid.ok_or(CommandError::NotAFloat)?;
    let infinite = CommandError::text("ERR increment would produce NaN or Infinity");
    let new = decimal::sum(old, args.at(2)).ok_or(infinite)?;
    context.set_string(key, new.as_bytes(), Deadline::Keep);
    context.effect(&[b"SET", key, new.as_bytes(), b"KEEPTTL"]);
    reply.bulk(new.as_bytes());
    Ok(())
}
