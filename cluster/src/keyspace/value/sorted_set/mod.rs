//! A sorted set: distinct members ordered by score, equal scores by member.
//!
//! # Layout
//!
//! - [`compact`]: small sets, packed and walked.
//! - [`tree`]: the order of large ones, by rank in O(log n); their members are in a [`Dense`].
//! - [`range`]: ranges of scores and of members.

mod compact;
pub mod range;
mod tree;

use super::codec::{self, DecodeError, Reader, put_bytes, put_varint};
use super::dense::{Dense, Record};
use super::heap::allocated;
use compact::Compact;
use shared::limits::{SORTED_SET_COMPACT_BYTES_MAX, SORTED_SET_COMPACT_ENTRIES_MAX};
use std::cmp::Ordering;
use std::ops::Range;
use tree::{Item, Run, Tree};

/// Distinct members ordered by score.
#[derive(Debug, Clone)]
pub struct SortedSet {
    repr: Repr,
}

#[derive(Debug, Clone)]
enum Repr {
    Compact(Compact),
    Indexed(Box<Indexed>),
}

#[derive(Debug, Clone)]
struct Indexed {
    members: Dense<Scored>,
    order: Tree,
}

#[derive(Debug, Clone)]
struct Scored {
    member: Box<[u8]>,
    score: f64,
}

impl Record for Scored {
    fn key(&self) -> &[u8] {
        &self.member
    }

    fn heap_bytes(&self) -> usize {
        allocated(self.member.len())
    }
}

/// A member with its score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Entry<'a> {
    /// The member.
    pub member: &'a [u8],
    /// Its score, never NaN.
    pub score: f64,
}

/// What [`SortedSet::insert`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The member is new.
    Added,
    /// The member was there with another score.
    Moved,
    /// The member was there with this score.
    None,
}

/// Whether `a` stands before `b`.
fn is_before(a: Entry<'_>, b: Entry<'_>) -> bool {
    match a.score.partial_cmp(&b.score) {
        Some(Ordering::Less) => true,
        Some(Ordering::Equal) => a.member < b.member,
        _ => false,
    }
}

impl Default for SortedSet {
    fn default() -> SortedSet {
        SortedSet::new()
    }
}

impl SortedSet {
    /// A sorted set without members.
    pub const fn new() -> SortedSet {
        SortedSet { repr: Repr::Compact(Compact::new()) }
    }

    /// Number of members.
    pub fn len(&self) -> usize {
        match &self.repr {
            Repr::Compact(compact) => compact.len(),
            Repr::Indexed(indexed) => indexed.members.len(),
        }
    }

