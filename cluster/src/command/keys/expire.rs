//! Deadlines of keys.

use crate::command::deadline::TimeForm;
use crate::command::{Args, CommandError, KeyContext, Reply};
use crate::keyspace::entry::NEVER;

type Result<T = ()> = std::result::Result<T, CommandError>;

/// `EXPIRE key seconds [NX | XX | GT | LT]`
pub fn expire(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    set(context, &args, reply, TimeForm::Seconds, "expire")
}

/// `PEXPIRE key milliseconds [NX | XX | GT | LT]`
pub fn pexpire(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    set(context, &args, reply, TimeForm::Millis, "pexpire")
}

/// `EXPIREAT key unix-seconds [NX | XX | GT | LT]`
pub fn expireat(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    set(context, &args, reply, TimeForm::UnixSeconds, "expireat")
}

/// `PEXPIREAT key unix-milliseconds [NX | XX | GT | LT]`
pub fn pexpireat(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    set(context, &args, reply, TimeForm::UnixMillis, "pexpireat")
}

/// Conditions of the EXPIRE family.
#[derive(Default)]
struct Conditions {
    none_yet: bool,
    one_already: bool,
    later: bool,
    earlier: bool,
}

impl Conditions {
    fn parse(args: &Args<'_>) -> Result<Conditions> {
        let mut conditions = Conditions::default();
        for (index, word) in args.from(3).enumerate() {
            let index = index + 3;
            match () {
                () if args.is(index, "nx") => conditions.none_yet = true,
                () if args.is(index, "xx") => conditions.one_already = true,
                () if args.is(index, "gt") => conditions.later = true,
                () if args.is(index, "lt") => conditions.earlier = true,
                () => {
                    let word = String::from_utf8_lossy(word);
                    return Err(CommandError::owned(format!("ERR Unsupported option {word}")));
                }
            }
        }
        if conditions.none_yet && (conditions.one_already || conditions.later || conditions.earlier) {
            return Err(CommandError::text(
                "ERR NX and XX, GT or LT options at the same time are not compatible",
            ));
        }
        if conditions.later && conditions.earlier {
            return Err(CommandError::text("ERR GT and LT options at the same time are not compatible"));
        }
        Ok(conditions)
    }

    /// Whether a deadline may take the place of another; none is later than any.
    fn hold(&self, old: u64, new: i64) -> bool {
        let new = u64::try_from(new).unwrap_or(0);
        !(self.none_yet && old != NEVER
            || self.one_already && old == NEVER
            || self.later && new <= old
            || self.earlier && new >= old)
    }
}

fn set(
    context: &mut KeyContext<'_>,
    args: &Args<'_>,
    reply: &mut Reply<'_>,
    form: TimeForm,
    name: &'static str,
) -> Result {
    let key = args.at(1);
    let conditions = Conditions::parse(args)?;
    let now = context.now_ms();
    let at = form.moment(args.int(2)?, now, name)?;
    let Some(old) = context.deadline(key) else {
        reply.int(0);
        return Ok(());
    };
    if !conditions.hold(old, at) {
        reply.int(0);
        return Ok(());
    }
    match u64::try_from(at) {
        Ok(at) if at > now => {
            context.set_deadline(key, at);
            context.effect(&[b"PEXPIREAT", key, at.to_string().as_bytes()]);
        }
        _ => {
            context.remove(key);
            context.effect(&[b"DEL", key]);
        }
    }
    reply.int(1);
    Ok(())
}

/// `PERSIST key`
pub fn persist(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    let persisted = context.deadline(args.at(1)).is_some_and(|deadline| deadline != NEVER);
    if persisted {
        context.set_deadline(args.at(1), NEVER);
    }
    reply.flag(persisted);
    Ok(())
}

/// `TTL key`
pub fn ttl(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    let now = context.now_ms();
    tell(context, &args, reply, |at| at.saturating_sub(now).saturating_add(500) / 1_000)
}

/// `PTTL key`
pub fn pttl(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    let now = context.now_ms();
    tell(context, &args, reply, |at| at.saturating_sub(now))
}

/// `EXPIRETIME key`
pub fn expiretime(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    tell(context, &args, reply, |at| at.saturating_add(500) / 1_000)
}

/// `PEXPIRETIME key`
pub fn pexpiretime(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    tell(context, &args, reply, |at| at)
}

fn tell(
    context: &mut KeyContext<'_>,
    args: &Args<'_>,
    reply: &mut Reply<'_>,
    form: impl FnOnce(u64) -> u64,
) -> Result {
    reply.int(match context.deadline(args.at(1)) {
        None => -2,
        Some(NEVER) => -1,
        Some(at) => i64::try_from(form(at)).unwrap_or(i64::MAX),
    });
    Ok(())
}
