//! Sheets of several people against each other.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::genesis::FIRST_SHEET;
use super::*;
use crate::document::Applied;

fn people(count: u64) -> Vec<SheetDocument> {
    (1..=count).map(|client| SheetDocument::new(client).unwrap()).collect()
}

fn at(row: usize, col: usize) -> Position {
    Position { row, col }
}

fn area(first_row: usize, first_col: usize, last_row: usize, last_col: usize) -> Area {
    Area { first_row, first_col, last_row, last_col }
}

/// Everything that a person sees, formulas as they are shown.
fn seen(document: &SheetDocument) -> Vec<String> {
    let workbook = document.workbook();
    let mut seen = Vec::new();
    for sheet in workbook.sheets() {
        seen.push(format!("sheet {} {}", sheet.id(), sheet.name()));
        for axis in [Axis::Row, Axis::Col] {
            let lines = sheet.lines(axis);
            let shown = (0..lines.len()).filter_map(|position| lines.at(position));
            let shown: Vec<String> =
                shown.map(|line| format!("{} {:?}", lines.id(line), lines.attributes(line))).collect();
            seen.push(format!("{axis:?} {shown:?}"));
        }
        let mut cells = BTreeMap::new();
        for row in 0..sheet.rows().len() {
            for col in 0..sheet.cols().len() {
                if let Some(key) = sheet.key_at(row, col) {
                    let typed = workbook.typed(sheet, key);
                    let style = sheet.style(key);
                    if !typed.is_empty() || style.is_some() {
                        cells.insert((row, col), format!("{typed:?} {style:?}"));
                    }
                }
            }
        }
        seen.push(format!("{cells:?}"));
        seen.push(format!("{:?}", sheet.merges().collect::<Vec<_>>()));
    }
    seen.push(format!("{:?}", workbook.names().collect::<Vec<_>>()));
    seen
}

fn sync(all: &mut [SheetDocument], from: usize, to: usize) {
    let news = all[from].document().encode_since(&all[to].document().state_vector()).unwrap();
    let (_, results) = all[to].apply(&[&news]);
    assert!(results.iter().all(Result::is_ok), "{results:?}");
}

fn sync_all(all: &mut [SheetDocument]) {
    for _ in 0..2 {
        for to in 0..all.len() {
            for from in (0..all.len()).filter(|from| *from != to) {
                sync(all, from, to);
            }
        }
    }
}

#[test]
fn what_one_types_the_other_sees_as_changed_cells() {
    let mut all = people(2);
    let edit = all[0]
        .type_all(FIRST_SHEET, &[(at(0, 0), "12"), (at(1, 0), "50%"), (at(2, 1), "=SUM(A1:A2)")])
        .unwrap();
    for update in &edit.updates {
        let (_, results) = all[1].apply(&[update]);
        assert_eq!(results, [Ok(Applied::New)]);
    }
    let sheet = &all[1].workbook().sheets()[0];
    assert_eq!(sheet.cell_at(0, 0), Some(&Cell::Number(12.0)));
    assert_eq!(sheet.cell_at(1, 0), Some(&Cell::Number(0.5)));
    assert_eq!(sheet.style(sheet.key_at(1, 0).unwrap()).unwrap().number_format.as_deref(), Some("0%"));
    assert_eq!(all[1].workbook().typed(sheet, sheet.key_at(2, 1).unwrap()), "=SUM(A1:A2)");
    let key = sheet.key_at(0, 0).unwrap();
    let edit = all[0].clear(FIRST_SHEET, area(0, 0, 0, 5)).unwrap();
    let (changes, _) = all[1].apply(&[&edit.updates[0]]);
    assert_eq!(changes, [Change::Cells(FIRST_SHEET.into(), vec![key])]);
    assert_eq!(all[1].workbook().sheets()[0].cell(key), None);
}

#[test]
fn two_people_who_begin_at_once_share_the_first_sheet() {
    let mut all = people(2);
    all[0].type_into(FIRST_SHEET, at(0, 0), "ana").unwrap();
    all[1].type_into(FIRST_SHEET, at(0, 1), "ben").unwrap();
    sync_all(&mut all);
    for person in &all {
        assert_eq!(
            csv::write(&person.workbook().sheets()[0], |row, col| {
                let sheet = &person.workbook().sheets()[0];
                person.workbook().typed(sheet, sheet.key_at(row, col).unwrap())
            }),
            "ana,ben\n"
        );
    }
}

