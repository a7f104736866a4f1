//! A list: strings in order, packed in nodes of a few KiB. A short list is one node, without the ring around it.
//!
//! # Layout
//!
//! - `node`: one node; `nodes`: the ring of them; [`iter`]: walking over all.

pub mod iter;
mod node;
mod nodes;
#[cfg(test)]
mod tests;

use shared::limits::LIST_NODE_BYTES_MAX;

use self::iter::Iter;
use self::node::{drop_entries, fits, push, remove_equal};
use self::nodes::Nodes;
use super::codec::{self, DecodeError, Reader, put_bytes, put_varint};
use super::heap::allocated_for;
use super::packed::Packed;

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
