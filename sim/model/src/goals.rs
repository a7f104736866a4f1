//! What must be possible: a model in which nothing happens breaks no invariant.

use stateright::Property;

use crate::config::Config;
use crate::ids::{CopyId, P1};
use crate::lease;
use crate::state::{State, epochs};

/// A failover happened and a saved write was kept.
pub const FAILOVER: &str = "a failover keeps a saved write";
/// After a failover the new primary answers too.
pub const SAVED_AFTER_FAILOVER: &str = "the new primary answers saved";
/// The in-sync set became smaller and *saved* was answered without the one that left.
pub const SHRINK: &str = "saved without the one that left the in-sync set";
/// A copy left the in-sync set and came back with all that was saved.
pub const REENTRY: &str = "a copy enters the in-sync set again";
/// The old primary follows the new one.
pub const REJOIN: &str = "the old primary rejoins as a replica";
/// A primary that restarted is elected again.
pub const REELECTION: &str = "a restarted primary is elected again";
/// The primary came back empty, its replica was elected, and the empty one got everything back.
pub const EMPTY_PRIMARY: &str = "the empty primary's replica is elected";
/// A QUORUM read was answered by the second primary.
pub const READ_AFTER_FAILOVER: &str = "a QUORUM read after a failover";
/// A primary that was frozen answers alone again.
pub const LEASE_AFTER_WAKING: &str = "a lease after waking";

/// All goals, by name.
pub fn all() -> Vec<Property<Config>> {
    vec![
        Property::sometimes(FAILOVER, |_, state: &State| {
            new_primary(state).is_some_and(|id| has_saved(state, id) && saved_in(state, 1))
        }),
        Property::sometimes(SAVED_AFTER_FAILOVER, |_, state: &State| {
            new_primary(state).is_some() && saved_in(state, 2)
        }),
        Property::sometimes(SHRINK, |config, state: &State| {
            let quiet = state.spent.stands == 0 && state.spent.empties == 0;
            quiet && !state.saved.is_empty() && config.copy_ids().any(|id| !has_saved(state, id))
        }),
        Property::sometimes(REENTRY, |config, state: &State| {
            let sent = state.sent(1);
            let [_, shrunk, grown, ..] = sent.notes;
            let back = |id: CopyId| !shrunk.names(id) && grown.names(id) && has_saved(state, id);
            state.noted_version(1) == 2 && !state.saved.is_empty() && config.copy_ids().any(back)
        }),
        Property::sometimes(REJOIN, |_, state: &State| {
            new_primary(state).is_some() && epochs().skip(1).any(|epoch| state.sent(epoch).acked(P1) > 0)
        }),
        Property::sometimes(REELECTION, |_, state: &State| {
            epochs().skip(1).any(|epoch| state.sent(epoch).primary == Some(P1)) && has_saved(state, P1)
        }),
        Property::sometimes(EMPTY_PRIMARY, |_, state: &State| {
            let back = state.copy(P1).generation == 1 && has_saved(state, P1);
            new_primary(state).is_some() && back && saved_in(state, 1)
        }),
        Property::sometimes(READ_AFTER_FAILOVER, |_, state: &State| {
            state.read.is_some_and(|read| read.answered && read.epoch > 1 && !read.must_show.is_empty())
        }),
        Property::sometimes(LEASE_AFTER_WAKING, |config, state: &State| {
            state.spent.freezes > 0 && config.copy_ids().any(|id| lease::answers_alone(config, state, id))
        }),
    ]
}

/// The serving primary of the highest epoch, if that is not P1.
fn new_primary(state: &State) -> Option<CopyId> {
    state.sent(state.newest_epoch()).primary.filter(|&id| id != P1 && state.copy(id).serves())
}

fn has_saved(state: &State, id: CopyId) -> bool {
    state.copy(id).log.starts_with(&state.saved) && !state.saved.is_empty()
}

/// Whether an entry of an epoch is among what was saved.
fn saved_in(state: &State, epoch: u8) -> bool {
    state.saved.entries().iter().any(|entry| entry.epoch == epoch)
}