#[test]
fn two_people_who_grow_a_sheet_at_once_grow_it_once() {
    let mut all = people(2);
    all[0].type_into(FIRST_SHEET, at(150, 0), "ana").unwrap();
    all[1].type_into(FIRST_SHEET, at(120, 30), "ben").unwrap();
    sync_all(&mut all);
    for person in &all {
        let sheet = &person.workbook().sheets()[0];
        assert_eq!((sheet.rows().len(), sheet.cols().len()), (151, 31));
        assert_eq!(sheet.cell_at(150, 0), Some(&Cell::Text("ana".into())));
        assert_eq!(sheet.cell_at(120, 30), Some(&Cell::Text("ben".into())));
    }
    assert_eq!(all[0].type_into(FIRST_SHEET, at(999_999_999, 0), "x"), Err(EditError::Beyond));
    assert_eq!(all[0].type_into("nowhere", at(0, 0), "x"), Err(EditError::NoSheet));
}

#[test]
fn a_row_moved_by_two_people_at_once_appears_once() {
    let mut all = people(3);
    all[0].type_into(FIRST_SHEET, at(5, 0), "moved").unwrap();
    sync_all(&mut all);
    all[0].move_lines(FIRST_SHEET, Axis::Row, 5, 1, 0).unwrap();
    all[1].move_lines(FIRST_SHEET, Axis::Row, 5, 1, 10).unwrap();
    all[2].type_into(FIRST_SHEET, at(5, 1), "edited").unwrap();
    assert_eq!(all[0].workbook().sheets()[0].cell_at(0, 0), Some(&Cell::Text("moved".into())));
    assert_eq!(all[1].workbook().sheets()[0].cell_at(9, 0), Some(&Cell::Text("moved".into())));
    sync_all(&mut all);
    for person in &all {
        let sheet = &person.workbook().sheets()[0];
        assert_eq!(sheet.rows().len(), 100);
        assert_eq!(sheet.cell_at(0, 0), Some(&Cell::Text("moved".into())));
        assert_eq!(sheet.cell_at(0, 1), Some(&Cell::Text("edited".into())));
    }
}

#[test]
fn undo_takes_back_only_what_the_person_here_did() {
    let mut all = people(2);
    all[0].type_into(FIRST_SHEET, at(0, 0), "1").unwrap();
    all[0].type_into(FIRST_SHEET, at(0, 0), "2").unwrap();
    sync(&mut all, 0, 1);
    all[1].type_into(FIRST_SHEET, at(0, 1), "other").unwrap();
    sync(&mut all, 1, 0);
    let edit = all[0].undo().unwrap();
    assert_eq!(edit.updates.len(), 1);
    let sheet = &all[0].workbook().sheets()[0];
    assert_eq!(sheet.cell_at(0, 0), Some(&Cell::Number(1.0)));
    assert_eq!(sheet.cell_at(0, 1), Some(&Cell::Text("other".into())));
    all[1].apply(&[&edit.updates[0]]);
    assert_eq!(seen(&all[0]), seen(&all[1]));
    all[0].redo().unwrap();
    assert_eq!(all[0].workbook().sheets()[0].cell_at(0, 0), Some(&Cell::Number(2.0)));
}

#[test]
fn a_copied_area_is_pasted_with_its_formulas_moved_along() {
    let mut document = people(1).remove(0);
    document.type_all(FIRST_SHEET, &[(at(0, 0), "1"), (at(0, 1), "=A1*$A$1"), (at(1, 0), "a\tb")]).unwrap();
    document.restyle(FIRST_SHEET, area(0, 0, 0, 0), |style| style.bold = true).unwrap();
    let copied = document.copy(FIRST_SHEET, area(0, 0, 1, 1)).unwrap();
    assert_eq!(copied.to_text(), "1\t=A1*$A$1\n\"a\tb\"\t");
    document.paste(FIRST_SHEET, at(3, 2), &copied).unwrap();
    let pasted = document.copy(FIRST_SHEET, area(3, 2, 4, 3)).unwrap();
    assert_eq!(pasted.to_text(), "1\t=C4*$A$1\n\"a\tb\"\t");
    let sheet = &document.workbook().sheets()[0];
    assert!(sheet.style(sheet.key_at(3, 2).unwrap()).unwrap().bold);
    document.paste_text(FIRST_SHEET, at(10, 0), "x\t2\r\n\t=A1\n").unwrap();
    assert_eq!(document.copy(FIRST_SHEET, area(10, 0, 11, 1)).unwrap().to_text(), "x\t2\n\t=A1");
}

