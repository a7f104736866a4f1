//! What a copy does that hears a primary: it follows, cuts, acknowledges.

use crate::config::{Config, Fault, Relaxed};
use crate::ids::CopyId;
use crate::log::{Epoch, Log};
use crate::primary::in_force;
use crate::state::State;

/// Whether a copy listens to the primary of an epoch: not to one below what it knows, nor, while it stands, to one below the
/// epoch it stands in.
fn listens(config: &Config, state: &State, copy: CopyId, epoch: Epoch) -> bool {
    let node = state.copy(copy);
    let stands_above = node.standing && epoch < node.current_epoch;
    epoch >= node.config_epoch && (!stands_above || config.lacks(Relaxed::AcksWhileStanding))
}

/// Whether something of this epoch can reach the copy at all.
fn reaches(state: &State, copy: CopyId, epoch: Epoch) -> bool {
    !state.copy(copy).frozen && state.sent(epoch).primary.is_some_and(|primary| primary != copy)
}

/// A copy learns from gossip who is primary of a higher epoch. Its log is as it was.
pub(crate) fn can_learn(config: &Config, state: &State, copy: CopyId, epoch: Epoch) -> bool {
    reaches(state, copy, epoch)
        && epoch > state.copy(copy).config_epoch
        && listens(config, state, copy, epoch)
}

pub(crate) fn learn(state: &mut State, copy: CopyId, epoch: Epoch) {
    let node = state.copy_mut(copy);
    node.step_down();
    node.config_epoch = epoch;
    node.current_epoch = node.current_epoch.max(epoch);
}

/// The offsets at which a copy may receive the stream of an epoch now.
pub(crate) fn receivable(config: &Config, state: &State, copy: CopyId, epoch: Epoch) -> Vec<usize> {
    if !reaches(state, copy, epoch)
        || !(listens(config, state, copy, epoch) || config.has(Fault::AckToOldEpoch))
    {
        return Vec::new();
    }
    let sent = state.sent(epoch);
    (usize::from(sent.inherited)..=sent.stream.len()).collect()
}

/// A copy receives the stream of an epoch up to an offset, syncs what is new, and acknowledges.
///
/// It cuts its own log back to what both share, but only entries of lower epochs: only a primary of a higher epoch may drop them.
pub(crate) fn receive(config: &Config, state: &mut State, copy: CopyId, epoch: Epoch, offset: usize) {
    if !listens(config, state, copy, epoch) {
        // Fault::AckToOldEpoch: the offset alone is acknowledged, as `REPLCONF ACK` does.
        acknowledge(state, copy, epoch, state.copy(copy).log.len());
        return;
    }
    let sent = state.sent(epoch);
    let streamed = sent.stream.first(offset);
    let own = state.copy(copy).log;
    let shared = own.shared_with(&streamed);
    let rest = &own.entries()[shared..];
    let wiped = config.has(Fault::EmptyPrimaryWipesReplica)
        && sent.primary.is_some_and(|primary| state.copy(primary).generation > 0);
    let may_cut = if config.lacks(Relaxed::HistoryMayCut) { epoch } else { config.voted_epoch(epoch) };
    let log = if rest.iter().all(|entry| entry.epoch < may_cut) || wiped {
        streamed
    } else if shared == streamed.len() && rest.iter().all(|entry| entry.epoch == epoch) {
        // An old packet: this much and more has come already.
        own
    } else {
        // Two histories of one epoch, and this copy has what the other one lacks: refused, nothing is dropped or acknowledged.
        return;
    };
    note_cut(config, state, copy, &own, &log);
    let node = state.copy_mut(copy);
    node.log = log;
    let still_standing = node.standing && epoch < node.current_epoch;
    node.step_down();
    node.standing = still_standing;
    node.config_epoch = epoch;
    node.current_epoch = node.current_epoch.max(epoch);
    acknowledge(state, copy, epoch, log.len());
}

fn acknowledge(state: &mut State, copy: CopyId, epoch: Epoch, offset: usize) {
    let generation = usize::from(state.copy(copy).generation);
    let ack = &mut state.sent_mut(epoch).acks[copy.index()][generation];
    *ack = (*ack).max(offset as u8);
}

/// Marks it if a copy of the newest in-sync set has a saved entry in its old log and not in the new one.
fn note_cut(config: &Config, state: &mut State, copy: CopyId, old: &Log, new: &Log) {
    if !in_force(config, state, state.newest_epoch()).holds(copy, state.copy(copy).generation) {
        return;
    }
    let saved = state.saved.entries().iter().enumerate();
    let lost = saved
        .filter(|&(at, entry)| old.entries().get(at) == Some(entry))
        .any(|(at, entry)| new.entries().get(at) != Some(entry));
    state.broken.saved_cut |= lost;
}
