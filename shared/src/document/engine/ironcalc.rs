//! The engine on ironcalc_base.

use ironcalc_base::Model;
use ironcalc_base::types::{Cell, FormulaValue, SpillValue};

use super::input::{CellInput, Input, WorkbookInput, engine_name};
use super::value::Value;
use super::{Engine, EngineFailed};

/// What a formula shows that no engine may see.
const REFUSED: &str = "#ERROR!";

/// An ironcalc model. Runs on a thread with a stack of [`STACK_BYTES`](super::calculator::STACK_BYTES).
pub struct IronCalc {
    model: Model<'static>,
}

impl IronCalc {
    /// An engine with one empty sheet.
    pub fn new() -> Result<IronCalc, EngineFailed> {
        let mut model = Model::new_empty("workbook", "en", "UTC", "en").map_err(EngineFailed)?;
        model.set_max_evaluation_stack(super::calculator::STACK_BYTES / 4);
        Ok(IronCalc { model })
    }

    fn put(&mut self, sheet: usize, row: usize, col: usize, input: &Input) -> Result<(), EngineFailed> {
        let (sheet, row, col) = address(sheet, row, col);
        let model = &mut self.model;
        let done = match input {
            Input::Number(number) => model.update_cell_with_number(sheet, row, col, *number),
            Input::Text(text) => model.update_cell_with_text(sheet, row, col, text),
            Input::Bool(value) => model.update_cell_with_bool(sheet, row, col, *value),
            Input::Refused => model.update_cell_with_text(sheet, row, col, REFUSED),
            Input::Formula(formula) => model
                .set_user_input(sheet, row, col, formula.to_string())
                .or_else(|_| model.update_cell_with_text(sheet, row, col, REFUSED)),
            Input::Nothing => {
                let area =
                    ironcalc_base::expressions::types::Area { sheet, row, column: col, width: 1, height: 1 };
                model.range_clear_contents(&area)
            }
        };
        done.map_err(EngineFailed)
    }

    fn cell(&self, sheet: usize, row: usize, col: usize) -> Option<Cell> {
        let (sheet, row, col) = address(sheet, row, col);
        self.model.workbook.worksheet(sheet).ok()?.cell(row, col).map(std::borrow::Cow::into_owned)
    }
}

impl Engine for IronCalc {
    fn load(&mut self, workbook: &WorkbookInput) -> Result<(), EngineFailed> {
        *self = IronCalc::new()?;
        self.model.rename_sheet_by_index(0, &engine_name(0)).map_err(EngineFailed)?;
        for place in 1..workbook.sheets.len() {
            self.model.add_sheet(&engine_name(place)).map_err(EngineFailed)?;
        }
        for (name, formula) in &workbook.names {
            // A name that the engine does not take shows #NAME? where it is used.
            let _ = self.model.new_defined_name(name, None, formula.trim_start_matches('='));
        }
        for (place, sheet) in workbook.sheets.iter().enumerate() {
            for ((row, col), input) in &sheet.cells {
                self.put(place, *row as usize, *col as usize, input)?;
            }
        }
        Ok(())
    }

    fn set(&mut self, sheet: usize, cell: &CellInput) -> Result<(), EngineFailed> {
        self.put(sheet, cell.row, cell.col, &cell.input)
    }

    fn evaluate(&mut self) {
        self.model.evaluate();
    }

    fn value(&self, sheet: usize, row: usize, col: usize) -> Value {
        match self.cell(sheet, row, col) {
            None | Some(Cell::EmptyCell { .. }) => Value::Nothing,
            Some(Cell::BooleanCell { v, .. }) => Value::Bool(v),
            Some(Cell::NumberCell { v, .. }) => Value::Number(v),
            Some(Cell::ErrorCell { ei, .. }) => Value::Error(ei.to_string()),
            Some(Cell::SharedString { si, .. }) => {
                let text = usize::try_from(si).ok().and_then(|at| self.model.workbook.shared_strings.get(at));
                text.map_or(Value::Nothing, |text| Value::Text(text.clone()))
            }
            Some(Cell::CellFormula { v, .. } | Cell::ArrayFormula { v, .. }) => match v {
                FormulaValue::Unevaluated => Value::Nothing,
                FormulaValue::Boolean(value) => Value::Bool(value),
                FormulaValue::Number(number) => Value::Number(number),
                FormulaValue::Text(text) => Value::Text(text),
                FormulaValue::Error { ei, .. } => Value::Error(ei.to_string()),
            },
            Some(Cell::SpillCell { v, .. }) => match v {
                SpillValue::Boolean(value) => Value::Bool(value),
                SpillValue::Number(number) => Value::Number(number),
                SpillValue::Text(text) => Value::Text(text),
                SpillValue::Error(error) => Value::Error(error.to_string()),
            },
        }
    }

    fn extent(&self, sheet: usize, row: usize, col: usize) -> (usize, usize) {
        match self.cell(sheet, row, col) {
            Some(Cell::ArrayFormula { r: (width, height), .. }) => {
                (usize::try_from(height).unwrap_or(1).max(1), usize::try_from(width).unwrap_or(1).max(1))
            }
            _ => (1, 1),
        }
    }
}

/// The engine counts from 1 and in signed numbers; sheets have far fewer rows and columns than those can count.
fn address(sheet: usize, row: usize, col: usize) -> (u32, i32, i32) {
    (sheet as u32, row as i32 + 1, col as i32 + 1)
}
