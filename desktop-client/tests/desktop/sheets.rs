//! People who fill one sheet.

use crate::desk::{Desk, Window};

/// Types into a cell that is gone to by its name.
fn fills(window: &Window, cell: &str, typed: &str) {
    window.goes_to(cell);
    window.types(typed);
    window.presses(&["Return"]);
}

#[test]
fn two_people_see_each_others_values_formulas_and_selected_cells() {
    let desk = Desk::new("sheet-together");
    let (ana, ben) = (desk.sheet("Ana", "budget"), desk.sheet("Ben", "budget"));
    ana.wait_for("Ben is here", |sight| sight.describes("Ben is here"));
    ben.wait_for("Ana is here", |sight| sight.describes("Ana is here"));
    ana.wait_says("All changes saved");
    ben.wait_says("All changes saved");

    fills(&ana, "A1", "1200");
    fills(&ben, "B1", "=A1*12");
    fills(&ana, "A2", "=1/0");
    // Each is told where the other is.
    ana.goes_to("C3");
    ben.goes_to("B1");
    ben.wait_for("what Ben's formula makes of Ana's value, and Ana", |sight| {
        sight.sheet().as_deref() == Some("B1: 14400; Ana at C3")
    });
    ben.wait_for("the formula as it was typed", |sight| {
        sight.entry("Cell content").as_deref() == Some("=A1*12")
    });
    ana.goes_to("B1");
    ana.wait_for("the same in the other window", |sight| {
        sight.sheet().as_deref() == Some("B1: 14400; Ben at B1")
            && sight.entry("Cell content").as_deref() == Some("=A1*12")
    });
    ben.goes_to("A2");
    ben.wait_for("an error as every spreadsheet names it", |sight| {
        sight.sheet().as_deref() == Some("A2: #DIV/0!; Ana at B1")
    });

    // A value that one changes is computed anew at the other's.
    ben.goes_to("A1");
    ben.presses(&["F2", "BackSpace", "BackSpace", "Return"]);
    ana.wait_for("the new value", |sight| sight.sheet().is_some_and(|words| words.starts_with("B1: 144;")));
    // Undo takes back one's own edit only.
    ana.presses(&["ctrl+z"]);
    ben.goes_to("A2");
    ben.wait_for("Ana's last edit is gone", |sight| {
        sight.sheet().is_some_and(|words| words.starts_with("A2: empty"))
    });
    ana.wait_for("Ben's is not", |sight| sight.sheet().is_some_and(|words| words.starts_with("B1: 144;")));

    // The readable copy that everybody can GET.
    let snapshot = shared::testing::wait::until_some("the snapshot", || {
        let answer = desk.service.get("/documents/budget?format=csv")?;
        answer.contains("12,144").then_some(answer)
    });
    assert!(snapshot.starts_with("HTTP/1.1 200"), "{snapshot}");
}

#[test]
fn formulas_reach_across_sheets_that_another_person_made() {
    let desk = Desk::new("sheets-across");
    let (ana, ben) = (desk.sheet("Ana", "plan"), desk.sheet("Ben", "plan"));
    ana.wait_says("All changes saved");
    ben.wait_says("All changes saved");
    ana.presses(&["shift+F11"]);
    ana.wait_for("Ana sees the new sheet", |sight| sight.shows_tab("Sheet2"));
    fills(&ana, "A1", "21");
    ben.wait_for("Ben has the tab too", |sight| sight.has_tab("Sheet2"));
    fills(&ben, "C4", "=Sheet2!A1*2");
    ben.goes_to("C4");
    ben.wait_for("a value of another sheet", |sight| sight.sheet().as_deref() == Some("C4: 42"));
    fills(&ana, "A1", "50");
    ben.wait_for("the value follows", |sight| sight.sheet().as_deref() == Some("C4: 100"));
    ben.presses(&["ctrl+Next"]);
    ben.wait_for("the other sheet by the keyboard", |sight| sight.shows_tab("Sheet2"));
    ben.wait_for("Ana in it", |sight| sight.sheet().is_some_and(|words| words.ends_with("; Ana at A2")));
}

#[test]
fn what_every_spreadsheet_can_is_computed() {
    let desk = Desk::new("sheet-formulas");
    let ana = desk.sheet("Ana", "formulas");
    ana.wait_says("All changes saved");
    for typed in ["8", "3", "5"] {
        ana.types(typed);
        ana.presses(&["Return"]);
    }
    let formulas = [
        ("=A1+A2*A3-A1/2^2", "21"),
        ("=A1&\"x\"&A2", "8x3"),
        ("=(A1>A2)&(A1<=A2)&(A1<>A3)&(A1=8)", "TRUEFALSETRUETRUE"),
        ("=SUM(A1:A3)", "16"),
        ("=AVERAGE(A1:A2)", "5.5"),
        ("=MIN(A1:A3)", "3"),
        ("=MAX(A1:A3)", "8"),
        ("=COUNT(A1:A4)", "3"),
        ("=IF(A1<A2,\"less\",\"more\")", "more"),
        ("=ROUND(A1/A2,2)", "2.67"),
    ];
    ana.goes_to("B1");
    for (typed, _) in formulas {
        ana.types(typed);
        ana.presses(&["Return"]);
    }
    ana.goes_to("B1");
    for (row, (typed, value)) in formulas.into_iter().enumerate() {
        let words = format!("B{}: {value}", row + 1);
        ana.wait_for(typed, |sight| sight.sheet().as_deref() == Some(words.as_str()));
        ana.wait_for("the formula in the bar", |sight| sight.entry("Cell content").as_deref() == Some(typed));
        ana.presses(&["Down"]);
    }
}

