//! A text that this window edits, and the undo of what it did itself.

use bytes::Bytes;
use serde_json::Value;
use shared::document::TextDocument;
use shared::document::text::anchor::Side;
use shared::document::text::{Anchor, TextChange, VisibleText};
use shared::protocol::state_vector::ClientId;
use shared::rt::time::Instant;

use super::change::Change;
use crate::session::person::Caret;

/// The document cannot go on. Only opening it again helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the document cannot go on")]
pub struct Broken;

/// What undo or redo did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Undone {
    /// For the view.
    pub changes: Vec<Change>,
    /// For the others; `None` if there was nothing to undo.
    pub update: Option<Bytes>,
}

/// A text in a window.
pub struct TextReplica {
    document: TextDocument,
    started: Instant,
}

impl TextReplica {
    /// An empty text, edited as this Yjs client: random, never the one of another window or time.
    pub fn new(client: ClientId) -> Result<TextReplica, Broken> {
        let document = TextDocument::new(client).map_err(|_| Broken)?;
        Ok(TextReplica { document, started: Instant::now() })
    }

    /// The visible text. A clone is cheap.
    pub fn text(&self) -> &VisibleText {
        self.document.visible()
    }

    /// Replaces characters. Returns the update for the others; `None` if nothing changed.
    pub fn splice(&mut self, at: usize, deleted: usize, inserted: &str) -> Result<Option<Bytes>, Broken> {
        let now = self.now_ms();
        #[cfg(feature = "sim")]
        let at = if shared::rt::sim::is_planted("typed-elsewhere")
            && shared::rt::rng::random_u64().is_multiple_of(1_000)
            && shared::rt::sim::strikes("typed-elsewhere")
        {
            0
        } else {
            at
        };
        let update = self.document.splice(at, deleted, inserted, now).map_err(|_| Broken)?;
        Ok(update.map(Bytes::from))
    }

    /// Applies updates of others in one transaction. Returns what the view has to do.
    pub fn apply(&mut self, updates: &[Bytes]) -> Result<Vec<Change>, Broken> {
        let mut updates = updates;
        let mut steps = Vec::new();
        if let Some((first, rest)) = updates.split_first()
            && self.is_untouched()
            && let Ok(loaded) = TextDocument::load(self.document.document().client(), first)
        {
            // A whole document at once: it may be longer than a message, and needs no steps.
            let text = loaded.visible().to_string();
            self.document = loaded;
            updates = rest;
            if !text.is_empty() {
                steps.push(Change::Insert { at: 0, text });
            }
        }
        if updates.is_empty() {
            return Ok(steps);
        }
        let updates: Vec<&[u8]> = updates.iter().map(|update| &update[..]).collect();
        let (walk, outcomes) = self.document.apply(&updates);
        for error in outcomes.into_iter().filter_map(Result::err) {
            tracing::warn!(%error, "an update was refused");
        }
        if self.document.document().is_broken() {
            return Err(Broken);
        }
        steps.extend(Change::of_walk(walk));
        Ok(steps)
    }

    /// Takes back one's own last edits.
    pub fn undo(&mut self) -> Result<Undone, Broken> {
        self.document.undo().map(undone).map_err(|_| Broken)
    }

    /// Does again what undo took back.
    pub fn redo(&mut self) -> Result<Undone, Broken> {
        self.document.redo().map(undone).map_err(|_| Broken)
    }

    /// Whether there is something to undo.
    pub fn can_undo(&self) -> bool {
        self.document.can_undo()
    }

    /// Whether there is something to redo.
    pub fn can_redo(&self) -> bool {
        self.document.can_redo()
    }

    /// What follows is undone apart from what was.
    pub fn close_undo_group(&mut self) {
        self.document.end_undo_step();
    }

    /// A selection (characters), as others can follow it through their own edits.
    pub fn caret(&self, anchor: usize, head: usize) -> Option<Caret> {
        let json = |at: usize| {
            let anchor = self.document.anchor(at, Side::After).ok()?;
            serde_json::to_value(anchor).ok()
        };
        Some(Caret { anchor: json(anchor)?, head: json(head)? })
    }

    /// Where somebody's selection is now: anchor and head, characters.
    pub fn resolve(&self, caret: &Caret) -> Option<(usize, usize)> {
        let position = |value: &Value| {
            let anchor: Anchor = serde_json::from_value(value.clone()).ok()?;
            self.document.position(&anchor)
        };
        Some((position(&caret.anchor)?, position(&caret.head)?))
    }

    fn is_untouched(&self) -> bool {
        let document = self.document.document();
        document.state_vector().is_empty() && document.waiting().next().is_none()
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

fn undone(change: Option<TextChange>) -> Undone {
    match change {
        Some(TextChange { update, steps }) => {
            Undone { changes: Change::of_walk(steps), update: Some(update.into()) }
        }
        None => Undone::default(),
    }
}

#[cfg(test)]
#[path = "text_test.rs"]
mod tests;
