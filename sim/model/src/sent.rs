//! What was said in one epoch. Nothing said is ever taken back, and whoever may hear it may hear it now, later, twice or never:
//! loss, delay, duplication, reordering and every partition (one-way too) are choices of what is heard when.

use std::hash::{Hash, Hasher};

use crate::ids::{COPIES_MAX, CopyId};
use crate::isr::Isr;
use crate::log::{Epoch, Log};

/// Epochs that a model can count.
pub const EPOCHS_MAX: usize = 5;
/// In-sync sets that one epoch can see, the one it began with included.
pub const NOTES_MAX: usize = 4;

/// A candidate's request for votes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Request {
    /// The highest config epoch the candidate knew.
    pub config_epoch: Epoch,
    /// Which of its logs it stands with.
    pub generation: u8,
}

/// Everything that was said in one epoch, except what voters say (that stands with them).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Who asked for votes.
    pub requests: [Option<Request>; COPIES_MAX],
    /// Votes for copies by a primary of this very shard, a bit each. Only with `Fault::SeatCountedTwice`.
    pub seat_votes: u8,
    /// Who took office, a bit each.
    pub elected: u8,
    /// Who streams in this epoch.
    pub primary: Option<CopyId>,
    /// The longest log streamed. Every prefix from `inherited` on was sent as well.
    pub stream: Log,
    /// How much the primary had when it took office.
    pub inherited: u8,
    /// Highest offset acknowledged as synced, by copy and by generation of its log.
    pub acks: [[u8; 2]; COPIES_MAX],
    /// The in-sync sets proposed, by version. Version 0 is there only in the first epoch.
    pub notes: [Isr; NOTES_MAX],
}

/// Most epochs are silent in most states: what is silent is not hashed field by field.
impl Hash for Sent {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        let silent = *self == Sent::default();
        silent.hash(hasher);
        if !silent {
            let Sent { requests, seat_votes, elected, primary, stream, inherited, acks, notes } = self;
            (requests, seat_votes, elected, primary, stream, inherited, acks, notes).hash(hasher);
        }
    }
}

impl Sent {
    /// Version of the newest in-sync set proposed.
    pub fn newest_note(&self) -> usize {
        self.notes.iter().rposition(|set| !set.is_empty()).unwrap_or(0)
    }

    /// The highest offset that a copy ever acknowledged in this epoch, with whichever log.
    pub fn acked(&self, copy: CopyId) -> usize {
        usize::from(self.acks[copy.index()].into_iter().max().unwrap_or(0))
    }

    /// The highest offset that a copy acknowledged with one log.
    pub fn acked_with(&self, copy: CopyId, generation: u8) -> usize {
        usize::from(self.acks[copy.index()][usize::from(generation)])
    }
}
