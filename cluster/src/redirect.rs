//! Which locks a request needs, and whether this node serves its slot (Redis Cluster specification, MOVED redirection).

use shared::slot::Slot;

use crate::command::{Args, CommandError, CommandSpec, flag};
use crate::config::Config;
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

/// What a client has said before, about requests that this node would send elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Said {
    /// ASKING: it was sent here for a slot that is being imported.
    pub asking: bool,
    /// READONLY: it reads from replicas, and takes that what it reads may be older.
    pub readonly: bool,
}

/// The locks that a request needs, or why it is refused here.
#[inline]
pub fn route(
    spec: &CommandSpec,
    args: &Args<'_>,
    config: &Config,
    view: &ClusterView,
    said: Said,
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
    serves(config, view, slot, spec.flags, said)?;
    Ok(Route::Slot(slot))
}

/// Refuses a slot that this node does not serve to a command with these flags.
#[inline]
pub fn serves(
    config: &Config,
    view: &ClusterView,
    slot: Slot,
    flags: u32,
    said: Said,
) -> Result<(), CommandError> {
    if view.is_mine(slot) {
        return Ok(());
    }
    serves_owned(config, view, (slot, view.owner(slot)), flags, said)
}

/// The same for a slot whose owner was looked up. Refuses, unless configuration lets the command through although the cluster is down.
#[cold]
pub fn serves_owned(
    config: &Config,
    view: &ClusterView,
    (slot, owner): (Slot, Ownership),
    flags: u32,
    said: Said,
) -> Result<(), CommandError> {
    match owner {
        // Whether the key is still here is asked under its lock (`commit`).
        Ownership::Mine | Ownership::Migrating(_) => Ok(()),
        Ownership::Importing { .. } if said.asking || flags & flag::ASKING != 0 => Ok(()),
        Ownership::Importing { from: Some(address) } => Err(CommandError::Moved(slot, address)),
        Ownership::Importing { from: None } => Err(CommandError::text("CLUSTERDOWN Hash slot not served")),
        Ownership::Other(_) if said.readonly && flags & flag::READ != 0 && view.follows(slot) => Ok(()),
        Ownership::Other(address) => Err(CommandError::Moved(slot, address)),
        Ownership::Unassigned => Err(CommandError::text("CLUSTERDOWN Hash slot not served")),
        Ownership::InTransfer => Err(CommandError::InTransfer(slot)),
        Ownership::Down { elsewhere } => {
            let channel = flags & flag::CHANNEL_KEYS != 0;
            let allowed = if channel {
                config.cluster_allow_pubsubshard_when_down
            } else {
                config.cluster_allow_reads_when_down && flags & flag::WRITE == 0
            };
            match (allowed, elsewhere) {
                (true, Some(address)) => Err(CommandError::Moved(slot, address)),
                (true, None) => Ok(()),
                (false, _) if config.cluster_allow_reads_when_down && !channel => {
                    Err(CommandError::text("CLUSTERDOWN The cluster is down and only accepts read commands"))
                }
                (false, _) => Err(CommandError::text("CLUSTERDOWN The cluster is down")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;
    use crate::topology::tests::{id, three_nodes};

    fn config(pairs: &[(&str, &str)]) -> Config {
        let mut settings = Settings::default();
        pairs.iter().for_each(|(name, value)| settings.put(name, &[value]).unwrap());
        Config::of(&settings).unwrap()
    }

    fn said(config: &Config, view: &ClusterView, slot: u16, flags: u32) -> String {
        match serves(config, view, Slot::new(slot).unwrap(), flags, Said::default()) {
            Ok(()) => "served".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn each_slot_is_served_or_refused_in_the_words_of_the_specification() {
        let mut topology = three_nodes();
        topology.assign(Slot::new(1).unwrap(), id(1));
        topology.assign(Slot::new(2).unwrap(), id(2));
        let (view, strict) = (ClusterView::down(), config(&[]));
        view.show(&topology, true);
        assert_eq!(said(&strict, &view, 1, flag::WRITE), "served");
        assert_eq!(said(&strict, &view, 2, flag::READ), "MOVED 2 127.0.0.2:7000");
        assert_eq!(said(&strict, &view, 3, flag::READ), "CLUSTERDOWN Hash slot not served");
        view.show(&topology, false);
        assert_eq!(said(&strict, &view, 1, flag::READ), "CLUSTERDOWN The cluster is down");
        assert_eq!(said(&strict, &view, 3, flag::READ), "CLUSTERDOWN Hash slot not served");
        assert_eq!(said(&strict, &view, 1, flag::CHANNEL_KEYS), "served");
    }

    #[test]
    fn configuration_lets_reads_through_and_keeps_channels_back() {
        let mut topology = three_nodes();
        topology.assign(Slot::new(1).unwrap(), id(1));
        topology.assign(Slot::new(2).unwrap(), id(2));
        let view = ClusterView::down();
        view.show(&topology, false);
        let config = config(&[
            ("cluster-allow-reads-when-down", "yes"),
            ("cluster-allow-pubsubshard-when-down", "no"),
        ]);
        let refused = "CLUSTERDOWN The cluster is down and only accepts read commands";
        assert_eq!(said(&config, &view, 1, flag::READ), "served");
        assert_eq!(said(&config, &view, 2, flag::READ), "MOVED 2 127.0.0.2:7000");
        assert_eq!(said(&config, &view, 1, flag::WRITE), refused);
        assert_eq!(said(&config, &view, 1, flag::CHANNEL_KEYS), "CLUSTERDOWN The cluster is down");
    }
}
