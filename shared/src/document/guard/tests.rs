//! The guarded document with honest and with crafted updates.

use proptest::prelude::*;
use yrs::updates::decoder::Decode;
use yrs::updates::encoder::Encode;
use yrs::{Array, Doc, GetString, Map, ReadTxn, Text, Transact, WriteTxn};

use super::super::update::BadUpdate;
use super::super::{Kind, text};
use super::*;
use crate::protocol::lib0::{write_byte_string, write_number};

/// An honest Yjs client.
fn client(id: u64) -> Doc {
    let options = yrs::Options {
        offset_kind: yrs::OffsetKind::Utf16,
        ..yrs::Options::with_client_id(yrs::ClientID::new(id))
    };
    Doc::with_options(options)
}

fn insert(doc: &Doc, at: u32, letters: &str) -> Vec<u8> {
    let mut txn = doc.transact_mut();
    let content = txn.get_or_insert_text("content");
    content.insert(&mut txn, at, letters);
    txn.encode_update_v1()
}

fn delete(doc: &Doc, at: u32, len: u32) -> Vec<u8> {
    let mut txn = doc.transact_mut();
    let content = txn.get_or_insert_text("content");
    content.remove_range(&mut txn, at, len);
    txn.encode_update_v1()
}

fn letters(document: &Document) -> String {
    text::plain(document).unwrap()
}

fn is_cleaned(applied: Result<Applied, BadUpdate>) -> bool {
    matches!(applied, Ok(Applied::Cleaned(_)))
}

/// Writes an update by hand.
struct Crafted(Vec<u8>);

impl Crafted {
    /// One client with so many blocks from this clock.
    fn blocks(count: u64, client: u64, clock: u64) -> Crafted {
        let mut bytes = Vec::new();
        [1, count, client, clock].into_iter().for_each(|n| write_number(&mut bytes, n));
        Crafted(bytes)
    }

    fn byte(mut self, byte: u8) -> Crafted {
        self.0.push(byte);
        self
    }

    fn numbers(mut self, numbers: &[u64]) -> Crafted {
        numbers.iter().for_each(|n| write_number(&mut self.0, *n));
        self
    }

    fn text(mut self, text: &str) -> Crafted {
        write_byte_string(&mut self.0, text.as_bytes());
        self
    }

    /// No deletions.
    fn end(self) -> Vec<u8> {
        self.byte(0).0
    }
}

#[test]
fn of_many_updates_at_once_those_that_wait_are_let_in_as_soon_as_they_fit() {
    let (mut document, ana) = (Document::new(Kind::Text, 0), client(1));
    let mut updates: Vec<Vec<u8>> =
        (0..crate::limits::PENDING_UPDATES_MAX as u32 + 9).map(|at| insert(&ana, at, "x")).collect();
    updates.swap(0, 1);
    let updates: Vec<&[u8]> = updates.iter().map(|update| &update[..]).collect();
    let applied = document.apply_all(&updates);
    assert_eq!(applied[0], Ok(Applied::Waits));
    assert!(applied.iter().all(Result::is_ok) && document.waiting().next().is_none());
    assert_eq!(letters(&document).len(), updates.len());
}

#[test]
fn edits_of_two_people_meet_and_a_snapshot_brings_both_back() {
    let (ana, ben) = (client(1), client(2));
    let mut document = Document::new(Kind::Text, 9);
    assert_eq!(document.apply(&insert(&ana, 0, "hello")), Ok(Applied::New));
    assert_eq!(document.apply(&insert(&ben, 0, "world")), Ok(Applied::New));
    assert_eq!(document.apply(&delete(&ana, 0, 1)), Ok(Applied::Known));
    assert_eq!(letters(&document).len(), 9);
    let again = Document::load(Kind::Text, 10, &document.snapshot().unwrap()).unwrap();
    assert_eq!(letters(&again), letters(&document));
    assert_eq!(again.state_vector(), document.state_vector());
    assert_eq!(document.state_vector(), [(1, 5), (2, 5)].into_iter().collect());
}

#[test]
fn an_edit_heard_twice_is_known() {
    let ana = client(1);
    let mut document = Document::new(Kind::Text, 9);
    let update = insert(&ana, 0, "a");
    assert_eq!(document.apply(&update), Ok(Applied::New));
    assert_eq!(document.apply(&update), Ok(Applied::Known));
}

