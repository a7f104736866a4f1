//! What can be done to a sheet. Positions count from 0 and mean what is shown when the edit is made; the document gets ids.
//!
//! # Layout
//!
//! - `cells`: values, formulas, styles. `lines`: rows and columns. `sheets`: sheets, names, merges.
//! - `clipboard`: copying and pasting areas, also from and to other programs.

mod cells;
mod clipboard;
mod lines;
mod sheets;

pub use clipboard::Clipboard;

use super::lines::Axis;
use super::workbook::Sheet;
use super::{Edit, SheetDocument, key};
use crate::document::formula::FormulaError;
use crate::document::guard::Broken;
use crate::limits::{SHEET_COLS_MAX, SHEET_ROWS_MAX};
use yrs::{Array, Map, Out};

/// Where a cell is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// Row, from 0.
    pub row: usize,
    /// Column, from 0.
    pub col: usize,
}

/// A rectangle of shown cells, ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Area {
    /// First row, from 0.
    pub first_row: usize,
    /// First column, from 0.
    pub first_col: usize,
    /// Last row.
    pub last_row: usize,
    /// Last column.
    pub last_col: usize,
}

/// Why an edit is refused. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// There is no such sheet.
    #[error("there is no such sheet")]
    NoSheet,
    /// It leads out of what a sheet may have.
    #[error("a sheet has at most {SHEET_ROWS_MAX} rows and {SHEET_COLS_MAX} columns")]
    Beyond,
    /// The last sheet, or the last row or column, cannot be deleted.
    #[error("the last one cannot be deleted")]
    Last,
    /// A name is empty or too long, or another sheet has it.
    #[error("a name is empty, too long or already taken")]
    Name,
    /// A text, style or area is too large.
    #[error("this is too large")]
    TooLarge,
    /// The formula cannot be stored.
    #[error(transparent)]
    Formula(#[from] FormulaError),
    /// The document broke.
    #[error(transparent)]
    Broken(#[from] Broken),
}

impl Area {
    /// The rectangle between two cells.
    pub fn between(one: Position, other: Position) -> Area {
        Area {
            first_row: one.row.min(other.row),
            first_col: one.col.min(other.col),
            last_row: one.row.max(other.row),
            last_col: one.col.max(other.col),
        }
    }

    /// One cell.
    pub fn cell(at: Position) -> Area {
        Area::between(at, at)
    }

    /// Its number of rows.
    pub fn rows(&self) -> usize {
        self.last_row - self.first_row + 1
    }

    /// Its number of columns.
    pub fn cols(&self) -> usize {
        self.last_col - self.first_col + 1
    }

    /// Its number of cells.
    pub fn cells(&self) -> usize {
        self.rows().saturating_mul(self.cols())
    }

    /// Its cells, row by row.
    pub fn positions(self) -> impl Iterator<Item = Position> {
        (self.first_row..=self.last_row)
            .flat_map(move |row| (self.first_col..=self.last_col).map(move |col| Position { row, col }))
    }
}

impl SheetDocument {
    fn sheet(&self, id: &str) -> Result<&Sheet, EditError> {
        self.workbook.sheet(id).ok_or(EditError::NoSheet)
    }

    /// Lets a sheet reach so many rows and columns.
    fn grow(&mut self, edit: &mut Edit, sheet: &str, rows: usize, cols: usize) -> Result<(), EditError> {
        if rows > SHEET_ROWS_MAX || cols > SHEET_COLS_MAX {
            return Err(EditError::Beyond);
        }
        for (axis, wanted, letter, part) in
            [(Axis::Row, rows, 'r', key::ROWS), (Axis::Col, cols, 'c', key::COLS)]
        {
            let lines = self.sheet(sheet)?.lines(axis);
            let missing = wanted.saturating_sub(lines.len());
            if missing == 0 {
                continue;
            }
            let first = lines.next_number(letter);
            let ids: Vec<String> =
                (first..first + missing).map(|number| super::genesis::line_id(letter, number)).collect();
            self.insert_ids(edit, sheet, part, u32::MAX, ids)?;
            if self.sheet(sheet)?.lines(axis).len() < wanted {
                return Err(EditError::Beyond);
            }
        }
        Ok(())
    }

    /// Puts ids into the order of rows or columns, before an entry or at the end.
    fn insert_ids(
        &mut self,
        edit: &mut Edit,
        sheet: &str,
        part: &str,
        entry: u32,
        ids: Vec<String>,
    ) -> Result<(), EditError> {
        Ok(self.change(edit, |txn, sheets| {
            if let Some(map) = super::read::sheet_map(txn, sheets, sheet)
                && let Some(Out::YArray(order)) = map.get(txn, part)
            {
                let entry = entry.min(order.len(txn));
                order.insert_range(txn, entry, ids);
            }
        })?)
    }
}
