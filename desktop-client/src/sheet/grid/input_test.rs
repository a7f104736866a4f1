//! What keys mean in the grid.

use std::cell::RefCell;
use std::rc::Rc;

use super::super::model::HEADER_HEIGHT;
use super::*;
use crate::sheet::axis::Axis;
use crate::ui::testing::on_display;

/// A grid of 50 × 10 cells, and what it says.
fn grid() -> (Grid, Rc<RefCell<Vec<GridEvent>>>) {
    let grid = Grid::default();
    grid.update(|model| {
        (model.rows, model.cols) = (Axis::new(50, 26.0, []), Axis::new(10, 96.0, []));
    });
    let said: Rc<RefCell<Vec<GridEvent>>> = Rc::default();
    let saying = Rc::clone(&said);
    grid.connect_event(move |_, event| saying.borrow_mut().push(event));
    (grid, said)
}

#[test]
fn keys_mean_what_they_mean_in_every_spreadsheet() {
    on_display(|| {
        let (grid, said) = grid();
        let (none, control, shift) =
            (ModifierType::empty(), ModifierType::CONTROL_MASK, ModifierType::SHIFT_MASK);
        let jump = GridEvent::Jump { direction: Direction::Down, extend: true };
        for (key, modifiers, event) in [
            (Key::F2, none, GridEvent::Edit(None)),
            (Key::_7, none, GridEvent::Edit(Some("7".into()))),
            (Key::equal, none, GridEvent::Edit(Some("=".into()))),
            (Key::eacute, none, GridEvent::Edit(Some("é".into()))),
            (Key::Delete, none, GridEvent::Clear),
            (Key::c, control, GridEvent::Copy { cut: false }),
            (Key::x, control, GridEvent::Copy { cut: true }),
            (Key::v, control, GridEvent::Paste),
            (Key::z, control, GridEvent::Undo),
            (Key::Z, control | shift, GridEvent::Redo),
            (Key::y, control, GridEvent::Redo),
            (Key::b, control, GridEvent::Bold),
            (Key::i, control, GridEvent::Italic),
            (Key::g, control, GridEvent::AskCell),
            (Key::F11, shift, GridEvent::NewSheet),
            (Key::Down, control | shift, jump),
            (Key::Page_Down, control, GridEvent::OtherSheet(1)),
        ] {
            assert!(pressed(&grid, key, modifiers), "{key:?}");
            assert_eq!(said.borrow_mut().pop(), Some(event), "{key:?}");
        }
        for (key, modifiers) in
            [(Key::f, control), (Key::Escape, none), (Key::a, ModifierType::ALT_MASK), (Key::Shift_L, none)]
        {
            assert!(!pressed(&grid, key, modifiers), "{key:?} belongs to the window");
        }
        assert_eq!(*said.borrow(), []);
    });
}

#[test]
fn arrows_and_their_kin_move_the_selection() {
    on_display(|| {
        let (grid, _) = grid();
        let (none, control, shift) =
            (ModifierType::empty(), ModifierType::CONTROL_MASK, ModifierType::SHIFT_MASK);
        let at = |row, col| Position { row, col };
        for (key, modifiers, active, extent) in [
            (Key::Down, none, at(1, 0), at(1, 0)),
            (Key::Right, shift, at(1, 0), at(1, 1)),
            (Key::Tab, none, at(1, 1), at(1, 1)),
            (Key::ISO_Left_Tab, shift, at(1, 0), at(1, 0)),
            (Key::Return, none, at(2, 0), at(2, 0)),
            (Key::Return, shift, at(1, 0), at(1, 0)),
            (Key::End, none, at(1, 9), at(1, 9)),
            (Key::Home, shift, at(1, 9), at(1, 0)),
            (Key::Home, control, at(0, 0), at(0, 0)),
            (Key::a, control, at(0, 0), at(49, 9)),
        ] {
            assert!(pressed(&grid, key, modifiers), "{key:?}");
            assert_eq!(grid.read(|model| model.selection), Selection { active, extent }, "{key:?}");
        }
    });
}

#[test]
fn clicks_select_cells_and_lines_and_borders_are_dragged() {
    on_display(|| {
        let (grid, said) = grid();
        let header = grid.read(Model::header_width);
        let (x, y) = (header + 96.0 + 10.0, HEADER_HEIGHT + 2.0 * 26.0 + 5.0);
        let at = |row, col| Position { row, col };
        clicked(&grid, gtk::gdk::BUTTON_PRIMARY, 1, false, x, y);
        assert_eq!(grid.read(|model| model.selection), Selection::cell(at(2, 1)));
        clicked(&grid, gtk::gdk::BUTTON_PRIMARY, 1, true, x + 96.0, y + 26.0);
        assert_eq!(grid.read(|model| model.selection), Selection { active: at(2, 1), extent: at(3, 2) });
        clicked(&grid, gtk::gdk::BUTTON_SECONDARY, 1, false, x, y);
        assert!(
            matches!(said.borrow_mut().pop(), Some(GridEvent::Menu(Part::Cell(cell), ..)) if cell == at(2, 1))
        );
        assert!(!grid.read(|model| model.selection.is_single()), "the menu is about what is selected");
        clicked(&grid, gtk::gdk::BUTTON_PRIMARY, 2, false, x, y);
        assert_eq!(said.borrow_mut().pop(), Some(GridEvent::Edit(None)));
        clicked(&grid, gtk::gdk::BUTTON_PRIMARY, 1, false, x, 4.0);
        assert_eq!(grid.read(|model| model.selection), Selection { active: at(0, 1), extent: at(49, 1) });
        clicked(&grid, gtk::gdk::BUTTON_PRIMARY, 1, false, 4.0, y);
        assert_eq!(grid.read(|model| model.selection), Selection { active: at(2, 0), extent: at(2, 9) });

        begin_drag(&grid, header + 96.0, 4.0);
        dragged(&grid, header + 126.0, 4.0, 30.0, 0.0);
        assert_eq!(said.borrow_mut().pop(), Some(GridEvent::Resize(Part::ColumnBorder(0), 126.0)));
        dragged(&grid, header, 4.0, -300.0, 0.0);
        assert_eq!(said.borrow_mut().pop(), Some(GridEvent::Resize(Part::ColumnBorder(0), LINE_MIN)));
    });
}
