//! Texts edited by several replicas, each with a view that only does the changes it is told.

use proptest::prelude::*;
use ropey::Rope;

use super::*;

/// A replica and what its window shows.
struct Window {
    replica: TextReplica,
    shown: Rope,
    sent: Vec<Bytes>,
}

impl Window {
    fn new(client: u64) -> Window {
        Window { replica: TextReplica::new(client).unwrap(), shown: Rope::new(), sent: Vec::new() }
    }

    fn insert(&mut self, at: usize, text: &str) {
        self.shown.insert(at, text);
        self.sent.extend(self.replica.splice(at, 0, text).unwrap());
    }

    fn delete(&mut self, at: usize, chars: usize) {
        self.shown.remove(at..at + chars);
        self.sent.extend(self.replica.splice(at, chars, "").unwrap());
    }

    fn hear(&mut self, updates: &[Bytes]) {
        let changes = self.replica.apply(updates).unwrap();
        self.show(&changes);
    }

    fn undo(&mut self) {
        let undone = self.replica.undo().unwrap();
        self.show(&undone.changes);
        self.sent.extend(undone.update);
    }

    fn redo(&mut self) {
        let undone = self.replica.redo().unwrap();
        self.show(&undone.changes);
        self.sent.extend(undone.update);
    }

    fn show(&mut self, changes: &[Change]) {
        for change in changes {
            match change {
                Change::Insert { at, text } => self.shown.insert(*at, text),
                Change::Delete { at, chars } => self.shown.remove(*at..at + chars),
            }
        }
        assert_eq!(self.text(), self.replica.text().to_string());
    }

    fn text(&self) -> String {
        self.shown.to_string()
    }
}

#[test]
fn undo_takes_back_only_ones_own_edits() {
    let (mut ana, mut ben) = (Window::new(1), Window::new(2));
    ana.insert(0, "Hello");
    ben.hear(&ana.sent);
    ben.insert(5, " world");
    ana.hear(&ben.sent);
    ana.replica.close_undo_group();
    ana.insert(0, "> ");
    assert_eq!(ana.text(), "> Hello world");
    ana.undo();
    assert_eq!(ana.text(), "Hello world");
    ana.undo();
    assert_eq!(ana.text(), " world");
    assert!(!ana.replica.can_undo());
    ana.undo();
    assert_eq!(ana.text(), " world", "what Ben wrote is not Ana's to undo");
    ana.redo();
    assert_eq!(ana.text(), "Hello world");
    ben.hear(&ana.sent);
    assert_eq!(ben.text(), "Hello world");
}

#[test]
fn a_caret_follows_its_letter_through_the_edits_of_others_also_between_emoji() {
    let (mut ana, mut ben) = (Window::new(1), Window::new(2));
    ana.insert(0, "one 😀 two");
    ben.hear(&ana.sent);
    let caret = ben.replica.caret(6, 9).unwrap();
    assert_eq!(ana.replica.resolve(&caret), Some((6, 9)));
    ana.insert(0, "😀😀 ");
    assert_eq!(ana.replica.resolve(&caret), Some((9, 12)));
}

#[test]
fn a_strangers_position_is_never_trusted() {
    let mut ana = Window::new(1);
    ana.insert(0, "text");
    for hostile in [
        serde_json::json!({"item": {"client": u64::MAX, "clock": 0}, "assoc": 0}),
        serde_json::json!({"item": {"client": 1, "clock": u64::MAX}}),
        serde_json::json!({"type": {"client": 1, "clock": -1}}),
        serde_json::json!({"item": {"client": 1, "clock": 4_000_000}}),
        serde_json::json!({"tname": "meta", "assoc": 0}),
        serde_json::json!([1, 2]),
        serde_json::json!("x"),
        Value::Null,
    ] {
        let caret = Caret { anchor: hostile.clone(), head: hostile.clone() };
        assert_eq!(ana.replica.resolve(&caret), None, "{hostile}");
    }
    let javascript =
        serde_json::json!({"type": null, "tname": null, "item": {"client": 1, "clock": 2}, "assoc": 0});
    let caret = Caret { anchor: javascript.clone(), head: javascript };
    assert_eq!(ana.replica.resolve(&caret), Some((2, 2)));
}

#[test]
fn bytes_that_are_no_update_leave_the_text_as_it_is() {
    let mut ana = Window::new(1);
    ana.insert(0, "text");
    ana.hear(&[Bytes::from_static(b"\xff\xff\xff")]);
    assert_eq!(ana.text(), "text");
}

#[test]
fn an_update_that_waits_for_the_first_one_is_not_lost() {
    let (mut ana, mut ben, mut carla) = (Window::new(1), Window::new(2), Window::new(3));
    ana.insert(0, "a");
    ben.hear(&ana.sent);
    ben.insert(1, "b");
    carla.hear(&ben.sent);
    carla.hear(&ana.sent);
    assert_eq!(carla.text(), "ab");
}

/// What one window does next.
#[derive(Debug, Clone)]
enum Step {
    Insert(usize, String),
    Delete(usize, usize),
    Undo,
    Redo,
    /// Everything that others sent arrives.
    Hear,
}

fn step() -> impl Strategy<Value = (usize, Step)> {
    let step = prop_oneof![
        4 => (any::<prop::sample::Index>(), "[a-c\\né😀]{1,4}").prop_map(|(at, text)| Step::Insert(at.index(1_000), text)),
        3 => (any::<prop::sample::Index>(), 1usize..5).prop_map(|(at, chars)| Step::Delete(at.index(1_000), chars)),
        1 => Just(Step::Undo),
        1 => Just(Step::Redo),
        2 => Just(Step::Hear),
    ];
    (0usize..3, step)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn all_windows_show_the_same_whatever_the_order(steps in prop::collection::vec(step(), 1..80)) {
        let mut windows = [Window::new(1), Window::new(2), Window::new(3)];
        let mut heard = [[0usize; 3]; 3];
        let hear = |windows: &mut [Window; 3], heard: &mut [[usize; 3]; 3], me: usize| {
            for other in (0..3).filter(|&other| other != me) {
                let news = windows[other].sent[heard[me][other]..].to_vec();
                heard[me][other] = windows[other].sent.len();
                windows[me].hear(&news);
            }
        };
        for (me, step) in steps {
            let length = windows[me].shown.len_chars();
            match step {
                Step::Insert(at, text) => windows[me].insert(at % (length + 1), &text),
                Step::Delete(at, chars) if length > 0 => {
                    let at = at % length;
                    windows[me].delete(at, chars.min(length - at));
                }
                Step::Delete(..) => {}
                Step::Undo => windows[me].undo(),
                Step::Redo => windows[me].redo(),
                Step::Hear => hear(&mut windows, &mut heard, me),
            }
            prop_assert_eq!(windows[me].text(), windows[me].replica.text().to_string());
        }
        for _ in 0..2 {
            (0..3).for_each(|me| hear(&mut windows, &mut heard, me));
        }
        prop_assert_eq!(windows[0].text(), windows[1].text());
        prop_assert_eq!(windows[1].text(), windows[2].text());
    }
}
