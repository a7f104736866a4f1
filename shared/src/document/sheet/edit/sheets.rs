//! Sheets, merged cells, names for formulas.

use yrs::{Any, Map};

use super::lines::base36;
use super::{Area, EditError, Position, cells};
use crate::document::formula;
use crate::document::sheet::genesis::make_sheet;
use crate::document::sheet::read;
use crate::document::sheet::{Edit, SheetDocument, SheetId, key};
use crate::limits::{SHEET_NAME_CHARS_MAX, SHEETS_MAX};

impl SheetDocument {
    /// Adds a sheet after the others. `None`: a name that is free. Returns its id.
    pub fn add_sheet(&mut self, name: Option<&str>) -> Result<(SheetId, Edit), EditError> {
        if self.workbook.sheets().len() >= SHEETS_MAX {
            return Err(EditError::TooLarge);
        }
        let name = match name {
            Some(name) => self.usable_name(name, None)?,
            None => self.free_name(),
        };
        let order = self.workbook.sheets().last().map_or(0.0, |last| last.order + 1.0);
        let (client, clock) = (self.document.client(), self.document.clock(self.document.client()));
        let id: SheetId = format!("{}-{}", base36(client), base36(u64::from(clock))).into();
        let mut edit = self.begin();
        self.change(&mut edit, |txn, sheets| make_sheet(txn, sheets, &id, &name, order))?;
        Ok((id, edit))
    }

    /// Gives a sheet another name. Formulas follow.
    pub fn rename_sheet(&mut self, sheet: &str, name: &str) -> Result<Edit, EditError> {
        self.sheet(sheet)?;
        let name = self.usable_name(name, Some(sheet))?;
        self.set_sheet(sheet, key::NAME, Any::from(name))
    }

    /// Puts a sheet at a place among the others, from 0.
    pub fn move_sheet(&mut self, sheet: &str, to: usize) -> Result<Edit, EditError> {
        self.sheet(sheet)?;
        let others: Vec<f64> = self
            .workbook
            .sheets()
            .iter()
            .filter(|other| **other.id() != *sheet)
            .map(|other| other.order)
            .collect();
        let before = to.checked_sub(1).and_then(|at| others.get(at.min(others.len().saturating_sub(1))));
        let order = match (before, others.get(to)) {
            (Some(before), Some(after)) => (before + after) / 2.0,
            (None, Some(after)) => after - 1.0,
            (Some(before), None) => before + 1.0,
            (None, None) => 0.0,
        };
        self.set_sheet(sheet, key::ORDER, Any::from(order))
    }

    /// Deletes a sheet. Formulas that lead into it show `#REF!`; undo brings it back.
    pub fn delete_sheet(&mut self, sheet: &str) -> Result<Edit, EditError> {
        self.sheet(sheet)?;
        if self.workbook.sheets().len() == 1 {
            return Err(EditError::Last);
        }
        self.set_sheet(sheet, key::DELETED, Any::Bool(true))
    }

    /// Merges the cells of an area into one. What its other cells hold stays, unseen.
    pub fn merge(&mut self, sheet: &str, area: Area) -> Result<Edit, EditError> {
        let mut edit = self.begin();
        self.grow(&mut edit, sheet, area.last_row + 1, area.last_col + 1)?;
        self.unmerge_within(&mut edit, sheet, area)?;
        let here = self.sheet(sheet)?;
        let corner =
            |row, col| here.key_at(row, col).map(|key| cells::shared_key(here, key)).ok_or(EditError::Beyond);
        let one = corner(area.first_row, area.first_col)?;
        let corners = format!("{one},{}", corner(area.last_row, area.last_col)?);
        self.change(&mut edit, |txn, sheets| {
            let map = read::sheet_map(txn, sheets, sheet);
            if let Some(merges) = map.and_then(|map| read::part(txn, &map, key::MERGES)) {
                // Two people who merge from one cell at once: one of both merges stays.
                merges.insert(txn, one, corners);
            }
        })?;
        Ok(edit)
    }

