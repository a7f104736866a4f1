//! One message of the bus as bytes.
//!
//! | bytes | what |
//! |---|---|
//! | 4 | `RDcb` |
//! | 2 | version of the format, 7 |
//! | 2 | kind |
//! | 4 | length of the whole packet |
//! | 4 | CRC-32 of all other bytes of the packet |
//! | 20 | name of the sender |
//! | … | body |
//!
//! Numbers are big-endian. A packet is checked whole (length, CRC, every field, nothing behind the last) before any of it is
//! used; a bad one changes nothing and ends the link it came over. The bodies here are those of gossip; those of message links
//! stand in [`super::messages::said`].

use bytes::{Buf, Bytes, BytesMut};
use shared::limits::{BUS_PACKET_BYTES_MAX, CLUSTER_NODES_MAX};
use shared::node_id::NodeId;
use shared::slot_set::SlotSet;

use super::wire::{Reader, put_address, put_epoch, put_in_sync, put_shard};
use crate::gossip::{
    Claim, ClaimAsk, Heartbeat, Message, Noted, Rumor, RumoredHealth, TransferAsk, Vote, VoteRequest,
};
use crate::topology::{Address, RunId, TransferId};

const MAGIC: [u8; 4] = *b"RDcb";
const VERSION: u16 = 7;
const CRC_AT: usize = 12;
/// Bytes before the sender's name.
const HEAD_BYTES: usize = 16;
/// Bytes of a packet with an empty body.
pub(super) const PACKET_BYTES_MIN: usize = HEAD_BYTES + NodeId::BYTES;

/// What kind a packet is; the number is its place in the counters, plus one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub enum Kind {
    /// Are you there?
    Ping = 1,
    /// Yes.
    Pong = 2,
    /// Take me in.
    Meet = 3,
    /// That node is gone.
    Fail = 4,
    /// Your claim is stale.
    Update = 5,
    /// A message for subscribers.
    Publish = 6,
    /// These are in sync.
    Note = 7,
    /// Noted.
    Noted = 8,
    /// Vote for me.
    VoteRequest = 9,
    /// A vote.
    Vote = 10,
    /// Hand your office over.
    Handover = 11,
    /// Done.
    Resigned = 12,
    /// What became of those slots?
    TransferAsk = 13,
    /// They were never taken.
    TransferNever = 14,
    /// This link is for messages: I publish on it.
    Publisher = 15,
    /// All that somebody listens to here.
    Interest = 16,
    /// What of it changed.
    InterestChanges = 17,
    /// I have heard of it.
    InterestHeard = 18,
    /// May I claim that slot?
    ClaimAsk = 19,
    /// Yes or no.
    ClaimAnswer = 20,
}

impl Kind {
    /// Every kind in the order of numbers.
    pub const ALL: [Kind; 20] = [
        Kind::Ping,
        Kind::Pong,
        Kind::Meet,
        Kind::Fail,
        Kind::Update,
        Kind::Publish,
        Kind::Note,
        Kind::Noted,
        Kind::VoteRequest,
        Kind::Vote,
        Kind::Handover,
        Kind::Resigned,
        Kind::TransferAsk,
        Kind::TransferNever,
        Kind::Publisher,
        Kind::Interest,
        Kind::InterestChanges,
        Kind::InterestHeard,
        Kind::ClaimAsk,
        Kind::ClaimAnswer,
    ];

    /// Its name in `CLUSTER INFO`.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Ping => "ping",
            Kind::Pong => "pong",
            Kind::Meet => "meet",
            Kind::Fail => "fail",
            Kind::Update => "update",
            Kind::Publish => "publish",
            Kind::Note => "note",
            Kind::Noted => "noted",
            Kind::VoteRequest => "auth-req",
            Kind::Vote => "auth-ack",
            Kind::Handover => "mfstart",
            Kind::Resigned => "resigned",
            Kind::TransferAsk => "transfer-ask",
            Kind::TransferNever => "transfer-never",
            Kind::Publisher => "publisher",
            Kind::Interest => "interest",
            Kind::InterestChanges => "interest-changes",
            Kind::InterestHeard => "interest-heard",
            Kind::ClaimAsk => "claim-ask",
            Kind::ClaimAnswer => "claim-answer",
        }
    }

    fn of_number(number: u16) -> Option<Kind> {
        Kind::ALL.into_iter().find(|&kind| kind as u16 == number)
    }

    /// What kind a message of the engine becomes.
    pub fn of(message: &Message) -> Kind {
        match message {
            Message::Ping(_) => Kind::Ping,
            Message::Pong(_) => Kind::Pong,
            Message::Meet(_) => Kind::Meet,
            Message::Fail(_) => Kind::Fail,
            Message::Update(_) => Kind::Update,
            Message::Note(..) => Kind::Note,
            Message::Noted(..) => Kind::Noted,
            Message::VoteRequest(_) => Kind::VoteRequest,
            Message::Vote(_) => Kind::Vote,
            Message::Handover => Kind::Handover,
            Message::Resigned(_) => Kind::Resigned,
            Message::TransferAsk(_) => Kind::TransferAsk,
            Message::TransferNever(_) => Kind::TransferNever,
            Message::ClaimAsk(_) => Kind::ClaimAsk,
            Message::ClaimAnswer(..) => Kind::ClaimAnswer,
        }
    }
}

