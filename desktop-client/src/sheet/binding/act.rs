//! What the person does in grid, formula bar and tabs, as edits.

use std::rc::Rc;

use gtk::glib;
use gtk::prelude::*;
use relm4::gtk;
use shared::document::SheetDocument;
use shared::document::sheet::{Area, Axis, Edit, EditError, Position as At, SheetId, Style};

use super::{Binding, Note};
use crate::sheet::grid::{Grid, GridEvent, Part};
use crate::sheet::selection::{Direction, Position, Selection};
use crate::sheet::tabs::TabEvent;

impl Binding {
    /// Connects the widgets.
    pub(super) fn attach(self: &Rc<Self>) {
        let binding = Rc::downgrade(self);
        self.parts.grid.connect_event(move |_, event| {
            if let Some(binding) = binding.upgrade() {
                binding.grid_event(event);
            }
        });
        let binding = Rc::downgrade(self);
        self.parts.tabs.connect_event(move |event| {
            if let Some(binding) = binding.upgrade() {
                binding.tab_event(event);
            }
        });
        let binding = Rc::downgrade(self);
        self.parts.bar.connect_go(move |name| {
            if let Some(binding) = binding.upgrade() {
                binding.go(name);
            }
        });
        self.parts.bar.return_focus_to(&self.parts.grid);
        let binding = Rc::downgrade(self);
        self.parts.editor.connect_outcome(self.parts.bar.content(), move |outcome| {
            if let Some(binding) = binding.upgrade() {
                binding.typed(outcome);
            }
        });
    }

    pub(super) fn grid_event(self: &Rc<Self>, event: GridEvent) {
        match event {
            GridEvent::Selected(_) => {
                self.end_typing();
                self.show_target();
                self.tell_selection();
                self.describe();
                (self.tell)(Note::Touched);
            }
            GridEvent::Viewport => self.fill(false),
            GridEvent::Edit(typed) => self.begin_typing(typed.as_deref()),
            GridEvent::Jump { direction, extend } => self.jump(direction, extend),
            GridEvent::Clear => {
                let area = self.area();
                self.act(|document, sheet| document.clear(sheet, area));
            }
            GridEvent::Copy { cut } => self.copy(cut),
            GridEvent::Paste => self.paste(),
            GridEvent::Undo => self.undo(),
            GridEvent::Redo => self.redo(),
            GridEvent::Bold => self.restyle(|style| style.bold, |style, on| style.bold = on),
            GridEvent::Italic => self.restyle(|style| style.italic, |style, on| style.italic = on),
            GridEvent::Resize(part, pixels) => self.resize(part, pixels),
            GridEvent::Menu(part, x, y) => self.open_menu(part, x, y),
            GridEvent::AskCell => self.parts.bar.ask_name(),
            GridEvent::NewSheet => self.tab_event(TabEvent::Add),
            GridEvent::OtherSheet(by) => {
                let place = self.place().saturating_add_signed(isize::try_from(by).unwrap_or(0));
                self.turn_to(place);
            }
        }
    }

    pub(super) fn tab_event(self: &Rc<Self>, event: TabEvent) {
        match event {
            TabEvent::Show(place) => self.turn_to(place),
            TabEvent::Add => {
                let before = self.replica.borrow().workbook().sheets().len();
                self.act(|document, _| document.add_sheet(None).map(|(_, edit)| edit));
                self.turn_to(before);
            }
            TabEvent::Rename(place) => {
                let named = self.sheet_at(place);
                if let Some((id, name)) = named {
                    (self.tell)(Note::AskName(id, name));
                }
            }
            TabEvent::Delete(place) => {
                if let Some((id, name)) = self.sheet_at(place) {
                    self.act(|document, _| document.delete_sheet(&id));
                    if self.sheet_at_id(&id).is_none() {
                        (self.tell)(Note::Said(format!("“{name}” was deleted. Ctrl+Z brings it back.")));
                    }
                }
            }
        }
    }

    fn sheet_at_id(&self, id: &SheetId) -> Option<String> {
        self.replica.borrow().workbook().sheet(id).map(|sheet| sheet.name().to_owned())
    }

    fn sheet_at(&self, place: usize) -> Option<(SheetId, String)> {
        let replica = self.replica.borrow();
        replica.workbook().sheets().get(place).map(|sheet| (sheet.id().clone(), sheet.name().to_owned()))
    }

