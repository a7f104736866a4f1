//! The drawn grid: a widget that shows cells, headers and selections, and says what the person did.
//!
//! It knows no document: whoever owns it hands it [`Shown`] cells and acts on [`GridEvent`]s.
//!
//! # Layout
//!
//! - [`model`]: what is shown, as plain data.
//! - [`hit`]: which part of the grid lies at a pixel.
//! - [`layouts`]: laid out text, kept between frames.
//! - [`draw`]: one frame.
//! - [`input`]: keys, clicks and drags as events.
//! - [`imp`]: the GObject.

use relm4::gtk;
use relm4::gtk::glib;
use relm4::gtk::prelude::*;
use relm4::gtk::subclass::prelude::*;

mod draw;
mod hit;
mod imp;
mod input;
mod layouts;
pub mod model;

pub use hit::Part;
pub use model::{Align, Model, Peer, Shown};

use super::selection::{Direction, Position, Selection};

/// What the person did.
#[derive(Debug, Clone, PartialEq)]
pub enum GridEvent {
    /// Selected other cells.
    Selected(Selection),
    /// Wants to change the active cell: from `None` keep what it holds, else replace it by this text.
    Edit(Option<String>),
    /// Wants to go to the edge of the filled block, as Ctrl with an arrow does in every spreadsheet.
    Jump {
        /// Which way.
        direction: Direction,
        /// Whether the selection is extended.
        extend: bool,
    },
    /// Wants the selected cells empty.
    Clear,
    /// Wants bold letters, or no more.
    Bold,
    /// Wants slanted letters, or no more.
    Italic,
    /// Wants the selected cells in the clipboard, and then empty if `cut`.
    Copy {
        /// Whether they are taken away.
        cut: bool,
    },
    /// Wants the clipboard's cells here.
    Paste,
    /// Takes back one's own last change.
    Undo,
    /// Makes the change again.
    Redo,
    /// Dragged the border of a column or row to this size, pixels.
    Resize(Part, f64),
    /// Asked for the menu at this part, at this place in the widget.
    Menu(Part, f64, f64),
    /// Sees other rows and columns now.
    Viewport,
    /// Wants to say by its name which cell to go to.
    AskCell,
    /// Wants one more sheet.
    NewSheet,
    /// Wants another sheet: the next (`1`) or the previous (`-1`).
    OtherSheet(i32),
}

glib::wrapper! {
    /// The drawn grid of a sheet. Put it into a `gtk::ScrolledWindow`.
    pub struct Grid(ObjectSubclass<imp::Grid>)
        @extends gtk::Widget,
        @implements gtk::Buildable, gtk::ConstraintTarget, gtk::Scrollable;
}

impl Default for Grid {
    fn default() -> Grid {
        glib::Object::new()
    }
}

impl Grid {
    /// Calls `act` for everything the person does.
    pub fn connect_event(&self, act: impl Fn(&Grid, GridEvent) + 'static) {
        self.imp().act.replace(Some(Box::new(act)));
    }

    /// Changes what is shown, and draws it.
    pub fn update(&self, change: impl FnOnce(&mut Model)) {
        change(&mut self.imp().model.borrow_mut());
        self.imp().model_changed();
    }

    /// Reads what is shown.
    pub fn read<T>(&self, read: impl FnOnce(&Model) -> T) -> T {
        read(&self.imp().model.borrow())
    }

    /// Selects cells, and scrolls so that the corner that moves is seen.
    pub fn select(&self, selection: Selection) {
        self.imp().select(selection);
    }

    /// What assistive technologies say of the grid beside its name: they cannot see what is drawn.
    pub fn describe(&self, words: &str) {
        if self.tooltip_text().as_deref() == Some(words) {
            return;
        }
        // GTK 4.8 makes the tooltip of a widget its accessible description; nobody is to see it as a tooltip.
        self.set_tooltip_text(Some(words));
        self.set_has_tooltip(false);
    }

    /// The rows and columns that are seen now, at least partly.
    pub fn viewport(&self) -> (std::ops::Range<usize>, std::ops::Range<usize>) {
        self.imp().viewport()
    }

    /// Where a cell is drawn, in this widget's pixels: x, y, width, height.
    pub fn cell_area(&self, at: Position) -> (f64, f64, f64, f64) {
        self.imp().cell_area(at)
    }
}
