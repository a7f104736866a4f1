//! Texts of several people against each other.

use proptest::prelude::*;

use super::super::guard::Applied;
use super::anchor::Side;
use super::*;
use crate::protocol::StateVector;

fn people(count: u64) -> Vec<TextDocument> {
    (1..=count).map(|client| TextDocument::new(client).unwrap()).collect()
}

/// Brings one up to date with what another knows; checks that the steps shown lead to the same letters.
fn sync(from: &TextDocument, to: &mut TextDocument) {
    let news = from.document().encode_since(&to.document().state_vector()).unwrap();
    let mut shown = to.visible().clone();
    let (steps, results) = to.apply(&[&news]);
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    shown.apply(&steps);
    assert_eq!(shown, *to.visible());
}

#[test]
fn what_one_types_the_other_sees_as_steps() {
    let mut all = people(2);
    let update = all[0].splice(0, 0, "héllo\r\nworld", 0).unwrap().unwrap();
    let (steps, results) = all[1].apply(&[&update]);
    assert_eq!(results, [Ok(Applied::New)]);
    assert_eq!(steps, [Delta::Insert("héllo\nworld".into())]);
    let update = all[1].splice(1, 4, "😀", 0).unwrap().unwrap();
    let (steps, _) = all[0].apply(&[&update]);
    assert_eq!(steps, [Delta::Retain(1), Delta::Delete(4), Delta::Insert("😀".into())]);
    assert_eq!(all[0].visible().to_string(), "h😀\nworld");
    assert_eq!(plain(all[1].document()).unwrap(), "h😀\nworld");
}

#[test]
fn undo_takes_back_only_what_the_person_here_did() {
    let mut all = people(2);
    let update = all[0].splice(0, 0, "mine ", 0).unwrap().unwrap();
    all[1].apply(&[&update]);
    let update = all[1].splice(5, 0, "yours", 0).unwrap().unwrap();
    all[0].apply(&[&update]);
    let change = all[0].undo().unwrap().unwrap();
    assert_eq!(all[0].visible().to_string(), "yours");
    assert_eq!(change.steps, [Delta::Delete(5)]);
    all[1].apply(&[&change.update]);
    assert_eq!(all[1].visible().to_string(), "yours");
    let change = all[0].redo().unwrap().unwrap();
    all[1].apply(&[&change.update]);
    assert_eq!(all[1].visible().to_string(), "mine yours");
    assert!(!all[0].can_redo() && all[0].can_undo());
}

#[test]
fn edits_with_half_a_second_between_them_are_undone_one_by_one() {
    let mut text = people(1).remove(0);
    text.splice(0, 0, "a", 1_000).unwrap();
    text.splice(1, 0, "b", 1_100).unwrap();
    text.splice(2, 0, "c", 1_700).unwrap();
    text.undo().unwrap();
    assert_eq!(text.visible().to_string(), "ab");
    text.undo().unwrap();
    assert_eq!(text.visible().to_string(), "");
    assert_eq!(text.undo().unwrap(), None);
}

