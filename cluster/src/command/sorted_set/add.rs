//! ZADD and ZINCRBY.

use super::{Done, score_or_null};
use crate::command::collection::room;
use crate::command::{Args, CommandError, KeyContext, Reply};
use crate::keyspace::value::SortedSet;
use crate::keyspace::value::sorted_set::Change;
use shared::resp::double;

const NOT_A_NUMBER: CommandError = CommandError::text("ERR resulting score is not a number (NaN)");

/// Options of ZADD.
#[derive(Debug, Clone, Copy, Default)]
struct Options {
    only_new: bool,
    only_there: bool,
    only_greater: bool,
    only_less: bool,
    count_changed: bool,
    increment: bool,
}

impl Options {
    /// Reads the options; where the first score is.
    fn parse(args: Args<'_>) -> Result<(Options, usize), CommandError> {
        let mut options = Options::default();
        let mut at = 2;
        loop {
            let option = match () {
                () if args.is(at, "nx") => &mut options.only_new,
                () if args.is(at, "xx") => &mut options.only_there,
                () if args.is(at, "gt") => &mut options.only_greater,
                () if args.is(at, "lt") => &mut options.only_less,
                () if args.is(at, "ch") => &mut options.count_changed,
                () if args.is(at, "incr") => &mut options.increment,
                () => break,
            };
            *option = true;
            at += 1;
        }
        options.check(args.len() - at)?;
        Ok((options, at))
    }

    fn check(&self, words: usize) -> Done {
        let fault = match () {
            () if words == 0 || !words.is_multiple_of(2) => return Err(CommandError::Syntax),
            () if self.only_new && self.only_there => {
                "ERR XX and NX options at the same time are not compatible"
            }
            () if (self.only_greater && self.only_less)
                || (self.only_new && (self.only_greater || self.only_less)) =>
            {
                "ERR GT, LT, and/or NX options at the same time are not compatible"
            }
            () if self.increment && words > 2 => "ERR INCR option supports a single increment-element pair",
            () => return Ok(()),
        };
        Err(CommandError::text(fault))
    }

    /// The score a member shall have; `None` if the options leave it as it is.
    fn decide(&self, old: Option<f64>, given: f64) -> Result<Option<f64>, CommandError> {
        let Some(old) = old else { return Ok((!self.only_there).then_some(given)) };
        if self.only_new {
            return Ok(None);
        }
        let new = if self.increment { old + given } else { given };
        if new.is_nan() {
            return Err(NOT_A_NUMBER);
        }
        let stays = (self.only_less && new >= old) || (self.only_greater && new <= old);
        Ok((!stays).then_some(new))
    }
}

pub(super) fn zadd(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let (options, first) = Options::parse(args)?;
    if options.increment {
        let score = increase(context, options, (args.at(1), args.float(first)?, args.at(first + 1)))?;
        score_or_null(score, reply);
        return Ok(());
    }
    // All scores are read before the first is set.
    for at in (first..args.len()).step_by(2) {
        args.float(at)?;
    }
    if options.only_there && context.find::<SortedSet>(args.at(1))?.is_none() {
        reply.int(0);
        return Ok(());
    }
    let set: &mut SortedSet = context.find_or_create(args.at(1))?;
    room(set.len(), args.len() / 2)?;
    let (mut added, mut moved) = (0, 0);
    for at in (first..args.len()).step_by(2) {
        let member = args.at(at + 1);
        // Only the options look at the score a member had.
        let old = if options.only_new || options.only_there || options.only_greater || options.only_less {
            set.score(member)
        } else {
            None
        };
        let Some(score) = options.decide(old, args.float(at)?)? else { continue };
        match set.insert(member, score) {
            Change::Added => added += 1,
            Change::Moved => moved += 1,
            Change::None => {}
        }
    }
    if added + moved > 0 {
        context.changed(args.at(1));
        context.signal_ready(args.at(1));
    }
    reply.count(if options.count_changed { added + moved } else { added });
    Ok(())
}

pub(super) fn zincrby(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let options = Options { increment: true, ..Options::default() };
    let score = increase(context, options, (args.at(1), args.float(2)?, args.at(3)))?;
    score_or_null(score, reply);
    Ok(())
}

/// Adds to the score of a member; the score it has then, `None` if the options leave it as it is.
fn increase(
    context: &mut KeyContext<'_>,
    options: Options,
    (key, increment, member): (&[u8], f64, &[u8]),
) -> Result<Option<f64>, CommandError> {
    let old = context.find::<SortedSet>(key)?.and_then(|set| set.score(member));
    let Some(score) = options.decide(old, increment)? else { return Ok(None) };
    let set: &mut SortedSet = context.find_or_create(key)?;
    room(set.len(), 1)?;
    if set.insert(member, score) != Change::None {
        context.changed(key);
        context.signal_ready(key);
        context.effect(&[b"ZADD", key, double::text(score).as_bytes(), member]);
    }
    Ok(Some(score))
}
