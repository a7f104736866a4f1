//! SET and its kin.

use crate::command::deadline::TimeForm;
use crate::command::{Args, CommandError, KeyContext, Reply};
use crate::keyspace::entry::{Deadline, NEVER};

type Result<T = ()> = std::result::Result<T, CommandError>;

/// The options of SET.
#[derive(Default)]
struct Options {
    only_new: bool,
    only_old: bool,
    get: bool,
    keep: bool,
    time: Option<(TimeForm, usize)>,
}

impl Options {
    fn parse(args: &Args<'_>) -> Result<Options> {
        let mut options = Options::default();
        let mut at = 3;
        while at < args.len() {
            if args.is(at, "nx") && !options.only_old {
                options.only_new = true;
            } else if args.is(at, "xx") && !options.only_new {
                options.only_old = true;
            } else if args.is(at, "get") {
                options.get = true;
            } else if args.is(at, "keepttl") && options.time.is_none() {
                options.keep = true;
            } else if let Some(form) = TimeForm::of_option(args, at)
                && !options.keep
                && options.time.is_none()
                && at + 1 < args.len()
            {
                options.time = Some((form, at + 1));
                at += 1;
            } else {
                return Err(CommandError::Syntax);
            }
            at += 1;
        }
        Ok(options)
    }
}

/// `SET key value [NX | XX] [GET] [EX s | PX ms | EXAT s | PXAT ms | KEEPTTL]`
pub fn set(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    let (key, value) = (args.at(1), args.at(2));
    if args.len() == 3 {
        context.set_string(key, value, Deadline::At(NEVER));
        reply.ok();
        return Ok(());
    }
    let options = Options::parse(&args)?;
    let now = context.now_ms();
    let at = options.time.map(|(form, index)| form.positive(&args, index, now, "set")).transpose()?;
    if options.get {
        reply.bulk_or_null(context.string(key)?);
    }
    let wanted = !(options.only_new || options.only_old) || context.exists(key) == options.only_old;
    if !wanted {
        if !options.get {
            reply.null();
        }
        return Ok(());
    }
    store(context, key, value, if options.keep { Deadline::Keep } else { Deadline::At(at.unwrap_or(NEVER)) });
    if !options.get {
        reply.ok();
    }
    Ok(())
}

/// Sets a key and logs that with an absolute deadline.
fn store(context: &mut KeyContext<'_>, key: &[u8], value: &[u8], deadline: Deadline) {
    context.set_string(key, value, deadline);
    match deadline {
        Deadline::Keep => context.effect(&[b"SET", key, value, b"KEEPTTL"]),
        Deadline::At(NEVER) => context.effect(&[b"SET", key, value]),
        Deadline::At(at) => context.effect(&[b"SET", key, value, b"PXAT", at.to_string().as_bytes()]),
    }
}

/// `SETNX key value`
pub fn setnx(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    let new = !context.exists(args.at(1));
    if new {
        context.set_string(args.at(1), args.at(2), Deadline::At(NEVER));
    }
    reply.flag(new);
    Ok(())
}

/// `SETEX key seconds value`
pub fn setex(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    set_for(context, args, reply, TimeForm::Seconds, "setex")
}

/// `PSETEX key milliseconds value`
pub fn psetex(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    set_for(context, args, reply, TimeForm::Millis, "psetex")
}

fn set_for(
    context: &mut KeyContext<'_>,
    args: Args<'_>,
    reply: &mut Reply<'_>,
    form: TimeForm,
    name: &'static str,
) -> Result {
    let at = form.positive(&args, 2, context.now_ms(), name)?;
    store(context, args.at(1), args.at(3), Deadline::At(at));
    reply.ok();
    Ok(())
}

/// `GETSET key value`
pub fn getset(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    reply.bulk_or_null(context.string(args.at(1))?);
    store(context, args.at(1), args.at(2), Deadline::At(NEVER));
    Ok(())
}
