//! Own edits that are not *saved* yet.

use std::collections::VecDeque;

use bytes::Bytes;

use super::limits::{PENDING_ENTRIES_MAX, PENDING_MERGE_BYTES_MAX};

/// One own edit, or several merged into one update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// Number of the first edit inside, counted in this window from 1.
    pub first: u64,
    /// Number of the last edit inside.
    pub last: u64,
    /// One Yjs v1 update.
    pub update: Bytes,
}

/// The queue of own edits between the key and *saved*, oldest first.
///
/// Bounded in count: many small edits of a long time offline are merged into few larger ones. Bounded in bytes by the room,
/// which stops taking edits at [`super::limits::PENDING_BYTES_MAX`].
#[derive(Debug, Default)]
pub struct Pending {
    edits: VecDeque<Edit>,
    last: u64,
    bytes: usize,
}

impl Pending {
    /// Takes an edit and numbers it.
    pub fn push(&mut self, update: Bytes) -> &Edit {
        if self.edits.len() >= PENDING_ENTRIES_MAX {
            self.merge();
        }
        self.last += 1;
        self.bytes += update.len();
        self.edits.push_back(Edit { first: self.last, last: self.last, update });
        &self.edits[self.edits.len() - 1]
    }

    /// Forgets every edit up to this number; of edits merged into one, all or none. Returns whether any was forgotten.
    pub fn saved_through(&mut self, number: u64) -> bool {
        let before = self.edits.len();
        while let Some(edit) = self.edits.front().filter(|edit| edit.last <= number) {
            self.bytes -= edit.update.len();
            self.edits.pop_front();
        }
        self.edits.len() != before
    }

    /// The edits, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Edit> {
        self.edits.iter()
    }

    /// The edits that come after this number.
    pub fn after(&self, number: u64) -> impl Iterator<Item = &Edit> {
        let start = self.edits.partition_point(|edit| edit.last <= number);
        self.edits.range(start..)
    }

    /// How many changes are not saved.
    pub fn changes(&self) -> u64 {
        self.edits.iter().map(|edit| edit.last - edit.first + 1).sum()
    }

    /// Their bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether everything is saved.
    pub fn is_empty(&self) -> bool {
        self.edits.is_empty()
    }

    /// Number of the last edit ever taken; 0 before the first.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Merges neighbours into updates of at most [`PENDING_MERGE_BYTES_MAX`] bytes. An update that does not decode stays alone.
    pub fn merge(&mut self) {
        let mut merged: VecDeque<Edit> = VecDeque::new();
        let mut group: Vec<Edit> = Vec::new();
        let mut group_bytes = 0;
        for edit in std::mem::take(&mut self.edits) {
            if !group.is_empty() && group_bytes + edit.update.len() > PENDING_MERGE_BYTES_MAX {
                merge_group(&mut group, &mut merged);
                group_bytes = 0;
            }
            group_bytes += edit.update.len();
            group.push(edit);
        }
        merge_group(&mut group, &mut merged);
        self.bytes = merged.iter().map(|edit| edit.update.len()).sum();
        self.edits = merged;
    }
}

fn merge_group(group: &mut Vec<Edit>, merged: &mut VecDeque<Edit>) {
    let (Some(first), Some(last)) = (group.first(), group.last()) else { return };
    let (first, last) = (first.first, last.last);
    match yrs::merge_updates_v1(group.iter().map(|edit| &edit.update[..])) {
        Ok(update) if group.len() > 1 => {
            merged.push_back(Edit { first, last, update: update.into() });
            group.clear();
        }
        _ => merged.extend(group.drain(..)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use yrs::updates::decoder::Decode;
    use yrs::{Doc, GetString, ReadTxn, StateVector, Text, Transact, Update};

    use super::*;

    /// The updates of typing `n` letters.
    fn typed(n: usize) -> Vec<Bytes> {
        let doc = Doc::with_client_id(7);
        let text = doc.get_or_insert_text("content");
        (0..n)
            .map(|i| {
                let mut txn = doc.transact_mut();
                text.insert(&mut txn, (i / 2) as u32, "x");
                txn.encode_update_v1().into()
            })
            .collect()
    }

    fn text_of<'a>(updates: impl Iterator<Item = &'a Bytes>) -> String {
        let doc = Doc::new();
        let text = doc.get_or_insert_text("content");
        let mut txn = doc.transact_mut();
        for update in updates {
            txn.apply_update(Update::decode_v1(update).unwrap()).unwrap();
        }
        assert!(!txn.state_vector().eq(&StateVector::default()) || text.len(&txn) == 0);
        text.get_string(&txn)
    }

    #[test]
    fn merging_keeps_every_edit_and_its_numbers() {
        let updates = typed(500);
        let mut pending = Pending::default();
        updates.iter().for_each(|update| {
            pending.push(update.clone());
        });
        let before = text_of(pending.iter().map(|edit| &edit.update));
        pending.merge();
        assert_eq!(pending.iter().count(), 1);
        assert_eq!(pending.changes(), 500);
        assert_eq!(text_of(pending.iter().map(|edit| &edit.update)), before);
        assert!(!pending.saved_through(499), "half of a merged edit is not saved");
        assert!(pending.saved_through(500));
        assert!(pending.is_empty() && pending.bytes() == 0);
    }

    #[test]
    fn the_count_of_entries_is_bounded() {
        let updates = typed(2);
        let mut pending = Pending::default();
        for _ in 0..3 * PENDING_ENTRIES_MAX {
            pending.push(updates[0].clone());
        }
        assert!(pending.iter().count() <= PENDING_ENTRIES_MAX);
        assert_eq!(pending.changes(), 3 * PENDING_ENTRIES_MAX as u64);
    }

    proptest! {
        /// Against a model that is a list of numbers: exactly the edits after the last *saved* remain, in order.
        #[test]
        fn pending_is_trimmed_exactly(steps in prop::collection::vec(prop_oneof![Just(None), (0u64..60).prop_map(Some)], 0..80)) {
            let update = typed(1).remove(0);
            let mut pending = Pending::default();
            let mut model: Vec<u64> = Vec::new();
            for step in steps {
                match step {
                    None => model.push(pending.push(update.clone()).last),
                    Some(through) => {
                        pending.saved_through(through);
                        model.retain(|&number| number > through);
                    }
                }
                prop_assert_eq!(pending.iter().map(|edit| edit.first).collect::<Vec<_>>(), model.clone());
                prop_assert_eq!(pending.changes(), model.len() as u64);
                prop_assert_eq!(pending.bytes(), model.len() * update.len());
                prop_assert_eq!(pending.after(20).map(|edit| edit.last).collect::<Vec<_>>(),
                    model.iter().copied().filter(|&n| n > 20).collect::<Vec<_>>());
            }
        }
    }
}
