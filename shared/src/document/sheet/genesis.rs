//! The first sheet: an update of fixed bytes by client 0 that everybody applies who opens a sheet document.
//!
//! Were the first sheet made by whoever comes first, two people who come at once would each make a shared type under one key, and
//! what was typed into the one that loses would be gone. So it is made by nobody, once, with the ids of its first rows and
//! columns: applying it again is known already.

use yrs::{Array, ArrayPrelim, Map, MapPrelim, MapRef, Transact, TransactionMut, WriteTxn};

use super::key;
use crate::document::guard;
use crate::protocol::state_vector::ClientId;

/// The client that made the first sheet. Nobody edits as this one.
pub const GENESIS_CLIENT: ClientId = 0;
/// Id of the first sheet.
pub const FIRST_SHEET: &str = "s0";
/// Name of the first sheet.
pub const FIRST_NAME: &str = "Sheet1";
/// Rows of a new sheet.
pub const ROWS: usize = 100;
/// Columns of a new sheet: A to Z.
pub const COLS: usize = 26;

/// The update.
pub fn genesis() -> Vec<u8> {
    let doc = guard::new_doc(GENESIS_CLIENT);
    let mut txn = doc.transact_mut();
    let sheets = txn.get_or_insert_map(super::SHEETS);
    make_sheet(&mut txn, &sheets, FIRST_SHEET, FIRST_NAME, 0.0);
    txn.encode_update_v1()
}

/// Makes a sheet of [`ROWS`] and [`COLS`] under a key that nobody else uses.
pub(super) fn make_sheet(txn: &mut TransactionMut<'_>, sheets: &MapRef, id: &str, name: &str, order: f64) {
    let sheet = sheets.insert(txn, id, MapPrelim::default());
    sheet.insert(txn, key::NAME, name);
    sheet.insert(txn, key::ORDER, order);
    for (part, letter, count) in [(key::ROWS, 'r', ROWS), (key::COLS, 'c', COLS)] {
        let lines = sheet.insert(txn, part, ArrayPrelim::default());
        lines.insert_range(txn, 0, (0..count).map(|number| line_id(letter, number)));
    }
    for part in [key::ROW_ATTRIBUTES, key::COL_ATTRIBUTES, key::CELLS, key::STYLES, key::MERGES] {
        sheet.insert(txn, part, MapPrelim::default());
    }
}

/// Id of a line of the first grid, or of one that a grid grew by at its end: the same for everybody, so that two people who
/// grow it at once grow it once.
pub(super) fn line_id(letter: char, number: usize) -> String {
    format!("{letter}{number}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{Applied, Document, Kind};

    #[test]
    fn its_bytes_never_change() {
        let bytes = genesis();
        // Another peer with other bytes under the same ids would never agree with this one: do not touch.
        assert_eq!((bytes.len(), crc16::State::<crc16::XMODEM>::calculate(&bytes)), (742, 64177));
    }

    #[test]
    fn it_is_known_when_it_comes_again() {
        let mut document = Document::new(Kind::Sheet, 7);
        assert_eq!(document.apply(&genesis()), Ok(Applied::New));
        assert_eq!(document.apply(&genesis()), Ok(Applied::Known));
    }
}
