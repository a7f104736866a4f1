//! From what is typed to what is stored, and back.

use std::collections::BTreeMap;

use super::check::check;
use super::scan::{self, Piece};
use super::stored::{self, StoredCorner, StoredPart, StoredReference};
use super::{FormulaError, REF_ERROR};
use crate::document::address::{Corner, Part, Reference};
use crate::document::sheet::{Lines, Sheet, SheetId, Workbook};
use crate::limits::{FORMULA_STORED_BYTES_MAX, SHEET_COLS_MAX, SHEET_ROWS_MAX};

/// For each sheet that a formula leads into how many rows and columns it must have.
pub type Needs = BTreeMap<SheetId, (usize, usize)>;

/// How far the sheets must reach for a typed formula to be stored: it may name cells beyond the last row.
pub fn needs(typed: &str, workbook: &Workbook, sheet: &str) -> Result<Needs, FormulaError> {
    check(typed)?;
    let mut needs = Needs::new();
    for piece in scan::scan(typed)? {
        let Piece::Reference { sheet: name, target, .. } = piece else { continue };
        let Some(sheet) = sheet_of(workbook, name.as_deref(), sheet) else { continue };
        let (rows, cols) = needs.entry(sheet.id().clone()).or_default();
        for corner in [Some(target.first), target.last].into_iter().flatten() {
            *rows = corner.row.map_or(0, |row| row.position + 1).max(*rows);
            *cols = corner.col.map_or(0, |col| col.position + 1).max(*cols);
        }
    }
    Ok(needs)
}

/// The stored form of a formula typed into a sheet. Parentheses left open are closed; a reference into a sheet that does not exist stays
/// as it was typed. The sheets must reach as far as [`needs`] says.
pub fn store(typed: &str, workbook: &Workbook, sheet: &str) -> Result<String, FormulaError> {
    let open = check(typed)?;
    let mut out = String::with_capacity(typed.len() * 2);
    for piece in scan::scan(typed)? {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Reference { sheet: name, target, typed } => {
                match sheet_of(workbook, name.as_deref(), sheet) {
                    Some(into) => {
                        let other = (**into.id() != *sheet).then_some(&**into.id());
                        store_reference(&mut out, other, into, &target)?;
                    }
                    None => out.push_str(typed),
                }
            }
        }
    }
    out.extend(std::iter::repeat_n(')', open));
    if out.len() > FORMULA_STORED_BYTES_MAX { Err(FormulaError::TooLong) } else { Ok(out) }
}

/// A stored formula as it is shown in a sheet: addresses where its cells are now, `#REF!` for what is gone.
pub fn show(stored: &str, workbook: &Workbook, sheet: Option<&str>) -> String {
    show_with(stored, workbook, sheet, |out, sheet| push_sheet_name(out, sheet.name()))
}

/// [`show`], with sheets named as `push_name` does, which ends a name with `!`.
pub(crate) fn show_with(
    stored: &str,
    workbook: &Workbook,
    sheet: Option<&str>,
    push_name: impl Fn(&mut String, &Sheet),
) -> String {
    let mut out = String::with_capacity(stored.len());
    for piece in stored::pieces(stored) {
        match piece {
            stored::Piece::Text(text) => out.push_str(text),
            stored::Piece::Broken => out.push_str(REF_ERROR),
            stored::Piece::Reference(reference) => {
                let into = reference.sheet.or(sheet).and_then(|id| workbook.sheet(id));
                match into.and_then(|into| Some((into, shown(into, &reference)?))) {
                    Some((into, target)) => {
                        if reference.sheet.is_some() {
                            push_name(&mut out, into);
                        }
                        target.write(&mut out);
                    }
                    None => out.push_str(REF_ERROR),
                }
            }
        }
    }
    out
}

/// A shown formula as it reads after it was copied so many rows down and columns to the right: what has no `$` goes along.
pub fn shift(typed: &str, rows: isize, cols: isize) -> Result<String, FormulaError> {
    map_references(typed, |target| shifted(target, rows, cols))
}

/// A shown formula with `$` before every row and column.
pub fn absolute(typed: &str) -> Result<String, FormulaError> {
    let part = |part: Option<Part>| part.map(|part| Part { absolute: true, ..part });
    let corner = |corner: Corner| Corner { row: part(corner.row), col: part(corner.col) };
    map_references(typed, |target| {
        Some(Reference { first: corner(target.first), last: target.last.map(corner) })
    })
}

