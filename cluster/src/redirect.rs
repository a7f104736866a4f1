//! Which locks a request needs, and whether this node serves its slot (Redis Cluster specification, MOVED redirection).

use shared::slot::Slot;

use crate::command::{Args, CommandError, CommandSpec, flag};
use crate::config::Config;
use crate::topology::Address;
use crate::topology::view::{ClusterView, Ownership};

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

/// The locks that a request needs, or why it is refused here.
#[inline]
pub fn route(
    spec: &CommandSpec,
    args: &Args<'_>,
    config: &Config,
    view: &ClusterView,
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
    if crossing && !config.cluster_enabled {
        let mut partitions = Vec::new();
        spec.keys.each(args, &mut |index| partitions.push(Slot::of_key(args.at(index)).partition()));
        return Ok(Route::Several(partitions));
    }
    if crossing {
        return Err(CommandError::CrossSlot);
    }
    if !view.is_mine(slot) {
        elsewhere(spec, slot, config, view)?;
    }
    Ok(Route::Slot(slot))
}

/// Refuses a command on a slot that this node does not serve, unless configuration lets it through.
#[cold]
fn elsewhere(
    spec: &CommandSpec,
    slot: Slot,
    config: &Config,
    view: &ClusterView,
) -> Result<(), CommandError> {
    match view.owner(slot) {
        Ownership::Mine => Ok(()),
        Ownership::Other(address) => Err(moved(slot, address)),
        Ownership::Unassigned => Err(CommandError::text("CLUSTERDOWN Hash slot not served")),
        Ownership::Down { elsewhere } => {
            let channel = spec.has(flag::CHANNEL_KEYS);
            let allowed = if channel {
                config.cluster_allow_pubsubshard_when_down
            } else {
                config.cluster_allow_reads_when_down && !spec.has(flag::WRITE)
            };
            match (allowed, elsewhere) {
                (true, Some(address)) => Err(moved(slot, address)),
                (true, None) => Ok(()),
                (false, _) if config.cluster_allow_reads_when_down && !channel => {
                    Err(CommandError::text("CLUSTERDOWN The cluster is down and only accepts read commands"))
                }
                (false, _) => Err(CommandError::text("CLUSTERDOWN The cluster is down")),
            }
        }
    }
}

fn moved(slot: Slot, address: Address) -> CommandError {
    let host = address.host();
    CommandError::owned(format!("MOVED {slot} {host}:{}", address.port))
}