    /// Gives a sheet another name.
    pub(in crate::sheet) fn rename(self: &Rc<Self>, sheet: &SheetId, name: &str) {
        self.act(|document, _| document.rename_sheet(sheet, name));
    }

    /// Makes an edit of the sheet that is seen, publishes and shows it, or says why not.
    pub(super) fn act(
        self: &Rc<Self>,
        edit: impl FnOnce(&mut SheetDocument, &str) -> Result<Edit, EditError>,
    ) {
        if !self.editable.get() {
            return;
        }
        let sheet = self.shown.borrow().clone();
        let edited = self.replica.borrow_mut().edit(|document| edit(document, &sheet));
        match edited {
            Ok(edit) => self.finish(edit),
            Err(error) => self.refuse(&error),
        }
    }

    /// The selected cells.
    pub(super) fn area(&self) -> Area {
        let selection = self.parts.grid.read(|model| model.selection);
        Area {
            first_row: *selection.rows().start(),
            first_col: *selection.cols().start(),
            last_row: *selection.rows().end(),
            last_col: *selection.cols().end(),
        }
    }

    /// Goes to the edge of the block of cells that hold something.
    fn jump(self: &Rc<Self>, direction: Direction, extend: bool) {
        let (selection, size) = self.parts.grid.read(|model| (model.selection, model.size()));
        let moved = self.with_sheet(|_, sheet| {
            let filled = |at: Position| sheet.cell_at(at.row, at.col).is_some();
            selection.jumped(direction, extend, size, filled)
        });
        if let Some(moved) = moved {
            self.parts.grid.select(moved);
        }
    }

    /// Turns a property of the selected cells on, or off if the active cell has it.
    fn restyle(self: &Rc<Self>, is_on: impl Fn(&Style) -> bool, set: impl Fn(&mut Style, bool)) {
        let active = self.parts.grid.read(|model| model.selection.active);
        let on = self
            .with_sheet(|_, sheet| sheet.style(sheet.key_at(active.row, active.col)?).map(is_on))
            .flatten()
            .unwrap_or(false);
        let area = self.area();
        self.act(|document, sheet| document.restyle(sheet, area, |style| set(style, !on)));
    }

    fn resize(self: &Rc<Self>, part: Part, pixels: f64) {
        let (axis, at) = match part {
            Part::ColumnBorder(col) => (Axis::Col, col),
            Part::RowBorder(row) => (Axis::Row, row),
            _ => return,
        };
        self.act(|document, sheet| document.resize_lines(sheet, axis, at, 1, Some(pixels.round())));
    }

    /// Copies the selected cells; and empties them if `cut`.
    pub(super) fn copy(self: &Rc<Self>, cut: bool) {
        let (area, sheet) = (self.area(), self.shown.borrow().clone());
        let copied = self.replica.borrow().copy(&sheet, area);
        match copied {
            Ok(cells) => {
                let text = cells.to_text();
                self.parts.grid.clipboard().set_text(&text);
                self.copied.replace(Some((text, cells)));
                if cut {
                    self.act(|document, sheet| document.clear(sheet, area));
                }
            }
            Err(error) => self.refuse(&error),
        }
    }

    /// Pastes what the desktop's clipboard holds: cells if they were copied here, else text.
    pub(super) fn paste(self: &Rc<Self>) {
        let binding = Rc::downgrade(self);
        let clipboard = self.parts.grid.clipboard();
        glib::spawn_future_local(async move {
            let text = clipboard.read_text_future().await;
            if let (Some(binding), Ok(Some(text))) = (binding.upgrade(), text) {
                binding.paste_text(&text);
            }
        });
    }

    pub(super) fn paste_text(self: &Rc<Self>, text: &str) {
        let area = self.area();
        let at = At { row: area.first_row, col: area.first_col };
        let copied = self.copied.borrow();
        match &*copied {
            Some((copied, cells)) if copied == text => {
                self.act(|document, sheet| document.paste(sheet, at, cells));
            }
            _ => self.act(|document, sheet| document.paste_text(sheet, at, text)),
        }
    }

    /// Selects whole lines or cells, for a menu.
    pub(super) fn selection(&self) -> Selection {
        self.parts.grid.read(|model| model.selection)
    }

    /// The grid, for what is laid over it.
    pub(in crate::sheet) fn grid(&self) -> &Grid {
        &self.parts.grid
    }
}
