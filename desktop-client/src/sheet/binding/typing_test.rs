//! Changing cells while somebody else changes the sheet.

use shared::document::sheet::{Area, Axis, Position as At};

use super::testing::{Desk, at};
use crate::sheet::cell_editor::Outcome;
use crate::sheet::grid::GridEvent;
use crate::sheet::selection::{Direction, Selection};
use crate::ui::testing::on_display;

#[test]
fn what_is_typed_is_one_edit_is_shown_and_the_selection_goes_on() {
    on_display(|| {
        let mut desk = Desk::new();
        desk.begins("12.50");
        assert_eq!(desk.tells().0, 0, "nothing is told before the edit ends");
        desk.ends(Outcome::Commit(Some(Direction::Down)));
        assert_eq!(desk.tells().0, 1);
        assert_eq!(
            (desk.text("A1"), desk.bens("A1"), desk.active()),
            ("12.5".into(), "12.5".into(), at("A2"))
        );
        assert_eq!(desk.bar(), "", "the next cell is empty");

        // An edit that changes nothing tells nothing.
        desk.selects(Selection::cell(at("A1")));
        desk.does(GridEvent::Edit(None));
        assert_eq!(desk.bar(), "12.5");
        desk.ends(Outcome::Commit(Some(Direction::Right)));
        assert_eq!((desk.tells().0, desk.active()), (0, at("B1")));
    });
}

#[test]
fn escape_keeps_what_the_cell_held() {
    on_display(|| {
        let mut desk = Desk::new();
        desk.types("B2", "kept");
        desk.tells();
        desk.begins("typed over");
        desk.ends(Outcome::Cancel);
        assert_eq!((desk.text("B2"), desk.bar(), desk.tells().0), ("kept".into(), "kept".into(), 0));
    });
}

#[test]
fn an_edit_is_stored_when_another_cell_is_selected() {
    on_display(|| {
        let desk = Desk::new();
        desk.begins("left behind");
        desk.selects(Selection::cell(at("C5")));
        assert_eq!((desk.text("A1"), desk.text("C5")), ("left behind".into(), String::new()));
    });
}

#[test]
fn an_edit_goes_to_its_cell_wherever_others_move_it() {
    on_display(|| {
        let mut desk = Desk::new();
        desk.types("A3", "old");
        desk.tells();
        desk.begins("new");
        desk.ben_does(|document, sheet| document.insert_lines(sheet, Axis::Row, 0, 2));
        desk.ben_does(|document, sheet| document.insert_lines(sheet, Axis::Col, 0, 1));
        desk.hears();
        assert_eq!(desk.bar(), "new", "what is being typed is not replaced");
        desk.ends(Outcome::Commit(None));
        desk.tells();
        assert_eq!((desk.bens("B5"), desk.bens("A3")), ("new".into(), String::new()));
        assert_eq!(desk.text("B5"), "new");
    });
}

#[test]
fn an_edit_of_a_cell_that_others_delete_meanwhile_is_dropped() {
    on_display(|| {
        let mut desk = Desk::new();
        desk.types("A3", "old");
        desk.tells();
        desk.begins("new");
        desk.ben_does(|document, sheet| document.delete_lines(sheet, Axis::Row, 2, 1));
        desk.hears();
        desk.ends(Outcome::Commit(None));
        assert_eq!((desk.tells().0, desk.text("A3")), (0, String::new()));
        assert_eq!(desk.told(), ["Somebody deleted this cell while you changed it."]);
        desk.types("A3", "next");
        assert_eq!(desk.text("A3"), "next", "typing goes on");
    });
}

#[test]
fn what_others_type_into_a_cell_that_is_being_changed_gives_way_to_the_later_edit() {
    on_display(|| {
        let mut desk = Desk::new();
        desk.begins("ana");
        desk.ben_types("A1", "ben");
        desk.hears();
        assert_eq!((desk.text("A1"), desk.bar()), ("ben".into(), "ana".into()));
        desk.ends(Outcome::Commit(None));
        desk.tells();
        assert_eq!((desk.text("A1"), desk.bens("A1")), ("ana".into(), "ana".into()));
    });
}

#[test]
fn the_formula_bar_follows_what_others_do_to_the_active_cell() {
    on_display(|| {
        let mut desk = Desk::new();
        desk.selects(Selection::cell(at("B2")));
        desk.ben_types("B2", "=1+1");
        desk.hears();
        desk.computes();
        assert_eq!((desk.bar(), desk.text("B2")), ("=1+1".into(), "2".into()));
        desk.ben_does(|document, sheet| document.insert_lines(sheet, Axis::Row, 0, 1));
        desk.hears();
        assert_eq!(desk.bar(), "", "another cell stands here now");
        desk.selects(Selection::cell(at("B3")));
        assert_eq!(desk.bar(), "=1+1");
    });
}

