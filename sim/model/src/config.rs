//! Bounds of one check, and the faults that a check must find.

use crate::log::Epoch;

/// How much may happen before the model stops, and which rule is broken.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Copies of the shard: 2 is P1 and R1, 3 adds R2.
    pub copies: usize,
    /// Client writes, at most [`crate::log::ENTRIES_MAX`].
    pub writes: u8,
    /// Crashes of copies and voters, each with a restart from what was synced.
    pub crashes: u8,
    /// Copies that come back with an empty data folder (their `nodes.conf` is there).
    pub empties: u8,
    /// How often a primary is stopped and goes on later (SIGSTOP, SIGCONT).
    pub freezes: u8,
    /// Changes of the in-sync set that primaries propose.
    pub isr_changes: u8,
    /// How often copies stand for election.
    pub stands: u8,
    /// Highest number of an epoch, at most [`crate::sent::EPOCHS_MAX`].
    pub epochs: u8,
    /// Whether one QUORUM read is asked.
    pub read: bool,
    /// Whether leases are modelled: what a primary answers alone.
    pub lease: bool,
    /// What a primary does that restarts.
    pub restart: Restart,
    /// The rule that is broken, if one is.
    pub fault: Option<Fault>,
    /// The rule that is left out though nothing breaks, if one is.
    pub relaxed: Option<Relaxed>,
}

impl Config {
    /// Nothing happens.
    pub const QUIET: Config = Config {
        copies: 2,
        writes: 0,
        crashes: 0,
        empties: 0,
        freezes: 0,
        isr_changes: 0,
        stands: 0,
        epochs: 3,
        read: false,
        lease: false,
        restart: Restart::StandsAnew,
        fault: None,
        relaxed: None,
    };

    /// The same bounds with one rule broken.
    pub const fn with(self, fault: Fault) -> Config {
        Config { fault: Some(fault), ..self }
    }

    /// The same bounds with one rule less.
    pub const fn without(self, rule: Relaxed) -> Config {
        Config { relaxed: Some(rule), ..self }
    }

    /// The number in which a candidate stands that has come to `current`.
    pub(crate) fn next_epoch(&self, current: Epoch) -> Epoch {
        match self.restart {
            Restart::StandsAnew => current + 1,
            Restart::NewHistory => self.voted_epoch(current) + 2,
        }
    }

    /// The epoch that was voted on, of which a number is a history.
    pub(crate) fn voted_epoch(&self, epoch: Epoch) -> Epoch {
        match self.restart {
            Restart::StandsAnew => epoch,
            Restart::NewHistory => (epoch - 1) | 1,
        }
    }

    pub(crate) fn lacks(&self, rule: Relaxed) -> bool {
        self.relaxed == Some(rule)
    }

    pub(crate) fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }
}

/// What a primary does that comes back with the log it was elected with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    /// It serves nothing until it is elected again, like any copy in the in-sync set.
    StandsAnew,
    /// It goes on at once in its epoch, once, under a new history: it waits for whom it waited for, and a copy that has more than
    /// it refuses it. Epochs are odd numbers then, and the even one after each is its second history.
    NewHistory,
}

/// A rule left out or done wrong. The checker must find what it breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// `lastVoteEpoch` is not on disk when the vote leaves: a crash forgets it.
    VoteNotPersisted,
    /// A copy acknowledges its offset to whoever streams to it, whatever the epoch.
    AckToOldEpoch,
    /// The primary counts a smaller in-sync set before a majority has noted it.
    SavedBeforeShrinkIsNoted,
    /// A voter notes in-sync sets of an epoch below its last vote.
    NotesAfterVoting,
    /// A voter grants leases to the primary of an epoch below its last vote.
    PromisesAfterVoting,
    /// Voters do not ask whether the candidate is in the in-sync set that they noted.
    CandidateOutOfIsr,
    /// A primary that comes back empty goes on in its epoch, and its replicas take its empty log.
    EmptyPrimaryWipesReplica,
    /// The old primary answers ONE without asking whether it holds a lease.
    OldPrimaryKeepsAnswering,
    /// A primary that comes back empty goes on in its epoch under a new history; its replicas refuse its log.
    EmptyPrimaryServes,
    /// In-sync sets name nodes, not logs: a copy that came back empty is still in the set.
    EmptyReplicaStands,
    /// What a copy acknowledged before it came back empty counts for the log it has now.
    AckOfAnOlderLog,
    /// A primary that restarts goes on in its old epoch, though its unsynced tail is gone.
    RestartedPrimaryGoesOn,
    /// A copy is named in a note before it has what was answered (the first set of a new primary: its followers).
    NotedBeforeCaughtUp,
    /// A copy that enters the in-sync set is waited for only after a majority has noted it.
    EnteredButNotWaitedFor,
    /// The primary votes about its own shard too: its seat counts once for the old holder and once for the new one.
    SeatCountedTwice,
    /// *Saved* is answered when a majority of the copies has acknowledged, in sync or not.
    SavedByMajorityOfCopies,
    /// A QUORUM read shows what is not acknowledged by the whole in-sync set yet.
    ReadShowsUnsaved,
    /// QUORUM reads are confirmed by a majority of the copies, in sync or not.
    ReadByMajorityOfCopies,
    /// A primary that was frozen trusts the lease that it held before.
    WakesWithItsLease,
    /// A voter that restarts votes at once, though it may have promised a lease.
    VoterForgetsPromise,
}

/// A rule that only helps: no invariant needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relaxed {
    /// A candidate goes on acknowledging to the old primary until it takes office itself.
    AcksWhileStanding,
    /// Voters do not ask whether the candidate knows the config epoch that they know.
    CandidateKnowsLess,
    /// A copy that has more than a restarted primary takes the new history, and drops what it had more.
    HistoryMayCut,
}