/// One message of gossip with its sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// Who says to have sent it.
    pub sender: NodeId,
    /// What it says.
    pub message: Message,
}

/// A packet whose head, length and CRC are right; its body is not looked at yet.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'p> {
    /// What its body is.
    pub kind: Kind,
    /// Who says to have sent it.
    pub sender: NodeId,
    pub(super) body: &'p [u8],
}

impl Frame<'_> {
    /// Bytes of the whole packet.
    pub fn len(&self) -> usize {
        PACKET_BYTES_MIN + self.body.len()
    }

    /// Never so.
    pub fn is_empty(&self) -> bool {
        false
    }
}

/// Why bytes are no packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPacket {
    /// It does not start as one.
    #[error("no packet of the cluster bus")]
    Magic,
    /// Another version of the format.
    #[error("a packet of version {0}, this node speaks {VERSION}")]
    Version(u16),
    /// A kind this version does not know.
    #[error("a packet of unknown kind {0}")]
    Kind(u16),
    /// Another node speaks than the one whose link it is.
    #[error("a packet of another node, {0}")]
    Sender(NodeId),
    /// A kind that links of this sort do not carry.
    #[error("a packet of kind {0:?} on a link for others")]
    Link(Kind),
    /// Longer than [`BUS_PACKET_BYTES_MAX`], or shorter than any packet.
    #[error("a packet of {0} bytes")]
    Length(u32),
    /// The bytes changed on their way.
    #[error("a packet with a wrong CRC")]
    Crc,
    /// The body ends too early.
    #[error("a packet with a body too short")]
    Short,
    /// The body goes on behind its end.
    #[error("a packet with a body too long")]
    Long,
    /// A field has a value it cannot have.
    #[error("a packet with {0}")]
    Value(&'static str),
}

/// Takes the next packet of gossip off the front; `None` while its end has not arrived.
///
/// # Errors
/// Bytes that cannot become one; known as soon as the first 16 have arrived.
pub fn next(buffer: &mut BytesMut) -> Result<Option<Packet>, BadPacket> {
    let Some(frame) = frame(buffer)? else { return Ok(None) };
    let (packet, length) = (decode(frame)?, frame.len());
    buffer.advance(length);
    Ok(Some(packet))
}

/// The packet at the front; `None` while its end has not arrived.
///
/// # Errors
/// Bytes that cannot become a packet; known as soon as the first 16 have arrived.
pub fn frame(bytes: &[u8]) -> Result<Option<Frame<'_>>, BadPacket> {
    let Some(head) = bytes.first_chunk::<HEAD_BYTES>() else { return Ok(None) };
    let (kind, length) = check_head(head)?;
    let Some(packet) = bytes.get(..length) else { return Ok(None) };
    let told = u32::from_be_bytes([packet[12], packet[13], packet[14], packet[15]]);
    if crc(packet) != told {
        return Err(BadPacket::Crc);
    }
    let (sender, body) =
        packet[HEAD_BYTES..].split_first_chunk::<{ NodeId::BYTES }>().ok_or(BadPacket::Short)?;
    Ok(Some(Frame { kind, sender: NodeId::from_bytes(*sender), body }))
}

fn check_head(head: &[u8; HEAD_BYTES]) -> Result<(Kind, usize), BadPacket> {
    if head[..4] != MAGIC {
        return Err(BadPacket::Magic);
    }
    let version = u16::from_be_bytes([head[4], head[5]]);
    if version != VERSION {
        return Err(BadPacket::Version(version));
    }
    let kind = u16::from_be_bytes([head[6], head[7]]);
    let kind = Kind::of_number(kind).ok_or(BadPacket::Kind(kind))?;
    let told = u32::from_be_bytes([head[8], head[9], head[10], head[11]]);
    match usize::try_from(told) {
        Ok(length) if (PACKET_BYTES_MIN..=BUS_PACKET_BYTES_MAX).contains(&length) => Ok((kind, length)),
        _ => Err(BadPacket::Length(told)),
    }
}

fn crc(packet: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&packet[..CRC_AT]);
    crc.update(&packet[HEAD_BYTES..]);
    crc.finalize()
}

