//! What the commands on collections share: options of the SCAN family, random members, ranges of indices, counted keys.

use super::{Args, CommandError, Reply};
use crate::glob;
use crate::keyspace::value::packed::Packed;
use shared::limits::{COLLECTION_ENTRIES_MAX, RANDOM_MEMBERS_MAX};
use shared::rt::rng::Rng;
use std::cell::RefCell;
use std::ops::Range;

/// What a count of members to take is refused with.
pub const MUST_BE_POSITIVE: &str = "ERR value is out of range, must be positive";

/// Options of HSCAN, SSCAN and ZSCAN.
#[derive(Debug, Clone, Copy)]
pub struct ScanOptions<'a> {
    pattern: Option<&'a [u8]>,
    /// How many entries to look at.
    pub count: usize,
}

impl<'a> ScanOptions<'a> {
    /// Reads `[MATCH pattern] [COUNT count]` from the word at `first` on.
    pub fn parse(args: Args<'a>, first: usize) -> Result<ScanOptions<'a>, CommandError> {
        let mut options = ScanOptions { pattern: None, count: 10 };
        let mut at = first;
        while at < args.len() {
            let Some(value) = args.get(at + 1) else { return Err(CommandError::Syntax) };
            if args.is(at, "count") {
                let count = args.int(at + 1)?;
                options.count =
                    usize::try_from(count).ok().filter(|count| *count > 0).ok_or(CommandError::Syntax)?;
            } else if args.is(at, "match") {
                options.pattern = (value != b"*").then_some(value);
            } else {
                return Err(CommandError::Syntax);
            }
            at += 2;
        }
        Ok(options)
    }

    /// Whether an entry of this name is asked for.
    pub fn takes(&self, name: &[u8]) -> bool {
        self.pattern.is_none_or(|pattern| glob::matches(pattern, name))
    }
}

/// A cursor of the SCAN family.
pub fn cursor(args: Args<'_>, at: usize) -> Result<u64, CommandError> {
    let text = args.get(at).and_then(|text| std::str::from_utf8(text).ok());
    text.and_then(|text| text.parse().ok()).ok_or(CommandError::text("ERR invalid cursor"))
}

/// The answer of the SCAN family: where to go on, and what was found.
pub fn scan_reply(reply: &mut Reply<'_>, cursor: u64, found: &Packed) {
    reply.array(2);
    reply.bulk(cursor.to_string().as_bytes());
    reply.array(found.len());
    found.iter().for_each(|entry| reply.bulk(entry));
}

/// The answer of the SCAN family for a key that is not there.
pub fn scan_nothing(reply: &mut Reply<'_>) {
    scan_reply(reply, 0, &Packed::new());
}

/// The indices from `start` to `end` (both included, negative ones from the end) that exist.
pub fn index_range(start: i64, end: i64, len: usize) -> Range<usize> {
    let len_signed = i64::try_from(len).unwrap_or(i64::MAX);
    let absolute = |index: i64| if index < 0 { index.saturating_add(len_signed) } else { index };
    let first = usize::try_from(absolute(start)).unwrap_or(0);
    let behind = usize::try_from(absolute(end).saturating_add(1)).unwrap_or(0).min(len);
    if first >= behind { 0..0 } else { first..behind }
}

/// The index from the front that `index` stands for; `None` if it is before the first.
pub fn absolute_index(index: i64, len: usize) -> Option<usize> {
    let len = i64::try_from(len).unwrap_or(i64::MAX);
    usize::try_from(if index < 0 { index.saturating_add(len) } else { index }).ok()
}

/// Which members a RANDMEMBER command asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sample {
    /// So many, each at most once.
    Distinct(usize),
    /// So many, each drawn from all.
    Repeated(usize),
}

impl Sample {
    /// Reads the count of SRANDMEMBER, HRANDFIELD, ZRANDMEMBER: a negative one allows repetition.
    pub fn parse(args: Args<'_>, at: usize) -> Result<Sample, CommandError> {
        let count = args.int(at)?;
        if count == i64::MIN {
            return Err(CommandError::text(
                "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
            ));
        }
        let size = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
        Ok(if count < 0 { Sample::Repeated(size) } else { Sample::Distinct(size) })
    }

