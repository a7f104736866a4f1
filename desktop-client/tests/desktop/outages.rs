//! Services and windows that stop or die while people write.

use crate::desk::Desk;

const OFFLINE: &str = "You are offline. Your edits are kept and will merge when the connection is back.";

#[test]
fn edits_made_while_the_service_is_dead_merge_when_it_is_back() {
    let mut desk = Desk::new("dead-service");
    let (ana, ben) = (desk.window("Ana", "notes"), desk.window("Ben", "notes"));
    ana.types("one");
    ben.wait_text("one");
    ana.wait_says("All changes saved");
    desk.service.kill();
    ana.wait_says(OFFLINE);
    ben.wait_says(OFFLINE);
    ana.types(" ana");
    ana.wait_says("4 changes not saved");
    ben.presses(&["ctrl+Home"]);
    ben.types("ben ");
    ben.wait_text("ben one");
    desk.service.start();
    for window in [&ana, &ben] {
        window.wait_text("ben one ana");
        window.wait_says("All changes saved");
        window.wait_for("no banner", |sight| !sight.says(OFFLINE));
    }
}

#[test]
fn a_service_that_stands_still_is_noticed() {
    let desk = Desk::new("paused-service");
    let ana = desk.window("Ana", "notes");
    ana.wait_says("All changes saved");
    let service = desk.service.process().expect("the service runs");
    service.pause();
    ana.wait_says(OFFLINE);
    ana.types("while it slept");
    service.resume();
    ana.wait_says("All changes saved");
    ana.wait_text("while it slept");
}

#[test]
fn unsaved_edits_survive_the_death_of_their_window() {
    let mut desk = Desk::new("dead-window");
    let ana = desk.window("Ana", "notes");
    ana.types("saved ");
    ana.wait_says("All changes saved");
    desk.service.kill();
    ana.wait_says(OFFLINE);
    ana.types("unsaved");
    ana.wait_says("7 changes not saved");
    ana.kill();

    // A new window without a connection shows what this computer kept: at least what was not saved.
    let ana = desk.window("Ana", "notes");
    ana.wait_says("7 changes not saved");
    desk.service.start();
    ana.wait_text("saved unsaved");
    ana.wait_says("All changes saved");
    let ben = desk.window("Ben", "notes");
    ben.wait_text("saved unsaved");
}

#[test]
fn words_that_were_typed_offline_into_what_is_a_sheet_are_kept_and_stay_out_of_it() {
    let mut desk = Desk::new("other-kind");
    let made = desk.service.request("POST", "/documents", r#"{"id":"plan","kind":"sheet"}"#);
    assert!(made.is_some_and(|answer| answer.starts_with("HTTP/1.1 201")));
    desk.service.kill();
    let ana = desk.window("Ana", "plan");
    ana.wait_says(OFFLINE);
    ana.types("words");
    ana.wait_says("5 changes not saved");
    desk.service.start();
    ana.wait_says("“plan” is a sheet. What you typed is kept on this computer.");
    ana.wait_for("the sheet", |sight| sight.sheet().as_deref() == Some("A1: empty"));
    ana.wait_says("All changes saved");
    ana.close();
    // Nor does the next window hand them in.
    let ana = desk.sheet("Ana", "plan");
    ana.wait_says("All changes saved");
    ana.wait_for("the sheet", |sight| sight.sheet().as_deref() == Some("A1: empty"));
}

#[test]
fn unsaved_edits_survive_closing_their_window() {
    let mut desk = Desk::new("closed-window");
    let ana = desk.window("Ana", "notes");
    ana.wait_says("All changes saved");
    desk.service.kill();
    ana.wait_says(OFFLINE);
    ana.types("offline");
    ana.wait_says("7 changes not saved");
    ana.close();
    desk.service.start();
    // The next window hands them in, whatever document it opens.
    let ana = desk.window("Ana", "other");
    let ben = desk.window("Ben", "notes");
    ben.wait_text("offline");
    ana.wait_says("All changes saved");
}
