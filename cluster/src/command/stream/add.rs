//! XADD and XTRIM.
//!
//! What `*`, `~` and a clock decided is logged as decided: the id that was given, and the length that was left.

use super::{Done, INVALID_ID, answer_id, id};
use crate::command::{Args, CommandError, KeyContext, Reply};
use crate::keyspace::value::Stream;
use crate::keyspace::value::stream::id::decimal;
use crate::keyspace::value::stream::{Keep, StreamId};
use shared::limits::{STREAM_BLOCK_ENTRIES_MAX, STREAM_ENTRY_BYTES_MAX};

/// Most entries that an approximate trim without LIMIT removes at once: a hundred blocks, as in Redis.
const APPROXIMATE_LIMIT: u64 = 100 * STREAM_BLOCK_ENTRIES_MAX as u64;

/// How a stream is trimmed.
#[derive(Debug, Clone, Copy)]
struct Trim {
    keep: Keep,
    approximate: bool,
    /// 0: any number.
    limit: u64,
}

impl Trim {
    fn run(&self, stream: &mut Stream) -> u64 {
        stream.trim(self.keep, self.approximate, self.limit)
    }
}

/// The id that XADD asks for.
#[derive(Debug, Clone, Copy)]
enum Wanted {
    /// `*`.
    Next,
    /// `ms-*`.
    NextOf(u64),
    /// `ms-seq` or `ms`.
    This(StreamId),
}

/// Options of XADD and XTRIM.
#[derive(Debug)]
struct Options {
    trim: Option<Trim>,
    only_there: bool,
    /// Absent in XTRIM.
    id: Option<Wanted>,
    /// Where the words behind the options and the id begin.
    rest: usize,
}

impl Options {
    fn parse(args: Args<'_>, adds: bool) -> Result<Options, CommandError> {
        let mut options = Options { trim: None, only_there: false, id: None, rest: args.len() };
        let mut limit = None;
        let mut at = 2;
        while at < args.len() {
            let more = args.len() - 1 - at;
            if adds && args.at(at) == b"*" {
                options.id = Some(Wanted::Next);
            } else if more > 0 && (args.is(at, "maxlen") || args.is(at, "minid")) {
                if options.trim.is_some() {
                    return Err(CommandError::text(
                        "ERR syntax error, MAXLEN and MINID options at the same time are not compatible",
                    ));
                }
                let sign = if more > 1 { args.at(at + 1) } else { b"" };
                let signed = matches!(sign, b"~" | b"=");
                let keep = keep(args, at, at + 1 + usize::from(signed))?;
                options.trim = Some(Trim { keep, approximate: sign == b"~", limit: 0 });
                at += 1 + usize::from(signed);
            } else if more > 0 && args.is(at, "limit") {
                let text = CommandError::text("ERR The LIMIT argument must be >= 0.");
                limit = Some(u64::try_from(args.int(at + 1)?).map_err(|_| text)?);
                at += 1;
            } else if adds && args.is(at, "nomkstream") {
                options.only_there = true;
            } else if adds {
                options.id = Some(wanted(args.at(at))?);
            } else {
                return Err(CommandError::Syntax);
            }
            at += 1;
            if options.id.is_some() {
                options.rest = at;
                break;
            }
        }
        options.limit(limit, adds)?;
        Ok(options)
    }

    fn limit(&mut self, limit: Option<u64>, adds: bool) -> Done {
        let fault = match &mut self.trim {
            None if limit.is_some_and(|limit| limit > 0) => {
                "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy"
            }
            None if !adds => "ERR syntax error, XTRIM must be called with MAXLEN or MINID",
            Some(trim) if limit.is_some() && !trim.approximate => {
                "ERR syntax error, LIMIT cannot be used without the special ~ option"
            }
            Some(trim) if trim.approximate => {
                trim.limit = limit.unwrap_or(APPROXIMATE_LIMIT);
                return Ok(());
            }
            _ => return Ok(()),
        };
        Err(CommandError::text(fault))
    }
}

fn keep(args: Args<'_>, option: usize, at: usize) -> Result<Keep, CommandError> {
    if args.is(option, "minid") {
        return id(args, at, 0).map(Keep::From);
    }
    let count = u64::try_from(args.int(at)?);
    count.map(Keep::Last).map_err(|_| CommandError::text("ERR The MAXLEN argument must be >= 0."))
}

