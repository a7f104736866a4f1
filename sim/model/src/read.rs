//! One QUORUM read.

use crate::config::{Config, Fault};
use crate::ids::CopyId;
use crate::primary::{safe_offset, waited_for};
use crate::state::{Read, State};

pub(crate) fn can_ask(config: &Config, state: &State, primary: CopyId) -> bool {
    config.read && state.read.is_none() && state.copy(primary).serves()
}

pub(crate) fn ask(state: &mut State, primary: CopyId) {
    let epoch = state.copy(primary).config_epoch;
    state.read = Some(Read { copy: primary, epoch, must_show: state.saved, confirmed: 0, answered: false });
}

/// Whether a copy can say that the one who was asked is still its primary.
pub(crate) fn can_confirm(state: &State, copy: CopyId) -> bool {
    let node = state.copy(copy);
    state.read.is_some_and(|read| {
        !read.answered
            && read.copy != copy
            && read.confirmed & copy.bit() == 0
            && node.config_epoch == read.epoch
            && !node.standing
            && !node.frozen
    })
}

pub(crate) fn confirm(state: &mut State, copy: CopyId) {
    if let Some(read) = &mut state.read {
        read.confirmed |= copy.bit();
    }
}

/// Whether the read can be answered: everyone whose acknowledgement *saved* needs has confirmed since it was asked, and holds all
/// that the primary inherited.
pub(crate) fn can_answer(config: &Config, state: &State) -> bool {
    let Some(read) = state.read else { return false };
    let node = state.copy(read.copy);
    if read.answered || !node.serves() || node.config_epoch != read.epoch {
        return false;
    }
    if config.has(Fault::ReadByMajorityOfCopies) {
        return 1 + read.confirmed.count_ones() as usize > config.copies / 2;
    }
    let waited_for = waited_for(config, state, read.copy, read.epoch);
    waited_for.iter().all(|(copy, _)| read.confirmed & copy.bit() != 0)
        && safe_offset(config, state, read.copy) >= usize::from(node.floor)
}

/// Answers with what is safe: what a client has seen must not be lost, so it counts as saved from here on.
pub(crate) fn answer(config: &Config, state: &mut State) {
    let Some(read) = &mut state.read else { return };
    read.answered = true;
    let Read { copy, must_show, .. } = *read;
    if config.has(Fault::ReadByMajorityOfCopies) {
        state.broken.read_missed |= !state.copy(copy).log.starts_with(&must_show);
        return;
    }
    let safe = safe_offset(config, state, copy);
    let node = state.copy_mut(copy);
    node.floor = node.floor.max(safe as u8);
    let shown = if config.has(Fault::ReadShowsUnsaved) { node.log } else { node.log.first(safe) };
    state.broken.read_missed |= !shown.starts_with(&must_show);
    state.tell_saved(shown);
}
