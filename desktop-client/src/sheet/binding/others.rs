//! One's own selection for the others, and theirs.

use std::rc::Rc;

use relm4::gtk::{gdk, glib};
use shared::document::sheet::{CellKey, Sheet};
use shared::protocol::presence::{CellPlace, SheetCursor};

use super::Binding;
use crate::session::person::Peer;
use crate::session::presence::SHEET;
use crate::sheet::grid;
use crate::sheet::selection::{Position, Selection};
use crate::ui::NAME_SHOWN;

impl Binding {
    /// Who else is here.
    pub(in crate::sheet) fn set_peers(self: &Rc<Self>, peers: Vec<Peer>) {
        self.peers.replace(peers);
        self.show_peers();
        self.describe();
    }

    /// Draws what others have selected in the sheet that is seen.
    pub(super) fn show_peers(self: &Rc<Self>) {
        let peers = self.peers.borrow();
        let mut shown = self
            .with_sheet(|_, sheet| peers.iter().filter_map(|peer| selected(sheet, peer)).collect::<Vec<_>>())
            .unwrap_or_default();
        drop(peers);
        for peer in &mut shown {
            let known = |model: &grid::Model| {
                let stands =
                    |known: &&grid::Peer| known.client == peer.client && known.selection == peer.selection;
                model.peers.iter().find(stands).map(|known| known.named)
            };
            peer.named = self.parts.grid.read(known).unwrap_or_else(|| {
                self.hide_name_later(peer.client, peer.selection);
                true
            });
        }
        if self.parts.grid.read(|model| model.peers != shown) {
            self.parts.grid.update(|model| model.peers = shown);
        }
    }

    /// The name of somebody who stands still covers cells long enough.
    fn hide_name_later(self: &Rc<Self>, client: u64, selection: Selection) {
        let binding = Rc::downgrade(self);
        glib::timeout_add_local_once(NAME_SHOWN, move || {
            let Some(binding) = binding.upgrade() else { return };
            binding.parts.grid.update(|model| {
                let stands = |peer: &&mut grid::Peer| peer.client == client && peer.selection == selection;
                model.peers.iter_mut().filter(stands).for_each(|peer| peer.named = false);
            });
        });
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
        client: peer.client,
        named: false,
        name: peer.person.name.as_str().into(),
        color: gdk::RGBA::parse(&peer.person.color).ok()?,
        selection: Selection { active: position(&cursor.anchor)?, extent: position(&cursor.focus)? },
    })
}
