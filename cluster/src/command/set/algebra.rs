//! What several sets have together: intersection, union, difference, answered or stored.
//!
//! The sets are looked at one after another, so the lock of one slot is enough and nothing is borrowed twice.

use crate::command::collection::{counted_keys, not_negative};
use crate::command::{Args, CommandError, KeyContext, Reply};
use crate::keyspace::value::Set;
use crate::keyspace::value::packed::Packed;
use std::ops::Range;

type Done = Result<(), CommandError>;

/// The members that are in all sets: those of the smallest, less what is missing in another, at most `limit`.
fn intersection(
    context: &mut KeyContext<'_>,
    args: Args<'_>,
    keys: Range<usize>,
    limit: usize,
) -> Result<Packed, CommandError> {
    let mut sizes = Vec::with_capacity(keys.len());
    let mut missing = false;
    for at in keys {
        let size = context.find(args.at(at))?.map_or(0, Set::len);
        missing |= size == 0;
        sizes.push((size, at));
    }
    if missing {
        return Ok(Packed::new());
    }
    sizes.sort_unstable();
    let mut rest = sizes.into_iter().map(|(_, at)| at).peekable();
    let Some(smallest) = rest.next() else { return Ok(Packed::new()) };
    let mut found = Packed::new();
    if let Some(set) = context.find::<Set>(args.at(smallest))? {
        // With no other set to look into, what is beyond the limit need not be collected.
        let most = if rest.peek().is_none() { limit } else { usize::MAX };
        found.extend(set.iter().take(most));
    }
    while let Some(at) = rest.next() {
        let most = if rest.peek().is_none() { limit } else { usize::MAX };
        let Some(set) = context.find::<Set>(args.at(at))? else { return Ok(Packed::new()) };
        let mut both = Packed::new();
        both.extend(found.iter().filter(|member| set.contains(member)).take(most));
        found = both;
    }
    Ok(found)
}

fn union(context: &mut KeyContext<'_>, args: Args<'_>, keys: Range<usize>) -> Result<Set, CommandError> {
    let mut all = Set::new();
    for at in keys {
        for member in context.find::<Set>(args.at(at))?.iter().flat_map(|set| set.iter()) {
            all.add(&member);
        }
    }
    Ok(all)
}

/// The members of the first set that are in no other. Both ways are Redis's, and so is the choice between them: by the work they
/// make, which also decides what representation the result has.
fn difference(context: &mut KeyContext<'_>, args: Args<'_>, keys: Range<usize>) -> Result<Set, CommandError> {
    let mut sizes = Vec::with_capacity(keys.len());
    for at in keys.clone() {
        sizes.extend(context.find(args.at(at))?.map(Set::len));
    }
    let Some(first) = context.find::<Set>(args.at(keys.start))? else { return Ok(Set::new()) };
    let by_members = first.len() * sizes.len() / 2 <= sizes.iter().sum();
    let mut left = Packed::new();
    left.extend(first.iter());
    if by_members {
        for at in keys.skip(1) {
            let Some(other) = context.find::<Set>(args.at(at))? else { continue };
            let mut rest = Packed::new();
            rest.extend(left.iter().filter(|member| !other.contains(member)));
            left = rest;
        }
        return Ok(collected(&left));
    }
    let mut left = collected(&left);
    for at in keys.skip(1) {
        for member in context.find::<Set>(args.at(at))?.iter().flat_map(|set| set.iter()) {
            left.remove(&member);
        }
    }
    Ok(left)
}

fn answer(members: &Set, reply: &mut Reply<'_>) {
    reply.set(members.len());
    members.iter().for_each(|member| reply.bulk(&member));
}

/// Makes a key hold these members, or removes it if there are none; answers how many.
fn store(context: &mut KeyContext<'_>, key: &[u8], members: Set, reply: &mut Reply<'_>) {
    reply.count(members.len());
    if members.is_empty() {
        context.remove(key);
    } else {
        context.set_collection(key, members);
    }
}

fn collected(members: &Packed) -> Set {
    let mut set = Set::new();
    members.iter().for_each(|member| {
        set.add(member);
    });
    set
}

pub(super) fn smembers(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    match context.find::<Set>(args.at(1))? {
        Some(set) => answer(set, reply),
        None => reply.set(0),
    }
    Ok(())
}

pub(super) fn sinter(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let members = intersection(context, args, 1..args.len(), usize::MAX)?;
    reply.set(members.len());
    members.iter().for_each(|member| reply.bulk(member));
    Ok(())
}

pub(super) fn sintercard(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let too_many = CommandError::text("ERR Number of keys can't be greater than number of args");
    let keys = counted_keys(args, 1, too_many)?;
    let limit = limit(args, keys.end)?;
    reply.count(intersection(context, args, keys, limit)?.len());
    Ok(())
}

/// Reads `[LIMIT limit]` from the word at `at` on; 0 is no limit.
pub(in crate::command) fn limit(args: Args<'_>, mut at: usize) -> Result<usize, CommandError> {
    let mut limit = usize::MAX;
    while at < args.len() {
        if !args.is(at, "limit") || at + 1 >= args.len() {
            return Err(CommandError::Syntax);
        }
        limit = match not_negative(args, at + 1, "ERR LIMIT can't be negative")? {
            0 => usize::MAX,
            limit => limit,
        };
        at += 2;
    }
    Ok(limit)
}

pub(super) fn sunion(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    answer(&union(context, args, 1..args.len())?, reply);
    Ok(())
}

pub(super) fn sdiff(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    answer(&difference(context, args, 1..args.len())?, reply);
    Ok(())
}

pub(super) fn sinterstore(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let members = collected(&intersection(context, args, 2..args.len(), usize::MAX)?);
    store(context, args.at(1), members, reply);
    Ok(())
}

pub(super) fn sunionstore(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let members = union(context, args, 2..args.len())?;
    store(context, args.at(1), members, reply);
    Ok(())
}

pub(super) fn sdiffstore(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let members = difference(context, args, 2..args.len())?;
    store(context, args.at(1), members, reply);
    Ok(())
}
