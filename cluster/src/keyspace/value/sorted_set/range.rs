//! Ranges of a sorted set, by score and by member, and the ranks they take in.

use super::SortedSet;
use std::ops::Range;

/// Scores between two bounds (ZRANGEBYSCORE and its kin). Neither bound is NaN.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScoreRange {
    /// The lower bound.
    pub min: f64,
    /// Whether the lower bound itself is outside.
    pub min_exclusive: bool,
    /// The upper bound.
    pub max: f64,
    /// Whether the upper bound itself is outside.
    pub max_exclusive: bool,
}

impl ScoreRange {
    /// The ranks of the members whose scores are inside.
    pub fn ranks(&self, set: &SortedSet) -> Range<usize> {
        let below = |score: f64| score < self.min || (self.min_exclusive && score == self.min);
        let not_above = |score: f64| score < self.max || (!self.max_exclusive && score == self.max);
        let start = set.partition_point(|entry| below(entry.score));
        let end = set.partition_point(|entry| not_above(entry.score));
        start..end.max(start)
    }
}

/// One bound of a [`LexRange`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LexBound<'a> {
    /// `-`: below every member.
    Lowest,
    /// `+`: above every member.
    Highest,
    /// `[member`.
    Included(&'a [u8]),
    /// `(member`.
    Excluded(&'a [u8]),
}

/// Members between two bounds, in a sorted set whose scores are all equal (ZRANGEBYLEX and its kin).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LexRange<'a> {
    /// The lower bound.
    pub min: LexBound<'a>,
    /// The upper bound.
    pub max: LexBound<'a>,
}

impl LexRange<'_> {
    /// The ranks of the members inside. Where scores differ the answer is some range, as in Redis.
    pub fn ranks(&self, set: &SortedSet) -> Range<usize> {
        let start = set.partition_point(|entry| match self.min {
            LexBound::Lowest => false,
            LexBound::Highest => true,
            LexBound::Included(min) => entry.member < min,
            LexBound::Excluded(min) => entry.member <= min,
        });
        let end = set.partition_point(|entry| match self.max {
            LexBound::Lowest => false,
            LexBound::Highest => true,
            LexBound::Included(max) => entry.member <= max,
            LexBound::Excluded(max) => entry.member < max,
        });
        start..end.max(start)
    }
}
