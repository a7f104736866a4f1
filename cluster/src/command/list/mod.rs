//! Commands on lists.
//!
//! [`moving`]: those that take from one list and give to another, at once or when there is something to take.

mod moving;

use super::collection::{MUST_BE_POSITIVE, absolute_index, index_range, not_negative};
use super::flag::{BLOCKING, DENY_OOM, FAST, MOVABLE_KEYS, READ, WRITE};
use super::spec::ONE_KEY;
use super::{Args, CommandError, CommandSpec, Group, KeyContext, KeySpec, Reply};
use crate::keyspace::value::List;
use crate::keyspace::value::list::End;
use moving::{blmove, blmpop, blpop, brpop, brpoplpush, lmove, lmpop, rpoplpush};

type Done = Result<(), CommandError>;

const TWO_KEYS: KeySpec = KeySpec::Span { first: 1, last: 2, step: 1 };
const ALL_BUT_LAST: KeySpec = KeySpec::Span { first: 1, last: -2, step: 1 };
const COUNTED_FIRST: KeySpec = KeySpec::Counted { count: 1, destination: 0 };
const COUNTED_SECOND: KeySpec = KeySpec::Counted { count: 2, destination: 0 };
const PUSH: u32 = WRITE | DENY_OOM | FAST;
const WAITS: u32 = WRITE | BLOCKING;

const LIST: Group = Group::List;

/// The rows of this module.
#[rustfmt::skip]
pub const COMMANDS: &[CommandSpec] = &[
    LIST.row("lpush", -3, PUSH, ONE_KEY, "1.0.0", "Puts elements at the head of a list.", lpush),
    LIST.row("rpush", -3, PUSH, ONE_KEY, "1.0.0", "Puts elements at the tail of a list.", rpush),
    LIST.row("lpushx", -3, PUSH, ONE_KEY, "2.2.0", "Puts elements at the head of a list that exists.", lpushx),
    LIST.row("rpushx", -3, PUSH, ONE_KEY, "2.2.0", "Puts elements at the tail of a list that exists.", rpushx),
    LIST.row("lpop", -2, WRITE | FAST, ONE_KEY, "1.0.0", "Takes elements from the head of a list.", lpop),
    LIST.row("rpop", -2, WRITE | FAST, ONE_KEY, "1.0.0", "Takes elements from the tail of a list.", rpop),
    LIST.row("llen", 2, READ | FAST, ONE_KEY, "1.0.0", "Returns the length of a list.", llen),
    LIST.row("lindex", 3, READ, ONE_KEY, "1.0.0", "Returns the element at an index of a list.", lindex),
    LIST.row("lrange", 4, READ, ONE_KEY, "1.0.0", "Returns a range of elements of a list.", lrange),
    LIST.row("lset", 4, WRITE | DENY_OOM, ONE_KEY, "1.0.0", "Replaces the element at an index of a list.", lset),
    LIST.row("linsert", 5, WRITE | DENY_OOM, ONE_KEY, "2.2.0", "Puts an element before or after another.", linsert),
    LIST.row("lrem", 4, WRITE, ONE_KEY, "1.0.0", "Removes equal elements of a list.", lrem),
    LIST.row("ltrim", 4, WRITE, ONE_KEY, "1.0.0", "Keeps a range of a list and removes the rest.", ltrim),
    LIST.row("lpos", -3, READ, ONE_KEY, "6.0.6", "Returns the indices of equal elements of a list.", lpos),
    LIST.row("lmove", 5, WRITE | DENY_OOM, TWO_KEYS, "6.2.0", "Moves an element from a list to another.", lmove),
    LIST.row("rpoplpush", 3, WRITE | DENY_OOM, TWO_KEYS, "1.2.0", "Moves a list's tail to another's head.", rpoplpush),
    LIST.row("lmpop", -4, WRITE | MOVABLE_KEYS, COUNTED_FIRST, "7.0.0", "Takes elements from the first list that has any.", lmpop),
    LIST.row("blpop", -3, WAITS, ALL_BUT_LAST, "2.0.0", "Takes the head of a list, waiting for one.", blpop),
    LIST.row("brpop", -3, WAITS, ALL_BUT_LAST, "2.0.0", "Takes the tail of a list, waiting for one.", brpop),
    LIST.row("blmove", 6, WAITS | DENY_OOM, TWO_KEYS, "6.2.0", "Moves an element between lists, waiting for one.", blmove),
    LIST.row("brpoplpush", 4, WAITS | DENY_OOM, TWO_KEYS, "2.2.0", "Moves a tail to a head, waiting for one.", brpoplpush),
    LIST.row("blmpop", -5, WAITS | MOVABLE_KEYS, COUNTED_SECOND, "7.0.0", "Takes elements from a list, waiting for some.", blmpop),
];

