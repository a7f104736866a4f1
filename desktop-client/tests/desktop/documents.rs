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
