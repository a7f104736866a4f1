//! Batches and values as bytes, between a calculator and its engine's process. Both are the same program, so nothing here has
//! versions; numbers and texts are lib0's.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::computer::{Batch, Computed};
use super::input::{CellInput, Input, SheetInput, WorkbookInput};
use super::value::Value;
use crate::protocol::lib0::{BadEncoding, Reader, write_byte_string, write_number};

const NOTHING: u8 = 0;
const NUMBER: u8 = 1;
const TEXT: u8 = 2;
const TRUE: u8 = 3;
const FALSE: u8 = 4;
const FORMULA: u8 = 5;
const REFUSED: u8 = 6;
const ERROR: u8 = 7;

/// A batch as bytes. Ids of sheets and lines stay here: an engine works with positions.
pub fn encode_batch(batch: &Batch) -> Vec<u8> {
    let mut out = Vec::new();
    out.push(u8::from(batch.load.is_some()));
    if let Some(workbook) = &batch.load {
        write_size(&mut out, workbook.names.len());
        for (name, formula) in &workbook.names {
            write_byte_string(&mut out, name.as_bytes());
            write_byte_string(&mut out, formula.as_bytes());
        }
        write_size(&mut out, workbook.sheets.len());
        for sheet in &workbook.sheets {
            write_size(&mut out, sheet.cells.len());
            for ((row, col), input) in &sheet.cells {
                write_number(&mut out, u64::from(*row));
                write_number(&mut out, u64::from(*col));
                write_input(&mut out, input);
            }
        }
    }
    write_size(&mut out, batch.edits.len());
    for (sheet, cell) in &batch.edits {
        write_size(&mut out, *sheet);
        write_size(&mut out, cell.row);
        write_size(&mut out, cell.col);
        write_input(&mut out, &cell.input);
    }
    out
}

/// Reads a batch.
pub fn decode_batch(bytes: &[u8]) -> Result<Batch, BadEncoding> {
    let mut reader = Reader::new(bytes);
    let load = if reader.byte()? == 1 { Some(Arc::new(read_workbook(&mut reader)?)) } else { None };
    let edits = (0..reader.count(4)?).map(|_| {
        let sheet = read_size(&mut reader)?;
        let (row, col) = (read_size(&mut reader)?, read_size(&mut reader)?);
        Ok((sheet, CellInput { row, col, input: read_input(&mut reader)? }))
    });
    Ok(Batch { load, edits: edits.collect::<Result<_, BadEncoding>>()? })
}

/// Values as bytes.
pub fn encode_values(values: &[Computed]) -> Vec<u8> {
    let mut out = Vec::new();
    write_size(&mut out, values.len());
    for Computed { sheet, row, col, value } in values {
        write_size(&mut out, *sheet);
        write_size(&mut out, *row);
        write_size(&mut out, *col);
        match value {
            Value::Nothing => out.push(NOTHING),
            Value::Number(number) => write_double(&mut out, *number),
            Value::Text(text) => write_text(&mut out, TEXT, text),
            Value::Bool(value) => out.push(if *value { TRUE } else { FALSE }),
            Value::Error(error) => write_text(&mut out, ERROR, error),
        }
    }
    out
}

/// Reads values.
pub fn decode_values(bytes: &[u8]) -> Result<Vec<Computed>, BadEncoding> {
    let mut reader = Reader::new(bytes);
    let values = (0..reader.count(4)?).map(|_| {
        let sheet = read_size(&mut reader)?;
        let (row, col) = (read_size(&mut reader)?, read_size(&mut reader)?);
        let value = match reader.byte()? {
            NOTHING => Value::Nothing,
            NUMBER => Value::Number(read_double(&mut reader)?),
            TEXT => Value::Text(reader.text()?.to_owned()),
            TRUE => Value::Bool(true),
            FALSE => Value::Bool(false),
            ERROR => Value::Error(reader.text()?.to_owned()),
            _ => return Err(BadEncoding::Number),
        };
        Ok(Computed { sheet, row, col, value })
    });
    values.collect()
}

