//! What travels on a replication link: after a request and a line as answer, frames both ways.
//!
//! A frame is one byte of kind, four bytes of length (little-endian), and so many bytes. Numbers are little-endian. Its length is
//! believed only up to [`FRAME_BYTES_MAX`]; a peer that says more is hung up on.

use shared::limits::{ITEM_BYTES_MAX, RANGES, RECORD_BYTES_TARGET, SLOTS_PER_RANGE};
use shared::slot::Slot;
use shared::slot_set::SlotSet;

/// Version of the link: both sides must speak the same.
pub const LINK_VERSION: u64 = 7;

/// Bytes before a frame's own.
pub const HEADER_BYTES: usize = 5;

/// Longest frame, bytes: one record, which may be one item of the greatest length.
pub const FRAME_BYTES_MAX: usize = ITEM_BYTES_MAX + RECORD_BYTES_TARGET + 4096;

/// Length of an acknowledgement, bytes.
pub const ACK_BYTES: usize = 24;

/// Bytes of a slot in [`Holds`].
const HELD_BYTES: usize = 18;

/// Longest frame of a replica, bytes: what it holds of a range.
pub const HOLDS_BYTES_MAX: usize = 1 + SLOTS_PER_RANGE * HELD_BYTES;

/// Where a replica says that a range ends which it has in part only, or another: where no log does.
pub const PART: u64 = u64::MAX;

/// How the replica comes to what it lacks of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// By the log, from where its own ends.
    Log,
    /// By the entries of the slots in which the replica holds something else, as it says with [`Holds`].
    Whole,
}

/// What a slot holds, as numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Content {
    /// How many keys.
    pub held: u64,
    /// The sum of their digests.
    pub digest: u64,
}

/// What a primary says.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// The first: the history of its log, where the log ends, and how each range comes.
    Plan {
        /// As `persistence::History` encodes it.
        history: &'a [u8],
        /// Where the log of each range ends.
        ends: [u64; RANGES],
        /// How each range comes.
        ways: [Way; RANGES],
    },
    /// Records of a range's log.
    Records {
        /// The range, 0 to 15.
        range: usize,
        /// Whole and sealed.
        bytes: &'a [u8],
    },
    /// A range comes by its entries; its log comes from `start` on.
    Begin {
        /// The range, 0 to 15.
        range: usize,
        /// Offset.
        start: u64,
    },
    /// Entries of a slot, which hold what its log did before `cut`. More of them may follow in further frames of the same slot.
    Slot {
        /// The slot.
        slot: Slot,
        /// Offset.
        cut: u64,
        /// Each with its length (four bytes) before it.
        entries: &'a [u8],
    },
    /// A slot holds what the replica has said that it holds: it keeps that, which is what its log did before `cut`.
    Same {
        /// The slot.
        slot: Slot,
        /// Offset.
        cut: u64,
    },
    /// All slots of the range were sent.
    End {
        /// The range, 0 to 15.
        range: usize,
    },
    /// Which slots the shard has, and which of them change hands; on the replica's disk before it acknowledges a later generation.
    Shard {
        /// The epoch in which the primary claims them.
        config_epoch: u64,
        /// As `SlotSet::to_wire` writes them.
        slots: &'a [u8; SlotSet::WIRE_BYTES],
        /// As `nodes.conf` has them, with the slots that move key by key.
        transfers: &'a [u8],
    },
    /// What a slot held when the log of its range ended at `cut`, or some of its keys.
    Digest {
        /// The slot.
        slot: Slot,
        /// Offset.
        cut: u64,
        /// How many keys the slot held.
        held: u64,
        /// The sum of their digests.
        digest: u64,
        /// The keys that the digest is of, each with its length (four bytes) before it; none if it is of all.
        keys: &'a [u8],
    },
    /// Everything up to this generation of the primary was sent. The replica answers with an [`Ack`].
    Generation {
        /// A generation of the primary's store.
        generation: u64,
        /// Somebody waits for this one to be on the replica's disk.
        wanted: u64,
    },
}

/// What a replica says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ack {
    /// It holds everything up to this generation of the primary's store.
    pub applied: u64,
    /// It has everything up to this one on disk.
    pub durable: u64,
    /// Sum of the offsets at which its logs end.
    pub offset: u64,
}

/// What a replica holds of a range that does not come by its log; one for each such range, in their order, when the plan has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holds {
    /// The range, 0 to 15.
    pub range: usize,
    /// Slots that hold something, in order; the others are empty.
    pub slots: Vec<(Slot, Content)>,
}

