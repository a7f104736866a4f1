//! The bar above the grid: which cell is active, and what it holds as typed.

use relm4::gtk;
use relm4::gtk::glib;
use relm4::gtk::prelude::*;

use crate::ui::named::named;

/// Width of the box with the active cell's name, characters.
const NAME_CHARS: i32 = 7;

/// What the content's entry is for.
const CONTENT_HINT: &str = "Content of the active cell; a formula starts with =";

/// The bar's widgets.
#[derive(Debug, Clone)]
pub struct FormulaBar {
    root: gtk::Box,
    name: gtk::Entry,
    content: gtk::Entry,
}

impl FormulaBar {
    /// A bar whose content is the text that the cell's editor changes too.
    pub fn new(text: &gtk::EntryBuffer) -> FormulaBar {
        let root = gtk::Box::new(gtk::Orientation::Horizontal, 6);
        root.add_css_class("formula-bar");
        for set_margin in [
            gtk::Box::set_margin_start,
            gtk::Box::set_margin_end,
            gtk::Box::set_margin_top,
            gtk::Box::set_margin_bottom,
        ] {
            set_margin(&root, 6);
        }
        let name: gtk::Entry = named("Cell name");
        name.set_width_chars(NAME_CHARS);
        name.set_max_width_chars(NAME_CHARS);
        gtk::prelude::EntryExt::set_alignment(&name, 0.5);
        name.set_tooltip_text(Some("Cell name: type one to go there"));
        let sign = gtk::Label::builder().label("ƒx").css_classes(["dim-label"]).build();
        let content: gtk::Entry = named("Cell content");
        content.set_buffer(text);
        content.set_hexpand(true);
        content.set_tooltip_text(Some(CONTENT_HINT));
        root.append(&name);
        root.append(&sign);
        root.append(&content);
        FormulaBar { root, name, content }
    }

    /// The bar itself.
    pub fn widget(&self) -> &gtk::Box {
        &self.root
    }

    /// The entry with what the cell holds.
    pub fn content(&self) -> &gtk::Entry {
        &self.content
    }

    /// Shows the name of the active cell.
    pub fn set_name(&self, name: &str) {
        self.name.set_text(name);
    }

    /// Lets the person type the name of a cell.
    pub fn ask_name(&self) {
        self.name.grab_focus();
        self.name.select_region(0, -1);
    }

    /// Calls `go` with a cell's name when the person has typed one.
    pub fn connect_go(&self, go: impl Fn(&str) + 'static) {
        self.name.connect_activate(move |entry| go(entry.text().as_str()));
    }

    /// Marks what stands in the content as no formula that could be understood.
    pub fn set_refused(&self, why: Option<&str>) {
        match why {
            Some(why) => {
                self.content.add_css_class("error");
                self.content.set_tooltip_text(Some(why));
            }
            None => {
                self.content.remove_css_class("error");
                self.content.set_tooltip_text(Some(CONTENT_HINT));
            }
        }
    }

    /// Keeps the name box from being edited by mistake: Escape gives the focus to `back`.
    pub fn return_focus_to(&self, back: &impl IsA<gtk::Widget>) {
        let keys = gtk::EventControllerKey::new();
        let back = back.clone().upcast::<gtk::Widget>().downgrade();
        keys.connect_key_pressed(move |_, key, _, _| {
            if key != gtk::gdk::Key::Escape {
                return glib::Propagation::Proceed;
            }
            if let Some(back) = back.upgrade() {
                back.grab_focus();
            }
            glib::Propagation::Stop
        });
        self.name.add_controller(keys);
    }
}
