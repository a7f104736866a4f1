//! Values, formulas and styles of cells.

use std::sync::Arc;

use yrs::Map;

use super::{Area, EditError, Position};
use crate::document::formula;
use crate::document::sheet::cell::{Cell, Typed};
use crate::document::sheet::read;
use crate::document::sheet::style::Style;
use crate::document::sheet::{Edit, Sheet, SheetDocument, key};
use crate::limits::{CELL_TEXT_BYTES_MAX, SHEET_CELLS_MAX, STYLE_BYTES_MAX};

/// Number format of what was typed with a percent sign.
const PERCENT: &str = "0%";

impl SheetDocument {
    /// Puts into a cell what somebody typed. A sheet grows where it must.
    pub fn type_into(&mut self, sheet: &str, at: Position, typed: &str) -> Result<Edit, EditError> {
        self.type_all(sheet, &[(at, typed)])
    }

    /// Puts typed texts into many cells in one step.
    pub fn type_all(&mut self, sheet: &str, typed: &[(Position, &str)]) -> Result<Edit, EditError> {
        let mut edit = self.begin();
        self.type_within(&mut edit, sheet, typed)?;
        Ok(edit)
    }

    /// Empties cells.
    pub fn clear(&mut self, sheet: &str, area: Area) -> Result<Edit, EditError> {
        let mut edit = self.begin();
        let here = self.sheet(sheet)?;
        // Whichever is less: the cells of the area, or those that hold something.
        let keys: Vec<Arc<str>> = if area.cells() <= here.cells.len() {
            let keys = area.positions().filter_map(|at| here.key_at(at.row, at.col));
            keys.filter(|key| here.cells.contains_key(key)).map(|key| shared_key(here, key)).collect()
        } else {
            let inside = |key: &_| {
                here.position(*key).is_some_and(|(row, col)| {
                    (area.first_row..=area.last_row).contains(&row)
                        && (area.first_col..=area.last_col).contains(&col)
                })
            };
            let mut keys: Vec<_> = here.cells.keys().copied().filter(inside).collect();
            keys.sort_unstable();
            keys.into_iter().map(|key| shared_key(here, key)).collect()
        };
        self.change(&mut edit, |txn, sheets| {
            if let Some(cells) =
                read::sheet_map(txn, sheets, sheet).and_then(|map| read::part(txn, &map, key::CELLS))
            {
                for key in &keys {
                    cells.remove(txn, key);
                }
            }
        })?;
        Ok(edit)
    }

    /// Changes how cells look.
    pub fn restyle(
        &mut self,
        sheet: &str,
        area: Area,
        restyle: impl Fn(&mut Style),
    ) -> Result<Edit, EditError> {
        if area.cells() > SHEET_CELLS_MAX {
            return Err(EditError::TooLarge);
        }
        let mut edit = self.begin();
        self.grow(&mut edit, sheet, area.last_row + 1, area.last_col + 1)?;
        let here = self.sheet(sheet)?;
        let mut styles = Vec::new();
        for key in area.positions().filter_map(|at| here.key_at(at.row, at.col)) {
            let old = here.style(key);
            let mut style = old.cloned().unwrap_or_default();
            restyle(&mut style);
            if old != Some(&style) && !(old.is_none() && style == Style::default()) {
                styles.push((shared_key(here, key), style));
            }
        }
        self.put_styles(&mut edit, sheet, styles)?;
        Ok(edit)
    }