fn wanted(text: &[u8]) -> Result<Wanted, CommandError> {
    let wanted = match text.strip_suffix(b"-*") {
        Some(ms) => decimal(ms).map(Wanted::NextOf),
        None => StreamId::parse(text, 0).map(Wanted::This),
    };
    wanted.ok_or(INVALID_ID)
}

/// An entry that was appended, and what was trimmed for it.
struct Added {
    id: StreamId,
    trimmed: u64,
    len: u64,
}

impl Options {
    fn append(&self, stream: &mut Stream, args: Args<'_>, now_ms: u64) -> Result<Added, CommandError> {
        let not_above = CommandError::text(
            "ERR The ID specified in XADD is equal or smaller than the target stream top item",
        );
        let last = stream.last_id();
        if last == StreamId::MAX {
            return Err(CommandError::text(
                "ERR The stream has exhausted the last possible ID, unable to add more items",
            ));
        }
        let id = match self.id {
            Some(Wanted::This(id)) => Some(id),
            Some(Wanted::NextOf(ms)) if ms == last.ms => {
                last.seq.checked_add(1).map(|seq| StreamId::new(ms, seq))
            }
            Some(Wanted::NextOf(ms)) => Some(StreamId::new(ms, 0)),
            Some(Wanted::Next) | None => stream.next_id(now_ms),
        };
        let id = id.filter(|id| *id > last).ok_or(not_above)?;
        let pairs = (self.rest..args.len()).step_by(2).map(|at| (args.at(at), args.at(at + 1)));
        stream.append(id, pairs);
        let trimmed = self.trim.map_or(0, |trim| trim.run(stream));
        Ok(Added { id, trimmed, len: stream.len() })
    }
}

pub(super) fn xadd(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let options = Options::parse(args, true)?;
    let words = args.len() - options.rest;
    if words < 2 || !words.is_multiple_of(2) {
        return Err(CommandError::Arity("xadd".to_owned()));
    }
    if matches!(options.id, Some(Wanted::This(StreamId::MIN))) {
        return Err(CommandError::text("ERR The ID specified in XADD must be greater than 0-0"));
    }
    if args.from(options.rest).map(<[u8]>::len).sum::<usize>() > STREAM_ENTRY_BYTES_MAX {
        return Err(CommandError::text("ERR Elements are too large to be stored"));
    }
    let (key, now_ms) = (args.at(1), context.now_ms());
    let added = match context.find_mut::<Stream>(key)? {
        Some(stream) => {
            let added = options.append(stream, args, now_ms)?;
            context.changed(key);
            added
        }
        None if options.only_there => {
            reply.null();
            return Ok(());
        }
        None => {
            let mut stream = Stream::new();
            let added = options.append(&mut stream, args, now_ms)?;
            context.set_collection(key, stream);
            added
        }
    };
    context.signal_ready(key);
    log(context, args, &options, &added);
    answer_id(added.id, reply);
    Ok(())
}

/// Logs the id that was given, and the length that trimming left; nothing of its own if the words say both already.
fn log(context: &mut KeyContext<'_>, args: Args<'_>, options: &Options, added: &Added) {
    if options.trim.is_none() && matches!(options.id, Some(Wanted::This(_))) {
        return;
    }
    let mut text = [0; StreamId::TEXT_BYTES_MAX];
    let len = added.len.to_string();
    let mut words: Vec<&[u8]> = Vec::with_capacity(args.len() + 3);
    words.extend([&b"XADD"[..], args.at(1)]);
    if added.trimmed > 0 {
        words.extend([&b"MAXLEN"[..], b"=", len.as_bytes()]);
    }
    words.push(added.id.text(&mut text));
    words.extend(args.from(options.rest));
    context.effect(&words);
}

pub(super) fn xtrim(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let options = Options::parse(args, false)?;
    let mut removed = 0;
    if let (Some(stream), Some(trim)) = (context.find_mut::<Stream>(args.at(1))?, options.trim) {
        removed = trim.run(stream);
        let len = stream.len().to_string();
        if removed > 0 {
            context.changed(args.at(1));
            context.effect(&[b"XTRIM", args.at(1), b"MAXLEN", b"=", len.as_bytes()]);
        }
    }
    reply.int(i64::try_from(removed).unwrap_or(i64::MAX));
    Ok(())
}
