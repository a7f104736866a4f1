//! What travels between two nodes while slots move: after `SLOTSYNC` and its answer, frames both ways, in the form of those of
//! replication ([`crate::replication::frame`]).

use shared::epoch::Epoch;
use shared::limits::EPOCH_MAX;
use shared::slot::Slot;

use crate::replication::frame::{close, open};

/// Version of the protocol: both sides must speak the same.
pub const VERSION: u64 = 1;

/// What the source says.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// Entries of a slot.
    Slot {
        /// The slot.
        slot: Slot,
        /// They are the first: whatever the target has in the slot is of an earlier try.
        first: bool,
        /// Each with its length (four bytes) before it, in the form of base files.
        entries: &'a [u8],
    },
    /// An effect on a slot whose entries have come.
    Effect {
        /// The slot.
        slot: Slot,
        /// Requests.
        effect: &'a [u8],
    },
    /// Asks for an [`Answer::Ack`] of everything before.
    Sync {
        /// Whether it is to be on all disks that count.
        durable: bool,
    },
    /// The slots are the target's: the source serves and claims them no more.
    Take {
        /// The config epoch in which the source said so.
        epoch: Epoch,
    },
}

/// What the target says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Everything before the [`Frame::Sync`] is there.
    Ack,
    /// It has the slots.
    Taken {
        /// The config epoch of its claim.
        epoch: Epoch,
    },
    /// It will not have them, or not go on.
    Refused {
        /// Why.
        why: String,
    },
}

const SLOT: u8 = 1;
const EFFECT: u8 = 2;
const SYNC: u8 = 3;
const TAKE: u8 = 4;
const ACK: u8 = 5;
const TAKEN: u8 = 6;
const REFUSED: u8 = 7;

/// Longest answer, bytes.
pub const ANSWER_BYTES_MAX: usize = 1_024;

impl Frame<'_> {
    /// Appends the frame.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Frame::Slot { slot, first, entries } => {
                let at = open(out, SLOT);
                out.extend_from_slice(&slot.number().to_le_bytes());
                out.push(u8::from(*first));
                out.extend_from_slice(entries);
                close(out, at);
            }
            Frame::Effect { slot, effect } => {
                let at = open(out, EFFECT);
                out.extend_from_slice(&slot.number().to_le_bytes());
                out.extend_from_slice(effect);
                close(out, at);
            }
            Frame::Sync { durable } => {
                let at = open(out, SYNC);
                out.push(u8::from(*durable));
                close(out, at);
            }
            Frame::Take { epoch } => {
                let at = open(out, TAKE);
                out.extend_from_slice(&epoch.0.to_le_bytes());
                close(out, at);
            }
        }
    }

    /// Reads a frame of this kind with these bytes; none if it is none.
    pub fn decode(kind: u8, bytes: &[u8]) -> Option<Frame<'_>> {
        match kind {
            SLOT => {
                let (slot, rest) = slot(bytes)?;
                let (first, entries) = rest.split_first()?;
                Some(Frame::Slot { slot, first: flag(*first)?, entries })
            }
            EFFECT => slot(bytes).map(|(slot, effect)| Frame::Effect { slot, effect }),
            SYNC => match bytes {
                [durable] => Some(Frame::Sync { durable: flag(*durable)? }),
                _ => None,
            },
            TAKE => Some(Frame::Take { epoch: epoch(bytes)? }),
            _ => None,
        }
    }
}

impl Answer {
    /// Appends the frame.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Answer::Ack => {
                let at = open(out, ACK);
                close(out, at);
            }
            Answer::Taken { epoch } => {
                let at = open(out, TAKEN);
                out.extend_from_slice(&epoch.0.to_le_bytes());
                close(out, at);
            }
            Answer::Refused { why } => {
                let at = open(out, REFUSED);
                let end = why.floor_char_boundary(ANSWER_BYTES_MAX);
                out.extend_from_slice(&why.as_bytes()[..end]);
                close(out, at);
            }
        }
    }

    /// Reads a frame of this kind with these bytes; none if it is none.
    pub fn decode(kind: u8, bytes: &[u8]) -> Option<Answer> {
        match kind {
            ACK => bytes.is_empty().then_some(Answer::Ack),
            TAKEN => Some(Answer::Taken { epoch: epoch(bytes)? }),
            REFUSED => Some(Answer::Refused { why: std::str::from_utf8(bytes).ok()?.to_owned() }),
            _ => None,
        }
    }
}

fn slot(bytes: &[u8]) -> Option<(Slot, &[u8])> {
    let (slot, rest) = bytes.split_first_chunk::<2>()?;
    Some((Slot::new(u16::from_le_bytes(*slot))?, rest))
}

fn flag(byte: u8) -> Option<bool> {
    (byte < 2).then_some(byte == 1)
}

fn epoch(bytes: &[u8]) -> Option<Epoch> {
    let number = u64::from_le_bytes(bytes.try_into().ok()?);
    (number <= EPOCH_MAX).then_some(Epoch(number))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::replication::frame::HEADER_BYTES;

    #[test]
    fn frames_and_answers_are_read_as_they_were_written() {
        let slot = Slot::new(5_000).unwrap();
        let frames = [
            Frame::Slot { slot, first: true, entries: b"entries" },
            Frame::Effect { slot, effect: b"effect" },
            Frame::Sync { durable: true },
            Frame::Take { epoch: Epoch(7) },
        ];
        for frame in frames {
            let mut bytes = Vec::new();
            frame.encode(&mut bytes);
            assert_eq!(Frame::decode(bytes[0], &bytes[HEADER_BYTES..]), Some(frame));
        }
        let answers =
            [Answer::Ack, Answer::Taken { epoch: Epoch(9) }, Answer::Refused { why: "no".to_owned() }];
        for answer in answers {
            let mut bytes = Vec::new();
            answer.encode(&mut bytes);
            assert_eq!(Answer::decode(bytes[0], &bytes[HEADER_BYTES..]), Some(answer));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_no_frame_or_the_one_that_is_written_so(kind: u8, bytes: Vec<u8>) {
            let mut again = Vec::new();
            if let Some(frame) = Frame::decode(kind, &bytes) {
                frame.encode(&mut again);
                prop_assert_eq!((again[0], &again[HEADER_BYTES..]), (kind, &bytes[..]));
            }
            if let Some(answer) = Answer::decode(kind, &bytes) {
                again.clear();
                answer.encode(&mut again);
                prop_assert_eq!((again[0], &again[HEADER_BYTES..]), (kind, &bytes[..]));
            }
        }
    }
}
