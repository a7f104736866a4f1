//! Whatever Ana does at the widgets and Ben elsewhere, in any order: what is drawn is what the document holds, and both hold
//! the same in the end.

use proptest::prelude::*;
use shared::document::sheet::{Area, Axis, Position as At};

use super::testing::{Desk, at};
use crate::sheet::cell_editor::Outcome;
use crate::sheet::grid::model::cell_name;
use crate::sheet::grid::{GridEvent, Shown};
use crate::sheet::selection::{Direction, Position, Selection};
use crate::ui::testing::{on_display, settle};

/// What happens next.
#[derive(Debug, Clone)]
enum Step {
    Select(Position, Position),
    Begin(&'static str),
    Commit,
    Cancel,
    Clear,
    Bold,
    CutAndPaste(Position),
    Insert(Axis),
    Delete(Axis),
    Undo,
    Redo,
    BenTypes(Position, &'static str),
    BenInserts(Axis, usize),
    BenDeletes(Axis, usize),
    Hear,
    Tell,
}

const TYPED: [&str; 6] = ["7", "words", "=A1+B2", "=SUM(A1:C3)", "=1/0", ""];

fn cell() -> impl Strategy<Value = Position> {
    (0usize..6, 0usize..4).prop_map(|(row, col)| Position { row, col })
}

fn axis() -> impl Strategy<Value = Axis> {
    prop_oneof![Just(Axis::Row), Just(Axis::Col)]
}

fn step() -> impl Strategy<Value = Step> {
    let typed = || (0..TYPED.len()).prop_map(|n| TYPED[n]);
    prop_oneof![
        4 => (cell(), cell()).prop_map(|(a, b)| Step::Select(a, b)),
        4 => typed().prop_map(Step::Begin),
        3 => Just(Step::Commit),
        1 => Just(Step::Cancel),
        1 => Just(Step::Clear),
        1 => Just(Step::Bold),
        1 => cell().prop_map(Step::CutAndPaste),
        1 => axis().prop_map(Step::Insert),
        1 => axis().prop_map(Step::Delete),
        2 => Just(Step::Undo),
        1 => Just(Step::Redo),
        4 => (cell(), typed()).prop_map(|(at, typed)| Step::BenTypes(at, typed)),
        1 => (axis(), 0usize..5).prop_map(|(axis, at)| Step::BenInserts(axis, at)),
        1 => (axis(), 0usize..5).prop_map(|(axis, at)| Step::BenDeletes(axis, at)),
        3 => Just(Step::Hear),
        2 => Just(Step::Tell),
    ]
}

fn take(desk: &mut Desk, step: Step) {
    match step {
        Step::Select(active, extent) => desk.selects(Selection { active, extent }),
        Step::Begin(text) => desk.begins(text),
        Step::Commit if desk.binding.parts.editor.is_editing() => {
            desk.ends(Outcome::Commit(Some(Direction::Down)));
        }
        Step::Cancel if desk.binding.parts.editor.is_editing() => desk.ends(Outcome::Cancel),
        Step::Commit | Step::Cancel => {}
        Step::Clear => desk.does(GridEvent::Clear),
        Step::Bold => desk.does(GridEvent::Bold),
        Step::CutAndPaste(to) => {
            desk.does(GridEvent::Copy { cut: true });
            let copied = desk.binding.copied.borrow().as_ref().map(|(text, _)| text.clone());
            desk.selects(Selection::cell(to));
            desk.binding.paste_text(&copied.unwrap_or_default());
        }
        Step::Insert(axis) => desk.binding.insert(axis),
        Step::Delete(axis) => desk.binding.delete(axis),
        Step::Undo => desk.does(GridEvent::Undo),
        Step::Redo => desk.does(GridEvent::Redo),
        Step::BenTypes(Position { row, col }, text) => {
            desk.ben_does(|document, sheet| document.type_into(sheet, At { row, col }, text));
        }
        Step::BenInserts(axis, at) => {
            desk.ben_does(|document, sheet| document.insert_lines(sheet, axis, at, 1))
        }
        Step::BenDeletes(axis, at) => {
            desk.ben_does(|document, sheet| document.delete_lines(sheet, axis, at, 1))
        }
        Step::Hear => desk.hears(),
        Step::Tell => drop(desk.tells()),
    }
}

/// What is drawn, and what stands in the bar, read from the document alone.
fn assert_true(desk: &Desk) {
    settle();
    desk.computes();
    let (rows, cols) = desk.binding.parts.grid.viewport();
    let values = desk.binding.values.borrow();
    let replica = desk.binding.replica.borrow();
    let workbook = replica.workbook();
    let sheet = &workbook.sheets()[0];
    for (row, col) in rows.flat_map(|row| cols.clone().map(move |col| (row, col))) {
        let key = sheet.key_at(row, col).expect("a cell that is seen");
        let drawn = desk.drawn(&cell_name(Position { row, col })).unwrap_or_default();
        let bold = sheet.style(key).is_some_and(|style| style.bold);
        let text: &str = &values.shown(sheet, key);
        let wanted = Shown { text: text.into(), bold: bold && !text.is_empty(), ..drawn.clone() };
        assert_eq!(drawn, wanted, "{row}:{col}");
    }
    if !desk.binding.parts.editor.is_editing() {
        let Position { row, col } = desk.active();
        let typed = sheet.key_at(row, col).map(|key| workbook.typed(sheet, key));
        assert_eq!(Some(desk.bar()), typed);
    }
}

#[test]
fn what_is_drawn_is_what_the_document_holds_and_both_hold_the_same() {
    on_display(|| {
        let config = ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() };
        proptest!(config, |(steps in prop::collection::vec(step(), 1..40))| {
            let mut desk = Desk::new();
            for step in steps {
                take(&mut desk, step);
                assert_true(&desk);
            }
            if desk.binding.parts.editor.is_editing() {
                desk.ends(Outcome::Cancel);
            }
            for _ in 0..2 {
                desk.tells();
                desk.hears();
            }
            let whole = Area::between(At { row: 0, col: 0 }, At { row: 12, col: 8 });
            for At { row, col } in whole.positions() {
                let name = cell_name(Position { row, col });
                desk.selects(Selection::cell(at(&name)));
                prop_assert_eq!(desk.bar(), desk.bens(&name), "{}", name);
            }
        });
    });
}
