//! Walking over all keys: each partition under its own lock, one after another.
//!
//! SCAN walks the slots in order, and within a slot in the order of the hash, which growth does not change: a key that is there
//! from the first call to the last is answered, however the tables grow or shrink meanwhile, and none is answered twice. The
//! cursor is the slot (14 bits) and the place in that order (48 bits).

use shared::limits::{PARTITIONS, SLOTS};
use shared::slot::Slot;

use crate::command::{Args, CommandError, KeyContext, Reply};
use crate::glob;
use crate::keyspace::Partition;
use crate::keyspace::entry::Entry;
use crate::keyspace::slot_table::ORDER_BITS;

type Result<T = ()> = std::result::Result<T, CommandError>;

/// Keys looked at by a SCAN that does not say COUNT.
const COUNT_DEFAULT: usize = 10;

/// Samples of RANDOMKEY that may be past their deadline before it looks at all keys.
const RANDOM_TRIES: usize = 64;

/// What SCAN is asked for.
struct Filter<'a> {
    pattern: Option<&'a [u8]>,
    type_name: Option<String>,
    now_ms: u64,
}

impl Filter<'_> {
    fn wants(&self, entry: &Entry) -> bool {
        entry.deadline() >= self.now_ms
            && self.pattern.is_none_or(|pattern| glob::matches(pattern, entry.key()))
            && self.type_name.as_ref().is_none_or(|name| name == entry.type_name())
    }
}

/// `SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]`
pub fn scan(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    let cursor = std::str::from_utf8(args.at(1)).ok().and_then(|text| text.parse().ok());
    let cursor: u64 = cursor.ok_or(CommandError::text("ERR invalid cursor"))?;
    let mut filter = Filter { pattern: None, type_name: None, now_ms: context.now_ms() };
    let mut count = COUNT_DEFAULT;
    for at in (2..args.len()).step_by(2) {
        if at + 1 == args.len() {
            return Err(CommandError::Syntax);
        } else if args.is(at, "match") {
            filter.pattern = Some(args.at(at + 1)).filter(|pattern| *pattern != b"*");
        } else if args.is(at, "type") {
            filter.type_name = Some(String::from_utf8_lossy(args.at(at + 1)).to_lowercase());
        } else if args.is(at, "count") {
            count = usize::try_from(args.int(at + 1)?)
                .ok()
                .filter(|&count| count > 0)
                .ok_or(CommandError::Syntax)?;
        } else {
            return Err(CommandError::Syntax);
        }
    }
    let mut found = Vec::new();
    let next = walk(context, cursor, count, &mut |entry| {
        if filter.wants(entry) {
            found.push(entry.key().to_vec());
        }
    });
    reply.array(2);
    reply.bulk(next.to_string().as_bytes());
    reply.array(found.len());
    found.iter().for_each(|key| reply.bulk(key));
    Ok(())
}

/// Visits at least `count` entries from the cursor on, if there are so many; the next cursor, or 0 at the end.
fn walk(context: &mut KeyContext<'_>, cursor: u64, count: usize, visit: &mut dyn FnMut(&Entry)) -> u64 {
    let mut from = cursor & ((1 << ORDER_BITS) - 1);
    let mut number = cursor >> ORDER_BITS;
    let mut left = count;
    while let Some(slot) = u16::try_from(number).ok().and_then(Slot::new) {
        let partition = context.partitions().partition(slot.partition());
        if partition.is_empty() {
            // The first slot of the next partition.
            number = ((slot.partition() + 1) * (SLOTS / PARTITIONS)) as u64;
            from = 0;
            continue;
        }
        match step(partition, slot, from, &mut left, visit) {
            Some(next) => from = next,
            None => {
                number += 1;
                from = 0;
            }
        }
        if left == 0 {
            return if number < SLOTS as u64 { number << ORDER_BITS | from } else { 0 };
        }
    }
    0
}

/// Visits entries of one leaf of a slot, at most `left` and those that share the last one's place; where to go on in this slot.
fn step(
    partition: &Partition,
    slot: Slot,
    from: u64,
    left: &mut usize,
    visit: &mut dyn FnMut(&Entry),
) -> Option<u64> {
    let (found, next_leaf) = partition.table(slot).scan(from, partition.hasher());
    let mut last = None;
    for (order, entry) in found {
        if *left == 0 && last != Some(order) {
            return Some(order);
        }
        visit(entry);
        *left = left.saturating_sub(1);
        last = Some(order);
    }
    next_leaf
}

/// `KEYS pattern`
pub fn keys(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    let filter = Filter { pattern: Some(args.at(1)), type_name: None, now_ms: context.now_ms() };
    let mut found = Vec::new();
    for index in 0..PARTITIONS {
        let wanted = context.partitions().partition(index).iter().filter(|entry| filter.wants(entry));
        found.extend(wanted.map(|entry| entry.key().to_vec()));
    }
    reply.array(found.len());
    found.iter().for_each(|key| reply.bulk(key));
    Ok(())
}

/// `RANDOMKEY`
pub fn randomkey(context: &mut KeyContext<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Result {
    let now_ms = context.now_ms();
    let lens: Vec<_> = (0..PARTITIONS).map(|index| context.partitions().partition(index).len()).collect();
    let total: usize = lens.iter().sum();
    for _ in 0..RANDOM_TRIES.min(total) {
        // Partitions by how much they hold, then any key of it.
        let mut place = context.random_below(total as u64) as usize;
        let index = lens.iter().position(|&len| {
            let here = place < len;
            place = place.wrapping_sub(if here { 0 } else { len });
            here
        });
        let random = context.random_below(u64::MAX);
        let partition = context.partitions().partition(index.unwrap_or_default());
        if let Some(entry) = partition.sample(random).filter(|entry| entry.deadline() >= now_ms) {
            reply.bulk(entry.key());
            return Ok(());
        }
    }
    for index in 0..PARTITIONS {
        let partition = context.partitions().partition(index);
        if let Some(entry) = partition.iter().find(|entry| entry.deadline() >= now_ms) {
            reply.bulk(entry.key());
            return Ok(());
        }
    }
    reply.null();
    Ok(())
}

/// `DBSIZE`
pub fn dbsize(context: &mut KeyContext<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Result {
    reply.count((0..PARTITIONS).map(|index| context.partitions().partition(index).len()).sum());
    Ok(())
}
