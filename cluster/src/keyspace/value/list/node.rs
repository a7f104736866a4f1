//! One node of a list: its elements packed side by side.

use shared::limits::LIST_NODE_BYTES_MAX;

use super::End;
use crate::keyspace::value::packed::Packed;

/// Whether an element may join a node: always an empty one, else within the bound.
pub(super) fn fits(node: &Packed, element: &[u8]) -> bool {
    node.is_empty() || node.entry_bytes() + Packed::entry_bytes_of(element.len()) <= LIST_NODE_BYTES_MAX
}

/// Adds an element at an end.
pub(super) fn push(node: &mut Packed, end: End, element: &[u8]) {
    match end {
        End::Left => node.push_front(element),
        End::Right => node.push_back(element),
    }
}

/// Removes so many elements from an end.
pub(super) fn drop_entries(node: &mut Packed, end: End, count: usize) {
    match end {
        End::Left => node.drop_front(count),
        End::Right => node.drop_back(count),
    }
}

/// Removes elements equal to `wanted`, looking from an end, until `limit` were removed in all.
pub(super) fn remove_equal(node: &mut Packed, wanted: &[u8], limit: usize, from: End, removed: &mut usize) {
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