#[test]
fn what_is_new_in_an_update_is_an_update_of_its_own() {
    let ana = client(1);
    let (mut document, mut other) = (Document::new(Kind::Text, 9), Document::new(Kind::Text, 8));
    for update in [insert(&ana, 0, "hello"), delete(&ana, 1, 1)] {
        document.apply(&update).unwrap();
        other.apply(&update).unwrap();
    }
    insert(&ana, 4, " world");
    delete(&ana, 0, 1);
    let everything = ana.transact().encode_state_as_update_v1(&yrs::StateVector::default());
    let (applied, news) = document.apply_for_news(&everything).unwrap();
    let news = news.unwrap();
    assert!(applied == Applied::New && news.len() < everything.len(), "{news:?} of {everything:?}");
    assert_eq!(other.apply(&news), Ok(Applied::New));
    assert_eq!((letters(&document), letters(&other)), ("llo world".into(), "llo world".into()));
    assert_eq!(
        document.apply_for_news(&everything),
        Ok((Applied::Known, None)),
        "all its deletions are known"
    );
    let deletion = delete(&ana, 0, 1);
    assert!(
        matches!(document.apply_for_news(&deletion), Ok((Applied::Known, Some(_)))),
        "a deletion is news"
    );
}

#[test]
fn an_edit_waits_for_the_one_it_builds_on_and_its_deletions_wait_too() {
    let (ana, ben) = (client(1), client(2));
    let first = insert(&ana, 0, "abc");
    ben.transact_mut().apply_update(yrs::Update::decode_v1(&first).unwrap()).unwrap();
    let second = insert(&ana, 3, "def");
    let deletion = delete(&ben, 0, 1);
    let answer = insert(&ben, 1, "!");
    let mut document = Document::new(Kind::Text, 9);
    for update in [&second, &deletion, &answer] {
        assert_eq!(document.apply(update), Ok(Applied::Waits));
    }
    assert_eq!(document.waiting().count(), 3);
    assert!(document.state_vector().is_empty());
    assert_eq!(document.apply(&first), Ok(Applied::New));
    assert_eq!(document.waiting().count(), 0);
    assert_eq!(letters(&document), "b!cdef");
}

#[test]
fn one_that_deletes_what_another_has_yet_to_write_waits_for_ever() {
    let ana = client(1);
    let mut document = Document::new(Kind::Text, 9);
    document.apply(&insert(&ana, 0, "abc")).unwrap();
    // No blocks; one client; id 1; one range; from 3, a million long.
    let deletion = Crafted(Vec::new()).numbers(&[0, 1, 1, 1, 3, 1_000_000]).0;
    assert_eq!(document.apply(&deletion), Ok(Applied::Waits));
    document.apply(&insert(&ana, 3, "def")).unwrap();
    assert_eq!(letters(&document), "abcdef");
}

#[test]
fn two_updates_that_wait_for_each_other_are_refused_together() {
    // Client 1 builds on client 2, which builds on client 1.
    let crafted = Crafted(Vec::new())
        .numbers(&[2])
        .numbers(&[1, 2, 0])
        .byte(0x84)
        .numbers(&[1, 0])
        .text("x")
        .numbers(&[1, 1, 0])
        .byte(0x84)
        .numbers(&[2, 0])
        .text("y")
        .end();
    let mut document = Document::new(Kind::Text, 9);
    assert_eq!(document.apply(&crafted), Err(BadUpdate::OwnFuture));
    assert!(document.state_vector().is_empty());
}

#[test]
fn a_neighbour_in_another_place_a_parent_that_is_none_and_values_in_a_text_are_forgotten() {
    let ana = client(1);
    let mut document = Document::new(Kind::Text, 9);
    document.apply(&insert(&ana, 0, "abc")).unwrap();
    let other = Crafted::blocks(1, 2, 0).byte(0x04).numbers(&[1]).text("other").text("z").end();
    assert_eq!(document.apply(&other), Ok(Applied::New));
    let crossed = Crafted::blocks(1, 3, 0).byte(0xC4).numbers(&[1, 0, 2, 0]).text("x").end();
    assert!(is_cleaned(document.apply(&crossed)));
    let child_of_a_letter = Crafted::blocks(1, 3, 1).byte(0x04).numbers(&[0, 1, 1]).text("x").end();
    assert!(is_cleaned(document.apply(&child_of_a_letter)));
    let number =
        Crafted::blocks(1, 3, 2).byte(0x08).numbers(&[1]).text("content").numbers(&[1]).byte(126).end();
    assert!(is_cleaned(document.apply(&number)));
    assert_eq!(letters(&document), "abc");
    assert_eq!(document.clock(3), 3, "their clocks count, so that peers agree");
    document.snapshot().unwrap();
}

