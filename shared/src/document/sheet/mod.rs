//! A sheet document: root `sheets`, Y.Map of sheet id → Y.Map.
//!
//! | key of a sheet | holds |
//! |---|---|
//! | `name`, `ord` | its name, and a number that orders the sheets |
//! | `d` | true: it was deleted |
//! | `rows`, `cols` | Y.Array of stable ids, in order. An id that is there twice counts at its first place |
//! | `rowp`, `colp` | Y.Map of attributes: `"<id>/d"` deleted, `/h` size in pixels, `/x` hidden |
//! | `cells` | Y.Map of `"<rowId>:<colId>"` → number, string, boolean or `{f: formula}` |
//! | `fmt` | Y.Map of the same keys, also `"<rowId>:*"` and `"*:<colId>"`, → style as JSON |
//! | `merges` | Y.Map of id → `"<rowId>:<colId>,<rowId>:<colId>"`, two corners |
//!
//! Root `names`: name → formula. Formulas hold ids, see [`super::formula`]. One cell is one last-writer register; values of
//! formulas are computed by every peer and never travel.
//!
//! # Layout
//!
//! - [`SheetDocument`]: the document as a window or a service holds it; what can be done to it is in `edit`.
//! - [`workbook`]: what is read from it: sheets, lines, cells. [`lines`]: the order of rows or columns.
//! - [`cell`]: values, and how typed text becomes one. [`style`]: how a cell looks.
//! - [`genesis`]: the first sheet, the same bytes for everybody.
//! - [`changes`]: what a transaction changed. `read`, `observed`: from the merge engine to the workbook.
//! - [`csv`], [`json`]: readable forms.

pub mod cell;
pub mod changes;
pub mod csv;
mod document;
mod edit;
pub mod genesis;
pub mod json;
pub mod lines;
mod observed;
mod read;
pub mod style;
pub mod workbook;

pub use cell::{Cell, Typed};
pub use changes::{Change, Edit};
pub use document::SheetDocument;
pub use edit::{Area, Clipboard, EditError, Position};
pub use lines::{Axis, Line, Lines};
pub use style::Style;
pub use workbook::{CellKey, Sheet, SheetId, Workbook};

/// Name of the root type that holds the sheets.
pub const SHEETS: &str = "sheets";
/// Name of the root type that holds names for formulas.
pub const NAMES: &str = "names";

/// Keys of a sheet.
mod key {
    pub(super) const NAME: &str = "name";
    pub(super) const ORDER: &str = "ord";
    pub(super) const DELETED: &str = "d";
    pub(super) const ROWS: &str = "rows";
    pub(super) const COLS: &str = "cols";
    pub(super) const ROW_ATTRIBUTES: &str = "rowp";
    pub(super) const COL_ATTRIBUTES: &str = "colp";
    pub(super) const CELLS: &str = "cells";
    pub(super) const STYLES: &str = "fmt";
    pub(super) const MERGES: &str = "merges";
}

#[cfg(test)]
mod tests;
