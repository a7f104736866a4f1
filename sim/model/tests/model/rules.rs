//! The rules as they are, each within bounds of its own.

use failover_model::config::{Config, Relaxed, Restart};
use failover_model::goals;

use crate::check::holds;

const TWO: Config = Config { writes: 2, isr_changes: 2, stands: 2, ..Config::QUIET };
const THREE: Config = Config { copies: 3, isr_changes: 1, ..TWO };
const HISTORIES: Config = Config { restart: Restart::NewHistory, epochs: 5, ..TWO };

#[test]
fn two_copies_with_crashes() {
    let config = Config { crashes: 2, stands: 3, ..TWO };
    holds(
        "two copies, two crashes",
        config,
        &[
            goals::FAILOVER,
            goals::SAVED_AFTER_FAILOVER,
            goals::SHRINK,
            goals::REENTRY,
            goals::REJOIN,
            goals::REELECTION,
        ],
    );
}

#[test]
fn two_copies_with_three_writes() {
    let config = Config { writes: 3, crashes: 1, ..TWO };
    holds("two copies, three writes, a crash", config, &[goals::FAILOVER, goals::REENTRY, goals::REJOIN]);
}

#[test]
fn two_copies_with_five_epochs() {
    let config = Config { writes: 1, epochs: 5, stands: 5, ..TWO };
    holds("two copies, five epochs", config, &[goals::FAILOVER, goals::REENTRY, goals::REJOIN]);
}

#[test]
fn three_copies() {
    holds(
        "three copies",
        THREE,
        &[goals::FAILOVER, goals::SAVED_AFTER_FAILOVER, goals::SHRINK, goals::REJOIN],
    );
}

#[test]
fn three_copies_whose_in_sync_set_changes() {
    let config = Config { writes: 1, isr_changes: 3, stands: 1, ..THREE };
    holds("three copies, three changes of the in-sync set", config, &[goals::FAILOVER, goals::REENTRY]);
}

#[test]
fn three_copies_with_a_crash() {
    let config = Config { writes: 1, crashes: 1, ..THREE };
    holds(
        "three copies, a crash",
        config,
        &[goals::FAILOVER, goals::SHRINK, goals::REJOIN, goals::REELECTION],
    );
}

#[test]
fn a_copy_comes_back_empty() {
    let config = Config { empties: 1, stands: 3, ..TWO };
    holds("two copies, one comes back empty", config, &[goals::EMPTY_PRIMARY, goals::SHRINK, goals::REENTRY]);
}

#[test]
fn one_of_three_copies_comes_back_empty() {
    let config = Config { writes: 1, empties: 1, ..THREE };
    holds("three copies, one comes back empty", config, &[goals::EMPTY_PRIMARY, goals::SHRINK]);
}

#[test]
fn a_quorum_read() {
    let config = Config { writes: 1, isr_changes: 2, stands: 1, read: true, ..THREE };
    holds("three copies, a QUORUM read", config, &[goals::READ_AFTER_FAILOVER]);
}

#[test]
fn a_quorum_read_with_a_crash() {
    let config = Config { crashes: 1, isr_changes: 1, read: true, ..TWO };
    holds("two copies, a QUORUM read, a crash", config, &[goals::READ_AFTER_FAILOVER]);
}

#[test]
fn leases_with_a_freeze() {
    let config = Config { crashes: 1, freezes: 1, writes: 1, isr_changes: 0, lease: true, ..THREE };
    holds("three copies, leases, a freeze, a crash", config, &[goals::LEASE_AFTER_WAKING]);
}

#[test]
fn a_restarted_primary_may_go_on_under_a_new_history() {
    let config = Config { crashes: 1, ..HISTORIES };
    holds("two copies, a crash, new histories", config, &[goals::FAILOVER, goals::SHRINK, goals::REJOIN]);
}

#[test]
fn three_copies_with_new_histories() {
    let config = Config { copies: 3, writes: 1, crashes: 1, isr_changes: 1, ..HISTORIES };
    holds("three copies, a crash, new histories", config, &[goals::FAILOVER]);
}

#[test]
fn a_new_history_may_cut() {
    let config = Config { crashes: 1, isr_changes: 1, ..HISTORIES }.without(Relaxed::HistoryMayCut);
    holds("two copies, a crash, a new history cuts", config, &[goals::FAILOVER]);
}

#[test]
fn a_candidate_may_acknowledge_until_it_wins() {
    let config = Config { crashes: 1, ..TWO }.without(Relaxed::AcksWhileStanding);
    holds("two copies, a crash, candidates acknowledge", config, &[goals::FAILOVER]);
}

#[test]
fn a_voter_need_not_ask_what_the_candidate_knows() {
    let config = Config { writes: 1, isr_changes: 2, ..THREE }.without(Relaxed::CandidateKnowsLess);
    holds("three copies, candidates know less", config, &[goals::FAILOVER]);
}

/// The same with wider bounds: some minutes each.
#[cfg(feature = "deep")]
mod deep {
    use super::*;

    const THREE: Config = Config { copies: 3, ..TWO };

    #[test]
    fn three_copies_with_a_crash() {
        holds(
            "deep: three copies, a crash",
            Config { crashes: 1, ..THREE },
            &[goals::REENTRY, goals::REELECTION],
        );
    }

    #[test]
    fn one_of_three_copies_comes_back_empty() {
        let config = Config { writes: 1, empties: 1, ..THREE };
        holds("deep: three copies, one comes back empty", config, &[goals::EMPTY_PRIMARY, goals::REENTRY]);
    }

    #[test]
    fn a_copy_crashes_and_one_comes_back_empty() {
        let config = Config { crashes: 2, empties: 1, stands: 3, ..TWO };
        holds("deep: two copies, two crashes, one comes back empty", config, &[goals::EMPTY_PRIMARY]);
    }

    #[test]
    fn new_histories_with_two_crashes() {
        let config = Config { crashes: 2, ..HISTORIES };
        holds("deep: two copies, two crashes, new histories", config, &[goals::FAILOVER]);
    }

    #[test]
    fn a_quorum_read() {
        let config = Config { read: true, ..THREE };
        holds("deep: three copies, a QUORUM read", config, &[goals::READ_AFTER_FAILOVER]);
    }

    #[test]
    fn leases_with_two_crashes() {
        let config = Config { crashes: 2, freezes: 1, writes: 1, stands: 3, lease: true, ..TWO };
        holds("deep: two copies, leases, a freeze, two crashes", config, &[goals::LEASE_AFTER_WAKING]);
    }

    #[test]
    fn a_voter_need_not_ask_what_the_candidate_knows() {
        let config = THREE.without(Relaxed::CandidateKnowsLess);
        holds("deep: three copies, candidates know less", config, &[goals::FAILOVER]);
    }
}
