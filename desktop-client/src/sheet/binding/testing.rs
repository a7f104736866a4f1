//! Ana at the widgets of a sheet page, and Ben, who edits the same document elsewhere.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use bytes::Bytes;
use gtk::prelude::*;
use relm4::gtk;
use serde_json::Value;
use shared::document::engine::Calculator;
use shared::document::sheet::genesis::FIRST_SHEET;
use shared::document::sheet::{Edit, EditError, Position as At};
use shared::document::{Kind, SheetDocument};
use shared::testing::wait::PATIENCE;

use super::{Binding, Note, Parts};
use crate::session::outgoing::Outgoing;
use crate::session::replica::SheetReplica;
use crate::session::testing::{Ear, handle};
use crate::sheet::cell_editor::Outcome;
use crate::sheet::grid::{GridEvent, Shown};
use crate::sheet::selection::{Position, Selection};
use crate::ui::testing::wait_for;

/// Who sits here, as a Yjs client.
const ANA: u64 = 1;
/// Who sits elsewhere.
const BEN: u64 = 2;

/// Where Ana sits.
pub(super) struct Desk {
    pub(super) binding: Rc<Binding>,
    /// What Ben has before him.
    pub(super) ben: SheetDocument,
    /// Edits that Ben made and Ana has not heard of yet.
    unheard: Vec<Bytes>,
    ear: Ear,
    notes: Rc<RefCell<Vec<Note>>>,
    window: gtk::Window,
}

/// A cell by its name, such as `B2`.
pub(super) fn at(name: &str) -> Position {
    let split = name.find(|letter: char| letter.is_ascii_digit()).expect("a number");
    let col = name[..split].bytes().fold(0, |col, letter| col * 26 + usize::from(letter - b'A') + 1) - 1;
    Position { row: name[split..].parse::<usize>().expect("a number") - 1, col }
}

/// The cells between two.
pub(super) fn area(from: &str, to: &str) -> Selection {
    Selection { active: at(from), extent: at(to) }
}

impl Desk {
    /// An empty sheet in a window that is seen.
    pub(super) fn new() -> Desk {
        let (handle, ear) = handle(Kind::Sheet, ANA);
        let parts = Parts::new();
        let (column, overlay) = (gtk::Box::new(gtk::Orientation::Vertical, 0), gtk::Overlay::new());
        overlay.set_child(Some(&gtk::ScrolledWindow::builder().child(&parts.grid).vexpand(true).build()));
        overlay.add_overlay(parts.editor.widget());
        column.append(parts.bar.widget());
        column.append(&overlay);
        column.append(parts.tabs.widget());
        let window = gtk::Window::builder().default_width(800).default_height(500).child(&column).build();
        window.present();
        let notes: Rc<RefCell<Vec<Note>>> = Rc::default();
        let noted = Rc::clone(&notes);
        let replica = SheetReplica::new(ANA).expect("a replica");
        let calculator = Calculator::spawn(|| {}).expect("a thread");
        let outgoing = Outgoing::new(handle);
        let binding = Binding::new(parts, replica, outgoing, Some(calculator), move |note| {
            noted.borrow_mut().push(note);
        });
        binding.set_editable(true);
        let ben = SheetDocument::new(BEN).expect("a document");
        let desk = Desk { binding, ben, unheard: Vec::new(), ear, notes, window };
        wait_for("the grid is seen", || desk.binding.parts.grid.viewport().0.len() > 5);
        desk
    }

    /// Ana does something in the grid.
    pub(super) fn does(&self, event: GridEvent) {
        self.binding.grid_event(event);
    }

    /// Ana selects cells.
    pub(super) fn selects(&self, selection: Selection) {
        self.binding.parts.grid.select(selection);
    }

    /// Ana goes to a cell, types over it and ends with Return.
    pub(super) fn types(&self, cell: &str, text: &str) {
        self.selects(Selection::cell(at(cell)));
        self.begins(text);
        self.ends(Outcome::Commit(None));
    }

    /// Ana types over the active cell, and does not end yet.
    pub(super) fn begins(&self, text: &str) {
        let first: String = text.chars().take(1).collect();
        self.does(GridEvent::Edit(Some(first)));
        self.rewrites(text);
    }

    /// Ana replaces what stands in the editor.
    pub(super) fn rewrites(&self, text: &str) {
        self.binding.parts.editor.entry().set_text(text);
    }

    /// Ana ends the edit of a cell.
    pub(super) fn ends(&self, outcome: Outcome) {
        self.binding.typed(outcome);
    }

    /// Ben edits; Ana does not hear of it yet.
    pub(super) fn ben_does(
        &mut self,
        edit: impl FnOnce(&mut SheetDocument, &str) -> Result<Edit, EditError>,
    ) {
        let edit = edit(&mut self.ben, FIRST_SHEET).expect("Ben's edit");
        self.unheard.extend(edit.updates.into_iter().map(Bytes::from));
    }

    /// Ben types into a cell.
    pub(super) fn ben_types(&mut self, cell: &str, text: &str) {
        let Position { row, col } = at(cell);
        self.ben_does(|document, sheet| document.type_into(sheet, At { row, col }, text));
    }

    /// Ana hears what Ben did.
    pub(super) fn hears(&mut self) {
        let updates = std::mem::take(&mut self.unheard);
        self.binding.hear(&updates);
    }

    /// Ben hears what Ana did. Returns in how many updates, and what she says of herself.
    pub(super) fn tells(&mut self) -> (usize, BTreeMap<&'static str, Value>) {
        let (edits, presence) = self.ear.take();
        let updates: Vec<&[u8]> = edits.iter().map(|update| &update[..]).collect();
        let (_, outcomes) = self.ben.apply(&updates);
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
        (edits.len(), presence)
    }

    /// Formulas are computed, and shown.
    pub(super) fn computes(&self) {
        let waited = self.binding.calculator.borrow().as_ref().map(|calculator| calculator.wait(PATIENCE));
        assert!(waited.flatten().is_some(), "formulas are computed");
        self.binding.computed();
    }

    /// What is drawn of a cell.
    pub(super) fn drawn(&self, cell: &str) -> Option<Shown> {
        self.binding.parts.grid.read(|model| model.cells.get(&at(cell)).cloned())
    }

    /// The text that is drawn in a cell.
    pub(super) fn text(&self, cell: &str) -> String {
        self.drawn(cell).map(|shown| shown.text.to_string()).unwrap_or_default()
    }

    /// What stands in the formula bar.
    pub(super) fn bar(&self) -> String {
        self.binding.parts.text.text().into()
    }

    /// What would have to be typed into a cell of Ben's to get what it holds.
    pub(super) fn bens(&self, cell: &str) -> String {
        let Position { row, col } = at(cell);
        let workbook = self.ben.workbook();
        let sheet = workbook.sheet(FIRST_SHEET).expect("the first sheet");
        sheet.key_at(row, col).map(|key| workbook.typed(sheet, key)).unwrap_or_default()
    }

    /// Why things could not be done, since the last call.
    pub(super) fn told(&self) -> Vec<String> {
        let notes = std::mem::take(&mut *self.notes.borrow_mut());
        let words = |note| if let Note::Said(words) = note { Some(words) } else { None };
        notes.into_iter().filter_map(words).collect()
    }

    /// The active cell.
    pub(super) fn active(&self) -> Position {
        self.binding.selection().active
    }

    /// What assistive technologies say of the grid.
    pub(super) fn described(&self) -> String {
        self.binding.parts.grid.tooltip_text().unwrap_or_default().into()
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.window.destroy();
    }
}
