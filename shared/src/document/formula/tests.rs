//! Formulas typed, stored and shown.

use proptest::prelude::*;

use super::*;
use crate::document::SheetDocument;
use crate::document::sheet::genesis::FIRST_SHEET;
use crate::document::sheet::{Axis, Workbook};

fn sheet() -> SheetDocument {
    SheetDocument::new(7).unwrap()
}

fn stored(workbook: &Workbook, typed: &str) -> String {
    store(typed, workbook, FIRST_SHEET).unwrap()
}

fn shown(workbook: &Workbook, stored: &str) -> String {
    show(stored, workbook, Some(FIRST_SHEET))
}

#[test]
fn references_are_stored_as_ids_and_shown_as_addresses() {
    let mut document = sheet();
    let (other, _) = document.add_sheet(Some("My sheet's")).unwrap();
    let workbook = document.workbook();
    for (typed, is_stored) in [
        ("=SUM(C1:C3)", "=SUM(⟦r0:c2,r2:c2⟧)".to_owned()),
        ("=A1+$B$2*C$3-$D4", "=⟦r0:c0⟧+⟦$r1:$c1⟧*⟦$r2:c2⟧-⟦r3:$c3⟧".to_owned()),
        ("=SUM(A:B)+SUM($2:3)", "=SUM(⟦*:c0,*:c1⟧)+SUM(⟦$r1:*,r2:*⟧)".to_owned()),
        ("='My sheet''s'!A1", format!("=⟦{other}!r0:c0⟧")),
        ("=LOG10(A1)&\"A1 \"\"B2\"\" ⟦\"", "=LOG10(⟦r0:c0⟧)&\"A1 \"\"B2\"\" ⟦\"".to_owned()),
        ("=Tax*1.5E3+TRUE", "=Tax*1.5E3+TRUE".to_owned()),
        ("=Nowhere!A1", "=Nowhere!A1".to_owned()),
    ] {
        assert_eq!(stored(workbook, typed), is_stored);
        assert_eq!(shown(workbook, &is_stored), typed);
    }
    assert_eq!(shown(workbook, &stored(workbook, "=sum(a1:b2")), "=sum(A1:B2)");
}

#[test]
fn a_formula_follows_its_cells_when_lines_come_go_and_come_back() {
    let mut document = sheet();
    let formula = stored(document.workbook(), "=SUM(A2:A5)+A3");
    document.insert_lines(FIRST_SHEET, Axis::Row, 0, 2).unwrap();
    assert_eq!(shown(document.workbook(), &formula), "=SUM(A4:A7)+A5");
    document.delete_lines(FIRST_SHEET, Axis::Row, 6, 1).unwrap();
    assert_eq!(shown(document.workbook(), &formula), "=SUM(A4:A6)+A5");
    document.delete_lines(FIRST_SHEET, Axis::Row, 4, 1).unwrap();
    assert_eq!(shown(document.workbook(), &formula), "=SUM(A4:A5)+#REF!");
    document.delete_lines(FIRST_SHEET, Axis::Row, 3, 2).unwrap();
    assert_eq!(shown(document.workbook(), &formula), "=SUM(#REF!)+#REF!");
    let gone: Vec<_> = document.workbook().sheets()[0].rows().deleted().collect();
    document.undelete_lines(FIRST_SHEET, Axis::Row, &gone).unwrap();
    assert_eq!(shown(document.workbook(), &formula), "=SUM(A4:A7)+A5");
}

#[test]
fn a_formula_names_a_renamed_sheet_and_loses_a_deleted_one() {
    let mut document = sheet();
    let (other, _) = document.add_sheet(Some("Data")).unwrap();
    let formula = stored(document.workbook(), "=Data!B2");
    document.rename_sheet(&other, "New data").unwrap();
    assert_eq!(shown(document.workbook(), &formula), "='New data'!B2");
    document.delete_sheet(&other).unwrap();
    assert_eq!(shown(document.workbook(), &formula), "=#REF!");
}