#[test]
fn csv_comes_in_and_goes_out_as_it_was() {
    let mut document = people(1).remove(0);
    let written = "name,\"a \"\"quoted\"\", one\",\n,2.5,TRUE\n\"two\nlines\",,=no formula\n";
    document.import_csv(FIRST_SHEET, written.as_bytes()).unwrap();
    let sheet = &document.workbook().sheets()[0];
    assert_eq!(sheet.cell_at(1, 1), Some(&Cell::Number(2.5)));
    let text = |row, col| match sheet.cell_at(row, col) {
        Some(Cell::Text(text)) => text.to_string(),
        _ => document.workbook().typed(sheet, sheet.key_at(row, col).unwrap()),
    };
    assert_eq!(csv::write(sheet, text), written);
    assert_eq!(csv::write(&Sheet::new("x".into()), |_, _| String::new()), "");
}

#[test]
fn sheets_are_named_ordered_deleted_and_brought_back() {
    let mut all = people(2);
    let (one, _) = all[0].add_sheet(Some("Data")).unwrap();
    let (two, _) = all[1].add_sheet(Some("data")).unwrap();
    assert_eq!(all[0].add_sheet(Some(" DATA ")).unwrap_err(), EditError::Name);
    sync_all(&mut all);
    let names: Vec<&str> = all[0].workbook().sheets().iter().map(Sheet::name).collect();
    assert_eq!(names.len(), 3);
    assert!(names[2].ends_with(" (2)"), "two people gave one name at once: {names:?}");
    all[0].move_sheet(&one, 0).unwrap();
    assert_eq!(all[0].workbook().sheets()[0].id(), &one);
    all[0].delete_sheet(&two).unwrap();
    all[0].delete_sheet(FIRST_SHEET).unwrap();
    assert_eq!(all[0].delete_sheet(&one), Err(EditError::Last));
    all[0].undo().unwrap();
    assert_eq!(all[0].workbook().sheets().len(), 2, "each edit is one step");
    sync_all(&mut all);
    assert_eq!(seen(&all[0]), seen(&all[1]));
}

#[test]
fn merges_and_names_follow_their_cells() {
    let mut document = people(1).remove(0);
    document.merge(FIRST_SHEET, area(1, 1, 2, 3)).unwrap();
    document.name_formula("Tax", "=A1").unwrap();
    document.insert_lines(FIRST_SHEET, Axis::Row, 0, 1).unwrap();
    let sheet = &document.workbook().sheets()[0];
    assert_eq!(sheet.merges().collect::<Vec<_>>(), [area(2, 1, 3, 3)]);
    assert_eq!(document.workbook().names().collect::<Vec<_>>(), [("Tax", "=Sheet1!$A$2".to_owned())]);
    document.merge(FIRST_SHEET, area(3, 3, 4, 4)).unwrap();
    assert_eq!(document.workbook().sheets()[0].merges().collect::<Vec<_>>(), [area(3, 3, 4, 4)]);
    document.unmerge(FIRST_SHEET, area(0, 0, 9, 9)).unwrap();
    assert_eq!(document.workbook().sheets()[0].merges().count(), 0);
    assert_eq!(document.name_formula("A1", "=1"), Err(EditError::Name));
}

