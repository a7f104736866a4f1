//! XRANGE, XREVRANGE and XREAD.

use super::{Done, INVALID_ID, answer_entries, id};
use crate::command::{Args, CommandError, KeyContext, Reply, Request};
use crate::keyspace::value::Stream;
use crate::keyspace::value::stream::StreamId;

/// One end of a range of ids: an id, `-` or `+`; `(` before an id leaves itself out.
fn bound(text: &[u8], missing: u64) -> Result<(StreamId, bool), CommandError> {
    match text {
        b"-" => Ok((StreamId::MIN, false)),
        b"+" => Ok((StreamId::MAX, false)),
        [b'(', rest @ ..] if !rest.is_empty() => {
            StreamId::parse(rest, missing).map(|id| (id, true)).ok_or(INVALID_ID)
        }
        _ => StreamId::parse(text, missing).map(|id| (id, false)).ok_or(INVALID_ID),
    }
}

fn range(context: &mut KeyContext<'_>, args: Args<'_>, reverse: bool, reply: &mut Reply<'_>) -> Done {
    let (low, high) = if reverse { (3, 2) } else { (2, 3) };
    let (start, start_exclusive) = bound(args.at(low), 0)?;
    let start = if start_exclusive { start.next() } else { Some(start) };
    let start = start.ok_or(CommandError::text("ERR invalid start ID for the interval"))?;
    let (end, end_exclusive) = bound(args.at(high), u64::MAX)?;
    let end = if end_exclusive { end.previous() } else { Some(end) };
    let end = end.ok_or(CommandError::text("ERR invalid end ID for the interval"))?;
    let mut count = None;
    let mut at = 4;
    while at < args.len() {
        if !args.is(at, "count") || at + 1 >= args.len() {
            return Err(CommandError::Syntax);
        }
        count = Some(usize::try_from(args.int(at + 1)?).unwrap_or(0));
        at += 2;
    }
    let Some(stream) = context.find::<Stream>(args.at(1))? else {
        reply.array(0);
        return Ok(());
    };
    let most = count.unwrap_or(usize::MAX);
    match () {
        () if most == 0 => reply.null_array(),
        () if reverse => answer_entries(stream.range_back(start, end).take(most), reply),
        () => answer_entries(stream.range(start, end).take(most), reply),
    }
    Ok(())
}

pub(super) fn xrange(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    range(context, args, false, reply)
}

pub(super) fn xrevrange(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    range(context, args, true, reply)
}

/// What XREAD asks for.
struct Query {
    /// 0: any number.
    count: usize,
    /// Whether it may wait, and how long (`None`: for ever).
    block: Option<Option<u64>>,
    /// Index of the first key; the ids follow the keys.
    first: usize,
    streams: usize,
}

impl Query {
    fn parse(args: Args<'_>) -> Result<Query, CommandError> {
        let mut query = Query { count: 0, block: None, first: 0, streams: 0 };
        let mut at = 1;
        while at < args.len() {
            let more = args.len() - 1 - at;
            if more > 0 && args.is(at, "block") {
                query.block = Some(timeout(args, at + 1)?);
                at += 1;
            } else if more > 0 && args.is(at, "count") {
                query.count = usize::try_from(args.int(at + 1)?).unwrap_or(0);
                at += 1;
            } else if more > 0 && args.is(at, "streams") {
                query.first = at + 1;
                if !more.is_multiple_of(2) {
                    return Err(CommandError::text(
                        "ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified.",
                    ));
                }
                query.streams = more / 2;
                return Ok(query);
            } else if more > 1 && args.is(at, "group") {
                return Err(CommandError::text(
                    "ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.",
                ));
            } else if args.is(at, "noack") {
                return Err(CommandError::text(
                    "ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.",
                ));
            } else {
                return Err(CommandError::Syntax);
            }
            at += 1;
        }
        Err(CommandError::Syntax)
    }

    /// The ids behind which entries are asked for; `$` is the last one there is now.
    fn ids(&self, context: &mut KeyContext<'_>, args: Args<'_>) -> Result<Vec<StreamId>, CommandError> {
        let mut ids = Vec::with_capacity(self.streams);
        for key in self.first..self.first + self.streams {
            let at = key + self.streams;
            let last = context.find::<Stream>(args.at(key)).map(|stream| stream.map(Stream::last_id));
            let last = context.or_pass_over(last)?;
            ids.push(match args.at(at) {
                b"$" => last.unwrap_or(StreamId::MIN),
                b">" => {
                    return Err(CommandError::text(
                        "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.",
                    ));
                }
                _ => id(args, at, 0)?,
            });
        }
        Ok(ids)
    }
}

fn timeout(args: Args<'_>, at: usize) -> Result<Option<u64>, CommandError> {
    let ms = args.int(at).map_err(|_| CommandError::text("ERR timeout is not an integer or out of range"))?;
    let ms = u64::try_from(ms).map_err(|_| CommandError::text("ERR timeout is negative"))?;
    Ok((ms > 0).then_some(ms))
}

/// The keys of XREAD: the first half of the words behind STREAMS.
pub(super) fn keys(args: &Args<'_>, found: &mut dyn FnMut(usize)) {
    let mut at = 1;
    while at < args.len() {
        if args.is(at, "streams") {
            let streams = (args.len() - at - 1) / 2;
            return (at + 1..=at + streams).for_each(found);
        }
        // BLOCK and COUNT have an argument, which may be any word.
        at += if args.is(at, "block") || args.is(at, "count") { 2 } else { 1 };
    }
}

pub(super) fn xread(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let query = Query::parse(args)?;
    let ids = query.ids(context, args)?;
    let keys = query.first..query.first + query.streams;
    let mut ready = Vec::with_capacity(query.streams);
    for (key, id) in keys.clone().zip(&ids) {
        let stream: Result<Option<&Stream>, _> = context.find(args.at(key));
        let start = stream.map(|stream| {
            let start = id.next()?;
            stream?.range(start, StreamId::MAX).next().map(|_| (key, start))
        });
        ready.extend(context.or_pass_over(start)?);
    }
    if ready.is_empty() {
        match query.block {
            Some(timeout) if context.may_wait() => wait(context, args, &query, &ids, timeout),
            _ => reply.null_array(),
        }
        return Ok(());
    }
    let most = if query.count == 0 { usize::MAX } else { query.count };
    if reply.resp3() {
        reply.map(ready.len())
    } else {
        reply.array(ready.len())
    }
    for (key, start) in ready {
        if !reply.resp3() {
            reply.array(2);
        }
        reply.bulk(args.at(key));
        if let Some(stream) = context.find::<Stream>(args.at(key))? {
            answer_entries(stream.range(start, StreamId::MAX).take(most), reply);
        }
    }
    Ok(())
}

/// Waits for what the command asks for, with `$` resolved: what it means was decided when the command came.
fn wait(context: &mut KeyContext<'_>, args: Args<'_>, query: &Query, ids: &[StreamId], timeout: Option<u64>) {
    let ids: Vec<String> = ids.iter().map(StreamId::to_string).collect();
    let words: Vec<&[u8]> =
        args.from(0).take(query.first + query.streams).chain(ids.iter().map(String::as_bytes)).collect();
    let again = Request::of(words.into_iter());
    context.wait((query.first..query.first + query.streams).map(|at| args.at(at)), timeout, Some(again));
}
