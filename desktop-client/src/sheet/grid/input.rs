//! Keys, clicks and drags as events.

use relm4::gtk;
use relm4::gtk::gdk::{Key, ModifierType};
use relm4::gtk::glib;
use relm4::gtk::prelude::*;
use relm4::gtk::subclass::prelude::*;

use super::hit::{Part, part_at};
use super::model::Model;
use super::{Grid, GridEvent};
use crate::sheet::selection::{Direction, Position, Selection, Step};

/// What the pressed pointer is doing.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) enum Drag {
    /// Nothing.
    #[default]
    None,
    /// Selecting, from where it was pressed.
    Select,
    /// Changing the size of a line that was so large, pixels.
    Resize(Part, f64),
}

/// Smallest size that a drag gives a line, pixels.
const LINE_MIN: f64 = 8.0;

/// Adds the controllers.
pub(super) fn attach(grid: &Grid) {
    let keys = gtk::EventControllerKey::new();
    keys.connect_key_pressed(glib::clone!(
        #[weak]
        grid,
        #[upgrade_or]
        glib::Propagation::Proceed,
        move |_, key, _, modifiers| if pressed(&grid, key, modifiers) {
            glib::Propagation::Stop
        } else {
            glib::Propagation::Proceed
        }
    ));
    grid.add_controller(keys);

    let clicks = gtk::GestureClick::new();
    clicks.set_button(0);
    clicks.connect_pressed(glib::clone!(
        #[weak]
        grid,
        move |gesture, count, x, y| {
            let shift = gesture.current_event_state().contains(ModifierType::SHIFT_MASK);
            clicked(&grid, gesture.current_button(), count, shift, x, y);
        }
    ));
    grid.add_controller(clicks);

    let drags = gtk::GestureDrag::new();
    drags.connect_drag_begin(glib::clone!(
        #[weak]
        grid,
        move |_, x, y| begin_drag(&grid, x, y)
    ));
    drags.connect_drag_update(glib::clone!(
        #[weak]
        grid,
        move |gesture, dx, dy| {
            if let Some((x, y)) = gesture.start_point() {
                dragged(&grid, x + dx, y + dy, dx, dy);
            }
        }
    ));
    drags.connect_drag_end(glib::clone!(
        #[weak]
        grid,
        move |_, _, _| {
            grid.imp().drag.replace(Drag::None);
        }
    ));
    grid.add_controller(drags);

    let motion = gtk::EventControllerMotion::new();
    motion.connect_motion(glib::clone!(
        #[weak]
        grid,
        move |_, x, y| {
            let cursor = match part(&grid, x, y) {
                Some(Part::ColumnBorder(_)) => Some("col-resize"),
                Some(Part::RowBorder(_)) => Some("row-resize"),
                Some(Part::Cell(_)) => Some("cell"),
                _ => None,
            };
            grid.set_cursor_from_name(cursor);
        }
    ));
    grid.add_controller(motion);
}

fn part(grid: &Grid, x: f64, y: f64) -> Option<Part> {
    let scroll = grid.imp().scroll();
    grid.read(|model| part_at(model, x, y, scroll))
}

/// The selection of whole lines or of a cell.
fn selection_of(model: &Model, part: Part) -> Option<Selection> {
    let last = Position { row: model.rows.count().checked_sub(1)?, col: model.cols.count().checked_sub(1)? };
    Some(match part {
        Part::Cell(at) => Selection::cell(at),
        Part::Column(col) => {
            Selection { active: Position { row: 0, col }, extent: Position { row: last.row, col } }
        }
        Part::Row(row) => {
            Selection { active: Position { row, col: 0 }, extent: Position { row, col: last.col } }
        }
        Part::Corner => Selection { active: Position::default(), extent: last },
        Part::ColumnBorder(_) | Part::RowBorder(_) => return None,
    })
}

fn clicked(grid: &Grid, button: u32, count: i32, shift: bool, x: f64, y: f64) {
    grid.grab_focus();
    let Some(part) = part(grid, x, y) else { return };
    let Some(chosen) = grid.read(|model| selection_of(model, part)) else { return };
    let current = grid.read(|model| model.selection);
    if button == gtk::gdk::BUTTON_SECONDARY {
        if !current.contains(chosen.active) {
            select_still(grid, chosen);
        }
        grid.imp().tell(GridEvent::Menu(part, x, y));
    } else if button == gtk::gdk::BUTTON_PRIMARY {
        if count == 2 && matches!(part, Part::Cell(_)) {
            grid.imp().tell(GridEvent::Edit(None));
        } else if shift {
            select_still(grid, Selection { active: current.active, extent: chosen.extent });
        } else {
            select_still(grid, chosen);
        }
    }
}

/// Selects without scrolling: what was clicked is seen already, and a whole column's end must not be scrolled to.
fn select_still(grid: &Grid, selection: Selection) {
    let changed = grid.read(|model| model.selection != selection);
    if changed {
        grid.update(|model| model.selection = selection);
        grid.imp().tell(GridEvent::Selected(selection));
    }
}

