//! Pages that stand where no document is.

use gtk::prelude::*;
use relm4::{adw, gtk};

/// No document is open.
pub fn no_document() -> adw::StatusPage {
    let new_text = gtk::Button::builder()
        .label("New Text")
        .action_name("win.new-text")
        .css_classes(["pill", "suggested-action"])
        .build();
    let new_sheet =
        gtk::Button::builder().label("New Sheet").action_name("win.new-sheet").css_classes(["pill"]).build();
    let buttons = gtk::Box::builder().spacing(12).halign(gtk::Align::Center).build();
    buttons.append(&new_text);
    buttons.append(&new_sheet);
    adw::StatusPage::builder()
        .icon_name("x-office-document-symbolic")
        .title("Write Together")
        .description(
            "Choose a document, or begin a new one. Everybody who opens it sees your letters as you type.",
        )
        .child(&buttons)
        .vexpand(true)
        .build()
}

/// The page cannot go on; why, for the person.
pub fn closed() -> adw::StatusPage {
    adw::StatusPage::builder()
        .icon_name("dialog-warning-symbolic")
        .title("This Document Was Closed")
        .vexpand(true)
        .build()
}
