//! Questions and windows beside the main one.

use adw::prelude::*;
use gtk::glib;
use relm4::{adw, gtk};
use shared::limits::DOCUMENT_TITLE_BYTES_MAX;

use super::named::named;

/// The keys, for the shortcuts window.
const SHORTCUTS: &str = include_str!("shortcuts.ui");

/// Longest title in a heading, characters.
const HEADING_CHARS_MAX: usize = 60;

/// Asks for a new title, under a heading.
pub fn rename(window: &adw::ApplicationWindow, heading: &str, title: &str, done: impl Fn(String) + 'static) {
    let entry: gtk::Entry = named("Title");
    entry.set_text(title);
    entry.set_activates_default(true);
    entry.set_width_chars(32);
    entry.set_max_length(i32::try_from(DOCUMENT_TITLE_BYTES_MAX / 4).unwrap_or(i32::MAX));
    let dialog = adw::MessageDialog::builder()
        .transient_for(window)
        .modal(true)
        .heading(heading)
        .extra_child(&entry)
        .default_response("rename")
        .close_response("cancel")
        .build();
    dialog.add_response("cancel", "_Cancel");
    dialog.add_response("rename", "_Rename");
    dialog.set_response_appearance("rename", adw::ResponseAppearance::Suggested);
    entry.connect_changed(glib::clone!(
        #[weak]
        dialog,
        move |entry| dialog.set_response_enabled("rename", !entry.text().trim().is_empty())
    ));
    dialog.connect_response(
        Some("rename"),
        glib::clone!(
            #[weak]
            entry,
            move |_, _| done(entry.text().trim().to_owned())
        ),
    );
    dialog.present();
    entry.grab_focus();
}

/// Asks whether a document shall really go.
pub fn delete(window: &adw::ApplicationWindow, title: &str, done: impl Fn() + 'static) {
    let dialog = adw::MessageDialog::builder()
        .transient_for(window)
        .modal(true)
        .heading(format!("Delete “{}”?", short(title)))
        .body("It will be gone for everybody. This cannot be undone.")
        .default_response("cancel")
        .close_response("cancel")
        .build();
    dialog.add_response("cancel", "_Cancel");
    dialog.add_response("delete", "_Delete");
    dialog.set_response_appearance("delete", adw::ResponseAppearance::Destructive);
    dialog.connect_response(Some("delete"), move |_, _| done());
    dialog.present();
}

/// A title that fits into a heading of two lines.
fn short(title: &str) -> String {
    let mut letters = title.chars();
    let short: String = letters.by_ref().take(HEADING_CHARS_MAX).collect();
    if letters.next().is_some() { format!("{}…", short.trim_end()) } else { short }
}

/// Says what this is.
pub fn about(window: &adw::ApplicationWindow) {
    let about = adw::AboutWindow::builder()
        .transient_for(window)
        .modal(true)
        .application_name("RustiDocs")
        .application_icon("accessories-text-editor")
        .version(env!("CARGO_PKG_VERSION"))
        .comments("Texts and sheets that people write together, live.")
        .developer_name("The RustiDocs developers")
        .license("MIT or Apache-2.0, as you like.")
        .license_type(gtk::License::Custom)
        .build();
    about.present();
}

/// Shows the keys. A new window each time, and not one that is hidden meanwhile: a screen reader that asks GTK 4.8 for a window which
/// has just closed is answered with a hidden one, which cannot be named, and the program ends.
pub fn shortcuts(window: &adw::ApplicationWindow) {
    let Some(shortcuts) = gtk::Builder::from_string(SHORTCUTS).object::<gtk::ShortcutsWindow>("shortcuts")
    else {
        return;
    };
    shortcuts.set_transient_for(Some(window));
    shortcuts.present();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_title_is_cut_in_a_heading() {
        assert_eq!(short("Minutes"), "Minutes");
        let cut = short(&"é ".repeat(100));
        assert!(cut.ends_with("é…") && cut.chars().count() <= HEADING_CHARS_MAX + 1, "{cut}");
    }
}
