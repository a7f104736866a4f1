//! What can be done to cells, lines and sheets.

use shared::document::sheet::Axis;

use super::testing::{Desk, area, at};
use crate::sheet::grid::{GridEvent, Part};
use crate::sheet::selection::{Direction, Selection};
use crate::sheet::tabs::TabEvent;
use crate::ui::find_bar::FindEvent;
use crate::ui::testing::{on_display, wait_for};

#[test]
fn copied_cells_are_pasted_with_formulas_that_move_along_and_cut_ones_leave_nothing() {
    on_display(|| {
        let mut desk = Desk::new();
        for (cell, typed) in [("A1", "2"), ("B1", "=A1*3"), ("A2", "5")] {
            desk.types(cell, typed);
        }
        desk.selects(area("A1", "B1"));
        desk.does(GridEvent::Bold);
        desk.does(GridEvent::Copy { cut: false });
        desk.selects(Selection::cell(at("A2")));
        desk.does(GridEvent::Paste);
        wait_for("the clipboard is read", || {
            desk.tells();
            desk.bens("B2") == "=A2*3"
        });
        desk.computes();
        assert_eq!((desk.text("A2"), desk.text("B2")), ("2".into(), "6".into()));
        assert!(desk.drawn("B2").is_some_and(|shown| shown.bold), "looks are copied too");

        desk.selects(Selection::cell(at("A1")));
        desk.does(GridEvent::Copy { cut: true });
        desk.computes();
        assert_eq!((desk.text("A1"), desk.text("B1")), (String::new(), "0".into()));
        desk.tells();
        assert_eq!((desk.bens("A1"), desk.bens("B2")), (String::new(), "=A2*3".into()));
    });
}

#[test]
fn text_of_other_programs_is_pasted_as_if_it_were_typed() {
    on_display(|| {
        let mut desk = Desk::new();
        // What was copied here before is not what the clipboard holds now.
        desk.types("A1", "old");
        desk.selects(Selection::cell(at("A1")));
        desk.does(GridEvent::Copy { cut: false });
        desk.tells();
        desk.selects(area("B2", "C3"));
        desk.binding.paste_text("1\tzwei\n=B2+1\t\"a\tb\"\n");
        desk.computes();
        let shown: Vec<String> = ["B2", "C2", "B3", "C3"].map(|cell| desk.text(cell)).into();
        assert_eq!(shown, ["1", "zwei", "2", "a\tb"]);
        assert_eq!(desk.tells().0, 1, "one paste is one edit");
        desk.does(GridEvent::Undo);
        assert_eq!(desk.text("C2"), "", "and one undo");
    });
}

#[test]
fn clearing_empties_what_is_selected_and_nothing_else() {
    on_display(|| {
        let desk = Desk::new();
        for cell in ["A1", "B1", "B2", "C1"] {
            desk.types(cell, "x");
        }
        desk.selects(area("B2", "A1"));
        desk.does(GridEvent::Clear);
        let shown: Vec<String> = ["A1", "B1", "B2", "C1"].map(|cell| desk.text(cell)).into();
        assert_eq!(shown, ["", "", "", "x"]);
    });
}

