//! The documents: a list to choose from, with a search field.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use gtk::glib;
use gtk::prelude::*;
use gtk::{gio, pango};
use relm4::gtk;
use shared::document::Kind;
use shared::names::DocumentId;

use super::named::{menu_button, named};
use crate::session::Entry;

/// After this time what was put into the list is laid out: some frames.
const LAYOUT_WAIT: Duration = Duration::from_millis(120);

/// The list.
#[derive(Debug)]
pub struct Sidebar {
    root: gtk::Box,
    list: gtk::ListBox,
    search: gtk::SearchEntry,
    stack: gtk::Stack,
    /// Why there is no list.
    words: gtk::Label,
    scroller: gtk::ScrolledWindow,
    rows: Rc<RefCell<BTreeMap<DocumentId, Row>>>,
}

#[derive(Debug, Clone)]
struct Row {
    row: gtk::ListBoxRow,
    entry: Entry,
    /// Where the title stands among others: as people of this language order words, and 9 before 10.
    place: glib::FilenameCollationKey,
}

impl Sidebar {
    /// An empty list; `chosen` is called when a person chooses a document.
    pub fn new(chosen: impl Fn(DocumentId, Kind) + 'static) -> Sidebar {
        let list: gtk::ListBox = named("Documents");
        list.set_selection_mode(gtk::SelectionMode::Single);
        list.add_css_class("navigation-sidebar");
        let search = gtk::SearchEntry::builder()
            .placeholder_text("Search documents")
            .css_classes(["sidebar-search"])
            .build();
        let scroller = gtk::ScrolledWindow::builder()
            .hscrollbar_policy(gtk::PolicyType::Never)
            .vexpand(true)
            .child(&list)
            .build();
        // Until the list was read nobody knows that there are none.
        let words = gtk::Label::builder()
            .css_classes(["dim-label", "sidebar-words"])
            .justify(gtk::Justification::Center)
            .wrap(true)
            .vexpand(true)
            .build();
        let stack = gtk::Stack::new();
        stack.add_named(&words, Some("words"));
        stack.add_named(&scroller, Some("list"));
        let root = gtk::Box::builder().orientation(gtk::Orientation::Vertical).build();
        root.append(&search);
        root.append(&stack);

        let rows: Rc<RefCell<BTreeMap<DocumentId, Row>>> = Rc::default();
        let known = Rc::clone(&rows);
        list.connect_row_activated(move |_, activated| {
            let found =
                known.borrow().values().find(|row| row.row == *activated).map(|row| row.entry.clone());
            if let Some(entry) = found {
                chosen(entry.id, entry.kind);
            }
        });
        let known = Rc::clone(&rows);
        list.set_sort_func(move |a, b| {
            let known = known.borrow();
            let key = |row: &gtk::ListBoxRow| {
                known
                    .values()
                    .find(|known| known.row == *row)
                    .map(|known| (known.place.clone(), known.entry.id.clone()))
            };
            key(a).cmp(&key(b)).into()
        });
        let (known, wanted) = (Rc::clone(&rows), search.clone());
        list.set_filter_func(move |row| {
            let wanted = wanted.text().to_lowercase();
            let known = known.borrow();
            known
                .values()
                .find(|known| known.row == *row)
                .is_none_or(|known| known.entry.title.to_lowercase().contains(wanted.trim()))
        });
        search.connect_search_changed(glib::clone!(
            #[weak]
            list,
            move |_| list.invalidate_filter()
        ));
        search.connect_activate(glib::clone!(
            #[weak]
            list,
            move |_| {
                list.child_focus(gtk::DirectionType::TabForward);
            }
        ));
        Sidebar { root, list, search, stack, words, scroller, rows }
    }

    /// The widget.
    pub fn widget(&self) -> &gtk::Box {
        &self.root
    }

    /// Puts the keyboard into the search field.
    pub fn search(&self) {
        self.search.grab_focus();
    }

    /// The title of a document, if it is in the list.
    pub fn title(&self, id: &DocumentId) -> Option<String> {
        self.rows.borrow().get(id).map(|row| row.entry.title.clone())
    }

