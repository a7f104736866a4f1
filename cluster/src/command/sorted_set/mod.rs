//! Commands on sorted sets.
//!
//! # Layout
//!
//! - [`add`]: ZADD and ZINCRBY.
//! - [`range`]: ranges by rank, score and member: answered, counted, stored, removed.
//! - [`pop`]: lowest and highest members taken out, at once or when there are some.
//! - [`algebra`]: union, intersection and difference of several.

mod add;
mod algebra;
mod pop;
mod range;

use super::collection::{Sample, ScanOptions, cursor, random_index, scan_nothing, scan_reply};
use super::flag::{BLOCKING, DENY_OOM, FAST, MOVABLE_KEYS, READ, WRITE};
use super::spec::ONE_KEY;
use super::{Args, CommandError, CommandSpec, Group, KeyContext, KeySpec, Reply};
use crate::keyspace::value::SortedSet;
use crate::keyspace::value::packed::Packed;
use crate::keyspace::value::sorted_set::Entry;
use shared::resp::double;

type Done = Result<(), CommandError>;

const TWO_KEYS: KeySpec = KeySpec::Span { first: 1, last: 2, step: 1 };
const ALL_BUT_LAST: KeySpec = KeySpec::Span { first: 1, last: -2, step: 1 };
const COUNTED_FIRST: KeySpec = KeySpec::Counted { count: 1, destination: 0 };
const COUNTED_SECOND: KeySpec = KeySpec::Counted { count: 2, destination: 0 };
const COUNTED_AND_STORED: KeySpec = KeySpec::Counted { count: 2, destination: 1 };
const ADD: u32 = WRITE | DENY_OOM | FAST;
const STORE: u32 = WRITE | DENY_OOM;
const SEVERAL: u32 = READ | MOVABLE_KEYS;
const STORE_SEVERAL: u32 = WRITE | DENY_OOM | MOVABLE_KEYS;

const SORTED_SET: Group = Group::SortedSet;

/// The rows of this module.
#[rustfmt::skip]
pub const COMMANDS: &[CommandSpec] = &[
    SORTED_SET.row("zadd", -4, ADD, ONE_KEY, "1.2.0", "Sets the scores of members.", add::zadd),
    SORTED_SET.row("zincrby", 4, ADD, ONE_KEY, "1.2.0", "Adds to the score of a member.", add::zincrby),
    SORTED_SET.row("zrem", -3, WRITE | FAST, ONE_KEY, "1.2.0", "Removes members.", zrem),
    SORTED_SET.row("zscore", 3, READ | FAST, ONE_KEY, "1.2.0", "Returns the score of a member.", zscore),
    SORTED_SET.row("zmscore", -3, READ | FAST, ONE_KEY, "6.2.0", "Returns the scores of members.", zmscore),
    SORTED_SET.row("zcard", 2, READ | FAST, ONE_KEY, "1.2.0", "Returns the number of members.", zcard),
    SORTED_SET.row("zrank", 3, READ | FAST, ONE_KEY, "2.0.0", "Returns the rank of a member, lowest first.", zrank),
    SORTED_SET.row("zrevrank", 3, READ | FAST, ONE_KEY, "2.0.0", "Returns the rank of a member, highest first.", zrevrank),
    SORTED_SET.row("zcount", 4, READ | FAST, ONE_KEY, "2.0.0", "Counts members in a range of scores.", range::zcount),
    SORTED_SET.row("zlexcount", 4, READ | FAST, ONE_KEY, "2.8.9", "Counts members in a range of members.", range::zlexcount),
    SORTED_SET.row("zrange", -4, READ, ONE_KEY, "1.2.0", "Returns members in a range.", range::zrange),
    SORTED_SET.row("zrangestore", -5, STORE, TWO_KEYS, "6.2.0", "Stores members in a range.", range::zrangestore),
    SORTED_SET.row("zrevrange", -4, READ, ONE_KEY, "1.2.0", "Returns members by rank, highest first.", range::zrevrange),
    SORTED_SET.row("zrangebyscore", -4, READ, ONE_KEY, "1.0.5", "Returns members by score.", range::zrangebyscore),
    SORTED_SET.row("zrevrangebyscore", -4, READ, ONE_KEY, "2.2.0", "Returns members by score, highest first.", range::zrevrangebyscore),
    SORTED_SET.row("zrangebylex", -4, READ, ONE_KEY, "2.8.9", "Returns members by member.", range::zrangebylex),
    SORTED_SET.row("zrevrangebylex", -4, READ, ONE_KEY, "2.8.9", "Returns members by member, highest first.", range::zrevrangebylex),
    SORTED_SET.row("zremrangebyrank", 4, WRITE, ONE_KEY, "2.0.0", "Removes members by rank.", range::zremrangebyrank),
    SORTED_SET.row("zremrangebyscore", 4, WRITE, ONE_KEY, "1.2.0", "Removes members by score.", range::zremrangebyscore),
    SORTED_SET.row("zremrangebylex", 4, WRITE, ONE_KEY, "2.8.9", "Removes members by member.", range::zremrangebylex),
    SORTED_SET.row("zpopmin", -2, WRITE | FAST, ONE_KEY, "5.0.0", "Takes the lowest members.", pop::zpopmin),
    SORTED_SET.row("zpopmax", -2, WRITE | FAST, ONE_KEY, "5.0.0", "Takes the highest members.", pop::zpopmax),
    SORTED_SET.row("zmpop", -4, WRITE | MOVABLE_KEYS, COUNTED_FIRST, "7.0.0", "Takes members of the first that has any.", pop::zmpop),
    SORTED_SET.row("bzpopmin", -3, WRITE | FAST | BLOCKING, ALL_BUT_LAST, "5.0.0", "Takes the lowest, waiting for one.", pop::bzpopmin),
    SORTED_SET.row("bzpopmax", -3, WRITE | FAST | BLOCKING, ALL_BUT_LAST, "5.0.0", "Takes the highest, waiting for one.", pop::bzpopmax),
    SORTED_SET.row("bzmpop", -5, WRITE | BLOCKING | MOVABLE_KEYS, COUNTED_SECOND, "7.0.0", "Takes members, waiting for some.", pop::bzmpop),
    SORTED_SET.row("zunion", -3, SEVERAL, COUNTED_FIRST, "6.2.0", "Returns what is in any of several.", algebra::zunion),
    SORTED_SET.row("zinter", -3, SEVERAL, COUNTED_FIRST, "6.2.0", "Returns what is in all of several.", algebra::zinter),
    SORTED_SET.row("zdiff", -3, SEVERAL, COUNTED_FIRST, "6.2.0", "Returns what is in the first and no other.", algebra::zdiff),
    SORTED_SET.row("zintercard", -3, SEVERAL, COUNTED_FIRST, "7.0.0", "Returns how much is in all of several.", algebra::zintercard),
    SORTED_SET.row("zunionstore", -4, STORE_SEVERAL, COUNTED_AND_STORED, "2.0.0", "Stores what is in any of several.", algebra::zunionstore),
    SORTED_SET.row("zinterstore", -4, STORE_SEVERAL, COUNTED_AND_STORED, "2.0.0", "Stores what is in all of several.", algebra::zinterstore),
    SORTED_SET.row("zdiffstore", -4, STORE_SEVERAL, COUNTED_AND_STORED, "6.2.0", "Stores what is in the first and no other.", algebra::zdiffstore),
    SORTED_SET.row("zrandmember", -2, READ, ONE_KEY, "6.2.0", "Returns random members.", zrandmember),
    SORTED_SET.row("zscan", -3, READ, ONE_KEY, "2.8.0", "Walks over members and scores.", zscan),
];

