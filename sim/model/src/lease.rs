//! What a primary may answer alone, and for how long: leases without clocks.
//!
//! A voter that pongs promises not to vote against the primary for some time, and the primary, counting from its earlier ping,
//! believes in the promise for less. So a promise ends after the belief has ended; only a primary that does not look at its clock,
//! because it is stopped, believes longer.

use crate::config::{Config, Fault};
use crate::ids::{CopyId, VoterId};
use crate::log::Epoch;
use crate::state::State;

pub(crate) fn can_promise(config: &Config, state: &State, voter: VoterId, primary: CopyId) -> bool {
    let (v, node) = (state.voter(voter), state.copy(primary));
    config.lease
        && node.serves()
        && v.promised != node.config_epoch
        && node.config_epoch >= v.heard(config, Fault::PromisesAfterVoting)
}

/// A voter answers the primary's ping, which hears it in time. (A pong that comes too late gives no lease, and the promise alone
/// makes the voter only more careful.)
pub(crate) fn promise(state: &mut State, voter: VoterId, primary: CopyId) {
    let epoch = state.copy(primary).config_epoch;
    let v = state.voter_mut(voter);
    v.config_epoch = v.config_epoch.max(epoch);
    v.promised = epoch;
    v.believed = epoch;
}

/// The promise ends; the primary's belief ended before, unless it is frozen.
pub(crate) fn run_out(state: &mut State, voter: VoterId) {
    let epoch = state.voter(voter).promised;
    let stopped = epoch != 0 && state.sent(epoch).primary.is_some_and(|primary| state.copy(primary).frozen);
    let v = state.voter_mut(voter);
    v.promised = 0;
    if !stopped && v.believed == epoch {
        v.believed = 0;
    }
}

pub(crate) fn can_freeze(config: &Config, state: &State, primary: CopyId) -> bool {
    state.copy(primary).serves() && state.spent.freezes < config.freezes
}

pub(crate) fn freeze(state: &mut State, primary: CopyId) {
    state.spent.freezes += 1;
    state.copy_mut(primary).frozen = true;
}

/// A stopped primary goes on. It looks at its clock before it answers anything: it must hear a majority anew.
pub(crate) fn wake(config: &Config, state: &mut State, primary: CopyId) {
    let node = state.copy_mut(primary);
    node.frozen = false;
    let epoch = node.config_epoch;
    if !config.has(Fault::WakesWithItsLease) {
        drop_belief(state, epoch);
    }
}

/// Whether a primary answers ONE, which it does from its own disk and memory: a majority has promised, itself included.
pub(crate) fn answers_alone(config: &Config, state: &State, primary: CopyId) -> bool {
    let node = state.copy(primary);
    let leased = state.voters.iter().any(|voter| voter.believed == node.config_epoch);
    node.serves() && (leased || config.has(Fault::OldPrimaryKeepsAnswering))
}

/// The primary of an epoch stops believing in promises.
pub(crate) fn drop_belief(state: &mut State, epoch: Epoch) {
    for voter in state.voters.iter_mut().filter(|voter| voter.believed == epoch) {
        voter.believed = 0;
    }
}
