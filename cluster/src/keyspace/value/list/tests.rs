//! A list against a deque, hostile bytes, memory.

use std::collections::VecDeque;

use super::*;
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Step {
    Push(bool, usize),
    Pop(bool),
    Drop(bool, usize),
    Set(usize, usize),
    Insert(usize, usize),
    Remove(usize),
    RemoveEqual(usize, usize, bool),
    Recode,
}

/// Elements by length: the long ones fill nodes fast.
fn length() -> impl Strategy<Value = usize> {
    prop_oneof![3 => 0usize..5, 3 => 900usize..1_100, 1 => 8_000usize..9_000]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (any::<bool>(), length()).prop_map(|(left, n)| Step::Push(left, n)),
        2 => any::<bool>().prop_map(Step::Pop),
        1 => (any::<bool>(), 0usize..12).prop_map(|(left, n)| Step::Drop(left, n)),
        1 => (0usize..60, length()).prop_map(|(at, n)| Step::Set(at, n)),
        3 => (0usize..60, length()).prop_map(|(at, n)| Step::Insert(at, n)),
        1 => (0usize..60).prop_map(Step::Remove),
        1 => (0usize..5, 0usize..3, any::<bool>()).prop_map(|(n, limit, left)| Step::RemoveEqual(n, limit, left)),
        1 => Just(Step::Recode),
    ]
}

fn end(left: bool) -> End {
    if left { End::Left } else { End::Right }
}

fn drop_model(model: &mut VecDeque<Vec<u8>>, left: bool, count: usize) {
    for _ in 0..count {
        if left {
            model.pop_front()
        } else {
            model.pop_back()
        };
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn a_list_behaves_as_a_deque(steps in proptest::collection::vec(step(), 0..200)) {
        let mut list = List::new();
        let mut model: VecDeque<Vec<u8>> = VecDeque::new();
        for step in steps {
            let element = |length: usize| vec![b'x'; length];
            match step {
                Step::Push(left, n) => {
                    list.push(end(left), &element(n));
                    if left { model.push_front(element(n)) } else { model.push_back(element(n)) }
                }
                Step::Pop(left) => {
                    let expected = if left { model.pop_front() } else { model.pop_back() };
                    prop_assert_eq!(list.pop(end(left)), expected);
                }
                Step::Drop(left, count) => { list.drop_at(end(left), count); drop_model(&mut model, left, count); }
                Step::Set(at, n) => {
                    prop_assert_eq!(list.set(at, &element(n)), at < model.len());
                    if let Some(place) = model.get_mut(at) { *place = element(n); }
                }
                Step::Insert(at, n) => { list.insert(at, &element(n)); model.insert(at.min(model.len()), element(n)); }
                Step::Remove(at) => { list.remove(at); model.remove(at); }
                Step::RemoveEqual(n, limit, left) => {
                    let mut removed = 0;
                    while removed < limit {
                        let hit = if left { model.iter().position(|e| *e == element(n)) }
                            else { model.iter().rposition(|e| *e == element(n)) };
                        let Some(at) = hit else { break };
                        model.remove(at);
                        removed += 1;
                    }
                    prop_assert_eq!(list.remove_equal(&element(n), limit, end(left)), removed);
                }
                Step::Recode => {
                    let mut bytes = vec![];
                    list.encode(&mut bytes);
                    list = List::decode(&bytes).unwrap();
                }
            }
            prop_assert_eq!(list.len(), model.len());
            prop_assert!(list.iter_from(0).eq(model.iter().map(Vec::as_slice)));
            prop_assert!(list.iter_back().eq(model.iter().rev().map(Vec::as_slice)));
            prop_assert_eq!(list.peek(End::Left), model.front().map(Vec::as_slice));
            prop_assert_eq!(list.peek(End::Right), model.back().map(Vec::as_slice));
            if let Repr::Many(nodes) = &list.repr {
                prop_assert!(nodes.ring.iter().all(|node| !node.is_empty()));
                prop_assert_eq!(nodes.memory_bytes, nodes.ring.iter().map(Packed::memory_bytes).sum::<usize>());
            }
        }
        for index in 0..=model.len() {
            prop_assert_eq!(list.get(index), model.get(index).map(Vec::as_slice));
            prop_assert_eq!(list.iter_from(index).next(), model.get(index).map(Vec::as_slice));
        }
    }

    #[test]
    fn hostile_bytes_are_refused_without_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        let _ = List::decode(&bytes);
        bytes.insert(0, codec::VERSION);
        let _ = List::decode(&bytes);
    }
}

#[test]
fn an_element_larger_than_a_node_has_its_own() {
    let mut list = List::new();
    let large = vec![1; LIST_NODE_BYTES_MAX * 3];
    for element in [&b"a"[..], &large, b"b"] {
        list.push(End::Right, element);
    }
    assert!(matches!(&list.repr, Repr::Many(nodes) if nodes.ring.len() == 3));
    assert_eq!(list.get(1), Some(large.as_slice()));
}

#[test]
fn a_drained_list_gives_its_memory_back() {
    let mut list = List::new();
    (0..100_000).for_each(|n: u32| list.push(End::Right, &n.to_le_bytes()));
    assert!(list.memory_bytes() < 100_000 * 7, "{}", list.memory_bytes());
    list.drop_at(End::Left, 99_999);
    assert!(list.memory_bytes() <= 2 * LIST_NODE_BYTES_MAX);
    list.drop_at(End::Left, 1);
    assert_eq!(list.memory_bytes(), 0);
}