fn decode(frame: Frame<'_>) -> Result<Packet, BadPacket> {
    let Frame { kind, sender, body } = frame;
    let mut reader = Reader::new(body);
    let message = match kind {
        Kind::Ping => Message::Ping(decode_heartbeat(&mut reader)?),
        Kind::Pong => Message::Pong(decode_heartbeat(&mut reader)?),
        Kind::Meet => Message::Meet(decode_heartbeat(&mut reader)?),
        Kind::Fail => Message::Fail(reader.node_id()?),
        Kind::Update => Message::Update(Claim {
            node: reader.node_id()?,
            config_epoch: reader.epoch()?,
            shard: reader.shard()?,
            term: reader.epoch()?,
            slots: reader.slots()?,
        }),
        Kind::Note => Message::Note(reader.shard()?, reader.in_sync()?),
        Kind::Noted => {
            Message::Noted(reader.shard()?, Noted { term: reader.epoch()?, version: reader.u64()? })
        }
        Kind::VoteRequest => Message::VoteRequest(Box::new(VoteRequest {
            epoch: reader.epoch()?,
            shard: reader.shard()?,
            store: reader.store()?,
            slots: reader.slots()?,
            config_epoch: reader.epoch()?,
            noted: if reader.flag()? { Some(reader.in_sync()?) } else { None },
            ordered: reader.flag()?,
            resigned: if reader.flag()? { Some(reader.epoch()?) } else { None },
        })),
        Kind::Vote => {
            Message::Vote(Vote { epoch: reader.epoch()?, shard: reader.shard()?, noted: reader.in_sync()? })
        }
        Kind::Handover => Message::Handover,
        Kind::Resigned => Message::Resigned(reader.epoch()?),
        Kind::TransferAsk => {
            Message::TransferAsk(TransferAsk { id: TransferId(reader.node_id()?), slots: reader.slots()? })
        }
        Kind::ClaimAsk => {
            Message::ClaimAsk(ClaimAsk { id: TransferId(reader.node_id()?), slot: reader.slot()? })
        }
        Kind::ClaimAnswer => Message::ClaimAnswer(TransferId(reader.node_id()?), reader.flag()?),
        Kind::TransferNever => Message::TransferNever(TransferId(reader.node_id()?)),
        Kind::Publish | Kind::Publisher | Kind::Interest | Kind::InterestChanges | Kind::InterestHeard => {
            return Err(BadPacket::Link(kind));
        }
    };
    reader.end()?;
    Ok(Packet { sender, message })
}

fn decode_heartbeat(reader: &mut Reader<'_>) -> Result<Heartbeat, BadPacket> {
    Ok(Heartbeat {
        current_epoch: reader.epoch()?,
        config_epoch: reader.epoch()?,
        primary: if reader.flag()? { Some(reader.node_id()?) } else { None },
        shard: reader.shard()?,
        term: reader.epoch()?,
        serving: reader.flag()?,
        offset: reader.u64()?,
        stamp: reader.u64()?,
        lease_ms: reader.u64()?,
        overruled: reader.flag()?,
        priority: reader.u32()?,
        address: decode_own_address(reader)?,
        run: RunId(reader.u64()?),
        up: reader.flag()?,
        slots: reader.slots()?,
        rumors: decode_rumors(reader)?,
    })
}

fn decode_own_address(reader: &mut Reader<'_>) -> Result<Address, BadPacket> {
    let address = reader.address()?;
    if address.port == 0 || address.bus_port == 0 {
        return Err(BadPacket::Value("a sender without a port"));
    }
    Ok(address)
}

fn decode_rumors(reader: &mut Reader<'_>) -> Result<Vec<Rumor>, BadPacket> {
    let count = usize::from(reader.u16()?);
    if count > CLUSTER_NODES_MAX {
        return Err(BadPacket::Value("more rumors than nodes"));
    }
    let mut rumors = Vec::with_capacity(count);
    for _ in 0..count {
        let node = reader.node_id()?;
        let address = if reader.flag()? { Some(reader.address()?) } else { None };
        let health = match reader.u8()? {
            0 => RumoredHealth::Reachable,
            1 => RumoredHealth::Suspected,
            2 => RumoredHealth::Failed,
            _ => return Err(BadPacket::Value("an unknown state of health")),
        };
        rumors.push(Rumor { node, address, health });
    }
    Ok(rumors)
}

