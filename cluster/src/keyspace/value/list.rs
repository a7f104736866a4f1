//! A list: strings in order, packed in nodes of a few KiB. A short list is one node, without the ring around it.

use super::codec::{self, DecodeError, Reader, put_bytes, put_varint};
use super::heap::allocated_for;
use super::packed::{self, Packed};
use shared::limits::LIST_NODE_BYTES_MAX;
use std::collections::VecDeque;

/// Strings in order.
#[derive(Debug, Clone)]
pub struct List {
    repr: Repr,
    len: usize,
}

#[derive(Debug, Clone)]
enum Repr {
    One(Packed),
    Many(Box<Nodes>),
}

/// The nodes of a long list; none is empty.
#[derive(Debug, Clone, Default)]
struct Nodes {
    ring: VecDeque<Packed>,
    /// Sum of the nodes' memory.
    memory_bytes: usize,
}

/// The two ends of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The head: index 0.
    Left,
    /// The tail: index -1.
    Right,
}

impl Default for List {
    fn default() -> List {
        List::new()
    }
}

impl List {
    /// A list without elements.
    pub const fn new() -> List {
        List { repr: Repr::One(Packed::new()), len: 0 }
    }

    /// Number of elements.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no elements: the key is then removed.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The name OBJECT ENCODING gives: Redis 7.0 calls every list so.
    pub const fn encoding(&self) -> &'static str {
        "quicklist"
    }

    /// Bytes allocated behind the structure itself.
    pub fn memory_bytes(&self) -> usize {
        match &self.repr {
            Repr::One(node) => node.memory_bytes(),
            Repr::Many(nodes) => {
                size_of::<Nodes>() + allocated_for::<Packed>(nodes.ring.capacity()) + nodes.memory_bytes
            }
        }
    }

    /// Adds an element at an end.
    pub fn push(&mut self, end: End, element: &[u8]) {
        self.len += 1;
        if let Repr::One(node) = &mut self.repr {
            if fits(node, element) {
                return push(node, end, element);
            }
            let mut first = std::mem::take(node);
            first.shrink();
            self.repr = Repr::Many(Box::new(Nodes::of(first)));
        }
        if let Repr::Many(nodes) = &mut self.repr {
            nodes.push(end, element);
        }
    }

    /// Removes and returns the element at an end.
    pub fn pop(&mut self, end: End) -> Option<Vec<u8>> {
        let element = self.peek(end)?.to_vec();
        self.drop_at(end, 1);
        Some(element)
    }

    /// The element at an end.
    pub fn peek(&self, end: End) -> Option<&[u8]> {
        let node = match (&self.repr, end) {
            (Repr::One(node), _) => node,
            (Repr::Many(nodes), End::Left) => nodes.ring.front()?,
            (Repr::Many(nodes), End::Right) => nodes.ring.back()?,
        };
        match end {
            End::Left => node.entry(node.first()).map(|(entry, _)| entry),
            End::Right => node.entry_before(node.end()).map(|(entry, _)| entry),
        }
    }

    /// Removes up to `count` elements from an end.
    pub fn drop_at(&mut self, end: End, count: usize) {
        let count = count.min(self.len);
        self.len -= count;
        match &mut self.repr {
            Repr::One(node) => drop_entries(node, end, count),
            Repr::Many(nodes) => nodes.drop_at(end, count),
        }
        self.settle();
    }

    /// The element with this index.
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        match &self.repr {
            Repr::One(node) => node.get(index),
            Repr::Many(nodes) => {
                nodes.locate(index, self.len).and_then(|(node, index)| nodes.ring.get(node)?.get(index))
            }
        }
    }

    /// Puts another string in the place of an element; whether there is one with this index.
    pub fn set(&mut self, index: usize, element: &[u8]) -> bool {
        if index >= self.len {
            return false;
        }
        self.edit(index, |node, at| node.replace(node.position(at), element));
        true
    }

    /// Puts an element before the one with this index; at the end if there is none.
    pub fn insert(&mut self, index: usize, element: &[u8]) {
        match index {
            0 => return self.push(End::Left, element),
            _ if index >= self.len => return self.push(End::Right, element),
            _ => {}
        }
        self.edit(index, |node, at| node.insert(node.position(at), element));
        self.len += 1;
    }

    /// Removes the element with this index.
    pub fn remove(&mut self, index: usize) {
        if index >= self.len {
            return;
        }
        self.edit(index, |node, at| {
            node.remove(node.position(at), 1);
        });
        self.len -= 1;
        self.settle();
    }

    /// Removes up to `limit` elements equal to `wanted`, looking from an end; how many.
    pub fn remove_equal(&mut self, wanted: &[u8], limit: usize, from: End) -> usize {
        let mut removed = 0;
        match &mut self.repr {
            Repr::One(node) => remove_equal(node, wanted, limit, from, &mut removed),
            Repr::Many(nodes) => {
                let count = nodes.ring.len();
                for step in 0..count {
                    let at = if from == End::Left { step } else { count - 1 - step };
                    if let Some(node) = nodes.ring.get_mut(at) {
                        remove_equal(node, wanted, limit, from, &mut removed);
                    }
                    if removed == limit {
                        break;
                    }
                }
                nodes.ring.retain(|node| !node.is_empty());
                nodes.memory_bytes = nodes.ring.iter().map(Packed::memory_bytes).sum();
            }
        }
        self.len -= removed;
        self.settle();
        removed
    }

    /// The elements from `index` on.
    pub fn iter_from(&self, index: usize) -> Iter<'_> {
        let (nodes, node, within) = match &self.repr {
            Repr::One(node) => (None, Some(node), index),
            Repr::Many(nodes) => match nodes.locate(index, self.len) {
                Some((node, within)) => (Some((&nodes.ring, node + 1)), nodes.ring.get(node), within),
                None => (None, None, 0),
            },
        };
        Iter { nodes, node: node.map(|node| (node, node.position(within))) }
    }

    /// All elements from the tail to the head.
    pub fn iter_back(&self) -> impl Iterator<Item = &[u8]> {
        let (one, many) = match &self.repr {
            Repr::One(node) => (Some(node.iter().rev()), None),
            Repr::Many(nodes) => (None, Some(nodes.ring.iter().rev().flat_map(|node| node.iter().rev()))),
        };
        one.into_iter().flatten().chain(many.into_iter().flatten())
    }

    /// Appends the list as bytes: version, count, then each element.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(codec::VERSION);
        put_varint(out, self.len as u64);
        self.iter_from(0).for_each(|element| put_bytes(out, element));
    }

    /// The list that [`List::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<List, DecodeError> {
        let mut reader = Reader::open(bytes)?;
        let mut list = List::new();
        for _ in 0..reader.count(1)? {
            list.push(End::Right, reader.bytes()?);
        }
        reader.finish()?;
        Ok(list)
    }

    /// Changes the node that holds an index, splits it if it grew too large, drops it if it became empty.
    fn edit(&mut self, index: usize, change: impl FnOnce(&mut Packed, usize)) {
        if let Repr::One(node) = &mut self.repr {
            change(node, index);
            if node.entry_bytes() <= LIST_NODE_BYTES_MAX || node.len() < 2 {
                return;
            }
            let mut nodes = Nodes::of(std::mem::take(node));
            nodes.split(0);
            self.repr = Repr::Many(Box::new(nodes));
        } else if let Repr::Many(nodes) = &mut self.repr
            && let Some((at, within)) = nodes.locate(index, self.len)
        {
            nodes.change(at, |node| change(node, within));
            nodes.split(at);
        }
    }

    /// A ring of one small node, or of none, becomes that node.
    fn settle(&mut self) {
        if let Repr::Many(nodes) = &mut self.repr
            && nodes.ring.len() <= 1
            && nodes.ring.front().is_none_or(|node| node.entry_bytes() <= LIST_NODE_BYTES_MAX / 2)
        {
            self.repr = Repr::One(nodes.ring.pop_front().unwrap_or_default());
        }
    }
}

