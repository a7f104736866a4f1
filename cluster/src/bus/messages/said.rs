//! What is said on a message link, as the body of a packet.
//!
//! | kind | body |
//! |---|---|
//! | `Publisher` | the name of the node that is meant |
//! | `Publish` | 4 bytes: how long the channel is; the channel; the message |
//! | `Interest` | 8 bytes: the version; 1: whether patterns are listened to; 2,048: the slots of channels |
//! | `InterestChanges` | 8 bytes: the version; 2: how many changes; each 2: a slot, or 16,384 for patterns; 1: whether it is wanted now |
//! | `InterestHeard` | 8 bytes: the version |

use bytes::Bytes;
use shared::limits::{BUS_PACKET_BYTES_MAX, INTEREST_CHANGES_MAX, SLOTS};
use shared::node_id::NodeId;
use shared::slot::Slot;
use shared::slot_set::SlotSet;

use super::super::packet::{BadPacket, Frame, Kind, PACKET_BYTES_MIN, begin, end};
use super::super::wire::Reader;
use crate::pubsub::interest::{News, Topic, Topics};

/// What a published message may have at most, channel and payload together, bytes.
pub const PUBLISHED_BYTES_MAX: usize = BUS_PACKET_BYTES_MAX - PACKET_BYTES_MIN - 4;

/// In place of a slot: patterns.
const PATTERNS: u16 = SLOTS as u16;

/// What one packet of a message link says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said<'p> {
    /// The first words: the sender publishes on this link, to this node and no other.
    Publisher(NodeId),
    /// A message for the subscribers of a channel.
    Publish {
        /// The channel.
        channel: &'p [u8],
        /// The message.
        payload: &'p [u8],
    },
    /// What somebody listens to here, by this version.
    Interest(u64, News),
    /// The interest of this version is known: what is published from here on is sent by it.
    Heard(u64),
}

/// Reads the body of a packet.
///
/// # Errors
/// It is not one of a message link.
pub fn read(frame: Frame<'_>) -> Result<Said<'_>, BadPacket> {
    let mut reader = Reader::new(frame.body);
    let said = match frame.kind {
        Kind::Publisher => Said::Publisher(reader.node_id()?),
        Kind::Publish => {
            let channel = usize::try_from(reader.u32()?).unwrap_or(usize::MAX);
            let channel = reader.take(channel)?;
            return Ok(Said::Publish { channel, payload: reader.rest() });
        }
        Kind::Interest => {
            let version = reader.u64()?;
            let topics = Topics { patterns: reader.flag()?, slots: reader.slots()? };
            Said::Interest(version, News::All(topics))
        }
        Kind::InterestChanges => Said::Interest(reader.u64()?, News::Changes(read_changes(&mut reader)?)),
        Kind::InterestHeard => Said::Heard(reader.u64()?),
        other => return Err(BadPacket::Link(other)),
    };
    reader.end()?;
    Ok(said)
}

fn read_changes(reader: &mut Reader<'_>) -> Result<Vec<(Topic, bool)>, BadPacket> {
    let count = usize::from(reader.u16()?);
    if count > INTEREST_CHANGES_MAX {
        return Err(BadPacket::Value("more changes than are told at once"));
    }
    let mut changes = Vec::with_capacity(count);
    for _ in 0..count {
        let topic = match reader.u16()? {
            PATTERNS => Topic::Patterns,
            slot => Topic::Slot(Slot::new(slot).ok_or(BadPacket::Value("no slot"))?),
        };
        changes.push((topic, reader.flag()?));
    }
    Ok(changes)
}

/// The first packet of a link to `peer`.
pub fn publisher(sender: NodeId, peer: NodeId) -> Bytes {
    let mut out = begin(sender, Kind::Publisher, NodeId::BYTES);
    out.extend_from_slice(peer.as_bytes());
    end(out)
}

/// A published message; `None` if it is longer than [`PUBLISHED_BYTES_MAX`].
pub fn publish(sender: NodeId, channel: &[u8], payload: &[u8]) -> Option<Bytes> {
    if channel.len() + payload.len() > PUBLISHED_BYTES_MAX {
        return None;
    }
    let mut out = begin(sender, Kind::Publish, 4 + channel.len() + payload.len());
    out.extend_from_slice(&u32::try_from(channel.len()).ok()?.to_be_bytes());
    out.extend_from_slice(channel);
    out.extend_from_slice(payload);
    Some(end(out))
}

/// The kind of packet that tells this.
pub fn kind(news: &News) -> Kind {
    match news {
        News::All(_) => Kind::Interest,
        News::Changes(_) => Kind::InterestChanges,
    }
}

/// What somebody listens to on this node, by a version.
pub fn interest(sender: NodeId, version: u64, news: &News) -> Bytes {
    let out = match news {
        News::All(topics) => {
            let mut out = begin(sender, kind(news), 9 + SlotSet::WIRE_BYTES);
            out.extend_from_slice(&version.to_be_bytes());
            out.push(u8::from(topics.patterns));
            out.extend_from_slice(&topics.slots.to_wire());
            out
        }
        News::Changes(changes) => {
            let mut out = begin(sender, kind(news), 10 + 3 * changes.len());
            out.extend_from_slice(&version.to_be_bytes());
            // No more are told at once than fit.
            let count = u16::try_from(changes.len()).unwrap_or(u16::MAX);
            out.extend_from_slice(&count.to_be_bytes());
            for &(topic, on) in changes {
                let number = match topic {
                    Topic::Slot(slot) => slot.number(),
                    Topic::Patterns => PATTERNS,
                };
                out.extend_from_slice(&number.to_be_bytes());
                out.push(u8::from(on));
            }
            out
        }
    };
    end(out)
}

/// The interest of this version is known here.
pub fn heard(sender: NodeId, version: u64) -> Bytes {
    let mut out = begin(sender, Kind::InterestHeard, 8);
    out.extend_from_slice(&version.to_be_bytes());
    end(out)
}