fn map_references(
    typed: &str,
    map: impl Fn(&Reference) -> Option<Reference>,
) -> Result<String, FormulaError> {
    check(typed)?;
    let mut out = String::with_capacity(typed.len());
    for piece in scan::scan(typed)? {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Reference { sheet, target, .. } => match map(&target) {
                Some(target) => {
                    if let Some(name) = sheet {
                        push_sheet_name(&mut out, &name);
                    }
                    target.write(&mut out);
                }
                None => out.push_str(REF_ERROR),
            },
        }
    }
    Ok(out)
}

fn sheet_of<'w>(workbook: &'w Workbook, name: Option<&str>, here: &str) -> Option<&'w Sheet> {
    name.map_or_else(|| workbook.sheet(here), |name| workbook.sheet_named(name))
}

fn store_reference(
    out: &mut String,
    sheet_id: Option<&str>,
    sheet: &Sheet,
    target: &Reference,
) -> Result<(), FormulaError> {
    let first = stored_corner(sheet, target.first)?;
    let last = target.last.map(|corner| stored_corner(sheet, corner)).transpose()?;
    StoredReference { sheet: sheet_id, first, last }.write(out);
    Ok(())
}

fn stored_corner(sheet: &Sheet, corner: Corner) -> Result<StoredCorner<'_>, FormulaError> {
    fn part(lines: &Lines, part: Option<Part>) -> Result<Option<StoredPart<'_>>, FormulaError> {
        let Some(Part { position, absolute }) = part else { return Ok(None) };
        let line = lines.at(position).ok_or(FormulaError::Beyond)?;
        Ok(Some(StoredPart { id: lines.id(line), absolute }))
    }
    Ok(StoredCorner { row: part(sheet.rows(), corner.row)?, col: part(sheet.cols(), corner.col)? })
}

/// Where a reference leads now.
fn shown(sheet: &Sheet, reference: &StoredReference<'_>) -> Option<Reference> {
    let first = reference.first;
    let Some(last) = reference.last else {
        let row = position(sheet.rows(), first.row?)?;
        let col = position(sheet.cols(), first.col?)?;
        return Some(Reference { first: Corner { row: Some(row), col: Some(col) }, last: None });
    };
    let (first_row, last_row) = span(sheet.rows(), first.row, last.row)?;
    let (first_col, last_col) = span(sheet.cols(), first.col, last.col)?;
    Some(Reference {
        first: Corner { row: first_row, col: first_col },
        last: Some(Corner { row: last_row, col: last_col }),
    })
}

fn position(lines: &Lines, part: StoredPart<'_>) -> Option<Part> {
    let position = lines.position(lines.line(part.id)?)?;
    Some(Part { position, absolute: part.absolute })
}

/// The ends of an area on one axis, the first first; both `None` for all of the axis.
fn span(
    lines: &Lines,
    one: Option<StoredPart<'_>>,
    other: Option<StoredPart<'_>>,
) -> Option<(Option<Part>, Option<Part>)> {
    let (Some(one), Some(other)) = (one, other) else { return Some((None, None)) };
    let (one_line, other_line) = (lines.line(one.id)?, lines.line(other.id)?);
    let (first, last) = lines.span(one_line, other_line)?;
    let swapped = lines.comes_before(other_line, one_line);
    let (one, other) = if swapped { (other, one) } else { (one, other) };
    let part = |position, absolute| Some(Part { position, absolute });
    Some((part(first, one.absolute), part(last, other.absolute)))
}

fn shifted(target: &Reference, rows: isize, cols: isize) -> Option<Reference> {
    let part = |part: Option<Part>, by: isize, max: usize| match part {
        Some(part) if !part.absolute => {
            let position = part.position.checked_add_signed(by).filter(|position| *position < max)?;
            Some(Some(Part { position, ..part }))
        }
        part => Some(part),
    };
    let corner = |corner: Corner| {
        Some(Corner {
            row: part(corner.row, rows, SHEET_ROWS_MAX)?,
            col: part(corner.col, cols, SHEET_COLS_MAX)?,
        })
    };
    let last = match target.last {
        Some(last) => Some(corner(last)?),
        None => None,
    };
    Some(Reference { first: corner(target.first)?, last })
}

fn push_sheet_name(out: &mut String, name: &str) {
    let plain = name.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_alphanumeric() || c == '_')
        && Reference::read(name).is_none()
        && !name.eq_ignore_ascii_case("true")
        && !name.eq_ignore_ascii_case("false");
    if plain {
        out.push_str(name);
    } else {
        out.push('\'');
        out.push_str(&name.replace('\'', "''"));
        out.push('\'');
    }
    out.push('!');
}
