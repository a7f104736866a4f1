//! A sheet document that this window edits, and the undo of what it did itself.

use bytes::Bytes;
use shared::document::SheetDocument;
use shared::document::sheet::{Area, Change, Clipboard, Edit, EditError, Workbook};
use shared::protocol::state_vector::ClientId;

use super::text::Broken;

/// A sheet document in a window.
pub struct SheetReplica {
    document: SheetDocument,
    /// Nothing but the first sheet is in it, which everybody has.
    untouched: bool,
}

impl SheetReplica {
    /// A document with an empty sheet, edited as this Yjs client: random, never the one of another window or time.
    pub fn new(client: ClientId) -> Result<SheetReplica, Broken> {
        let document = SheetDocument::new(client).map_err(|_| Broken)?;
        Ok(SheetReplica { document, untouched: true })
    }

    /// What the document holds.
    pub fn workbook(&self) -> &Workbook {
        self.document.workbook()
    }

    /// Applies updates of others in one transaction. Returns what to draw and compute anew.
    pub fn apply(&mut self, updates: &[Bytes]) -> Result<Vec<Change>, Broken> {
        let mut updates = updates;
        let mut changes = Vec::new();
        if let Some((first, rest)) = updates.split_first()
            && self.untouched
            && let Ok(loaded) = SheetDocument::load(self.document.document().client(), first)
        {
            // A whole document at once: it may be longer than a message.
            self.document = loaded;
            updates = rest;
            changes.push(Change::Sheets);
        }
        self.untouched = false;
        if !updates.is_empty() {
            let updates: Vec<&[u8]> = updates.iter().map(|update| &update[..]).collect();
            let (more, outcomes) = self.document.apply(&updates);
            for error in outcomes.into_iter().filter_map(Result::err) {
                tracing::warn!(%error, "an update was refused");
            }
            changes.extend(more);
        }
        if self.document.document().is_broken() { Err(Broken) } else { Ok(changes) }
    }

    /// Makes an edit.
    pub fn edit(
        &mut self,
        edit: impl FnOnce(&mut SheetDocument) -> Result<Edit, EditError>,
    ) -> Result<Edit, EditError> {
        self.untouched = false;
        edit(&mut self.document)
    }

    /// Copies an area of a sheet.
    pub fn copy(&self, sheet: &str, area: Area) -> Result<Clipboard, EditError> {
        self.document.copy(sheet, area)
    }

    /// Takes back one's own last edit.
    pub fn undo(&mut self) -> Result<Edit, Broken> {
        self.document.undo().map_err(|_| Broken)
    }

    /// Does again what undo took back.
    pub fn redo(&mut self) -> Result<Edit, Broken> {
        self.document.redo().map_err(|_| Broken)
    }

    /// Whether undo and redo would do something.
    pub fn undo_state(&self) -> (bool, bool) {
        (self.document.can_undo(), self.document.can_redo())
    }
}