#[test]
fn an_anchor_stays_with_its_letters_and_survives_its_json() {
    let mut text = people(1).remove(0);
    text.splice(0, 0, "ab😀cd", 0).unwrap();
    let anchors: Vec<Anchor> = (0..=5)
        .flat_map(|at| [Side::Before, Side::After].map(|side| text.anchor(at, side).unwrap()))
        .map(|anchor| serde_json::from_str(&serde_json::to_string(&anchor).unwrap()).unwrap())
        .collect();
    for (n, anchor) in anchors.iter().enumerate() {
        assert_eq!(text.position(anchor), Some(n / 2), "{anchor:?}");
    }
    text.splice(0, 0, "__", 0).unwrap();
    text.splice(7, 0, "!", 0).unwrap();
    let now: Vec<_> = anchors.iter().map(|anchor| text.position(anchor).unwrap()).collect();
    // Before the first letter, which is the start; after the last, which is the end; all others moved by two.
    assert_eq!(now, [0, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 8]);
    let foreign: Anchor = serde_json::from_str(r#"{"tname":"other","item":null}"#).unwrap();
    assert_eq!(text.position(&foreign), None);
}

#[test]
fn half_of_a_surrogate_pair_that_somebody_deletes_shows_as_u_fffd_on_both_sides() {
    use yrs::{GetString, Text, Transact, WriteTxn};
    let mut text = people(1).remove(0);
    let update = text.splice(0, 0, "a😀b", 0).unwrap().unwrap();
    let options = yrs::Options {
        offset_kind: yrs::OffsetKind::Utf16,
        ..yrs::Options::with_client_id(yrs::ClientID::new(77))
    };
    let other = yrs::Doc::with_options(options);
    let mut txn = other.transact_mut();
    txn.apply_update(yrs::updates::decoder::Decode::decode_v1(&update).unwrap()).unwrap();
    let content = txn.get_or_insert_text(CONTENT);
    content.remove_range(&mut txn, 1, 1);
    let update = txn.encode_update_v1();
    let expected = content.get_string(&txn);
    drop(txn);
    let mut shown = text.visible().clone();
    let (steps, _) = text.apply(&[&update]);
    shown.apply(&steps);
    assert_eq!(text.visible().to_string(), expected);
    assert_eq!(shown.to_string(), "a\u{FFFD}b");
}

#[test]
fn a_nul_is_a_letter_like_any_other() {
    let mut all = people(2);
    let update = all[0].splice(0, 0, "a\0😀b", 0).unwrap().unwrap();
    let (steps, results) = all[1].apply(&[&update]);
    assert_eq!((steps, results), (vec![Delta::Insert("a\0😀b".into())], vec![Ok(Applied::New)]));
    let update = all[1].splice(2, 1, "\0c", 0).unwrap().unwrap();
    all[0].apply(&[&update]);
    for person in &all {
        assert_eq!(person.visible().to_string(), "a\0\0cb");
        let again = TextDocument::load(9, &person.document().snapshot().unwrap()).unwrap();
        assert_eq!(again.visible(), person.visible());
    }
}

#[test]
fn what_is_said_about_a_text_travels_too() {
    let mut all = people(2);
    let update = all[0].set_meta("title", "Notes").unwrap().unwrap();
    all[1].apply(&[&update]);
    assert_eq!(all[1].meta("title").as_deref(), Some("Notes"));
    assert_eq!(all[1].meta("nothing"), None);
}

#[derive(Debug, Clone)]
enum Act {
    Type { who: usize, at: usize, deleted: usize, typed: String },
    Undo(usize),
    Redo(usize),
    Sync { from: usize, to: usize },
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let typed = "[a-zé😀\u{1F469}\u{200D}\n]{0,4}";
    let act = prop_oneof![
        6 => (0..3usize, any::<prop::sample::Index>(), 0..4usize, typed)
            .prop_map(|(who, at, deleted, typed)| Act::Type { who, at: at.index(60), deleted, typed }),
        1 => (0..3usize).prop_map(Act::Undo),
        1 => (0..3usize).prop_map(Act::Redo),
        3 => (0..3usize, 0..3usize).prop_map(|(from, to)| Act::Sync { from, to }),
    ];
    proptest::collection::vec(act, 60)
}

proptest! {
    // 300 rounds of 60 acts by 3 people.
    #![proptest_config(ProptestConfig { cases: 300, max_shrink_iters: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn people_who_type_undo_and_meet_again_read_the_same(acts in acts()) {
        let mut all = people(3);
        let mut now = 0;
        for act in acts {
            now += 400;
            match act {
                Act::Type { who, at, deleted, typed } => drop(all[who].splice(at, deleted, &typed, now).unwrap()),
                Act::Undo(who) => drop(all[who].undo().unwrap()),
                Act::Redo(who) => drop(all[who].redo().unwrap()),
                Act::Sync { from, to } if from != to => {
                    let news = all[from].document().encode_since(&all[to].document().state_vector()).unwrap();
                    let mut shown = all[to].visible().clone();
                    let (steps, results) = all[to].apply(&[&news]);
                    prop_assert!(results.iter().all(Result::is_ok), "{:?}", results);
                    shown.apply(&steps);
                    prop_assert_eq!(&shown, all[to].visible());
                }
                Act::Sync { .. } => {}
            }
            for person in &all {
                prop_assert_eq!(person.visible().to_string(), plain(person.document()).unwrap());
            }
        }
        for _ in 0..2 {
            for (from, to) in [(0, 1), (1, 2), (2, 0), (0, 1)] {
                let (from_index, to_index) = (from, to);
                let news = all[from_index].document().encode_since(&all[to_index].document().state_vector()).unwrap();
                all[to_index].apply(&[&news]);
            }
        }
        let read: Vec<String> = all.iter().map(|person| person.visible().to_string()).collect();
        prop_assert!(read.iter().all(|text| *text == read[0]), "{:?}", read);
        let vectors: Vec<StateVector> = all.iter().map(|person| person.document().state_vector()).collect();
        prop_assert!(vectors.iter().all(|vector| *vector == vectors[0]));
        for person in &all {
            prop_assert_eq!(person.document().waiting().count(), 0);
            let again = TextDocument::load(99, &person.document().snapshot().unwrap()).unwrap();
            prop_assert_eq!(again.visible(), person.visible());
        }
    }
}

#[test]
fn people_meet_after_a_partition() {
    let mut all = people(3);
    let start = all[0].splice(0, 0, "common ground", 0).unwrap().unwrap();
    for person in &mut all[1..] {
        person.apply(&[&start]);
    }
    for (n, person) in all.iter_mut().enumerate() {
        for step in 0..50 {
            let at = (step * 7 + n) % (person.visible().len() + 1);
            person.splice(at, step % 3, &format!("{n}😀"), 0).unwrap();
        }
    }
    for (from, to) in [(0, 1), (1, 2), (2, 0), (0, 1)] {
        let (low, high) = all.split_at_mut(from.max(to));
        let (from, to) = if from < to { (&low[from], &mut high[0]) } else { (&high[0], &mut low[to]) };
        sync(from, to);
    }
    assert_eq!(all[0].visible(), all[1].visible());
    assert_eq!(all[1].visible(), all[2].visible());
}