/// Answers members, with their scores if asked for: pairs in RESP3, flat in RESP2.
fn answer<'s>(
    entries: impl Iterator<Item = Entry<'s>>,
    len: usize,
    with_scores: bool,
    reply: &mut Reply<'_>,
) {
    let pairs = with_scores && reply.resp3();
    reply.array(if with_scores && !pairs { len * 2 } else { len });
    for entry in entries {
        if pairs {
            reply.array(2);
        }
        reply.bulk(entry.member);
        if with_scores {
            reply.double(entry.score);
        }
    }
}

fn zrem(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let removed = match context.find_mut::<SortedSet>(args.at(1))? {
        Some(set) => args.from(2).filter(|member| set.remove(member).is_some()).count(),
        None => 0,
    };
    if removed > 0 {
        context.changed(args.at(1));
    }
    reply.count(removed);
    Ok(())
}

fn score_or_null(score: Option<f64>, reply: &mut Reply<'_>) {
    match score {
        Some(score) => reply.double(score),
        None => reply.null(),
    }
}

fn zscore(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let set: Option<&SortedSet> = context.find(args.at(1))?;
    score_or_null(set.and_then(|set| set.score(args.at(2))), reply);
    Ok(())
}

fn zmscore(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let set: Option<&SortedSet> = context.find(args.at(1))?;
    reply.array(args.len() - 2);
    args.from(2).for_each(|member| score_or_null(set.and_then(|set| set.score(member)), reply));
    Ok(())
}

fn zcard(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    reply.count(context.find(args.at(1))?.map_or(0, SortedSet::len));
    Ok(())
}

fn rank(context: &mut KeyContext<'_>, args: Args<'_>, reverse: bool, reply: &mut Reply<'_>) -> Done {
    let set: Option<&SortedSet> = context.find(args.at(1))?;
    let found = set
        .and_then(|set| set.rank(args.at(2)).map(|rank| if reverse { set.len() - 1 - rank } else { rank }));
    match found {
        Some(rank) => reply.count(rank),
        None => reply.null(),
    }
    Ok(())
}

fn zrank(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    rank(context, args, false, reply)
}

fn zrevrank(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    rank(context, args, true, reply)
}

fn zrandmember(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    if args.len() == 2 {
        let set: Option<&SortedSet> = context.find(args.at(1))?;
        let index = set.and_then(|set| random_index(set.len()));
        let entry = set.zip(index).and_then(|(set, index)| set.at(index));
        reply.bulk_or_null(entry.map(|entry| entry.member));
        return Ok(());
    }
    let sample = Sample::parse(args, 2)?;
    let with_scores = args.len() == 4 && args.is(3, "withscores");
    if args.len() > 4 || (args.len() == 4 && !with_scores) {
        return Err(CommandError::Syntax);
    }
    let Some(set) = context.find::<SortedSet>(args.at(1))? else {
        reply.array(0);
        return Ok(());
    };
    let indices = sample.indices(set.len())?;
    let count = indices.len();
    answer(indices.into_iter().filter_map(|index| set.at(index)), count, with_scores, reply);
    Ok(())
}

fn zscan(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let cursor = cursor(args, 2)?;
    let Some(set) = context.find::<SortedSet>(args.at(1))? else {
        scan_nothing(reply);
        return Ok(());
    };
    let options = ScanOptions::parse(args, 3)?;
    let mut found = Packed::new();
    let next = set.scan(cursor, options.count, |entry| {
        if options.takes(entry.member) {
            found.push_back(entry.member);
            found.push_back(double::text(entry.score).as_bytes());
        }
    });
    scan_reply(reply, next, &found);
    Ok(())
}
