//! What an engine is given. Made from the workbook on the caller's thread, a plain value that moves to the engine's.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::document::formula;
use crate::document::sheet::{Cell, CellKey, Line, Lines, Sheet, SheetId, Workbook};
use crate::limits::FORMULA_NESTING_MAX;

/// What a cell holds, for an engine.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// Nothing.
    Nothing,
    /// A finite number.
    Number(f64),
    /// A text.
    Text(Arc<str>),
    /// TRUE or FALSE.
    Bool(bool),
    /// A formula with addresses and the engine's own names of sheets, with its `=`.
    Formula(Arc<str>),
    /// A formula that no engine may see: too deep or too long.
    Refused,
}

/// One cell.
#[derive(Debug, Clone, PartialEq)]
pub struct CellInput {
    /// Row, from 0.
    pub row: usize,
    /// Column, from 0.
    pub col: usize,
    /// What it holds.
    pub input: Input,
}

/// A whole workbook.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WorkbookInput {
    /// In order.
    pub sheets: Vec<SheetInput>,
    /// Names for formulas, with formulas that start with `=`.
    pub names: Vec<(String, String)>,
}

/// One sheet.
#[derive(Debug, Clone, PartialEq)]
pub struct SheetInput {
    /// Its id in the document.
    pub id: SheetId,
    /// Cells that hold something, by row and column, both from 0.
    pub cells: BTreeMap<(u32, u32), Input>,
    /// The row at each position.
    pub rows: Vec<Line>,
    /// The column at each position.
    pub cols: Vec<Line>,
}

impl WorkbookInput {
    /// Takes a workbook as it is now.
    pub fn of(workbook: &Workbook) -> WorkbookInput {
        let names = workbook.stored_names().map(|(name, stored)| {
            let shown = show(stored, workbook, None);
            (name.to_owned(), if shown.starts_with('=') { shown } else { format!("={shown}") })
        });
        WorkbookInput {
            sheets: workbook.sheets().iter().map(|sheet| SheetInput::of(workbook, sheet)).collect(),
            names: names.filter(|(_, formula)| fits(formula)).collect(),
        }
    }

    /// The place of the sheet, the row and the column of every formula.
    pub fn formulas(&self) -> impl Iterator<Item = (usize, usize, usize)> {
        self.sheets.iter().enumerate().flat_map(|(place, sheet)| {
            let formulas = sheet.cells.iter().filter(|(_, input)| input.is_formula());
            formulas.map(move |((row, col), _)| (place, *row as usize, *col as usize))
        })
    }

    /// Whether there is anything to compute.
    pub fn has_formulas(&self) -> bool {
        self.formulas().next().is_some()
    }
}

impl SheetInput {
    fn of(workbook: &Workbook, sheet: &Sheet) -> SheetInput {
        let cells = sheet.cells().filter_map(|(key, cell)| {
            let (row, col) = sheet.position(key)?;
            Some(((row as u32, col as u32), Input::of(workbook, sheet, cell)))
        });
        let cells = cells.collect();
        let shown = |lines: &Lines| (0..lines.len()).filter_map(|position| lines.at(position)).collect();
        SheetInput { id: sheet.id().clone(), cells, rows: shown(sheet.rows()), cols: shown(sheet.cols()) }
    }
}

impl CellInput {
    /// Takes one cell as it is now; `None` if it is not shown.
    pub fn of(workbook: &Workbook, sheet: &Sheet, key: CellKey) -> Option<CellInput> {
        let (row, col) = sheet.position(key)?;
        let input = sheet.cell(key).map_or(Input::Nothing, |cell| Input::of(workbook, sheet, cell));
        Some(CellInput { row, col, input })
    }
}

impl Input {
    /// Whether an engine has a value for it.
    pub fn is_formula(&self) -> bool {
        matches!(self, Input::Formula(_) | Input::Refused)
    }

    fn of(workbook: &Workbook, sheet: &Sheet, cell: &Cell) -> Input {
        match cell {
            Cell::Number(number) => Input::Number(*number),
            Cell::Text(text) => Input::Text(text.clone()),
            Cell::Bool(value) => Input::Bool(*value),
            Cell::Formula(stored) => {
                let shown = show(stored, workbook, Some(sheet.id()));
                if fits(&shown) { Input::Formula(shown.into()) } else { Input::Refused }
            }
        }
    }
}

/// The name of a sheet in the engine, by its place. People's names may be longer than an engine takes.
pub(super) fn engine_name(place: usize) -> String {
    format!("RustiDocs_{place}")
}

fn show(stored: &str, workbook: &Workbook, sheet: Option<&str>) -> String {
    formula::show_with(stored, workbook, sheet, |out, into| {
        let place = workbook.sheets().iter().position(|sheet| sheet.id() == into.id()).unwrap_or_default();
        out.push_str(&engine_name(place));
        out.push('!');
    })
}

/// Whether an engine may see a formula. What is longer than 8192 characters no spreadsheet takes.
fn fits(shown: &str) -> bool {
    const _: () = assert!(FORMULA_NESTING_MAX <= 256, "the engine's stack is sized for this");
    shown.chars().count() <= 8192 && formula::check::nesting(shown).is_ok()
}