    /// Indices below `len`: as many as asked for, or as there are.
    ///
    /// Redis would build a reply of any size; one that no client can hold is refused here.
    pub fn indices(self, len: usize) -> Result<Vec<usize>, CommandError> {
        match self {
            _ if len == 0 => Ok(vec![]),
            Sample::Repeated(count) if count > RANDOM_MEMBERS_MAX => {
                Err(CommandError::text("ERR value is out of range"))
            }
            Sample::Repeated(count) => Ok((0..count).map(|_| random_below(len)).collect()),
            Sample::Distinct(count) if count >= len => Ok((0..len).collect()),
            Sample::Distinct(count) => Ok(distinct_below(len, count)),
        }
    }
}

thread_local! {
    static RANDOM: RefCell<Rng> = RefCell::new(Rng::from_system());
}

/// A random index below `len`; `None` if there is none.
pub fn random_index(len: usize) -> Option<usize> {
    (len > 0).then(|| random_below(len))
}

fn random_below(len: usize) -> usize {
    RANDOM.with_borrow_mut(|rng| rng.below(len as u64)) as usize
}

/// `count` distinct indices below `len`, ascending (Floyd's method).
fn distinct_below(len: usize, count: usize) -> Vec<usize> {
    let mut chosen = std::collections::BTreeSet::new();
    for top in len - count..len {
        let index = random_below(top + 1);
        if !chosen.insert(index) {
            chosen.insert(top);
        }
    }
    chosen.into_iter().collect()
}

/// Refuses to let a collection grow beyond what its index can number.
pub fn room(len: usize, more: usize) -> Result<(), CommandError> {
    if len.saturating_add(more) > COLLECTION_ENTRIES_MAX {
        return Err(CommandError::text("ERR the value would hold too many entries"));
    }
    Ok(())
}

/// The range of words that are keys in `numkeys key [key …]`, where the word at `at` counts them. If there are not so many
/// words left, the error is `too_many`.
pub fn counted_keys(args: Args<'_>, at: usize, too_many: CommandError) -> Result<Range<usize>, CommandError> {
    let count = positive(args, at, "ERR numkeys should be greater than 0")?;
    let first = at + 1;
    if count > args.len() - first { Err(too_many) } else { Ok(first..first + count) }
}

/// The word at `at` as a number above 0; else an error with this text.
pub fn positive(args: Args<'_>, at: usize, text: &'static str) -> Result<usize, CommandError> {
    let number =
        args.int(at).ok().and_then(|number| usize::try_from(number).ok()).filter(|number| *number > 0);
    number.ok_or(CommandError::text(text))
}

/// The word at `at` as a number not below 0; else an error with this text.
pub fn not_negative(args: Args<'_>, at: usize, text: &'static str) -> Result<usize, CommandError> {
    let number = args.int(at).ok().and_then(|number| usize::try_from(number).ok());
    number.ok_or(CommandError::text(text))
}

/// A time to wait, in seconds with a fraction, as the B commands take it; `None` waits for ever.
pub fn timeout_ms(args: Args<'_>, at: usize) -> Result<Option<u64>, CommandError> {
    let range = CommandError::text("ERR timeout is not a float or out of range");
    let seconds = args.float(at).map_err(|_| range.clone())?;
    if seconds < 0.0 {
        return Err(CommandError::text("ERR timeout is negative"));
    }
    let ms = (seconds * 1_000.0).ceil();
    if ms > i64::MAX as f64 {
        return Err(CommandError::text("ERR timeout is out of range"));
    }
    Ok((ms > 0.0).then_some(ms as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_ranges_are_those_of_lrange() {
        for (start, end, len, expected) in [
            (0, -1, 5, 0..5),
            (-3, -2, 5, 2..4),
            (-100, 100, 5, 0..5),
            (5, 10, 5, 0..0),
            (3, 2, 5, 0..0),
            (0, -6, 5, 0..0),
            (0, 0, 0, 0..0),
            (i64::MIN, i64::MAX, 5, 0..5),
            (i64::MAX, i64::MIN, 5, 0..0),
        ] {
            assert_eq!(index_range(start, end, len), expected, "{start} {end}");
        }
    }

    #[test]
    fn distinct_samples_are_distinct_and_as_many_as_asked_for() {
        for count in [0, 1, 5, 99, 100, 1_000] {
            let indices = Sample::Distinct(count).indices(100).unwrap();
            assert_eq!(indices.len(), count.min(100));
            assert!(indices.is_sorted_by(|a, b| a < b) && indices.iter().all(|index| *index < 100));
        }
        assert_eq!(Sample::Repeated(500).indices(3).map(|indices| indices.len()), Ok(500));
        assert_eq!(Sample::Repeated(usize::MAX).indices(0), Ok(vec![]));
        assert!(Sample::Repeated(usize::MAX).indices(1).is_err());
    }
}
