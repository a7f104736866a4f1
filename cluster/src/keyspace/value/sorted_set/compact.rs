//! A small sorted set: members and scores in order, packed in one allocation and walked.
//!
//! An entry is `length of the member and form of the score, score, member`. A score that is an integer is a varint, any other
//! eight bytes.

use super::{Entry, is_before};
use crate::keyspace::value::codec::{put_varint, unzigzag, varint_at, zigzag};
use crate::keyspace::value::heap::allocated;

/// Scores up to here are exact as integers, and are packed as such.
const INTEGER_MAX: f64 = 9_007_199_254_740_992.0;

/// Members and scores in order.
#[derive(Debug, Clone, Default)]
pub(super) struct Compact {
    bytes: Vec<u8>,
    len: usize,
}

/// Where a member was found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    pub(super) rank: usize,
    pub(super) score: f64,
    begin: usize,
    end: usize,
}

impl Compact {
    pub(super) const fn new() -> Compact {
        Compact { bytes: Vec::new(), len: 0 }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) fn memory_bytes(&self) -> usize {
        allocated(self.bytes.capacity())
    }

    pub(super) fn find(&self, member: &[u8]) -> Option<Found> {
        let (mut at, mut rank) = (0, 0);
        while let Some((entry, next)) = self.entry(at) {
            if entry.member == member {
                return Some(Found { rank, score: entry.score, begin: at, end: next });
            }
            at = next;
            rank += 1;
        }
        None
    }

    /// Adds a member that is not there.
    pub(super) fn insert(&mut self, new: Entry<'_>) {
        let mut at = 0;
        while let Some((entry, next)) = self.entry(at) {
            if !is_before(entry, new) {
                break;
            }
            at = next;
        }
        let mut encoded = Vec::with_capacity(new.member.len() + 12);
        put_entry(&mut encoded, new);
        if self.bytes.capacity() - self.bytes.len() < encoded.len() {
            self.bytes.reserve_exact(encoded.len() + self.bytes.len() / 8);
        }
        self.bytes.splice(at..at, encoded);
        self.len += 1;
    }

    pub(super) fn remove(&mut self, found: Found) {
        self.bytes.drain(found.begin..found.end);
        self.len -= 1;
        self.tighten();
    }

    /// Removes the entries from rank `from` to before rank `to`.
    pub(super) fn remove_ranks(&mut self, from: usize, to: usize) {
        let (begin, end) = (self.offset(from), self.offset(to));
        self.bytes.drain(begin..end);
        self.len -= to - from;
        self.tighten();
    }

    /// The entries in order.
    pub(super) fn iter(&self) -> Iter<'_> {
        self.iter_from(0)
    }

    /// The entries from a rank on.
    pub(super) fn iter_from(&self, rank: usize) -> Iter<'_> {
        Iter { compact: self, at: self.offset(rank) }
    }

    fn offset(&self, rank: usize) -> usize {
        let mut at = 0;
        for _ in 0..rank {
            let Some((_, next)) = self.entry(at) else { break };
            at = next;
        }
        at
    }

    fn entry(&self, at: usize) -> Option<(Entry<'_>, usize)> {
        let mut next = at;
        let head = varint_at(&self.bytes, &mut next)?;
        let score = if head & 1 == 1 {
            unzigzag(varint_at(&self.bytes, &mut next)?) as f64
        } else {
            let begin = next;
            next += 8;
            f64::from_le_bytes(self.bytes.get(begin..next)?.try_into().ok()?)
        };
        let begin = next;
        next += usize::try_from(head >> 1).ok()?;
        Some((Entry { member: self.bytes.get(begin..next)?, score }, next))
    }

    fn tighten(&mut self) {
        if self.bytes.capacity() > 64 && self.bytes.len() < self.bytes.capacity() / 4 {
            self.bytes.shrink_to_fit();
        }
    }
}

fn put_entry(out: &mut Vec<u8>, entry: Entry<'_>) {
    // -0.0 is no integer here: it must come back as it was.
    let is_integer = entry.score.fract() == 0.0
        && entry.score.abs() <= INTEGER_MAX
        && (entry.score != 0.0 || entry.score.is_sign_positive());
    put_varint(out, (entry.member.len() as u64) << 1 | u64::from(is_integer));
    if is_integer {
        put_varint(out, zigzag(entry.score as i64));
    } else {
        out.extend_from_slice(&entry.score.to_le_bytes());
    }
    out.extend_from_slice(entry.member);
}

/// The entries of a [`Compact`] in order.
#[derive(Debug, Clone)]
pub(super) struct Iter<'a> {
    compact: &'a Compact,
    at: usize,
}

impl<'a> Iterator for Iter<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        let (entry, next) = self.compact.entry(self.at)?;
        self.at = next;
        Some(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_score_comes_back_bit_by_bit() {
        let scores = [
            0.0,
            -0.0,
            1.0,
            -1.0,
            0.5,
            f64::MAX,
            f64::MIN_POSITIVE,
            f64::INFINITY,
            f64::NEG_INFINITY,
            INTEGER_MAX,
            1e300,
        ];
        for score in scores {
            let mut compact = Compact::new();
            compact.insert(Entry { member: b"m", score });
            assert_eq!(
                compact.find(b"m").map(|found| found.score.to_bits()),
                Some(score.to_bits()),
                "{score}"
            );
        }
    }

    #[test]
    fn a_whole_score_takes_few_bytes() {
        let mut compact = Compact::new();
        compact.insert(Entry { member: b"member", score: 60.0 });
        assert_eq!(compact.bytes.len(), 8);
    }
}
