//! Edits of a page on their way to the session: what it is too busy to take waits here, in order.

use std::cell::RefCell;

use bytes::Bytes;

use super::DocumentHandle;

/// Held updates are merged beyond this count.
const HELD_MAX: usize = 256;

/// A page's edits, handed over in order.
#[derive(Debug)]
pub struct Outgoing {
    handle: DocumentHandle,
    held: RefCell<Vec<Bytes>>,
}

impl Outgoing {
    /// Edits of this document.
    pub fn new(handle: DocumentHandle) -> Outgoing {
        Outgoing { handle, held: RefCell::default() }
    }

    /// The document.
    pub fn handle(&self) -> &DocumentHandle {
        &self.handle
    }

    /// Hands over an edit, now or with a later [`Outgoing::retry`].
    pub fn push(&self, update: Bytes) {
        self.held.borrow_mut().push(update);
        let held = self.held.borrow().len();
        if held == 1 || held > HELD_MAX {
            self.retry();
        }
    }

    /// Hands over what the session was too busy to take; many updates go as one.
    pub fn retry(&self) {
        let mut held = self.held.borrow_mut();
        if held.len() > 1
            && let Ok(merged) = yrs::merge_updates_v1(held.iter().map(|update| &update[..]))
        {
            *held = vec![merged.into()];
        }
        let sent = held.iter().take_while(|update| self.handle.edit((*update).clone()).is_ok()).count();
        held.drain(..sent);
    }
}
