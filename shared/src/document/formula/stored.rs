//! The stored form of references: ids between `⟦` and `⟧`.

use super::scan::quoted_len;

/// Starts a stored reference.
pub const OPEN: char = '⟦';
/// Ends a stored reference.
pub const CLOSE: char = '⟧';

/// A piece of a stored formula.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Kept as it is.
    Text(&'a str),
    /// A reference.
    Reference(StoredReference<'a>),
    /// Something between the brackets that is none.
    Broken,
}

/// A cell or area by ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredReference<'a> {
    /// The sheet, if it is another.
    pub sheet: Option<&'a str>,
    /// The cell, or one corner.
    pub first: StoredCorner<'a>,
    /// The other corner.
    pub last: Option<StoredCorner<'a>>,
}

/// A cell, or one end of an area.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredCorner<'a> {
    /// Id of the row; `None` in a whole column.
    pub row: Option<StoredPart<'a>>,
    /// Id of the column; `None` in a whole row.
    pub col: Option<StoredPart<'a>>,
}

/// A row or column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredPart<'a> {
    /// Its id.
    pub id: &'a str,
    /// It was typed with `$`.
    pub absolute: bool,
}

/// Takes a stored formula apart. It may come from anybody: nothing in it is an error, only broken pieces.
pub fn pieces(formula: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let (mut at, mut text_from) = (0, 0);
    while let Some(c) = formula[at..].chars().next() {
        match c {
            '"' | '\'' => at += quoted_len(&formula[at..], c).unwrap_or(formula.len() - at),
            OPEN => {
                if text_from < at {
                    pieces.push(Piece::Text(&formula[text_from..at]));
                }
                let inside = at + OPEN.len_utf8();
                let len = formula[inside..].find(CLOSE);
                let piece = len.and_then(|len| StoredReference::read(&formula[inside..inside + len]));
                pieces.push(piece.map_or(Piece::Broken, Piece::Reference));
                at = len.map_or(formula.len(), |len| inside + len + CLOSE.len_utf8());
                text_from = at;
            }
            _ => at += c.len_utf8(),
        }
    }
    if text_from < formula.len() {
        pieces.push(Piece::Text(&formula[text_from..]));
    }
    pieces
}

impl<'a> StoredReference<'a> {
    /// Reads what stands between the brackets.
    fn read(text: &'a str) -> Option<StoredReference<'a>> {
        let (sheet, area) = match text.split_once('!') {
            Some((sheet, area)) => (Some(sheet), area),
            None => (None, text),
        };
        let (first, last) = match area.split_once(',') {
            Some((first, last)) => (StoredCorner::read(first)?, Some(StoredCorner::read(last)?)),
            None => (StoredCorner::read(area)?, None),
        };
        let alike = last.is_none_or(|last| {
            last.row.is_some() == first.row.is_some() && last.col.is_some() == first.col.is_some()
        });
        let whole = first.row.is_some() && first.col.is_some();
        (alike && (whole || last.is_some())).then_some(StoredReference { sheet, first, last })
    }

    /// Writes it, brackets included.
    pub fn write(&self, out: &mut String) {
        out.push(OPEN);
        if let Some(sheet) = self.sheet {
            out.push_str(sheet);
            out.push('!');
        }
        self.first.write(out);
        if let Some(last) = self.last {
            out.push(',');
            last.write(out);
        }
        out.push(CLOSE);
    }
}

impl<'a> StoredCorner<'a> {
    fn read(text: &'a str) -> Option<StoredCorner<'a>> {
        let (row, col) = text.split_once(':')?;
        let (row, col) = (StoredPart::read(row)?, StoredPart::read(col)?);
        (row.is_some() || col.is_some()).then_some(StoredCorner { row, col })
    }

    fn write(&self, out: &mut String) {
        StoredPart::write(self.row, out);
        out.push(':');
        StoredPart::write(self.col, out);
    }
}

impl<'a> StoredPart<'a> {
    fn read(text: &'a str) -> Option<Option<StoredPart<'a>>> {
        if text == "*" {
            return Some(None);
        }
        let (absolute, id) = text.strip_prefix('$').map_or((false, text), |id| (true, id));
        (!id.is_empty()).then_some(Some(StoredPart { id, absolute }))
    }

    fn write(part: Option<StoredPart<'_>>, out: &mut String) {
        match part {
            None => out.push('*'),
            Some(part) => {
                if part.absolute {
                    out.push('$');
                }
                out.push_str(part.id);
            }
        }
    }
}
