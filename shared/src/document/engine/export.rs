//! Sheets with computed values, as CSV and as JSON.

use super::value::Values;
use crate::document::sheet::{Sheet, Workbook, csv, json};

/// One sheet as CSV, with what its cells show.
pub fn to_csv(sheet: &Sheet, values: &Values) -> String {
    csv::write(sheet, |row, col| {
        sheet.key_at(row, col).map_or_else(String::new, |key| values.shown(sheet, key))
    })
}

/// All sheets as CSV: the readable snapshot of a document. One sheet alone is plain CSV; of several each has its name in a line of
/// its own before it, after an empty line.
pub fn workbook_to_csv(workbook: &Workbook, values: &Values) -> String {
    match workbook.sheets() {
        [sheet] => to_csv(sheet, values),
        sheets => {
            let named = sheets.iter().map(|sheet| format!("# {}\n{}", sheet.name(), to_csv(sheet, values)));
            named.collect::<Vec<_>>().join("\n")
        }
    }
}

/// All sheets as JSON, see [`json::write`].
pub fn to_json(workbook: &Workbook, values: &Values) -> String {
    json::write(workbook, |place, row, col| {
        let sheet = workbook.sheets().get(place);
        let value = sheet.and_then(|sheet| values.of_formula(sheet.id(), sheet.key_at(row, col)?));
        value.map_or(serde_json::Value::Null, super::Value::to_json)
    })
}
