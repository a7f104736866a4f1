//! Rows and columns: inserting, deleting, bringing back, moving, sizes.

use std::sync::Arc;

use yrs::{Any, Array, Map, Out};

use super::{Axis, EditError};
use crate::document::sheet::lines::Line;
use crate::document::sheet::read;
use crate::document::sheet::{Edit, SheetDocument, key};
use crate::limits::{SHEET_COLS_MAX, SHEET_ROWS_MAX};

const DELETED: &str = "d";
const HIDDEN: &str = "x";
const SIZE: &str = "h";

impl SheetDocument {
    /// Inserts empty lines so that the first is shown at a position.
    pub fn insert_lines(
        &mut self,
        sheet: &str,
        axis: Axis,
        at: usize,
        count: usize,
    ) -> Result<Edit, EditError> {
        let lines = self.sheet(sheet)?.lines(axis);
        if lines.len() + count > max(axis) || at > lines.len() {
            return Err(EditError::Beyond);
        }
        let entry = lines.entry_before(at);
        // Each id takes one clock of this client, so no other line ever gets the same.
        let (client, clock) = (self.document.client(), self.document.clock(self.document.client()));
        let ids = (0..count).map(|n| format!("{}-{}", base36(client), base36(u64::from(clock) + n as u64)));
        let ids: Vec<String> = ids.collect();
        let mut edit = self.begin();
        self.insert_ids(&mut edit, sheet, part(axis), entry, ids)?;
        Ok(edit)
    }

    /// Deletes shown lines. Their cells come back with them.
    pub fn delete_lines(
        &mut self,
        sheet: &str,
        axis: Axis,
        at: usize,
        count: usize,
    ) -> Result<Edit, EditError> {
        let lines = self.sheet(sheet)?.lines(axis);
        if count >= lines.len() {
            return Err(EditError::Last);
        }
        let gone = self.shown(sheet, axis, at, count)?;
        self.set_attribute(sheet, axis, &gone, DELETED, Some(Any::Bool(true)))
    }

    /// Brings deleted lines back to where they were.
    pub fn undelete_lines(&mut self, sheet: &str, axis: Axis, lines: &[Line]) -> Result<Edit, EditError> {
        self.set_attribute(sheet, axis, lines, DELETED, None)
    }

    /// Hides shown lines, or shows them again.
    pub fn hide_lines(
        &mut self,
        sheet: &str,
        axis: Axis,
        at: usize,
        count: usize,
        hidden: bool,
    ) -> Result<Edit, EditError> {
        let lines = self.shown(sheet, axis, at, count)?;
        self.set_attribute(sheet, axis, &lines, HIDDEN, hidden.then_some(Any::Bool(true)))
    }

    /// Sets the height or width of shown lines in pixels; `None`: as usual.
    pub fn resize_lines(
        &mut self,
        sheet: &str,
        axis: Axis,
        at: usize,
        count: usize,
        size: Option<f64>,
    ) -> Result<Edit, EditError> {
        let lines = self.shown(sheet, axis, at, count)?;
        self.set_attribute(sheet, axis, &lines, SIZE, size.map(Any::from))
    }

    /// Moves shown lines so that they come before what is now shown at `to`. Formulas and cells go along.
    pub fn move_lines(
        &mut self,
        sheet: &str,
        axis: Axis,
        at: usize,
        count: usize,
        to: usize,
    ) -> Result<Edit, EditError> {
        let moved = self.shown(sheet, axis, at, count)?;
        let mut edit = self.begin();
        if moved.is_empty() || (at..=at + count).contains(&to) {
            return Ok(edit);
        }
        let lines = self.sheet(sheet)?.lines(axis);
        let ids: Vec<Arc<str>> = moved.iter().map(|line| lines.id(*line).clone()).collect();
        let before: Option<Arc<str>> = lines.at(to).map(|line| lines.id(line).clone());
        self.change(&mut edit, |txn, sheets| {
            let Some(map) = read::sheet_map(txn, sheets, sheet) else { return };
            let Some(Out::YArray(order)) = map.get(txn, part(axis)) else { return };
            let is = |value: &Out, id: &str| matches!(value, Out::Any(Any::String(text)) if **text == *id);
            // Every entry of a moved line goes, doubled ones too: the first that is left would be its place.
            let entries: Vec<Out> = order.iter(txn).collect();
            for (entry, value) in entries.iter().enumerate().rev() {
                if ids.iter().any(|id| is(value, id)) {
                    order.remove(txn, entry as u32);
                }
            }
            let target = before.and_then(|id| order.iter(txn).position(|value| is(&value, &id)));
            let target = target.map_or_else(|| order.len(txn), |target| target as u32);
            order.insert_range(txn, target, ids.iter().map(|id| Any::String(id.clone())));
        })?;
        Ok(edit)
    }

    fn shown(&self, sheet: &str, axis: Axis, at: usize, count: usize) -> Result<Vec<Line>, EditError> {
        let lines = self.sheet(sheet)?.lines(axis);
        let end = at.saturating_add(count).min(lines.len());
        Ok((at..end).filter_map(|position| lines.at(position)).collect())
    }

    fn set_attribute(
        &mut self,
        sheet: &str,
        axis: Axis,
        lines: &[Line],
        name: &str,
        value: Option<Any>,
    ) -> Result<Edit, EditError> {
        let mut edit = self.begin();
        let here = self.sheet(sheet)?.lines(axis);
        let keys: Vec<String> = lines.iter().map(|line| format!("{}/{name}", here.id(*line))).collect();
        let attributes = match axis {
            Axis::Row => key::ROW_ATTRIBUTES,
            Axis::Col => key::COL_ATTRIBUTES,
        };
        self.change(&mut edit, |txn, sheets| {
            let map = read::sheet_map(txn, sheets, sheet);
            let Some(map) = map.and_then(|map| read::part(txn, &map, attributes)) else { return };
            for key in keys {
                match &value {
                    Some(value) => drop(map.insert(txn, key, value.clone())),
                    None => drop(map.remove(txn, &key)),
                }
            }
        })?;
        Ok(edit)
    }
}

fn part(axis: Axis) -> &'static str {
    match axis {
        Axis::Row => key::ROWS,
        Axis::Col => key::COLS,
    }
}

fn max(axis: Axis) -> usize {
    match axis {
        Axis::Row => SHEET_ROWS_MAX,
        Axis::Col => SHEET_COLS_MAX,
    }
}

/// Short and without the characters that mean something in a stored formula.
pub(super) fn base36(mut number: u64) -> String {
    let mut digits = Vec::new();
    loop {
        digits.push(b"0123456789abcdefghijklmnopqrstuvwxyz"[(number % 36) as usize]);
        number /= 36;
        if number == 0 {
            return digits.iter().rev().map(|digit| char::from(*digit)).collect();
        }
    }
}