/// A message of the engine as bytes.
pub fn encode(sender: NodeId, message: &Message) -> Bytes {
    let mut out = begin(sender, Kind::of(message), SlotSet::WIRE_BYTES + 256);
    match message {
        Message::Ping(heartbeat) | Message::Pong(heartbeat) | Message::Meet(heartbeat) => {
            put_heartbeat(&mut out, heartbeat);
        }
        Message::Fail(node) => out.extend_from_slice(node.as_bytes()),
        Message::Update(claim) => {
            out.extend_from_slice(claim.node.as_bytes());
            put_epoch(&mut out, claim.config_epoch);
            put_shard(&mut out, claim.shard);
            put_epoch(&mut out, claim.term);
            out.extend_from_slice(&claim.slots.to_wire());
        }
        Message::Note(shard, set) => {
            put_shard(&mut out, *shard);
            put_in_sync(&mut out, set);
        }
        Message::Noted(shard, noted) => {
            put_shard(&mut out, *shard);
            put_epoch(&mut out, noted.term);
            out.extend_from_slice(&noted.version.to_be_bytes());
        }
        Message::VoteRequest(request) => put_vote_request(&mut out, request),
        Message::Vote(vote) => {
            put_epoch(&mut out, vote.epoch);
            put_shard(&mut out, vote.shard);
            put_in_sync(&mut out, &vote.noted);
        }
        Message::Handover => {}
        Message::Resigned(term) => put_epoch(&mut out, *term),
        Message::ClaimAnswer(id, may) => {
            out.extend_from_slice(id.0.as_bytes());
            out.push(u8::from(*may));
        }
        Message::ClaimAsk(ask) => {
            out.extend_from_slice(ask.id.0.as_bytes());
            out.extend_from_slice(&ask.slot.number().to_be_bytes());
        }
        Message::TransferAsk(ask) => {
            out.extend_from_slice(ask.id.0.as_bytes());
            out.extend_from_slice(&ask.slots.to_wire());
        }
        Message::TransferNever(id) => out.extend_from_slice(id.0.as_bytes()),
    }
    end(out)
}

fn put_heartbeat(out: &mut Vec<u8>, heartbeat: &Heartbeat) {
    put_epoch(out, heartbeat.current_epoch);
    put_epoch(out, heartbeat.config_epoch);
    out.push(u8::from(heartbeat.primary.is_some()));
    if let Some(primary) = heartbeat.primary {
        out.extend_from_slice(primary.as_bytes());
    }
    put_shard(out, heartbeat.shard);
    put_epoch(out, heartbeat.term);
    out.push(u8::from(heartbeat.serving));
    out.extend_from_slice(&heartbeat.offset.to_be_bytes());
    out.extend_from_slice(&heartbeat.stamp.to_be_bytes());
    out.extend_from_slice(&heartbeat.lease_ms.to_be_bytes());
    out.push(u8::from(heartbeat.overruled));
    out.extend_from_slice(&heartbeat.priority.to_be_bytes());
    put_address(out, heartbeat.address);
    out.extend_from_slice(&heartbeat.run.0.to_be_bytes());
    out.push(u8::from(heartbeat.up));
    out.extend_from_slice(&heartbeat.slots.to_wire());
    // The engine knows at most CLUSTER_NODES_MAX nodes, so the count fits.
    let count = u16::try_from(heartbeat.rumors.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&count.to_be_bytes());
    for rumor in heartbeat.rumors.iter().take(usize::from(count)) {
        out.extend_from_slice(rumor.node.as_bytes());
        out.push(u8::from(rumor.address.is_some()));
        if let Some(address) = rumor.address {
            put_address(out, address);
        }
        out.push(match rumor.health {
            RumoredHealth::Reachable => 0,
            RumoredHealth::Suspected => 1,
            RumoredHealth::Failed => 2,
        });
    }
}

fn put_vote_request(out: &mut Vec<u8>, request: &VoteRequest) {
    put_epoch(out, request.epoch);
    put_shard(out, request.shard);
    out.extend_from_slice(request.store.as_bytes());
    out.extend_from_slice(&request.slots.to_wire());
    put_epoch(out, request.config_epoch);
    out.push(u8::from(request.noted.is_some()));
    if let Some(set) = &request.noted {
        put_in_sync(out, set);
    }
    out.push(u8::from(request.ordered));
    out.push(u8::from(request.resigned.is_some()));
    if let Some(term) = request.resigned {
        put_epoch(out, term);
    }
}

/// A packet with its head, and room for so many bytes of a body.
pub(super) fn begin(sender: NodeId, kind: Kind, body_bytes: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(PACKET_BYTES_MIN + body_bytes);
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&VERSION.to_be_bytes());
    out.extend_from_slice(&(kind as u16).to_be_bytes());
    out.extend_from_slice(&[0; 8]);
    out.extend_from_slice(sender.as_bytes());
    out
}

/// Fills in length and CRC.
pub(super) fn end(mut out: Vec<u8>) -> Bytes {
    debug_assert!(out.len() <= BUS_PACKET_BYTES_MAX);
    let length = u32::try_from(out.len()).unwrap_or(u32::MAX);
    out[8..CRC_AT].copy_from_slice(&length.to_be_bytes());
    let crc = crc(&out);
    out[CRC_AT..HEAD_BYTES].copy_from_slice(&crc.to_be_bytes());
    out.into()
}

#[cfg(test)]
#[path = "packet_tests.rs"]
mod tests;
