//! From the merge engine to the workbook. Peers may have written anything: what has another shape is as if it were not there.

use std::sync::Arc;

use yrs::{Any, Array, ArrayRef, Map, MapRef, Out, ReadTxn};

use super::cell::Cell;
use super::key;
use super::lines::{Axis, LineAttributes, Lines};
use super::style::Style;
use super::workbook::{CellKey, Sheet, SheetId, Workbook};
use crate::document::guard::{Broken, Document};
use crate::limits::{
    CELL_TEXT_BYTES_MAX, FORMULA_STORED_BYTES_MAX, SHEET_CELLS_MAX, SHEET_COLS_MAX, SHEET_NAME_CHARS_MAX,
    SHEET_ROWS_MAX, SHEETS_MAX,
};

/// Stands for all rows or all columns in the key of a style.
const ALL: &str = "*";

impl Workbook {
    /// Reads a whole document.
    pub fn read(document: &Document) -> Result<Workbook, Broken> {
        document.read(|txn| {
            let mut workbook = Workbook::default();
            if let Some(sheets) = txn.get_map(super::SHEETS) {
                read_sheets(txn, &sheets, &mut workbook, &[]);
            }
            if let Some(names) = txn.get_map(super::NAMES) {
                read_names(txn, &names, &mut workbook);
            }
            workbook
        })
    }
}

/// Brings the list of sheets up to date. Those that stay keep the numbers of their lines; new ones and those in `anew` are read.
pub(super) fn read_sheets<T: ReadTxn>(txn: &T, sheets: &MapRef, workbook: &mut Workbook, anew: &[SheetId]) {
    let mut known: Vec<Sheet> = workbook.take_sheets();
    let mut found: Vec<(bool, f64, SheetId, MapRef)> = Vec::new();
    for (id, value) in sheets.iter(txn) {
        if let Out::YMap(map) = value {
            let order = number(map.get(txn, key::ORDER)).unwrap_or(0.0);
            found.push((flag(map.get(txn, key::DELETED)), order, id.into(), map));
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| a.1.total_cmp(&b.1)).then_with(|| a.2.cmp(&b.2)));
    // Two people may each delete the sheet that the other left: then the first of all is shown again.
    let shown = found.iter().filter(|(deleted, ..)| !deleted).count().max(1);
    found.truncate(shown);
    found.truncate(SHEETS_MAX);
    let mut read = Vec::with_capacity(found.len());
    for (_, order, id, map) in found {
        let at = known.iter().position(|sheet| sheet.id == id);
        let is_new = at.is_none() || anew.contains(&id);
        let mut sheet = at.map_or_else(|| Sheet::new(id), |at| known.swap_remove(at));
        sheet.order = order;
        sheet.given_name = text(map.get(txn, key::NAME))
            .map(|name| name.chars().take(SHEET_NAME_CHARS_MAX).collect::<String>())
            .filter(|name| !name.trim().is_empty())
            .unwrap_or_else(|| "Sheet".to_owned());
        if is_new {
            read_sheet(txn, &map, &mut sheet);
        }
        read.push(sheet);
    }
    workbook.set_sheets(read);
}

fn read_sheet<T: ReadTxn>(txn: &T, map: &MapRef, sheet: &mut Sheet) {
    read_lines(txn, map, sheet, Axis::Row);
    read_lines(txn, map, sheet, Axis::Col);
    sheet.cells.clear();
    if let Some(cells) = part(txn, map, key::CELLS) {
        for (key, value) in cells.iter(txn) {
            take_cell(sheet, key, Some(value));
        }
    }
    read_styles(txn, map, sheet);
    read_merges(txn, map, sheet);
}