fn push(context: &mut KeyContext<'_>, args: Args<'_>, end: End, reply: &mut Reply<'_>) -> Done {
    let list: &mut List = context.find_or_create(args.at(1))?;
    args.from(2).for_each(|element| list.push(end, element));
    reply.count(list.len());
    context.changed(args.at(1));
    context.signal_ready(args.at(1));
    Ok(())
}

fn lpush(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    push(context, args, End::Left, reply)
}

fn rpush(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    push(context, args, End::Right, reply)
}

fn push_if_there(context: &mut KeyContext<'_>, args: Args<'_>, end: End, reply: &mut Reply<'_>) -> Done {
    if context.find::<List>(args.at(1))?.is_some() {
        return push(context, args, end, reply);
    }
    reply.int(0);
    Ok(())
}

fn lpushx(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    push_if_there(context, args, End::Left, reply)
}

fn rpushx(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    push_if_there(context, args, End::Right, reply)
}

fn pop(
    context: &mut KeyContext<'_>,
    args: Args<'_>,
    (name, end): (&str, End),
    reply: &mut Reply<'_>,
) -> Done {
    if args.len() > 3 {
        return Err(CommandError::Arity(name.to_owned()));
    }
    let count = match args.get(2) {
        None => None,
        Some(_) => Some(not_negative(args, 2, MUST_BE_POSITIVE)?),
    };
    let Some(list) = context.find_mut::<List>(args.at(1))? else {
        if count.is_some() {
            reply.null_array()
        } else {
            reply.null()
        }
        return Ok(());
    };
    match count {
        None => {
            reply.bulk_or_null(list.peek(end));
            list.drop_at(end, 1);
        }
        Some(0) => {
            reply.array(0);
            return Ok(());
        }
        Some(count) => pop_some(list, end, count, reply),
    }
    context.changed(args.at(1));
    Ok(())
}

/// Takes up to `count` elements and answers them as an array.
fn pop_some(list: &mut List, end: End, count: usize, reply: &mut Reply<'_>) {
    let count = count.min(list.len());
    reply.array(count);
    match end {
        End::Left => list.iter_from(0).take(count).for_each(|element| reply.bulk(element)),
        End::Right => list.iter_back().take(count).for_each(|element| reply.bulk(element)),
    }
    list.drop_at(end, count);
}

fn lpop(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    pop(context, args, ("lpop", End::Left), reply)
}

fn rpop(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    pop(context, args, ("rpop", End::Right), reply)
}

fn llen(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    reply.count(context.find(args.at(1))?.map_or(0, List::len));
    Ok(())
}

fn lindex(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let Some(list) = context.find::<List>(args.at(1))? else {
        reply.null();
        return Ok(());
    };
    let index = absolute_index(args.int(2)?, list.len());
    reply.bulk_or_null(index.and_then(|index| list.get(index)));
    Ok(())
}

fn lrange(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let (start, end) = (args.int(2)?, args.int(3)?);
    let Some(list) = context.find::<List>(args.at(1))? else {
        reply.array(0);
        return Ok(());
    };
    let range = index_range(start, end, list.len());
    reply.array(range.len());
    list.iter_from(range.start).take(range.len()).for_each(|element| reply.bulk(element));
    Ok(())
}

fn lset(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let list: &mut List = context.find_mut(args.at(1))?.ok_or(CommandError::NoSuchKey)?;
    let index = absolute_index(args.int(2)?, list.len());
    if !index.is_some_and(|index| list.set(index, args.at(3))) {
        return Err(CommandError::IndexOutOfRange);
    }
    context.changed(args.at(1));
    reply.ok();
    Ok(())
}