#[test]
fn what_fits_nowhere_is_refused_before_it_is_published_and_cleaned_for_others_afterwards() {
    let mut document = Document::new(Kind::Text, 9);
    document.apply(&insert(&client(1), 0, "abc")).unwrap();
    // Behind "c" and before "a", at once.
    let crafted = Crafted::blocks(2, 3, 0)
        .byte(0xC4)
        .numbers(&[1, 2, 1, 0])
        .text("x")
        .byte(0x84)
        .numbers(&[1, 2])
        .text("y")
        .end();
    assert_eq!(document.accept(&crafted), Err(BadUpdate::Misfit));
    assert_eq!(document.accept_for_news(&crafted), Err(BadUpdate::Misfit));
    assert_eq!((document.clock(3), letters(&document)), (0, "abc".into()), "nothing of it is left");
    let Ok(Applied::Cleaned(cleaned)) = document.apply(&crafted) else { panic!("it fits") };
    assert_eq!((document.clock(3), letters(&document)), (2, "abcy".into()));
    let bare = client(4);
    let first = insert(&client(1), 0, "abc");
    for update in [first, cleaned] {
        bare.transact_mut().apply_update(yrs::Update::decode_v1(&update).unwrap()).unwrap();
    }
    let txn = bare.transact();
    assert_eq!(txn.get_text("content").unwrap().get_string(&txn), "abcy", "who has no guard reads the same");
}

#[test]
fn shared_types_nested_too_deep_are_forgotten_update_by_update() {
    let mut document = Document::new(Kind::Text, 9);
    let first = Crafted::blocks(1, 1, 0).byte(0x07).numbers(&[1]).text("deep").byte(0).end();
    assert_eq!(document.apply(&first), Ok(Applied::New));
    let nested =
        |clock: u64| Crafted::blocks(1, 1, clock).byte(0x07).numbers(&[0, 1, clock - 1]).byte(0).end();
    let deepest = (1..100).find(|clock| is_cleaned(document.apply(&nested(*clock))));
    assert_eq!(deepest, Some(crate::limits::UPDATE_NESTING_MAX as u64));
    document.snapshot().unwrap();
}

#[test]
fn an_update_that_is_refused_leaves_no_trace_and_its_clocks_stay_free() {
    let mut document = Document::new(Kind::Text, 9);
    // The first block is sound; the second client builds on itself through the first.
    let mixed = Crafted(Vec::new())
        .numbers(&[2])
        .numbers(&[2, 1, 0])
        .byte(0x04)
        .numbers(&[1])
        .text("content")
        .text("ab")
        .byte(0x84)
        .numbers(&[2, 0])
        .text("c")
        .numbers(&[1, 2, 0])
        .byte(0x84)
        .numbers(&[1, 2])
        .text("d")
        .end();
    assert_eq!(document.apply(&mixed), Err(BadUpdate::OwnFuture));
    assert!(document.state_vector().is_empty());
    assert_eq!(document.apply(&insert(&client(1), 0, "abc")), Ok(Applied::New));
    assert_eq!(letters(&document), "abc");
}

#[test]
fn many_updates_in_one_transaction_are_judged_one_by_one() {
    let ana = client(1);
    let (first, second) = (insert(&ana, 0, "ab"), insert(&ana, 2, "cd"));
    let mut document = Document::new(Kind::Text, 9);
    let results = document.apply_all(&[&first, &[9, 9, 9], &second, &first]);
    assert_eq!(results[0], Ok(Applied::New));
    assert!(results[1].is_err());
    assert_eq!(results[2..], [Ok(Applied::New), Ok(Applied::Known)]);
    assert_eq!(letters(&document), "abcd");
}

#[test]
fn a_document_is_rebuilt_from_a_snapshot_and_a_log() {
    let ana = client(1);
    let mut document = Document::new(Kind::Text, 9);
    document.apply(&insert(&ana, 0, "ab")).unwrap();
    let snapshot = document.snapshot().unwrap();
    let log = [insert(&ana, 2, "cd"), vec![1, 2, 3], insert(&ana, 4, "ef")];
    let log: Vec<&[u8]> = log.iter().map(|update| &update[..]).collect();
    let rebuilt = rebuild(Kind::Text, 10, &snapshot, &log).unwrap();
    assert_eq!(letters(&rebuilt.document), "abcdef");
    assert!(rebuilt.culprits.is_empty(), "a refused update breaks nothing");
}

