//! Ranges of a sorted set by rank, score and member: answered, counted, stored, removed.

use super::{Done, answer};
use crate::command::args::parse_float;
use crate::command::collection::index_range;
use crate::command::{Args, CommandError, KeyContext, Reply};
use crate::keyspace::value::SortedSet;
use crate::keyspace::value::sorted_set::Entry;
use crate::keyspace::value::sorted_set::range::{LexBound, LexRange, ScoreRange};
use std::ops::Range;

/// What the two words of a range are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Rank,
    Score,
    Member,
}

/// A range as ZRANGE and its older kin ask for it.
#[derive(Debug, Clone, Copy)]
struct Query<'a> {
    bounds: Bounds<'a>,
    reverse: bool,
    with_scores: bool,
    /// Members to pass over (negative: all), and how many to answer at most (negative: any number).
    limit: Option<(i64, i64)>,
}

#[derive(Debug, Clone, Copy)]
enum Bounds<'a> {
    Rank(i64, i64),
    Score(ScoreRange),
    Member(LexRange<'a>),
}

impl Bounds<'_> {
    fn ranks(&self, set: &SortedSet, reverse: bool) -> Range<usize> {
        match self {
            Bounds::Score(range) => range.ranks(set),
            Bounds::Member(range) => range.ranks(set),
            Bounds::Rank(start, end) => {
                let range = index_range(*start, *end, set.len());
                if reverse { set.len() - range.end..set.len() - range.start } else { range }
            }
        }
    }
}

impl<'a> Query<'a> {
    /// Reads `start stop [options]` from the word at `first` on. `by` and `reverse` are fixed by the older commands' names.
    fn parse(
        args: Args<'a>,
        first: usize,
        (by, reverse): (Option<By>, Option<bool>),
        stores: bool,
    ) -> Result<Query<'a>, CommandError> {
        let (mut by, mut reverse, mut with_scores, mut limit) = (by, reverse, false, None);
        let mut at = first + 2;
        while at < args.len() {
            if !stores && args.is(at, "withscores") {
                with_scores = true;
            } else if args.is(at, "limit") && at + 2 < args.len() {
                limit = Some((args.int(at + 1)?, args.int(at + 2)?));
                at += 2;
            } else if reverse.is_none() && args.is(at, "rev") {
                reverse = Some(true);
            } else if by.is_none() && args.is(at, "bylex") {
                by = Some(By::Member);
            } else if by.is_none() && args.is(at, "byscore") {
                by = Some(By::Score);
            } else {
                return Err(CommandError::Syntax);
            }
            at += 1;
        }
        let (by, reverse) = (by.unwrap_or(By::Rank), reverse.unwrap_or(false));
        if by == By::Rank && limit.is_some_and(|(_, count)| count != -1) {
            return Err(CommandError::text(
                "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX",
            ));
        }
        if by == By::Member && with_scores {
            return Err(CommandError::text(
                "ERR syntax error, WITHSCORES not supported in combination with BYLEX",
            ));
        }
        let (low, high) = if reverse && by != By::Rank { (first + 1, first) } else { (first, first + 1) };
        let bounds = match by {
            By::Rank => Bounds::Rank(args.int(low)?, args.int(high)?),
            By::Score => Bounds::Score(score_range(args.at(low), args.at(high))?),
            By::Member => Bounds::Member(lex_range(args.at(low), args.at(high))?),
        };
        Ok(Query { bounds, reverse, with_scores, limit: limit.filter(|_| by != By::Rank) })
    }

    /// The ranks asked for, lowest first.
    fn ranks(&self, set: &SortedSet) -> Range<usize> {
        let all = self.bounds.ranks(set, self.reverse);
        let Some((offset, count)) = self.limit else { return all };
        let skip = usize::try_from(offset).unwrap_or(usize::MAX).min(all.len());
        let take = usize::try_from(count).unwrap_or(usize::MAX).min(all.len() - skip);
        if self.reverse {
            all.end - skip - take..all.end - skip
        } else {
            all.start + skip..all.start + skip + take
        }
    }
}

/// Reads two bounds of scores; `(` before one leaves itself out.
fn score_range(min: &[u8], max: &[u8]) -> Result<ScoreRange, CommandError> {
    let bound = |text: &[u8]| {
        let (text, exclusive) = text.strip_prefix(b"(").map_or((text, false), |rest| (rest, true));
        parse_float(text).map(|score| (score, exclusive))
    };
    let text = CommandError::text("ERR min or max is not a float");
    let ((min, min_exclusive), (max, max_exclusive)) = bound(min).zip(bound(max)).ok_or(text)?;
    Ok(ScoreRange { min, min_exclusive, max, max_exclusive })
}

