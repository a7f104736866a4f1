//! The nodes of a long list, in a ring.

use std::collections::VecDeque;

use shared::limits::LIST_NODE_BYTES_MAX;

use super::End;
use super::node::{drop_entries, fits, push};
use crate::keyspace::value::packed::Packed;

/// The nodes of a long list; none is empty.
#[derive(Debug, Clone, Default)]
pub(super) struct Nodes {
    /// From the head to the tail.
    pub(super) ring: VecDeque<Packed>,
    /// Sum of the nodes' memory.
    pub(super) memory_bytes: usize,
}

impl Nodes {
    pub(super) fn of(node: Packed) -> Nodes {
        Nodes { memory_bytes: node.memory_bytes(), ring: VecDeque::from([node]) }
    }

    pub(super) fn push(&mut self, end: End, element: &[u8]) {
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

    pub(super) fn drop_at(&mut self, end: End, mut count: usize) {
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
    pub(super) fn locate(&self, index: usize, len: usize) -> Option<(usize, usize)> {
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
    pub(super) fn change(&mut self, at: usize, change: impl FnOnce(&mut Packed)) {
        let Some(node) = self.ring.get_mut(at) else { return };
        let before = node.memory_bytes();
        change(node);
        self.memory_bytes = self.memory_bytes + node.memory_bytes() - before;
        if node.is_empty() {
            self.ring.remove(at);
        }
    }

    /// Halves a node that is too large, unless it is one large element.
    pub(super) fn split(&mut self, at: usize) {
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