    /// Takes merged cells apart that touch an area.
    pub fn unmerge(&mut self, sheet: &str, area: Area) -> Result<Edit, EditError> {
        let mut edit = self.begin();
        self.unmerge_within(&mut edit, sheet, area)?;
        Ok(edit)
    }

    /// Gives a cell or an area a name, or a `LAMBDA`: the engine names nothing else. What is named stays the same wherever the name is
    /// used. An empty formula takes the name away.
    pub fn name_formula(&mut self, name: &str, formula: &str) -> Result<Edit, EditError> {
        let usable = name.chars().count() <= SHEET_NAME_CHARS_MAX
            && name.starts_with(|c: char| c.is_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '.')
            && crate::document::address::parse_cell(name).is_none();
        if !usable {
            return Err(EditError::Name);
        }
        let mut edit = self.begin();
        let stored =
            if formula.trim().is_empty() { None } else { Some(self.stored_name(&mut edit, formula)?) };
        let names = self.names.clone();
        self.change(&mut edit, |txn, _| match stored {
            Some(stored) => drop(names.insert(txn, name, stored)),
            None => drop(names.remove(txn, name)),
        })?;
        Ok(edit)
    }

    fn stored_name(&mut self, edit: &mut Edit, formula: &str) -> Result<String, EditError> {
        // A name belongs to no sheet: what leads nowhere else leads into the first, and says so.
        let first =
            self.workbook.sheets().first().map(|sheet| sheet.id().clone()).ok_or(EditError::NoSheet)?;
        let formula = formula::absolute(formula)?;
        for (id, (rows, cols)) in formula::needs(&formula, &self.workbook, &first)? {
            self.grow(edit, &id, rows, cols)?;
        }
        Ok(formula::store(&formula, &self.workbook, &first)?.replace('⟦', &format!("⟦{first}!")))
    }

    fn unmerge_within(&mut self, edit: &mut Edit, sheet: &str, area: Area) -> Result<(), EditError> {
        let here = self.sheet(sheet)?;
        let touches = |one: Position, other: Position| {
            let merged = Area::between(one, other);
            merged.first_row <= area.last_row
                && area.first_row <= merged.last_row
                && merged.first_col <= area.last_col
                && area.first_col <= merged.last_col
        };
        let position = |key| here.position(key).map(|(row, col)| Position { row, col });
        let ids: Vec<String> = here
            .merges
            .iter()
            .filter(|(_, (one, other))| match (position(*one), position(*other)) {
                (Some(one), Some(other)) => touches(one, other),
                _ => false,
            })
            .map(|(id, _)| id.clone())
            .collect();
        if ids.is_empty() {
            return Ok(());
        }
        Ok(self.change(edit, |txn, sheets| {
            let map = read::sheet_map(txn, sheets, sheet);
            let Some(merges) = map.and_then(|map| read::part(txn, &map, key::MERGES)) else { return };
            for id in ids {
                merges.remove(txn, &id);
            }
        })?)
    }

    fn set_sheet(&mut self, sheet: &str, name: &str, value: Any) -> Result<Edit, EditError> {
        let mut edit = self.begin();
        self.change(&mut edit, |txn, sheets| {
            if let Some(map) = read::sheet_map(txn, sheets, sheet) {
                map.insert(txn, name, value);
            }
        })?;
        Ok(edit)
    }

    fn usable_name(&self, name: &str, own: Option<&str>) -> Result<String, EditError> {
        let name = name.trim();
        let taken = self.workbook.sheet_named(name).is_some_and(|other| Some(&**other.id()) != own);
        let usable = !name.is_empty()
            && !taken
            && name.chars().count() <= SHEET_NAME_CHARS_MAX
            && !name.chars().any(|c| c.is_control() || "[]*?:/\\!⟦⟧".contains(c))
            && !name.starts_with('\'')
            && !name.ends_with('\'');
        if usable { Ok(name.to_owned()) } else { Err(EditError::Name) }
    }

    fn free_name(&self) -> String {
        let first = self.workbook.sheets().len() + 1;
        let mut names = (first..).map(|number| format!("Sheet{number}"));
        names.find(|name| self.workbook.sheet_named(name).is_none()).unwrap_or_default()
    }
}
