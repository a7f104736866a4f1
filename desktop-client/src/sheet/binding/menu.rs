//! The menu of cells and headers.

use std::rc::Rc;

use gtk::prelude::*;
use gtk::{gdk, gio, glib};
use relm4::gtk;
use shared::document::sheet::Axis;

use super::Binding;
use crate::sheet::grid::Part;

/// The name under which the grid finds the actions.
const GROUP: &str = "sheet";

impl Binding {
    /// Opens the menu of a part, at a place in the grid.
    pub(super) fn open_menu(self: &Rc<Self>, part: Part, x: f64, y: f64) {
        let grid = &self.parts.grid;
        grid.insert_action_group(GROUP, Some(&self.actions()));
        let menu = gtk::PopoverMenu::from_model(Some(&model(part)));
        menu.set_has_arrow(false);
        menu.set_halign(gtk::Align::Start);
        menu.set_pointing_to(Some(&gdk::Rectangle::new(x as i32, y as i32, 1, 1)));
        menu.set_parent(grid);
        menu.connect_closed(|menu| {
            let menu = menu.clone();
            // The action runs after the menu has closed.
            glib::idle_add_local_once(move || menu.unparent());
        });
        menu.popup();
    }

    fn actions(self: &Rc<Self>) -> gio::SimpleActionGroup {
        let group = gio::SimpleActionGroup::new();
        let add = |name: &str, act: fn(&Rc<Binding>)| {
            let action = gio::SimpleAction::new(name, None);
            let binding = Rc::downgrade(self);
            action.connect_activate(move |_, _| {
                if let Some(binding) = binding.upgrade() {
                    act(&binding);
                }
            });
            group.add_action(&action);
        };
        add("cut", |binding| binding.copy(true));
        add("copy", |binding| binding.copy(false));
        add("paste", |binding| binding.paste());
        add("clear", |binding| {
            let area = binding.area();
            binding.act(|document, sheet| document.clear(sheet, area));
        });
        add("insert-rows", |binding| binding.insert(Axis::Row));
        add("insert-cols", |binding| binding.insert(Axis::Col));
        add("delete-rows", |binding| binding.delete(Axis::Row));
        add("delete-cols", |binding| binding.delete(Axis::Col));
        add("hide-rows", |binding| binding.hide(Axis::Row, true));
        add("hide-cols", |binding| binding.hide(Axis::Col, true));
        add("show-rows", |binding| binding.hide(Axis::Row, false));
        add("show-cols", |binding| binding.hide(Axis::Col, false));
        group
    }

    /// The first of the selected lines, and how many they are.
    fn lines(&self, axis: Axis) -> (usize, usize) {
        let selection = self.selection();
        let range = if axis == Axis::Row { selection.rows() } else { selection.cols() };
        (*range.start(), range.end() - range.start() + 1)
    }

    pub(super) fn insert(self: &Rc<Self>, axis: Axis) {
        let (at, count) = self.lines(axis);
        self.act(|document, sheet| document.insert_lines(sheet, axis, at, count));
    }

    pub(super) fn delete(self: &Rc<Self>, axis: Axis) {
        let (at, count) = self.lines(axis);
        self.act(|document, sheet| document.delete_lines(sheet, axis, at, count));
    }

    pub(super) fn hide(self: &Rc<Self>, axis: Axis, hidden: bool) {
        let (at, count) = self.lines(axis);
        self.act(|document, sheet| document.hide_lines(sheet, axis, at, count, hidden));
    }
}

fn model(part: Part) -> gio::Menu {
    let menu = gio::Menu::new();
    let section = |items: &[(&str, &str)]| {
        let section = gio::Menu::new();
        for (label, action) in items {
            section.append(Some(label), Some(&format!("{GROUP}.{action}")));
        }
        menu.append_section(None, &section);
    };
    section(&[("Cu_t", "cut"), ("_Copy", "copy"), ("_Paste", "paste"), ("C_lear", "clear")]);
    if !matches!(part, Part::Column(_) | Part::ColumnBorder(_)) {
        section(&[("Insert _Rows Above", "insert-rows"), ("_Delete Rows", "delete-rows")]);
    }
    if !matches!(part, Part::Row(_) | Part::RowBorder(_)) {
        section(&[("Insert C_olumns Before", "insert-cols"), ("D_elete Columns", "delete-cols")]);
    }
    match part {
        Part::Row(_) | Part::RowBorder(_) => {
            section(&[("_Hide Rows", "hide-rows"), ("_Show Hidden Rows", "show-rows")])
        }
        Part::Column(_) | Part::ColumnBorder(_) => {
            section(&[("_Hide Columns", "hide-cols"), ("_Show Hidden Columns", "show-cols")]);
        }
        Part::Cell(_) | Part::Corner => {}
    }
    menu
}
