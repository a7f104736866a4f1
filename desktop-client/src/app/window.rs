//! The widgets of the window.

use adw::prelude::*;
use gtk::gio;
use gtk::glib;
use relm4::prelude::*;
use relm4::{adw, gtk};
use shared::names::DocumentId;

use super::{App, AppMsg};
use crate::session::person::Peer;
use crate::session::status::Status;
use crate::session::{Entry, Person};
use crate::ui::banner::Banner;
use crate::ui::named::{icon_button, menu_button, named};
use crate::ui::people::People;
use crate::ui::sidebar::Sidebar;
use crate::ui::status_bar::StatusBar;
use crate::ui::{empty, style};

const EMPTY: &str = "empty";
const CLOSED: &str = "closed";
const PAGE: &str = "page";

/// Narrowest and preferred width of the sidebar, pixels.
const SIDEBAR_WIDTH: i32 = 250;

/// The window's widgets.
pub(super) struct Window {
    root: adw::ApplicationWindow,
    flap: adw::Flap,
    sidebar: Sidebar,
    title: adw::WindowTitle,
    people: People,
    banner: Banner,
    stack: gtk::Stack,
    closed: adw::StatusPage,
    status: StatusBar,
    undo: gtk::Box,
    toasts: adw::ToastOverlay,
}

impl Window {
    pub(super) fn build(root: &adw::ApplicationWindow, sender: &ComponentSender<App>) -> Window {
        style::load();
        let open = sender.input_sender().clone();
        let sidebar = Sidebar::new(move |id, kind| open.emit(AppMsg::Open(id, kind)));
        let title = adw::WindowTitle::new("RustiDocs", "");
        let (people, banner, status) = (People::new(), Banner::new(), StatusBar::new());
        let (stack, closed, undo) = (gtk::Stack::new(), empty::closed(), undo_buttons());
        stack.set_vexpand(true);
        stack.set_transition_type(gtk::StackTransitionType::Crossfade);
        stack.add_named(&empty::no_document(), Some(EMPTY));
        stack.add_named(&closed, Some(CLOSED));

        let flap = adw::Flap::builder()
            .fold_policy(adw::FlapFoldPolicy::Auto)
            .separator(&gtk::Separator::new(gtk::Orientation::Vertical))
            .build();
        let header = page_header(&flap, &undo, &title, &people);
        let content = gtk::Box::builder()
            .orientation(gtk::Orientation::Vertical)
            .hexpand(true)
            .width_request(300)
            .build();
        content.append(&header);
        content.append(banner.widget());
        content.append(&stack);
        content.append(status.widget());
        flap.set_content(Some(&content));
        flap.set_flap(Some(&sidebar_side(&sidebar)));
        let toasts = adw::ToastOverlay::new();
        toasts.set_child(Some(&flap));
        root.set_content(Some(&toasts));
        let toggle = gio::PropertyAction::new("sidebar", &flap, "reveal-flap");
        root.add_action(&toggle);
        relm4::main_application().set_accels_for_action("win.sidebar", &["F9"]);
        let closing = sender.input_sender().clone();
        root.connect_close_request(move |_| {
            closing.emit(AppMsg::Closing);
            glib::Propagation::Stop
        });
        let root = root.clone();
        let window =
            Window { root, flap, sidebar, title, people, banner, stack, closed, status, undo, toasts };
        window.show_nothing();
        window
    }

    pub(super) fn show_page(&self, page: &gtk::Widget) {
        if let Some(earlier) = self.stack.child_by_name(PAGE) {
            self.stack.remove(&earlier);
        }
        self.stack.add_named(page, Some(PAGE));
        self.stack.set_visible_child_name(PAGE);
        self.status.widget().set_visible(true);
        self.status.summarize("");
        self.undo.set_visible(true);
        self.show_undo(false, false);
        self.fold_sidebar();
    }

    pub(super) fn show_nothing(&self) {
        self.leave_page(EMPTY);
    }

    pub(super) fn show_closed(&self, words: &str) {
        self.closed.set_description(Some(words));
        self.leave_page(CLOSED);
    }

    fn leave_page(&self, instead: &str) {
        if let Some(page) = self.stack.child_by_name(PAGE) {
            self.stack.remove(&page);
        }
        self.stack.set_visible_child_name(instead);
        self.status.widget().set_visible(false);
        self.undo.set_visible(false);
        self.people.hide();
        self.banner.say(None);
        self.select(None);
    }

    /// In a narrow window the sidebar lies over the page: a choice was made, so it goes.
    pub(super) fn fold_sidebar(&self) {
        if self.flap.is_folded() {
            self.flap.set_reveal_flap(false);
        }
    }

    pub(super) fn search_documents(&self) {
        self.flap.set_reveal_flap(true);
        self.sidebar.search();
    }