const PLAN: u8 = 1;
const RECORDS: u8 = 2;
const BEGIN: u8 = 3;
const SLOT: u8 = 4;
const END: u8 = 5;
const GENERATION: u8 = 6;
const ACK: u8 = 7;
const SHARD: u8 = 8;
const DIGEST: u8 = 9;
const SAME: u8 = 10;
const HOLDS: u8 = 11;

/// Begins a frame of this kind; [`close`] sets its length.
pub(crate) fn open(out: &mut Vec<u8>, kind: u8) -> usize {
    out.extend_from_slice(&[kind, 0, 0, 0, 0]);
    out.len()
}

pub(crate) fn close(out: &mut [u8], from: usize) {
    let len = (out.len() - from) as u32;
    out[from - 4..from].copy_from_slice(&len.to_le_bytes());
}

impl Frame<'_> {
    /// Appends the frame.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Frame::Plan { history, ends, ways } => {
                let at = open(out, PLAN);
                ends.iter().for_each(|end| out.extend_from_slice(&end.to_le_bytes()));
                out.extend(ways.iter().map(|way| u8::from(*way == Way::Whole)));
                out.extend_from_slice(history);
                close(out, at);
            }
            Frame::Records { range, bytes } => {
                let at = open(out, RECORDS);
                out.push(*range as u8);
                out.extend_from_slice(bytes);
                close(out, at);
            }
            Frame::Begin { range, start } => {
                let at = open(out, BEGIN);
                out.push(*range as u8);
                out.extend_from_slice(&start.to_le_bytes());
                close(out, at);
            }
            Frame::Slot { slot, cut, entries } => {
                let at = open(out, SLOT);
                out.extend_from_slice(&slot.number().to_le_bytes());
                out.extend_from_slice(&cut.to_le_bytes());
                out.extend_from_slice(entries);
                close(out, at);
            }
            Frame::Same { slot, cut } => {
                let at = open(out, SAME);
                out.extend_from_slice(&slot.number().to_le_bytes());
                out.extend_from_slice(&cut.to_le_bytes());
                close(out, at);
            }
            Frame::End { range } => {
                let at = open(out, END);
                out.push(*range as u8);
                close(out, at);
            }
            Frame::Shard { config_epoch, slots, transfers } => {
                let at = open(out, SHARD);
                out.extend_from_slice(&config_epoch.to_le_bytes());
                out.extend_from_slice(&slots[..]);
                out.extend_from_slice(transfers);
                close(out, at);
            }
            Frame::Digest { slot, cut, held, digest, keys } => {
                let at = open(out, DIGEST);
                out.extend_from_slice(&slot.number().to_le_bytes());
                [cut, held, digest].iter().for_each(|number| out.extend_from_slice(&number.to_le_bytes()));
                out.extend_from_slice(keys);
                close(out, at);
            }
            Frame::Generation { generation, wanted } => {
                let at = open(out, GENERATION);
                out.extend_from_slice(&generation.to_le_bytes());
                out.extend_from_slice(&wanted.to_le_bytes());
                close(out, at);
            }
        }
    }

    /// Reads a frame of this kind with these bytes; none if it is none.
    pub fn decode(kind: u8, bytes: &[u8]) -> Option<Frame<'_>> {
        match kind {
            PLAN => {
                let (told, rest) = bytes.split_at_checked(RANGES * 8)?;
                let (letters, history) = rest.split_at_checked(RANGES)?;
                let (mut ends, mut ways) = ([0; RANGES], [Way::Log; RANGES]);
                for (end, bytes) in ends.iter_mut().zip(told.as_chunks::<8>().0) {
                    *end = u64::from_le_bytes(*bytes);
                }
                for (way, letter) in ways.iter_mut().zip(letters) {
                    *way = match letter {
                        0 => Way::Log,
                        1 => Way::Whole,
                        _ => return None,
                    };
                }
                Some(Frame::Plan { history, ends, ways })
            }
            RECORDS => {
                let (range, bytes) = range(bytes)?;
                Some(Frame::Records { range, bytes })
            }
            BEGIN => {
                let (range, rest) = range(bytes)?;
                (rest.len() == 8).then_some(())?;
                Some(Frame::Begin { range, start: number(rest)? })
            }
            SLOT => {
                let (slot, rest) = bytes.split_first_chunk::<2>()?;
                let (cut, entries) = rest.split_first_chunk::<8>()?;
                let slot = Slot::new(u16::from_le_bytes(*slot))?;
                Some(Frame::Slot { slot, cut: u64::from_le_bytes(*cut), entries })
            }
            SAME => {
                let (slot, cut) = bytes.split_first_chunk::<2>()?;
                (cut.len() == 8).then_some(())?;
                Some(Frame::Same { slot: Slot::new(u16::from_le_bytes(*slot))?, cut: number(cut)? })
            }
            END => range(bytes).filter(|(_, rest)| rest.is_empty()).map(|(range, _)| Frame::End { range }),
            SHARD => {
                let (epoch, rest) = bytes.split_first_chunk::<8>()?;
                let (slots, transfers) = rest.split_first_chunk::<{ SlotSet::WIRE_BYTES }>()?;
                Some(Frame::Shard { config_epoch: u64::from_le_bytes(*epoch), slots, transfers })
            }
            DIGEST => {
                let (slot, rest) = bytes.split_first_chunk::<2>()?;
                let (numbers, keys) = rest.split_at_checked(24)?;
                let slot = Slot::new(u16::from_le_bytes(*slot))?;
                let (cut, held, digest) = (number(numbers)?, number(&numbers[8..])?, number(&numbers[16..])?);
                Some(Frame::Digest { slot, cut, held, digest, keys })
            }
            GENERATION => {
                (bytes.len() == 16).then_some(())?;
                Some(Frame::Generation { generation: number(bytes)?, wanted: number(&bytes[8..])? })
            }
            _ => None,
        }
    }
}

