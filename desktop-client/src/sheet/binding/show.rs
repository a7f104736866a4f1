//! From the workbook to what the grid draws.
//!
//! The grid has the cells of the viewport and some around it, so that a change costs what is seen and not what the sheet holds.

use std::ops::Range;
use std::rc::Rc;

use gtk::gdk;
use relm4::gtk;
use shared::document::engine::{Value, Values};
use shared::document::sheet::style::Align as StyleAlign;
use shared::document::sheet::{CellKey, Change, Lines, Sheet, Style};

use super::{Binding, Note};
use crate::sheet::axis::Axis;
use crate::sheet::grid::model::{COLUMN_WIDTH, ROW_HEIGHT};
use crate::sheet::grid::{Align, Shown};
use crate::sheet::selection::Position;

/// Rows and columns around the viewport that the grid has too: so many that it asks every few frames, so few that no frame is late.
const MARGIN_ROWS: usize = 20;
const MARGIN_COLS: usize = 5;

/// The part of a sheet whose cells the grid has.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Filled {
    rows: Range<usize>,
    cols: Range<usize>,
}

impl Filled {
    fn around(rows: Range<usize>, cols: Range<usize>) -> Filled {
        Filled {
            rows: rows.start.saturating_sub(MARGIN_ROWS)..rows.end + MARGIN_ROWS,
            cols: cols.start.saturating_sub(MARGIN_COLS)..cols.end + MARGIN_COLS,
        }
    }

    fn holds(&self, row: usize, col: usize) -> bool {
        self.rows.contains(&row) && self.cols.contains(&col)
    }

    fn covers(&self, rows: &Range<usize>, cols: &Range<usize>) -> bool {
        let within =
            |part: &Range<usize>, whole: &Range<usize>| whole.start <= part.start && part.end <= whole.end;
        within(rows, &self.rows) && within(cols, &self.cols)
    }
}

impl Binding {
    /// Draws what changed, and has computed what depends on it.
    pub(super) fn show(self: &Rc<Self>, changes: &[Change]) {
        if changes.is_empty() {
            return;
        }
        if let Some(calculator) = &mut *self.calculator.borrow_mut() {
            calculator.follow(self.replica.borrow().workbook(), changes);
        }
        let shown = self.shown.borrow().clone();
        let (mut lines, mut sheets, mut whole) = (false, false, false);
        let mut cells: Vec<CellKey> = Vec::new();
        for change in changes {
            match change {
                Change::Sheets | Change::Names => sheets = true,
                Change::Lines(sheet) if *sheet == shown => lines = true,
                Change::Cells(sheet, keys) | Change::Styles(sheet, Some(keys)) if *sheet == shown => {
                    cells.extend(keys)
                }
                Change::Styles(sheet, None) | Change::Merges(sheet) if *sheet == shown => whole = true,
                _ => {}
            }
        }
        if sheets {
            self.show_tabs();
        }
        if sheets || lines {
            self.show_lines();
        }
        if sheets || lines || whole {
            self.fill(true);
        } else {
            self.refill(&cells);
        }
        self.forget_found();
        self.show_target();
        self.show_peers();
        self.describe();
        (self.tell)(Note::Touched);
    }

    /// Shows another sheet.
    pub(super) fn turn_to(self: &Rc<Self>, place: usize) {
        let id = self.replica.borrow().workbook().sheets().get(place).map(|sheet| sheet.id().clone());
        let Some(id) = id.filter(|id| *id != *self.shown.borrow()) else { return };
        self.end_typing();
        self.shown.replace(id);
        self.parts.grid.update(|model| model.selection = Default::default());
        self.show(&[Change::Sheets]);
        self.tell_selection();
    }

    /// The place of the sheet that is seen among the tabs.
    pub(super) fn place(&self) -> usize {
        let shown = self.shown.borrow();
        self.replica.borrow().workbook().sheets().iter().position(|sheet| *sheet.id() == *shown).unwrap_or(0)
    }

    fn show_tabs(&self) {
        let names: Vec<String>;
        {
            let replica = self.replica.borrow();
            let sheets = replica.workbook().sheets();
            if !sheets.iter().any(|sheet| *sheet.id() == *self.shown.borrow())
                && let Some(first) = sheets.first()
            {
                // Somebody deleted the sheet that was seen.
                self.shown.replace(first.id().clone());
            }
            names = sheets.iter().map(|sheet| sheet.name().to_owned()).collect();
        }
        self.parts.tabs.set(names, self.place());
    }