    pub(super) fn type_within(
        &mut self,
        edit: &mut Edit,
        sheet: &str,
        typed: &[(Position, &str)],
    ) -> Result<(), EditError> {
        if typed.len() > SHEET_CELLS_MAX || typed.iter().any(|(_, text)| text.len() > CELL_TEXT_BYTES_MAX) {
            return Err(EditError::TooLarge);
        }
        self.sheet(sheet)?;
        let parsed: Vec<(Position, Typed)> =
            typed.iter().map(|(at, text)| (*at, Typed::parse(text))).collect();
        self.grow_for(edit, sheet, &parsed)?;
        let mut cells = Vec::with_capacity(parsed.len());
        let mut styles = Vec::new();
        for (at, typed) in parsed {
            let here = self.sheet(sheet)?;
            let key = here.key_at(at.row, at.col).ok_or(EditError::Beyond)?;
            if matches!(typed, Typed::Percent(_))
                && here.style(key).is_none_or(|style| style.number_format.is_none())
            {
                let mut style = here.style(key).cloned().unwrap_or_default();
                style.number_format = Some(PERCENT.to_owned());
                styles.push((shared_key(here, key), style));
            }
            let cell = self.cell_of(sheet, typed)?;
            if here.cells.get(&key) != cell.as_ref() {
                cells.push((shared_key(here, key), cell));
            }
        }
        self.put_cells(edit, sheet, cells)?;
        self.put_styles(edit, sheet, styles)
    }

    /// Lets sheets reach as far as what was typed.
    fn grow_for(
        &mut self,
        edit: &mut Edit,
        sheet: &str,
        typed: &[(Position, Typed)],
    ) -> Result<(), EditError> {
        let mut needs = formula::Needs::new();
        let (mut rows, mut cols) = (0, 0);
        for (at, typed) in typed {
            if *typed != Typed::Nothing {
                (rows, cols) = (rows.max(at.row + 1), cols.max(at.col + 1));
            }
            if let Typed::Formula(text) = typed {
                for (id, (rows, cols)) in formula::needs(text, &self.workbook, sheet)? {
                    let need = needs.entry(id).or_default();
                    *need = (need.0.max(rows), need.1.max(cols));
                }
            }
        }
        self.grow(edit, sheet, rows, cols)?;
        needs.into_iter().try_for_each(|(id, (rows, cols))| self.grow(edit, &id, rows, cols))
    }

    fn cell_of(&self, sheet: &str, typed: Typed) -> Result<Option<Cell>, EditError> {
        Ok(Some(match typed {
            Typed::Nothing => return Ok(None),
            Typed::Number(number) | Typed::Percent(number) => Cell::Number(number),
            Typed::Bool(value) => Cell::Bool(value),
            Typed::Text(text) => Cell::Text(text.into()),
            Typed::Formula(text) => Cell::Formula(formula::store(&text, &self.workbook, sheet)?.into()),
        }))
    }

    pub(super) fn put_cells(
        &mut self,
        edit: &mut Edit,
        sheet: &str,
        put: Vec<(Arc<str>, Option<Cell>)>,
    ) -> Result<(), EditError> {
        if put.is_empty() {
            return Ok(());
        }
        Ok(self.change(edit, |txn, sheets| {
            let map = read::sheet_map(txn, sheets, sheet);
            let Some(cells) = map.and_then(|map| read::part(txn, &map, key::CELLS)) else { return };
            for (key, cell) in put {
                match cell {
                    Some(cell) => drop(cells.insert(txn, key, cell.to_shared())),
                    None => drop(cells.remove(txn, &key)),
                }
            }
        })?)
    }

    pub(super) fn put_styles(
        &mut self,
        edit: &mut Edit,
        sheet: &str,
        put: Vec<(Arc<str>, Style)>,
    ) -> Result<(), EditError> {
        let put: Vec<(Arc<str>, String)> =
            put.into_iter().map(|(key, style)| (key, style.to_json())).collect();
        if put.iter().any(|(_, json)| json.len() > STYLE_BYTES_MAX) {
            return Err(EditError::TooLarge);
        }
        if put.is_empty() {
            return Ok(());
        }
        Ok(self.change(edit, |txn, sheets| {
            let map = read::sheet_map(txn, sheets, sheet);
            let Some(styles) = map.and_then(|map| read::part(txn, &map, key::STYLES)) else { return };
            for (key, json) in put {
                styles.insert(txn, key, json);
            }
        })?)
    }
}

/// The key of a cell in the shared maps.
pub(super) fn shared_key(sheet: &Sheet, key: crate::document::sheet::CellKey) -> Arc<str> {
    format!("{}:{}", sheet.rows.id(key.row), sheet.cols.id(key.col)).into()
}
