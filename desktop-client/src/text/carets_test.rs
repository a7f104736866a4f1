//! Ben's caret in a text that Ana sees.

use serde_json::Value;

use super::*;
use crate::session::person::{Caret, Person};
use crate::ui::testing::{on_display, wait_for};

fn ben() -> Peer {
    let caret = Caret { anchor: Value::Null, head: Value::Null };
    Peer { client: 2, person: Person::new("Ben", None), caret: Some(caret), state: Value::Null }
}

/// Ana's view, in a window.
struct Desk {
    view: gtk::TextView,
    carets: Carets,
    _window: gtk::Window,
}

impl Desk {
    fn new(text: &str) -> Desk {
        let view = gtk::TextView::builder().top_margin(60).left_margin(40).build();
        view.buffer().set_text(text);
        let window = gtk::Window::builder().child(&view).default_width(700).default_height(300).build();
        window.present();
        wait_for("letters have places", || view.iter_location(&view.buffer().iter_at_offset(1)).x() > 0);
        Desk { view, carets: Carets::default(), _window: window }
    }

    fn place(&mut self, place: Option<(i32, i32)>) -> bool {
        self.carets.place(&self.view.buffer(), &[ben()], |_| place)
    }

    /// Where a letter begins.
    fn x(&self, offset: i32) -> f32 {
        self.view.iter_location(&self.view.buffer().iter_at_offset(offset)).x() as f32
    }

    fn selection(&self) -> Option<graphene::Rect> {
        let snapshot = gtk::Snapshot::new();
        self.carets.draw_selections(&self.view, &snapshot);
        Some(snapshot.to_node()?.bounds())
    }

    fn caret(&mut self) -> Option<graphene::Rect> {
        let snapshot = gtk::Snapshot::new();
        self.carets.draw_carets(&self.view, &snapshot);
        Some(snapshot.to_node()?.bounds())
    }

    fn marks_at(&self, offset: i32) -> usize {
        self.view.buffer().iter_at_offset(offset).marks().len()
    }
}

#[test]
fn anothers_selection_is_drawn_on_its_letters_and_moves_with_them() {
    on_display(|| {
        let mut desk = Desk::new("The garden is green");
        assert!(!desk.place(Some((4, 10))));
        let drawn = desk.selection().expect("a selection");
        assert_eq!((drawn.x(), drawn.x() + drawn.width()), (desk.x(4), desk.x(10)));
        // From its end to its begin is the same selection.
        desk.place(Some((10, 4)));
        assert_eq!(desk.selection(), Some(drawn));
        desk.view.buffer().insert(&mut desk.view.buffer().start_iter(), "Oh! ");
        let drawn = desk.selection().expect("a selection");
        assert_eq!((drawn.x(), drawn.x() + drawn.width()), (desk.x(8), desk.x(14)));
        desk.place(Some((8, 8)));
        assert_eq!(desk.selection(), None);
        assert!(desk.caret().is_some());
    });
}

#[test]
fn a_place_that_cannot_be_told_yet_keeps_the_caret_and_who_leaves_takes_it_along() {
    on_display(|| {
        let mut desk = Desk::new("The garden is green");
        let before = desk.marks_at(4);
        desk.place(Some((4, 4)));
        let drawn = desk.caret();
        assert!(drawn.is_some());
        assert!(desk.place(None), "it is said that a place is not known");
        assert_eq!(desk.caret(), drawn);
        assert!(!desk.carets.place(&desk.view.buffer(), &[], |_| None));
        assert_eq!(desk.caret(), None);
        assert_eq!(desk.marks_at(4), before, "nothing of it is left in the text");
    });
}

#[test]
fn a_name_is_shown_while_its_caret_moves_and_goes_when_it_stands() {
    on_display(|| {
        let mut desk = Desk::new("The garden is green");
        desk.place(Some((4, 4)));
        let named = desk.caret().expect("a caret");
        wait_for("the name goes", || !desk.carets.shows_names());
        desk.place(Some((4, 4)));
        let unnamed = desk.caret().expect("a caret");
        assert!(unnamed.width() < named.width() && unnamed.height() < named.height(), "{unnamed:?}");
        desk.place(Some((5, 5)));
        assert_eq!(desk.caret().expect("a caret").width(), named.width());
    });
}
