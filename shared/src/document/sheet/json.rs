//! A workbook as JSON, for programs: sheets in order, and the cells that hold something by address.

use std::collections::BTreeMap;

use serde::Serialize;

use super::cell::Cell;
use super::workbook::{Sheet, Workbook};
use crate::document::address::cell_name;

#[derive(Serialize)]
struct JsonWorkbook<'a> {
    sheets: Vec<JsonSheet<'a>>,
}

#[derive(Serialize)]
struct JsonSheet<'a> {
    id: &'a str,
    name: &'a str,
    rows: usize,
    cols: usize,
    #[serde(serialize_with = "by_address")]
    cells: BTreeMap<(usize, usize), JsonCell>,
}

struct JsonCell {
    value: serde_json::Value,
    formula: Option<String>,
}

/// The workbook as JSON: `{"sheets":[{"id","name","rows","cols","cells":{"A1":{"value","formula"}}}]}`; `formula` is there for
/// formulas only. `value` tells the value of the formula at a row and column of a sheet (by its place in the workbook).
pub fn write(workbook: &Workbook, value: impl Fn(usize, usize, usize) -> serde_json::Value) -> String {
    let sheets = workbook.sheets().iter().enumerate();
    let sheets =
        sheets.map(|(at, sheet)| sheet_json(workbook, sheet, |row, col| value(at, row, col))).collect();
    serde_json::to_string(&JsonWorkbook { sheets }).unwrap_or_default()
}

fn sheet_json<'a>(
    workbook: &'a Workbook,
    sheet: &'a Sheet,
    value: impl Fn(usize, usize) -> serde_json::Value,
) -> JsonSheet<'a> {
    let cells = sheet.cells().filter_map(|(key, cell)| {
        let (row, col) = sheet.position(key)?;
        let (value, formula) = match cell {
            Cell::Number(number) => ((*number).into(), None),
            Cell::Text(text) => (text.to_string().into(), None),
            Cell::Bool(value) => ((*value).into(), None),
            Cell::Formula(_) => (value(row, col), Some(workbook.typed(sheet, key))),
        };
        Some(((row, col), JsonCell { value, formula }))
    });
    JsonSheet {
        id: sheet.id(),
        name: sheet.name(),
        rows: sheet.rows().len(),
        cols: sheet.cols().len(),
        cells: cells.collect(),
    }
}

fn by_address<S: serde::Serializer>(
    cells: &BTreeMap<(usize, usize), JsonCell>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(cells.iter().map(|((row, col), cell)| (cell_name(*row, *col), cell)))
}

impl Serialize for JsonCell {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("value", &self.value)?;
        if let Some(formula) = &self.formula {
            map.serialize_entry("formula", formula)?;
        }
        map.end()
    }
}
