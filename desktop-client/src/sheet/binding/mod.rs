//! Between the widgets and the replica of a sheet document.
//!
//! What the person does becomes an edit at once, inside the widget's own signal. Cells are remembered by their stable ids
//! while they are edited, so a row that somebody else inserts meanwhile bends nothing.
//!
//! # Layout
//!
//! - [`show`]: from the workbook to what the grid draws.
//! - [`act`]: what the person does, as edits.
//! - [`typing`]: changing one cell.
//! - [`menu`]: the menu of cells and headers.
//! - [`find`]: finding cells by what they show.
//! - [`others`]: one's own selection for the others, and theirs.
//! - [`summary`]: sums of the selection for the status bar; [`explained`]: why a formula shows an error.
//! - [`described`]: the grid in words, for those who do not see it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use gtk::prelude::*;
use relm4::gtk;
use shared::document::engine::{Calculator, Values};
use shared::document::sheet::{CellKey, Change, Clipboard, Edit, Sheet, SheetId, Workbook};

use super::cell_editor::CellEditor;
use super::formula_bar::FormulaBar;
use super::grid::Grid;
use super::tabs::Tabs;
use crate::session::outgoing::Outgoing;
use crate::session::person::Peer;
use crate::session::replica::{Broken, SheetReplica};
use crate::ui::named::named;

mod act;
mod described;
mod explained;
mod find;
mod menu;
mod others;
mod show;
mod summary;
mod typing;

use find::Finding;
use show::Filled;

/// What the binding tells its page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// The document, the selection or what is shown changed.
    Touched,
    /// Something could not be done, or wants a word; for the person.
    Said(String),
    /// Ask for another name of this sheet.
    AskName(SheetId, String),
    /// The document cannot go on.
    Failed,
    /// Nobody takes edits any more.
    Ended,
}

/// The widgets of a sheet page.
pub(super) struct Parts {
    pub(super) grid: Grid,
    pub(super) bar: FormulaBar,
    pub(super) editor: CellEditor,
    pub(super) tabs: Tabs,
    /// What stands in the formula bar and in the cell's editor.
    pub(super) text: gtk::EntryBuffer,
}

impl Parts {
    /// An empty sheet's widgets.
    pub(super) fn new() -> Parts {
        let text = gtk::EntryBuffer::new(None::<&str>);
        let bar = FormulaBar::new(&text);
        let editor = CellEditor::new(&text, bar.content());
        Parts { grid: named("Sheet"), bar, editor, tabs: Tabs::new(), text }
    }
}

/// Widgets and replica, kept equal.
pub(super) struct Binding {
    parts: Parts,
    replica: RefCell<SheetReplica>,
    outgoing: Outgoing,
    /// None where the system gives no thread: then formulas show nothing.
    calculator: RefCell<Option<Calculator>>,
    /// What formulas show, as far as it is computed.
    values: RefCell<Arc<Values>>,
    /// The sheet that is seen.
    shown: RefCell<SheetId>,
    /// The part of it whose cells the grid has.
    filled: RefCell<Filled>,
    /// The cell that the formula bar shows, and that an edit is for.
    target: RefCell<Option<CellKey>>,
    peers: RefCell<Vec<Peer>>,
    /// What was copied here last, as text and as cells.
    copied: RefCell<Option<(String, Clipboard)>>,
    finding: RefCell<Finding>,
    editable: Cell<bool>,
    tell: Box<dyn Fn(Note)>,
}

impl Binding {
    /// Binds the widgets to a document.
    pub(super) fn new(
        parts: Parts,
        replica: SheetReplica,
        outgoing: Outgoing,
        calculator: Option<Calculator>,
        tell: impl Fn(Note) + 'static,
    ) -> Rc<Binding> {
        let first =
            replica.workbook().sheets().first().map_or_else(|| SheetId::from(""), |sheet| sheet.id().clone());
        let binding = Rc::new(Binding {
            parts,
            replica: RefCell::new(replica),
            outgoing,
            values: RefCell::default(),
            calculator: RefCell::new(calculator),
            shown: RefCell::new(first),
            filled: RefCell::default(),
            target: RefCell::default(),
            peers: RefCell::default(),
            copied: RefCell::default(),
            finding: RefCell::default(),
            editable: Cell::new(false),
            tell: Box::new(tell),
        });
        binding.attach();
        binding.show(&[Change::Sheets]);
        binding
    }

    /// Applies what others did.
    pub(super) fn hear(self: &Rc<Self>, updates: &[bytes::Bytes]) {
        let applied = self.replica.borrow_mut().apply(updates);
        match applied {
            Ok(changes) => self.show(&changes),
            Err(Broken) => (self.tell)(Note::Failed),
        }
    }

    /// The values of formulas were computed anew.
    pub(super) fn computed(self: &Rc<Self>) {
        if let Some(calculator) = &*self.calculator.borrow() {
            self.values.replace(calculator.values());
        }
        self.forget_found();
        self.fill(true);
        self.describe();
        (self.tell)(Note::Touched);
    }

    /// Whether the person may edit.
    pub(super) fn set_editable(&self, editable: bool) {
        self.editable.set(editable);
        self.parts.bar.content().set_editable(editable);
    }

    /// Hands over what the session was too busy to take.
    pub(super) fn retry(&self) {
        self.outgoing.retry();
    }

    /// Takes back one's own last edit.
    pub(super) fn undo(self: &Rc<Self>) {
        let undone = self.replica.borrow_mut().undo();
        self.finish_undo(undone);
    }

    /// Does again what undo took back.
    pub(super) fn redo(self: &Rc<Self>) {
        let redone = self.replica.borrow_mut().redo();
        self.finish_undo(redone);
    }

    /// Whether undo and redo would do something.
    pub(super) fn undo_state(&self) -> (bool, bool) {
        self.replica.borrow().undo_state()
    }

    /// Gives the keyboard to the grid.
    pub(super) fn focus(&self) {
        self.parts.grid.grab_focus();
    }

    /// Calls `read` with the sheet that is seen.
    fn with_sheet<T>(&self, read: impl FnOnce(&Workbook, &Sheet) -> T) -> Option<T> {
        let replica = self.replica.borrow();
        let workbook = replica.workbook();
        workbook.sheet(&self.shown.borrow()).map(|sheet| read(workbook, sheet))
    }

    fn finish_undo(self: &Rc<Self>, edit: Result<Edit, Broken>) {
        match edit {
            Ok(edit) => self.finish(edit),
            Err(Broken) => (self.tell)(Note::Failed),
        }
    }

    /// Publishes an edit and shows it.
    fn finish(self: &Rc<Self>, edit: Edit) {
        for update in edit.updates {
            self.outgoing.push(update.into());
        }
        if self.outgoing.has_ended() {
            (self.tell)(Note::Ended);
        }
        self.show(&edit.changes);
        (self.tell)(Note::Touched);
    }
}

#[cfg(test)]
mod act_test;
#[cfg(test)]
mod others_test;
#[cfg(test)]
mod random_test;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod typing_test;
