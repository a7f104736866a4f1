//! What a serving primary does: it takes writes, syncs, keeps the in-sync set, and answers *saved*.

use crate::config::{Config, Fault};
use crate::ids::CopyId;
use crate::isr::Isr;
use crate::log::{Entry, Epoch};
use crate::sent::NOTES_MAX;
use crate::state::{State, place};
use crate::voter;

pub(crate) fn can_write(config: &Config, state: &State, primary: CopyId) -> bool {
    state.copy(primary).serves() && state.spent.writes < config.writes
}

/// Takes a client's write and streams it, before it is on disk.
pub(crate) fn write(state: &mut State, primary: CopyId) {
    state.spent.writes += 1;
    let write = state.spent.writes;
    let node = state.copy_mut(primary);
    let epoch = node.config_epoch;
    node.log.push(Entry { epoch, write });
    state.sent_mut(epoch).stream = state.copy(primary).log;
}

pub(crate) fn can_sync(state: &State, primary: CopyId) -> bool {
    let node = state.copy(primary);
    node.serves() && usize::from(node.synced) < node.log.len()
}

pub(crate) fn sync(state: &mut State, primary: CopyId) {
    let node = state.copy_mut(primary);
    node.synced = node.log.len() as u8;
}

/// The in-sync sets that a primary may propose now.
///
/// One proposal at a time: the next one only when a majority has noted this one. A set names the primary and copies that have
/// acknowledged, in this epoch, everything the primary inherited and everything it answered.
pub(crate) fn proposals(config: &Config, state: &State, primary: CopyId) -> Vec<Isr> {
    let node = state.copy(primary);
    if !node.serves() || state.spent.isr_changes >= config.isr_changes {
        return Vec::new();
    }
    let sent = state.sent(node.config_epoch);
    let newest = sent.newest_note();
    if newest != state.noted_version(node.config_epoch) || newest + 1 >= NOTES_MAX {
        return Vec::new();
    }
    let mut sets = vec![Isr::default().with(primary, node.generation)];
    for copy in config.copy_ids().filter(|&copy| copy != primary) {
        let generation = state.copy(copy).generation;
        let caught_up = sent.acked_with(copy, generation) >= usize::from(node.floor);
        if caught_up || config.has(Fault::NotedBeforeCaughtUp) {
            sets.extend(sets.clone().into_iter().map(|set| set.with(copy, generation)));
        }
    }
    sets.retain(|&set| set != sent.notes[newest]);
    sets
}

/// Sends an in-sync set to the voters. From here on its copies are waited for.
pub(crate) fn propose(state: &mut State, primary: CopyId, set: Isr) {
    state.spent.isr_changes += 1;
    let sent = state.sent_mut(state.copy(primary).config_epoch);
    let version = sent.newest_note() + 1;
    sent.notes[version] = set;
}

/// The in-sync set of an epoch: the newest that a majority noted, or before there is one what [`first_set`] says.
pub(crate) fn in_force(config: &Config, state: &State, epoch: Epoch) -> Isr {
    let noted = state.sent(epoch).notes[state.noted_version(epoch)];
    if noted.is_empty() { first_set(config, state, epoch) } else { noted }
}

/// Whose acknowledgement the primary of an epoch needs, and how far it has come: everyone who may be elected by what voters may have
/// noted.
///
/// That is the set in force and the one that is proposed. Only what was acknowledged with the very log that a set names counts.
pub(crate) fn waited_for(
    config: &Config,
    state: &State,
    primary: CopyId,
    epoch: Epoch,
) -> Vec<(CopyId, usize)> {
    let sent = state.sent(epoch);
    let (in_force, proposed) = (in_force(config, state, epoch), sent.notes[sent.newest_note()]);
    let named = match config.fault {
        Some(Fault::SavedBeforeShrinkIsNoted) if !proposed.is_empty() => proposed,
        Some(Fault::EnteredButNotWaitedFor) => in_force,
        _ => in_force.or(proposed),
    };
    let acked = |copy, generation| match config.fault {
        Some(Fault::AckOfAnOlderLog) => sent.acked(copy),
        _ => sent.acked_with(copy, generation),
    };
    let logs = named.logs().filter(|&(copy, _)| copy != primary);
    logs.map(|(copy, generation)| (copy, acked(copy, generation))).collect()
}

/// Whom a new primary waits for until a set of its own is noted: what its voters had noted when they voted, which a vote says.
///
/// Whoever else is elected by older notes needs one of these voters, and they note nothing more of older epochs. A new history of an
/// epoch goes on with all sets of that epoch: they are on the primary's own disk, the first one too.
fn first_set(config: &Config, state: &State, epoch: Epoch) -> Isr {
    let voted = config.voted_epoch(epoch);
    if voted != epoch {
        return state.sent(voted).notes.into_iter().fold(first_set(config, state, voted), Isr::or);
    }
    let primary = state.sent(epoch).primary.map_or(0, CopyId::bit);
    let voters = state.voters.iter().filter(|voter| voter.votes[place(epoch)] & primary != 0);
    voters.map(|voter| voter::noted_before(state, voter, epoch)).fold(Isr::default(), Isr::or)
}

/// How much of its log a primary may call saved: synced here, and acknowledged as synced by everyone who is waited for.
pub(crate) fn safe_offset(config: &Config, state: &State, primary: CopyId) -> usize {
    let node = state.copy(primary);
    if config.has(Fault::SavedByMajorityOfCopies) {
        let sent = state.sent(node.config_epoch);
        let mut offsets: Vec<_> =
            config.copy_ids().filter(|&copy| copy != primary).map(|copy| sent.acked(copy)).collect();
        offsets.sort_unstable();
        return offsets[offsets.len() - config.copies / 2].min(usize::from(node.synced));
    }
    let offsets = waited_for(config, state, primary, node.config_epoch).into_iter().map(|(_, offset)| offset);
    offsets.fold(usize::from(node.synced), usize::min)
}

/// Whether there is something to answer. All that is safe is answered at once: to answer less is to answer earlier.
pub(crate) fn can_answer(config: &Config, state: &State, primary: CopyId) -> bool {
    let node = state.copy(primary);
    if !node.serves() {
        return false;
    }
    let safe = safe_offset(config, state, primary);
    safe > 0 && (safe > usize::from(node.floor) || !state.saved.starts_with(&node.log.first(safe)))
}

/// Tells clients that their writes are saved.
pub(crate) fn answer(config: &Config, state: &mut State, primary: CopyId) {
    let safe = safe_offset(config, state, primary);
    let node = state.copy_mut(primary);
    node.floor = node.floor.max(safe as u8);
    let told = node.log.first(safe);
    state.tell_saved(told);
}