    pub(super) fn show_documents(&self, entries: Vec<Entry>, open: Option<&DocumentId>) {
        self.sidebar.show(entries, open);
    }

    pub(super) fn show_unreachable(&self) {
        self.sidebar.show_unreachable();
    }

    pub(super) fn select(&self, open: Option<&DocumentId>) {
        self.sidebar.select(open);
    }

    pub(super) fn title_of(&self, id: &DocumentId) -> Option<String> {
        self.sidebar.title(id)
    }

    pub(super) fn show_title(&self, open: Option<&str>) {
        self.title.set_title(open.unwrap_or("RustiDocs"));
        // A narrow window cuts it.
        self.title.set_tooltip_text(open);
        let window = open.map_or_else(|| "RustiDocs".to_owned(), |title| format!("{title} — RustiDocs"));
        self.root.set_title(Some(&window));
    }

    pub(super) fn show_people(&self, own: &Person, peers: &[Peer]) {
        self.people.show(own, peers);
    }

    pub(super) fn show_status(&self, status: &Status) {
        self.status.show(status);
        self.banner.say(status.banner());
    }

    pub(super) fn summarize(&self, words: &str) {
        self.status.summarize(words);
    }

    pub(super) fn show_undo(&self, can_undo: bool, can_redo: bool) {
        for (action, enabled) in [("undo", can_undo), ("redo", can_redo)] {
            let action = self.root.lookup_action(action).and_downcast::<gio::SimpleAction>();
            if let Some(action) = action {
                action.set_enabled(enabled);
            }
        }
    }

    pub(super) fn toast(&self, words: &str) {
        self.toasts.add_toast(adw::Toast::new(words));
    }
}

fn undo_buttons() -> gtk::Box {
    let undo = icon_button("edit-undo-symbolic", "Undo");
    undo.set_action_name(Some("win.undo"));
    let redo = icon_button("edit-redo-symbolic", "Redo");
    redo.set_action_name(Some("win.redo"));
    let buttons = gtk::Box::builder().css_classes(["linked"]).build();
    buttons.append(&undo);
    buttons.append(&redo);
    buttons
}

fn page_header(
    flap: &adw::Flap,
    undo: &gtk::Box,
    title: &adw::WindowTitle,
    people: &People,
) -> adw::HeaderBar {
    let toggle: gtk::ToggleButton = named("Show documents");
    toggle.set_icon_name("sidebar-show-symbolic");
    toggle.set_tooltip_text(Some("Documents (F9)"));
    flap.bind_property("reveal-flap", &toggle, "active").bidirectional().sync_create().build();
    let header = adw::HeaderBar::builder().title_widget(title).build();
    // Beside an open sidebar the page's header has no window buttons on that side.
    flap.bind_property("folded", &header, "show-start-title-buttons").sync_create().build();
    header.pack_start(&toggle);
    header.pack_start(undo);
    header.pack_end(&main_menu());
    header.pack_end(people.widget());
    header
}

fn sidebar_side(sidebar: &Sidebar) -> gtk::Box {
    let menu = gio::Menu::new();
    menu.append(Some("New _Text"), Some("win.new-text"));
    menu.append(Some("New _Sheet"), Some("win.new-sheet"));
    let new = menu_button("New document");
    new.set_icon_name("list-add-symbolic");
    new.set_menu_model(Some(&menu));
    let header = adw::HeaderBar::builder()
        .title_widget(&adw::WindowTitle::new("Documents", ""))
        .show_end_title_buttons(false)
        .build();
    header.pack_start(&new);
    let side = gtk::Box::builder()
        .orientation(gtk::Orientation::Vertical)
        .width_request(SIDEBAR_WIDTH)
        .css_classes(["background"])
        .build();
    side.append(&header);
    side.append(sidebar.widget());
    side
}

fn main_menu() -> gtk::MenuButton {
    let document = gio::Menu::new();
    document.append(Some("_Find…"), Some("win.find"));
    document.append(Some("_Rename…"), Some("win.rename-open"));
    document.append(Some("_Delete…"), Some("win.delete-open"));
    let look = gio::Menu::new();
    for (words, target) in [("As the _Desktop", "default"), ("_Light", "light"), ("Dar_k", "dark")] {
        let item = gio::MenuItem::new(Some(words), None);
        item.set_action_and_target_value(Some("win.appearance"), Some(&target.to_variant()));
        look.append_item(&item);
    }
    let about = gio::Menu::new();
    about.append(Some("_Keyboard Shortcuts"), Some("win.shortcuts"));
    about.append(Some("_About RustiDocs"), Some("win.about"));
    let menu = gio::Menu::new();
    menu.append_section(None, &document);
    menu.append_submenu(Some("_Appearance"), &look);
    menu.append_section(None, &about);
    let button = menu_button("Main menu");
    button.set_icon_name("open-menu-symbolic");
    button.set_menu_model(Some(&menu));
    button.set_primary(true);
    button
}
