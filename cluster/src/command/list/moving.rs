//! Commands that take from one list and give to another or to the client, at once or when there is something to take.

use super::pop_some;
use crate::command::collection::{counted_keys, positive, timeout_ms};
use crate::command::{Args, CommandError, KeyContext, Reply};
use crate::keyspace::value::List;
use crate::keyspace::value::list::End;
use std::ops::Range;

type Done = Result<(), CommandError>;

fn end(args: Args<'_>, at: usize) -> Result<End, CommandError> {
    match () {
        () if args.is(at, "left") => Ok(End::Left),
        () if args.is(at, "right") => Ok(End::Right),
        () => Err(CommandError::Syntax),
    }
}

const fn pop_name(end: End) -> &'static [u8] {
    match end {
        End::Left => b"LPOP",
        End::Right => b"RPOP",
    }
}

const fn end_name(end: End) -> &'static [u8] {
    match end {
        End::Left => b"LEFT",
        End::Right => b"RIGHT",
    }
}

/// Moves one element and answers it; `false`, and no answer, if there is none.
fn move_one(
    context: &mut KeyContext<'_>,
    (source, destination): (&[u8], &[u8]),
    (from, to): (End, End),
    reply: &mut Reply<'_>,
) -> Result<bool, CommandError> {
    let there = context.find::<List>(source).map(|list| list.map(List::len));
    if context.or_pass_over(there)?.is_none() {
        return Ok(false);
    }
    context.find::<List>(destination)?;
    let Some(element) = context.find_mut::<List>(source)?.and_then(|list| list.pop(from)) else {
        return Ok(false);
    };
    context.find_or_create::<List>(destination)?.push(to, &element);
    context.changed(source);
    context.changed(destination);
    context.signal_ready(destination);
    context.effect(&[b"LMOVE", source, destination, end_name(from), end_name(to)]);
    reply.bulk(&element);
    Ok(true)
}

pub(super) fn lmove(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let ends = (end(args, 3)?, end(args, 4)?);
    if !move_one(context, (args.at(1), args.at(2)), ends, reply)? {
        reply.null();
    }
    Ok(())
}

pub(super) fn rpoplpush(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    if !move_one(context, (args.at(1), args.at(2)), (End::Right, End::Left), reply)? {
        reply.null();
    }
    Ok(())
}

fn move_or_wait(
    context: &mut KeyContext<'_>,
    args: Args<'_>,
    ends: (End, End),
    timeout: Option<u64>,
    reply: &mut Reply<'_>,
) -> Done {
    if move_one(context, (args.at(1), args.at(2)), ends, reply)? {
        return Ok(());
    }
    if context.may_wait() {
        context.wait([args.at(1)].into_iter(), timeout, None);
    } else {
        reply.null();
    }
    Ok(())
}

pub(super) fn blmove(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let ends = (end(args, 3)?, end(args, 4)?);
    move_or_wait(context, args, ends, timeout_ms(args, 5)?, reply)
}

pub(super) fn brpoplpush(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    move_or_wait(context, args, (End::Right, End::Left), timeout_ms(args, 3)?, reply)
}

/// Takes up to `count` elements from the first of these lists that has any, and answers them with its key.
fn pop_first(
    context: &mut KeyContext<'_>,
    args: Args<'_>,
    keys: Range<usize>,
    (from, count): (End, Option<usize>),
    reply: &mut Reply<'_>,
) -> Result<bool, CommandError> {
    for key in keys.map(|at| args.at(at)) {
        let there = context.find::<List>(key).map(|list| list.map(List::len));
        if context.or_pass_over(there)?.is_none() {
            continue;
        }
        let Some(list) = context.find_mut::<List>(key)? else { continue };
        reply.array(2);
        reply.bulk(key);
        let taken = count.unwrap_or(1).min(list.len());
        match count {
            Some(count) => pop_some(list, from, count, reply),
            None => {
                reply.bulk_or_null(list.peek(from));
                list.drop_at(from, 1);
            }
        }
        context.changed(key);
        context.effect(&[pop_name(from), key, taken.to_string().as_bytes()]);
        return Ok(true);
    }
    Ok(false)
}

fn pop_or_wait(
    context: &mut KeyContext<'_>,
    args: Args<'_>,
    keys: Range<usize>,
    what: (End, Option<usize>),
    timeout: Option<u64>,
    reply: &mut Reply<'_>,
) -> Done {
    if pop_first(context, args, keys.clone(), what, reply)? {
        return Ok(());
    }
    if context.may_wait() {
        context.wait(keys.map(|at| args.at(at)), timeout, None);
    } else {
        reply.null_array();
    }
    Ok(())
}

pub(super) fn blpop(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let last = args.len() - 1;
    pop_or_wait(context, args, 1..last, (End::Left, None), timeout_ms(args, last)?, reply)
}

pub(super) fn brpop(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let last = args.len() - 1;
    pop_or_wait(context, args, 1..last, (End::Right, None), timeout_ms(args, last)?, reply)
}

/// Reads `numkeys key [key …] LEFT|RIGHT [COUNT count]` from the word at `at` on.
fn multi_pop(args: Args<'_>, at: usize) -> Result<(Range<usize>, End, usize), CommandError> {
    let keys = counted_keys(args, at, CommandError::Syntax)?;
    let from = end(args, keys.end)?;
    let mut count = None;
    let mut option = keys.end + 1;
    while option < args.len() {
        if count.is_some() || !args.is(option, "count") || option + 1 >= args.len() {
            return Err(CommandError::Syntax);
        }
        count = Some(positive(args, option + 1, "ERR count should be greater than 0")?);
        option += 2;
    }
    Ok((keys, from, count.unwrap_or(1)))
}

pub(super) fn lmpop(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let (keys, from, count) = multi_pop(args, 1)?;
    if !pop_first(context, args, keys, (from, Some(count)), reply)? {
        reply.null_array();
    }
    Ok(())
}

pub(super) fn blmpop(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let (keys, from, count) = multi_pop(args, 2)?;
    pop_or_wait(context, args, keys, (from, Some(count)), timeout_ms(args, 1)?, reply)
}