    fn show_lines(&self) {
        let axes =
            self.with_sheet(|_, sheet| (axis(sheet.rows(), ROW_HEIGHT), axis(sheet.cols(), COLUMN_WIDTH)));
        if let Some((rows, cols)) = axes {
            self.parts.grid.update(|model| (model.rows, model.cols) = (rows, cols));
        }
    }

    /// Gives the grid the cells that it needs; all anew, or only those it lacks: a frame of scrolling costs the lines that come in.
    pub(super) fn fill(&self, anew: bool) {
        let (rows, cols) = self.parts.grid.viewport();
        let before = if anew { Filled::default() } else { self.filled.borrow().clone() };
        if !anew && before.covers(&rows, &cols) {
            return;
        }
        let filled = Filled::around(rows, cols);
        let values = self.values.borrow();
        let cells: Option<Vec<(Position, Shown)>> = self.with_sheet(|_, sheet| {
            let rows = filled.rows.start..filled.rows.end.min(sheet.rows().len());
            let cols = filled.cols.start..filled.cols.end.min(sheet.cols().len());
            rows.flat_map(|row| cols.clone().map(move |col| Position { row, col }))
                .filter(|at| !before.holds(at.row, at.col))
                .filter_map(|at| Some((at, shown(sheet, sheet.key_at(at.row, at.col)?, &values)?)))
                .collect()
        });
        drop(values);
        self.filled.replace(filled.clone());
        self.parts.grid.update(|model| {
            model.cells.retain(|at, _| before.holds(at.row, at.col) && filled.holds(at.row, at.col));
            model.cells.extend(cells.unwrap_or_default());
        });
    }

    /// Draws those of these cells anew that the grid has.
    fn refill(&self, keys: &[CellKey]) {
        if keys.is_empty() {
            return;
        }
        let (values, filled) = (self.values.borrow(), self.filled.borrow());
        let cells: Vec<(Position, Option<Shown>)> = self
            .with_sheet(|_, sheet| {
                let place = |key: &CellKey| {
                    let (row, col) = sheet.position(*key).filter(|(row, col)| filled.holds(*row, *col))?;
                    Some((Position { row, col }, shown(sheet, *key, &values)))
                };
                keys.iter().filter_map(place).collect()
            })
            .unwrap_or_default();
        drop((values, filled));
        self.parts.grid.update(|model| {
            for (at, shown) in cells {
                match shown {
                    Some(shown) => model.cells.insert(at, shown),
                    None => model.cells.remove(&at),
                };
            }
        });
    }
}

/// Where lines lie, with those that are hidden or have a size of their own.
fn axis(lines: &Lines, size: f64) -> Axis {
    let exception = |position: usize| {
        let attributes = lines.attributes(lines.at(position)?);
        match (attributes.hidden, attributes.size) {
            (true, _) => Some((position, 0.0)),
            (false, Some(size)) => Some((position, size)),
            (false, None) => None,
        }
    };
    Axis::new(lines.len(), size, (0..lines.len()).filter_map(exception))
}

/// A cell as it is drawn; `None` if there is nothing to draw.
fn shown(sheet: &Sheet, key: CellKey, values: &Values) -> Option<Shown> {
    let style = sheet.style(key);
    let value = values.of(sheet, key);
    if value == Value::Nothing && style.is_none_or(|style| style.fill.is_none()) {
        return None;
    }
    let align = match value {
        Value::Number(_) => Align::Right,
        Value::Bool(_) | Value::Error(_) => Align::Center,
        Value::Text(_) | Value::Nothing => Align::Left,
    };
    let format = style.and_then(|style| style.number_format.as_deref());
    let error = matches!(value, Value::Error(_));
    let mut shown = Shown { text: value.show(format).into(), align, error, ..Shown::default() };
    if let Some(style) = style {
        dress(&mut shown, style);
    }
    Some(shown)
}

fn dress(shown: &mut Shown, style: &Style) {
    (shown.bold, shown.italic) = (style.bold, style.italic);
    (shown.underline, shown.strike) = (style.underline, style.strike);
    let color = |text: &Option<String>| text.as_deref().and_then(|text| gdk::RGBA::parse(text).ok());
    (shown.fill, shown.color) = (color(&style.fill), color(&style.color));
    match style.align {
        Some(StyleAlign::Left) => shown.align = Align::Left,
        Some(StyleAlign::Center) => shown.align = Align::Center,
        Some(StyleAlign::Right) => shown.align = Align::Right,
        None => {}
    }
}