#[test]
fn a_map_written_again_and_again_and_types_in_it_that_are_overwritten_stay_sound() {
    let ana = client(1);
    let mut document = Document::new(Kind::Sheet, 9);
    for round in 0..20 {
        let mut txn = ana.transact_mut();
        let map = txn.get_or_insert_map("sheets");
        map.insert(&mut txn, "k", yrs::MapPrelim::from([("inner", round)]));
        let inner = map.insert(&mut txn, "list", yrs::ArrayPrelim::from([1, 2, 3]));
        inner.insert(&mut txn, 0, 5);
        let update = txn.encode_update_v1();
        drop(txn);
        assert_eq!(document.apply(&update), Ok(Applied::New));
    }
    let again = Document::load(Kind::Sheet, 10, &document.snapshot().unwrap()).unwrap();
    assert_eq!(again.state_vector(), document.state_vector());
}

#[test]
fn what_yjs_writes_in_node_is_read_and_written_alike() {
    // node, yjs 13: client 1 writes "héllo 😀 world", client 2 inserts "nice " at 6, client 1 replaces the first letter by "H",
    // both sync, client 1 sets meta.title; then Y.encodeStateAsUpdate and Y.encodeStateVector.
    const STATE: &str = "02010200c401050106056e69636520050100010107636f6e74656e740184010006c3a96c6c6f208401050af09f98802077\
                         6f726c64c40100010101482801046d657461057469746c650177054e6f7465730101010001";
    let hex = |text: &str| -> Vec<u8> {
        let digits: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
    };
    let document = Document::load(Kind::Text, 9, &hex(STATE)).unwrap();
    assert_eq!(letters(&document), "Héllo nice 😀 world");
    assert_eq!(document.snapshot().unwrap(), hex(STATE));
    assert_eq!(document.state_vector().encode(), hex("0202050110"));
    let window = super::super::TextDocument::of(document).unwrap();
    // Y.createRelativePositionFromTypeIndex(text, 9), JSON.stringify.
    let anchor = r#"{"type":null,"tname":"content","item":{"client":2,"clock":3},"assoc":0}"#;
    let read: text::Anchor = serde_json::from_str(anchor).unwrap();
    assert_eq!(window.position(&read), Some(9));
    let made = window.anchor(9, text::anchor::Side::After).unwrap();
    assert_eq!(serde_json::to_string(&made).unwrap(), anchor);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_guard_takes_every_honest_edit_and_agrees_with_a_bare_engine(
        edits in proptest::collection::vec((0..3usize, any::<u32>(), 0..4u32, "[a-z😀]{0,4}", any::<bool>()), 1..60),
    ) {
        let people = [client(1), client(2), client(3)];
        let bare = client(4);
        let mut document = Document::new(Kind::Text, 9);
        for (who, at, deleted, typed, syncs) in edits {
            let doc = &people[who];
            if syncs {
                // Sees what the others published.
                let known = doc.transact().state_vector();
                let news = bare.transact().encode_state_as_update_v1(&known);
                doc.transact_mut().apply_update(yrs::Update::decode_v1(&news).unwrap()).unwrap();
            }
            let update = {
                let mut txn = doc.transact_mut();
                let content = txn.get_or_insert_text("content");
                let len = content.len(&txn);
                let at = at % (len + 1);
                content.remove_range(&mut txn, at, deleted.min(len - at));
                content.insert(&mut txn, at, &typed);
                txn.encode_update_v1()
            };
            bare.transact_mut().apply_update(yrs::Update::decode_v1(&update).unwrap()).unwrap();
            prop_assert!(document.apply(&update).is_ok());
            prop_assert_eq!(document.waiting().count(), 0);
        }
        let expected = {
            let mut txn = bare.transact_mut();
            let content = txn.get_or_insert_text("content");
            content.get_string(&txn)
        };
        prop_assert_eq!(letters(&document), expected);
        let state = yrs::StateVector::decode_v1(&document.state_vector().encode()).unwrap();
        prop_assert_eq!(state.encode_v1().len(), bare.transact().state_vector().encode_v1().len());
        prop_assert!(document.snapshot().is_ok());
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        let mut document = Document::new(Kind::Text, 9);
        let _ = document.apply(&bytes);
        prop_assert!(!document.is_broken());
    }
}