/// Reads the order and the attributes of one axis.
pub(super) fn read_lines<T: ReadTxn>(txn: &T, map: &MapRef, sheet: &mut Sheet, axis: Axis) {
    let (lines, order, attributes, max) = match axis {
        Axis::Row => (&mut sheet.rows, key::ROWS, key::ROW_ATTRIBUTES, SHEET_ROWS_MAX),
        Axis::Col => (&mut sheet.cols, key::COLS, key::COL_ATTRIBUTES, SHEET_COLS_MAX),
    };
    lines.forget_attributes();
    if let Some(attributes) = part(txn, map, attributes) {
        for (key, value) in attributes.iter(txn) {
            take_attribute(lines, key, Some(&value));
        }
    }
    match map.get(txn, order) {
        Some(Out::YArray(order)) => {
            let ids: Vec<Option<Arc<str>>> = ids(txn, &order);
            lines.set_order(ids.iter().map(Option::as_deref), max);
        }
        _ => lines.set_order(std::iter::empty(), max),
    }
}

fn ids<T: ReadTxn>(txn: &T, order: &ArrayRef) -> Vec<Option<Arc<str>>> {
    let id = |value| if let Out::Any(Any::String(id)) = value { Some(id) } else { None };
    order.iter(txn).map(id).collect()
}

fn take_attribute(lines: &mut Lines, key: &str, value: Option<&Out>) {
    let Some((id, name)) = key.rsplit_once('/') else { return };
    let line = lines.intern(id);
    let old = lines.attributes(line);
    let size = |value: Option<&Out>| number(value.cloned()).filter(|size| (1.0..10_000.0).contains(size));
    let attributes = match name {
        "d" => LineAttributes { deleted: flag(value.cloned()), ..old },
        "x" => LineAttributes { hidden: flag(value.cloned()), ..old },
        "h" => LineAttributes { size: size(value), ..old },
        _ => old,
    };
    lines.set_attributes(line, attributes);
}

/// Reads these attributes of lines.
pub(super) fn read_attributes<T: ReadTxn>(
    txn: &T,
    map: &MapRef,
    sheet: &mut Sheet,
    axis: Axis,
    keys: &[Arc<str>],
) {
    let (lines, name) = match axis {
        Axis::Row => (&mut sheet.rows, key::ROW_ATTRIBUTES),
        Axis::Col => (&mut sheet.cols, key::COL_ATTRIBUTES),
    };
    if let Some(attributes) = part(txn, map, name) {
        for key in keys {
            take_attribute(lines, key, attributes.get(txn, key).as_ref());
        }
    }
    lines.update_shown();
}

/// Reads these cells; returns which they are.
pub(super) fn read_cells<T: ReadTxn>(
    txn: &T,
    map: &MapRef,
    sheet: &mut Sheet,
    keys: &[Arc<str>],
) -> Vec<CellKey> {
    let Some(cells) = part(txn, map, key::CELLS) else { return Vec::new() };
    let mut read: Vec<CellKey> =
        keys.iter().filter_map(|key| take_cell(sheet, key, cells.get(txn, key))).collect();
    read.sort_unstable();
    read
}

fn take_cell(sheet: &mut Sheet, key: &str, value: Option<Out>) -> Option<CellKey> {
    let (row, col) = key.split_once(':')?;
    let key = CellKey { row: sheet.rows.intern(row), col: sheet.cols.intern(col) };
    let cell = value.as_ref().and_then(Cell::from_shared).filter(|cell| match cell {
        Cell::Text(text) => text.len() <= CELL_TEXT_BYTES_MAX,
        Cell::Formula(formula) => formula.len() <= FORMULA_STORED_BYTES_MAX,
        Cell::Number(_) | Cell::Bool(_) => true,
    });
    match cell {
        Some(cell) if sheet.cells.len() < SHEET_CELLS_MAX || sheet.cells.contains_key(&key) => {
            sheet.cells.insert(key, cell)
        }
        _ => sheet.cells.remove(&key),
    };
    Some(key)
}

/// Reads all styles of a sheet.
pub(super) fn read_styles<T: ReadTxn>(txn: &T, map: &MapRef, sheet: &mut Sheet) {
    sheet.styles.clear();
    sheet.row_styles.clear();
    sheet.col_styles.clear();
    if let Some(styles) = part(txn, map, key::STYLES) {
        for (key, value) in styles.iter(txn) {
            take_style(sheet, key, Some(value));
        }
    }
}

