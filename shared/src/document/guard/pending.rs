//! Updates that build on an edit which is not known yet. They wait as bytes; nothing of them is applied, their deletions neither:
//! so nobody deletes what another has yet to write.
//!
//! Among honest clients this is rare: channel and log keep the order in which edits were made. So the list is short, and looked
//! through after each update that brought something.

use super::super::update::walk::Id;
use crate::limits::{PENDING_BYTES_MAX, PENDING_UPDATES_MAX};

#[derive(Debug, Default)]
pub(super) struct Pending {
    waiting: Vec<Waiting>,
    bytes: usize,
}

#[derive(Debug)]
struct Waiting {
    missing: Id,
    update: Vec<u8>,
}

impl Pending {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Lets an update wait. False if there is no room: then it is dropped, and its author must be synced anew.
    pub(super) fn push(&mut self, missing: Id, update: &[u8]) -> bool {
        if self.waiting.iter().any(|waiting| waiting.update == update) {
            return true;
        }
        let room = self.waiting.len() < PENDING_UPDATES_MAX && self.bytes + update.len() <= PENDING_BYTES_MAX;
        if room {
            self.bytes += update.len();
            self.waiting.push(Waiting { missing, update: update.to_vec() });
        }
        room
    }

    /// Takes out one update whose edit is now known.
    pub(super) fn take_ready(&mut self, is_known: impl Fn(Id) -> bool) -> Option<Vec<u8>> {
        let at = self.waiting.iter().position(|waiting| is_known(waiting.missing))?;
        let update = self.waiting.remove(at).update;
        self.bytes -= update.len();
        Some(update)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.waiting.iter().map(|waiting| &waiting.update[..])
    }
}
