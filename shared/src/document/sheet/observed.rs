//! What the merge engine tells of a transaction, and how the workbook follows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use parking_lot::Mutex;
use yrs::types::{Event, PathSegment};
use yrs::{DeepObservable, MapRef, Observable, ReadTxn, TransactionMut};

use super::changes::Change;
use super::lines::Axis;
use super::workbook::{SheetId, Workbook};
use super::{key, read};

/// What transactions touched since it was last taken.
#[derive(Debug, Default)]
pub(super) struct Touched {
    /// The list of sheets, or a name or place in it.
    sheets: bool,
    names: bool,
    by_sheet: BTreeMap<SheetId, TouchedSheet>,
}

#[derive(Debug, Default)]
struct TouchedSheet {
    /// All of it must be read anew.
    whole: bool,
    rows: bool,
    cols: bool,
    row_attributes: BTreeSet<Arc<str>>,
    col_attributes: BTreeSet<Arc<str>>,
    cells: BTreeSet<Arc<str>>,
    styles: BTreeSet<Arc<str>>,
    merges: bool,
}

pub(super) type Sink = Arc<Mutex<Touched>>;

/// Collects what every transaction touches.
pub(super) fn observe(sheets: &MapRef, names: &MapRef) -> Sink {
    let sink = Sink::default();
    let for_sheets = sink.clone();
    sheets.observe_deep(super::SHEETS, move |txn, events| {
        let mut touched = for_sheets.lock();
        events.iter().for_each(|event| touched.note(txn, event));
    });
    let for_names = sink.clone();
    names.observe(super::NAMES, move |_, _| for_names.lock().names = true);
    sink
}

impl Touched {
    fn note(&mut self, txn: &TransactionMut<'_>, event: &Event) {
        let keys = || {
            if let Event::Map(event) = event { event.keys(txn).keys().cloned().collect() } else { Vec::new() }
        };
        let path: Vec<PathSegment> = event.path().into_iter().collect();
        match &path[..] {
            [] => {
                self.sheets = true;
                for id in keys() {
                    self.by_sheet.entry(id).or_default().whole = true;
                }
            }
            [PathSegment::Key(id)] => {
                self.sheets = true;
                let known = [key::NAME, key::ORDER, key::DELETED];
                if keys().iter().any(|key| !known.contains(&&**key)) {
                    self.by_sheet.entry(id.clone()).or_default().whole = true;
                }
            }
            [PathSegment::Key(id), PathSegment::Key(part)] => {
                let sheet = self.by_sheet.entry(id.clone()).or_default();
                match &**part {
                    key::ROWS => sheet.rows = true,
                    key::COLS => sheet.cols = true,
                    key::ROW_ATTRIBUTES => sheet.row_attributes.extend(keys()),
                    key::COL_ATTRIBUTES => sheet.col_attributes.extend(keys()),
                    key::CELLS => sheet.cells.extend(keys()),
                    key::STYLES => sheet.styles.extend(keys()),
                    key::MERGES => sheet.merges = true,
                    _ => {}
                }
            }
            _ => {}
        }
    }

    /// Brings the workbook up to date.
    pub(super) fn read<T: ReadTxn>(
        self,
        txn: &T,
        sheets: &MapRef,
        names: &MapRef,
        workbook: &mut Workbook,
    ) -> Vec<Change> {
        let mut changes = Vec::new();
        if self.sheets {
            let anew = self.by_sheet.iter().filter(|(_, touched)| touched.whole);
            let anew: Vec<SheetId> = anew.map(|(id, _)| id.clone()).collect();
            read::read_sheets(txn, sheets, workbook, &anew);
            changes.push(Change::Sheets);
        }
        if self.names {
            read::read_names(txn, names, workbook);
            changes.push(Change::Names);
        }
        for (id, touched) in self.by_sheet {
            if !touched.whole
                && let Some(map) = read::sheet_map(txn, sheets, &id)
                && let Some(sheet) = workbook.sheet_mut(&id)
            {
                touched.read(txn, &map, sheet, &id, &mut changes);
            }
        }
        changes
    }
}

impl TouchedSheet {
    fn read<T: ReadTxn>(
        self,
        txn: &T,
        map: &MapRef,
        sheet: &mut super::Sheet,
        id: &SheetId,
        changes: &mut Vec<Change>,
    ) {
        let lines =
            self.rows || self.cols || !self.row_attributes.is_empty() || !self.col_attributes.is_empty();
        let axes = [(Axis::Row, self.rows, self.row_attributes), (Axis::Col, self.cols, self.col_attributes)];
        for (axis, order, attributes) in axes {
            if order {
                read::read_lines(txn, map, sheet, axis);
            } else if !attributes.is_empty() {
                let keys: Vec<Arc<str>> = attributes.into_iter().collect();
                read::read_attributes(txn, map, sheet, axis, &keys);
            }
        }
        if lines {
            changes.push(Change::Lines(id.clone()));
        }
        if !self.cells.is_empty() {
            let keys: Vec<Arc<str>> = self.cells.into_iter().collect();
            changes.push(Change::Cells(id.clone(), read::read_cells(txn, map, sheet, &keys)));
        }
        if !self.styles.is_empty() {
            let keys: Vec<Arc<str>> = self.styles.into_iter().collect();
            changes.push(Change::Styles(id.clone(), read::read_these_styles(txn, map, sheet, &keys)));
        }
        if self.merges {
            read::read_merges(txn, map, sheet);
            changes.push(Change::Merges(id.clone()));
        }
    }
}