#[derive(Debug, Clone)]
enum Act {
    Type(usize, usize, &'static str),
    Clear(usize, usize),
    Insert(Axis, usize, usize),
    Delete(Axis, usize, usize),
    Undelete(Axis),
    Move(Axis, usize, usize, usize),
    Resize(Axis, usize, f64),
    Restyle(usize, usize),
    Merge(usize, usize),
    AddSheet,
    Rename(usize),
    DeleteSheet(usize),
    Paste(usize, usize),
    Name(usize),
    Undo,
    Redo,
}

fn axis() -> impl Strategy<Value = Axis> {
    prop_oneof![Just(Axis::Row), Just(Axis::Col)]
}

fn act() -> impl Strategy<Value = Act> {
    let typed = prop::sample::select(vec![
        "1",
        "x",
        "=A1+B2",
        "=SUM(A1:C5)",
        "=Sheet1!B3",
        "=Sheet2!A1",
        "TRUE",
        "5%",
        "",
    ]);
    prop_oneof![
        6 => (0..8usize, 0..8usize, typed).prop_map(|(row, col, typed)| Act::Type(row, col, typed)),
        1 => (0..6usize, 0..6usize).prop_map(|(row, col)| Act::Clear(row, col)),
        2 => (axis(), 0..8usize, 1..3usize).prop_map(|(axis, at, count)| Act::Insert(axis, at, count)),
        2 => (axis(), 0..8usize, 1..3usize).prop_map(|(axis, at, count)| Act::Delete(axis, at, count)),
        1 => axis().prop_map(Act::Undelete),
        2 => (axis(), 0..8usize, 1..3usize, 0..8usize).prop_map(|(axis, at, count, to)| Act::Move(axis, at, count, to)),
        1 => (axis(), 0..8usize, 10.0..90.0f64).prop_map(|(axis, at, size)| Act::Resize(axis, at, size)),
        1 => (0..8usize, 0..8usize).prop_map(|(row, col)| Act::Restyle(row, col)),
        1 => (0..6usize, 0..6usize).prop_map(|(row, col)| Act::Merge(row, col)),
        1 => Just(Act::AddSheet),
        1 => (0..3usize).prop_map(Act::Rename),
        1 => (0..3usize).prop_map(Act::DeleteSheet),
        1 => (0..6usize, 0..6usize).prop_map(|(row, col)| Act::Paste(row, col)),
        1 => (0..6usize).prop_map(Act::Name),
        1 => Just(Act::Undo),
        1 => Just(Act::Redo),
    ]
}

fn perform(document: &mut SheetDocument, act: &Act, n: usize) {
    let sheets: Vec<SheetId> = document.workbook().sheets().iter().map(|sheet| sheet.id().clone()).collect();
    let sheet = sheets[n % sheets.len()].clone();
    let result = match *act {
        Act::Type(row, col, typed) => document.type_into(&sheet, at(row, col), typed),
        Act::Clear(row, col) => document.clear(&sheet, area(row, col, row + 2, col + 2)),
        Act::Insert(axis, at, count) => document.insert_lines(&sheet, axis, at, count),
        Act::Delete(axis, at, count) => document.delete_lines(&sheet, axis, at, count),
        Act::Undelete(axis) => {
            let gone: Vec<Line> =
                document.workbook().sheet(&sheet).unwrap().lines(axis).deleted().take(2).collect();
            document.undelete_lines(&sheet, axis, &gone)
        }
        Act::Move(axis, at, count, to) => document.move_lines(&sheet, axis, at, count, to),
        Act::Resize(axis, at, size) => document.resize_lines(&sheet, axis, at, 1, Some(size)),
        Act::Restyle(row, col) => {
            document.restyle(&sheet, area(row, col, row + 1, col), |style| style.bold = !style.bold)
        }
        Act::Merge(row, col) => document.merge(&sheet, area(row, col, row + 1, col + 1)),
        Act::AddSheet if sheets.len() < 4 => document.add_sheet(None).map(|(_, edit)| edit),
        Act::AddSheet => Ok(Edit::default()),
        Act::Rename(which) => document.rename_sheet(&sheet, ["Alpha", "Beta", "Sheet2"][which]),
        Act::DeleteSheet(which) => document.delete_sheet(&sheets[which % sheets.len()]),
        Act::Paste(row, col) => {
            let copied = document.copy(&sheet, area(0, 0, 2, 2)).unwrap();
            document.paste(&sheet, at(row, col), &copied)
        }
        Act::Name(row) => document.name_formula("Rate", &format!("=B{}", row + 1)),
        Act::Undo => document.undo().map_err(EditError::Broken),
        Act::Redo => document.redo().map_err(EditError::Broken),
    };
    match result {
        Ok(_) | Err(EditError::Name | EditError::Last | EditError::Beyond) => {}
        Err(other) => panic!("{act:?}: {other}"),
    }
}

/// Who does what, and who tells whom afterwards.
type Step = (usize, Act, Option<(usize, usize)>);

fn people_meet(acts: Vec<Step>) {
    let mut all = people(3);
    for (n, (who, act, meets)) in acts.into_iter().enumerate() {
        perform(&mut all[who], &act, n);
        if let Some((from, to)) = meets.filter(|(from, to)| from != to) {
            sync(&mut all, from, to);
        }
    }
    sync_all(&mut all);
    let views: Vec<Vec<String>> = all.iter().map(seen).collect();
    assert_eq!(views[0], views[1]);
    assert_eq!(views[1], views[2]);
    for person in &all {
        assert_eq!(person.document().waiting().count(), 0);
        let again = SheetDocument::load(99, &person.document().snapshot().unwrap()).unwrap();
        assert_eq!(
            seen(&again),
            views[0],
            "the workbook that followed every change is the one that is read anew"
        );
    }
}

fn round() -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec((0..3usize, act(), proptest::option::weighted(0.3, (0..3usize, 0..3usize))), 60)
}

proptest! {
    // Together 300 rounds of 60 acts by 3 people, in three tests that run side by side.
    #![proptest_config(ProptestConfig { cases: 100, max_shrink_iters: 500, ..ProptestConfig::default() })]

    #[test]
    fn people_who_work_and_meet_again_see_the_same_1(round in round()) { people_meet(round); }
    #[test]
    fn people_who_work_and_meet_again_see_the_same_2(round in round()) { people_meet(round); }
    #[test]
    fn people_who_work_and_meet_again_see_the_same_3(round in round()) { people_meet(round); }
}