    /// Shows these documents. Rows that are known stay, so that focus and open menus do.
    pub fn show(&self, entries: Vec<Entry>, open: Option<&DocumentId>) {
        let mut gone = std::mem::take(&mut *self.rows.borrow_mut());
        for entry in entries {
            let row = match gone.remove(&entry.id) {
                Some(known) if known.entry.title == entry.title => Row { entry, ..known },
                Some(known) => {
                    // GTK 4.8 sets the name that assistive technologies say only when a widget is made.
                    self.list.remove(&known.row);
                    row(entry)
                }
                None => row(entry),
            };
            let is_new = row.row.parent().is_none();
            let widget = row.row.clone();
            self.rows.borrow_mut().insert(row.entry.id.clone(), row);
            if is_new {
                self.list.append(&widget);
            }
        }
        gone.values().for_each(|row| self.list.remove(&row.row));
        self.list.invalidate_sort();
        let has_some = !self.rows.borrow().is_empty();
        self.words.set_label(if has_some { "" } else { "No documents yet" });
        self.stack.set_visible_child_name(if has_some { "list" } else { "words" });
        self.search.set_visible(has_some);
        self.select(open);
    }

    /// The list cannot be read now; the one that was read stays.
    pub fn show_unreachable(&self) {
        if self.rows.borrow().is_empty() {
            self.search.set_visible(false);
            self.words.set_label("The server cannot be reached. It is tried again.");
        }
    }

    /// Marks the document that is open.
    pub fn select(&self, open: Option<&DocumentId>) {
        let row = open.and_then(|id| self.rows.borrow().get(id).map(|row| row.row.clone()));
        if self.list.selected_row() == row {
            return;
        }
        self.list.select_row(row.as_ref());
        let (list, scroller) = (self.list.downgrade(), self.scroller.downgrade());
        // A new row has its place after the next layout.
        glib::timeout_add_local_once(LAYOUT_WAIT, move || {
            if let (Some(list), Some(scroller)) = (list.upgrade(), scroller.upgrade()) {
                reveal(&list, &scroller);
            }
        });
    }
}

/// Scrolls so far that the chosen row is seen.
fn reveal(list: &gtk::ListBox, scroller: &gtk::ScrolledWindow) {
    let area = list.selected_row().and_then(|row| row.compute_bounds(list));
    if let Some(area) = area {
        let (start, end) = (f64::from(area.y()), f64::from(area.y() + area.height()));
        scroller.vadjustment().clamp_page(start, end);
    }
}

fn row(entry: Entry) -> Row {
    let icon = match entry.kind {
        Kind::Text => "x-office-document-symbolic",
        Kind::Sheet => "x-office-spreadsheet-symbolic",
    };
    let label = gtk::Label::builder()
        .label(&entry.title)
        .tooltip_text(&entry.title)
        .xalign(0.0)
        .hexpand(true)
        .ellipsize(pango::EllipsizeMode::End)
        .build();
    let target = entry.id.as_str().to_variant();
    let menu = gio::Menu::new();
    for (words, action) in [("_Rename…", "win.rename"), ("_Delete…", "win.delete")] {
        let item = gio::MenuItem::new(Some(words), None);
        item.set_action_and_target_value(Some(action), Some(&target));
        menu.append_item(&item);
    }
    let more = menu_button("Rename or delete");
    more.set_icon_name("view-more-symbolic");
    more.set_menu_model(Some(&menu));
    more.set_valign(gtk::Align::Center);
    more.set_css_classes(&["flat", "circular", "more"]);
    let content = gtk::Box::builder().spacing(10).css_classes(["document-row"]).build();
    content.append(&gtk::Image::from_icon_name(icon));
    content.append(&label);
    content.append(&more);
    let kind = match entry.kind {
        Kind::Text => "text",
        Kind::Sheet => "sheet",
    };
    let row: gtk::ListBoxRow = named(&format!("{}, {kind}", entry.title));
    row.set_child(Some(&content));
    let click = gtk::GestureClick::builder().button(gtk::gdk::BUTTON_SECONDARY).build();
    click.connect_pressed(glib::clone!(
        #[weak]
        more,
        move |_, _, _, _| more.popup()
    ));
    row.add_controller(click);
    let place = entry.title.to_lowercase().into();
    Row { row, entry, place }
}
