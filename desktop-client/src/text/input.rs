//! Between the buffer that GTK edits and the replica that others hear of.
//!
//! A local edit enters the replica inside the buffer's own signal, before GTK changes the buffer: nothing can come between a
//! position and its use. Remote edits come as insertions and deletions under a guard, never as a new text.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use bytes::Bytes;
use gtk::glib;
use gtk::prelude::*;
use relm4::gtk;
use shared::document::text::VisibleText;
use sourceview5::Buffer;

use crate::session::DocumentHandle;
use crate::session::outgoing::Outgoing;
use crate::session::person::{Caret, Peer};
use crate::session::replica::{Broken, Change, TextReplica, Undone};

/// A buffer and its replica, kept equal.
pub(super) struct Input {
    buffer: Buffer,
    replica: RefCell<TextReplica>,
    outgoing: Outgoing,
    /// Remote changes are being applied: the signals they cause are not edits.
    applying: Cell<bool>,
    /// Letters that an input method still composes at the caret.
    composing: Cell<bool>,
    /// An edit did not reach the replica: it must not go on.
    failed: Cell<bool>,
}

impl Input {
    /// Binds an empty buffer to the replica of a document. `edited` is called after each local edit.
    pub(super) fn bind(
        buffer: &Buffer,
        replica: TextReplica,
        handle: DocumentHandle,
        edited: impl Fn() + Clone + 'static,
    ) -> Rc<Input> {
        let input = Rc::new(Input {
            buffer: buffer.clone(),
            replica: RefCell::new(replica),
            outgoing: Outgoing::new(handle),
            applying: Cell::new(false),
            composing: Cell::new(false),
            failed: Cell::new(false),
        });
        buffer.connect_insert_text(glib::clone!(
            #[weak]
            input,
            #[strong]
            edited,
            move |buffer, at, text| {
                if input.insert(buffer, at, text) {
                    edited();
                }
            }
        ));
        buffer.connect_delete_range(glib::clone!(
            #[weak]
            input,
            move |_, start, end| {
                if input.delete(start.offset(), end.offset()) {
                    edited();
                }
            }
        ));
        input
    }

    /// The visible text; cheap.
    pub(super) fn text(&self) -> VisibleText {
        self.replica.borrow().text().clone()
    }

    /// Whether the page must be closed.
    pub(super) fn has_failed(&self) -> bool {
        self.failed.get()
    }

    /// Whether nobody takes edits any more.
    pub(super) fn has_ended(&self) -> bool {
        self.outgoing.has_ended()
    }

    /// An input method begins or ends to compose.
    pub(super) fn set_composing(&self, composing: bool) {
        self.composing.set(composing);
    }

    /// Shows what others edited.
    pub(super) fn hear(&self, updates: &[Bytes]) {
        let applied = self.replica.borrow_mut().apply(updates);
        match applied {
            Ok(changes) => self.show(&changes),
            Err(error) => {
                tracing::error!(%error, "the page cannot go on");
                self.failed.set(true);
            }
        }
    }

    /// Takes back one's own last edits.
    pub(super) fn undo(&self) {
        let undone = self.replica.borrow_mut().undo();
        self.show_undone(undone);
    }

    /// Does again what undo took back.
    pub(super) fn redo(&self) {
        let undone = self.replica.borrow_mut().redo();
        self.show_undone(undone);
    }

    /// Whether undo and redo would do something.
    pub(super) fn undo_state(&self) -> (bool, bool) {
        let replica = self.replica.borrow();
        (replica.can_undo(), replica.can_redo())
    }

    /// What follows is undone apart from what was.
    pub(super) fn close_undo_group(&self) {
        self.replica.borrow_mut().close_undo_group();
    }

    /// One's own selection for the others.
    pub(super) fn caret(&self) -> Option<Caret> {
        let head = self.buffer.iter_at_mark(&self.buffer.get_insert()).offset();
        let anchor = self.buffer.iter_at_mark(&self.buffer.selection_bound()).offset();
        self.replica.borrow().caret(position(anchor), position(head))
    }

