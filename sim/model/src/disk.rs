//! What a copy finds when it starts again.

use crate::config::{Config, Fault, Restart};
use crate::ids::{COPIES_MAX, CopyId};
use crate::lease::drop_belief;
use crate::log::{Epoch, Log};
use crate::state::{Spent, State};

pub(crate) fn can_crash(config: &Config, spent: &Spent) -> bool {
    spent.crashes < config.crashes
}

/// Crashes and restarts: what was not synced is gone, and so are office and candidacy. A primary that restarts serves nothing
/// in its old history: it may have streamed more than it has now.
pub(crate) fn crash(config: &Config, state: &mut State, copy: CopyId) {
    state.spent.crashes += 1;
    let node = state.copy_mut(copy);
    node.log = node.log.first(usize::from(node.synced));
    restart(config, state, copy, Fault::RestartedPrimaryGoesOn);
}

pub(crate) fn can_lose_data(config: &Config, state: &State, copy: CopyId) -> bool {
    state.spent.empties < config.empties && state.copy(copy).generation == 0
}

/// Crashes and comes back with an empty data folder. `nodes.conf` is there; without it the node would have another name and
/// be nobody's copy.
pub(crate) fn lose_data(config: &Config, state: &mut State, copy: CopyId) {
    state.spent.empties += 1;
    let node = state.copy_mut(copy);
    node.log = Log::default();
    node.generation += 1;
    let goes_on = match config.fault {
        Some(Fault::EmptyPrimaryWipesReplica) => Fault::EmptyPrimaryWipesReplica,
        _ => Fault::EmptyPrimaryServes,
    };
    restart(config, state, copy, goes_on);
}

/// Memory is gone. Whether a primary goes on, and with the given fault it does whatever log it found.
fn restart(config: &Config, state: &mut State, copy: CopyId, goes_on: Fault) {
    let node = state.copy_mut(copy);
    let (was_in_office, epoch) = (node.in_office, node.config_epoch);
    node.step_down();
    node.frozen = false;
    if !was_in_office {
        return;
    }
    drop_belief(state, epoch);
    let may_go_on = state.copy(copy).generation == 0 || config.has(goes_on);
    match config.restart {
        Restart::StandsAnew if config.has(goes_on) => go_on(state, copy, epoch),
        Restart::NewHistory if may_go_on && epoch == config.voted_epoch(epoch) && epoch < config.epochs => {
            go_on(state, copy, epoch + 1);
        }
        Restart::StandsAnew | Restart::NewHistory => {}
    }
}

/// A primary serves again with what it has, under the number of the epoch it served in (a fault) or of the epoch's new history.
/// Connections are new: nobody has acknowledged anything yet.
fn go_on(state: &mut State, copy: CopyId, epoch: Epoch) {
    let node = state.copy_mut(copy);
    node.in_office = true;
    node.config_epoch = epoch;
    node.current_epoch = node.current_epoch.max(epoch);
    node.floor = node.synced;
    let log = node.log;
    let sent = state.sent_mut(epoch);
    sent.primary = Some(copy);
    sent.elected |= copy.bit();
    sent.stream = log;
    sent.inherited = log.len() as u8;
    sent.acks = [[0; 2]; COPIES_MAX];
}
