//! A document as people and programs read it: text, CSV, JSON.

use std::str::FromStr;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};
use serde_json::json;
use shared::document::engine::export::{to_json, workbook_to_csv};
use shared::document::engine::{Calculator, Values};
use shared::document::sheet::{Cell, Workbook};
use shared::document::{Document, Kind, text};
use shared::limits::CALCULATIONS_MAX;
use shared::rt::time::Duration;

use crate::save::load::NOBODY;

/// How long a sheet waits for its turn, and then for its values: longer than a calculation may take.
const COMPUTE_DEADLINE: Duration = Duration::from_secs(20);

/// Calculations that go on now.
static CALCULATIONS: Turns = Turns { taken: Mutex::new(0), given_back: Condvar::new() };

/// What a document is turned into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// The letters of a text.
    Text,
    /// The values of a sheet.
    Csv,
    /// Everything.
    Json,
}

/// Why a document cannot be had in a format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExportError {
    /// The format is not one for this kind of document.
    #[error("a {} is not to be had as {}", .0.as_str(), .1.as_str())]
    Format(Kind, Format),
    /// The document is damaged.
    #[error("the document is damaged")]
    Damaged,
    /// The values of its formulas were not computed in time.
    #[error("the values of the formulas were not computed in time")]
    NotComputed,
}

/// A word that names no format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a format is text, csv or json")]
pub struct UnknownFormat;

impl Format {
    /// Its word in an address.
    pub fn as_str(self) -> &'static str {
        match self {
            Format::Text => "text",
            Format::Csv => "csv",
            Format::Json => "json",
        }
    }

    /// Its media type.
    pub fn content_type(self) -> &'static str {
        match self {
            Format::Text => "text/plain; charset=utf-8",
            Format::Csv => "text/csv; charset=utf-8",
            Format::Json => "application/json",
        }
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(word: &str) -> Result<Format, UnknownFormat> {
        match word {
            "text" => Ok(Format::Text),
            "csv" => Ok(Format::Csv),
            "json" => Ok(Format::Json),
            _ => Err(UnknownFormat),
        }
    }
}

/// Reads a document from its bytes and turns it into a format.
pub fn read(kind: Kind, update: &[u8], format: Format) -> Result<String, ExportError> {
    let document = Document::load(kind, NOBODY, update).map_err(|_| ExportError::Damaged)?;
    export(&document, format)
}

/// Turns a document into a format.
pub fn export(document: &Document, format: Format) -> Result<String, ExportError> {
    match (document.kind(), format) {
        (Kind::Text, Format::Text) => letters(document),
        (Kind::Text, Format::Json) => Ok(json!({ "kind": "text", "text": letters(document)? }).to_string()),
        (Kind::Sheet, Format::Csv) => {
            let workbook = workbook(document)?;
            Ok(workbook_to_csv(&workbook, &*values(&workbook)?))
        }
        (Kind::Sheet, Format::Json) => {
            let workbook = workbook(document)?;
            Ok(to_json(&workbook, &*values(&workbook)?))
        }
        (kind, format) => Err(ExportError::Format(kind, format)),
    }
}

fn letters(document: &Document) -> Result<String, ExportError> {
    text::plain(document).map_err(|_| ExportError::Damaged)
}

fn workbook(document: &Document) -> Result<Workbook, ExportError> {
    Workbook::read(document).map_err(|_| ExportError::Damaged)
}

/// The values of its formulas, computed in a process of their own.
fn values(workbook: &Workbook) -> Result<Arc<Values>, ExportError> {
    let is_formula = |cell: &Cell| matches!(cell, Cell::Formula(_));
    if !workbook.sheets().iter().any(|sheet| sheet.cells().any(|(_, cell)| is_formula(cell))) {
        return Ok(Arc::default());
    }
    let _turn = CALCULATIONS.take(COMPUTE_DEADLINE).ok_or(ExportError::NotComputed)?;
    let mut calculator = Calculator::spawn(|| {}).map_err(|_| ExportError::NotComputed)?;
    calculator.load(workbook);
    calculator.wait(COMPUTE_DEADLINE).ok_or(ExportError::NotComputed)
}

/// Bounds how many calculations go on at once.
struct Turns {
    taken: Mutex<usize>,
    given_back: Condvar,
}

/// A calculation that may go on.
struct Turn(&'static Turns);

impl Turns {
    /// Waits for a turn, at most so long.
    fn take(&'static self, at_most: Duration) -> Option<Turn> {
        let mut taken = self.taken.lock();
        let all_taken = |taken: &mut usize| *taken >= CALCULATIONS_MAX;
        if self.given_back.wait_while_for(&mut taken, all_taken, at_most).timed_out() {
            return None;
        }
        *taken += 1;
        Some(Turn(self))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *self.0.taken.lock() -= 1;
        self.0.given_back.notify_one();
    }
}
