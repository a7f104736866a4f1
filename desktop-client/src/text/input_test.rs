//! A buffer that Ana edits, and a text that Ben edits elsewhere.

use std::cell::Cell;

use proptest::prelude::*;
use shared::document::{Kind, TextDocument};

use super::*;
use crate::session::testing::{Ear, handle};
use crate::ui::testing::on_display;

/// Where Ana sits.
struct Desk {
    buffer: Buffer,
    input: Rc<Input>,
    ear: Ear,
    ben: TextDocument,
    unheard: Vec<Bytes>,
    edited: Rc<Cell<usize>>,
}

impl Desk {
    fn new() -> Desk {
        let buffer = Buffer::new(None);
        buffer.set_enable_undo(false);
        let (handle, ear) = handle(Kind::Text, 1);
        let edited: Rc<Cell<usize>> = Rc::default();
        let counted = Rc::clone(&edited);
        let input = Input::bind(&buffer, TextReplica::new(1).unwrap(), handle, move || {
            counted.set(counted.get() + 1)
        });
        Desk { buffer, input, ear, ben: TextDocument::new(2).unwrap(), unheard: Vec::new(), edited }
    }

    fn inserts(&self, at: i32, text: &str) {
        self.buffer.insert(&mut self.buffer.iter_at_offset(at), text);
    }

    fn deletes(&self, from: i32, to: i32) {
        let [mut from, mut to] = [from, to].map(|at| self.buffer.iter_at_offset(at));
        self.buffer.delete(&mut from, &mut to);
    }

    fn ben_splices(&mut self, at: usize, deleted: usize, inserted: &str) {
        self.unheard.extend(self.ben.splice(at, deleted, inserted, 0).unwrap().map(Bytes::from));
    }

    fn hears(&mut self) {
        self.input.hear(&std::mem::take(&mut self.unheard));
    }

    /// Ben hears what Ana did; in how many edits.
    fn tells(&mut self) -> usize {
        let (edits, _) = self.ear.take();
        let updates: Vec<&[u8]> = edits.iter().map(|update| &update[..]).collect();
        self.ben.apply(&updates);
        edits.len()
    }

    /// What is seen.
    fn seen(&self) -> String {
        let (start, end) = self.buffer.bounds();
        self.buffer.text(&start, &end, true).into()
    }

    fn caret(&self) -> i32 {
        self.buffer.iter_at_mark(&self.buffer.get_insert()).offset()
    }
}

#[test]
fn what_is_typed_is_told_once_and_what_is_heard_is_not_told_again() {
    on_display(|| {
        let mut desk = Desk::new();
        desk.inserts(0, "Hello 😀");
        desk.deletes(0, 1);
        desk.inserts(0, "h");
        assert_eq!((desk.tells(), desk.edited.get()), (3, 3));
        assert_eq!(desk.ben.visible().to_string(), "hello 😀");
        desk.ben_splices(7, 0, " Ben");
        desk.ben_splices(0, 1, "H");
        desk.hears();
        assert_eq!((desk.seen(), desk.tells(), desk.edited.get()), ("Hello 😀 Ben".into(), 0, 3));
        assert_eq!(desk.input.text().to_string(), desk.seen());
        assert!(!desk.input.has_failed());
    });
}

#[test]
fn lines_that_end_otherwise_are_made_to_end_as_in_every_document() {
    on_display(|| {
        let mut desk = Desk::new();
        desk.inserts(0, "one\r\ntwo\rthree\u{2029}four");
        assert_eq!(desk.seen(), "one\ntwo\nthree\nfour");
        desk.tells();
        assert_eq!(desk.ben.visible().to_string(), desk.seen());
    });
}

#[test]
fn what_a_buffer_cannot_hold_is_shown_as_one_letter_so_that_places_agree() {
    on_display(|| {
        let mut desk = Desk::new();
        desk.ben_splices(0, 0, "a\0b\u{FFFC}c");
        desk.hears();
        assert_eq!(desk.seen(), "a\u{FFFD}b\u{FFFD}c");
        desk.inserts(5, "!");
        desk.tells();
        assert_eq!(desk.ben.visible().to_string(), "a\0b\u{FFFC}c!");
    });
}

