//! Bits of a string: bit 0 is the highest of the first byte.

use shared::limits::BULK_BYTES_MAX;

use super::range::{clamped, is_backwards};
use crate::command::args::parse_int;
use crate::command::{Args, CommandError, KeyContext, Reply};
use crate::keyspace::entry::{Deadline, NEVER};

type Result<T = ()> = std::result::Result<T, CommandError>;

fn offset(args: &Args<'_>) -> Result<usize> {
    place_of_bit(args.at(2), 1)
}

/// The bit that a word says, counted in units of so many bits.
pub(super) fn place_of_bit(word: &[u8], unit: usize) -> Result<usize> {
    let number = parse_int(word).and_then(|number| usize::try_from(number).ok());
    let fits = number.and_then(|number| number.checked_mul(unit)).filter(|bit| bit >> 3 < BULK_BYTES_MAX);
    fits.ok_or(CommandError::text("ERR bit offset is not an integer or out of range"))
}

/// `SETBIT key offset value`
pub fn setbit(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    let offset = offset(&args)?;
    let bit = match args.int(3) {
        Ok(bit @ (0 | 1)) => bit as u8,
        _ => return Err(CommandError::text("ERR bit is not an integer or out of range")),
    };
    let (byte, shift) = (offset >> 3, 7 - (offset & 7));
    let old = context.edit_string(args.at(1), byte + 1, |bytes| {
        let old = bytes[byte] >> shift & 1;
        bytes[byte] = bytes[byte] & !(1 << shift) | bit << shift;
        old
    })?;
    reply.int(i64::from(old));
    Ok(())
}

/// `GETBIT key offset`
pub fn getbit(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    let offset = offset(&args)?;
    let value = context.string(args.at(1))?.unwrap_or_default();
    reply.int(i64::from(value.get(offset >> 3).map_or(0, |byte| byte >> (7 - (offset & 7)) & 1)));
    Ok(())
}

/// `BITOP AND | OR | XOR | NOT destination key…`: a string that ends earlier than the longest goes on with zeros.
pub fn bitop(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    let combine: Option<fn(u8, u8) -> u8> = match () {
        () if args.is(1, "and") => Some(|a, b| a & b),
        () if args.is(1, "or") => Some(|a, b| a | b),
        () if args.is(1, "xor") => Some(|a, b| a ^ b),
        () if args.is(1, "not") && args.len() == 4 => None,
        () if args.is(1, "not") => {
            return Err(CommandError::text("ERR BITOP NOT must be called with a single source key."));
        }
        () => return Err(CommandError::Syntax),
    };
    let mut sources = Vec::with_capacity(args.len() - 3);
    for key in args.from(3) {
        sources.push(context.string(key)?.unwrap_or_default().to_vec());
    }
    let len = sources.iter().map(Vec::len).max().unwrap_or_default();
    let combined_at = |at: usize| {
        let mut bytes = sources.iter().map(|source| source.get(at).copied().unwrap_or_default());
        let first = bytes.next().unwrap_or_default();
        combine.map_or(!first, |combine| bytes.fold(first, combine))
    };
    let combined: Vec<u8> = (0..len).map(combined_at).collect();
    if combined.is_empty() {
        context.remove(args.at(2));
    } else {
        context.set_string(args.at(2), &combined, Deadline::At(NEVER));
    }
    reply.count(len);
    Ok(())
}

/// Whether the word at this place counts in bits instead of bytes.
fn by_bit(args: &Args<'_>, index: usize) -> Result<bool> {
    match args.get(index) {
        None => Ok(false),
        Some(_) if args.is(index, "bit") => Ok(true),
        Some(_) if args.is(index, "byte") => Ok(false),
        Some(_) => Err(CommandError::Syntax),
    }
}

/// The bits from `start` to `end`, both inclusive, of a string of `len` bytes.
fn bits(start: i64, end: i64, by_bit: bool, len: usize) -> Option<std::ops::Range<usize>> {
    if by_bit {
        return clamped(start, end, len * 8);
    }
    clamped(start, end, len).map(|bytes| bytes.start * 8..bytes.end * 8)
}

/// `BITCOUNT key [start end [BYTE | BIT]]`
pub fn bitcount(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    // As in Redis, what is not there is counted before the rest of the request is looked at.
    let Some(value) = context.string(args.at(1))? else {
        reply.int(0);
        return Ok(());
    };
    let range = match args.len() {
        2 => Some(0..value.len() * 8),
        4 | 5 => {
            let (start, end) = (args.int(2)?, args.int(3)?);
            if is_backwards(start, end) { None } else { bits(start, end, by_bit(&args, 4)?, value.len()) }
        }
        _ => return Err(CommandError::Syntax),
    };
    reply.count(range.map_or(0, |range| count(value, range)));
    Ok(())
}

fn count(value: &[u8], range: std::ops::Range<usize>) -> usize {
    let (first, last) = (range.start >> 3, range.end.div_ceil(8));
    let whole: usize = value[first..last].iter().map(|byte| byte.count_ones() as usize).sum();
    let before = value.get(first).map_or(0, |byte| (byte & !(0xFF_u8 >> (range.start & 7))).count_ones());
    let after =
        if range.end & 7 == 0 { 0 } else { (value[last - 1] & (0xFF_u8 >> (range.end & 7))).count_ones() };
    whole - before as usize - after as usize
}

/// `BITPOS key bit [start [end [BYTE | BIT]]]`
pub fn bitpos(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    let bit = match args.int(2)? {
        bit @ (0 | 1) => bit == 1,
        _ => return Err(CommandError::text("ERR The bit argument must be 1 or 0.")),
    };
    let Some(value) = context.string(args.at(1))? else {
        reply.int(if bit { -1 } else { 0 });
        return Ok(());
    };
    if args.len() > 6 {
        return Err(CommandError::Syntax);
    }
    let range = if args.len() == 3 {
        bits(0, -1, false, value.len())
    } else {
        let (start, by_bit) = (args.int(3)?, by_bit(&args, 5)?);
        bits(start, if args.len() > 4 { args.int(4)? } else { -1 }, by_bit, value.len())
    };
    let Some(range) = range else {
        reply.int(-1);
        return Ok(());
    };
    let end_given = args.len() > 4;
    let found = first(value, range.clone(), bit);
    // Without an end the string is followed by zeros for ever.
    let beyond = if !bit && !end_given { value.len() as i64 * 8 } else { -1 };
    reply.int(found.map_or(beyond, |at| at as i64));
    Ok(())
}

fn first(value: &[u8], range: std::ops::Range<usize>, bit: bool) -> Option<usize> {
    let mut at = range.start;
    while at < range.end {
        let byte = if bit { value[at >> 3] } else { !value[at >> 3] };
        if at & 7 == 0 && byte == 0 {
            at += 8;
            continue;
        }
        if byte >> (7 - (at & 7)) & 1 == 1 {
            return Some(at);
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counting_and_finding_agree_with_bit_by_bit() {
        let value = [0b1010_0101, 0x00, 0xFF, 0b0000_0001];
        let bit = |at: usize| value[at >> 3] >> (7 - (at & 7)) & 1 == 1;
        for start in 0..32 {
            for end in start + 1..=32 {
                let range = start..end;
                assert_eq!(
                    count(&value, range.clone()),
                    range.clone().filter(|&at| bit(at)).count(),
                    "{range:?}"
                );
                for wanted in [true, false] {
                    let slow = range.clone().find(|&at| bit(at) == wanted);
                    assert_eq!(first(&value, range.clone(), wanted), slow, "{range:?}");
                }
            }
        }
    }
}
