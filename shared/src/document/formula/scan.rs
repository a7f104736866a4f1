//! A typed formula as pieces: text that is kept as it is, and references.

use std::borrow::Cow;

use super::FormulaError;
use super::stored::{CLOSE, OPEN};
use crate::document::address::Reference;

/// A piece of a typed formula.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Operators, numbers, texts in quotes, names.
    Text(&'a str),
    /// A reference.
    Reference {
        /// The name of the sheet in front of it, without quotes.
        sheet: Option<Cow<'a, str>>,
        /// Where it leads.
        target: Reference,
        /// As it was typed.
        typed: &'a str,
    },
}

/// Takes a formula apart. Putting all pieces together gives it again.
pub fn scan(formula: &str) -> Result<Vec<Piece<'_>>, FormulaError> {
    let mut scan = Scan { formula, at: 0, text_from: 0, pieces: Vec::new() };
    while let Some(c) = scan.rest().chars().next() {
        scan.step(c)?;
    }
    scan.end_text(formula.len());
    Ok(scan.pieces)
}

struct Scan<'a> {
    formula: &'a str,
    at: usize,
    /// Where the text starts that is no piece yet.
    text_from: usize,
    pieces: Vec<Piece<'a>>,
}

impl<'a> Scan<'a> {
    fn step(&mut self, c: char) -> Result<(), FormulaError> {
        match c {
            '"' => self.at += quoted_len(self.rest(), '"')?,
            '\'' => {
                let len = quoted_len(self.rest(), '\'')?;
                let name = self.rest()[1..len - 1].replace("''", "'");
                self.sheet_or_text(len, Cow::Owned(name));
            }
            OPEN | CLOSE => return Err(FormulaError::Character(c)),
            _ if is_word(c) => self.word(),
            _ => self.at += c.len_utf8(),
        }
        Ok(())
    }

    /// A reference, a number, a name, a function, or the name of a sheet.
    fn word(&mut self) {
        let rest = self.rest();
        if let Some((target, len)) = Reference::read(rest) {
            self.push_reference(None, target, self.at, len);
            return;
        }
        let len = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        self.sheet_or_text(len, Cow::Borrowed(&rest[..len]));
    }

    /// A name of so many bytes: of a sheet, if `!` and a reference follow.
    fn sheet_or_text(&mut self, len: usize, name: Cow<'a, str>) {
        let start = self.at;
        self.at += len;
        if let Some(after) = self.rest().strip_prefix('!')
            && let Some((target, target_len)) = Reference::read(after)
        {
            self.push_reference(Some(name), target, start, len + 1 + target_len);
        }
    }

    fn push_reference(&mut self, sheet: Option<Cow<'a, str>>, target: Reference, start: usize, len: usize) {
        self.end_text(start);
        let typed = &self.formula[start..start + len];
        self.pieces.push(Piece::Reference { sheet, target, typed });
        self.at = start + len;
        self.text_from = self.at;
    }

    fn end_text(&mut self, end: usize) {
        if self.text_from < end {
            self.pieces.push(Piece::Text(&self.formula[self.text_from..end]));
        }
        self.text_from = end;
    }

    fn rest(&self) -> &'a str {
        &self.formula[self.at..]
    }
}

/// Bytes of a text in quotes at the start, quotes included; a doubled quote stands for one.
pub(super) fn quoted_len(text: &str, quote: char) -> Result<usize, FormulaError> {
    let mut at = quote.len_utf8();
    loop {
        at += text[at..].find(quote).ok_or(FormulaError::Quote)? + 1;
        if !text[at..].starts_with(quote) {
            return Ok(at);
        }
        at += 1;
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '$' | '\\')
}