#[test]
fn sheets_on_the_cluster_itself_go_on_while_the_service_is_down() {
    let mut desk = Desk::new("sheet-redis");
    desk.service.kill();
    let server = desk.cluster.url();
    let (ana, ben) = (desk.sheet_on(&server, "Ana", "plan"), desk.sheet_on(&server, "Ben", "plan"));
    ana.wait_for("Ben is here", |sight| sight.describes("Ben is here"));
    ana.wait_says("All changes saved");
    ben.wait_says("All changes saved");
    fills(&ana, "A1", "6");
    fills(&ben, "B2", "=A1*7");
    ana.goes_to("B2");
    ana.wait_for("Ben's formula", |sight| sight.sheet().is_some_and(|words| words.starts_with("B2: 42;")));
    ana.wait_says("All changes saved");
}

#[test]
fn both_fill_one_sheet_at_once_and_no_cell_is_lost() {
    let desk = Desk::new("sheet-at-once");
    let (ana, ben) = (desk.sheet("Ana", "race"), desk.sheet("Ben", "race"));
    ana.wait_says("All changes saved");
    ben.wait_says("All changes saved");
    ana.goes_to("A1");
    ben.goes_to("B1");
    for row in 1..=6 {
        ana.types(&format!("{row}"));
        ben.types(&format!("=A{row}*10"));
        ana.presses(&["Return"]);
        ben.presses(&["Return"]);
    }
    for window in [&ana, &ben] {
        window.wait_says("All changes saved");
        window.goes_to("C1");
        window.types("=SUM(A1:A6)&\"/\"&SUM(B1:B6)");
        window.presses(&["Return"]);
        window.goes_to("C1");
        window.wait_for("all twelve cells", |sight| {
            sight.sheet().is_some_and(|words| words.starts_with("C1: 21/210"))
        });
    }
}

#[test]
fn a_cell_that_is_being_typed_is_kept_when_the_page_or_the_window_goes() {
    let desk = Desk::new("sheet-left");
    let ana = desk.sheet("Ana", "plan");
    ana.wait_says("All changes saved");
    let types_on = |window: &Window, cell: &str, typed: &str| {
        window.goes_to(cell);
        window.types(typed);
        window.wait_for(typed, |sight| sight.entry("Cell content").as_deref() == Some(typed));
    };
    let has = |typed: &str| {
        shared::testing::wait::until(typed, || {
            desk.service.get("/documents/plan?format=csv").is_some_and(|answer| answer.contains(typed))
        });
    };
    types_on(&ana, "A1", "chosen");
    ana.presses(&["ctrl+n"]);
    ana.wait_for("another document", |sight| sight.text().as_deref() == Some(""));
    has("chosen");

    let ben = desk.sheet("Ben", "plan");
    ben.wait_says("All changes saved");
    types_on(&ben, "B2", "closed");
    ben.close();
    has("closed");
}

#[test]
fn cells_are_found_by_their_words() {
    let desk = Desk::new("sheet-find");
    let ana = desk.sheet("Ana", "list");
    ana.wait_says("All changes saved");
    fills(&ana, "B7", "pine nuts");
    fills(&ana, "D9", "Walnuts");
    ana.goes_to("A1");
    ana.presses(&["ctrl+f"]);
    ana.types("nuts");
    ana.wait_says("1 of 2");
    ana.wait_for("the first", |sight| sight.sheet().as_deref() == Some("B7: pine nuts"));
    ana.presses(&["Return"]);
    ana.wait_for("the next", |sight| sight.sheet().as_deref() == Some("D9: Walnuts"));
    ana.presses(&["shift+Return"]);
    ana.wait_for("the first again", |sight| sight.sheet().as_deref() == Some("B7: pine nuts"));
    ana.presses(&["Escape", "Down"]);
    ana.wait_for("the grid has the keyboard", |sight| sight.sheet().as_deref() == Some("B8: empty"));
}

#[test]
fn cells_that_are_filled_offline_merge_even_if_the_window_was_closed_meanwhile() {
    let mut desk = Desk::new("sheet-offline");
    let (ana, ben) = (desk.sheet("Ana", "plan"), desk.sheet("Ben", "plan"));
    ana.wait_says("All changes saved");
    ben.wait_says("All changes saved");
    fills(&ana, "A1", "1");
    ben.goes_to("A1");
    ben.wait_for("Ana's value", |sight| sight.sheet().is_some_and(|words| words.starts_with("A1: 1;")));

    desk.service.kill();
    for window in [&ana, &ben] {
        window.wait_says("You are offline. Your edits are kept and will merge when the connection is back.");
    }
    fills(&ana, "B1", "=A1+10");
    fills(&ben, "B2", "=A1+20");
    // One cell that both change: one of them wins, in every window the same.
    fills(&ana, "C1", "ana");
    fills(&ben, "C1", "ben");
    ana.goes_to("B1");
    ana.wait_for("formulas are computed offline too", |sight| sight.sheet().as_deref() == Some("B1: 11"));
    ana.close();

    desk.service.start();
    let ana = desk.sheet("Ana", "plan");
    let shows = |window: &Window, cell: &str| {
        window.goes_to(cell);
        window.look().sheet().and_then(|words| Some(words.split(';').next()?.to_owned()))
    };
    for window in [&ana, &ben] {
        window.wait_says("All changes saved");
        for (cell, wanted) in [("B1", "B1: 11"), ("B2", "B2: 21")] {
            window.goes_to(cell);
            window.wait_for(wanted, |sight| sight.sheet().is_some_and(|words| words.starts_with(wanted)));
        }
    }
    let (hers, his) = (shows(&ana, "C1"), shows(&ben, "C1"));
    assert_eq!(hers, his);
    assert!(hers.as_deref() == Some("C1: ana") || hers.as_deref() == Some("C1: ben"), "{hers:?}");
}
