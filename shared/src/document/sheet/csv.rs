//! Sheets as CSV (RFC 4180 with LF): what `redis-cli GET` prints, and what other programs read and write.

use super::edit::{EditError, Position};
use super::workbook::Sheet;
use super::{Edit, SheetDocument};
use crate::limits::{SHEET_CELLS_MAX, SHEET_COLS_MAX, SHEET_ROWS_MAX};

/// One sheet as CSV. `value` tells what the cell at a row and column shows; it is asked for cells that hold something.
///
/// A line a row up to the last row that holds something, all lines with the same number of fields.
pub fn write(sheet: &Sheet, value: impl Fn(usize, usize) -> String) -> String {
    let (rows, cols) = sheet.used();
    // Not one field a cell of the rectangle: two cells far apart span billions.
    let mut cells: Vec<(usize, usize)> = sheet.cells().filter_map(|(key, _)| sheet.position(key)).collect();
    cells.sort_unstable();
    let cols = if rows.saturating_mul(cols) > 4 * SHEET_CELLS_MAX { 0 } else { cols };
    let mut out = String::new();
    let mut cells = cells.into_iter().peekable();
    for row in 0..rows {
        let start = out.len();
        let mut fields = 0;
        while let Some((_, col)) = cells.next_if(|(at, _)| *at == row) {
            push_commas(&mut out, &mut fields, col);
            push_field(&mut out, &value(row, col));
        }
        push_commas(&mut out, &mut fields, cols.saturating_sub(1));
        if out.len() == start {
            // A line with nothing in it would be no record at all.
            out.push_str("\"\"");
        }
        out.push('\n');
    }
    out
}

fn push_commas(out: &mut String, fields: &mut usize, until: usize) {
    while *fields < until {
        out.push(',');
        *fields += 1;
    }
}

/// A field, in quotes where it must be.
fn push_field(out: &mut String, field: &str) {
    if field.contains([',', '"', '\n', '\r']) || field.starts_with(' ') || field.ends_with(' ') {
        out.push('"');
        out.push_str(&field.replace('"', "\"\""));
        out.push('"');
    } else {
        out.push_str(field);
    }
}

impl SheetDocument {
    /// Puts CSV into a sheet from its first cell on; each field is understood as if it were typed, but no formula is made of it.
    pub fn import_csv(&mut self, sheet: &str, csv: &[u8]) -> Result<Edit, EditError> {
        let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(csv);
        let mut typed: Vec<(Position, String)> = Vec::new();
        for (row, record) in reader.byte_records().enumerate() {
            let record = record.map_err(|_| EditError::TooLarge)?;
            if row >= SHEET_ROWS_MAX || record.len() > SHEET_COLS_MAX {
                return Err(EditError::Beyond);
            }
            for (col, field) in record.iter().enumerate().filter(|(_, field)| !field.is_empty()) {
                if typed.len() >= SHEET_CELLS_MAX {
                    return Err(EditError::TooLarge);
                }
                let text = String::from_utf8_lossy(field);
                // A file from elsewhere runs nothing here.
                let text = if text.starts_with('=') { format!("'{text}") } else { text.into_owned() };
                typed.push((Position { row, col }, text));
            }
        }
        let typed: Vec<(Position, &str)> = typed.iter().map(|(at, text)| (*at, &text[..])).collect();
        self.type_all(sheet, &typed)
    }
}
