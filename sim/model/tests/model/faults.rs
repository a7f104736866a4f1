//! Each rule broken: the checker must find what it protects from.

use failover_model::config::{Config, Fault, Restart};

use crate::check::breaks;

const PRIMARY: &str = "one primary an epoch";
const KEPT: &str = "a primary has what was saved";
const ONCE: &str = "saved once at a position";
const CUT: &str = "saved is never cut";
const NAMES: &str = "one write an epoch and position";
const READ: &str = "a QUORUM read misses nothing";
const ALONE: &str = "only the newest answers alone";

const TWO: Config = Config { writes: 2, isr_changes: 2, stands: 2, ..Config::QUIET };
const THREE: Config = Config { copies: 3, ..TWO };
const HISTORIES: Config = Config { restart: Restart::NewHistory, epochs: 5, ..TWO };

/// One test for each fault.
macro_rules! found {
    ($($name:ident: $fault:ident, $config:expr, $invariant:expr;)*) => {$(
        #[test]
        fn $name() {
            breaks(Fault::$fault, $config, $invariant);
        }
    )*};
}

found! {
    vote_not_persisted: VoteNotPersisted, Config { copies: 3, crashes: 2, stands: 2, ..Config::QUIET }, PRIMARY;
    ack_to_old_epoch: AckToOldEpoch, TWO, ONCE;
    saved_before_shrink_is_noted: SavedBeforeShrinkIsNoted, TWO, KEPT;
    notes_after_voting: NotesAfterVoting, TWO, KEPT;
    promises_after_voting: PromisesAfterVoting, Config { lease: true, ..TWO }, ALONE;
    candidate_out_of_isr: CandidateOutOfIsr, TWO, KEPT;
    empty_primary_wipes_replica: EmptyPrimaryWipesReplica, Config { empties: 1, ..TWO }, CUT;
    old_primary_keeps_answering: OldPrimaryKeepsAnswering, Config { lease: true, ..TWO }, ALONE;
    empty_primary_serves: EmptyPrimaryServes, Config { empties: 1, ..HISTORIES }, ONCE;
    empty_replica_stands: EmptyReplicaStands, Config { empties: 1, ..TWO }, KEPT;
    ack_of_an_older_log: AckOfAnOlderLog, Config { empties: 1, ..TWO }, KEPT;
    restarted_primary_goes_on: RestartedPrimaryGoesOn, Config { crashes: 1, ..TWO }, KEPT;
    restarted_primary_writes_twice: RestartedPrimaryGoesOn, Config { crashes: 1, ..TWO }, NAMES;
    noted_before_caught_up: NotedBeforeCaughtUp, TWO, KEPT;
    entered_but_not_waited_for: EnteredButNotWaitedFor, TWO, KEPT;
    seat_counted_twice: SeatCountedTwice, Config { writes: 1, isr_changes: 1, stands: 3, ..THREE }, KEPT;
    read_by_majority_of_copies: ReadByMajorityOfCopies, Config { writes: 1, isr_changes: 1, stands: 1, read: true, ..THREE }, READ;
    read_shows_unsaved: ReadShowsUnsaved, Config { read: true, ..TWO }, KEPT;
    saved_by_majority_of_copies: SavedByMajorityOfCopies, THREE, KEPT;
    wakes_with_its_lease: WakesWithItsLease, Config { freezes: 1, lease: true, ..TWO }, ALONE;
    voter_forgets_promise: VoterForgetsPromise, Config { crashes: 1, lease: true, ..TWO }, ALONE;
}
