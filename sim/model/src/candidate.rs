//! How a copy becomes primary.

use crate::config::{Config, Fault};
use crate::ids::{CopyId, VOTERS};
use crate::sent::Request;
use crate::state::{State, place, voter_ids};

/// Whether a copy may stand. Failure detection is left to chance: a copy may stand whenever it likes, which covers every FAIL,
/// right or wrong.
pub(crate) fn can_stand(config: &Config, state: &State, copy: CopyId) -> bool {
    let node = state.copy(copy);
    !node.in_office
        && !node.standing
        && !node.frozen
        && config.next_epoch(node.current_epoch) <= config.epochs
        && state.spent.stands < config.stands
}

/// Raises `currentEpoch` on disk and asks for votes.
pub(crate) fn stand(config: &Config, state: &mut State, copy: CopyId) {
    state.spent.stands += 1;
    let node = state.copy_mut(copy);
    node.current_epoch = config.next_epoch(node.current_epoch);
    node.standing = true;
    let epoch = node.current_epoch;
    let request = Request { config_epoch: node.config_epoch, generation: node.generation };
    state.sent_mut(epoch).requests[copy.index()] = Some(request);
}

/// A candidate may go back to following: votes of that epoch will not be counted any more, as nobody else counts them.
pub(crate) fn give_up(state: &mut State, copy: CopyId) {
    state.copy_mut(copy).standing = false;
}

/// Whether a candidate has the votes of a majority. Of three seats that is two, and its own shard's seat does not vote.
pub(crate) fn can_win(config: &Config, state: &State, copy: CopyId) -> bool {
    let node = state.copy(copy);
    if !node.standing || node.frozen {
        return false;
    }
    let epoch = place(node.current_epoch);
    let votes = voter_ids().filter(|&voter| state.voter(voter).votes[epoch] & copy.bit() != 0).count();
    let seat = config.has(Fault::SeatCountedTwice) && state.epochs[epoch].seat_votes & copy.bit() != 0;
    votes + usize::from(seat) >= VOTERS
}

/// Takes office: the log as it stands is what the epoch begins with.
pub(crate) fn win(state: &mut State, copy: CopyId) {
    let node = state.copy_mut(copy);
    node.step_down();
    node.in_office = true;
    node.config_epoch = node.current_epoch;
    node.floor = node.synced;
    let (epoch, log) = (node.config_epoch, node.log);
    let sent = state.sent_mut(epoch);
    sent.primary = Some(copy);
    sent.elected |= copy.bit();
    sent.stream = log;
    sent.inherited = log.len() as u8;
    // Votes may be counted late: whoever is overtaken by then holds an office in which it can answer nothing.
    if epoch == state.newest_epoch() && !log.starts_with(&state.saved) {
        state.broken.elected_without_saved = true;
    }
}
