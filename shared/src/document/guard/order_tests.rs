//! The order of lists against the merge engine, and by itself.

use proptest::prelude::*;
use proptest::sample::Index;
use yrs::updates::decoder::Decode;
use yrs::{GetString, ReadTxn, Transact};

use super::*;
use crate::protocol::lib0::{write_byte_string, write_number};

const LIST: u64 = 7;

impl Order {
    /// The edits of a list from its start.
    fn list(&self, list: u64) -> Vec<Id> {
        let mut all = Vec::new();
        let (mut number, mut previous) = (self.heads.get(&list).copied().unwrap_or(NONE), NONE);
        while number != NONE {
            let span = self.span(number);
            assert_eq!(span.previous, previous);
            assert!(previous == NONE || self.span(previous).label < span.label, "labels grow");
            let client = self.client(span.first.author).unwrap();
            all.extend((span.first.clock..span.end()).map(|clock| Id { client, clock }));
            (previous, number) = (number, span.next);
        }
        all
    }
}

fn entry(client: ClientId, clock: u32, origin: Option<Id>, right_origin: Option<Id>) -> Entry {
    Entry { id: Id { client, clock }, len: 1, origin, right_origin, list: LIST }
}

fn enter(order: &mut Order, entry: &Entry) -> Result<(), Refusal> {
    order.enter(entry, &mut { usize::MAX })
}

/// What somebody inserts, and which neighbours are named: places in the list at that time, one of them perhaps an edge.
#[derive(Debug, Clone)]
struct Insert {
    client: ClientId,
    left: Index,
    right: Index,
    side_by_side: bool,
}

fn inserts(most: usize) -> impl Strategy<Value = Vec<Insert>> {
    let insert = (1..5u64, any::<Index>(), any::<Index>(), any::<bool>())
        .prop_map(|(client, left, right, side_by_side)| Insert { client, left, right, side_by_side });
    proptest::collection::vec(insert, 1..most)
}

/// The entry that an insert is, where `list` is what there is.
fn made(insert: &Insert, list: &[Id], clock: u32) -> Entry {
    let left = insert.left.index(list.len() + 1).checked_sub(1);
    let right = match (insert.side_by_side, left) {
        (true, None) => 0,
        (true, Some(left)) => left + 1,
        (false, _) => insert.right.index(list.len() + 1),
    };
    entry(insert.client, clock, left.map(|left| list[left]), list.get(right).copied())
}

fn next_clock(list: &[Id], client: ClientId) -> u32 {
    list.iter().filter(|id| id.client == client).count() as u32
}

fn letter(id: Id) -> char {
    char::from_u32(0x4E00 + id.client as u32 * 64 + id.clock).unwrap()
}

