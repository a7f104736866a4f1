//! Walking over a list.

use std::collections::VecDeque;

use crate::keyspace::value::packed::{Packed, Position};

/// The elements of a [`List`](super::List) from an index on.
#[derive(Debug, Clone)]
pub struct Iter<'a> {
    /// The ring and the index of the next node.
    pub(super) nodes: Option<(&'a VecDeque<Packed>, usize)>,
    /// The node, and the place of the next element in it.
    pub(super) node: Option<(&'a Packed, Position)>,
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
