//! An engine with what it was given: takes whole workbooks and edits, gives back what the formulas show, in bounded size.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::input::{CellInput, Input, WorkbookInput};
use super::ironcalc::IronCalc;
use super::value::{LIMIT_ERROR, Value};
use super::{Engine, EngineFailed};
use crate::limits::{CALCULATED_BYTES_MAX, CALCULATED_CELLS_MAX, CELL_TEXT_BYTES_MAX, SPILL_CELLS_MAX};

/// What an engine is to compute at once.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    /// A workbook that replaces what there was.
    pub load: Option<Arc<WorkbookInput>>,
    /// Cells that changed after that, each with the place of its sheet.
    pub edits: Vec<(usize, CellInput)>,
}

/// What one formula, or a cell that a formula spilled into, shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Computed {
    /// The place of its sheet.
    pub sheet: usize,
    /// Row, from 0.
    pub row: usize,
    /// Column, from 0.
    pub col: usize,
    /// What it shows.
    pub value: Value,
}

/// Computes on the caller's thread, which must have a stack of [`STACK_BYTES`](super::calculator::STACK_BYTES).
#[derive(Default)]
pub struct Computer {
    /// `None` before the first workbook.
    engine: Option<IronCalc>,
    /// For each sheet by its place, the positions of its formulas.
    formulas: Vec<BTreeSet<(usize, usize)>>,
}

impl Computer {
    /// Computes everything anew; returns all values.
    pub fn compute(&mut self, batch: Batch) -> Result<Vec<Computed>, EngineFailed> {
        if let Some(workbook) = batch.load {
            self.load(&workbook)?;
        }
        let Some(engine) = &mut self.engine else { return Ok(Vec::new()) };
        for (sheet, cell) in batch.edits {
            let Some(formulas) = self.formulas.get_mut(sheet) else { continue };
            if cell.input.is_formula() {
                formulas.insert((cell.row, cell.col));
            } else {
                formulas.remove(&(cell.row, cell.col));
            }
            engine.set(sheet, &cell)?;
        }
        engine.evaluate();
        self.values()
    }

    fn load(&mut self, workbook: &WorkbookInput) -> Result<(), EngineFailed> {
        let mut engine = IronCalc::new()?;
        engine.load(workbook)?;
        let formulas = |cells: &BTreeMap<(u32, u32), Input>| {
            let formulas = cells.iter().filter(|(_, input)| input.is_formula());
            formulas.map(|((row, col), _)| (*row as usize, *col as usize)).collect()
        };
        self.formulas = workbook.sheets.iter().map(|sheet| formulas(&sheet.cells)).collect();
        self.engine = Some(engine);
        Ok(())
    }

    fn values(&self) -> Result<Vec<Computed>, EngineFailed> {
        let mut values = Vec::new();
        let Some(engine) = &self.engine else { return Ok(values) };
        let mut bytes = 0usize;
        for (sheet, formulas) in self.formulas.iter().enumerate() {
            for (first_row, first_col) in formulas {
                let (rows, cols) = engine.extent(sheet, *first_row, *first_col);
                let cells = rows.saturating_mul(cols);
                let spills = cells <= SPILL_CELLS_MAX && values.len() + cells <= CALCULATED_CELLS_MAX;
                let (rows, cols) = if spills { (rows, cols) } else { (1, 1) };
                for row in *first_row..first_row + rows {
                    for col in *first_col..first_col + cols {
                        let value = bounded(engine.value(sheet, row, col));
                        bytes += if let Value::Text(text) = &value { text.len() } else { 0 };
                        if bytes > CALCULATED_BYTES_MAX {
                            return Err(EngineFailed("the values of the formulas are too long".to_owned()));
                        }
                        values.push(Computed { sheet, row, col, value });
                    }
                }
            }
        }
        Ok(values)
    }
}

/// No cell shows more than one may hold.
fn bounded(value: Value) -> Value {
    match value {
        Value::Text(text) if text.len() > CELL_TEXT_BYTES_MAX => Value::Error(LIMIT_ERROR.to_owned()),
        value => value,
    }
}
