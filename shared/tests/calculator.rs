//! What formulas may cost: each class of hostile ones against the real engine in its process.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::PathBuf;
use std::time::Duration;

use shared::document::SheetDocument;
use shared::document::engine::value::LIMIT_ERROR;
use shared::document::engine::{Calculator, Program};
use shared::document::sheet::Position;
use shared::testing::binary::{SERVER, ours};
use shared::testing::wait;

const LONG: Duration = Duration::from_secs(60);

/// Room for the engine's stack, the program, and little more; a calculation may take two seconds.
fn small() -> Program {
    Program { memory_bytes: 1 << 30, seconds: 2, ..Program::new(ours(SERVER)) }
}

struct Desk {
    document: SheetDocument,
    calculator: Calculator,
    sheet: String,
}

impl Desk {
    fn with(program: Program) -> Desk {
        let document = SheetDocument::new(7).unwrap();
        let mut calculator = Calculator::spawn_with(Some(program), || {}).unwrap();
        calculator.load(document.workbook());
        let sheet = document.workbook().sheets()[0].id().to_string();
        Desk { document, calculator, sheet }
    }

    /// Types from the first row of a column on.
    fn type_down(&mut self, col: usize, typed: &[String]) {
        let typed: Vec<(Position, &str)> =
            typed.iter().enumerate().map(|(row, text)| (Position { row, col }, &text[..])).collect();
        let edit = self.document.type_all(&self.sheet, &typed).unwrap();
        self.calculator.follow(self.document.workbook(), &edit.changes);
    }

    fn shows(&self, row: usize, col: usize) -> String {
        let values = self.calculator.wait(LONG).expect("a calculation ends");
        let sheet = self.document.workbook().sheet(&self.sheet).unwrap();
        values.shown(sheet, sheet.key_at(row, col).unwrap())
    }
}

/// A first cell, and below it so many formulas, each made of the address of the one above.
fn chain(first: &str, length: usize, next: impl Fn(&str) -> String) -> Vec<String> {
    std::iter::once(first.to_owned()).chain((1..length).map(|row| next(&format!("A{row}")))).collect()
}

/// Types what costs too much, and something harmless beside it; then takes it away again.
fn ends_at_the_limit(what: &str, hostile: &[String]) {
    let mut desk = Desk::with(small());
    desk.type_down(2, &["=1+1".to_owned()]);
    assert_eq!(desk.shows(0, 2), "2");
    desk.type_down(0, hostile);
    assert_eq!(desk.shows(hostile.len() - 1, 0), LIMIT_ERROR, "{what}");
    assert_eq!(desk.shows(0, 2), LIMIT_ERROR, "{what}: nothing is shown that is not computed");
    desk.type_down(0, &vec![String::new(); hostile.len()]);
    assert_eq!(desk.shows(0, 2), "2", "{what}: a new engine computes what is left");
}

#[test]
fn a_text_that_doubles_from_cell_to_cell_ends_at_the_limit() {
    ends_at_the_limit("a chain of &", &chain("xx", 60, |above| format!("={above}&{above}")));
}

#[test]
fn texts_that_functions_make_long_end_at_the_limit() {
    ends_at_the_limit("SUBSTITUTE", &[r#"=SUBSTITUTE(REPT("x",32000),"x",REPT("y",32000))"#.to_owned()]);
    ends_at_the_limit("BASE", &["=BASE(1,2,1E9)".to_owned()]);
    ends_at_the_limit("REDUCE", &[r#"=REDUCE("x",SEQUENCE(60),LAMBDA(a,b,a&a))"#.to_owned()]);
}

#[test]
fn arrays_of_whole_sheets_end_at_the_limit() {
    ends_at_the_limit("EXPAND", &["=EXPAND(1,1000000,16000,0)".to_owned()]);
    ends_at_the_limit("a range and a number", &["=C2:ALL200000+1".to_owned()]);
    ends_at_the_limit("a range and itself turned", &["=TRANSPOSE(B1:B200000)*B1:B200000".to_owned()]);
}

#[test]
fn a_formula_that_calls_itself_ends_at_the_limit() {
    ends_at_the_limit("LAMBDA", &["=LET(f,LAMBDA(f,f(f)),f(f))".to_owned()]);
}

#[test]
fn a_calculation_that_goes_on_ends_at_its_deadline() {
    let slow = "=MAP(SEQUENCE(100000),LAMBDA(x,SUM(SEQUENCE(100000))))";
    ends_at_the_limit("MAP", &[slow.to_owned()]);
}

#[test]
fn values_of_more_bytes_than_a_window_takes_end_at_the_limit() {
    let wide = vec![r#"=REPT("x",32000)"#.to_owned(); 3_000];
    ends_at_the_limit("many long texts", &wide);
}

#[test]
fn what_is_only_large_computes() {
    let mut desk = Desk::with(Program::new(ours(SERVER)));
    for (typed, shows) in [
        ("=SUM(SEQUENCE(100,100))", "50005000"),
        ("=2^2^2^2^2^2", "#NUM!"),
        (r#"=LEN(REPT("x",32000))"#, "32000"),
        ("=SUM(B1:B200000)", "0"),
    ] {
        desk.type_down(0, &[typed.to_owned()]);
        let shown = desk.shows(0, 0);
        assert!(shown == shows || typed.contains('^') && shown != LIMIT_ERROR, "{typed}: {shown}");
    }
    desk.type_down(0, &chain("1", 20_000, |above| format!("={above}+1")));
    assert_eq!(desk.shows(19_999, 0), "20000");
    desk.type_down(0, &[format!("={}1", "1^".repeat(2_000))]);
    assert_eq!(desk.shows(0, 0), "1");
    desk.type_down(0, &["=A20000".to_owned()]);
    assert_eq!(desk.shows(19_999, 0), "#CIRC!");
}

#[test]
fn a_value_longer_than_a_cell_may_be_is_not_shown() {
    let mut desk = Desk::with(Program::new(ours(SERVER)));
    desk.type_down(0, &chain(&"x".repeat(1 << 10), 9, |above| format!("={above}&{above}")));
    assert_eq!((desk.shows(7, 0).len(), desk.shows(8, 0)), (1 << 17, LIMIT_ERROR.to_owned()));
}

#[test]
fn a_program_that_is_no_calculator_shows_the_limit() {
    let mut desk = Desk::with(Program::new(PathBuf::from("/nonexistent")));
    desk.type_down(0, &["=1+1".to_owned()]);
    assert_eq!(desk.shows(0, 0), LIMIT_ERROR);
}

#[test]
fn an_engine_ends_with_its_calculator() {
    const SECONDS: u64 = 3_599;
    let mut desk = Desk::with(Program { seconds: SECONDS, ..Program::new(ours(SERVER)) });
    desk.type_down(0, &["=MAP(SEQUENCE(1000000),LAMBDA(x,SUM(SEQUENCE(1000000))))".to_owned()]);
    wait::until("the engine runs", || runs_with_argument(SECONDS));
    drop(desk);
    wait::until("the engine has ended", || !runs_with_argument(SECONDS));
}

/// Whether a child of this process was started with this last argument.
fn runs_with_argument(argument: u64) -> bool {
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let mut lines = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    let end = format!("\0{argument}\0");
    lines.any(|line| line.ends_with(end.as_bytes()))
}
