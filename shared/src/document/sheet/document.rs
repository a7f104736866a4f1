//! A sheet document as a window or a service holds it: the workbook follows every change.

use yrs::{MapRef, Transact, TransactionMut, WriteTxn};

use super::changes::{Change, Edit};
use super::genesis::genesis;
use super::observed::{self, Sink};
use super::workbook::Workbook;
use super::{NAMES, SHEETS};
use crate::document::Kind;
use crate::document::guard::{Applied, Broken, Document};
use crate::document::undo::{Undo, Way};
use crate::document::update::BadUpdate;
use crate::protocol::state_vector::ClientId;

/// A sheet document with its workbook.
pub struct SheetDocument {
    pub(super) document: Document,
    pub(super) sheets: MapRef,
    pub(super) names: MapRef,
    pub(super) workbook: Workbook,
    touched: Sink,
    undo: Undo,
}

impl SheetDocument {
    /// A document with the first sheet, empty. `client`: see [`Document::new`].
    pub fn new(client: ClientId) -> Result<SheetDocument, BadUpdate> {
        SheetDocument::of(Document::new(Kind::Sheet, client))
    }

    /// A document from a snapshot.
    pub fn load(client: ClientId, snapshot: &[u8]) -> Result<SheetDocument, BadUpdate> {
        SheetDocument::of(Document::load(Kind::Sheet, client, snapshot)?)
    }

    /// A sheet document in a document of kind sheet. The first sheet is made if it is not there: the bytes are [`genesis`] and need
    /// not be published, because everybody makes the same.
    pub fn of(mut document: Document) -> Result<SheetDocument, BadUpdate> {
        document.apply(&genesis())?;
        let broken = |Broken| BadUpdate::Engine;
        let (sheets, names) = {
            let mut txn = document.doc().try_transact_mut().map_err(|_| BadUpdate::Engine)?;
            (txn.get_or_insert_map(SHEETS), txn.get_or_insert_map(NAMES))
        };
        let workbook = Workbook::read(&document).map_err(broken)?;
        let touched = observed::observe(&sheets, &names);
        let undo = Undo::new(&document, &sheets);
        Ok(SheetDocument { document, sheets, names, workbook, touched, undo })
    }

    /// The document underneath: state vector, snapshot, what is missing.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// What it holds now.
    pub fn workbook(&self) -> &Workbook {
        &self.workbook
    }

    /// Applies what others did, in one transaction. Returns what to draw and compute, and what came of each update.
    pub fn apply(&mut self, updates: &[&[u8]]) -> (Vec<Change>, Vec<Result<Applied, BadUpdate>>) {
        let results = self.document.apply_all(updates);
        if self.document.is_broken() {
            self.undo.abandon();
            return (Vec::new(), results);
        }
        (self.follow().unwrap_or_default(), results)
    }

    /// Undoes the last of one's own edits.
    pub fn undo(&mut self) -> Result<Edit, Broken> {
        self.go(Way::Undo)
    }

    /// Does again what was undone last.
    pub fn redo(&mut self) -> Result<Edit, Broken> {
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

    /// Changes the document; what was done before in the same edit is in `edit`.
    pub(super) fn change(
        &mut self,
        edit: &mut Edit,
        change: impl FnOnce(&mut TransactionMut<'_>, &MapRef),
    ) -> Result<(), Broken> {
        let sheets = &self.sheets;
        let outcome = self.document.edit(|txn| change(txn, sheets));
        let ((), update) = outcome.inspect_err(|_| self.undo.abandon())?;
        edit.updates.extend(update);
        edit.changes.extend(self.follow()?);
        Ok(())
    }

    /// The next change starts a new step of undo.
    pub(super) fn begin(&mut self) -> Edit {
        self.undo.end_step();
        Edit::default()
    }

    fn go(&mut self, way: Way) -> Result<Edit, Broken> {
        let outcome = self.undo.go(way, &mut self.document);
        let update = outcome.inspect_err(|_| self.undo.abandon())?;
        Ok(Edit { updates: update.into_iter().collect(), changes: self.follow()? })
    }

    fn follow(&mut self) -> Result<Vec<Change>, Broken> {
        let touched = std::mem::take(&mut *self.touched.lock());
        let (sheets, names, workbook) = (&self.sheets, &self.names, &mut self.workbook);
        self.document.read(|txn| touched.read(txn, sheets, names, workbook))
    }

    /// Puts anything into a cell, as a foreign client may.
    #[cfg(all(test, feature = "calc"))]
    pub(crate) fn store_unchecked(&mut self, sheet: &str, key: &str, formula: &str) {
        let cell = super::Cell::Formula(formula.into()).to_shared();
        let mut edit = self.begin();
        let put = self.change(&mut edit, |txn, sheets| {
            use yrs::Map;
            let map = super::read::sheet_map(txn, sheets, sheet);
            if let Some(cells) = map.and_then(|map| super::read::part(txn, &map, super::key::CELLS)) {
                cells.insert(txn, key, cell);
            }
        });
        assert!(put.is_ok());
    }
}
