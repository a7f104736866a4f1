//! Commands on sets.
//!
//! [`algebra`]: those on several sets together.

pub(super) mod algebra;

use super::collection::{
    MUST_BE_POSITIVE, Sample, ScanOptions, cursor, not_negative, random_index, room, scan_nothing, scan_reply,
};
use super::flag::{DENY_OOM, FAST, MOVABLE_KEYS, READ, WRITE};
use super::spec::{ALL_KEYS, ONE_KEY};
use super::{Args, CommandError, CommandSpec, Group, KeyContext, KeySpec, Reply};
use crate::keyspace::value::Set;
use crate::keyspace::value::packed::Packed;
use algebra::{sdiff, sdiffstore, sinter, sintercard, sinterstore, smembers, sunion, sunionstore};

type Done = Result<(), CommandError>;

const TWO_KEYS: KeySpec = KeySpec::Span { first: 1, last: 2, step: 1 };
const COUNTED: KeySpec = KeySpec::Counted { count: 1, destination: 0 };
const STORE: u32 = WRITE | DENY_OOM;

const SET: Group = Group::Set;

/// The rows of this module.
#[rustfmt::skip]
pub const COMMANDS: &[CommandSpec] = &[
    SET.row("sadd", -3, WRITE | DENY_OOM | FAST, ONE_KEY, "1.0.0", "Adds members to a set.", sadd),
    SET.row("srem", -3, WRITE | FAST, ONE_KEY, "1.0.0", "Removes members of a set.", srem),
    SET.row("smembers", 2, READ, ONE_KEY, "1.0.0", "Returns all members of a set.", smembers),
    SET.row("sismember", 3, READ | FAST, ONE_KEY, "1.0.0", "Tells whether a member is in a set.", sismember),
    SET.row("smismember", -3, READ | FAST, ONE_KEY, "6.2.0", "Tells whether members are in a set.", smismember),
    SET.row("scard", 2, READ | FAST, ONE_KEY, "1.0.0", "Returns the number of members of a set.", scard),
    SET.row("spop", -2, WRITE | FAST, ONE_KEY, "1.0.0", "Takes random members out of a set.", spop),
    SET.row("srandmember", -2, READ, ONE_KEY, "1.0.0", "Returns random members of a set.", srandmember),
    SET.row("smove", 4, WRITE | FAST, TWO_KEYS, "1.0.0", "Moves a member from a set to another.", smove),
    SET.row("sinter", -2, READ, ALL_KEYS, "1.0.0", "Returns what is in all of several sets.", sinter),
    SET.row("sintercard", -3, READ | MOVABLE_KEYS, COUNTED, "7.0.0", "Returns how much is in all of several sets.", sintercard),
    SET.row("sunion", -2, READ, ALL_KEYS, "1.0.0", "Returns what is in any of several sets.", sunion),
    SET.row("sdiff", -2, READ, ALL_KEYS, "1.0.0", "Returns what is in the first set and no other.", sdiff),
    SET.row("sinterstore", -3, STORE, ALL_KEYS, "1.0.0", "Stores what is in all of several sets.", sinterstore),
    SET.row("sunionstore", -3, STORE, ALL_KEYS, "1.0.0", "Stores what is in any of several sets.", sunionstore),
    SET.row("sdiffstore", -3, STORE, ALL_KEYS, "1.0.0", "Stores what is in the first set and no other.", sdiffstore),
    SET.row("sscan", -3, READ, ONE_KEY, "2.8.0", "Walks over the members of a set.", sscan),
];

fn sadd(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let set: &mut Set = context.find_or_create(args.at(1))?;
    room(set.len(), args.len())?;
    let new = args.from(2).filter(|member| set.add(member)).count();
    if new > 0 {
        context.changed(args.at(1));
    }
    reply.count(new);
    Ok(())
}

fn srem(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let removed = match context.find_mut::<Set>(args.at(1))? {
        Some(set) => args.from(2).filter(|member| set.remove(member)).count(),
        None => 0,
    };
    if removed > 0 {
        context.changed(args.at(1));
    }
    reply.count(removed);
    Ok(())
}

fn sismember(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let set: Option<&Set> = context.find(args.at(1))?;
    reply.flag(set.is_some_and(|set| set.contains(args.at(2))));
    Ok(())
}

fn smismember(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let set: Option<&Set> = context.find(args.at(1))?;
    reply.array(args.len() - 2);
    args.from(2).for_each(|member| reply.flag(set.is_some_and(|set| set.contains(member))));
    Ok(())
}

fn scard(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    reply.count(context.find(args.at(1))?.map_or(0, Set::len));
    Ok(())
}

fn spop(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    if args.len() > 3 {
        return Err(CommandError::Syntax);
    }
    let count = match args.get(2) {
        None => None,
        Some(_) => Some(not_negative(args, 2, MUST_BE_POSITIVE)?),
    };
    let set: Option<&mut Set> = context.find_mut(args.at(1))?;
    let Some(set) = set.filter(|_| count != Some(0)) else {
        if count.is_some() {
            reply.set(0)
        } else {
            reply.null()
        }
        return Ok(());
    };
    let mut taken = Packed::new();
    for index in Sample::Distinct(count.unwrap_or(1)).indices(set.len())? {
        taken.extend(set.at(index));
    }
    let all = taken.len() == set.len();
    taken.iter().for_each(|member| {
        set.remove(member);
    });
    if count.is_some() {
        reply.set(taken.len());
    }
    taken.iter().for_each(|member| reply.bulk(member));
    context.changed(args.at(1));
    if all {
        context.effect(&[b"DEL", args.at(1)]);
    } else {
        let words: Vec<&[u8]> = [&b"SREM"[..], args.at(1)].into_iter().chain(taken.iter()).collect();
        context.effect(&words);
    }
    Ok(())
}

fn srandmember(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    if args.len() > 3 {
        return Err(CommandError::Syntax);
    }
    if args.len() == 2 {
        let set: Option<&Set> = context.find(args.at(1))?;
        let index = set.and_then(|set| random_index(set.len()));
        let member = set.zip(index).and_then(|(set, index)| set.at(index));
        reply.bulk_or_null(member.as_deref());
        return Ok(());
    }
    let sample = Sample::parse(args, 2)?;
    let set: Option<&Set> = context.find(args.at(1))?;
    let indices = set.map_or(Ok(vec![]), |set| sample.indices(set.len()))?;
    reply.array(indices.len());
    for member in indices.into_iter().filter_map(|index| set.and_then(|set| set.at(index))) {
        reply.bulk(&member);
    }
    Ok(())
}

fn smove(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let (source, destination, member) = (args.at(1), args.at(2), args.at(3));
    let there = context.find::<Set>(source)?.map(|set| set.contains(member));
    if there.is_some() {
        context.find::<Set>(destination)?;
    }
    let moves = there == Some(true);
    if moves && source != destination {
        context.find_mut::<Set>(source)?.map(|set| set.remove(member));
        context.find_or_create::<Set>(destination)?.add(member);
        context.changed(source);
        context.changed(destination);
    }
    reply.flag(moves);
    Ok(())
}

fn sscan(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let cursor = cursor(args, 2)?;
    let Some(set) = context.find::<Set>(args.at(1))? else {
        scan_nothing(reply);
        return Ok(());
    };
    let options = ScanOptions::parse(args, 3)?;
    let mut found = Packed::new();
    let next = set.scan(cursor, options.count, |member| {
        if options.takes(member) {
            found.push_back(member);
        }
    });
    scan_reply(reply, next, &found);
    Ok(())
}
