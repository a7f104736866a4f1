//! Parts of a string.

use shared::limits::BULK_BYTES_MAX;

use crate::command::{Args, CommandError, KeyContext, Reply};

type Result<T = ()> = std::result::Result<T, CommandError>;

/// `APPEND key value`
pub fn append(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    let (key, tail) = (args.at(1), args.at(2));
    let old = context.string(key)?.map_or(0, <[u8]>::len);
    let new = checked_len(old, tail.len())?;
    context.edit_string(key, new, |bytes| bytes[old..new].copy_from_slice(tail))?;
    reply.count(new);
    Ok(())
}

/// `STRLEN key`
pub fn strlen(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    reply.count(context.string(args.at(1))?.map_or(0, <[u8]>::len));
    Ok(())
}

/// `GETRANGE key start end`: both inclusive, negative from the end.
pub fn getrange(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    let (start, end) = (args.int(2)?, args.int(3)?);
    let value = context.string(args.at(1))?.unwrap_or_default();
    reply.bulk(span(start, end, value.len()).map_or(&[], |range| &value[range]));
    Ok(())
}

/// `SETRANGE key offset value`
pub fn setrange(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    let (key, value) = (args.at(1), args.at(3));
    let offset =
        usize::try_from(args.int(2)?).map_err(|_| CommandError::text("ERR offset is out of range"))?;
    let old = context.string(key)?.map_or(0, <[u8]>::len);
    if value.is_empty() {
        reply.count(old);
        return Ok(());
    }
    let end = checked_len(offset, value.len())?;
    context.edit_string(key, end, |bytes| bytes[offset..end].copy_from_slice(value))?;
    reply.count(old.max(end));
    Ok(())
}

fn checked_len(old: usize, more: usize) -> Result<usize> {
    old.checked_add(more).filter(|&len| len <= BULK_BYTES_MAX).ok_or(CommandError::StringTooLong)
}

/// The bytes from `start` to `end`, both inclusive, negative from the end; none if that is empty.
pub(super) fn span(start: i64, end: i64, len: usize) -> Option<std::ops::Range<usize>> {
    if is_backwards(start, end) { None } else { clamped(start, end, len) }
}

/// Whether a range counts from the end and ends before it starts: empty, even where both lie before the beginning.
pub(super) fn is_backwards(start: i64, end: i64) -> bool {
    start < 0 && end < 0 && start > end
}

/// As [`span`], but what lies before the beginning is the first byte, as BITPOS has it.
pub(super) fn clamped(start: i64, end: i64, len: usize) -> Option<std::ops::Range<usize>> {
    let size = i64::try_from(len).unwrap_or(i64::MAX);
    let absolute = |index: i64| if index < 0 { index.saturating_add(size).max(0) } else { index };
    let (start, end) = (absolute(start), absolute(end).min(size - 1));
    (start <= end && size > 0).then(|| start as usize..end as usize + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_within_what_is_there() {
        for (start, end, len, expected) in [
            (0, 16, 0, None),
            (0, -1, 0, None),
            (0, -1, 5, Some(0..5)),
            (-3, -2, 5, Some(2..4)),
            (-9, 1, 5, Some(0..2)),
            (4, 99, 5, Some(4..5)),
            (5, 99, 5, None),
            (-1, -2, 5, None),
            (i64::MIN, i64::MAX, 5, Some(0..5)),
        ] {
            assert_eq!(span(start, end, len), expected, "{start} {end} of {len}");
        }
    }
}
