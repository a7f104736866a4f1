//! The strip under the header that says when the connection is gone.

use gtk::prelude::*;
use relm4::gtk;

/// A strip that slides in. (libadwaita 1.2 has no banner of its own.)
#[derive(Debug, Clone)]
pub struct Banner {
    revealer: gtk::Revealer,
    label: gtk::Label,
}

impl Banner {
    /// A hidden one.
    #[expect(clippy::new_without_default, reason = "making widgets is no default")]
    pub fn new() -> Banner {
        let icon = gtk::Image::from_icon_name("network-offline-symbolic");
        let label = gtk::Label::builder().wrap(true).xalign(0.0).build();
        let row = gtk::Box::builder()
            .spacing(10)
            .halign(gtk::Align::Fill)
            .css_classes(["offline-banner"])
            .accessible_role(gtk::AccessibleRole::Alert)
            .build();
        let inner = gtk::Box::builder().spacing(10).halign(gtk::Align::Center).hexpand(true).build();
        inner.append(&icon);
        inner.append(&label);
        row.append(&inner);
        let revealer = gtk::Revealer::builder()
            .transition_type(gtk::RevealerTransitionType::SlideDown)
            .child(&row)
            .build();
        revealer.set_visible(false);
        let words = label.clone();
        revealer.connect_child_revealed_notify(move |revealer| {
            if !revealer.is_child_revealed() && !revealer.reveals_child() {
                revealer.set_visible(false);
                words.set_label("");
            }
        });
        Banner { revealer, label }
    }

    /// The widget.
    pub fn widget(&self) -> &gtk::Revealer {
        &self.revealer
    }

    /// Says this, or nothing.
    pub fn say(&self, words: Option<&str>) {
        if let Some(words) = words {
            self.label.set_label(words);
            self.revealer.set_visible(true);
        }
        self.revealer.set_reveal_child(words.is_some());
    }
}
