//! What must hold for documents whatever the bytes: the bodies of fuzz targets (`shared/fuzz`) and of property tests.

use crate::document::formula;
use crate::document::sheet::genesis::FIRST_SHEET;
use crate::document::sheet::{Position, Sheet};
use crate::document::{Applied, Document, Kind, SheetDocument, TextDocument, text};
use crate::limits::FORMULA_BYTES_MAX;
use crate::protocol::{Awareness, Message, StateVector, awareness};

/// Clients of the documents below.
const ANA: u64 = 1;
const SERVICE: u64 = 100;
const PEER: u64 = 101;
const NEWCOMER: u64 = 102;

/// Longest formula that is tried, bytes: far beyond what is allowed.
const TYPED_BYTES_MAX: usize = 512 * 1024;

/// Whatever comes as messages of y-protocols, or as bare updates: two peers that hear the same read the same, so does a third that
/// loads the snapshot, and honest edits go on.
pub fn messages_leave_a_document_whole(kind: Kind, frames: &[Vec<u8>]) {
    let base = base(kind);
    let load = |client, snapshot: &[u8]| Document::load(kind, client, snapshot).expect("a snapshot loads");
    let (mut service, mut peer) = (load(SERVICE, &base), load(PEER, &base));
    for frame in frames {
        let Some(update) = update_in(frame, &service) else { continue };
        assert_eq!(service.apply(update), peer.apply(update));
        assert!(!service.is_broken() && !peer.is_broken());
    }
    let snapshot = service.snapshot().expect("a whole document has a snapshot");
    let mut loaded = load(NEWCOMER, &snapshot);
    for waiting in service.waiting() {
        let _ = loaded.apply(waiting);
    }
    assert_eq!(loaded.state_vector(), service.state_vector());
    let read = read(&service);
    assert_eq!(read, self::read(&peer));
    assert_eq!(read, self::read(&loaded));
    let Some(edit) = honest_edit(loaded) else { return };
    let heard = service.apply(&edit);
    assert!(matches!(heard, Ok(Applied::New | Applied::Known)), "an honest edit: {heard:?}");
    service.snapshot().expect("a snapshot after an honest edit");
}

/// The update in a frame: that of a message, or else the bytes themselves. Other messages are answered as a service does.
fn update_in<'a>(frame: &'a [u8], document: &Document) -> Option<&'a [u8]> {
    let Ok(message) = Message::decode(frame) else { return Some(frame) };
    assert_eq!(Message::decode(&message.encode()).as_ref(), Ok(&message));
    match message {
        Message::SyncStep2(update) | Message::Update(update) => Some(update),
        Message::SyncStep1(vector) => {
            if let Ok(known) = StateVector::decode(vector) {
                assert_eq!(StateVector::decode(&known.encode()), Ok(known.clone()));
                document.encode_since(&known).expect("a state vector is answered");
            }
            None
        }
        Message::Awareness(update) => {
            let taken = Awareness::new().apply(update, None, 0).is_ok();
            assert!(!taken || awareness::decode(update).is_ok());
            None
        }
        _ => None,
    }
}

fn base(kind: Kind) -> Vec<u8> {
    match kind {
        Kind::Text => {
            let mut text = TextDocument::new(ANA).expect("a new text");
            text.splice(0, 0, "common 😀 ground", 0).expect("an edit");
            text.splice(3, 4, "e\0", 0).expect("an edit");
            text.document().snapshot().expect("a snapshot")
        }
        Kind::Sheet => {
            let mut sheet = SheetDocument::new(ANA).expect("a new sheet");
            for (col, typed) in ["1", "text", "=SUM(A1:B2)"].iter().enumerate() {
                sheet.type_into(FIRST_SHEET, Position { row: 1, col }, typed).expect("an edit");
            }
            sheet.document().snapshot().expect("a snapshot")
        }
    }
}

fn read(document: &Document) -> String {
    match document.kind() {
        Kind::Text => text::plain(document).expect("a whole document is read"),
        Kind::Sheet => {
            let snapshot = document.snapshot().expect("a whole document has a snapshot");
            let sheet = SheetDocument::load(NEWCOMER, &snapshot).expect("a sheet is read");
            let workbook = sheet.workbook();
            let cells_of = |sheet: &Sheet| {
                let mut cells: Vec<_> =
                    sheet.cells().map(|(key, _)| (sheet.position(key), workbook.typed(sheet, key))).collect();
                cells.sort();
                (sheet.name().to_owned(), sheet.rows().len(), sheet.cols().len(), cells)
            };
            format!("{:?}", workbook.sheets().iter().map(cells_of).collect::<Vec<_>>())
        }
    }
}

/// An edit of somebody who has just opened the document; a hostile peer may have deleted what there was to edit.
fn honest_edit(document: Document) -> Option<Vec<u8>> {
    match document.kind() {
        Kind::Text => {
            let mut text = TextDocument::of(document).expect("a text");
            let at = text.visible().len() / 2;
            text.splice(at, 1, "ok", 0).expect("an edit")
        }
        Kind::Sheet => {
            let mut sheet = SheetDocument::of(document).expect("a sheet");
            let edit = sheet.type_into(FIRST_SHEET, Position { row: 1, col: 1 }, "ok").ok()?;
            edit.updates.into_iter().next()
        }
    }
}

/// A formula of these pieces, each repeated so often, is refused, or reads the same when what is shown is typed again.
pub fn formulas_mean_the_same_when_typed_again(pieces: &[(String, u16)]) {
    let mut typed = "=".to_owned();
    for (piece, times) in pieces {
        let room = (TYPED_BYTES_MAX - typed.len().min(TYPED_BYTES_MAX)) / piece.len().max(1);
        typed.extend(std::iter::repeat_n(&piece[..], room.min(usize::from(*times))));
    }
    let mut document = SheetDocument::new(ANA).expect("a new sheet");
    document.add_sheet(Some("It's data")).expect("a second sheet");
    let _ = formula::shift(&typed, 3, -2);
    let _ = formula::absolute(&typed);
    formula::show(&typed, document.workbook(), Some(FIRST_SHEET));
    let at = Position { row: 2, col: 3 };
    let Ok(_) = document.type_into(FIRST_SHEET, at, &typed) else { return };
    let shown = shown(&document, at);
    if shown.len() <= FORMULA_BYTES_MAX {
        document.type_into(FIRST_SHEET, at, &shown).expect("what is shown can be typed");
        assert_eq!(self::shown(&document, at), shown, "{typed}");
    }
}

fn shown(document: &SheetDocument, at: Position) -> String {
    let workbook = document.workbook();
    let sheet = workbook.sheet(FIRST_SHEET).expect("the first sheet");
    workbook.typed(sheet, sheet.key_at(at.row, at.col).expect("a cell"))
}
