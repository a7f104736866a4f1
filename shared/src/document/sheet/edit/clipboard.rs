//! Copying and pasting areas, within the document with formulas and styles, with other programs as text with tabs.

use super::cells::shared_key;
use super::{Area, EditError, Position};
use crate::document::formula;
use crate::document::sheet::style::Style;
use crate::document::sheet::{Edit, SheetDocument};
use crate::limits::SHEET_CELLS_MAX;

/// A copied area.
#[derive(Debug, Clone, PartialEq)]
pub struct Clipboard {
    /// Where it was copied from: what has no `$` in a formula moves by the way from here.
    from: Position,
    rows: usize,
    cols: usize,
    /// Row by row: what was typed into each cell, and how it looks.
    cells: Vec<(String, Option<Style>)>,
}

impl Clipboard {
    /// What was typed into each cell, tabs between columns, a line a row: for other programs. Formulas as they are shown.
    pub fn to_text(&self) -> String {
        let row = |cells: &[(String, Option<Style>)]| {
            let cells: Vec<String> = cells.iter().map(|(typed, _)| field(typed)).collect();
            cells.join("\t")
        };
        self.cells.chunks(self.cols.max(1)).map(row).collect::<Vec<_>>().join("\n")
    }
}

impl SheetDocument {
    /// Copies an area.
    pub fn copy(&self, sheet: &str, area: Area) -> Result<Clipboard, EditError> {
        if area.cells() > SHEET_CELLS_MAX {
            return Err(EditError::TooLarge);
        }
        let here = self.sheet(sheet)?;
        let cell = |at: Position| match here.key_at(at.row, at.col) {
            Some(key) => (self.workbook.typed(here, key), here.style(key).cloned()),
            None => (String::new(), None),
        };
        Ok(Clipboard {
            from: Position { row: area.first_row, col: area.first_col },
            rows: area.rows(),
            cols: area.cols(),
            cells: area.positions().map(cell).collect(),
        })
    }

    /// Pastes a copied area with its first cell at a position. What has no `$` in a formula moves along.
    pub fn paste(&mut self, sheet: &str, at: Position, copied: &Clipboard) -> Result<Edit, EditError> {
        let way = |to: usize, from: usize| to as isize - from as isize;
        let (down, right) = (way(at.row, copied.from.row), way(at.col, copied.from.col));
        let mut typed = Vec::with_capacity(copied.cells.len());
        for (n, (text, _)) in copied.cells.iter().enumerate() {
            let to = Position { row: at.row + n / copied.cols.max(1), col: at.col + n % copied.cols.max(1) };
            let is_formula = text.starts_with('=') && text.len() > 1;
            typed.push((to, if is_formula { formula::shift(text, down, right)? } else { text.clone() }));
        }
        let typed: Vec<(Position, &str)> = typed.iter().map(|(to, text)| (*to, &text[..])).collect();
        let mut edit = self.begin();
        self.grow(&mut edit, sheet, at.row + copied.rows, at.col + copied.cols)?;
        self.type_within(&mut edit, sheet, &typed)?;
        let here = self.sheet(sheet)?;
        let styles = typed.iter().zip(&copied.cells).filter_map(|((to, _), (_, style))| {
            let key = here.key_at(to.row, to.col)?;
            let style = style.clone().or_else(|| here.style(key).map(|_| Style::default()))?;
            (here.style(key) != Some(&style)).then(|| (shared_key(here, key), style))
        });
        let styles = styles.collect();
        self.put_styles(&mut edit, sheet, styles)?;
        Ok(edit)
    }

    /// Pastes text with tabs from another program; each piece is understood as if it were typed.
    pub fn paste_text(&mut self, sheet: &str, at: Position, text: &str) -> Result<Edit, EditError> {
        let mut reader = csv::ReaderBuilder::new();
        let mut reader = reader
            .delimiter(b'\t')
            .has_headers(false)
            .flexible(true)
            .from_reader(text.trim_end_matches(['\r', '\n']).as_bytes());
        let mut typed = Vec::new();
        for (row, record) in reader.records().enumerate() {
            let record = record.map_err(|_| EditError::TooLarge)?;
            for (col, text) in record.iter().enumerate() {
                if typed.len() >= SHEET_CELLS_MAX {
                    return Err(EditError::TooLarge);
                }
                typed.push((Position { row: at.row + row, col: at.col + col }, text.to_owned()));
            }
        }
        let typed: Vec<(Position, &str)> = typed.iter().map(|(to, text)| (*to, &text[..])).collect();
        self.type_all(sheet, &typed)
    }
}

/// A piece of a line of text with tabs, in quotes where it must be.
fn field(text: &str) -> String {
    if text.contains(['\t', '\n', '\r']) || text.starts_with('"') {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}
