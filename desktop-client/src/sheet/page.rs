//! The sheet page: tabs, formula bar and grid around one binding.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use gtk::prelude::*;
use gtk::{gdk, glib};
use relm4::prelude::*;
use relm4::{adw, gtk};
use shared::document::engine::Calculator;
use shared::document::sheet::SheetId;

use super::binding::{Binding, Note, Parts};
use super::cell_editor::CellEditor;
use super::grid::Grid;
use crate::page::{PageInput, PageOutput};
use crate::session::outgoing::Outgoing;
use crate::session::replica::SheetReplica;
use crate::session::{DocumentHandle, NotTaken};
use crate::ui::dialogs;
use crate::ui::find_bar::FindBar;

/// Sums of the selection are told at most this often.
const SUMMARY_WAIT: Duration = Duration::from_millis(120);

/// What a sheet page is made of.
pub struct SheetInit {
    /// The page's end of its document: edits go here.
    pub handle: DocumentHandle,
    /// The empty replica that it edits.
    pub replica: SheetReplica,
}

/// A sheet that people fill.
pub struct SheetPage {
    binding: Rc<Binding>,
    find: FindBar,
    told_undo: Cell<(bool, bool)>,
    summing: Rc<Cell<bool>>,
}

/// What the page tells itself.
#[derive(Debug)]
pub enum SheetNote {
    /// Formulas were computed.
    Computed,
    /// From the binding.
    Binding(Note),
    /// It is time to sum up the selection.
    Sum,
}

impl Component for SheetPage {
    type Init = SheetInit;
    type Input = PageInput;
    type Output = PageOutput;
    type CommandOutput = SheetNote;
    type Root = gtk::Box;
    type Widgets = ();

    fn init_root() -> gtk::Box {
        gtk::Box::new(gtk::Orientation::Vertical, 0)
    }

    fn init(init: SheetInit, root: gtk::Box, sender: ComponentSender<Self>) -> ComponentParts<Self> {
        let parts = Parts::new();
        let find = FindBar::new("Find in this sheet");
        root.append(find.widget());
        root.append(parts.bar.widget());
        root.append(&gtk::Separator::new(gtk::Orientation::Horizontal));
        root.append(&overlay(&parts.grid, &parts.editor));
        root.append(parts.tabs.widget());

        let notes = sender.command_sender().clone();
        let calculator = Calculator::spawn(move || {
            let _ = notes.send(SheetNote::Computed);
        });
        if let Err(error) = &calculator {
            tracing::error!(%error, "no thread for the calculator");
            let _ = sender.output(PageOutput::Notice("Formulas cannot be computed right now.".into()));
        }
        let notes = sender.command_sender().clone();
        let binding =
            Binding::new(parts, init.replica, Outgoing::new(init.handle), calculator.ok(), move |note| {
                let _ = notes.send(SheetNote::Binding(note));
            });
        let (finder, found) = (Rc::downgrade(&binding), find.found().clone());
        find.connect_event(move |event| {
            if let Some(binding) = finder.upgrade() {
                found.set_label(&binding.find(event));
            }
        });
        let model = SheetPage { binding, find, told_undo: Cell::new((false, false)), summing: Rc::default() };
        ComponentParts { model, widgets: () }
    }

    fn update(&mut self, input: PageInput, sender: ComponentSender<Self>, _root: &gtk::Box) {
        match input {
            PageInput::Updates(updates) => self.binding.hear(&updates),
            PageInput::Peers(peers) => self.binding.set_peers(peers),
            PageInput::Editable(editable) => self.binding.set_editable(editable),
            PageInput::Retry => self.binding.retry(),
            PageInput::Undo => self.binding.undo(),
            PageInput::Redo => self.binding.redo(),
            PageInput::Find => self.find.open(None),
            PageInput::Focus => self.binding.focus(),
        }
        self.tell_undo(&sender);
    }

    fn update_cmd(&mut self, note: SheetNote, sender: ComponentSender<Self>, _root: &gtk::Box) {
        match note {
            SheetNote::Computed => self.binding.computed(),
            SheetNote::Sum => {
                let _ = sender.output(PageOutput::Summary(self.binding.summary()));
            }
            SheetNote::Binding(Note::Touched) => {
                self.tell_undo(&sender);
                self.sum_soon(&sender);
            }
            SheetNote::Binding(Note::Said(words)) => {
                let _ = sender.output(PageOutput::Notice(words));
            }
            SheetNote::Binding(Note::AskName(sheet, name)) => self.ask_name(sheet, &name),
            SheetNote::Binding(Note::Ended) => {
                let _ = sender.output(PageOutput::Failed(NotTaken::Ended.to_string()));
            }
            SheetNote::Binding(Note::Failed) => {
                let words = "This sheet holds something that this version cannot show.";
                let _ = sender.output(PageOutput::Failed(words.into()));
            }
        }
    }
}

impl SheetPage {
    /// Stores what is being typed into a cell, as the page is about to go.
    pub fn finish(&self) {
        self.binding.leave();
    }

    fn tell_undo(&self, sender: &ComponentSender<Self>) {
        let state = self.binding.undo_state();
        if self.told_undo.replace(state) != state {
            let (can_undo, can_redo) = state;
            let _ = sender.output(PageOutput::UndoState { can_undo, can_redo });
        }
    }

    fn sum_soon(&self, sender: &ComponentSender<Self>) {
        if !self.summing.replace(true) {
            let (summing, notes) = (Rc::clone(&self.summing), sender.command_sender().clone());
            glib::timeout_add_local_once(SUMMARY_WAIT, move || {
                summing.set(false);
                let _ = notes.send(SheetNote::Sum);
            });
        }
    }

    fn ask_name(&self, sheet: SheetId, name: &str) {
        let window = self.binding.grid().root().and_downcast::<adw::ApplicationWindow>();
        if let Some(window) = window {
            let binding = Rc::clone(&self.binding);
            dialogs::rename(&window, "Rename Sheet", name, move |name| binding.rename(&sheet, &name));
        }
    }
}

/// The grid, with the editor over the active cell.
fn overlay(grid: &Grid, editor: &CellEditor) -> gtk::Overlay {
    let scroll = gtk::ScrolledWindow::builder().child(grid).vexpand(true).hexpand(true).build();
    let overlay = gtk::Overlay::builder().child(&scroll).build();
    overlay.add_overlay(editor.widget());
    let grid = grid.clone();
    overlay.connect_get_child_position(move |overlay, widget| {
        let at = grid.read(|model| model.selection.active);
        let (x, y, width, height) = grid.cell_area(at);
        let (x, y) = grid.translate_coordinates(overlay, x, y)?;
        // As wide as the text needs, so that one sees what one types.
        let natural = widget.measure(gtk::Orientation::Horizontal, -1).1;
        let room = (f64::from(overlay.width()) - x).max(width);
        let width = width.max(f64::from(natural).min(room));
        Some(gdk::Rectangle::new(x as i32 - 1, y as i32 - 1, width as i32 + 1, height as i32 + 1))
    });
    overlay
}