impl Nodes {
    fn of(node: Packed) -> Nodes {
        Nodes { memory_bytes: node.memory_bytes(), ring: VecDeque::from([node]) }
    }

    fn push(&mut self, end: End, element: &[u8]) {
        let room = match end {
            End::Left => self.ring.front(),
            End::Right => self.ring.back(),
        };
        let last = self.ring.len().saturating_sub(1);
        let at = if end == End::Left { 0 } else { last };
        if room.is_some_and(|node| fits(node, element)) {
            return self.change(at, |node| push(node, end, element));
        }
        // The full node gets nothing more at this end: its slack is given back.
        self.change(at, Packed::shrink);
        let mut node = Packed::new();
        push(&mut node, end, element);
        self.memory_bytes += node.memory_bytes();
        match end {
            End::Left => self.ring.push_front(node),
            End::Right => self.ring.push_back(node),
        }
    }

    fn drop_at(&mut self, end: End, mut count: usize) {
        while count > 0 {
            let at = if end == End::Left { 0 } else { self.ring.len().saturating_sub(1) };
            let Some(node) = self.ring.get(at) else { return };
            let here = node.len();
            if here > count {
                return self.change(at, |node| drop_entries(node, end, count));
            }
            self.memory_bytes -= node.memory_bytes();
            self.ring.remove(at);
            count -= here;
        }
    }

