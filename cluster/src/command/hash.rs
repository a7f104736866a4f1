//! Commands on hashes.

use super::collection::{Sample, ScanOptions, cursor, random_index, room, scan_nothing, scan_reply};
use super::decimal;
use super::flag::{DENY_OOM, FAST, READ, WRITE};
use super::spec::ONE_KEY;
use super::{Args, CommandError, CommandSpec, Group, KeyContext, Reply};
use crate::keyspace::value::Hash;
use crate::keyspace::value::packed::Packed;

type Done = Result<(), CommandError>;

const HASH: Group = Group::Hash;

/// The rows of this module.
#[rustfmt::skip]
pub const COMMANDS: &[CommandSpec] = &[
    HASH.row("hset", -4, WRITE | DENY_OOM | FAST, ONE_KEY, "2.0.0", "Sets fields of a hash.", hset),
    HASH.row("hmset", -4, WRITE | DENY_OOM | FAST, ONE_KEY, "2.0.0", "Sets fields of a hash (older form of HSET).", hmset),
    HASH.row("hsetnx", 4, WRITE | DENY_OOM | FAST, ONE_KEY, "2.0.0", "Sets a field of a hash if it is not there.", hsetnx),
    HASH.row("hget", 3, READ | FAST, ONE_KEY, "2.0.0", "Returns the value of a field of a hash.", hget),
    HASH.row("hmget", -3, READ | FAST, ONE_KEY, "2.0.0", "Returns the values of fields of a hash.", hmget),
    HASH.row("hgetall", 2, READ, ONE_KEY, "2.0.0", "Returns all fields and values of a hash.", hgetall),
    HASH.row("hkeys", 2, READ, ONE_KEY, "2.0.0", "Returns all fields of a hash.", hkeys),
    HASH.row("hvals", 2, READ, ONE_KEY, "2.0.0", "Returns all values of a hash.", hvals),
    HASH.row("hdel", -3, WRITE | FAST, ONE_KEY, "2.0.0", "Removes fields of a hash.", hdel),
    HASH.row("hlen", 2, READ | FAST, ONE_KEY, "2.0.0", "Returns the number of fields of a hash.", hlen),
    HASH.row("hstrlen", 3, READ | FAST, ONE_KEY, "3.2.0", "Returns the length of a field's value.", hstrlen),
    HASH.row("hexists", 3, READ | FAST, ONE_KEY, "2.0.0", "Tells whether a field is in a hash.", hexists),
    HASH.row("hincrby", 4, WRITE | DENY_OOM | FAST, ONE_KEY, "2.0.0", "Adds an integer to a field's value.", hincrby),
    HASH.row("hincrbyfloat", 4, WRITE | DENY_OOM | FAST, ONE_KEY, "2.6.0", "Adds a float to a field's value.", hincrbyfloat),
    HASH.row("hscan", -3, READ, ONE_KEY, "2.8.0", "Walks over the fields of a hash.", hscan),
    HASH.row("hrandfield", -2, READ, ONE_KEY, "6.2.0", "Returns random fields of a hash.", hrandfield),
];

fn set_fields(context: &mut KeyContext<'_>, args: Args<'_>, name: &str) -> Result<usize, CommandError> {
    if !args.len().is_multiple_of(2) {
        return Err(CommandError::Arity(name.to_owned()));
    }
    let hash: &mut Hash = context.find_or_create(args.at(1))?;
    room(hash.len(), args.len() / 2)?;
    let new = (2..args.len()).step_by(2).filter(|&at| hash.set(args.at(at), args.at(at + 1))).count();
    context.changed(args.at(1));
    Ok(new)
}

fn hset(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    reply.count(set_fields(context, args, "hset")?);
    Ok(())
}

fn hmset(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    set_fields(context, args, "hmset")?;
    reply.ok();
    Ok(())
}

fn hsetnx(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let hash: &mut Hash = context.find_or_create(args.at(1))?;
    let new = hash.get(args.at(2)).is_none();
    if new {
        room(hash.len(), 1)?;
        hash.set(args.at(2), args.at(3));
        context.changed(args.at(1));
    }
    reply.flag(new);
    Ok(())
}

fn hget(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let hash: Option<&Hash> = context.find(args.at(1))?;
    reply.bulk_or_null(hash.and_then(|hash| hash.get(args.at(2))));
    Ok(())
}

fn hmget(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let hash: Option<&Hash> = context.find(args.at(1))?;
    reply.array(args.len() - 2);
    args.from(2).for_each(|name| reply.bulk_or_null(hash.and_then(|hash| hash.get(name))));
    Ok(())
}

fn hgetall(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let hash: Option<&Hash> = context.find(args.at(1))?;
    reply.map(hash.map_or(0, Hash::len));
    for (name, value) in hash.iter().flat_map(|hash| hash.iter()) {
        reply.bulk(name);
        reply.bulk(value);
    }
    Ok(())
}

