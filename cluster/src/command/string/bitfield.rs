//! BITFIELD: integers of any width inside a string.

use std::ops::RangeInclusive;

use super::bits::place_of_bit;
use crate::command::{Args, CommandError, KeyContext, Reply};

type Result<T = ()> = std::result::Result<T, CommandError>;

/// An integer's width, and whether it has a sign.
#[derive(Clone, Copy)]
struct Width {
    signed: bool,
    /// 1 to 64, without a sign to 63.
    bits: usize,
}

/// What happens to a number that does not fit.
#[derive(Clone, Copy)]
enum Overflow {
    Wrap,
    Saturate,
    Fail,
}

#[derive(Clone, Copy)]
enum Change {
    Set(i64),
    Add(i64),
}

/// One operation; without a change it reads.
struct Operation {
    width: Width,
    /// Of its highest bit.
    offset: usize,
    change: Option<Change>,
    overflow: Overflow,
}

/// `BITFIELD key [GET type offset | [OVERFLOW WRAP | SAT | FAIL] SET type offset value | INCRBY type offset increment]…`
pub fn bitfield(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    let operations = parse(&args)?;
    let changes = operations.iter().filter(|operation| operation.change.is_some());
    let end = changes.map(|operation| operation.offset + operation.width.bits).max();
    let Some(end) = end else { return read(context, &args, &operations, reply) };
    reply.array(operations.len());
    context.edit_string(args.at(1), end.div_ceil(8), |bytes| {
        for operation in &operations {
            match operation.run(bytes) {
                Some(number) => reply.int(number),
                None => reply.null(),
            }
        }
    })
}

/// `BITFIELD_RO key [GET type offset]…`
pub fn bitfield_ro(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    let operations = parse(&args)?;
    if operations.iter().any(|operation| operation.change.is_some()) {
        return Err(CommandError::text("ERR BITFIELD_RO only supports the GET subcommand"));
    }
    read(context, &args, &operations, reply)
}

fn read(
    context: &mut KeyContext<'_>,
    args: &Args<'_>,
    operations: &[Operation],
    reply: &mut Reply<'_>,
) -> Result {
    let bytes = context.string(args.at(1))?.unwrap_or_default();
    reply.array(operations.len());
    operations.iter().for_each(|operation| reply.int(operation.width.load(bytes, operation.offset) as i64));
    Ok(())
}

fn parse(args: &Args<'_>) -> Result<Vec<Operation>> {
    let mut operations = Vec::new();
    let (mut at, mut overflow) = (2, Overflow::Wrap);
    while at < args.len() {
        let behind = args.len() - at - 1;
        if args.is(at, "overflow") && behind >= 1 {
            overflow = match () {
                () if args.is(at + 1, "wrap") => Overflow::Wrap,
                () if args.is(at + 1, "sat") => Overflow::Saturate,
                () if args.is(at + 1, "fail") => Overflow::Fail,
                () => return Err(CommandError::text("ERR Invalid OVERFLOW type specified")),
            };
            at += 2;
            continue;
        }
        let change: Option<fn(i64) -> Change> = match () {
            () if args.is(at, "get") && behind >= 2 => None,
            () if args.is(at, "set") && behind >= 3 => Some(Change::Set),
            () if args.is(at, "incrby") && behind >= 3 => Some(Change::Add),
            () => return Err(CommandError::Syntax),
        };
        let width = Width::parse(args.at(at + 1))?;
        let offset = match args.at(at + 2) {
            // Counted in numbers of this width.
            [b'#', index @ ..] => place_of_bit(index, width.bits)?,
            offset => place_of_bit(offset, 1)?,
        };
        let change = match change {
            None => None,
            Some(change) => Some(change(args.int(at + 3)?)),
        };
        at += if change.is_some() { 4 } else { 3 };
        operations.push(Operation { width, offset, change, overflow });
    }
    Ok(operations)
}

impl Width {
    fn parse(text: &[u8]) -> Result<Width> {
        let width = match text {
            [b'i', bits @ ..] => Some((true, bits, 64)),
            [b'u', bits @ ..] => Some((false, bits, 63)),
            _ => None,
        };
        let width = width.and_then(|(signed, bits, most)| {
            let bits = crate::command::args::parse_int(bits).filter(|bits| (1..=most).contains(bits))?;
            Some(Width { signed, bits: bits as usize })
        });
        width.ok_or(CommandError::text(
            "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.",
        ))
    }

    /// The numbers that fit.
    fn range(self) -> RangeInclusive<i128> {
        if self.signed {
            let half = 1_i128 << (self.bits - 1);
            -half..=half - 1
        } else {
            0..=(1_i128 << self.bits) - 1
        }
    }

    /// The number whose bits are the lowest of `number`.
    fn wrapped(self, number: i128) -> i128 {
        let low = number & ((1_i128 << self.bits) - 1);
        if self.signed && low >> (self.bits - 1) == 1 { low - (1_i128 << self.bits) } else { low }
    }

    /// The number at this bit of a string; what is beyond its end is zero.
    fn load(self, bytes: &[u8], offset: usize) -> i128 {
        let bit = |at: usize| bytes.get(at >> 3).map_or(0, |byte| i128::from(byte >> (7 - (at & 7)) & 1));
        self.wrapped((offset..offset + self.bits).fold(0, |number, at| number << 1 | bit(at)))
    }

    /// Writes a number at this bit of a string that reaches so far.
    fn store(self, bytes: &mut [u8], offset: usize, number: i128) {
        for (place, at) in (offset..offset + self.bits).enumerate() {
            let (bit, shift) = ((number >> (self.bits - 1 - place) & 1) as u8, 7 - (at & 7));
            bytes[at >> 3] = bytes[at >> 3] & !(1 << shift) | bit << shift;
        }
    }
}

impl Operation {
    /// What it answers; nothing if it was not done because the number does not fit.
    fn run(&self, bytes: &mut [u8]) -> Option<i64> {
        let old = self.width.load(bytes, self.offset);
        let Some(change) = self.change else { return Some(old as i64) };
        let wanted = match change {
            // As in Redis, a negative number is a very large one where there is no sign.
            Change::Set(number) if !self.width.signed => i128::from(number as u64),
            Change::Set(number) => i128::from(number),
            Change::Add(more) => old + i128::from(more),
        };
        let range = self.width.range();
        let new = match self.overflow {
            _ if range.contains(&wanted) => wanted,
            Overflow::Wrap => self.width.wrapped(wanted),
            Overflow::Saturate => wanted.clamp(*range.start(), *range.end()),
            Overflow::Fail => return None,
        };
        self.width.store(bytes, self.offset, new);
        Some(if matches!(change, Change::Set(_)) { old } else { new } as i64)
    }
}
