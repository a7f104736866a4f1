//! One's own selection for the others, and theirs.

use relm4::gtk::gdk;
use shared::document::sheet::{CellKey, Sheet};
use shared::protocol::presence::{CellPlace, SheetCursor};

use super::Binding;
use crate::session::person::Peer;
use crate::session::presence::SHEET;
use crate::sheet::grid;
use crate::sheet::selection::{Position, Selection};

impl Binding {
    /// Who else is here.
    pub(in crate::sheet) fn set_peers(&self, peers: Vec<Peer>) {
        self.peers.replace(peers);
        self.show_peers();
    }

    /// Draws what others have selected in the sheet that is seen.
    pub(super) fn show_peers(&self) {
        let peers = self.peers.borrow();
        let shown = self
            .with_sheet(|_, sheet| peers.iter().filter_map(|peer| selected(sheet, peer)).collect::<Vec<_>>())
            .unwrap_or_default();
        if self.parts.grid.read(|model| model.peers != shown) {
            self.parts.grid.update(|model| model.peers = shown);
        }
    }

    /// Tells the others what is selected here.
    pub(super) fn tell_selection(&self) {
        let selection = self.selection();
        let cursor = self.with_sheet(|_, sheet| {
            let place = |at: Position| {
                let CellKey { row, col } = sheet.key_at(at.row, at.col)?;
                Some(CellPlace {
                    row: sheet.rows().id(row).to_string(),
                    col: sheet.cols().id(col).to_string(),
                })
            };
            let (anchor, focus) = (place(selection.active)?, place(selection.extent)?);
            Some(SheetCursor { sheet_id: sheet.id().to_string(), anchor, focus })
        });
        if let Some(cursor) = cursor.flatten().and_then(|cursor| serde_json::to_value(cursor).ok()) {
            // A busy session hears of the next selection instead.
            let _ = self.outgoing.handle().presence(SHEET, cursor);
        }
    }
}

/// What somebody has selected, if it is in this sheet and still there.
fn selected(sheet: &Sheet, peer: &Peer) -> Option<grid::Peer> {
    let cursor: SheetCursor = serde_json::from_value(peer.state.get(SHEET)?.clone()).ok()?;
    if *cursor.sheet_id != **sheet.id() {
        return None;
    }
    let position = |place: &CellPlace| {
        let key = CellKey { row: sheet.rows().line(&place.row)?, col: sheet.cols().line(&place.col)? };
        let (row, col) = sheet.position(key)?;
        Some(Position { row, col })
    };
    Some(grid::Peer {
        name: peer.person.name.as_str().into(),
        color: gdk::RGBA::parse(&peer.person.color).ok()?,
        selection: Selection { active: position(&cursor.anchor)?, extent: position(&cursor.focus)? },
    })
}