#[test]
fn copying_moves_what_has_no_dollar() {
    assert_eq!(shift("=A1+$A$1+A$1+$A1", 2, 1).unwrap(), "=B3+$A$1+B$1+$A3");
    assert_eq!(shift("=SUM(B2:C3)&\"A1\"", -1, -1).unwrap(), "=SUM(A1:B2)&\"A1\"");
    assert_eq!(shift("=A1+B2", -1, 0).unwrap(), "=#REF!+B1");
    assert_eq!(shift("='a b'!A1", 1, 0).unwrap(), "='a b'!A2");
    assert_eq!(shift("=SUM(A:A)+SUM(1:1)", 1, 1).unwrap(), "=SUM(B:B)+SUM(2:2)");
}

#[test]
fn formulas_too_long_or_nested_a_hundred_thousand_deep_are_refused() {
    let deep = format!("={}1{}", "(".repeat(100_000), ")".repeat(100_000));
    assert_eq!(check(&deep), Err(FormulaError::TooLong));
    for unit in ["(", "-", "{", "+ -", "IF(", "@"] {
        let typed = format!("={}1", unit.repeat(1_000));
        assert_eq!(check(&typed), Err(FormulaError::TooDeep), "{unit}");
        assert!(store(&typed, sheet().workbook(), FIRST_SHEET).is_err());
    }
    assert_eq!(check("=1)"), Err(FormulaError::Unbalanced));
    assert_eq!(check("=\"a"), Err(FormulaError::Quote));
    assert_eq!(check("=\"(((\"&A1&'((('!B1"), Ok(0));
    assert_eq!(check(&format!("={}", "(".repeat(256))), Ok(256));
    assert_eq!(scan::scan("=⟦r0:c0⟧"), Err(FormulaError::Character('⟦')));
}

#[test]
fn what_others_stored_wrongly_shows_as_an_error() {
    let document = sheet();
    for bad in
        ["⟦⟧", "⟦r0⟧", "⟦r0:⟧", "⟦:c0⟧", "⟦*:*⟧", "⟦r0:*⟧", "⟦r0:c0,r1:*⟧", "⟦zz:c0⟧", "⟦x!r0:c0⟧", "⟦r0:c0"]
    {
        assert_eq!(shown(document.workbook(), &format!("={bad}")), "=#REF!", "{bad}");
    }
}

proptest! {
    #[test]
    fn pieces_of_any_text_put_together_give_it_again(text in "[=A-D1-9$:!'\"(),+ é.]{0,30}") {
        if let Ok(pieces) = scan::scan(&text) {
            let joined: String = pieces.iter().map(|piece| match piece {
                scan::Piece::Text(text) => *text,
                scan::Piece::Reference { typed, .. } => *typed,
            }).collect();
            prop_assert_eq!(joined, text);
        }
    }

    #[test]
    fn stored_and_shown_again_a_formula_means_the_same(text in "=[A-C1-5$:(),+*\"é ]{0,24}") {
        let document = sheet();
        let workbook = document.workbook();
        if let Ok(first) = store(&text, workbook, FIRST_SHEET) {
            let seen = shown(workbook, &first);
            // Whoever types what is shown stores the same.
            if let Ok(second) = store(&seen, workbook, FIRST_SHEET) {
                prop_assert_eq!(shown(workbook, &second), seen);
            }
        }
    }

    #[test]
    fn moving_there_and_back_changes_nothing(row in 10..50usize, col in 5..20usize, rows in -9..9isize, cols in -4..4isize) {
        let formula = format!("=SUM({}:$C$3)+1", crate::document::address::cell_name(row, col));
        let there = shift(&formula, rows, cols).unwrap();
        prop_assert_eq!(shift(&there, -rows, -cols).unwrap(), formula);
    }

    #[test]
    fn nothing_that_others_store_makes_it_panic(stored in "[=⟦⟧rc0-2:,!$*\"'é(]{0,30}") {
        let document = sheet();
        let _ = shown(document.workbook(), &stored);
    }
}