impl Ack {
    /// Appends the frame.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let at = open(out, ACK);
        for number in [self.applied, self.durable, self.offset] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        close(out, at);
    }

    /// Reads a frame of this kind with these bytes; none if it is none.
    pub fn decode(kind: u8, bytes: &[u8]) -> Option<Ack> {
        (kind == ACK && bytes.len() == ACK_BYTES).then_some(())?;
        Some(Ack { applied: number(bytes)?, durable: number(&bytes[8..])?, offset: number(&bytes[16..])? })
    }
}

impl Holds {
    /// What a slot holds.
    pub fn of(&self, slot: Slot) -> Content {
        let found = self.slots.binary_search_by_key(&slot.index(), |(slot, _)| slot.index());
        found.map_or(Content::default(), |at| self.slots[at].1)
    }

    /// Appends the frame.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let at = open(out, HOLDS);
        out.push(self.range as u8);
        for (slot, Content { held, digest }) in &self.slots {
            out.extend_from_slice(&slot.number().to_le_bytes());
            out.extend_from_slice(&held.to_le_bytes());
            out.extend_from_slice(&digest.to_le_bytes());
        }
        close(out, at);
    }

    /// Reads a frame of this kind with these bytes; none if it is none.
    pub fn decode(kind: u8, bytes: &[u8]) -> Option<Holds> {
        let (range, rest) = range(bytes).filter(|_| kind == HOLDS)?;
        let (slots, cut_short) = rest.as_chunks::<HELD_BYTES>();
        let slots = slots.iter().map(|bytes| {
            let (slot, numbers) = bytes.split_first_chunk::<2>()?;
            let slot = Slot::new(u16::from_le_bytes(*slot)).filter(|slot| slot.range() == range)?;
            let content = Content { held: number(numbers)?, digest: number(&numbers[8..])? };
            (content.held > 0).then_some((slot, content))
        });
        let slots: Vec<_> = slots.collect::<Option<_>>()?;
        let in_order = slots.is_sorted_by(|(a, _), (b, _)| a.index() < b.index());
        (in_order && cut_short.is_empty()).then_some(Holds { range, slots })
    }
}

/// The first frame in these bytes: its kind and where its own bytes end. None: it is not all there yet. An error: it is longer
/// than `most` bytes, and so none of those that are waited for.
pub fn first(bytes: &[u8], most: usize) -> Result<Option<(u8, usize)>, Oversized> {
    let Some((kind, rest)) = bytes.split_first() else { return Ok(None) };
    let Some((len, rest)) = rest.split_first_chunk() else { return Ok(None) };
    let len = u32::from_le_bytes(*len) as usize;
    if len > most {
        return Err(Oversized);
    }
    Ok((rest.len() >= len).then_some((*kind, HEADER_BYTES + len)))
}

/// A frame is longer than those that are waited for.
#[derive(Debug, PartialEq, Eq)]
pub struct Oversized;

