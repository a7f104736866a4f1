//! Bits of a string: bit 0 is the highest of the first byte.

use shared::limits::BULK_BYTES_MAX;

use super::range::span;
use crate::command::{Args, CommandError, KeyContext, Reply};

type Result<T = ()> = std::result::Result<T, CommandError>;

fn offset(args: &Args<'_>) -> Result<usize> {
    let number = args.int(2).ok().and_then(|number| usize::try_from(number).ok());
    let fits = number.filter(|number| number >> 3 < BULK_BYTES_MAX);
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

/// The bits, as a range, that `start end [BYTE | BIT]` from the word at `first` name.
fn bits(args: &Args<'_>, first: usize, len: usize) -> Result<Option<std::ops::Range<usize>>> {
    let by_bit = match args.len() - first {
        3 if args.is(first + 2, "bit") => true,
        3 if args.is(first + 2, "byte") => false,
        0..=2 => false,
        _ => return Err(CommandError::Syntax),
    };
    let (start, end) = (args.int(first)?, if args.len() > first + 1 { args.int(first + 1)? } else { -1 });
    Ok(if by_bit {
        span(start, end, len * 8)
    } else {
        span(start, end, len).map(|bytes| bytes.start * 8..bytes.end * 8)
    })
}

/// `BITCOUNT key [start end [BYTE | BIT]]`
pub fn bitcount(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    if args.len() == 3 || args.len() > 5 {
        return Err(CommandError::Syntax);
    }
    let value = context.string(args.at(1))?.unwrap_or_default();
    let range = if args.len() == 2 { Some(0..value.len() * 8) } else { bits(&args, 2, value.len())? };
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
    if args.len() > 6 {
        return Err(CommandError::Syntax);
    }
    let Some(value) = context.string(args.at(1))? else {
        if args.len() > 3 {
            bits(&args, 3, 0)?;
        }
        reply.int(if bit { -1 } else { 0 });
        return Ok(());
    };
    let range = if args.len() == 3 { Some(0..value.len() * 8) } else { bits(&args, 3, value.len())? };
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