#[test]
fn lines_are_inserted_deleted_hidden_and_sized_where_the_selection_is() {
    on_display(|| {
        let mut desk = Desk::new();
        desk.types("B2", "here");
        desk.selects(area("A1", "A2"));
        desk.binding.insert(Axis::Row);
        assert_eq!(desk.text("B4"), "here");
        desk.selects(Selection::cell(at("A1")));
        desk.binding.insert(Axis::Col);
        assert_eq!(desk.text("C4"), "here");
        desk.selects(area("A1", "A3"));
        desk.binding.delete(Axis::Row);
        assert_eq!(desk.text("C1"), "here");
        desk.selects(area("A1", "B1"));
        desk.binding.delete(Axis::Col);
        assert_eq!(desk.text("A1"), "here");
        desk.tells();
        assert_eq!(desk.bens("A1"), "here");

        let rows = |desk: &Desk| desk.binding.parts.grid.read(|model| model.rows.clone());
        let (usual, count) = (rows(&desk).size(1), rows(&desk).count());
        desk.selects(Selection::cell(at("A2")));
        desk.binding.hide(Axis::Row, true);
        assert_eq!((rows(&desk).size(1), rows(&desk).size(2)), (0.0, usual));
        desk.selects(area("A1", "A3"));
        desk.binding.hide(Axis::Row, false);
        assert_eq!(rows(&desk).size(1), usual);
        desk.does(GridEvent::Resize(Part::RowBorder(4), 77.4));
        assert_eq!((rows(&desk).size(4), rows(&desk).count()), (77.0, count));
        desk.does(GridEvent::Resize(Part::ColumnBorder(0), 30.0));
        assert_eq!(desk.binding.parts.grid.read(|model| model.cols.size(0)), 30.0);
    });
}

#[test]
fn a_sheet_keeps_its_last_row() {
    on_display(|| {
        let desk = Desk::new();
        let last = desk.binding.parts.grid.read(|model| model.size().row);
        desk.selects(area("A1", &format!("A{last}")));
        desk.binding.delete(Axis::Row);
        assert_eq!(desk.told(), ["The last one cannot be deleted."]);
    });
}

#[test]
fn ctrl_and_an_arrow_go_to_the_edge_of_what_is_filled() {
    on_display(|| {
        let desk = Desk::new();
        for cell in ["A2", "A3", "A4"] {
            desk.types(cell, "x");
        }
        desk.selects(Selection::cell(at("A2")));
        desk.does(GridEvent::Jump { direction: Direction::Down, extend: true });
        assert_eq!(desk.binding.selection(), area("A2", "A4"));
        desk.does(GridEvent::Jump { direction: Direction::Up, extend: false });
        assert_eq!(desk.active(), at("A1"));
    });
}

#[test]
fn sheets_are_added_named_turned_to_and_deleted_and_formulas_reach_across_them() {
    on_display(|| {
        let mut desk = Desk::new();
        desk.types("A1", "20");
        desk.binding.tab_event(TabEvent::Add);
        assert_eq!((desk.binding.place(), desk.text("A1")), (1, String::new()));
        desk.types("A1", "=Sheet1!A1*2");
        desk.computes();
        assert_eq!(desk.text("A1"), "40");
        let second = desk.binding.shown.borrow().clone();
        desk.binding.rename(&second, "Totals");
        desk.binding.rename(&second, "Sheet1");
        assert_eq!(desk.told().len(), 1, "no two sheets have one name");
        desk.does(GridEvent::OtherSheet(-1));
        assert_eq!((desk.binding.place(), desk.text("A1")), (0, "20".into()));
        desk.types("B1", "=Totals!A1+2");
        desk.computes();
        assert_eq!(desk.text("B1"), "42");

        // Ben deletes the sheet that Ana sees.
        desk.tells();
        desk.binding.tab_event(TabEvent::Show(1));
        desk.ben_does(|document, _| document.delete_sheet(&second));
        desk.hears();
        desk.computes();
        assert_eq!(
            (desk.binding.place(), desk.text("A1"), desk.text("B1")),
            (0, "20".into(), "#REF!".into())
        );
        desk.binding.tab_event(TabEvent::Delete(0));
        assert_eq!(desk.told(), ["The last one cannot be deleted."]);
    });
}

