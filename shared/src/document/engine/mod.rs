//! Values of formulas: a view that every peer derives for itself. Nothing of it is in the document.
//!
//! # Layout
//!
//! - [`Engine`]: what a spreadsheet engine must do; [`ironcalc`] does it with ironcalc_base.
//! - [`input`]: what an engine is given: cells by position, formulas as they are shown.
//! - [`value`]: what it gives back, and how numbers are shown.
//! - [`computer`]: an engine with what it was given; the size of what it gives back is bounded.
//! - [`process`]: a computer in a process of its own, with bounded memory and time. [`wire`]: what they say to each other.
//! - [`calculator`]: fed with changes, never waited for; keeps what the engine was given, for the next one if it ends.
//! - [`export`]: CSV and JSON with computed values.

pub mod calculator;
pub mod computer;
pub mod export;
pub mod input;
pub mod ironcalc;
pub mod process;
pub mod value;
pub mod wire;

pub use calculator::Calculator;
pub use input::{CellInput, Input, WorkbookInput};
pub use process::{Program, serve_if_asked};
pub use value::{Value, Values};

/// A spreadsheet engine. Rows and columns count from 0; sheets by their place in what was loaded.
pub trait Engine {
    /// Forgets everything and takes a workbook.
    fn load(&mut self, workbook: &WorkbookInput) -> Result<(), EngineFailed>;

    /// Puts something else into one cell.
    fn set(&mut self, sheet: usize, cell: &CellInput) -> Result<(), EngineFailed>;

    /// Computes every formula.
    fn evaluate(&mut self);

    /// What a cell shows after the last evaluation.
    fn value(&self, sheet: usize, row: usize, col: usize) -> Value;

    /// How many rows and columns a formula's result takes: 1 and 1, or more for one that spills.
    fn extent(&self, sheet: usize, row: usize, col: usize) -> (usize, usize);
}

/// The engine does not take a workbook or a cell; its own words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the spreadsheet engine refused: {0}")]
pub struct EngineFailed(pub String);

#[cfg(test)]
mod tests;
