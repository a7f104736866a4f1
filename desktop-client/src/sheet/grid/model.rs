//! What the grid shows, as plain data.

use std::collections::HashMap;
use std::rc::Rc;

use relm4::gtk::gdk;

use crate::sheet::axis::Axis;
use crate::sheet::selection::{Position, Selection};

/// Width of a column that nobody sized, pixels.
pub const COLUMN_WIDTH: f64 = 96.0;
/// Height of a row that nobody sized, pixels.
pub const ROW_HEIGHT: f64 = 26.0;
/// Height of the column headers, pixels.
pub const HEADER_HEIGHT: f64 = 26.0;

/// Where a cell's text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Align {
    /// As text.
    #[default]
    Left,
    /// As truth values and errors.
    Center,
    /// As numbers.
    Right,
}

/// One cell as it is shown.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Shown {
    /// Its text, formatted.
    pub text: Rc<str>,
    /// Where the text stands.
    pub align: Align,
    /// Whether the text is an error such as `#DIV/0!`.
    pub error: bool,
    /// Bold letters.
    pub bold: bool,
    /// Slanted letters.
    pub italic: bool,
    /// A line below the letters.
    pub underline: bool,
    /// A line through the letters.
    pub strike: bool,
    /// Colour of the letters; none for the usual one.
    pub color: Option<gdk::RGBA>,
    /// Colour behind the text.
    pub fill: Option<gdk::RGBA>,
}

/// The cells that another person has selected.
#[derive(Debug, Clone, PartialEq)]
pub struct Peer {
    /// Their Yjs client.
    pub client: u64,
    /// Who.
    pub name: Rc<str>,
    /// Whether the name is drawn: it hides what stands there, so only for a while.
    pub named: bool,
    /// Their colour.
    pub color: gdk::RGBA,
    /// What they selected, in the sheet that is shown.
    pub selection: Selection,
}

/// Everything the grid needs to draw a frame.
#[derive(Debug)]
pub struct Model {
    /// Where rows lie.
    pub rows: Axis,
    /// Where columns lie.
    pub cols: Axis,
    /// Cells that are not empty, of the viewport at least.
    pub cells: HashMap<Position, Shown>,
    /// What is selected.
    pub selection: Selection,
    /// What others have selected.
    pub peers: Vec<Peer>,
}

impl Default for Model {
    fn default() -> Model {
        Model {
            rows: Axis::new(0, ROW_HEIGHT, []),
            cols: Axis::new(0, COLUMN_WIDTH, []),
            cells: HashMap::new(),
            selection: Selection::default(),
            peers: Vec::new(),
        }
    }
}

impl Model {
    /// How many rows and columns there are.
    pub fn size(&self) -> Position {
        Position { row: self.rows.count(), col: self.cols.count() }
    }

    /// Width of the row headers, pixels: as wide as the largest row number.
    pub fn header_width(&self) -> f64 {
        let digits = self.rows.count().max(1).ilog10() + 1;
        28.0 + 9.0 * f64::from(digits)
    }
}

/// The letters of a column: A to Z, AA, AB…
pub fn column_letters(mut col: usize) -> String {
    let mut letters = Vec::new();
    loop {
        letters.push(b'A' + (col % 26) as u8);
        match (col / 26).checked_sub(1) {
            Some(rest) => col = rest,
            None => break,
        }
    }
    letters.iter().rev().map(|&letter| char::from(letter)).collect()
}

/// A cell's name, such as `B12`.
pub fn cell_name(at: Position) -> String {
    format!("{}{}", column_letters(at.col), at.row + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_as_in_every_spreadsheet() {
        let names: Vec<String> = [0, 25, 26, 51, 52, 701, 702].into_iter().map(column_letters).collect();
        assert_eq!(names, ["A", "Z", "AA", "AZ", "BA", "ZZ", "AAA"]);
    }
}
