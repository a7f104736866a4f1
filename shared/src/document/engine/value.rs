//! What a cell shows.

use std::collections::HashMap;

use foldhash::fast::FixedState;
use ironcalc_base::number_format::format_number;

use crate::document::sheet::{Cell, CellKey, Sheet, SheetId};

/// Number format of cells that nobody formatted.
const GENERAL: &str = "general";
/// Longest number format that is understood, bytes.
const NUMBER_FORMAT_BYTES_MAX: usize = 200;

/// What every formula of a workbook shows that takes more memory or time to compute than it may, and a value that is too long.
pub const LIMIT_ERROR: &str = "#LIMIT!";

/// What a formula, or any cell, shows.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing.
    Nothing,
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
    /// TRUE or FALSE.
    Bool(bool),
    /// `#DIV/0!`, `#NAME?`, `#VALUE!`, `#REF!`, `#CIRC!`, [`LIMIT_ERROR`]…
    Error(String),
}

impl Value {
    /// As it is shown, a number in its number format (`None`: as short as it can be).
    pub fn show(&self, number_format: Option<&str>) -> String {
        match self {
            Value::Nothing => String::new(),
            Value::Number(number) => show_number(*number, number_format),
            Value::Text(text) => text.clone(),
            Value::Bool(true) => "TRUE".to_owned(),
            Value::Bool(false) => "FALSE".to_owned(),
            Value::Error(error) => error.clone(),
        }
    }

    /// As JSON: an error is its text.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Value::Nothing => serde_json::Value::Null,
            Value::Number(number) => (*number).into(),
            Value::Text(text) | Value::Error(text) => text.clone().into(),
            Value::Bool(value) => (*value).into(),
        }
    }
}

/// A number as a cell shows it.
pub fn show_number(number: f64, number_format: Option<&str>) -> String {
    let format = number_format.filter(|format| format.len() <= NUMBER_FORMAT_BYTES_MAX).unwrap_or(GENERAL);
    let shown = std::panic::catch_unwind(|| format_number(number, format, "en"));
    match shown {
        Ok(shown) if shown.error.is_none() => shown.text,
        _ => number.to_string(),
    }
}

/// Values of all formulas of a workbook, by cell: they stay right for cells that move.
#[derive(Debug, Clone, Default)]
pub struct Values {
    pub(super) sheets: HashMap<SheetId, HashMap<CellKey, Value, FixedState>, FixedState>,
    /// How many loads and edits these values take into account.
    pub(super) generation: u64,
}

impl Values {
    /// The value of a formula, or of a cell that a formula spilled into; `None` if it is not computed yet.
    pub fn of_formula(&self, sheet: &str, cell: CellKey) -> Option<&Value> {
        self.sheets.get(sheet)?.get(&cell)
    }

    /// What a cell shows. A formula that is not computed yet shows nothing.
    pub fn of(&self, sheet: &Sheet, cell: CellKey) -> Value {
        match sheet.cell(cell) {
            Some(Cell::Number(number)) => Value::Number(*number),
            Some(Cell::Text(text)) => Value::Text(text.to_string()),
            Some(Cell::Bool(value)) => Value::Bool(*value),
            Some(Cell::Formula(_)) | None => {
                self.of_formula(sheet.id(), cell).cloned().unwrap_or(Value::Nothing)
            }
        }
    }

    /// What a cell shows, in its number format.
    pub fn shown(&self, sheet: &Sheet, cell: CellKey) -> String {
        let format = sheet.style(cell).and_then(|style| style.number_format.as_deref());
        self.of(sheet, cell).show(format)
    }
}