fn as_update(entry: &Entry) -> yrs::Update {
    let mut bytes = Vec::new();
    [1, 1, entry.id.client, u64::from(entry.id.clock)].into_iter().for_each(|n| write_number(&mut bytes, n));
    let sides = [entry.origin, entry.right_origin];
    bytes.push(4 | u8::from(sides[0].is_some()) << 7 | u8::from(sides[1].is_some()) << 6);
    for id in sides.into_iter().flatten() {
        write_number(&mut bytes, id.client);
        write_number(&mut bytes, u64::from(id.clock));
    }
    if sides == [None, None] {
        bytes.push(1);
        write_byte_string(&mut bytes, b"content");
    }
    write_byte_string(&mut bytes, letter(entry.id).to_string().as_bytes());
    bytes.push(0);
    yrs::Update::decode_v1(&bytes).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn what_is_entered_lies_where_the_merge_engine_puts_it_in_whatever_order_it_comes(
        inserts in inserts(14),
        turns in proptest::collection::vec(any::<Index>(), 14),
    ) {
        let mut order = Order::default();
        let mut entered: Vec<Entry> = Vec::new();
        for insert in &inserts {
            let list = order.list(LIST);
            let entry = made(insert, &list, next_clock(&list, insert.client));
            match enter(&mut order, &entry) {
                Ok(()) => entered.push(entry),
                Err(refusal) => {
                    prop_assert_eq!(refusal, Refusal::Misplaced);
                    prop_assert!(!insert.side_by_side, "{:?}", entry);
                    prop_assert_eq!(order.list(LIST), list, "what is refused leaves no trace");
                }
            }
        }
        let list = order.list(LIST);
        prop_assert_eq!(list.len(), entered.len());
        // The same edits in another order, each after what it builds on.
        let mut other = Order::default();
        let doc = yrs::Doc::new();
        let mut rest = entered;
        for turn in &turns {
            let known = other.list(LIST);
            let comes = |entry: &Entry| {
                entry.id.clock == next_clock(&known, entry.id.client)
                    && [entry.origin, entry.right_origin].iter().flatten().all(|id| known.contains(id))
            };
            let ready: Vec<usize> = (0..rest.len()).filter(|at| comes(&rest[*at])).collect();
            if ready.is_empty() {
                break;
            }
            let entry = rest.remove(ready[turn.index(ready.len())]);
            prop_assert_eq!(enter(&mut other, &entry), Ok(()));
            doc.transact_mut().apply_update(as_update(&entry)).unwrap();
        }
        prop_assert!(rest.is_empty());
        prop_assert_eq!(&other.list(LIST), &list);
        let txn = doc.transact();
        let shown = txn.get_text("content").unwrap().get_string(&txn);
        prop_assert_eq!(shown, list.into_iter().map(letter).collect::<String>());
    }

    #[test]
    fn what_is_taken_out_again_was_never_there(before in inserts(12), after in inserts(12)) {
        let mut order = Order::default();
        let enter_all = |order: &mut Order, inserts: &[Insert]| {
            for insert in inserts {
                let list = order.list(LIST);
                let clock = next_clock(&list, insert.client);
                let _ = enter(order, &made(insert, &list, clock));
            }
        };
        enter_all(&mut order, &before);
        let list = order.list(LIST);
        enter_all(&mut order, &after);
        for client in 1..5 {
            order.truncate(client, next_clock(&list, client), |_| LIST);
        }
        prop_assert_eq!(order.list(LIST), list.clone());
        // And it goes on as if it had never been there.
        let mut plain = Order::default();
        enter_all(&mut plain, &before);
        enter_all(&mut plain, &after);
        enter_all(&mut order, &after);
        prop_assert_eq!(order.list(LIST), plain.list(LIST));
    }
}

#[test]
fn letters_typed_one_after_another_take_one_span() {
    let mut order = Order::default();
    for clock in 0..1_000 {
        let origin = u32::checked_sub(clock, 1).map(|clock| Id { client: 1, clock });
        enter(&mut order, &entry(1, clock, origin, None)).unwrap();
    }
    assert_eq!(order.spans.len(), 1);
    let middle = [Id { client: 1, clock: 499 }, Id { client: 1, clock: 500 }].map(Some);
    enter(&mut order, &entry(2, 0, middle[0], middle[1])).unwrap();
    assert_eq!(order.spans.len(), 3);
    assert_eq!(order.list(LIST)[500], Id { client: 2, clock: 0 });
}

#[test]
fn labels_never_run_out_at_one_place() {
    let mut order = Order::default();
    let first = Id { client: 1, clock: 0 };
    enter(&mut order, &entry(1, 0, None, None)).unwrap();
    enter(&mut order, &entry(2, 0, Some(first), None)).unwrap();
    let mut right = Id { client: 2, clock: 0 };
    for clock in 0..5_000 {
        enter(&mut order, &entry(3, clock, Some(first), Some(right))).unwrap();
        right = Id { client: 3, clock };
    }
    // The list checks that its labels grow.
    assert_eq!(order.list(LIST).len(), 5_002);
}

#[test]
fn neighbours_are_looked_at_no_more_often_than_allowed() {
    let mut order = Order::default();
    let mut looks = 100;
    let crowd = (1..100).map(|client| order.enter(&entry(client, 0, None, None), &mut looks));
    let entered = crowd.take_while(Result::is_ok).count();
    // The first looks at none, the second at one, the third at two.
    assert_eq!(entered, 14);
    assert_eq!(order.list(LIST).len(), 14);
}
