//! Finding in a text.

use std::rc::Rc;

use gtk::glib;
use relm4::gtk;
use sourceview5::prelude::*;

use super::view::DocumentView;
use crate::ui::find_bar::{FindBar, FindEvent};

/// A find bar that searches in this view.
pub(super) fn find_bar(view: &DocumentView, buffer: &sourceview5::Buffer) -> FindBar {
    let settings = sourceview5::SearchSettings::builder().wrap_around(true).build();
    let context = sourceview5::SearchContext::builder().buffer(buffer).settings(&settings).build();
    context.set_highlight(true);
    let bar = FindBar::new("Find in this text");
    let finder = Rc::new(Finder { view: view.clone(), context, settings, found: bar.found().clone() });
    finder.context.connect_occurrences_count_notify(glib::clone!(
        #[weak]
        finder,
        move |_| finder.show_count()
    ));
    bar.connect_event(move |event| finder.act(event));
    bar
}

struct Finder {
    view: DocumentView,
    context: sourceview5::SearchContext,
    settings: sourceview5::SearchSettings,
    found: gtk::Label,
}

impl Finder {
    fn act(&self, event: FindEvent) {
        match event {
            FindEvent::Words(words) => {
                self.context.set_highlight(true);
                self.settings.set_search_text(Some(words.as_str()).filter(|words| !words.is_empty()));
                self.go(true, true);
            }
            FindEvent::Next => self.go(true, false),
            FindEvent::Previous => self.go(false, false),
            FindEvent::Closed => {
                self.context.set_highlight(false);
                self.settings.set_search_text(None);
                self.view.grab_focus();
            }
        }
    }

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
        let selected = self.view.buffer().selection_bounds();
        let place = selected.map_or(0, |(start, end)| self.context.occurrence_position(&start, &end));
        let words = match (self.settings.search_text(), place, self.context.occurrences_count()) {
            (None, ..) | (_, _, ..0) => String::new(),
            (_, _, 0) => "No matches".to_owned(),
            (_, 1.., count) => format!("{place} of {count}"),
            (_, _, 1) => "1 match".to_owned(),
            (_, _, count) => format!("{count} matches"),
        };
        self.found.set_label(&words);
    }
}
