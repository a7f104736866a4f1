//! Honest clients without a guard, each on its own copy: nothing that they send is refused, altered or kept waiting for ever, in
//! whatever order it comes; and the document reads as theirs do.

use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::Index;
use yrs::undo::{Options, UndoManager};
use yrs::updates::decoder::Decode;
use yrs::{Array, Doc, GetString, Map, ReadTxn, Text, TextRef, Transact, TransactionMut, WriteTxn};

use super::super::{Kind, text};
use super::*;
use crate::limits::{MESSAGE_BYTES_MAX, UPDATE_BLOCKS_MAX};

const PEOPLE: usize = 4;

/// A client of unmodified yrs with undo.
struct Person {
    doc: Doc,
    content: TextRef,
    undo: UndoManager<()>,
    outbox: Arc<parking_lot::Mutex<Vec<Vec<u8>>>>,
}

impl Person {
    fn new(id: u64) -> Person {
        let options = yrs::Options {
            offset_kind: yrs::OffsetKind::Utf16,
            ..yrs::Options::with_client_id(yrs::ClientID::new(id))
        };
        let doc = Doc::with_options(options);
        let content = doc.get_or_insert_text("content");
        let mut undo = UndoManager::with_options(Options {
            capture_timeout_millis: 0,
            tracked_origins: ["me".into()].into(),
            timestamp: Arc::new(|| 1),
            ..Options::default()
        });
        undo.expand_scope(&doc, &content);
        undo.expand_scope(&doc, &doc.get_or_insert_array("list"));
        let outbox: Arc<parking_lot::Mutex<Vec<Vec<u8>>>> = Arc::default();
        let sink = outbox.clone();
        doc.observe_update_v1("outbox", move |txn, event| {
            if txn.origin().is_none_or(|origin| *origin != "others".into()) {
                sink.lock().push(event.update.clone());
            }
        })
        .unwrap();
        Person { doc, content, undo, outbox }
    }

