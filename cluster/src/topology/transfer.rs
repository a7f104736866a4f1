//! Slots that change hands between two shards as a stream (CLUSTER MIGRATESLOTS): what neither side may forget about that.
//!
//! The giving shard stops serving and claiming the slots before it offers them; from then on only the taking shard knows whose they
//! are. The taking shard notes that it takes them before it serves them. Both notes are on the disks of all copies that could be
//! elected before the next step is made, so whoever leads one of the two shards afterwards knows how far it had come.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use shared::epoch::Epoch;
use shared::node_id::{NodeId, NotANodeId};
use shared::slot::Slot;
use shared::slot_set::SlotSet;

use super::ShardId;

/// The name of a transfer: 160 random bits, as of a node.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransferId(pub NodeId);

impl fmt::Display for TransferId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for TransferId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TransferId({self})")
    }
}

impl FromStr for TransferId {
    type Err = NotANodeId;

    fn from_str(text: &str) -> Result<TransferId, NotANodeId> {
        text.parse().map(TransferId)
    }
}

/// Which side of a transfer this shard is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// It had the slots, and neither serves nor claims them: the other shard may have them by now.
    Giving,
    /// It will have them: nobody else can any more.
    Taking,
    /// They came key by key: they are claimed when all copies that could be elected know that, and their old owner has let go of them.
    Claiming,
    /// It had them. Remembered for a while, as whoever gave them may not have heard of it.
    Taken,
}

impl Side {
    /// Its word in `nodes.conf`.
    pub fn word(self) -> &'static str {
        match self {
            Side::Giving => "giving",
            Side::Taking => "taking",
            Side::Claiming => "claiming",
            Side::Taken => "taken",
        }
    }

    /// Whether the slots change hands still.
    pub fn is_open(self) -> bool {
        self != Side::Taken
    }
}

/// A transfer, as one of its two shards knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// Which side this shard is on.
    pub side: Side,
    /// The shard on the other side.
    pub shard: ShardId,
    /// The config epoch in which this shard gave or takes the slots.
    pub epoch: Epoch,
    /// What changes hands.
    pub slots: SlotSet,
}

/// The transfers of a shard.
pub type Transfers = BTreeMap<TransferId, Transfer>;

/// Slots as text: ranges with commas between, `0-5,9`.
pub fn describe_slots(slots: &SlotSet, between: &str) -> String {
    let range = |range: std::ops::RangeInclusive<u16>| match range.into_inner() {
        (first, last) if first == last => first.to_string(),
        (first, last) => format!("{first}-{last}"),
    };
    slots.ranges().into_iter().map(range).collect::<Vec<_>>().join(between)
}

/// Reads what [`describe_slots`] writes with commas; at least one slot, none twice.
///
/// # Errors
/// It is not that.
pub fn parse_slots(text: &str) -> Result<SlotSet, &'static str> {
    const WHAT: &str = "slots are ranges of numbers with commas between";
    let number = |word: &str| word.parse().ok().and_then(Slot::new).ok_or(WHAT);
    let mut slots = SlotSet::new();
    for word in text.split(',') {
        let (first, last) = word.split_once('-').unwrap_or((word, word));
        let (first, last) = (number(first)?, number(last)?);
        let mut new = (first.number()..=last.number()).filter_map(Slot::new).map(|slot| slots.insert(slot));
        if first > last || !new.all(|new| new) {
            return Err(WHAT);
        }
    }
    Ok(slots)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_read_as_they_are_written() {
        for text in ["0", "0-5,9", "1,3,5-16383"] {
            assert_eq!(describe_slots(&parse_slots(text).unwrap(), ","), text);
        }
        for bad in ["", "x", "5-3", "1,1", "0-16384", "1,", "3-5,4"] {
            assert!(parse_slots(bad).is_err(), "{bad}");
        }
    }
}