fn hkeys(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let hash: Option<&Hash> = context.find(args.at(1))?;
    reply.array(hash.map_or(0, Hash::len));
    hash.iter().flat_map(|hash| hash.iter()).for_each(|(name, _)| reply.bulk(name));
    Ok(())
}

fn hvals(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let hash: Option<&Hash> = context.find(args.at(1))?;
    reply.array(hash.map_or(0, Hash::len));
    hash.iter().flat_map(|hash| hash.iter()).for_each(|(_, value)| reply.bulk(value));
    Ok(())
}

fn hdel(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let removed = match context.find_mut::<Hash>(args.at(1))? {
        Some(hash) => args.from(2).filter(|name| hash.remove(name)).count(),
        None => 0,
    };
    if removed > 0 {
        context.changed(args.at(1));
    }
    reply.count(removed);
    Ok(())
}

fn hlen(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    reply.count(context.find(args.at(1))?.map_or(0, Hash::len));
    Ok(())
}

fn hstrlen(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let hash: Option<&Hash> = context.find(args.at(1))?;
    reply.count(hash.and_then(|hash| hash.get(args.at(2))).map_or(0, <[u8]>::len));
    Ok(())
}

fn hexists(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let hash: Option<&Hash> = context.find(args.at(1))?;
    reply.flag(hash.is_some_and(|hash| hash.get(args.at(2)).is_some()));
    Ok(())
}

fn hincrby(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let increment = args.int(3)?;
    let hash: Option<&Hash> = context.find(args.at(1))?;
    let old = match hash.and_then(|hash| hash.get(args.at(2))) {
        Some(value) => {
            super::args::parse_int(value).ok_or(CommandError::text("ERR hash value is not an integer"))?
        }
        None => 0,
    };
    let new = old.checked_add(increment);
    let new = new.ok_or(CommandError::text("ERR increment or decrement would overflow"))?;
    set_one(context, args, new.to_string().as_bytes())?;
    reply.int(new);
    Ok(())
}

fn hincrbyfloat(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let increment = args.float(3)?;
    if increment.is_infinite() {
        return Err(CommandError::text("ERR value is NaN or Infinity"));
    }
    let hash: Option<&Hash> = context.find(args.at(1))?;
    let sum = match hash.and_then(|hash| hash.get(args.at(2))) {
        Some(value) if super::args::parse_float(value).is_none() => {
            return Err(CommandError::text("ERR hash value is not a float"));
        }
        Some(value) => decimal::sum(value, args.at(3)),
        None => decimal::sum(b"0", args.at(3)),
    };
    let new = sum.ok_or(CommandError::text("ERR increment would produce NaN or Infinity"))?;
    set_one(context, args, new.as_bytes())?;
    context.effect(&[b"HSET", args.at(1), args.at(2), new.as_bytes()]);
    reply.bulk(new.as_bytes());
    Ok(())
}

/// Sets the field that is the third word.
fn set_one(context: &mut KeyContext<'_>, args: Args<'_>, value: &[u8]) -> Done {
    let hash: &mut Hash = context.find_or_create(args.at(1))?;
    room(hash.len(), 1)?;
    hash.set(args.at(2), value);
    context.changed(args.at(1));
    Ok(())
}

fn hscan(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let cursor = cursor(args, 2)?;
    let Some(hash) = context.find::<Hash>(args.at(1))? else {
        scan_nothing(reply);
        return Ok(());
    };
    let options = ScanOptions::parse(args, 3)?;
    let mut found = Packed::new();
    let next = hash.scan(cursor, options.count, |name, value| {
        if options.takes(name) {
            found.push_back(name);
            found.push_back(value);
        }
    });
    scan_reply(reply, next, &found);
    Ok(())
}

fn hrandfield(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    if args.len() == 2 {
        let hash: Option<&Hash> = context.find(args.at(1))?;
        let index = hash.and_then(|hash| random_index(hash.len()));
        let field = hash.zip(index).and_then(|(hash, index)| hash.at(index));
        reply.bulk_or_null(field.map(|(name, _)| name));
        return Ok(());
    }
    let sample = Sample::parse(args, 2)?;
    let with_values = args.len() == 4 && args.is(3, "withvalues");
    if args.len() > 4 || (args.len() == 4 && !with_values) {
        return Err(CommandError::Syntax);
    }
    let Some(hash) = context.find::<Hash>(args.at(1))? else {
        reply.array(0);
        return Ok(());
    };
    let indices = sample.indices(hash.len())?;
    let pairs = with_values && reply.resp3();
    reply.array(if with_values && !pairs { indices.len() * 2 } else { indices.len() });
    // A packed hash is walked once, an indexed one entered at each index.
    let all: Option<Vec<_>> = hash.is_packed().then(|| hash.iter().collect());
    for index in indices {
        let field = all.as_ref().map_or_else(|| hash.at(index), |all| all.get(index).copied());
        let Some((name, value)) = field else { continue };
        if pairs {
            reply.array(2);
        }
        reply.bulk(name);
        if with_values {
            reply.bulk(value);
        }
    }
    Ok(())
}
