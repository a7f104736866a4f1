//! What can happen next.

use crate::ids::{CopyId, VoterId};
use crate::isr::Isr;
use crate::log::Epoch;

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The primary takes a client's write into its log and streams it.
    Write(CopyId),
    /// The primary's log is synced.
    Sync(CopyId),
    /// A copy receives an epoch's stream up to an offset, syncs and acknowledges.
    Receive(CopyId, Epoch, usize),
    /// A copy hears by gossip who is primary of a higher epoch.
    Learn(CopyId, Epoch),
    /// The primary answers *saved* for all that is safe.
    AnswerSaved(CopyId),
    /// The primary proposes another in-sync set.
    Propose(CopyId, Isr),
    /// A voter notes an epoch's in-sync set, by version, and the primary hears of it.
    Note(VoterId, Epoch, u8),
    /// A copy raises its epoch and asks for votes.
    Stand(CopyId),
    /// A candidate follows again.
    GiveUp(CopyId),
    /// A voter votes for a copy in an epoch.
    Vote(VoterId, CopyId, Epoch),
    /// The shard's old primary votes too (`Fault::SeatCountedTwice`).
    SeatVote(CopyId, CopyId, Epoch),
    /// A candidate counts its votes and takes office.
    Win(CopyId),
    /// A voter pongs and the primary has its lease.
    Promise(VoterId, CopyId),
    /// A voter's promise runs out.
    RunOut(VoterId),
    /// The primary is stopped.
    Freeze(CopyId),
    /// It goes on.
    Wake(CopyId),
    /// A copy crashes and restarts.
    Crash(CopyId),
    /// A copy crashes and restarts with an empty data folder.
    LoseData(CopyId),
    /// A voter crashes and restarts.
    CrashVoter(VoterId),
    /// A client asks a primary for a QUORUM read.
    AskRead(CopyId),
    /// A copy confirms that the one who was asked is its primary.
    ConfirmRead(CopyId),
    /// The read is answered.
    AnswerRead,
}
