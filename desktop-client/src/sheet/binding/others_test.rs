//! Where people are, told and drawn, while the sheet changes under them.

use serde_json::{Value, json};
use shared::document::sheet::Axis;

use super::testing::{Desk, area, at};
use crate::session::Person;
use crate::session::person::Peer;
use crate::session::presence::SHEET;
use crate::sheet::selection::Selection;
use crate::sheet::tabs::TabEvent;
use crate::ui::testing::{on_display, wait_for};

/// Ben as Ana's session tells of him, with this selection.
fn ben(selection: Value) -> Peer {
    Peer { client: 2, person: Person::new("Ben", None), caret: None, state: json!({ SHEET: selection }) }
}

/// Ben on these lines of the first sheet.
fn ben_at(row: &str, col: &str) -> Peer {
    let place = json!({ "row": row, "col": col });
    ben(json!({ "sheetId": "s0", "anchor": place, "focus": place }))
}

fn drawn(desk: &Desk) -> Vec<(String, Selection)> {
    let peer = |peer: &crate::sheet::grid::Peer| (peer.name.to_string(), peer.selection);
    desk.binding.parts.grid.read(|model| model.peers.iter().map(peer).collect())
}

#[test]
fn ones_selection_is_told_by_the_ids_of_its_lines() {
    on_display(|| {
        let mut desk = Desk::new();
        desk.selects(area("B3", "D5"));
        let (_, presence) = desk.tells();
        assert_eq!(
            presence[SHEET],
            json!({
                "sheetId": "s0",
                "anchor": { "row": "r2", "col": "c1" },
                "focus": { "row": "r4", "col": "c3" },
            })
        );
        desk.ben_does(|document, sheet| document.insert_lines(sheet, Axis::Row, 0, 1));
        desk.hears();
        desk.selects(Selection::cell(at("B4")));
        let (_, presence) = desk.tells();
        assert_eq!(presence[SHEET]["anchor"], json!({ "row": "r2", "col": "c1" }));
    });
}

#[test]
fn what_others_selected_is_drawn_follows_its_cells_and_goes_with_them() {
    on_display(|| {
        let mut desk = Desk::new();
        desk.binding.set_peers(vec![ben_at("r4", "c2")]);
        assert_eq!(drawn(&desk), [("Ben".to_owned(), Selection::cell(at("C5")))]);
        assert_eq!(desk.described(), "A1: empty; Ben at C5");
        let named = |desk: &Desk| desk.binding.parts.grid.read(|model| model.peers[0].named);
        assert!(named(&desk), "who comes is named");
        desk.binding.set_peers(vec![ben_at("r4", "c2")]);
        wait_for("the name covers no cell any more", || !named(&desk));
        desk.binding.set_peers(vec![ben_at("r4", "c2")]);
        assert!(!named(&desk), "who stands still is not named again");
        desk.ben_does(|document, sheet| document.insert_lines(sheet, Axis::Row, 1, 3));
        desk.hears();
        assert_eq!(drawn(&desk)[0].1, Selection::cell(at("C8")));
        desk.ben_does(|document, sheet| document.delete_lines(sheet, Axis::Col, 2, 1));
        desk.hears();
        assert_eq!(drawn(&desk), []);
        assert_eq!(desk.described(), "A1: empty");
    });
}

#[test]
fn others_are_drawn_in_their_sheet_only() {
    on_display(|| {
        let desk = Desk::new();
        desk.binding.set_peers(vec![ben_at("r0", "c0")]);
        desk.binding.tab_event(TabEvent::Add);
        assert_eq!(drawn(&desk), []);
        desk.binding.tab_event(TabEvent::Show(0));
        assert_eq!(drawn(&desk).len(), 1);
        desk.binding.set_peers(Vec::new());
        assert_eq!(drawn(&desk), []);
    });
}

#[test]
fn a_strangers_selection_is_never_trusted() {
    on_display(|| {
        let desk = Desk::new();
        let place = json!({ "row": "r1", "col": "nowhere" });
        let hostile = [
            json!(null),
            json!({ "sheetId": "s0" }),
            json!({ "sheetId": 7, "anchor": [], "focus": {} }),
            json!({ "sheetId": "s0", "anchor": place, "focus": place }),
        ];
        desk.binding.set_peers(hostile.map(ben).into());
        assert_eq!(drawn(&desk), []);
    });
}
