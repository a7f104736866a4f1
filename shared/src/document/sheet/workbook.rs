//! What is read from a sheet document: sheets, lines, cells, styles. A plain value; the merge engine is not needed to look at it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use foldhash::fast::FixedState;

use super::cell::Cell;
use super::lines::{Axis, Line, Lines};
use super::style::Style;
use crate::document::formula;

/// Names a sheet, for ever.
pub type SheetId = Arc<str>;

/// A cell by its row and column; see [`Line`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CellKey {
    /// Its row.
    pub row: Line,
    /// Its column.
    pub col: Line,
}

/// All sheets of a document.
#[derive(Debug, Clone, Default)]
pub struct Workbook {
    /// In the order they are shown; deleted ones are not here.
    sheets: Vec<Sheet>,
    /// Names for formulas, in the order of the names, with formulas in stored form.
    pub(super) names: BTreeMap<String, String>,
}

/// One sheet.
#[derive(Debug, Clone)]
pub struct Sheet {
    pub(super) id: SheetId,
    pub(super) given_name: String,
    /// `given_name`, made different from the names of the sheets before it.
    name: String,
    pub(super) order: f64,
    pub(super) rows: Lines,
    pub(super) cols: Lines,
    pub(super) cells: HashMap<CellKey, Cell, FixedState>,
    pub(super) styles: HashMap<CellKey, Style, FixedState>,
    pub(super) row_styles: BTreeMap<Line, Style>,
    pub(super) col_styles: BTreeMap<Line, Style>,
    /// Two corners each, by the id of the merge.
    pub(super) merges: BTreeMap<String, (CellKey, CellKey)>,
}

impl Workbook {
    /// The sheets in the order they are shown.
    pub fn sheets(&self) -> &[Sheet] {
        &self.sheets
    }

    /// A sheet by its id.
    pub fn sheet(&self, id: &str) -> Option<&Sheet> {
        self.sheets.iter().find(|sheet| *sheet.id == *id)
    }

    /// A sheet by the name it is shown with, whatever its case.
    pub fn sheet_named(&self, name: &str) -> Option<&Sheet> {
        let name = name.to_lowercase();
        self.sheets.iter().find(|sheet| sheet.name.to_lowercase() == name)
    }

    /// Names for formulas with their formulas as they are shown.
    pub fn names(&self) -> impl Iterator<Item = (&str, String)> {
        self.names.iter().map(|(name, formula)| (&name[..], formula::show(formula, self, None)))
    }

    /// Names for formulas in stored form.
    #[cfg(feature = "calc")]
    pub(crate) fn stored_names(&self) -> impl Iterator<Item = (&str, &str)> {
        self.names.iter().map(|(name, formula)| (&name[..], &formula[..]))
    }

    /// What would have to be typed to get what a cell holds; empty for an empty cell.
    pub fn typed(&self, sheet: &Sheet, cell: CellKey) -> String {
        match sheet.cells.get(&cell) {
            Some(Cell::Formula(stored)) => formula::show(stored, self, Some(&sheet.id)),
            Some(other) => other.typed(),
            None => String::new(),
        }
    }

    pub(super) fn sheet_mut(&mut self, id: &str) -> Option<&mut Sheet> {
        self.sheets.iter_mut().find(|sheet| *sheet.id == *id)
    }

    pub(super) fn take_sheets(&mut self) -> Vec<Sheet> {
        std::mem::take(&mut self.sheets)
    }

    /// Orders the sheets and tells names apart that two people gave at once.
    pub(super) fn set_sheets(&mut self, mut sheets: Vec<Sheet>) {
        sheets.sort_by(|a, b| a.order.total_cmp(&b.order).then_with(|| a.id.cmp(&b.id)));
        let mut taken = std::collections::HashSet::new();
        for sheet in &mut sheets {
            let mut shown = sheet.given_name.clone();
            let mut number = 2;
            while !taken.insert(shown.to_lowercase()) {
                shown = format!("{} ({number})", sheet.given_name);
                number += 1;
            }
            sheet.name = shown;
        }
        self.sheets = sheets;
    }
}

impl Sheet {
    pub(super) fn new(id: SheetId) -> Sheet {
        Sheet {
            id,
            given_name: String::new(),
            name: String::new(),
            order: 0.0,
            rows: Lines::default(),
            cols: Lines::default(),
            cells: HashMap::default(),
            styles: HashMap::default(),
            row_styles: BTreeMap::new(),
            col_styles: BTreeMap::new(),
            merges: BTreeMap::new(),
        }
    }

    /// Its id.
    pub fn id(&self) -> &SheetId {
        &self.id
    }

    /// The name it is shown with; no other sheet has it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its rows.
    pub fn rows(&self) -> &Lines {
        &self.rows
    }

    /// Its columns.
    pub fn cols(&self) -> &Lines {
        &self.cols
    }

    /// Its rows or columns.
    pub fn lines(&self, axis: Axis) -> &Lines {
        match axis {
            Axis::Row => &self.rows,
            Axis::Col => &self.cols,
        }
    }

    /// The cell at a position, from 0.
    pub fn key_at(&self, row: usize, col: usize) -> Option<CellKey> {
        Some(CellKey { row: self.rows.at(row)?, col: self.cols.at(col)? })
    }

    /// The position of a cell, from 0; `None` if its row or column is deleted.
    pub fn position(&self, cell: CellKey) -> Option<(usize, usize)> {
        Some((self.rows.position(cell.row)?, self.cols.position(cell.col)?))
    }

    /// What a cell holds.
    pub fn cell(&self, cell: CellKey) -> Option<&Cell> {
        self.cells.get(&cell)
    }

    /// What the cell at a position holds.
    pub fn cell_at(&self, row: usize, col: usize) -> Option<&Cell> {
        self.cells.get(&self.key_at(row, col)?)
    }

    /// All cells that hold something, those of deleted lines too, in no order that means anything.
    pub fn cells(&self) -> impl ExactSizeIterator<Item = (CellKey, &Cell)> {
        self.cells.iter().map(|(key, cell)| (*key, cell))
    }

    /// How a cell looks: its own style, or its row's, or its column's.
    pub fn style(&self, cell: CellKey) -> Option<&Style> {
        let own = self.styles.get(&cell);
        own.or_else(|| self.row_styles.get(&cell.row)).or_else(|| self.col_styles.get(&cell.col))
    }

    /// Merged areas as positions of their first and last rows and columns; those that are no area any more are left out.
    pub fn merges(&self) -> impl Iterator<Item = super::Area> {
        self.merges.values().filter_map(|(one, other)| {
            let (first_row, last_row) = self.rows.span(one.row, other.row)?;
            let (first_col, last_col) = self.cols.span(one.col, other.col)?;
            let area = super::Area { first_row, first_col, last_row, last_col };
            (area.cells() > 1).then_some(area)
        })
    }

    /// The area that holds something: rows and columns up to the last cell that is shown.
    pub fn used(&self) -> (usize, usize) {
        self.cells
            .keys()
            .filter_map(|key| self.position(*key))
            .fold((0, 0), |(rows, cols), (row, col)| (rows.max(row + 1), cols.max(col + 1)))
    }
}