#[test]
fn formulas_show_values_and_errors_as_every_spreadsheet_does() {
    on_display(|| {
        let mut desk = Desk::new();
        for (cell, typed) in
            [("A1", "4"), ("A2", "=A1*10"), ("A3", "=1/0"), ("A4", "=A4+1"), ("A5", "=B7&\"x\"")]
        {
            desk.types(cell, typed);
        }
        desk.computes();
        let shown: Vec<String> = ["A1", "A2", "A3", "A4", "A5"].map(|cell| desk.text(cell)).into();
        assert_eq!(shown, ["4", "40", "#DIV/0!", "#CIRC!", "x"]);
        assert!(desk.drawn("A3").is_some_and(|shown| shown.error), "errors are drawn as errors");
        assert!(desk.drawn("A2").is_some_and(|shown| !shown.error));
        // The row that a formula is about goes away.
        desk.tells();
        desk.ben_does(|document, sheet| document.delete_lines(sheet, Axis::Row, 0, 1));
        desk.hears();
        desk.computes();
        assert_eq!((desk.text("A1"), desk.text("A3")), ("#REF!".into(), "#CIRC!".into()));
    });
}

#[test]
fn a_formula_that_cannot_be_stored_says_why_and_stays_to_be_mended() {
    on_display(|| {
        let mut desk = Desk::new();
        desk.types("A1", "kept");
        desk.tells();
        let hostile = format!("={}1{}", "(".repeat(2_000), ")".repeat(2_000));
        desk.begins(&hostile);
        desk.ends(Outcome::Commit(Some(Direction::Down)));
        assert_eq!(desk.told().len(), 1);
        assert_eq!((desk.bar(), desk.active(), desk.tells().0), (hostile.clone(), at("A1"), 0));
        desk.rewrites("=1+1");
        desk.ends(Outcome::Commit(None));
        desk.computes();
        assert_eq!(desk.text("A1"), "2");
        // Who goes elsewhere instead gets the cell as it was.
        desk.begins(&hostile);
        desk.selects(Selection::cell(at("D4")));
        desk.selects(Selection::cell(at("A1")));
        assert_eq!(desk.bar(), "=1+1");
    });
}

#[test]
fn a_sheet_that_may_not_be_edited_takes_no_edit() {
    on_display(|| {
        let mut desk = Desk::new();
        desk.types("A1", "before");
        desk.tells();
        desk.binding.set_editable(false);
        desk.does(GridEvent::Edit(Some("x".into())));
        assert_eq!(desk.bar(), "before");
        desk.does(GridEvent::Clear);
        desk.does(GridEvent::Bold);
        assert_eq!((desk.tells().0, desk.text("A1")), (0, "before".into()));
    });
}

#[test]
fn a_cell_is_gone_to_by_its_name_and_nowhere_else() {
    on_display(|| {
        let desk = Desk::new();
        desk.binding.go(" c40 ");
        assert_eq!(desk.active(), at("C40"));
        desk.binding.go("ZZZ1");
        assert_eq!(desk.told(), ["There is no cell “ZZZ1”."]);
        assert_eq!(desk.active(), at("C40"));
    });
}

#[test]
fn undo_takes_back_ones_own_cells_only() {
    on_display(|| {
        let mut desk = Desk::new();
        desk.types("A1", "ana");
        desk.ben_types("A2", "ben");
        desk.hears();
        assert_eq!(desk.binding.undo_state(), (true, false));
        desk.does(GridEvent::Undo);
        desk.does(GridEvent::Undo);
        assert_eq!((desk.text("A1"), desk.text("A2")), (String::new(), "ben".into()));
        assert_eq!(desk.binding.undo_state(), (false, true));
        desk.does(GridEvent::Redo);
        desk.tells();
        assert_eq!((desk.text("A1"), desk.bens("A1")), ("ana".into(), "ana".into()));
    });
}

#[test]
fn cells_far_away_are_drawn_when_they_are_scrolled_to() {
    on_display(|| {
        let mut desk = Desk::new();
        let all = Area::between(At { row: 0, col: 0 }, At { row: 99, col: 0 });
        let typed: Vec<(At, String)> = all.positions().map(|at| (at, format!("row {}", at.row))).collect();
        let typed: Vec<(At, &str)> = typed.iter().map(|(at, text)| (*at, &text[..])).collect();
        desk.ben_does(|document, sheet| document.type_all(sheet, &typed));
        desk.hears();
        assert_eq!((desk.text("A1"), desk.text("A100")), ("row 0".into(), String::new()));
        desk.selects(Selection::cell(at("A100")));
        assert_eq!(desk.text("A100"), "row 99");
        assert_eq!(desk.described(), "A100: row 99");
    });
}