fn read_workbook(reader: &mut Reader<'_>) -> Result<WorkbookInput, BadEncoding> {
    let names = (0..reader.count(2)?).map(|_| Ok((reader.text()?.to_owned(), reader.text()?.to_owned())));
    let names = names.collect::<Result<_, BadEncoding>>()?;
    let sheets = (0..reader.count(1)?).map(|_| {
        let cells = (0..reader.count(3)?).map(|_| {
            let (row, col) = (reader.number_u32()?, reader.number_u32()?);
            Ok(((row, col), read_input(reader)?))
        });
        let cells = cells.collect::<Result<BTreeMap<_, _>, BadEncoding>>()?;
        Ok(SheetInput { id: Arc::from(""), cells, rows: Vec::new(), cols: Vec::new() })
    });
    let sheets = sheets.collect::<Result<_, BadEncoding>>()?;
    Ok(WorkbookInput { sheets, names })
}

fn write_input(out: &mut Vec<u8>, input: &Input) {
    match input {
        Input::Nothing => out.push(NOTHING),
        Input::Number(number) => write_double(out, *number),
        Input::Text(text) => write_text(out, TEXT, text),
        Input::Bool(value) => out.push(if *value { TRUE } else { FALSE }),
        Input::Formula(formula) => write_text(out, FORMULA, formula),
        Input::Refused => out.push(REFUSED),
    }
}

fn read_input(reader: &mut Reader<'_>) -> Result<Input, BadEncoding> {
    Ok(match reader.byte()? {
        NOTHING => Input::Nothing,
        NUMBER => Input::Number(read_double(reader)?),
        TEXT => Input::Text(reader.text()?.into()),
        TRUE => Input::Bool(true),
        FALSE => Input::Bool(false),
        FORMULA => Input::Formula(reader.text()?.into()),
        REFUSED => Input::Refused,
        _ => return Err(BadEncoding::Number),
    })
}

fn write_size(out: &mut Vec<u8>, size: usize) {
    write_number(out, size as u64);
}

fn read_size(reader: &mut Reader<'_>) -> Result<usize, BadEncoding> {
    usize::try_from(reader.number()?).map_err(|_| BadEncoding::Number)
}

fn write_double(out: &mut Vec<u8>, number: f64) {
    out.push(NUMBER);
    out.extend_from_slice(&number.to_le_bytes());
}

fn read_double(reader: &mut Reader<'_>) -> Result<f64, BadEncoding> {
    let bytes = reader.take(8)?.try_into().map_err(|_| BadEncoding::End)?;
    Ok(f64::from_le_bytes(bytes))
}

fn write_text(out: &mut Vec<u8>, kind: u8, text: &str) {
    out.push(kind);
    write_byte_string(out, text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn input() -> impl Strategy<Value = Input> {
        prop_oneof![
            Just(Input::Nothing),
            any::<f64>().prop_filter("equal to itself", |number| !number.is_nan()).prop_map(Input::Number),
            ".{0,9}".prop_map(|text| Input::Text(text.into())),
            any::<bool>().prop_map(Input::Bool),
            "=.{0,9}".prop_map(|text| Input::Formula(text.into())),
            Just(Input::Refused),
        ]
    }

    fn workbook() -> impl Strategy<Value = WorkbookInput> {
        let cells = proptest::collection::btree_map((any::<u32>(), any::<u32>()), input(), 0..6);
        let sheet = cells.prop_map(|cells| SheetInput { id: "".into(), cells, rows: vec![], cols: vec![] });
        let names = proptest::collection::vec((".{0,5}", ".{0,5}"), 0..3);
        (proptest::collection::vec(sheet, 0..3), names)
            .prop_map(|(sheets, names)| WorkbookInput { sheets, names })
    }

    proptest! {
        #[test]
        fn a_batch_is_read_as_it_was_written(
            load in proptest::option::of(workbook()),
            edits in proptest::collection::vec((0..3usize, 0..300_000usize, 0..5_000usize, input()), 0..5),
        ) {
            let edits = edits.into_iter().map(|(sheet, row, col, input)| (sheet, CellInput { row, col, input }));
            let batch = Batch { load: load.map(Arc::new), edits: edits.collect() };
            prop_assert_eq!(decode_batch(&encode_batch(&batch)), Ok(batch));
        }

        #[test]
        fn values_are_read_as_they_were_written(number in any::<f64>(), text in ".{0,9}", row in 0..300_000usize) {
            prop_assume!(!number.is_nan());
            let values = [
                Value::Nothing, Value::Number(number), Value::Bool(true), Value::Bool(false),
                Value::Text(text.clone()), Value::Error(text),
            ];
            let values: Vec<Computed> =
                values.into_iter().map(|value| Computed { sheet: 1, row, col: 700, value }).collect();
            prop_assert_eq!(decode_values(&encode_values(&values)), Ok(values));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = (decode_batch(&bytes), decode_values(&bytes));
        }
    }
}
