//! The find bar of a text page.

use std::rc::Rc;

use gtk::glib;
use relm4::gtk;
use sourceview5::prelude::*;

use super::view::DocumentView;
use crate::ui::named::icon_button;

/// The bar; hidden until Ctrl+F.
#[derive(Debug, Clone)]
pub(super) struct FindBar {
    bar: gtk::SearchBar,
    entry: gtk::SearchEntry,
}

struct Finder {
    view: DocumentView,
    context: sourceview5::SearchContext,
    count: gtk::Label,
}

impl FindBar {
    /// A bar that searches in this view.
    pub(super) fn new(view: &DocumentView, buffer: &sourceview5::Buffer) -> FindBar {
        let settings = sourceview5::SearchSettings::builder().wrap_around(true).build();
        let context = sourceview5::SearchContext::builder().buffer(buffer).settings(&settings).build();
        context.set_highlight(true);
        let entry = gtk::SearchEntry::builder().placeholder_text("Find in this text").hexpand(true).build();
        let count = gtk::Label::builder().css_classes(["dim-label", "numeric"]).build();
        let previous = arrow("go-up-symbolic", "Previous match");
        let next = arrow("go-down-symbolic", "Next match");
        let row = gtk::Box::builder().spacing(6).build();
        row.append(&entry);
        row.append(&count);
        row.append(&previous);
        row.append(&next);
        let clamp = relm4::adw::Clamp::builder().maximum_size(520).child(&row).build();
        let bar = gtk::SearchBar::builder().child(&clamp).show_close_button(true).build();
        bar.connect_entry(&entry);

        let finder = Rc::new(Finder { view: view.clone(), context, count });
        entry.connect_search_changed(glib::clone!(
            #[strong]
            finder,
            #[strong]
            settings,
            move |entry| {
                let text = entry.text();
                settings.set_search_text(Some(text.as_str()).filter(|text| !text.is_empty()));
                finder.go(true, true);
            }
        ));
        let forward = Rc::clone(&finder);
        entry.connect_next_match(move |_| forward.go(true, false));
        let forward = Rc::clone(&finder);
        entry.connect_activate(move |_| forward.go(true, false));
        let backward = Rc::clone(&finder);
        entry.connect_previous_match(move |_| backward.go(false, false));
        let forward = Rc::clone(&finder);
        next.connect_clicked(move |_| forward.go(true, false));
        let backward = Rc::clone(&finder);
        previous.connect_clicked(move |_| backward.go(false, false));
        finder.context.connect_occurrences_count_notify(glib::clone!(
            #[weak]
            finder,
            move |_| finder.show_count()
        ));
        bar.connect_search_mode_enabled_notify(glib::clone!(
            #[strong]
            finder,
            move |bar| {
                finder.context.set_highlight(bar.is_search_mode());
                if !bar.is_search_mode() {
                    settings.set_search_text(None);
                    finder.view.grab_focus();
                }
            }
        ));
        FindBar { bar, entry }
    }

    /// The widget.
    pub(super) fn widget(&self) -> &gtk::SearchBar {
        &self.bar
    }

    /// Opens the bar with what is selected.
    pub(super) fn open(&self, selected: Option<&str>) {
        self.bar.set_search_mode(true);
        if let Some(selected) = selected.filter(|text| !text.is_empty() && !text.contains('\n')) {
            self.entry.set_text(selected);
        }
        self.entry.grab_focus();
        self.entry.select_region(0, -1);
    }
}

impl Finder {
    /// Selects the next or previous match; `here`: one that begins at the selection counts.
    fn go(&self, forward: bool, here: bool) {
        let buffer = self.view.buffer();
        let (start, end) = buffer.selection_bounds().unwrap_or_else(|| {
            (buffer.iter_at_mark(&buffer.get_insert()), buffer.iter_at_mark(&buffer.get_insert()))
        });
        let found = match (forward, here) {
            (true, true) => self.context.forward(&start),
            (true, false) => self.context.forward(&end),
            (false, _) => self.context.backward(&start),
        };
        if let Some((start, end, _)) = found {
            buffer.select_range(&start, &end);
            self.view.scroll_to_mark(&buffer.get_insert(), 0.1, false, 0.0, 0.0);
        }
        self.show_count();
    }

    fn show_count(&self) {
        let words = match (self.context.settings().search_text(), self.context.occurrences_count()) {
            (None, _) | (_, ..0) => String::new(),
            (_, 0) => "No matches".to_owned(),
            (_, 1) => "1 match".to_owned(),
            (_, count) => format!("{count} matches"),
        };
        self.count.set_label(&words);
    }
}

fn arrow(icon: &str, name: &str) -> gtk::Button {
    let button = icon_button(icon, name);
    button.add_css_class("flat");
    button
}
