//! Formulas computed.

use std::time::Duration;

use super::*;
use crate::document::SheetDocument;
use crate::document::address::parse_cell;
use crate::document::sheet::genesis::FIRST_SHEET;
use crate::document::sheet::{Area, Axis, Edit, Position};

const LONG: Duration = Duration::from_secs(60);

struct Desk {
    document: SheetDocument,
    calculator: Calculator,
}

impl Desk {
    fn new() -> Desk {
        let document = SheetDocument::new(7).unwrap();
        let mut calculator = Calculator::spawn(|| {}).unwrap();
        calculator.load(document.workbook());
        Desk { document, calculator }
    }

    fn did(&mut self, edit: Edit) {
        self.calculator.follow(self.document.workbook(), &edit.changes);
    }

    fn put(&mut self, sheet: &str, cell: &str, typed: &str) {
        let (row, col) = parse_cell(cell).unwrap();
        let edit = self.document.type_into(sheet, Position { row, col }, typed).unwrap();
        self.did(edit);
    }

    fn shows_in(&self, sheet: &str, cell: &str) -> String {
        let values = self.calculator.wait(LONG).expect("computed in time");
        let sheet = self.document.workbook().sheet(sheet).unwrap();
        let (row, col) = parse_cell(cell).unwrap();
        values.shown(sheet, sheet.key_at(row, col).unwrap())
    }

    fn shows(&self, cell: &str) -> String {
        self.shows_in(FIRST_SHEET, cell)
    }
}

#[test]
fn the_functions_of_the_first_version_compute() {
    let mut desk = Desk::new();
    for (n, typed) in ["1", "2", "3.5", "x", "TRUE"].iter().enumerate() {
        desk.put(FIRST_SHEET, &format!("A{}", n + 1), typed);
    }
    for (n, (typed, shows)) in [
        ("=A1+A2*A3-A1/A2^2", "7.75"),
        ("=A1&\"-\"&A4", "1-x"),
        ("=A1<A2", "TRUE"),
        ("=A1>=A2", "FALSE"),
        ("=A4<>\"x\"", "FALSE"),
        ("=SUM(A1:A5)", "6.5"),
        ("=AVERAGE(A1:A3)", "2.166666667"),
        ("=MIN(A1:A3)&MAX(A1:A3)", "13.5"),
        ("=COUNT(A1:A5)", "3"),
        ("=IF(A1=1,\"yes\",\"no\")", "yes"),
        ("=ROUND(A3/A2,1)", "1.8"),
        ("=SUM(A:A)", "6.5"),
        ("=-A1%", "-0.01"),
        ("=(A1+A2)*2", "6"),
    ]
    .iter()
    .enumerate()
    {
        let cell = format!("C{}", n + 1);
        desk.put(FIRST_SHEET, &cell, typed);
        assert_eq!(desk.shows(&cell), *shows, "{typed}");
    }
}

#[test]
fn errors_are_shown_in_the_words_of_spreadsheets() {
    let mut desk = Desk::new();
    for (n, (typed, shows)) in [
        ("=1/0", "#DIV/0!"),
        ("=NOTHING(1)", "#NAME?"),
        ("=\"a\"+1", "#VALUE!"),
        ("=Nowhere!A1", "#REF!"),
        ("=A5", "#CIRC!"),
        ("=1+", "#ERROR!"),
    ]
    .iter()
    .enumerate()
    {
        let cell = format!("A{}", n + 1);
        desk.put(FIRST_SHEET, &cell, typed);
        assert_eq!(desk.shows(&cell), *shows, "{typed}");
    }
    desk.put(FIRST_SHEET, "B1", "1");
    desk.put(FIRST_SHEET, "B2", "=B1+1");
    let edit = desk.document.delete_lines(FIRST_SHEET, Axis::Row, 0, 1).unwrap();
    desk.did(edit);
    assert_eq!(desk.shows("B1"), "#REF!");
    let edit = desk.document.undo().unwrap();
    desk.did(edit);
    assert_eq!(desk.shows("B2"), "2");
}

#[test]
fn values_follow_edits_moves_other_sheets_and_names() {
    let mut desk = Desk::new();
    let (data, edit) = desk.document.add_sheet(Some("A name of more than thirty-one characters")).unwrap();
    desk.did(edit);
    desk.put(&data, "B2", "21");
    desk.put(FIRST_SHEET, "A1", "='A name of more than thirty-one characters'!B2*2");
    assert_eq!(desk.shows("A1"), "42");
    desk.put(&data, "B2", "4");
    assert_eq!(desk.shows("A1"), "8");
    let edit = desk.document.insert_lines(&data, Axis::Row, 0, 3).unwrap();
    desk.did(edit);
    assert_eq!(desk.shows("A1"), "8");
    let edit = desk.document.name_formula("Tax", "=A1").unwrap();
    desk.did(edit);
    desk.put(FIRST_SHEET, "A3", "=Tax*10+1");
    assert_eq!(desk.shows("A3"), "81");
    desk.put(FIRST_SHEET, "A1", "");
    assert_eq!(desk.shows("A3"), "1");
    desk.put(FIRST_SHEET, "D1", "50%");
    desk.put(FIRST_SHEET, "D2", "=D1/3");
    let edit = desk
        .document
        .restyle(FIRST_SHEET, Area::cell(Position { row: 1, col: 3 }), |style| {
            style.number_format = Some("0.0%".into())
        })
        .unwrap();
    desk.did(edit);
    assert_eq!((desk.shows("D1"), desk.shows("D2")), ("50%".into(), "16.7%".into()));
}