#[test]
fn a_caret_stays_before_what_others_write_where_it_stands_unless_a_letter_is_composed_there() {
    on_display(|| {
        let mut desk = Desk::new();
        desk.inserts(0, "ab");
        desk.buffer.place_cursor(&desk.buffer.iter_at_offset(1));
        desk.tells();
        desk.ben_splices(1, 0, "XX");
        desk.hears();
        assert_eq!((desk.seen(), desk.caret()), ("aXXb".into(), 1));
        desk.ben_splices(0, 0, "__");
        desk.hears();
        assert_eq!(desk.caret(), 3);
        // Moving the caret would end what is composed.
        desk.input.set_composing(true);
        desk.ben_splices(3, 0, "YY");
        desk.hears();
        assert_eq!((desk.seen(), desk.caret()), ("__aYYXXb".into(), 5));
    });
}

#[test]
fn undo_takes_back_ones_own_letters_and_goes_to_where_they_were() {
    on_display(|| {
        let mut desk = Desk::new();
        desk.inserts(0, "mine");
        desk.tells();
        desk.ben_splices(4, 0, " his");
        desk.hears();
        desk.buffer.place_cursor(&desk.buffer.end_iter());
        desk.input.undo();
        assert_eq!((desk.seen(), desk.caret()), (" his".into(), 0));
        assert_eq!(desk.input.undo_state(), (false, true));
        desk.input.redo();
        assert_eq!((desk.seen(), desk.caret()), ("mine his".into(), 4));
        assert_eq!(desk.tells(), 2);
        assert_eq!(desk.ben.visible().to_string(), "mine his");
        assert_eq!(desk.edited.get(), 1, "undo is no typing");
    });
}

#[test]
fn carets_are_told_and_found_again_after_edits() {
    on_display(|| {
        let mut desk = Desk::new();
        desk.inserts(0, "one 😀 two");
        desk.buffer.select_range(&desk.buffer.iter_at_offset(6), &desk.buffer.iter_at_offset(9));
        let caret = desk.input.caret();
        let peer = Peer {
            client: 9,
            person: crate::session::Person::new("Ana again", None),
            caret,
            state: serde_json::Value::Null,
        };
        assert_eq!(desk.input.resolve(&peer), Some((9, 6)), "from where it began to where it blinks");
        desk.tells();
        desk.ben_splices(0, 0, "😀");
        desk.hears();
        assert_eq!(desk.input.resolve(&peer), Some((10, 7)));
    });
}

#[test]
fn whatever_both_do_the_buffer_shows_the_text() {
    on_display(|| {
        let config = ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() };
        let edit = (0usize..5, any::<prop::sample::Index>(), 0usize..4, "[a-c\n😀]{0,3}");
        proptest!(config, |(steps in prop::collection::vec(edit, 1..60))| {
            let mut desk = Desk::new();
            for (what, at, count, text) in steps {
                match what {
                    0 => {
                        let at = at.index(desk.seen().chars().count() + 1);
                        desk.inserts(at as i32, &text);
                    }
                    1 => {
                        let length = desk.seen().chars().count();
                        let at = at.index(length + 1);
                        desk.deletes(at as i32, (at + count).min(length) as i32);
                    }
                    2 => {
                        let length = desk.ben.visible().len();
                        let at = at.index(length + 1);
                        desk.ben_splices(at, count.min(length - at), &text);
                    }
                    3 => desk.hears(),
                    _ if count == 0 => desk.input.undo(),
                    _ => drop(desk.tells()),
                }
                prop_assert_eq!(desk.seen(), desk.input.text().to_string());
            }
            for _ in 0..2 {
                desk.tells();
                desk.hears();
            }
            prop_assert_eq!(desk.seen(), desk.ben.visible().to_string());
        });
    });
}
