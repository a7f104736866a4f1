//! Keys under another name, and as bytes.

use shared::limits::BULK_BYTES_MAX;

use crate::command::deadline::TimeForm;
use crate::command::{Args, CommandError, KeyContext, Reply};
use crate::keyspace::dump;
use crate::keyspace::entry::{Entry, NEVER};

type Result<T = ()> = std::result::Result<T, CommandError>;

/// `RENAME key newkey`
pub fn rename(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    move_to(context, &args, true)?;
    reply.ok();
    Ok(())
}

/// `RENAMENX key newkey`
pub fn renamenx(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    let moved = move_to(context, &args, false)?;
    reply.flag(moved);
    Ok(())
}

fn move_to(context: &mut KeyContext<'_>, args: &Args<'_>, replace: bool) -> Result<bool> {
    let (from, to) = (args.at(1), args.at(2));
    if context.peek(from).is_none() {
        return Err(CommandError::NoSuchKey);
    }
    if from == to {
        return Ok(replace);
    }
    if !replace && context.peek(to).is_some() {
        return Ok(false);
    }
    let entry = context.take(from).ok_or(CommandError::NoSuchKey)?;
    context.put(entry.renamed(to));
    context.signal_ready(to);
    Ok(true)
}

/// `COPY source destination [DB 0] [REPLACE]`
pub fn copy(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    let (from, to) = (args.at(1), args.at(2));
    let (mut at, mut replace) = (3, false);
    while at < args.len() {
        if args.is(at, "replace") {
            replace = true;
        } else if args.is(at, "db") && at + 1 < args.len() {
            if args.int(at + 1)? != 0 {
                return Err(CommandError::text("ERR DB index is out of range"));
            }
            at += 1;
        } else {
            return Err(CommandError::Syntax);
        }
        at += 1;
    }
    if from == to {
        return Err(CommandError::text("ERR source and destination objects are the same"));
    }
    let Some(entry) = context.peek(from) else {
        reply.flag(false);
        return Ok(());
    };
    let mut bytes = Vec::new();
    dump::dump(entry, &mut bytes);
    let (deadline, clock) = (entry.deadline(), entry.clock());
    if !replace && context.peek(to).is_some() {
        reply.flag(false);
        return Ok(());
    }
    let copied = dump::restore(to, &bytes, deadline, clock);
    context.put(copied.map_err(|error| CommandError::owned(format!("ERR {error}")))?);
    context.signal_ready(to);
    reply.flag(true);
    Ok(())
}

/// `DUMP key`
pub fn dump(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    let bytes = context.peek(args.at(1)).map(|entry| {
        let mut bytes = Vec::new();
        dump::dump(entry, &mut bytes);
        dump::with_checksum(bytes)
    });
    reply.bulk_or_null(bytes.as_deref());
    Ok(())
}

/// `RESTORE key ttl dump [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]`
pub fn restore(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    let key = args.at(1);
    let (mut at, mut replace, mut absolute) = (4, false, false);
    while at < args.len() {
        if args.is(at, "replace") {
            replace = true;
        } else if args.is(at, "absttl") {
            absolute = true;
        } else if (args.is(at, "idletime") || args.is(at, "freq")) && at + 1 < args.len() {
            if args.int(at + 1)? < 0 {
                return Err(CommandError::text("ERR Invalid IDLETIME value, must be >= 0"));
            }
            at += 1;
        } else {
            return Err(CommandError::Syntax);
        }
        at += 1;
    }
    if !replace && context.peek(key).is_some() {
        return Err(CommandError::text("BUSYKEY Target key name already exists."));
    }
    let now = context.now_ms();
    let ttl = args.int(2)?;
    let deadline = match u64::try_from(ttl) {
        Err(_) => return Err(CommandError::text("ERR Invalid TTL value, must be >= 0")),
        Ok(0) => NEVER,
        Ok(at) if absolute => at,
        Ok(_) => TimeForm::Millis.positive(&args, 2, now, "restore")?,
    };
    let bad = || CommandError::text("ERR DUMP payload version or checksum are wrong");
    let bytes = dump::checked(args.at(3)).filter(|bytes| bytes.len() <= BULK_BYTES_MAX).ok_or_else(bad)?;
    let entry = dump::restore(key, bytes, deadline, context.clock());
    let entry = entry.map_err(|_| CommandError::text("ERR Bad data format"))?;
    if deadline < now {
        context.remove(key);
        context.effect(&[b"DEL", key]);
    } else {
        let time = if deadline == NEVER { 0 } else { deadline };
        context.put(entry);
        context.effect(&[b"RESTORE", key, time.to_string().as_bytes(), args.at(3), b"REPLACE", b"ABSTTL"]);
        context.signal_ready(key);
    }
    reply.ok();
    Ok(())
}

impl Entry {
    /// The same under another key.
    fn renamed(self, key: &[u8]) -> Entry {
        match self {
            Entry::Str(string) => {
                let entry = Entry::Str(string);
                Entry::string(key, entry.as_string().unwrap_or_default(), entry.deadline(), entry.clock())
            }
            Entry::Object(object) => object.renamed(key),
        }
    }
}
