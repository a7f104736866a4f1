//! What must be true in every state.

use stateright::Property;

use crate::config::Config;
use crate::ids::CopyId;
use crate::log::Log;
use crate::state::{State, epochs};
use crate::{lease, primary};

/// All invariants, by name.
pub fn all() -> Vec<Property<Config>> {
    vec![
        Property::always("one primary an epoch", one_primary_an_epoch),
        Property::always("one vote an epoch", one_vote_an_epoch),
        Property::always("epochs never go back", epochs_never_go_back),
        Property::always("a primary has what was saved", a_primary_has_what_was_saved),
        Property::always("saved once at a position", saved_once_at_a_position),
        Property::always("in-sync logs agree", in_sync_logs_agree),
        Property::always("saved is never cut", saved_is_never_cut),
        Property::always("one write an epoch and position", one_write_an_epoch_and_position),
        Property::always("a QUORUM read misses nothing", a_quorum_read_misses_nothing),
        Property::always("only the newest answers alone", only_the_newest_answers_alone),
    ]
}

/// At most one copy takes office in an epoch.
fn one_primary_an_epoch(_: &Config, state: &State) -> bool {
    epochs().all(|epoch| state.sent(epoch).elected.count_ones() <= 1)
}

/// A voter votes at most once in an epoch, whatever it goes through.
fn one_vote_an_epoch(_: &Config, state: &State) -> bool {
    state.voters.iter().all(|voter| voter.votes.iter().all(|votes| votes.count_ones() <= 1))
}

/// `currentEpoch`, `configEpoch` and `lastVoteEpoch` on a disk only grow.
fn epochs_never_go_back(_: &Config, state: &State) -> bool {
    !state.broken.epoch_went_back
}

/// Whoever takes office in the highest epoch has all that was saved, and while it serves it has all that is saved since, whoever
/// answered it.
fn a_primary_has_what_was_saved(_: &Config, state: &State) -> bool {
    let kept = newest_primary(state)
        .filter(|&primary| has_the_log_it_was_elected_with(state, primary))
        .is_none_or(|primary| state.copy(primary).log.starts_with(&state.saved));
    kept && !state.broken.elected_without_saved
}

/// No two primaries answer *saved* at one position with different writes.
fn saved_once_at_a_position(_: &Config, state: &State) -> bool {
    !state.broken.saved_twice
}

/// A copy in the in-sync set of the newest epoch that acknowledged anything there has all that was saved, and nothing but what its
/// primary streamed; and once the primary has had a set of its own noted, every copy in it has all that was saved.
fn in_sync_logs_agree(config: &Config, state: &State) -> bool {
    let Some(leader) = newest_primary(state) else { return true };
    let epoch = state.copy(leader).config_epoch;
    let sent = state.sent(epoch);
    let in_force = primary::in_force(config, state, epoch);
    let own_set = !sent.notes[state.noted_version(epoch)].is_empty();
    config.copy_ids().filter(|&id| id != leader && in_force.holds(id, state.copy(id).generation)).all(|id| {
        let log = state.copy(id).log;
        let follows = sent.acked_with(id, state.copy(id).generation) > 0;
        let complete = log.starts_with(&state.saved);
        (complete || !(follows || own_set)) && (sent.stream.starts_with(&log) || !follows)
    })
}

/// No copy in the in-sync set of the newest epoch cuts a saved entry off its log.
///
/// A copy out of the set may: what one primary of a higher epoch makes it drop, the next one may have answered without it.
fn saved_is_never_cut(_: &Config, state: &State) -> bool {
    !state.broken.saved_cut
}

/// Epoch and position name an entry: nobody, with a log or on the wire, holds another write under the same name.
fn one_write_an_epoch_and_position(config: &Config, state: &State) -> bool {
    let on_disk = config.copy_ids().map(|id| &state.copy(id).log);
    let logs: Vec<&Log> = on_disk.chain(epochs().map(|epoch| &state.sent(epoch).stream)).collect();
    let agree = |a: &Log, b: &Log| {
        a.entries().iter().zip(b.entries()).all(|(x, y)| x.epoch != y.epoch || x.write == y.write)
    };
    logs.iter().enumerate().all(|(at, a)| logs[at + 1..].iter().all(|b| agree(a, b)))
}

/// A QUORUM read shows every write that was answered before it was asked.
fn a_quorum_read_misses_nothing(_: &Config, state: &State) -> bool {
    !state.broken.read_missed
}

/// A primary that answers ONE is the one of the highest epoch: nobody else has answered anything newer.
fn only_the_newest_answers_alone(config: &Config, state: &State) -> bool {
    let newest = state.newest_epoch();
    config
        .copy_ids()
        .filter(|&id| lease::answers_alone(config, state, id))
        .all(|id| state.copy(id).config_epoch == newest)
}

/// The serving primary of the highest epoch, if it is in office.
fn newest_primary(state: &State) -> Option<CopyId> {
    let newest = state.newest_epoch();
    let id = state.sent(newest).primary?;
    let node = state.copy(id);
    (node.in_office && node.config_epoch == newest).then_some(id)
}

/// A primary that goes on with an empty folder (a fault) is looked at by what it answers, not by what it lacks.
fn has_the_log_it_was_elected_with(state: &State, primary: CopyId) -> bool {
    let node = state.copy(primary);
    let request = state.sent(node.config_epoch).requests[primary.index()];
    node.generation == request.map_or(0, |request| request.generation)
}
