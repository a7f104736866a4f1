//! The line at the bottom: what is saved, and a few words about the document.

use gtk::prelude::*;
use relm4::gtk;

use crate::session::status::{Mood, Status};

/// The status bar.
#[derive(Debug, Clone)]
pub struct StatusBar {
    root: gtk::Box,
    icon: gtk::Image,
    saved: gtk::Label,
    summary: gtk::Label,
}

impl StatusBar {
    /// An empty one.
    #[expect(clippy::new_without_default, reason = "making widgets is no default")]
    pub fn new() -> StatusBar {
        let icon = gtk::Image::builder().pixel_size(14).build();
        let saved = gtk::Label::builder().xalign(0.0).build();
        let summary = gtk::Label::builder()
            .css_classes(["dim-label", "numeric"])
            .hexpand(true)
            .halign(gtk::Align::End)
            .ellipsize(gtk::pango::EllipsizeMode::End)
            .build();
        let root = gtk::Box::builder().spacing(6).css_classes(["status-bar", "toolbar"]).build();
        root.append(&icon);
        root.append(&saved);
        root.append(&summary);
        StatusBar { root, icon, saved, summary }
    }

    /// The widget.
    pub fn widget(&self) -> &gtk::Box {
        &self.root
    }

    /// Shows connection and saving.
    pub fn show(&self, status: &Status) {
        let label = status.label();
        if self.saved.label() != label {
            self.saved.set_label(&label);
        }
        let (icon, class) = match status.mood() {
            Mood::Calm => ("emblem-ok-symbolic", "dim-label"),
            Mood::Busy => ("emblem-synchronizing-symbolic", "dim-label"),
            Mood::Concern => ("network-offline-symbolic", "concern"),
        };
        self.icon.set_icon_name(Some(icon));
        self.icon.set_css_classes(&[class]);
        self.saved.set_css_classes(&[class]);
    }

    /// Shows a few words about the document.
    pub fn summarize(&self, summary: &str) {
        self.summary.set_label(summary);
    }
}
