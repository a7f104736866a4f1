//! What a transaction changed: for the grid to draw again, and for the engine to compute again.

use super::workbook::{CellKey, SheetId};

/// One thing that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Sheets came, went, got another name or order. Whatever was known of any sheet may be old.
    Sheets,
    /// Rows or columns of a sheet came, went, moved, or look different.
    Lines(SheetId),
    /// These cells hold something else.
    Cells(SheetId, Vec<CellKey>),
    /// These cells look different; `None`: any of the sheet.
    Styles(SheetId, Option<Vec<CellKey>>),
    /// Cells of a sheet were merged or taken apart.
    Merges(SheetId),
    /// Names for formulas changed.
    Names,
}

impl Change {
    /// Whether positions of cells changed, so that an engine must load the workbook anew.
    pub fn moves_cells(&self) -> bool {
        matches!(self, Change::Sheets | Change::Lines(_) | Change::Names)
    }
}

/// What an edit here did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edit {
    /// To publish, in order; none if nothing changed.
    pub updates: Vec<Vec<u8>>,
    /// To draw and to compute.
    pub changes: Vec<Change>,
}
