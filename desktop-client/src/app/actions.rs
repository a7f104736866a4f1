//! What menus and keys do.

use adw::prelude::*;
use gtk::gio::ActionEntry;
use gtk::glib;
use relm4::prelude::*;
use relm4::{adw, gtk};
use shared::document::Kind;
use shared::names::DocumentId;

use super::{App, AppMsg};
use crate::page::PageInput;

type Entry = ActionEntry<adw::ApplicationWindow>;

/// Keys of the window's actions; the shortcuts window names them too.
const KEYS: &[(&str, &[&str])] = &[
    ("win.new-text", &["<Control>n"]),
    ("win.new-sheet", &["<Control><Shift>n"]),
    ("win.rename-open", &["<Shift>F2"]),
    ("win.search-documents", &["<Control>k"]),
    ("win.undo", &["<Control>z"]),
    ("win.redo", &["<Control><Shift>z", "<Control>y"]),
    ("win.find", &["<Control>f"]),
    ("win.shortcuts", &["<Control>question"]),
    ("window.close", &["<Control>w", "<Control>q"]),
];

/// Installs the actions of a window and their keys.
pub(super) fn install(window: &adw::ApplicationWindow, sender: &ComponentSender<App>) {
    let does = |name: &str, message: fn() -> AppMsg| {
        let sender = sender.input_sender().clone();
        Entry::builder(name).activate(move |_, _, _| sender.emit(message())).build()
    };
    window.add_action_entries([
        does("new-text", || AppMsg::Create(Kind::Text)),
        does("new-sheet", || AppMsg::Create(Kind::Sheet)),
        does("rename-open", || AppMsg::AskRename(None)),
        does("delete-open", || AppMsg::AskDelete(None)),
        does("search-documents", || AppMsg::SearchDocuments),
        does("undo", || AppMsg::ToPage(PageInput::Undo)),
        does("redo", || AppMsg::ToPage(PageInput::Redo)),
        does("find", || AppMsg::ToPage(PageInput::Find)),
        does("shortcuts", || AppMsg::Shortcuts),
        does("about", || AppMsg::About),
        about_one("rename", sender, |id| AppMsg::AskRename(Some(id))),
        about_one("delete", sender, |id| AppMsg::AskDelete(Some(id))),
        appearance(),
    ]);
    let app = relm4::main_application();
    for (action, keys) in KEYS {
        app.set_accels_for_action(action, keys);
    }
}

/// An action about the document that its target names.
fn about_one(name: &str, sender: &ComponentSender<App>, message: fn(DocumentId) -> AppMsg) -> Entry {
    let sender = sender.input_sender().clone();
    Entry::builder(name)
        .parameter_type(Some(glib::VariantTy::STRING))
        .activate(move |_, _, target| {
            let id = target.and_then(|target| target.str()).and_then(|id| id.parse().ok());
            if let Some(id) = id {
                sender.emit(message(id));
            }
        })
        .build()
}

/// Light, dark, or as the desktop is.
fn appearance() -> Entry {
    Entry::builder("appearance")
        .parameter_type(Some(glib::VariantTy::STRING))
        .state("default".to_variant())
        .activate(|_, action, target| {
            let Some(target) = target else { return };
            let scheme = match target.str() {
                Some("light") => adw::ColorScheme::ForceLight,
                Some("dark") => adw::ColorScheme::ForceDark,
                _ => adw::ColorScheme::Default,
            };
            adw::StyleManager::default().set_color_scheme(scheme);
            action.set_state(target);
        })
        .build()
}
