//! The list of documents.

use crate::desk::Desk;

#[test]
fn documents_are_made_renamed_and_deleted_for_everybody() {
    let desk = Desk::new("documents");
    let (ana, ben) = (desk.window("Ana", "first"), desk.window("Ben", "first"));
    ben.wait_for("the first document", |sight| sight.lists("first, text"));
    ana.presses(&["ctrl+n"]);
    ana.wait_for("a new document", |sight| {
        sight.lists("Untitled text, text") && sight.text().as_deref() == Some("")
    });
    ana.types("hello");
    ana.wait_says("All changes saved");
    ben.wait_for("the new document", |sight| sight.lists("Untitled text, text"));

    ana.presses(&["shift+F2"]);
    ana.wait_says("Rename Document");
    ana.types("Minutes");
    ana.presses(&["Return"]);
    ben.wait_for("the new title", |sight| sight.lists("Minutes, text"));

    // What is deleted closes everywhere.
    let deleted = desk.service.request("DELETE", "/documents/first", "").unwrap_or_default();
    assert!(deleted.starts_with("HTTP/1.1 204"), "{deleted}");
    ben.wait_says("Somebody deleted this document.");
    ben.wait_for("one document less", |sight| !sight.lists("first, text"));
}

#[test]
fn a_sheet_is_made_and_deleted_in_the_window() {
    let desk = Desk::new("sheet-deleted");
    let (ana, ben) = (desk.window_without_document("Ana"), desk.window_without_document("Ben"));
    ana.presses(&["ctrl+shift+n"]);
    ana.wait_for("the grid", |sight| sight.sheet().as_deref() == Some("A1: empty"));
    for window in [&ana, &ben] {
        window.wait_for("the new sheet", |sight| sight.lists("Untitled sheet, sheet"));
    }
    // By its menu in the list: its row, the button in it, the second item.
    ana.presses(&["ctrl+k", "Return", "Tab", "space", "Down", "Return"]);
    ana.wait_says("Delete “Untitled sheet”?");
    ana.presses(&["alt+d"]);
    for window in [&ana, &ben] {
        window.wait_says("No documents yet");
    }
    ana.wait_for("no page", |sight| sight.sheet().is_none());
}

#[test]
fn what_is_deleted_on_the_cluster_itself_closes_here_and_for_whoever_has_it_from_the_service() {
    let desk = Desk::new("deleted-redis");
    let ana = desk.sheet_on(&desk.cluster.url(), "Ana", "plan");
    ana.wait_says("All changes saved");
    ana.wait_for("the sheet in the list", |sight| sight.lists("plan, sheet"));
    let (ben, carl) = (desk.sheet("Ben", "plan"), desk.sheet_on(&desk.cluster.url(), "Carl", "plan"));
    for window in [&ben, &carl] {
        window.wait_says("All changes saved");
    }
    ana.presses(&["ctrl+k", "Return", "Tab", "space", "Down", "Return"]);
    ana.wait_says("Delete “plan”?");
    ana.presses(&["alt+d"]);
    ana.wait_for("no page", |sight| sight.sheet().is_none());
    for window in [&ben, &carl] {
        window.wait_says("Somebody deleted this document.");
    }
}

#[test]
fn without_a_connection_nobody_is_asked_whether_a_document_shall_go() {
    let mut desk = Desk::new("deleted-offline");
    let ana = desk.sheet("Ana", "plan");
    ana.wait_says("All changes saved");
    ana.wait_for("the sheet in the list", |sight| sight.lists("plan, sheet"));
    desk.service.kill();
    ana.wait_says("You are offline. Your edits are kept and will merge when the connection is back.");
    ana.presses(&["ctrl+k", "Return", "Tab", "space", "Down", "Return"]);
    ana.wait_says("This needs a connection. Try again when you are online.");
    ana.wait_for("the sheet", |sight| sight.sheet().is_some() && !sight.says("Delete “plan”?"));
}

#[test]
fn a_window_says_that_there_is_no_list_because_there_is_no_server_and_shows_it_when_there_is() {
    let mut desk = Desk::new("no-list");
    desk.service.kill();
    let ana = desk.window_without_document("Ana");
    ana.wait_says("The server cannot be reached. It is tried again.");
    ana.presses(&["ctrl+n"]);
    ana.wait_says("This needs a connection. Try again when you are online.");
    desk.service.start();
    ana.wait_says("No documents yet");
    ana.presses(&["ctrl+n"]);
    ana.wait_for("a new document", |sight| sight.lists("Untitled text, text"));
}

#[test]
fn a_screen_reader_that_asks_for_a_window_which_has_closed_does_no_harm() {
    let desk = Desk::new("gone-windows");
    let ana = desk.window_without_document("Ana");
    ana.wait_says("No documents yet");
    ana.is_asked_for_gone_windows();
    // The window of keys comes and goes.
    ana.presses(&["ctrl+question"]);
    ana.wait_says("Shortcuts");
    ana.presses(&["Escape"]);
    ana.wait_for("the window of keys gone", |sight| !sight.says("Shortcuts"));
    ana.is_asked_for_gone_windows();
    ana.wait_says("No documents yet");
}
