//! Numbers, names and addresses as bytes of a packet. All numbers are big-endian.

use std::collections::BTreeSet;
use std::net::IpAddr;

use persistence::StoreId;
use shared::epoch::Epoch;
use shared::limits::{EPOCH_MAX, IN_SYNC_COPIES_MAX};
use shared::node_id::NodeId;
use shared::slot::Slot;
use shared::slot_set::SlotSet;

use super::packet::BadPacket;
use crate::topology::{Address, CopyId, InSync, ShardId};

/// Reads a packet's body front to back; whatever is missing or impossible is an error.
pub(super) struct Reader<'p> {
    rest: &'p [u8],
}

impl<'p> Reader<'p> {
    pub(super) fn new(body: &'p [u8]) -> Reader<'p> {
        Reader { rest: body }
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'p [u8], BadPacket> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(BadPacket::Short)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], BadPacket> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(N)?);
        Ok(bytes)
    }

    pub(super) fn u8(&mut self) -> Result<u8, BadPacket> {
        Ok(u8::from_be_bytes(self.array()?))
    }

    pub(super) fn u16(&mut self) -> Result<u16, BadPacket> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    pub(super) fn epoch(&mut self) -> Result<Epoch, BadPacket> {
        match u64::from_be_bytes(self.array()?) {
            epoch if epoch <= EPOCH_MAX => Ok(Epoch(epoch)),
            _ => Err(BadPacket::Value("an epoch beyond all use")),
        }
    }

    pub(super) fn flag(&mut self) -> Result<bool, BadPacket> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(BadPacket::Value("a truth value that is neither 0 nor 1")),
        }
    }

    pub(super) fn node_id(&mut self) -> Result<NodeId, BadPacket> {
        Ok(NodeId::from_bytes(self.array()?))
    }

    pub(super) fn u32(&mut self) -> Result<u32, BadPacket> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    pub(super) fn u64(&mut self) -> Result<u64, BadPacket> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    pub(super) fn shard(&mut self) -> Result<ShardId, BadPacket> {
        self.node_id().map(ShardId)
    }

    pub(super) fn store(&mut self) -> Result<StoreId, BadPacket> {
        Ok(StoreId::from_bytes(self.array()?))
    }

    pub(super) fn in_sync(&mut self) -> Result<InSync, BadPacket> {
        let (term, version) = (self.epoch()?, self.u64()?);
        let count = usize::from(self.u8()?);
        if count > IN_SYNC_COPIES_MAX {
            return Err(BadPacket::Value("more copies than an in-sync set has"));
        }
        let mut copies = BTreeSet::new();
        for _ in 0..count {
            let copy = CopyId { node: self.node_id()?, store: self.store()? };
            if copies.last().is_some_and(|last| *last >= copy) {
                return Err(BadPacket::Value("copies that are not in order"));
            }
            copies.insert(copy);
        }
        Ok(InSync { term, version, copies })
    }

    pub(super) fn slot(&mut self) -> Result<Slot, BadPacket> {
        Slot::new(self.u16()?).ok_or(BadPacket::Value("a slot that there is none of"))
    }

    pub(super) fn slots(&mut self) -> Result<SlotSet, BadPacket> {
        Ok(SlotSet::from_wire(&self.array()?))
    }

    pub(super) fn address(&mut self) -> Result<Address, BadPacket> {
        let ip = match self.u8()? {
            0 => None,
            4 => Some(IpAddr::from(self.array::<4>()?)),
            6 => Some(IpAddr::from(self.array::<16>()?)),
            _ => return Err(BadPacket::Value("an IP of no known version")),
        };
        Ok(Address { ip, port: self.u16()?, bus_port: self.u16()? })
    }

    /// All that is left, for a body with an open end.
    pub(super) fn rest(self) -> &'p [u8] {
        self.rest
    }

    /// Ends reading: a packet has nothing behind its body.
    pub(super) fn end(self) -> Result<(), BadPacket> {
        if self.rest.is_empty() { Ok(()) } else { Err(BadPacket::Long) }
    }
}

pub(super) fn put_address(out: &mut Vec<u8>, address: Address) {
    match address.ip {
        None => out.push(0),
        Some(IpAddr::V4(ip)) => {
            out.push(4);
            out.extend_from_slice(&ip.octets());
        }
        Some(IpAddr::V6(ip)) => {
            out.push(6);
            out.extend_from_slice(&ip.octets());
        }
    }
    out.extend_from_slice(&address.port.to_be_bytes());
    out.extend_from_slice(&address.bus_port.to_be_bytes());
}

pub(super) fn put_shard(out: &mut Vec<u8>, shard: ShardId) {
    out.extend_from_slice(shard.0.as_bytes());
}

pub(super) fn put_in_sync(out: &mut Vec<u8>, set: &InSync) {
    put_epoch(out, set.term);
    out.extend_from_slice(&set.version.to_be_bytes());
    // A primary names no more than these.
    out.push(u8::try_from(set.copies.len().min(IN_SYNC_COPIES_MAX)).unwrap_or(u8::MAX));
    for copy in set.copies.iter().take(IN_SYNC_COPIES_MAX) {
        out.extend_from_slice(copy.node.as_bytes());
        out.extend_from_slice(copy.store.as_bytes());
    }
}

pub(super) fn put_epoch(out: &mut Vec<u8>, epoch: Epoch) {
    out.extend_from_slice(&epoch.0.to_be_bytes());
}
