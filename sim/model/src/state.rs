//! Everything there is at one moment: disks, memories, what was said, and what clients were told.

use crate::config::Config;
use crate::ids::{COPIES_MAX, CopyId, P1, VOTERS, VoterId};
use crate::isr::Isr;
use crate::log::{Epoch, Log};
use crate::sent::{EPOCHS_MAX, Sent};

/// One moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// P1, R1, R2.
    pub copies: [CopyState; COPIES_MAX],
    /// P2 and P3, in order of their values: they are alike, so half of the states need not be looked at.
    pub voters: [Voter; VOTERS],
    /// What was said, by epoch, from epoch 1 on.
    pub epochs: [Sent; EPOCHS_MAX],
    /// What clients know to be saved. Who was told of an entry relies on all before it.
    pub saved: Log,
    /// The QUORUM read.
    pub read: Option<Read>,
    /// How much of the bounds is used up.
    pub spent: Spent,
    /// What went wrong on the way here and cannot be seen any more.
    pub broken: Broken,
}

/// One copy of the shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct CopyState {
    /// Disk and memory: the log.
    pub log: Log,
    /// How much of the log is synced. A replica syncs in the step in which it receives: what it has not synced it does not
    /// acknowledge, and that is as if it had not come yet.
    pub synced: u8,
    /// Disk: which data folder this is. A new one has a new number (in an engine: a random id).
    pub generation: u8,
    /// Disk: `currentEpoch`.
    pub current_epoch: Epoch,
    /// Disk: `configEpoch`, the highest epoch in which it knows a primary.
    pub config_epoch: Epoch,
    /// Memory: a candidate in `current_epoch`.
    pub standing: bool,
    /// Memory: the primary of `config_epoch`, serving.
    pub in_office: bool,
    /// Memory of a primary: the offset that a copy must have to be named in a note: all inherited, all answered.
    pub floor: u8,
    /// Stopped (SIGSTOP): it does nothing, and everything waits in front of it.
    pub frozen: bool,
}

/// A primary of another shard. All of it is on disk, except the lease.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Voter {
    /// `lastVoteEpoch` of this shard.
    pub last_vote: Epoch,
    /// The highest config epoch of the shard that it heard of.
    pub config_epoch: Epoch,
    /// Its votes by epoch, a bit for each copy.
    pub votes: [u8; EPOCHS_MAX],
    /// Version of the newest in-sync set that it noted, by epoch.
    pub noted: [u8; EPOCHS_MAX],
    /// The epoch to whose primary it promised not to vote against it; 0 is none.
    pub promised: Epoch,
    /// The epoch whose primary believes to hold this voter's promise. It stands here and not with the primary because voters
    /// change places.
    pub believed: Epoch,
}

/// A QUORUM read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Read {
    /// Whom the client asked.
    pub copy: CopyId,
    /// In which epoch it was primary.
    pub epoch: Epoch,
    /// What was saved when the client asked.
    pub must_show: Log,
    /// Who has confirmed since then that this is its primary, a bit each.
    pub confirmed: u8,
    /// Whether the client has its answer.
    pub answered: bool,
}

/// Counters against the bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Spent {
    /// Client writes taken.
    pub writes: u8,
    /// Crashes.
    pub crashes: u8,
    /// Data folders lost.
    pub empties: u8,
    /// Freezes.
    pub freezes: u8,
    /// In-sync sets proposed.
    pub isr_changes: u8,
    /// Candidacies.
    pub stands: u8,
}

/// Marks of broken promises.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Broken {
    /// An epoch on a disk went back.
    pub epoch_went_back: bool,
    /// Two writes were answered *saved* at one position.
    pub saved_twice: bool,
    /// A copy of the in-sync set cut a saved entry off its log.
    pub saved_cut: bool,
    /// A primary took office in the highest epoch without all that was saved.
    pub elected_without_saved: bool,
    /// A QUORUM read missed what was saved when it was asked.
    pub read_missed: bool,
}

impl State {
    /// P1 is primary of epoch 1, everyone follows it and is in sync, nothing is written.
    pub fn first(config: &Config) -> State {
        let follower = CopyState { current_epoch: 1, config_epoch: 1, ..CopyState::default() };
        let mut epochs = [Sent::default(); EPOCHS_MAX];
        epochs[0].primary = Some(P1);
        epochs[0].elected = P1.bit();
        epochs[0].notes[0] = config.copy_ids().fold(Isr::default(), |isr, copy| isr.with(copy, 0));
        let mut copies = [follower; COPIES_MAX];
        copies[P1.index()].in_office = true;
        State {
            copies,
            voters: [Voter { config_epoch: 1, ..Voter::default() }; VOTERS],
            epochs,
            saved: Log::default(),
            read: None,
            spent: Spent::default(),
            broken: Broken::default(),
        }
    }

    /// A copy.
    pub fn copy(&self, id: CopyId) -> &CopyState {
        &self.copies[id.index()]
    }

    /// A copy, to change.
    pub fn copy_mut(&mut self, id: CopyId) -> &mut CopyState {
        &mut self.copies[id.index()]
    }

    /// A voter.
    pub fn voter(&self, id: VoterId) -> &Voter {
        &self.voters[id.index()]
    }

    /// A voter, to change.
    pub fn voter_mut(&mut self, id: VoterId) -> &mut Voter {
        &mut self.voters[id.index()]
    }

    /// What was said in an epoch.
    pub fn sent(&self, epoch: Epoch) -> &Sent {
        &self.epochs[place(epoch)]
    }

    /// What was said in an epoch, to add to.
    pub fn sent_mut(&mut self, epoch: Epoch) -> &mut Sent {
        &mut self.epochs[place(epoch)]
    }

    /// The highest epoch that has a primary.
    pub fn newest_epoch(&self) -> Epoch {
        epochs().rev().find(|&epoch| self.sent(epoch).elected != 0).unwrap_or(0)
    }

    /// The newest in-sync set of an epoch that a majority noted, as its version: the primary counts itself, so one voter is enough.
    pub fn noted_version(&self, epoch: Epoch) -> usize {
        self.voters.iter().map(|voter| usize::from(voter.noted[place(epoch)])).max().unwrap_or(0)
    }

    /// Marks that clients were told of all these entries.
    pub fn tell_saved(&mut self, told: Log) {
        if told.starts_with(&self.saved) {
            self.saved = told;
        } else if !self.saved.starts_with(&told) {
            self.broken.saved_twice = true;
        }
    }
}

impl CopyState {
    /// Puts office, candidacy and what belongs to them down. What was in memory only is on its way to the disk; a crash before
    /// that is the same as a crash before this step.
    pub fn step_down(&mut self) {
        self.in_office = false;
        self.standing = false;
        self.floor = 0;
        self.synced = self.log.len() as u8;
    }

    /// Whether it is the serving primary of `config_epoch` and awake.
    pub fn serves(&self) -> bool {
        self.in_office && !self.frozen
    }
}

impl Config {
    /// The copies there are.
    pub fn copy_ids(&self) -> impl Iterator<Item = CopyId> + use<> {
        (0..self.copies as u8).map(CopyId)
    }
}

/// All voters.
pub fn voter_ids() -> impl Iterator<Item = VoterId> {
    (0..VOTERS as u8).map(VoterId)
}

/// All epochs.
pub fn epochs() -> impl DoubleEndedIterator<Item = Epoch> {
    1..=EPOCHS_MAX as Epoch
}

/// Where an epoch stands in tables.
pub(crate) fn place(epoch: Epoch) -> usize {
    usize::from(epoch) - 1
}
