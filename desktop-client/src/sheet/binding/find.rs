//! Finding cells by what they show.

use std::collections::BTreeSet;
use std::rc::Rc;

use shared::document::sheet::CellKey;

use super::Binding;
use crate::sheet::selection::{Position, Selection};
use crate::ui::find_bar::FindEvent;

/// What is looked for in the sheet that is seen.
#[derive(Debug, Default)]
pub(super) struct Finding {
    /// In small letters; empty: nothing.
    words: String,
    /// The cells that show the words, row by row; `None` until they were looked for in the sheet as it is.
    cells: Option<BTreeSet<Position>>,
}

impl Binding {
    /// What the person wants of the find bar; returns what to say of it.
    pub(in crate::sheet) fn find(self: &Rc<Self>, event: FindEvent) -> String {
        match event {
            FindEvent::Words(words) => {
                self.finding.replace(Finding { words: words.trim().to_lowercase(), cells: None });
                self.go_to_found(true, true)
            }
            FindEvent::Next => self.go_to_found(true, false),
            FindEvent::Previous => self.go_to_found(false, false),
            FindEvent::Closed => {
                self.finding.take();
                self.focus();
                String::new()
            }
        }
    }

    /// What was found may be elsewhere now, or gone.
    pub(super) fn forget_found(&self) {
        self.finding.borrow_mut().cells = None;
    }

    /// Selects the next or previous cell, around the end of the sheet; `here`: the active one counts.
    fn go_to_found(self: &Rc<Self>, forward: bool, here: bool) -> String {
        if self.finding.borrow().words.is_empty() {
            return String::new();
        }
        let known = self.finding.borrow_mut().cells.take();
        let cells = known.unwrap_or_else(|| self.look_for());
        let active = self.selection().active;
        let before = || cells.range(..active).next_back().or_else(|| cells.last());
        let after = || cells.range(active..).find(|at| here || **at != active).or_else(|| cells.first());
        let found = if forward { after() } else { before() }.copied();
        let words = match (found, cells.len()) {
            (None, _) => "No matches".to_owned(),
            (Some(at), count) => format!("{} of {count}", cells.range(..at).count() + 1),
        };
        self.finding.borrow_mut().cells = Some(cells);
        if let Some(at) = found {
            self.parts.grid.select(Selection::cell(at));
        }
        words
    }

    fn look_for(&self) -> BTreeSet<Position> {
        let words = self.finding.borrow().words.clone();
        let values = self.values.borrow();
        let found = self.with_sheet(|_, sheet| {
            let shows = |key: &CellKey| values.shown(sheet, *key).to_lowercase().contains(&words);
            let place = |key: CellKey| sheet.position(key).map(|(row, col)| Position { row, col });
            sheet.cells().map(|(key, _)| key).filter(shows).filter_map(place).collect()
        });
        found.unwrap_or_default()
    }
}