    /// Where somebody's selection is: anchor and head, characters.
    pub(super) fn resolve(&self, peer: &Peer) -> Option<(i32, i32)> {
        let (anchor, head) = self.replica.borrow().resolve(peer.caret.as_ref()?)?;
        Some((offset(anchor), offset(head)))
    }

    /// Hands over what the session was too busy to take.
    pub(super) fn retry(&self) {
        self.outgoing.retry();
    }

    fn insert(&self, buffer: &Buffer, at: &mut gtk::TextIter, text: &str) -> bool {
        if self.applying.get() || text.is_empty() {
            return false;
        }
        if text.contains(['\r', '\u{2029}']) {
            // Lines end with LF in every document (DESIGN); what is pasted may come from elsewhere.
            buffer.stop_signal_emission_by_name("insert-text");
            buffer.insert(at, &text.replace("\r\n", "\n").replace(['\r', '\u{2029}'], "\n"));
            return false;
        }
        let update = self.replica.borrow_mut().splice(position(at.offset()), 0, text);
        self.hand_over(update);
        true
    }

    fn delete(&self, start: i32, end: i32) -> bool {
        if self.applying.get() || start == end {
            return false;
        }
        let (start, end) = (start.min(end), start.max(end));
        let update = self.replica.borrow_mut().splice(position(start), position(end - start), "");
        self.hand_over(update);
        true
    }

    fn hand_over(&self, update: Result<Option<Bytes>, Broken>) {
        let Ok(Some(update)) = update else {
            self.failed.set(true);
            return;
        };
        self.outgoing.push(update);
    }

    fn show_undone(&self, undone: Result<Undone, Broken>) {
        let Ok(undone) = undone else {
            self.failed.set(true);
            return;
        };
        let Some(update) = undone.update else { return };
        self.show(&undone.changes);
        if let Some(last) = undone.changes.last() {
            let at = match last {
                Change::Insert { at, text } => at + text.chars().count(),
                Change::Delete { at, .. } => *at,
            };
            self.buffer.place_cursor(&self.buffer.iter_at_offset(offset(at)));
        }
        self.hand_over(Ok(Some(update)));
    }

    fn show(&self, changes: &[Change]) {
        if changes.is_empty() {
            return;
        }
        let carets = [self.buffer.get_insert(), self.buffer.selection_bound()];
        let mut kept = carets.clone().map(|mark| position(self.buffer.iter_at_mark(&mark).offset()));
        self.applying.set(true);
        for change in changes {
            match change {
                Change::Insert { at, text } => {
                    self.buffer.insert(&mut self.buffer.iter_at_offset(offset(*at)), &displayable(text));
                }
                Change::Delete { at, chars } => {
                    let mut start = self.buffer.iter_at_offset(offset(*at));
                    let mut end = self.buffer.iter_at_offset(offset(at + chars));
                    self.buffer.delete(&mut start, &mut end);
                }
            }
            kept = kept.map(|caret| change.map(caret));
        }
        self.applying.set(false);
        // GTK's caret gives way to text that comes in where it stands; ours stays in front of it, so that two people who type
        // in one place get two whole words. Moving it would end what an input method composes.
        let moved =
            carets.iter().zip(kept).any(|(mark, at)| position(self.buffer.iter_at_mark(mark).offset()) != at);
        if moved && !self.composing.get() {
            let [insert, bound] = kept.map(|at| self.buffer.iter_at_offset(offset(at)));
            self.buffer.select_range(&insert, &bound);
        }
    }
}

/// Characters that a buffer cannot hold, one for one.
fn displayable(text: &str) -> String {
    text.replace(['\0', '\u{FFFC}'], "\u{FFFD}")
}

fn position(offset: i32) -> usize {
    usize::try_from(offset).unwrap_or(0)
}

fn offset(position: usize) -> i32 {
    i32::try_from(position).unwrap_or(i32::MAX)
}

#[cfg(test)]
#[path = "input_test.rs"]
mod tests;