fn number(bytes: &[u8]) -> Option<u64> {
    bytes.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

fn range(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (range, rest) = bytes.split_first()?;
    let range = usize::from(*range);
    (range < RANGES).then_some((range, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn frames_are_read_as_they_were_written() {
        let slot = Slot::new(5_000).unwrap();
        let mut ways = [Way::Log; RANGES];
        ways[3] = Way::Whole;
        let frames = [
            Frame::Plan { history: b"text", ends: std::array::from_fn(|range| range as u64 * 7), ways },
            Frame::Records { range: 15, bytes: b"records" },
            Frame::Begin { range: 0, start: u64::MAX },
            Frame::Slot { slot, cut: 9, entries: b"" },
            Frame::Same { slot, cut: 9 },
            Frame::End { range: 4 },
            Frame::Shard { config_epoch: 3, slots: &[7; SlotSet::WIRE_BYTES], transfers: b"text" },
            Frame::Digest { slot, cut: 9, held: 2, digest: u64::MAX, keys: b"keys" },
            Frame::Generation { generation: 5, wanted: 0 },
        ];
        let mut bytes = Vec::new();
        frames.iter().for_each(|frame| frame.encode(&mut bytes));
        let ack = Ack { applied: 3, durable: 2, offset: 1 };
        ack.encode(&mut bytes);
        let mut rest = &bytes[..];
        for frame in &frames {
            for cut in 0..HEADER_BYTES {
                assert_eq!(first(&rest[..cut], FRAME_BYTES_MAX), Ok(None));
            }
            let (kind, end) = first(rest, FRAME_BYTES_MAX).unwrap().unwrap();
            assert_eq!(Frame::decode(kind, &rest[HEADER_BYTES..end]).as_ref(), Some(frame));
            rest = &rest[end..];
        }
        let (kind, end) = first(rest, FRAME_BYTES_MAX).unwrap().unwrap();
        assert_eq!((Ack::decode(kind, &rest[HEADER_BYTES..]), end), (Some(ack), rest.len()));
        let holds = Holds { range: slot.range(), slots: vec![(slot, Content { held: 2, digest: u64::MAX })] };
        let mut bytes = Vec::new();
        holds.encode(&mut bytes);
        assert_eq!(Holds::decode(bytes[0], &bytes[HEADER_BYTES..]).as_ref(), Some(&holds));
        assert_eq!(holds.of(slot).held, 2);
        assert_eq!(holds.of(Slot::new(5_001).unwrap()), Content::default());
        assert_eq!(first(&[RECORDS, 0xff, 0xff, 0xff, 0xff], FRAME_BYTES_MAX), Err(Oversized));
    }

    proptest! {
        #[test]
        fn any_bytes_are_no_frame_or_the_one_that_is_written_so(kind: u8, bytes: Vec<u8>) {
            if let Some(frame) = Frame::decode(kind, &bytes) {
                let mut again = Vec::new();
                frame.encode(&mut again);
                prop_assert_eq!((again[0], &again[HEADER_BYTES..]), (kind, &bytes[..]));
            }
        }

        #[test]
        fn what_a_replica_holds_is_read_in_one_form_and_no_other(
            range in 0..RANGES,
            held in prop::collection::btree_map(0..SLOTS_PER_RANGE, (1_u64.., any::<u64>()), 0..40),
            flipped: prop::sample::Index, cut: prop::sample::Index,
        ) {
            let first = range * SLOTS_PER_RANGE;
            let slots = held.iter().map(|(slot, (held, digest))| {
                (Slot::new((first + slot) as u16).unwrap(), Content { held: *held, digest: *digest })
            });
            let holds = Holds { range, slots: slots.collect() };
            let mut bytes = Vec::new();
            holds.encode(&mut bytes);
            let bytes = bytes.split_off(HEADER_BYTES);
            prop_assert_eq!(Holds::decode(HOLDS, &bytes), Some(holds));
            prop_assert_eq!(Holds::decode(ACK, &bytes), None);
            let end = cut.index(bytes.len());
            prop_assert_eq!(Holds::decode(HOLDS, &bytes[..end]).is_some(), end > 0 && (end - 1) % HELD_BYTES == 0);
            let mut other = bytes.clone();
            other[flipped.index(bytes.len())] ^= 0x80;
            if let Some(read) = Holds::decode(HOLDS, &other) {
                let mut again = Vec::new();
                read.encode(&mut again);
                prop_assert_eq!(&again[HEADER_BYTES..], &other[..]);
            }
        }
    }
}
