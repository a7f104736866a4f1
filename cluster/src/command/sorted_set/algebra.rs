//! What several sorted sets have together. A plain set takes part with the score 1 for each member.
//!
//! The sets are looked at one after another, so the lock of one slot is enough and nothing is borrowed twice.

use super::range::store;
use super::{Done, answer};
use crate::command::set::algebra::limit;
use crate::command::{Args, CommandError, KeyContext, Reply};
use crate::keyspace::value::sorted_set::Entry;
use crate::keyspace::value::{Set, SortedSet, Value};
use std::ops::Range;

/// How the scores of a member in several sets become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Aggregate {
    Sum,
    Lowest,
    Highest,
}

impl Aggregate {
    fn of(self, a: f64, b: f64) -> f64 {
        match self {
            // Infinities of both signs cancel out.
            Aggregate::Sum if (a + b).is_nan() => 0.0,
            Aggregate::Sum => a + b,
            // Not min and max: of 0 and -0 the first counts, and so it does beside what is no number.
            Aggregate::Lowest => {
                if b < a {
                    b
                } else {
                    a
                }
            }
            Aggregate::Highest => {
                if b > a {
                    b
                } else {
                    a
                }
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Union,
    Intersection,
    Difference,
}

/// What the words of ZUNION, ZINTER, ZDIFF and their storing kin ask for.
struct Query {
    keys: Range<usize>,
    weights: Option<Vec<f64>>,
    aggregate: Aggregate,
    with_scores: bool,
}

impl Query {
    /// Reads `numkeys key [key …] [options]` from the word at `count` on.
    fn parse(
        context: &mut KeyContext<'_>,
        args: Args<'_>,
        count: usize,
        (operation, stores): (Operation, bool),
    ) -> Result<Query, CommandError> {
        let keys = input_keys(context, args, count)?;
        let mut query =
            Query { keys: keys.clone(), weights: None, aggregate: Aggregate::Sum, with_scores: false };
        let mut at = keys.end;
        while at < args.len() {
            let left = args.len() - at - 1;
            if operation != Operation::Difference && left >= keys.len() && args.is(at, "weights") {
                let weight =
                    |at| args.float(at).map_err(|_| CommandError::text("ERR weight value is not a float"));
                query.weights = Some((at + 1..=at + keys.len()).map(weight).collect::<Result<_, _>>()?);
                at += keys.len();
            } else if operation != Operation::Difference && left >= 1 && args.is(at, "aggregate") {
                query.aggregate = match () {
                    () if args.is(at + 1, "sum") => Aggregate::Sum,
                    () if args.is(at + 1, "min") => Aggregate::Lowest,
                    () if args.is(at + 1, "max") => Aggregate::Highest,
                    () => return Err(CommandError::Syntax),
                };
                at += 1;
            } else if !stores && args.is(at, "withscores") {
                query.with_scores = true;
            } else {
                return Err(CommandError::Syntax);
            }
            at += 1;
        }
        Ok(query)
    }

    fn weight(&self, nth: usize) -> f64 {
        self.weights.as_ref().and_then(|weights| weights.get(nth).copied()).unwrap_or(1.0)
    }
}

/// The words that are keys; one that holds another type is refused before the options are looked at.
fn input_keys(
    context: &mut KeyContext<'_>,
    args: Args<'_>,
    count: usize,
) -> Result<Range<usize>, CommandError> {
    let number = args.int(count)?;
    let name = String::from_utf8_lossy(args.at(0)).to_ascii_lowercase();
    let number = usize::try_from(number).ok().filter(|number| *number > 0);
    let number = number.ok_or_else(|| {
        CommandError::owned(format!("ERR at least 1 input key is needed for '{name}' command"))
    })?;
    let first = count + 1;
    if number > args.len() - first {
        return Err(CommandError::Syntax);
    }
    for at in first..first + number {
        Input::find(context, args.at(at))?;
    }
    Ok(first..first + number)
}

/// A set or a sorted set of either kind.
enum Input<'c> {
    Plain(&'c Set),
    Sorted(&'c SortedSet),
    Nothing,
}

impl<'c> Input<'c> {
    fn find(context: &'c mut KeyContext<'_>, key: &[u8]) -> Result<Input<'c>, CommandError> {
        let Some(entry) = context.entry(key) else { return Ok(Input::Nothing) };
        match entry.as_object() {
            Some(Value::Set(set)) => Ok(Input::Plain(set)),
            Some(Value::SortedSet(set)) => Ok(Input::Sorted(set)),
            _ => Err(CommandError::WrongType),
        }
    }

    fn len(&self) -> usize {
        match self {
            Input::Plain(set) => set.len(),
            Input::Sorted(set) => set.len(),
            Input::Nothing => 0,
        }
    }

    fn score(&self, member: &[u8]) -> Option<f64> {
        match self {
            Input::Plain(set) => set.contains(member).then_some(1.0),
            Input::Sorted(set) => set.score(member),
            Input::Nothing => None,
        }
    }

    fn for_each(&self, mut visit: impl FnMut(&[u8], f64)) {
        match self {
            Input::Plain(set) => set.iter().for_each(|member| visit(&member, 1.0)),
            Input::Sorted(set) => set.iter().for_each(|entry| visit(entry.member, entry.score)),
            Input::Nothing => {}
        }
    }
}

/// Zero times infinity counts as zero.
fn weighed(weight: f64, score: f64) -> f64 {
    let product = weight * score;
    if product.is_nan() { 0.0 } else { product }
}

fn compute(
    context: &mut KeyContext<'_>,
    args: Args<'_>,
    operation: Operation,
    query: &Query,
) -> Result<SortedSet, CommandError> {
    match operation {
        Operation::Union => union(context, args, query),
        Operation::Intersection => intersection(context, args, query),
        Operation::Difference => difference(context, args, query),
    }
}

fn union(context: &mut KeyContext<'_>, args: Args<'_>, query: &Query) -> Result<SortedSet, CommandError> {
    let mut all = SortedSet::new();
    for (nth, at) in query.keys.clone().enumerate() {
        Input::find(context, args.at(at))?.for_each(|member, score| {
            let score = weighed(query.weight(nth), score);
            let score = all.score(member).map_or(score, |before| query.aggregate.of(before, score));
            all.insert(member, score);
        });
    }
    Ok(all)
}

fn intersection(
    context: &mut KeyContext<'_>,
    args: Args<'_>,
    query: &Query,
) -> Result<SortedSet, CommandError> {
    let mut order = Vec::with_capacity(query.keys.len());
    for (nth, at) in query.keys.clone().enumerate() {
        order.push((Input::find(context, args.at(at))?.len(), nth, at));
    }
    order.sort_unstable();
    let mut found = SortedSet::new();
    let Some(((_, nth, at), rest)) = order.split_first() else { return Ok(found) };
    Input::find(context, args.at(*at))?.for_each(|member, score| {
        found.insert(member, weighed(query.weight(*nth), score));
    });
    for (_, nth, at) in rest {
        let input = Input::find(context, args.at(*at))?;
        let mut both = SortedSet::new();
        for Entry { member, score } in found.iter() {
            if let Some(other) = input.score(member) {
                // As in Redis, only the first product counts as 0 where it is no number (0 times infinity).
                both.insert(member, query.aggregate.of(score, query.weight(*nth) * other));
            }
        }
        found = both;
    }
    Ok(found)
}

fn difference(
    context: &mut KeyContext<'_>,
    args: Args<'_>,
    query: &Query,
) -> Result<SortedSet, CommandError> {
    let mut left = SortedSet::new();
    Input::find(context, args.at(query.keys.start))?.for_each(|member, score| {
        left.insert(member, score);
    });
    for at in query.keys.clone().skip(1) {
        let other = Input::find(context, args.at(at))?;
        // Made anew, so that it is stored as what remains asks for: a member that is gone may have been a long one.
        let mut rest = SortedSet::new();
        for entry in left.iter().filter(|entry| other.score(entry.member).is_none()) {
            rest.insert(entry.member, entry.score);
        }
        left = rest;
    }
    Ok(left)
}

fn answered(
    context: &mut KeyContext<'_>,
    args: Args<'_>,
    operation: Operation,
    reply: &mut Reply<'_>,
) -> Done {
    let query = Query::parse(context, args, 1, (operation, false))?;
    let found = compute(context, args, operation, &query)?;
    answer(found.iter(), found.len(), query.with_scores, reply);
    Ok(())
}

fn stored(context: &mut KeyContext<'_>, args: Args<'_>, operation: Operation, reply: &mut Reply<'_>) -> Done {
    let query = Query::parse(context, args, 2, (operation, true))?;
    let found = compute(context, args, operation, &query)?;
    store(context, args.at(1), found, reply);
    Ok(())
}

pub(super) fn zunion(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    answered(context, args, Operation::Union, reply)
}

pub(super) fn zinter(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    answered(context, args, Operation::Intersection, reply)
}

pub(super) fn zdiff(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    answered(context, args, Operation::Difference, reply)
}

pub(super) fn zunionstore(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    stored(context, args, Operation::Union, reply)
}

pub(super) fn zinterstore(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    stored(context, args, Operation::Intersection, reply)
}

pub(super) fn zdiffstore(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    stored(context, args, Operation::Difference, reply)
}

pub(super) fn zintercard(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let keys = input_keys(context, args, 1)?;
    let limit = limit(args, keys.end)?;
    let query = Query { keys, weights: None, aggregate: Aggregate::Sum, with_scores: false };
    reply.count(compute(context, args, Operation::Intersection, &query)?.len().min(limit));
    Ok(())
}
