//! What P2 and P3 do: they note in-sync sets, and vote.

use crate::config::{Config, Fault, Relaxed};
use crate::ids::{CopyId, VoterId};
use crate::isr::Isr;
use crate::log::Epoch;
use crate::state::{State, Voter, place};

/// The versions of an epoch's in-sync set that a voter may note now.
///
/// Nothing of an epoch below its last vote of this shard: what it noted when it voted must stay true for the one it voted for.
pub(crate) fn notable(config: &Config, state: &State, voter: VoterId, epoch: Epoch) -> Vec<u8> {
    let v = state.voter(voter);
    if epoch < v.heard(config, Fault::NotesAfterVoting) {
        return Vec::new();
    }
    (v.noted[place(epoch)] + 1..=state.sent(epoch).newest_note() as u8).collect()
}

impl Voter {
    /// The epoch below which a voter grants nothing more: its last vote (a fault may forget that), or a primary it heard of.
    pub(crate) fn heard(&self, config: &Config, forgets_vote: Fault) -> Epoch {
        if config.has(forgets_vote) { self.config_epoch } else { self.last_vote.max(self.config_epoch) }
    }
}

/// Notes an in-sync set on disk and says so.
pub(crate) fn note(state: &mut State, voter: VoterId, epoch: Epoch, version: u8) {
    let v = state.voter_mut(voter);
    v.noted[place(epoch)] = version;
    v.config_epoch = v.config_epoch.max(epoch);
}

/// Whether a voter gives its vote to a candidate.
///
/// Goals: one primary an epoch, and only one that has all that was saved. It refuses an epoch that is not higher than its last
/// vote and than the config epoch it knows; a candidate that knows less than it does; one that is not in the in-sync set it noted
/// last; and, while it has promised a lease, everyone but the primary it promised it to.
pub(crate) fn can_vote(config: &Config, state: &State, voter: VoterId, copy: CopyId, epoch: Epoch) -> bool {
    let v = state.voter(voter);
    let Some(request) = state.sent(epoch).requests[copy.index()] else { return false };
    let promised_to_other = v.promised != 0 && state.sent(v.promised).primary != Some(copy);
    epoch > v.last_vote.max(v.config_epoch)
        && (request.config_epoch >= v.config_epoch || config.lacks(Relaxed::CandidateKnowsLess))
        && !promised_to_other
        && in_sync(config, noted_before(state, v, epoch), copy, request.generation)
}

/// Votes: `lastVoteEpoch` is on disk before the vote leaves.
pub(crate) fn vote(state: &mut State, voter: VoterId, copy: CopyId, epoch: Epoch) {
    let v = state.voter_mut(voter);
    v.last_vote = epoch;
    v.votes[place(epoch)] |= copy.bit();
}

/// Crashes and restarts. Everything is on disk but the lease it promised: so it waits one lease before it votes again, which is
/// as if it remembered.
pub(crate) fn crash(config: &Config, state: &mut State, voter: VoterId) {
    let v = state.voter_mut(voter);
    if config.has(Fault::VoteNotPersisted) {
        v.last_vote = 0;
    }
    if config.has(Fault::VoterForgetsPromise) {
        v.promised = 0;
    }
}

/// `Fault::SeatCountedTwice`: a primary that has not heard of its successor votes about its own shard, by the rules for voters; it
/// serves no longer then.
pub(crate) fn can_seat_vote(
    config: &Config,
    state: &State,
    holder: CopyId,
    copy: CopyId,
    epoch: Epoch,
) -> bool {
    let node = state.copy(holder);
    let sent = state.sent(node.config_epoch);
    config.has(Fault::SeatCountedTwice)
        && node.serves()
        && holder != copy
        && epoch > node.current_epoch
        && state.sent(epoch).requests[copy.index()]
            .is_some_and(|request| in_sync(config, sent.notes[sent.newest_note()], copy, request.generation))
}

pub(crate) fn seat_vote(state: &mut State, holder: CopyId, copy: CopyId, epoch: Epoch) {
    let node = state.copy_mut(holder);
    node.step_down();
    node.current_epoch = epoch;
    state.sent_mut(epoch).seat_votes |= copy.bit();
}

/// The in-sync set that a voter noted last, of the epochs below one.
pub(crate) fn noted_before(state: &State, voter: &Voter, epoch: Epoch) -> Isr {
    let newest = (1..epoch).rev().find(|&epoch| voter.noted[place(epoch)] > 0).unwrap_or(1);
    state.sent(newest).notes[usize::from(voter.noted[place(newest)])]
}

fn in_sync(config: &Config, set: Isr, copy: CopyId, generation: u8) -> bool {
    match config.fault {
        Some(Fault::CandidateOutOfIsr) => true,
        Some(Fault::EmptyReplicaStands) => set.names(copy),
        _ => set.holds(copy, generation),
    }
}