#[test]
fn cells_are_found_by_what_they_show_around_the_end_of_the_sheet() {
    on_display(|| {
        let mut desk = Desk::new();
        for (cell, typed) in [("B2", "Apple pie"), ("A5", "=40+2"), ("C3", "PINEAPPLE"), ("A1", "pear")] {
            desk.types(cell, typed);
        }
        desk.computes();
        desk.selects(Selection::cell(at("B3")));
        let find = |event| desk.binding.find(event);
        assert_eq!((find(FindEvent::Words("apple".into())), desk.active()), ("2 of 2".into(), at("C3")));
        assert_eq!((find(FindEvent::Next), desk.active()), ("1 of 2".into(), at("B2")));
        assert_eq!((find(FindEvent::Previous), desk.active()), ("2 of 2".into(), at("C3")));
        assert_eq!((find(FindEvent::Words("42".into())), desk.active()), ("1 of 1".into(), at("A5")));
        assert_eq!((find(FindEvent::Words("=40".into())), desk.active()), ("No matches".into(), at("A5")));
        // What others type is found too, and where it stands now.
        assert_eq!(find(FindEvent::Words("apple".into())), "1 of 2");
        desk.tells();
        desk.ben_types("A9", "Apples");
        desk.ben_does(|document, sheet| document.insert_lines(sheet, Axis::Row, 0, 1));
        desk.hears();
        let find = |event| desk.binding.find(event);
        desk.selects(Selection::cell(at("B3")));
        assert_eq!((find(FindEvent::Next), desk.active()), ("2 of 3".into(), at("C4")));
        assert_eq!((find(FindEvent::Next), desk.active()), ("3 of 3".into(), at("A10")));
    });
}

#[test]
fn the_selection_is_summed_up() {
    on_display(|| {
        let desk = Desk::new();
        for (cell, typed) in [("A1", "1"), ("A2", "=2+2"), ("A3", "words")] {
            desk.types(cell, typed);
        }
        desk.computes();
        desk.selects(area("A1", "B3"));
        assert_eq!(desk.binding.summary(), "Sum 5 · Average 2.5 · Count 2");
        desk.selects(area("B1", "C4"));
        assert_eq!(desk.binding.summary(), "4 × 2");
        desk.selects(Selection::cell(at("A1")));
        assert_eq!(desk.binding.summary(), "");
    });
}

#[test]
fn a_style_is_turned_off_where_the_active_cell_has_it() {
    on_display(|| {
        let mut desk = Desk::new();
        desk.types("A1", "x");
        let bold = |desk: &Desk| desk.drawn("A1").map(|shown| (shown.bold, shown.italic));
        desk.does(GridEvent::Bold);
        desk.does(GridEvent::Italic);
        assert_eq!(bold(&desk), Some((true, true)));
        desk.does(GridEvent::Bold);
        assert_eq!(bold(&desk), Some((false, true)));
        assert_eq!(desk.tells().0, 4);
    });
}

#[test]
fn a_cell_that_shows_an_error_says_why_and_a_deleted_sheet_how_it_comes_back() {
    on_display(|| {
        let desk = Desk::new();
        for (cell, typed, words) in [
            ("A1", "=1+", "#ERROR! This formula cannot be read"),
            ("A2", "=1/0", "#DIV/0! Something is divided by zero"),
            ("A3", "=A3", "#CIRC! It refers to itself"),
            ("A4", "=SUMME(1)", "#NAME? A name or function is not known"),
            ("A5", "=1+1", ""),
        ] {
            desk.types(cell, typed);
            desk.computes();
            desk.selects(Selection::cell(at(cell)));
            assert_eq!(desk.binding.summary(), words, "{typed}");
        }
        desk.binding.tab_event(TabEvent::Add);
        desk.types("A1", "kept");
        desk.binding.tab_event(TabEvent::Delete(1));
        assert_eq!(
            (desk.binding.place(), desk.told()),
            (0, vec!["“Sheet2” was deleted. Ctrl+Z brings it back.".to_owned()])
        );
        desk.does(GridEvent::Undo);
        desk.binding.tab_event(TabEvent::Show(1));
        assert_eq!((desk.binding.place(), desk.text("A1")), (1, "kept".into()));
    });
}