    /// Whether there are no members: the key is then removed.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The name OBJECT ENCODING gives; a large one goes by Redis's name for it.
    pub const fn encoding(&self) -> &'static str {
        match &self.repr {
            Repr::Compact(_) => "listpack",
            Repr::Indexed(_) => "skiplist",
        }
    }

    /// Bytes allocated behind the structure itself.
    pub fn memory_bytes(&self) -> usize {
        match &self.repr {
            Repr::Compact(compact) => compact.memory_bytes(),
            Repr::Indexed(indexed) => {
                size_of::<Indexed>() + indexed.members.memory_bytes() + indexed.order.memory_bytes()
            }
        }
    }

    /// The score of a member.
    pub fn score(&self, member: &[u8]) -> Option<f64> {
        match &self.repr {
            Repr::Compact(compact) => compact.find(member).map(|found| found.score),
            Repr::Indexed(indexed) => indexed.members.get(member).map(|scored| scored.score),
        }
    }

    /// The rank of a member, 0 the lowest.
    pub fn rank(&self, member: &[u8]) -> Option<usize> {
        match &self.repr {
            Repr::Compact(compact) => compact.find(member).map(|found| found.rank),
            Repr::Indexed(indexed) => {
                let score = indexed.members.get(member)?.score;
                Some(indexed.rank(Entry { member, score }))
            }
        }
    }

    /// Sets the score of a member, which must not be NaN.
    pub fn insert(&mut self, member: &[u8], score: f64) -> Change {
        let new = Entry { member, score };
        if let Repr::Compact(compact) = &mut self.repr {
            match compact.find(member) {
                Some(found) if found.score == score => return Change::None,
                Some(found) => {
                    compact.remove(found);
                    compact.insert(new);
                    return Change::Moved;
                }
                None if compact.len() < SORTED_SET_COMPACT_ENTRIES_MAX
                    && member.len() <= SORTED_SET_COMPACT_BYTES_MAX =>
                {
                    compact.insert(new);
                    return Change::Added;
                }
                None => self.index(),
            }
        }
        match &mut self.repr {
            Repr::Indexed(indexed) => indexed.insert(new),
            Repr::Compact(_) => Change::None,
        }
    }

    /// Removes a member; the score it had.
    pub fn remove(&mut self, member: &[u8]) -> Option<f64> {
        match &mut self.repr {
            Repr::Compact(compact) => {
                let found = compact.find(member)?;
                compact.remove(found);
                Some(found.score)
            }
            Repr::Indexed(indexed) => indexed.remove(member),
        }
    }

    /// Removes the members of these ranks; how many there were.
    pub fn remove_ranks(&mut self, ranks: Range<usize>) -> usize {
        let (from, to) = (ranks.start, ranks.end.min(self.len()));
        if from >= to {
            return 0;
        }
        match &mut self.repr {
            Repr::Compact(compact) => compact.remove_ranks(from, to),
            Repr::Indexed(indexed) => {
                for _ in from..to {
                    indexed.remove_rank(from);
                }
            }
        }
        to - from
    }

    /// The member of a rank.
    pub fn at(&self, rank: usize) -> Option<Entry<'_>> {
        match &self.repr {
            Repr::Compact(compact) => compact.iter_from(rank).next(),
            Repr::Indexed(indexed) => indexed.order.get(rank).and_then(|item| indexed.entry(item)),
        }
    }

    /// How many members `is_before` holds for; it must hold for a front part of the order and for nothing behind it.
    pub fn partition_point(&self, mut is_before: impl FnMut(Entry<'_>) -> bool) -> usize {
        match &self.repr {
            Repr::Compact(compact) => compact.iter().take_while(|entry| is_before(*entry)).count(),
            Repr::Indexed(indexed) => {
                indexed.order.partition_point(|item| indexed.entry(item).is_some_and(&mut is_before))
            }
        }
    }

    /// All members, lowest first.
    pub fn iter(&self) -> Ranks<'_> {
        self.ranks(0..self.len())
    }

    /// The members of these ranks, lowest first.
    pub fn ranks(&self, ranks: Range<usize>) -> Ranks<'_> {
        let end = ranks.end.min(self.len());
        let source = match &self.repr {
            Repr::Compact(compact) => Source::Compact(compact.iter_from(ranks.start)),
            Repr::Indexed(indexed) => Source::Indexed { indexed, run: None },
        };
        Ranks { source, rank: ranks.start, left: end.saturating_sub(ranks.start) }
    }

    /// The members of these ranks, highest first.
    pub fn ranks_back(&self, ranks: Range<usize>) -> RanksBack<'_> {
        let end = ranks.end.min(self.len());
        let start = ranks.start.min(end);
        match &self.repr {
            Repr::Compact(_) => RanksBack { source: BackSource::Compact(self.ranks(start..end).collect()) },
            Repr::Indexed(indexed) => {
                RanksBack { source: BackSource::Indexed { indexed, run: None, from: start, to: end } }
            }
        }
    }

    /// Shows some members to `visit` (`cursor` 0 begins); the cursor to go on with, 0 at the end. A small set is shown whole.
    pub fn scan(&self, cursor: u64, count: usize, mut visit: impl FnMut(Entry<'_>)) -> u64 {
        match &self.repr {
            Repr::Compact(compact) => {
                compact.iter().for_each(visit);
                0
            }
            Repr::Indexed(indexed) => indexed.members.scan(cursor, count, |scored| {
                visit(Entry { member: &scored.member, score: scored.score });
            }),
        }
    }

    /// Appends the sorted set as bytes: version, count, then member and score of each in order.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(codec::VERSION);
        put_varint(out, self.len() as u64);
        for entry in self.iter() {
            put_bytes(out, entry.member);
            out.extend_from_slice(&entry.score.to_le_bytes());
        }
    }

    /// The sorted set that [`SortedSet::encode`] wrote. NaN, a wrong order or a member that stands twice is damage.
    pub fn decode(bytes: &[u8]) -> Result<SortedSet, DecodeError> {
        let mut reader = Reader::open(bytes)?;
        let count = reader.count(9)?;
        let mut set = SortedSet::new();
        if count > SORTED_SET_COMPACT_ENTRIES_MAX {
            set.repr = Repr::Indexed(Box::new(Indexed::with_capacity(count)));
        }
        let mut last: Option<Entry<'_>> = None;
        for _ in 0..count {
            let entry = Entry { member: reader.bytes()?, score: reader.double()? };
            if entry.score.is_nan() || last.is_some_and(|last| !is_before(last, entry)) {
                return Err(DecodeError::Damaged("a sorted set is not in order"));
            }
            if set.insert(entry.member, entry.score) != Change::Added {
                return Err(DecodeError::Damaged("a member of a sorted set stands twice"));
            }
            last = Some(entry);
        }
        reader.finish()?;
        Ok(set)
    }

    fn index(&mut self) {
        let mut indexed = Indexed::with_capacity(self.len() + 1);
        self.iter().for_each(|entry| {
            indexed.insert(entry);
        });
        self.repr = Repr::Indexed(Box::new(indexed));
    }
}

