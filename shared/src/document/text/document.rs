//! A text as a window holds it: local edits by position, remote ones as steps, undo, anchors.

use yrs::{Map, MapRef, Text, TextRef, Transact, WriteTxn};

use super::anchor::{Anchor, Side};
use super::delta::Delta;
use super::observed::{self, Changes};
use super::visible::VisibleText;
use super::{CONTENT, with_lf};
use crate::document::guard::{Applied, Broken, Document};
use crate::document::undo::{Undo, Way};
use crate::document::update::BadUpdate;
use crate::document::{Kind, META};
use crate::protocol::state_vector::ClientId;

/// A text with its visible letters. Positions are Unicode scalars.
pub struct TextDocument {
    document: Document,
    content: TextRef,
    meta: MapRef,
    visible: VisibleText,
    observed: Changes,
    undo: Undo,
}

/// A change that was made here by undo or redo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextChange {
    /// To publish.
    pub update: Vec<u8>,
    /// To show.
    pub steps: Vec<Delta>,
}

impl TextDocument {
    /// An empty text. `client`: see [`Document::new`].
    pub fn new(client: ClientId) -> Result<TextDocument, Broken> {
        TextDocument::of(Document::new(Kind::Text, client))
    }

    /// A text from a snapshot.
    pub fn load(client: ClientId, snapshot: &[u8]) -> Result<TextDocument, BadUpdate> {
        let document = Document::load(Kind::Text, client, snapshot)?;
        TextDocument::of(document).map_err(|Broken| BadUpdate::Engine)
    }

    /// A text in a document of kind text.
    pub fn of(document: Document) -> Result<TextDocument, Broken> {
        let (content, meta) = {
            let mut txn = document.doc().try_transact_mut().map_err(|_| Broken)?;
            (txn.get_or_insert_text(CONTENT), txn.get_or_insert_map(META))
        };
        let visible = document.read(|txn| VisibleText::new(&observed::letters(&content, txn)))?;
        let observed = observed::observe(&content);
        let undo = Undo::new(&document, &content);
        Ok(TextDocument { document, content, meta, visible, observed, undo })
    }

    /// The document underneath: state vector, snapshot, what is missing.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// The letters. A clone is cheap and stays as it is while edits go on.
    pub fn visible(&self) -> &VisibleText {
        &self.visible
    }

    /// Deletes `deleted` scalars at `at` and inserts a text there; what is beyond the end is cut off. Returns the update to
    /// publish, or nothing if nothing changed. `now_ms` groups edits into steps of undo.
    pub fn splice(
        &mut self,
        at: usize,
        deleted: usize,
        inserted: &str,
        now_ms: u64,
    ) -> Result<Option<Vec<u8>>, Broken> {
        self.undo.tick(now_ms);
        let inserted = with_lf(inserted);
        let at = at.min(self.visible.len());
        let deleted = deleted.min(self.visible.len() - at);
        let unit = self.visible.utf16_of(at);
        let units = self.visible.utf16_of(at + deleted) - unit;
        let content = &self.content;
        let outcome = self.document.edit(|txn| {
            let unit = unit as u32;
            if units > 0 {
                content.remove_range(txn, unit, units as u32);
            }
            if !inserted.is_empty() {
                content.insert(txn, unit, &inserted);
            }
        });
        let ((), update) = self.checked(outcome)?;
        self.visible.splice(at, deleted, &inserted);
        Ok(update)
    }

    /// Applies what others did, in one transaction. Returns the steps to show, and what came of each update.
    pub fn apply(&mut self, updates: &[&[u8]]) -> (Vec<Delta>, Vec<Result<Applied, BadUpdate>>) {
        let results = self.document.apply_all(updates);
        if self.document.is_broken() {
            self.undo.abandon();
            return (Vec::new(), results);
        }
        (self.take_observed().unwrap_or_default(), results)
    }

    /// Undoes the last step of one's own edits.
    pub fn undo(&mut self) -> Result<Option<TextChange>, Broken> {
        self.go(Way::Undo)
    }

    /// Does again what was undone last.
    pub fn redo(&mut self) -> Result<Option<TextChange>, Broken> {
        self.go(Way::Redo)
    }

    /// Whether there is something to undo.
    pub fn can_undo(&self) -> bool {
        self.undo.can(Way::Undo)
    }

    /// Whether there is something to redo.
    pub fn can_redo(&self) -> bool {
        self.undo.can(Way::Redo)
    }

    /// The next edit starts a new step of undo, as after a caret was moved.
    pub fn end_undo_step(&mut self) {
        self.undo.end_step();
    }

    /// The anchor of a position.
    pub fn anchor(&self, at: usize, side: Side) -> Result<Anchor, Broken> {
        let unit = self.visible.utf16_of(at) as u32;
        self.document.read(|txn| Anchor::at(&self.content, txn, unit, side))
    }

    /// Where an anchor is now; `None` if it is in no letter that is known here.
    pub fn position(&self, anchor: &Anchor) -> Option<usize> {
        let unit = self.document.read(|txn| anchor.unit(&self.content, txn)).ok()??;
        Some(self.visible.scalar_of_utf16(unit as usize))
    }

    /// A text in `meta`.
    pub fn meta(&self, key: &str) -> Option<String> {
        let value = self.document.read(|txn| self.meta.get(txn, key)).ok()??;
        value.cast::<String>().ok()
    }

    /// Sets a text in `meta`. Returns the update to publish.
    pub fn set_meta(&mut self, key: &str, value: &str) -> Result<Option<Vec<u8>>, Broken> {
        let meta = &self.meta;
        let outcome = self.document.edit(|txn| {
            meta.insert(txn, key, value);
        });
        Ok(self.checked(outcome)?.1)
    }

    fn go(&mut self, way: Way) -> Result<Option<TextChange>, Broken> {
        let outcome = self.undo.go(way, &mut self.document);
        let update = self.checked(outcome)?;
        let steps = self.take_observed()?;
        Ok(update.map(|update| TextChange { update, steps }))
    }

    fn take_observed(&mut self) -> Result<Vec<Delta>, Broken> {
        let changes = std::mem::take(&mut *self.observed.lock());
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        let (content, document, visible) = (&self.content, &self.document, &mut self.visible);
        document.read(|txn| {
            let len = content.len(txn) as usize;
            observed::take(visible, changes, len, || observed::letters(content, txn))
        })
    }

    fn checked<T>(&mut self, outcome: Result<T, Broken>) -> Result<T, Broken> {
        outcome.inspect_err(|_| self.undo.abandon())
    }
}
