//! The find bar of a page, whatever the page shows. Hidden until Ctrl+F.

use gtk::glib;
use gtk::prelude::*;
use relm4::{adw, gtk};

use super::named::icon_button;

/// What the person wants of the bar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FindEvent {
    /// To find these words, from here on. Empty: nothing any more.
    Words(String),
    /// The next place.
    Next,
    /// The one before.
    Previous,
    /// To go on with the page.
    Closed,
}

/// The bar.
#[derive(Debug, Clone)]
pub struct FindBar {
    bar: gtk::SearchBar,
    entry: gtk::SearchEntry,
    found: gtk::Label,
    previous: gtk::Button,
    next: gtk::Button,
}

impl FindBar {
    /// A bar whose empty entry says this.
    pub fn new(placeholder: &str) -> FindBar {
        let entry = gtk::SearchEntry::builder().placeholder_text(placeholder).hexpand(true).build();
        let found = gtk::Label::builder().css_classes(["dim-label", "numeric"]).build();
        let previous = arrow("go-up-symbolic", "Previous match");
        let next = arrow("go-down-symbolic", "Next match");
        let row = gtk::Box::builder().spacing(6).build();
        row.append(&entry);
        row.append(&found);
        row.append(&previous);
        row.append(&next);
        let clamp = adw::Clamp::builder().maximum_size(520).child(&row).build();
        let bar = gtk::SearchBar::builder().child(&clamp).show_close_button(true).build();
        bar.connect_entry(&entry);
        FindBar { bar, entry, found, previous, next }
    }

    /// The widget.
    pub fn widget(&self) -> &gtk::SearchBar {
        &self.bar
    }

    /// Where it is said what was found.
    pub fn found(&self) -> &gtk::Label {
        &self.found
    }

    /// Calls `act` for everything the person wants. It must not hold the bar, which holds it.
    pub fn connect_event(&self, act: impl Fn(FindEvent) + Clone + 'static) {
        let tell = act.clone();
        self.entry.connect_search_changed(move |entry| tell(FindEvent::Words(entry.text().into())));
        let tell = act.clone();
        self.entry.connect_next_match(move |_| tell(FindEvent::Next));
        let tell = act.clone();
        self.entry.connect_activate(move |_| tell(FindEvent::Next));
        let tell = act.clone();
        self.entry.connect_previous_match(move |_| tell(FindEvent::Previous));
        let tell = act.clone();
        self.next.connect_clicked(move |_| tell(FindEvent::Next));
        let tell = act.clone();
        self.previous.connect_clicked(move |_| tell(FindEvent::Previous));
        let keys = gtk::EventControllerKey::new();
        let tell = act.clone();
        keys.set_propagation_phase(gtk::PropagationPhase::Capture);
        keys.connect_key_pressed(move |_, key, _, modifiers| {
            let back = key == gtk::gdk::Key::Return && modifiers.contains(gtk::gdk::ModifierType::SHIFT_MASK);
            if back {
                tell(FindEvent::Previous);
                return glib::Propagation::Stop;
            }
            glib::Propagation::Proceed
        });
        self.entry.add_controller(keys);
        self.bar.connect_search_mode_enabled_notify(move |bar| {
            if !bar.is_search_mode() {
                act(FindEvent::Closed);
            }
        });
    }

    /// Opens the bar, with these words if there are any. (It forgets its words when it closes.)
    pub fn open(&self, words: Option<&str>) {
        self.bar.set_search_mode(true);
        if let Some(words) = words.filter(|words| !words.is_empty() && !words.contains('\n')) {
            self.entry.set_text(words);
        }
        self.entry.grab_focus();
        self.entry.select_region(0, -1);
    }
}

fn arrow(icon: &str, name: &str) -> gtk::Button {
    let button = icon_button(icon, name);
    button.add_css_class("flat");
    button
}
