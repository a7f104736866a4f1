//! Changing one cell, in the grid or in the formula bar.

use std::rc::Rc;

use gtk::prelude::*;
use relm4::gtk;
use shared::document::sheet::{CellKey, EditError, Position as At};

use super::{Binding, Note};
use crate::sheet::cell_editor::Outcome;
use crate::sheet::grid::model::cell_name;
use crate::sheet::selection::{Direction, Position, Selection, Step};

impl Binding {
    /// Begins to change the active cell: with this text instead of what it holds, or with what it holds.
    pub(super) fn begin_typing(self: &Rc<Self>, typed: Option<&str>) {
        if !self.editable.get() {
            return;
        }
        self.parts.grid.select(Selection::cell(self.parts.grid.read(|model| model.selection.active)));
        self.parts.editor.begin(typed);
    }

    /// The person ended an edit.
    pub(super) fn typed(self: &Rc<Self>, outcome: Outcome) {
        match outcome {
            Outcome::Cancel => {
                self.parts.editor.end();
                self.show_target();
                self.focus();
            }
            Outcome::Commit(way) => {
                if self.commit() {
                    self.focus();
                    if let Some(way) = way {
                        self.step(way);
                    }
                }
            }
        }
    }

    /// Ends an edit that goes on, as when another cell is clicked.
    pub(super) fn end_typing(self: &Rc<Self>) {
        if self.parts.editor.is_editing() && !self.commit() {
            // What was typed cannot be stored: it was said why, and the cell keeps what it held.
            self.parts.editor.end();
        }
    }

    /// Ends an edit that goes on and hands over all that waits: there is no later turn.
    pub(in crate::sheet) fn leave(self: &Rc<Self>) {
        self.end_typing();
        self.retry();
    }

    /// Stores what stands in the editor; false if that cannot be.
    fn commit(self: &Rc<Self>) -> bool {
        let typed = self.parts.text.text().to_string();
        let Some((at, before)) = self.target_now() else {
            self.parts.editor.end();
            self.show_target();
            if !typed.is_empty() {
                (self.tell)(Note::Said("Somebody deleted this cell while you changed it.".into()));
            }
            return true;
        };
        if typed != before {
            let sheet = self.shown.borrow().clone();
            let edited = self.replica.borrow_mut().edit(|document| document.type_into(&sheet, at, &typed));
            match edited {
                Ok(edit) => {
                    self.parts.editor.end();
                    self.finish(edit);
                }
                Err(error) => {
                    self.parts.bar.set_refused(Some(&error.to_string()));
                    self.refuse(&error);
                    return false;
                }
            }
        }
        self.parts.editor.end();
        self.show_target();
        true
    }

    /// Says why an edit is refused.
    pub(super) fn refuse(&self, error: &EditError) {
        match error {
            EditError::Broken(_) => (self.tell)(Note::Failed),
            other => (self.tell)(Note::Said(sentence(&other.to_string()))),
        }
    }

    /// Where the target is now, and what it holds as typed.
    fn target_now(&self) -> Option<(At, String)> {
        let key = (*self.target.borrow())?;
        self.with_sheet(|workbook, sheet| {
            let (row, col) = sheet.position(key)?;
            Some((At { row, col }, workbook.typed(sheet, key)))
        })?
    }

    /// Shows the active cell in the formula bar, unless it is being changed.
    pub(super) fn show_target(&self) {
        let active = self.parts.grid.read(|model| model.selection.active);
        self.parts.bar.set_name(&cell_name(active));
        if self.parts.editor.is_editing() {
            return;
        }
        let target: Option<(CellKey, String)> = self
            .with_sheet(|workbook, sheet| {
                let key = sheet.key_at(active.row, active.col)?;
                Some((key, workbook.typed(sheet, key)))
            })
            .flatten();
        self.parts.bar.set_refused(None);
        let text = target.as_ref().map_or("", |(_, text)| text);
        if self.parts.text.text() != text {
            self.parts.text.set_text(text);
        }
        self.target.replace(target.map(|(key, _)| key));
    }

    /// Moves the selection on by one cell.
    fn step(&self, way: Direction) {
        let moved =
            self.parts.grid.read(|model| model.selection.moved(way, Step::Cells(1), false, model.size()));
        self.parts.grid.select(moved);
    }

    /// Selects the cell with this name, such as `B12`.
    pub(super) fn go(self: &Rc<Self>, name: &str) {
        let size = self.parts.grid.read(|model| model.size());
        match position_named(name).filter(|at| at.row < size.row && at.col < size.col) {
            Some(at) => {
                self.parts.grid.select(Selection::cell(at));
                self.focus();
            }
            None => {
                (self.tell)(Note::Said(format!("There is no cell “{}”.", name.trim())));
                self.show_target();
            }
        }
    }
}

fn position_named(name: &str) -> Option<Position> {
    let name = name.trim().to_ascii_uppercase();
    let split = name.find(|character: char| character.is_ascii_digit())?;
    let (letters, digits) = name.split_at(split);
    if letters.is_empty() || letters.len() > 4 || !letters.bytes().all(|letter| letter.is_ascii_uppercase()) {
        return None;
    }
    let col = letters.bytes().fold(0_usize, |col, letter| col * 26 + usize::from(letter - b'A') + 1);
    let row: usize = digits.parse().ok()?;
    Some(Position { row: row.checked_sub(1)?, col: col - 1 })
}

/// Words that begin with a capital letter and end with a full stop.
fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str().trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_found_by_its_name() {
        assert_eq!(position_named(" b12 "), Some(Position { row: 11, col: 1 }));
        assert_eq!(position_named("AA1"), Some(Position { row: 0, col: 26 }));
        for nothing in ["", "12", "B", "B0", "B-1", "ABCDE1", "é1", "B99999999999999999999999"] {
            assert_eq!(position_named(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn a_refusal_is_a_sentence() {
        assert_eq!(sentence("there is no such sheet"), "There is no such sheet.");
    }
}
