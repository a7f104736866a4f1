//! The lowest and highest members taken out, at once or when there are some.

use super::{Done, answer};
use crate::command::collection::{MUST_BE_POSITIVE, counted_keys, not_negative, positive, timeout_ms};
use crate::command::{Args, CommandError, KeyContext, Reply};
use crate::keyspace::value::SortedSet;
use crate::keyspace::value::packed::Packed;
use std::ops::Range;

/// The two ends of the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extreme {
    Lowest,
    Highest,
}

/// How taken members are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Member, score: ZPOPMIN without a count.
    Flat,
    /// Member and score of each, pairs in RESP3: ZPOPMIN with a count.
    Many,
    /// Key, member, score: BZPOPMIN.
    WithKey,
    /// Key, then pairs: ZMPOP.
    KeyAndPairs,
}

/// Takes up to `count` members of a key that has some.
fn take(
    context: &mut KeyContext<'_>,
    key: &[u8],
    (extreme, count): (Extreme, usize),
    form: Form,
    reply: &mut Reply<'_>,
) -> Done {
    let Some(set) = context.find_mut::<SortedSet>(key)? else { return Ok(()) };
    let len = set.len();
    let count = count.min(len);
    let ranks = if extreme == Extreme::Lowest { 0..count } else { len - count..len };
    let mut effect = Packed::new();
    effect.extend(set.ranks(ranks.clone()).map(|entry| entry.member));
    let mut entries: Vec<_> = set.ranks(ranks.clone()).collect();
    if extreme == Extreme::Highest {
        entries.reverse();
    }
    match form {
        Form::Many => answer(entries.into_iter(), count, true, reply),
        Form::Flat | Form::WithKey => {
            reply.array(count * 2 + usize::from(form == Form::WithKey));
            if form == Form::WithKey {
                reply.bulk(key);
            }
            for entry in entries {
                reply.bulk(entry.member);
                reply.double(entry.score);
            }
        }
        Form::KeyAndPairs => {
            reply.array(2);
            reply.bulk(key);
            reply.array(count);
            for entry in entries {
                reply.array(2);
                reply.bulk(entry.member);
                reply.double(entry.score);
            }
        }
    }
    set.remove_ranks(ranks);
    context.changed(key);
    let words: Vec<&[u8]> = [&b"ZREM"[..], key].into_iter().chain(effect.iter()).collect();
    context.effect(&words);
    Ok(())
}

fn pop(context: &mut KeyContext<'_>, args: Args<'_>, extreme: Extreme, reply: &mut Reply<'_>) -> Done {
    if args.len() > 3 {
        return Err(CommandError::Syntax);
    }
    let (count, form) = match args.get(2) {
        None => (1, Form::Flat),
        Some(_) => (not_negative(args, 2, MUST_BE_POSITIVE)?, Form::Many),
    };
    if context.find::<SortedSet>(args.at(1))?.is_none() || count == 0 {
        reply.array(0);
        return Ok(());
    }
    take(context, args.at(1), (extreme, count), form, reply)
}

pub(super) fn zpopmin(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    pop(context, args, Extreme::Lowest, reply)
}

pub(super) fn zpopmax(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    pop(context, args, Extreme::Highest, reply)
}

/// Takes from the first of these keys that has members; whether one has.
fn pop_first(
    context: &mut KeyContext<'_>,
    args: Args<'_>,
    keys: Range<usize>,
    what: (Extreme, usize),
    form: Form,
    reply: &mut Reply<'_>,
) -> Result<bool, CommandError> {
    for key in keys.map(|at| args.at(at)) {
        let there = context.find::<SortedSet>(key).map(|set| set.map(SortedSet::len));
        if context.or_pass_over(there)?.is_some() {
            take(context, key, what, form, reply)?;
            return Ok(true);
        }
    }
    Ok(false)
}

fn pop_or_wait(
    context: &mut KeyContext<'_>,
    args: Args<'_>,
    keys: Range<usize>,
    what: (Extreme, usize),
    (form, timeout): (Form, Option<u64>),
    reply: &mut Reply<'_>,
) -> Done {
    if pop_first(context, args, keys.clone(), what, form, reply)? {
        return Ok(());
    }
    if context.may_wait() {
        context.wait(keys.map(|at| args.at(at)), timeout, None);
    } else {
        reply.null_array();
    }
    Ok(())
}

fn blocking_pop(
    context: &mut KeyContext<'_>,
    args: Args<'_>,
    extreme: Extreme,
    reply: &mut Reply<'_>,
) -> Done {
    let last = args.len() - 1;
    let timeout = timeout_ms(args, last)?;
    pop_or_wait(context, args, 1..last, (extreme, 1), (Form::WithKey, timeout), reply)
}

pub(super) fn bzpopmin(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    blocking_pop(context, args, Extreme::Lowest, reply)
}

pub(super) fn bzpopmax(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    blocking_pop(context, args, Extreme::Highest, reply)
}

/// Reads `numkeys key [key …] MIN|MAX [COUNT count]` from the word at `at` on.
fn multi_pop(args: Args<'_>, at: usize) -> Result<(Range<usize>, (Extreme, usize)), CommandError> {
    let keys = counted_keys(args, at, CommandError::Syntax)?;
    let extreme = match () {
        () if args.is(keys.end, "min") => Extreme::Lowest,
        () if args.is(keys.end, "max") => Extreme::Highest,
        () => return Err(CommandError::Syntax),
    };
    let mut count = None;
    let mut option = keys.end + 1;
    while option < args.len() {
        if count.is_some() || !args.is(option, "count") || option + 1 >= args.len() {
            return Err(CommandError::Syntax);
        }
        count = Some(positive(args, option + 1, "ERR count should be greater than 0")?);
        option += 2;
    }
    Ok((keys, (extreme, count.unwrap_or(1))))
}

pub(super) fn zmpop(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let (keys, what) = multi_pop(args, 1)?;
    if !pop_first(context, args, keys, what, Form::KeyAndPairs, reply)? {
        reply.null_array();
    }
    Ok(())
}

pub(super) fn bzmpop(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let (keys, what) = multi_pop(args, 2)?;
    pop_or_wait(context, args, keys, what, (Form::KeyAndPairs, timeout_ms(args, 1)?), reply)
}