fn linsert(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let behind = match () {
        () if args.is(2, "after") => 1,
        () if args.is(2, "before") => 0,
        () => return Err(CommandError::Syntax),
    };
    let Some(list) = context.find_mut::<List>(args.at(1))? else {
        reply.int(0);
        return Ok(());
    };
    let Some(pivot) = list.iter_from(0).position(|element| element == args.at(3)) else {
        reply.int(-1);
        return Ok(());
    };
    list.insert(pivot + behind, args.at(4));
    reply.count(list.len());
    context.changed(args.at(1));
    Ok(())
}

fn lrem(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let count = args.int(2)?;
    let from = if count < 0 { End::Right } else { End::Left };
    let limit = match count {
        0 => usize::MAX,
        _ => usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX),
    };
    let list: Option<&mut List> = context.find_mut(args.at(1))?;
    let removed = list.map_or(0, |list| list.remove_equal(args.at(3), limit, from));
    if removed > 0 {
        context.changed(args.at(1));
    }
    reply.count(removed);
    Ok(())
}

fn ltrim(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let (start, end) = (args.int(2)?, args.int(3)?);
    if let Some(list) = context.find_mut::<List>(args.at(1))? {
        let range = index_range(start, end, list.len());
        list.drop_at(End::Right, list.len() - range.end);
        list.drop_at(End::Left, range.start);
        context.changed(args.at(1));
    }
    reply.ok();
    Ok(())
}

/// What LPOS looks for.
struct Search {
    /// Matches to pass over.
    skip: u64,
    from: End,
    /// How many indices to answer; `None` answers one, not as an array.
    count: Option<usize>,
    /// How many elements to look at.
    most: usize,
}

impl Search {
    fn parse(args: Args<'_>) -> Result<Search, CommandError> {
        let mut search = Search { skip: 0, from: End::Left, count: None, most: usize::MAX };
        let mut at = 3;
        while at < args.len() {
            if args.get(at + 1).is_none() {
                return Err(CommandError::Syntax);
            }
            // 0 takes all.
            let size =
                |text| not_negative(args, at + 1, text).map(|size| if size == 0 { usize::MAX } else { size });
            if args.is(at, "rank") {
                search.rank(args.int(at + 1)?)?;
            } else if args.is(at, "count") {
                search.count = Some(size("ERR COUNT can't be negative")?);
            } else if args.is(at, "maxlen") {
                search.most = size("ERR MAXLEN can't be negative")?;
            } else {
                return Err(CommandError::Syntax);
            }
            at += 2;
        }
        Ok(search)
    }

    fn rank(&mut self, rank: i64) -> Done {
        if rank == i64::MIN {
            return Err(CommandError::text(
                "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
            ));
        }
        if rank == 0 {
            return Err(CommandError::text(
                "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... \
                 or use negative to start from the end of the list",
            ));
        }
        self.skip = rank.unsigned_abs() - 1;
        self.from = if rank < 0 { End::Right } else { End::Left };
        Ok(())
    }

    fn matches<'l>(&self, elements: impl Iterator<Item = &'l [u8]>, wanted: &[u8]) -> Vec<usize> {
        let mut skip = self.skip;
        let mut found = vec![];
        for (index, element) in elements.take(self.most).enumerate() {
            if element != wanted {
                continue;
            }
            if skip > 0 {
                skip -= 1;
                continue;
            }
            found.push(index);
            if found.len() >= self.count.unwrap_or(1) {
                break;
            }
        }
        found
    }
}

fn lpos(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let search = Search::parse(args)?;
    let mut found = match context.find::<List>(args.at(1))? {
        None => vec![],
        Some(list) if search.from == End::Left => search.matches(list.iter_from(0), args.at(2)),
        Some(list) => {
            let last = list.len() - 1;
            search.matches(list.iter_back(), args.at(2)).into_iter().map(|index| last - index).collect()
        }
    };
    if search.count.is_some() {
        reply.array(found.len());
        found.drain(..).for_each(|index| reply.count(index));
    } else {
        match found.first() {
            Some(index) => reply.count(*index),
            None => reply.null(),
        }
    }
    Ok(())
}
