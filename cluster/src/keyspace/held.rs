//! The locks that one command or one transaction holds.

use shared::limits::PARTITIONS;

use super::{Keyspace, Locked, Partition};

/// Partitions a handler may touch, by index.
pub trait Partitions {
    /// The partition with this index. It must be one that is held.
    fn partition(&mut self, index: usize) -> &mut Partition;
}

/// Locked partitions. Several are always locked in ascending order.
pub enum Held<'k> {
    /// One: what every command in a cluster needs.
    One(Locked<'k>),
    /// Several, ascending: commands over several slots on a node without cluster mode.
    Several(Vec<(usize, Locked<'k>)>),
    /// All.
    All(Vec<Locked<'k>>),
    /// One after another, each for as long as it is looked at.
    Walking(&'k Keyspace, Option<(usize, Locked<'k>)>),
}

impl<'k> Held<'k> {
    /// Locks these partitions; `indices` is sorted here and freed of duplicates.
    pub fn several(keyspace: &'k Keyspace, indices: &mut Vec<usize>) -> Held<'k> {
        indices.sort_unstable();
        indices.dedup();
        match indices[..] {
            [one] => Held::One(keyspace.lock(one)),
            _ => Held::Several(indices.iter().map(|&index| (index, keyspace.lock(index))).collect()),
        }
    }

    /// Locks all partitions.
    pub fn all(keyspace: &'k Keyspace) -> Held<'k> {
        Held::All((0..PARTITIONS).map(|index| keyspace.lock(index)).collect())
    }

    /// Locks none yet.
    pub fn walking(keyspace: &'k Keyspace) -> Held<'k> {
        Held::Walking(keyspace, None)
    }
}

impl Partitions for Held<'_> {
    #[inline]
    fn partition(&mut self, index: usize) -> &mut Partition {
        match self {
            Held::One(locked) => locked,
            Held::Several(locked) => {
                let place = locked.binary_search_by_key(&index, |(held, _)| *held).unwrap_or_default();
                &mut locked[place].1
            }
            Held::All(locked) => &mut locked[index],
            Held::Walking(keyspace, current) => {
                if current.as_ref().is_none_or(|(held, _)| *held != index) {
                    // The lock held until now is given back before the next is taken: a walk holds one at a time.
                    *current = None;
                }
                &mut current.get_or_insert_with(|| (index, keyspace.lock(index))).1
            }
        }
    }
}