#[test]
fn a_sheet_is_exported_with_its_values() {
    let mut desk = Desk::new();
    desk.put(FIRST_SHEET, "A1", "2");
    desk.put(FIRST_SHEET, "B1", "=A1*3");
    desk.put(FIRST_SHEET, "A3", "a,b");
    let values = desk.calculator.wait(LONG).unwrap();
    let workbook = desk.document.workbook();
    assert_eq!(export::workbook_to_csv(workbook, &values), "2,6\n,\n\"a,b\",\n");
    let json: serde_json::Value = serde_json::from_str(&export::to_json(workbook, &values)).unwrap();
    assert_eq!(json["sheets"][0]["cells"]["B1"], serde_json::json!({"value": 6.0, "formula": "=A1*3"}));
    assert_eq!(json["sheets"][0]["cells"]["A3"], serde_json::json!({"value": "a,b"}));
}

#[test]
fn hostile_formulas_that_others_stored_cost_nobody_the_process() {
    let mut desk = Desk::new();
    let deep =
        |open: &str, close: &str, times: usize| format!("={}1{}", open.repeat(times), close.repeat(times));
    let hostile = [
        deep("(", ")", 20_000),
        deep("-", "", 20_000),
        deep("IF(1,", ")", 250),
        deep("1^", "", 4_000),
        deep("1&", "", 4_000),
        deep("{", "}", 250),
        deep("-(", ")", 127),
        "=⟦".to_owned(),
        "=((((".to_owned(),
        String::new(),
        "no formula".to_owned(),
        "=REPT(\"x\",1e9)".to_owned(),
    ];
    for (n, stored) in hostile.iter().enumerate() {
        // As a foreign client would: straight into the shared map.
        desk.document.store_unchecked(FIRST_SHEET, &format!("r{n}:c0"), stored);
    }
    desk.put(FIRST_SHEET, "B1", "=1+1");
    desk.calculator.load(desk.document.workbook());
    assert_eq!(desk.shows("B1"), "2");
    assert_eq!(desk.shows("A1"), "#ERROR!");
    assert_eq!(desk.shows("A2"), "#ERROR!");
}

#[test]
fn a_burst_of_edits_is_put_together_and_the_last_counts() {
    let mut desk = Desk::new();
    desk.put(FIRST_SHEET, "B1", "=A1*2");
    for number in 0..500 {
        desk.put(FIRST_SHEET, "A1", &number.to_string());
    }
    assert_eq!(desk.shows("B1"), "998");
}

#[test]
fn long_chains_and_spilled_results_compute() {
    let mut desk = Desk::new();
    let typed: Vec<(Position, String)> = (0..20_000)
        .map(|row| (Position { row, col: 0 }, if row == 0 { "1".into() } else { format!("=A{row}+1") }))
        .collect();
    let typed: Vec<(Position, &str)> = typed.iter().map(|(at, text)| (*at, &text[..])).collect();
    let edit = desk.document.type_all(FIRST_SHEET, &typed).unwrap();
    desk.did(edit);
    assert_eq!(desk.shows("A20000"), "20000");
    desk.put(FIRST_SHEET, "C1", "=SEQUENCE(3,2)");
    assert_eq!((desk.shows("C1"), desk.shows("D3")), ("1".into(), "6".into()));
}

#[test]
fn circles_of_any_length_are_told_and_chains_of_any_direction_computed() {
    const LONG_ONE: usize = 20_000;
    let mut desk = Desk::new();
    // Each cell of column A needs the one below it, the last one a number: the engine meets the deepest need first.
    let below = |row: usize, end: &str| match row + 1 {
        LONG_ONE => end.to_owned(),
        next => format!("=A{}+1", next + 1),
    };
    let column: Vec<(Position, String)> =
        (0..LONG_ONE).map(|row| (Position { row, col: 0 }, below(row, "1"))).collect();
    let column: Vec<(Position, &str)> = column.iter().map(|(at, text)| (*at, &text[..])).collect();
    let edit = desk.document.type_all(FIRST_SHEET, &column).unwrap();
    desk.did(edit);
    assert_eq!(desk.shows("A1"), LONG_ONE.to_string());
    // Now the last needs the first.
    desk.put(FIRST_SHEET, &format!("A{LONG_ONE}"), "=A1");
    assert_eq!((desk.shows("A1"), desk.shows("A9999")), ("#CIRC!".into(), "#CIRC!".into()));
    desk.put(FIRST_SHEET, "B2", "=SUM(B1:B3)");
    desk.put(FIRST_SHEET, "B5", "=1+1");
    assert_eq!((desk.shows("B2"), desk.shows("B5")), ("#CIRC!".into(), "2".into()));
    let (other, edit) = desk.document.add_sheet(Some("Other")).unwrap();
    desk.did(edit);
    desk.put(&other, "A1", "=Sheet1!C1");
    desk.put(FIRST_SHEET, "C1", "=Other!A1");
    assert_eq!(desk.shows("C1"), "#CIRC!");
    desk.put(&other, "A1", "7");
    desk.put(FIRST_SHEET, &format!("A{LONG_ONE}"), "5");
    assert_eq!(
        (desk.shows("C1"), desk.shows("A1")),
        ("7".into(), (LONG_ONE + 4).to_string()),
        "a circle that is broken up computes"
    );
}
