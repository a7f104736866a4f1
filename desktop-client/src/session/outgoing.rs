//! Edits of a page on their way to the session: what it is too busy to take waits here, in order.

use std::cell::{Cell, RefCell};

use bytes::Bytes;

use super::{DocumentHandle, NotTaken};

/// Held updates are merged beyond this count.
const HELD_MAX: usize = 256;

/// A page's edits, handed over in order.
#[derive(Debug)]
pub struct Outgoing {
    handle: DocumentHandle,
    held: RefCell<Vec<Bytes>>,
    ended: Cell<bool>,
}

impl Outgoing {
    /// Edits of this document.
    pub fn new(handle: DocumentHandle) -> Outgoing {
        Outgoing { handle, held: RefCell::default(), ended: Cell::new(false) }
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
        let mut sent = 0;
        for update in held.iter() {
            match self.handle.edit(update.clone()) {
                Ok(()) => sent += 1,
                Err(error) => {
                    self.ended.set(error == NotTaken::Ended);
                    break;
                }
            }
        }
        held.drain(..sent);
    }

    /// Whether nobody takes edits any more: the page must not go on.
    pub fn has_ended(&self) -> bool {
        self.ended.get()
    }
}

#[cfg(test)]
mod tests {
    use shared::document::Kind;

    use super::*;
    use crate::session::testing::handle;

    #[test]
    fn edits_that_nobody_takes_any_more_are_not_taken_for_delivered() {
        let (handle, mut ear) = handle(Kind::Text, 1);
        let outgoing = Outgoing::new(handle);
        outgoing.push(Bytes::from_static(b"heard"));
        assert_eq!((ear.take().0.len(), outgoing.has_ended()), (1, false));
        drop(ear);
        outgoing.push(Bytes::from_static(b"unheard"));
        assert!(outgoing.has_ended());
    }
}
