//! Changing one cell: in the cell itself or in the formula bar, which share one text.

use std::cell::Cell;
use std::rc::Rc;

use relm4::gtk;
use relm4::gtk::gdk::{Key, ModifierType};
use relm4::gtk::glib;
use relm4::gtk::prelude::*;

use super::selection::Direction;

/// How an edit ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The text is the cell's new content; the selection goes on this way, or stays.
    Commit(Option<Direction>),
    /// The cell keeps what it held.
    Cancel,
}

/// How the edit began, and so what arrow keys do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Nothing is edited.
    Idle,
    /// By typing over the cell: arrows commit and move on.
    Replace,
    /// By F2, a double click or in the formula bar: arrows move the caret.
    Change,
}

/// The entry over the active cell, and the state of the edit.
#[derive(Clone)]
pub struct CellEditor {
    /// As high as the row, with the entry in its middle.
    root: gtk::Box,
    entry: gtk::Entry,
    mode: Rc<Cell<Mode>>,
}

impl CellEditor {
    /// An editor that shares its text with the formula bar's content.
    pub fn new(text: &gtk::EntryBuffer, bar: &gtk::Entry) -> CellEditor {
        let entry = gtk::Entry::builder()
            .buffer(text)
            .has_frame(false)
            .hexpand(true)
            .valign(gtk::Align::Center)
            .build();
        let root = gtk::Box::builder().visible(false).css_classes(["cell-editor"]).build();
        root.append(&entry);
        let editor = CellEditor { root, entry, mode: Rc::new(Cell::new(Mode::Idle)) };
        let mode = editor.mode.clone();
        let focus = gtk::EventControllerFocus::new();
        focus.connect_enter(move |_| {
            if mode.get() == Mode::Idle {
                mode.set(Mode::Change);
            }
        });
        bar.add_controller(focus);
        editor
    }

    /// The widget, to be laid over the grid.
    pub fn widget(&self) -> &gtk::Box {
        &self.root
    }

    /// What is typed into.
    pub fn entry(&self) -> &gtk::Entry {
        &self.entry
    }

    /// Whether an edit is going on.
    pub fn is_editing(&self) -> bool {
        self.mode.get() != Mode::Idle
    }

    /// Begins an edit in the cell: with this text instead of what it holds, or with what it holds.
    pub fn begin(&self, typed: Option<&str>) {
        match typed {
            Some(typed) => {
                self.mode.set(Mode::Replace);
                self.entry.set_text(typed);
            }
            None => self.mode.set(Mode::Change),
        }
        self.root.set_visible(true);
        self.entry.grab_focus_without_selecting();
        self.entry.set_position(-1);
    }

    /// Ends the edit; the caller has acted on its outcome.
    pub fn end(&self) {
        self.mode.set(Mode::Idle);
        self.root.set_visible(false);
    }

    /// Calls `act` when the person ends an edit, in the cell or in the formula bar.
    pub fn connect_outcome(&self, bar: &gtk::Entry, act: impl Fn(Outcome) + 'static) {
        let act = Rc::new(act);
        for entry in [&self.entry, bar] {
            let keys = gtk::EventControllerKey::new();
            keys.set_propagation_phase(gtk::PropagationPhase::Capture);
            let (act, mode) = (act.clone(), self.mode.clone());
            keys.connect_key_pressed(move |_, key, _, modifiers| match outcome(mode.get(), key, modifiers) {
                Some(outcome) => {
                    act(outcome);
                    glib::Propagation::Stop
                }
                None => glib::Propagation::Proceed,
            });
            entry.add_controller(keys);
        }
    }
}

/// What a key says about the edit; `None` if it belongs to the text.
fn outcome(mode: Mode, key: Key, modifiers: ModifierType) -> Option<Outcome> {
    let shift = modifiers.contains(ModifierType::SHIFT_MASK);
    let way = match key {
        _ if mode == Mode::Idle => return None,
        Key::Escape => return Some(Outcome::Cancel),
        Key::Return | Key::KP_Enter if shift => Direction::Up,
        Key::Return | Key::KP_Enter => Direction::Down,
        Key::ISO_Left_Tab => Direction::Left,
        Key::Tab => Direction::Right,
        Key::Up if mode == Mode::Replace => Direction::Up,
        Key::Down if mode == Mode::Replace => Direction::Down,
        Key::Left if mode == Mode::Replace => Direction::Left,
        Key::Right if mode == Mode::Replace => Direction::Right,
        _ => return None,
    };
    Some(Outcome::Commit(Some(way)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrows_end_an_edit_that_began_by_typing_and_move_the_caret_in_others() {
        let none = ModifierType::empty();
        assert_eq!(outcome(Mode::Replace, Key::Left, none), Some(Outcome::Commit(Some(Direction::Left))));
        assert_eq!(outcome(Mode::Change, Key::Left, none), None);
        assert_eq!(outcome(Mode::Change, Key::Return, none), Some(Outcome::Commit(Some(Direction::Down))));
        assert_eq!(
            outcome(Mode::Change, Key::Return, ModifierType::SHIFT_MASK),
            Some(Outcome::Commit(Some(Direction::Up)))
        );
        assert_eq!(outcome(Mode::Replace, Key::Escape, none), Some(Outcome::Cancel));
        assert_eq!(outcome(Mode::Idle, Key::Escape, none), None);
    }
}