fn begin_drag(grid: &Grid, x: f64, y: f64) {
    let drag = match part(grid, x, y) {
        Some(border @ Part::ColumnBorder(col)) => {
            Drag::Resize(border, grid.read(|model| model.cols.size(col)))
        }
        Some(border @ Part::RowBorder(row)) => Drag::Resize(border, grid.read(|model| model.rows.size(row))),
        Some(Part::Cell(_)) => Drag::Select,
        _ => Drag::None,
    };
    grid.imp().drag.replace(drag);
}

fn dragged(grid: &Grid, x: f64, y: f64, dx: f64, dy: f64) {
    let drag = *grid.imp().drag.borrow();
    match drag {
        Drag::None => {}
        Drag::Select => {
            if let Some(Part::Cell(extent)) = part(grid, x, y) {
                let active = grid.read(|model| model.selection.active);
                grid.select(Selection { active, extent });
            }
        }
        Drag::Resize(border, size) => {
            let by = if matches!(border, Part::ColumnBorder(_)) { dx } else { dy };
            grid.imp().tell(GridEvent::Resize(border, (size + by).max(LINE_MIN)));
        }
    }
}

/// Acts on a key; false if it means nothing here.
fn pressed(grid: &Grid, key: Key, modifiers: ModifierType) -> bool {
    let control = modifiers.contains(ModifierType::CONTROL_MASK);
    let shift = modifiers.contains(ModifierType::SHIFT_MASK);
    if modifiers.contains(ModifierType::ALT_MASK) {
        return false;
    }
    if let Some(direction) = arrow(key).filter(|_| control) {
        grid.imp().tell(GridEvent::Jump { direction, extend: shift });
        return true;
    }
    if let Some(selection) = moved(grid, key, control, shift) {
        grid.select(selection);
        return true;
    }
    let event = match (key, control) {
        (Key::F2, false) => GridEvent::Edit(None),
        (Key::Delete | Key::BackSpace, false) => GridEvent::Clear,
        (Key::c | Key::C, true) => GridEvent::Copy { cut: false },
        (Key::x | Key::X, true) => GridEvent::Copy { cut: true },
        (Key::v | Key::V, true) => GridEvent::Paste,
        (Key::b | Key::B, true) => GridEvent::Bold,
        (Key::i | Key::I, true) => GridEvent::Italic,
        (Key::y | Key::Y, true) | (Key::Z, true) => GridEvent::Redo,
        (Key::z, true) if shift => GridEvent::Redo,
        (Key::z, true) => GridEvent::Undo,
        (Key::g | Key::G, true) => GridEvent::AskCell,
        (Key::F11, false) if shift => GridEvent::NewSheet,
        (Key::Page_Down, true) => GridEvent::OtherSheet(1),
        (Key::Page_Up, true) => GridEvent::OtherSheet(-1),
        (Key::a | Key::A, true) => {
            if let Some(all) = grid.read(|model| selection_of(model, Part::Corner)) {
                select_still(grid, all);
            }
            return true;
        }
        (key, false) => match key.to_unicode() {
            Some(character) if !character.is_control() => GridEvent::Edit(Some(character.to_string())),
            _ => return false,
        },
        _ => return false,
    };
    grid.imp().tell(event);
    true
}

/// The way of an arrow key.
fn arrow(key: Key) -> Option<Direction> {
    match key {
        Key::Up | Key::KP_Up => Some(Direction::Up),
        Key::Down | Key::KP_Down => Some(Direction::Down),
        Key::Left | Key::KP_Left => Some(Direction::Left),
        Key::Right | Key::KP_Right => Some(Direction::Right),
        _ => None,
    }
}

/// Where a key moves the selection; `None` if it moves nothing.
fn moved(grid: &Grid, key: Key, control: bool, shift: bool) -> Option<Selection> {
    let page = grid.viewport().0.len().saturating_sub(2).max(1);
    if key == Key::Home && control {
        let home = Position::default();
        return Some(match shift {
            true => Selection { extent: home, ..grid.read(|model| model.selection) },
            false => Selection::cell(home),
        });
    }
    let (direction, step, extend) = match key {
        Key::Page_Up if !control => (Direction::Up, Step::Cells(page), shift),
        Key::Page_Down if !control => (Direction::Down, Step::Cells(page), shift),
        Key::Home => (Direction::Left, Step::End, shift),
        Key::End => (Direction::Right, Step::End, shift),
        Key::Return | Key::KP_Enter if shift => (Direction::Up, Step::Cells(1), false),
        Key::Return | Key::KP_Enter => (Direction::Down, Step::Cells(1), false),
        Key::ISO_Left_Tab => (Direction::Left, Step::Cells(1), false),
        Key::Tab if !control => (Direction::Right, Step::Cells(1), false),
        key => (arrow(key)?, Step::Cells(1), shift),
    };
    Some(grid.read(|model| model.selection.moved(direction, step, extend, model.size())))
}

#[cfg(test)]
#[path = "input_test.rs"]
mod tests;