    fn edit(&self, change: impl FnOnce(&TextRef, &mut TransactionMut<'_>)) {
        change(&self.content, &mut self.doc.transact_mut_with("me"));
    }

    fn hear(&self, update: &[u8]) {
        let update = yrs::Update::decode_v1(update).unwrap();
        self.doc.transact_mut_with("others").apply_update(update).unwrap();
    }

    fn meet(&self, other: &Person) {
        let known = self.doc.transact().state_vector();
        let news = other.doc.transact().encode_state_as_update_v1(&known);
        self.hear(&news);
    }

    fn read(&self) -> String {
        self.content.get_string(&self.doc.transact())
    }
}

#[derive(Debug, Clone)]
enum Act {
    Type(Index, String),
    Delete(Index, u32),
    Bold(Index, u32),
    List(Index),
    Nest(Index),
    Drop(Index),
    Title(String),
    Undo,
    Redo,
    /// Sees what another one has.
    Meet(usize),
    /// Sends everything, as a client does that was away: also what others wrote.
    SendAll,
}

fn acts() -> impl Strategy<Value = Vec<(usize, Act)>> {
    let act = prop_oneof![
        8 => (any::<Index>(), "[a-z😀]{1,4}").prop_map(|(at, typed)| Act::Type(at, typed)),
        4 => (any::<Index>(), 1..5u32).prop_map(|(at, len)| Act::Delete(at, len)),
        1 => (any::<Index>(), 1..5u32).prop_map(|(at, len)| Act::Bold(at, len)),
        1 => any::<Index>().prop_map(Act::List),
        1 => any::<Index>().prop_map(Act::Nest),
        1 => any::<Index>().prop_map(Act::Drop),
        1 => "[a-z]{1,3}".prop_map(Act::Title),
        2 => Just(Act::Undo),
        1 => Just(Act::Redo),
        3 => (0..PEOPLE).prop_map(Act::Meet),
        1 => Just(Act::SendAll),
    ];
    proptest::collection::vec((0..PEOPLE, act), 1..50)
}

fn act(people: &mut [Person], who: usize, act: Act) {
    if let Act::Meet(other) = act {
        return people[who].meet(&people[other]);
    }
    let person = &mut people[who];
    match act {
        Act::Type(at, typed) => person.edit(|content, txn| {
            let len = content.len(txn);
            content.insert(txn, at.index(len as usize + 1) as u32, &typed);
        }),
        Act::Delete(at, deleted) => person.edit(|content, txn| {
            let len = content.len(txn);
            let at = at.index(len as usize + 1) as u32;
            content.remove_range(txn, at, deleted.min(len - at));
        }),
        Act::Bold(at, bold) => person.edit(|content, txn| {
            let len = content.len(txn);
            let at = at.index(len as usize + 1) as u32;
            content.format(txn, at, bold.min(len - at), [("bold".into(), true.into())].into());
        }),
        Act::List(at) => person.edit(|_, txn| {
            let list = txn.get_or_insert_array("list");
            let len = list.len(txn) as usize;
            list.insert(txn, at.index(len + 1) as u32, 1.5);
        }),
        Act::Nest(at) => person.edit(|_, txn| {
            let list = txn.get_or_insert_array("list");
            let len = list.len(txn) as usize;
            let nested = list.insert(txn, at.index(len + 1) as u32, yrs::ArrayPrelim::from([1, 2]));
            nested.insert(txn, 1, 3);
        }),
        Act::Drop(at) => person.edit(|_, txn| {
            let list = txn.get_or_insert_array("list");
            match list.len(txn) as usize {
                0 => {}
                len => list.remove(txn, at.index(len) as u32),
            }
        }),
        Act::Title(title) => person.edit(|_, txn| {
            txn.get_or_insert_map("meta").insert(txn, "title", title);
        }),
        Act::Undo => drop(person.undo.undo_blocking()),
        Act::Redo => drop(person.undo.redo_blocking()),
        Act::SendAll => {
            let all = person.doc.transact().encode_state_as_update_v1(&yrs::StateVector::default());
            person.outbox.lock().push(all);
        }
        Act::Meet(_) => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, max_shrink_iters: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn nothing_that_honest_clients_send_is_refused_or_altered_in_any_order(
        acts in acts(),
        turns in proptest::collection::vec(any::<Index>(), 80),
    ) {
        let mut people: Vec<Person> = (1..=PEOPLE as u64).map(Person::new).collect();
        for (who, what) in acts {
            act(&mut people, who, what);
        }
        let mut sent: Vec<Vec<u8>> = people.iter().flat_map(|person| person.outbox.lock().clone()).collect();
        // It hears every edit when it fits: of one that waits a bare engine may lose a part. In the case that is kept yrs 0.28.1 so loses letters
        // beside the halves of a split surrogate pair, which are here.
        let bare = Person::new(50);
        let (mut strict, mut lenient) = (Document::new(Kind::Text, 51), Document::new(Kind::Text, 52));
        let mut again: Vec<Vec<u8>> = Vec::new();
        for turn in turns.iter().cycle() {
            if sent.is_empty() {
                break;
            }
            let update = sent.remove(turn.index(sent.len()));
            let applied = lenient.apply(&update);
            prop_assert!(matches!(applied, Ok(Applied::New | Applied::Known | Applied::Waits)), "{applied:?}");
            // What is not published yet is not kept while it waits: its author hands it in again.
            again.push(update);
            for _ in 0..again.len() {
                let update = again.remove(0);
                match strict.accept(&update) {
                    Ok(Applied::Waits) => again.push(update),
                    applied => {
                        prop_assert!(matches!(applied, Ok(Applied::New | Applied::Known)), "{applied:?}");
                        bare.hear(&update);
                    }
                }
            }
            prop_assert_eq!(strict.waiting().count(), 0);
        }
        while !again.is_empty() {
            let before = again.len();
            again.retain(|update| {
                let waits = strict.accept(update) == Ok(Applied::Waits);
                if !waits {
                    bare.hear(update);
                }
                waits
            });
            prop_assert!(again.len() < before, "everything came, so nothing waits");
        }
        for document in [&strict, &lenient] {
            prop_assert_eq!(document.waiting().count(), 0, "everything came, so nothing waits");
            prop_assert_eq!(text::plain(document).unwrap(), bare.read());
            let snapshot = document.snapshot().unwrap();
            let loaded = Document::load(Kind::Text, 53, &snapshot).unwrap();
            prop_assert_eq!(text::plain(&loaded).unwrap(), bare.read());
        }
    }
}

/// The worst that honest people do: both insert at the top of a list again and again without seeing each other.
#[test]
fn two_who_were_away_and_wrote_a_thousand_times_at_the_same_place_are_merged() {
    let people = [Person::new(1), Person::new(2)];
    for person in &people {
        for _ in 0..1_000 {
            person.edit(|content, txn| content.insert(txn, 0, "x"));
        }
    }
    let mut document = Document::new(Kind::Text, 9);
    for person in &people {
        let all = person.doc.transact().encode_state_as_update_v1(&yrs::StateVector::default());
        assert!(all.len() < MESSAGE_BYTES_MAX && 1_000 < UPDATE_BLOCKS_MAX);
        assert_eq!(document.accept(&all), Ok(Applied::New));
    }
    people[0].meet(&people[1]);
    assert_eq!(text::plain(&document).unwrap(), people[0].read());
}
