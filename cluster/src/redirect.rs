//! Which locks a request needs, and whether this node serves its slot (Redis Cluster specification, MOVED redirection).

use std::sync::Arc;

use shared::slot::Slot;

use crate::command::{Args, CommandError, CommandSpec, flag};

/// Who serves a slot, as this node knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ownership {
    /// This node.
    Mine,
    /// Another node, at this `host:port`.
    Other(Arc<str>),
    /// Nobody.
    Unassigned,
    /// The cluster is down: no slot is served.
    Down,
}

/// The cluster as the request path sees it; asked for every command, so an answer is one cheap read.
pub trait SlotOwners: Send + Sync {
    /// Who serves a slot.
    fn owner(&self, slot: Slot) -> Ownership;
}

/// A node without cluster mode: it serves every slot.
pub struct Alone;

impl SlotOwners for Alone {
    fn owner(&self, _: Slot) -> Ownership {
        Ownership::Mine
    }
}

/// The locks that a request needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// That of one slot.
    Slot(Slot),
    /// Those of these partitions (only on a node without cluster mode).
    Several(Vec<usize>),
    /// All.
    Whole,
    /// One after another.
    Walk,
    /// None: no key.
    Nowhere,
}

/// The locks that a request needs, or why it is refused here. `cluster` says whether keys must share a slot.
#[inline]
pub fn route(
    spec: &CommandSpec,
    args: &Args<'_>,
    cluster: bool,
    owners: &dyn SlotOwners,
) -> Result<Route, CommandError> {
    let mut first: Option<Slot> = None;
    let mut crossing = false;
    spec.keys.each(args, &mut |index| {
        let slot = Slot::of_key(args.at(index));
        match first {
            None => first = Some(slot),
            Some(first) => crossing |= first != slot,
        }
    });
    let Some(slot) = first else {
        return Ok(match spec.flags {
            flags if flags & flag::WHOLE != 0 => Route::Whole,
            flags if flags & flag::WALKS != 0 => Route::Walk,
            _ => Route::Nowhere,
        });
    };
    if crossing && !cluster {
        let mut partitions = Vec::new();
        spec.keys.each(args, &mut |index| partitions.push(Slot::of_key(args.at(index)).partition()));
        return Ok(Route::Several(partitions));
    }
    if crossing {
        return Err(CommandError::CrossSlot);
    }
    if cluster {
        serves(owners, slot)?;
    }
    Ok(Route::Slot(slot))
}

/// Refuses a slot that this node does not serve.
#[inline]
pub fn serves(owners: &dyn SlotOwners, slot: Slot) -> Result<(), CommandError> {
    match owners.owner(slot) {
        Ownership::Mine => Ok(()),
        Ownership::Other(address) => Err(CommandError::owned(format!("MOVED {slot} {address}"))),
        Ownership::Unassigned => Err(CommandError::text("CLUSTERDOWN Hash slot not served")),
        Ownership::Down => Err(CommandError::text("CLUSTERDOWN The cluster is down")),
    }
}