/// Reads these styles; returns the cells, or `None` if whole rows or columns are among them.
pub(super) fn read_these_styles<T: ReadTxn>(
    txn: &T,
    map: &MapRef,
    sheet: &mut Sheet,
    keys: &[Arc<str>],
) -> Option<Vec<CellKey>> {
    let styles = part(txn, map, key::STYLES)?;
    let cells: Vec<_> = keys.iter().map(|key| take_style(sheet, key, styles.get(txn, key))).collect();
    let mut cells: Vec<CellKey> = cells.into_iter().collect::<Option<_>>()?;
    cells.sort_unstable();
    Some(cells)
}

fn take_style(sheet: &mut Sheet, key: &str, value: Option<Out>) -> Option<CellKey> {
    let style = text(value).and_then(|json| Style::from_json(&json));
    match key.split_once(':')? {
        (ALL, ALL) => None,
        (row, ALL) => {
            let row = sheet.rows.intern(row);
            match style {
                Some(style) => sheet.row_styles.insert(row, style),
                None => sheet.row_styles.remove(&row),
            };
            None
        }
        (ALL, col) => {
            let col = sheet.cols.intern(col);
            match style {
                Some(style) => sheet.col_styles.insert(col, style),
                None => sheet.col_styles.remove(&col),
            };
            None
        }
        (row, col) => {
            let key = CellKey { row: sheet.rows.intern(row), col: sheet.cols.intern(col) };
            match style {
                Some(style) if sheet.styles.len() < SHEET_CELLS_MAX => sheet.styles.insert(key, style),
                _ => sheet.styles.remove(&key),
            };
            Some(key)
        }
    }
}

/// Reads all merges of a sheet.
pub(super) fn read_merges<T: ReadTxn>(txn: &T, map: &MapRef, sheet: &mut Sheet) {
    sheet.merges.clear();
    let Some(merges) = part(txn, map, key::MERGES) else { return };
    for (id, value) in merges.iter(txn) {
        let Some(corners) = text(Some(value)) else { continue };
        let corner = |text: &str, sheet: &mut Sheet| {
            let (row, col) = text.split_once(':')?;
            Some(CellKey { row: sheet.rows.intern(row), col: sheet.cols.intern(col) })
        };
        if let Some((one, other)) = corners.split_once(',')
            && let (Some(one), Some(other)) = (corner(one, sheet), corner(other, sheet))
        {
            sheet.merges.insert(id.to_owned(), (one, other));
        }
    }
}

/// Reads names for formulas.
pub(super) fn read_names<T: ReadTxn>(txn: &T, names: &MapRef, workbook: &mut Workbook) {
    let usable = |formula: &String| formula.len() <= FORMULA_STORED_BYTES_MAX;
    workbook.names = names
        .iter(txn)
        .filter_map(|(name, value)| Some((name.to_owned(), text(Some(value)).filter(usable)?)))
        .collect();
}

/// A shared map of a sheet.
pub(super) fn part<T: ReadTxn>(txn: &T, sheet: &MapRef, name: &str) -> Option<MapRef> {
    if let Some(Out::YMap(part)) = sheet.get(txn, name) { Some(part) } else { None }
}

/// The shared map of a sheet.
pub(super) fn sheet_map<T: ReadTxn>(txn: &T, sheets: &MapRef, id: &str) -> Option<MapRef> {
    part(txn, sheets, id)
}

fn flag(value: Option<Out>) -> bool {
    matches!(value, Some(Out::Any(Any::Bool(true))))
}

fn text(value: Option<Out>) -> Option<String> {
    if let Some(Out::Any(Any::String(text))) = value { Some(text.to_string()) } else { None }
}

fn number(value: Option<Out>) -> Option<f64> {
    match value {
        Some(Out::Any(Any::Number(yrs::Number::Float(number)))) if number.is_finite() => Some(number),
        Some(Out::Any(Any::Number(yrs::Number::Int(number)))) => Some(number as f64),
        _ => None,
    }
}