    /// The node that holds an index, and the index within it; counted from the nearer end.
    fn locate(&self, index: usize, len: usize) -> Option<(usize, usize)> {
        if index >= len / 2 {
            let mut begin = len;
            for (at, node) in self.ring.iter().enumerate().rev() {
                begin = begin.saturating_sub(node.len());
                if begin <= index {
                    return (index < len).then_some((at, index - begin));
                }
            }
            return None;
        }
        let mut rest = index;
        for (at, node) in self.ring.iter().enumerate() {
            if rest < node.len() {
                return Some((at, rest));
            }
            rest -= node.len();
        }
        None
    }

    /// Changes a node, keeps the account of memory, drops the node if it became empty.
    fn change(&mut self, at: usize, change: impl FnOnce(&mut Packed)) {
        let Some(node) = self.ring.get_mut(at) else { return };
        let before = node.memory_bytes();
        change(node);
        self.memory_bytes = self.memory_bytes + node.memory_bytes() - before;
        if node.is_empty() {
            self.ring.remove(at);
        }
    }

    /// Halves a node that is too large, unless it is one large element.
    fn split(&mut self, at: usize) {
        let Some(node) = self.ring.get_mut(at) else { return };
        if node.entry_bytes() <= LIST_NODE_BYTES_MAX || node.len() < 2 {
            return;
        }
        let before = node.memory_bytes();
        let tail = node.split_off(node.len() / 2);
        self.memory_bytes = self.memory_bytes + node.memory_bytes() + tail.memory_bytes() - before;
        self.ring.insert(at + 1, tail);
    }
}

/// Whether an element may join a node: always an empty one, else within the bound.
fn fits(node: &Packed, element: &[u8]) -> bool {
    node.is_empty() || node.entry_bytes() + Packed::entry_bytes_of(element.len()) <= LIST_NODE_BYTES_MAX
}

fn push(node: &mut Packed, end: End, element: &[u8]) {
    match end {
        End::Left => node.push_front(element),
        End::Right => node.push_back(element),
    }
}

fn drop_entries(node: &mut Packed, end: End, count: usize) {
    match end {
        End::Left => node.drop_front(count),
        End::Right => node.drop_back(count),
    }
}

fn remove_equal(node: &mut Packed, wanted: &[u8], limit: usize, from: End, removed: &mut usize) {
    let matches = |entry: &[u8]| entry == wanted;
    if !node.iter().any(matches) {
        return;
    }
    // Rebuilt once instead of moved at each hit.
    let mut kept: Vec<&[u8]> = Vec::with_capacity(node.len());
    let mut keep = |entry| {
        if *removed < limit && matches(entry) {
            *removed += 1;
        } else {
            kept.push(entry);
        }
    };
    match from {
        End::Left => node.iter().for_each(&mut keep),
        End::Right => node.iter().rev().for_each(&mut keep),
    }
    let mut rest = Packed::new();
    match from {
        End::Left => kept.iter().for_each(|entry| rest.push_back(entry)),
        End::Right => kept.iter().rev().for_each(|entry| rest.push_back(entry)),
    }
    *node = rest;
}

/// The elements of a [`List`] from an index on.
#[derive(Debug, Clone)]
pub struct Iter<'a> {
    /// The ring and the index of the next node.
    nodes: Option<(&'a VecDeque<Packed>, usize)>,
    node: Option<(&'a Packed, packed::Position)>,
}

impl<'a> Iterator for Iter<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            let (node, at) = self.node?;
            if let Some((element, behind)) = node.entry(at) {
                self.node = Some((node, behind));
                return Some(element);
            }
            let (ring, next) = self.nodes?;
            let node = ring.get(next)?;
            self.nodes = Some((ring, next + 1));
            self.node = Some((node, node.first()));
        }
    }
}

#[cfg(test)]
mod tests {
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
}