/// Reads two bounds of members: `-`, `+`, `[member` or `(member`.
fn lex_range<'a>(min: &'a [u8], max: &'a [u8]) -> Result<LexRange<'a>, CommandError> {
    let bound = |text: &'a [u8]| match text {
        b"-" => Some(LexBound::Lowest),
        b"+" => Some(LexBound::Highest),
        [b'[', member @ ..] => Some(LexBound::Included(member)),
        [b'(', member @ ..] => Some(LexBound::Excluded(member)),
        _ => None,
    };
    let text = CommandError::text("ERR min or max not valid string range item");
    let (min, max) = bound(min).zip(bound(max)).ok_or(text)?;
    Ok(LexRange { min, max })
}

fn answer_query(context: &mut KeyContext<'_>, key: &[u8], query: Query<'_>, reply: &mut Reply<'_>) -> Done {
    let Some(set) = context.find::<SortedSet>(key)? else {
        reply.array(0);
        return Ok(());
    };
    let ranks = query.ranks(set);
    let len = ranks.len();
    if query.reverse {
        answer(set.ranks_back(ranks), len, query.with_scores, reply);
    } else {
        answer(set.ranks(ranks), len, query.with_scores, reply);
    }
    Ok(())
}

pub(super) fn zrange(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    answer_query(context, args.at(1), Query::parse(args, 2, (None, None), false)?, reply)
}

pub(super) fn zrevrange(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    answer_query(context, args.at(1), Query::parse(args, 2, (Some(By::Rank), Some(true)), false)?, reply)
}

pub(super) fn zrangebyscore(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    answer_query(context, args.at(1), Query::parse(args, 2, (Some(By::Score), Some(false)), false)?, reply)
}

pub(super) fn zrevrangebyscore(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    answer_query(context, args.at(1), Query::parse(args, 2, (Some(By::Score), Some(true)), false)?, reply)
}

pub(super) fn zrangebylex(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    answer_query(context, args.at(1), Query::parse(args, 2, (Some(By::Member), Some(false)), false)?, reply)
}

pub(super) fn zrevrangebylex(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    answer_query(context, args.at(1), Query::parse(args, 2, (Some(By::Member), Some(true)), false)?, reply)
}

pub(super) fn zrangestore(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let query = Query::parse(args, 3, (None, None), true)?;
    let mut found = SortedSet::new();
    if let Some(set) = context.find::<SortedSet>(args.at(2))? {
        for Entry { member, score } in set.ranks(query.ranks(set)) {
            found.insert(member, score);
        }
    }
    store(context, args.at(1), found, reply);
    Ok(())
}

/// Makes a key hold these members, or removes it if there are none; answers how many.
pub(super) fn store(context: &mut KeyContext<'_>, key: &[u8], members: SortedSet, reply: &mut Reply<'_>) {
    reply.count(members.len());
    if members.is_empty() {
        context.remove(key);
    } else {
        context.set_collection(key, members);
        context.signal_ready(key);
    }
}

fn count(context: &mut KeyContext<'_>, key: &[u8], bounds: Bounds<'_>, reply: &mut Reply<'_>) -> Done {
    let set: Option<&SortedSet> = context.find(key)?;
    reply.count(set.map_or(0, |set| bounds.ranks(set, false).len()));
    Ok(())
}

pub(super) fn zcount(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    count(context, args.at(1), Bounds::Score(score_range(args.at(2), args.at(3))?), reply)
}

pub(super) fn zlexcount(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    count(context, args.at(1), Bounds::Member(lex_range(args.at(2), args.at(3))?), reply)
}

fn remove(context: &mut KeyContext<'_>, key: &[u8], bounds: Bounds<'_>, reply: &mut Reply<'_>) -> Done {
    let removed = match context.find_mut::<SortedSet>(key)? {
        Some(set) => set.remove_ranks(bounds.ranks(set, false)),
        None => 0,
    };
    if removed > 0 {
        context.changed(key);
    }
    reply.count(removed);
    Ok(())
}

pub(super) fn zremrangebyrank(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    remove(context, args.at(1), Bounds::Rank(args.int(2)?, args.int(3)?), reply)
}

pub(super) fn zremrangebyscore(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    remove(context, args.at(1), Bounds::Score(score_range(args.at(2), args.at(3))?), reply)
}

pub(super) fn zremrangebylex(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    remove(context, args.at(1), Bounds::Member(lex_range(args.at(2), args.at(3))?), reply)
}
