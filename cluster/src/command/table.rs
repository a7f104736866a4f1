//! Every command by name: the one table that routing, COMMAND, ACL, statistics and documentation read.

use std::sync::LazyLock;

use super::CommandSpec;

/// The rows, by group. A new group is one more line here.
static GROUPS: &[&[CommandSpec]] = &[
    super::string::COMMANDS,
    super::keys::COMMANDS,
    super::hash::COMMANDS,
    super::list::COMMANDS,
    super::set::COMMANDS,
    super::sorted_set::COMMANDS,
    super::stream::COMMANDS,
    super::connection::COMMANDS,
    super::transaction::COMMANDS,
    super::server::COMMANDS,
    super::pubsub::COMMANDS,
    super::cluster::COMMANDS,
    #[cfg(test)]
    crate::server::tests::COMMANDS,
];

/// Longest name, bytes: what the lower-case copy of a request's name fits in.
const NAME_BYTES_MAX: usize = 24;

static TABLE: LazyLock<Table> = LazyLock::new(Table::new);

/// A command with its place in the table, by which statistics are counted.
#[derive(Clone, Copy)]
pub struct Found {
    /// Its row.
    pub spec: &'static CommandSpec,
    /// Its index among all commands.
    pub index: usize,
}

/// The command with this name, in any case.
#[inline]
pub fn find(name: &[u8]) -> Option<Found> {
    TABLE.find(name)
}

/// Every command, in the order of the table.
pub fn all() -> impl ExactSizeIterator<Item = &'static CommandSpec> {
    TABLE.specs.iter().copied()
}

/// An open-addressing table over the names: at most a quarter full, so a look-up is one hash, one probe and one comparison.
struct Table {
    specs: Vec<&'static CommandSpec>,
    /// Index into `specs` plus one; 0 is empty.
    places: Vec<u16>,
}

impl Table {
    fn new() -> Table {
        let specs: Vec<_> = GROUPS.iter().flat_map(|group| group.iter()).collect();
        let mut places = vec![0; (specs.len() * 4).next_power_of_two()];
        for (index, spec) in specs.iter().enumerate() {
            debug_assert!(spec.name.len() <= NAME_BYTES_MAX, "{}", spec.name);
            let mut place = hash(spec.name.as_bytes()) & (places.len() - 1);
            while places[place] != 0 {
                place = (place + 1) & (places.len() - 1);
            }
            places[place] = index as u16 + 1;
        }
        Table { specs, places }
    }

    #[inline]
    fn find(&self, name: &[u8]) -> Option<Found> {
        let mut lower = [0; NAME_BYTES_MAX];
        let lower = lower.get_mut(..name.len())?;
        for (low, byte) in lower.iter_mut().zip(name) {
            *low = byte.to_ascii_lowercase();
        }
        let mut place = hash(lower) & (self.places.len() - 1);
        loop {
            let index = usize::from(*self.places.get(place)?).checked_sub(1)?;
            let spec = *self.specs.get(index)?;
            if spec.name.as_bytes() == lower {
                return Some(Found { spec, index });
            }
            place = (place + 1) & (self.places.len() - 1);
        }
    }
}

/// FNV-1a: names are short.
#[inline]
fn hash(name: &[u8]) -> usize {
    let hash = name.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (hash ^ (hash >> 32)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_found_in_any_case_and_only_once() {
        for (index, spec) in all().enumerate() {
            assert_eq!(spec.name, spec.name.to_ascii_lowercase());
            let found = find(spec.name.to_ascii_uppercase().as_bytes()).unwrap();
            assert_eq!(found.index, index, "{} stands twice in the table", spec.name);
            assert!(!spec.summary.is_empty() && !spec.since.is_empty(), "{}", spec.name);
        }
        for unknown in ["", "nosuch", "GETT", "averyveryverylongnamethatnocommandhas"] {
            assert!(find(unknown.as_bytes()).is_none());
        }
    }
}
