//! Addresses as spreadsheets show them: `A1`, `$B$2`, `C:C`, `4:7`. Positions count from 0, addresses from 1.

use std::fmt::Write;

use crate::limits::{SHEET_COLS_MAX, SHEET_ROWS_MAX};

/// The letters of a column: 0 is `A`, 26 is `AA`.
pub fn column_name(mut position: usize) -> String {
    let mut letters = Vec::new();
    loop {
        letters.push(b'A' + (position % 26) as u8);
        position /= 26;
        if position == 0 {
            break;
        }
        position -= 1;
    }
    letters.iter().rev().map(|letter| char::from(*letter)).collect()
}

/// The address of a cell: row 0, column 0 is `A1`.
pub fn cell_name(row: usize, col: usize) -> String {
    format!("{}{}", column_name(col), row + 1)
}

/// The position that an address names, row first; `None` if it is none.
pub fn parse_cell(text: &str) -> Option<(usize, usize)> {
    match Corner::read(text)? {
        (Corner { row: Some(row), col: Some(col) }, len) if len == text.len() => {
            Some((row.position, col.position))
        }
        _ => None,
    }
}

/// A row or a column in an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// From 0.
    pub position: usize,
    /// Written with `$`: it stays when the formula is copied elsewhere.
    pub absolute: bool,
}

/// A cell, or one end of an area: a whole column has no row, a whole row no column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Corner {
    /// Its row.
    pub row: Option<Part>,
    /// Its column.
    pub col: Option<Part>,
}

/// A cell or an area.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reference {
    /// The cell, or one corner.
    pub first: Corner,
    /// The other corner.
    pub last: Option<Corner>,
}

impl Reference {
    /// Reads a reference at the start of a text; returns how many bytes it takes. Whole rows and columns are areas always.
    pub fn read(text: &str) -> Option<(Reference, usize)> {
        let (first, len) = Corner::read(text)?;
        let second = text[len..].strip_prefix(':').and_then(Corner::read);
        let area = second.filter(|(last, _)| {
            first.row.is_some() == last.row.is_some() && first.col.is_some() == last.col.is_some()
        });
        match area {
            Some((last, last_len)) => {
                let len = len + 1 + last_len;
                ends_word(&text[len..]).then_some((Reference { first, last: Some(last) }, len))
            }
            None if first.row.is_some() && first.col.is_some() && ends_word(&text[len..]) => {
                Some((Reference { first, last: None }, len))
            }
            None => None,
        }
    }

    /// Writes it as it is shown.
    pub fn write(&self, out: &mut String) {
        self.first.write(out);
        if let Some(last) = self.last {
            out.push(':');
            last.write(out);
        }
    }
}

impl Corner {
    /// Reads `$A$1`, `$A` or `$1` at the start of a text.
    fn read(text: &str) -> Option<(Corner, usize)> {
        let bytes = text.as_bytes();
        let mut at = 0;
        let dollar = |at: &mut usize| {
            let here = bytes.get(*at) == Some(&b'$');
            *at += usize::from(here);
            here
        };
        let absolute = dollar(&mut at);
        let letters = bytes[at..].iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        let col = if letters > 0 {
            let position = column_position(&bytes[at..at + letters])?;
            at += letters;
            Some(Part { position, absolute })
        } else {
            None
        };
        let before_row = at;
        let row_absolute = if col.is_some() { dollar(&mut at) } else { absolute };
        let digits = bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 {
            return col.map(|col| (Corner { row: None, col: Some(col) }, before_row));
        }
        let number: usize = text[at..at + digits].parse().ok()?;
        let position = number.checked_sub(1).filter(|row| *row < SHEET_ROWS_MAX)?;
        Some((Corner { row: Some(Part { position, absolute: row_absolute }), col }, at + digits))
    }

    fn write(&self, out: &mut String) {
        let dollar = |part: Part| if part.absolute { "$" } else { "" };
        if let Some(col) = self.col {
            out.push_str(dollar(col));
            out.push_str(&column_name(col.position));
        }
        if let Some(row) = self.row {
            // Writing to a string cannot fail.
            let _ = write!(out, "{}{}", dollar(row), row.position + 1);
        }
    }
}

fn column_position(letters: &[u8]) -> Option<usize> {
    if letters.len() > 3 {
        return None;
    }
    let number = letters
        .iter()
        .fold(0, |number, letter| number * 26 + usize::from(letter.to_ascii_uppercase() - b'A') + 1);
    Some(number - 1).filter(|position| *position < SHEET_COLS_MAX)
}

/// Whether a word that ended here is over: no letter, digit, or `(` of a function follows.
fn ends_word(rest: &str) -> bool {
    !rest.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '(' | '!' | '$' | '\\'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn columns_are_named_as_in_every_spreadsheet() {
        for (position, name) in
            [(0, "A"), (25, "Z"), (26, "AA"), (51, "AZ"), (52, "BA"), (701, "ZZ"), (702, "AAA")]
        {
            assert_eq!(column_name(position), name);
        }
    }

    #[test]
    fn what_is_no_reference_is_not_read_as_one() {
        for text in ["LOG10(", "A", "1", "A0", "AAAA1", "A1B", "A1.5", "$", "Sheet1!A1", "A1(", "_A1"] {
            assert_eq!(Reference::read(text), None, "{text}");
        }
        for text in ["A1", "$A$1", "a1:b2", "A:C", "$A:$C", "4:7", "$4:$7", "A1+2", "A1)", "A1:B2,"] {
            assert!(Reference::read(text).is_some(), "{text}");
        }
        assert_eq!(Reference::read("A1:7").map(|(_, len)| len), None.or(Some(2)));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(row in 0..SHEET_ROWS_MAX, col in 0..SHEET_COLS_MAX, dollars in any::<(bool, bool)>()) {
            prop_assert_eq!(parse_cell(&cell_name(row, col)), Some((row, col)));
            let corner = Corner {
                row: Some(Part { position: row, absolute: dollars.0 }),
                col: Some(Part { position: col, absolute: dollars.1 }),
            };
            for reference in [Reference { first: corner, last: None }, Reference { first: corner, last: Some(corner) }] {
                let mut text = String::new();
                reference.write(&mut text);
                prop_assert_eq!(Reference::read(&text), Some((reference, text.len())));
            }
        }
    }
}