impl Indexed {
    fn with_capacity(capacity: usize) -> Indexed {
        Indexed { members: Dense::with_capacity(capacity), order: Tree::default() }
    }

    fn entry(&self, item: Item) -> Option<Entry<'_>> {
        let scored = self.members.at(item.record as usize)?;
        Some(Entry { member: &scored.member, score: item.score })
    }

    /// How many members stand before this one; members are looked at only where scores are equal.
    fn rank(&self, wanted: Entry<'_>) -> usize {
        self.order.partition_point(|item| match item.score.partial_cmp(&wanted.score) {
            Some(Ordering::Less) => true,
            Some(Ordering::Equal) => self.entry(item).is_some_and(|entry| entry.member < wanted.member),
            _ => false,
        })
    }

    fn insert(&mut self, new: Entry<'_>) -> Change {
        let found = self.members.find(new.member).and_then(|at| Some((at, self.members.at(at)?.score)));
        let Some((at, score)) = found else {
            let Ok(record) = u32::try_from(self.members.len()) else { return Change::None };
            let rank = self.rank(new);
            self.members.push(Scored { member: new.member.into(), score: new.score });
            self.order.insert(rank, Item { score: new.score, record });
            return Change::Added;
        };
        if score == new.score {
            return Change::None;
        }
        self.order.remove(self.rank(Entry { member: new.member, score }));
        self.order.insert(self.rank(new), Item { score: new.score, record: at as u32 });
        self.members.change(at, |scored| scored.score = new.score);
        Change::Moved
    }

    fn remove(&mut self, member: &[u8]) -> Option<f64> {
        let score = self.members.get(member)?.score;
        self.order.remove(self.rank(Entry { member, score }));
        self.forget(member);
        Some(score)
    }

    fn remove_rank(&mut self, rank: usize) {
        let removed = self.order.remove(rank).and_then(|item| self.entry(item));
        if let Some(member) = removed.map(|entry| entry.member.to_vec()) {
            self.forget(&member);
        }
    }

    /// Removes a member that is no longer in the order; the record that takes its place is renumbered in the order.
    fn forget(&mut self, member: &[u8]) {
        let Some(moved) = self.members.as_slice().last() else { return };
        let of_moved = (moved.member.as_ref() != member)
            .then(|| self.rank(Entry { member: &moved.member, score: moved.score }));
        let removed = self.members.remove(member);
        if let (Some(rank), Some(removed)) = (of_moved, removed) {
            self.order.renumber(rank, removed.at as u32);
        }
    }
}

/// Members of a range of ranks, lowest first.
#[derive(Debug, Clone)]
pub struct Ranks<'a> {
    source: Source<'a>,
    rank: usize,
    left: usize,
}

#[derive(Debug, Clone)]
enum Source<'a> {
    Compact(compact::Iter<'a>),
    Indexed { indexed: &'a Indexed, run: Option<Run<'a>> },
}

impl<'a> Iterator for Ranks<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        self.left = self.left.checked_sub(1)?;
        let rank = self.rank;
        self.rank += 1;
        match &mut self.source {
            Source::Compact(entries) => entries.next(),
            Source::Indexed { indexed, run } => {
                if run.is_none_or(|run| run.offset >= run.len()) {
                    *run = indexed.order.run(rank);
                }
                let run = run.as_mut()?;
                let item = run.item(run.offset)?;
                run.offset += 1;
                indexed.entry(item)
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

/// Members of a range of ranks, highest first.
#[derive(Debug, Clone)]
pub struct RanksBack<'a> {
    source: BackSource<'a>,
}

#[derive(Debug, Clone)]
enum BackSource<'a> {
    /// What is still to come, lowest first.
    Compact(Vec<Entry<'a>>),
    Indexed {
        indexed: &'a Indexed,
        run: Option<Run<'a>>,
        from: usize,
        to: usize,
    },
}

impl<'a> Iterator for RanksBack<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        match &mut self.source {
            BackSource::Compact(left) => left.pop(),
            BackSource::Indexed { indexed, run, from, to } => {
                if from >= to {
                    return None;
                }
                *to -= 1;
                // `offset` counts the items of the run that are still to come, the next one included.
                if run.is_none_or(|run| run.offset == 0) {
                    *run = indexed.order.run(*to).map(|mut run| {
                        run.offset += 1;
                        run
                    });
                }
                let run = run.as_mut()?;
                run.offset -= 1;
                indexed.entry(run.item(run.offset)?)
            }
        }
    }
}

#[cfg(test)]
mod tests;
