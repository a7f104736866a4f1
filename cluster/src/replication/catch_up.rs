//! Of a range that does not come by its log only the slots come that differ.
//!
//! The replica says what it holds of the range, a digest a slot. It changes none of it until the slot comes: it follows, and takes no
//! records of this range yet. So the primary compares slot by slot when their turn comes, under the lock of the slot, and reads the cut
//! there: what is equal then is what the log did before the cut, on both sides, and writes go on. Why the replica holds that does not
//! matter: its log may have been written by others, or a range that came in part before.

use persistence::Store;
use shared::rt::task::yield_now;
use shared::slot::Slot;

use super::digests::{BYTES_MAX, KEYS_MAX, Portion, sum};
use super::frame::{Content, Holds};
use crate::keyspace::Keyspace;
use crate::keyspace::entry::Entry;

/// What was digested since others had their turn.
#[derive(Debug, Default)]
pub(super) struct Work {
    keys: usize,
    bytes: usize,
}

impl Work {
    fn add(&mut self, keys: usize, bytes: usize) {
        self.keys += keys;
        self.bytes += bytes;
    }

    /// Whether others are to have their turn; then it begins anew.
    pub(super) fn is_enough(&mut self) -> bool {
        let enough = self.keys >= KEYS_MAX || self.bytes >= BYTES_MAX;
        if enough {
            *self = Work::default();
        }
        enough
    }
}

/// What this replica holds of a range. A slot that holds much is digested in portions: nobody changes it meanwhile.
pub(super) async fn holds(keyspace: &Keyspace, range: usize) -> Holds {
    let (mut slots, mut work) = (Vec::new(), Work::default());
    for slot in Slot::of_range(range) {
        let (mut content, mut from) = (Content::default(), Some(0));
        while let Some(place) = from {
            let portion = Portion::of(&keyspace.lock(slot.partition()), slot, place);
            content.held = portion.held as u64;
            content.digest = content.digest.wrapping_add(portion.digest);
            work.add(portion.keys, portion.bytes);
            from = portion.next;
            if work.is_enough() {
                yield_now().await;
            }
        }
        if content.held > 0 {
            slots.push((slot, content));
        }
    }
    Holds { range, slots }
}

/// Where the log of a slot's range ends, if the slot holds what the replica holds. Its lock is held as long as for a dump at most.
pub(super) fn same(
    keyspace: &Keyspace,
    store: &Store,
    slot: Slot,
    theirs: Content,
    work: &mut Work,
) -> Option<u64> {
    let partition = keyspace.lock(slot.partition());
    let table = partition.table(slot);
    #[cfg(feature = "sim")]
    if shared::rt::sim::strikes("slots-taken-for-equal") {
        return Some(store.cut(slot));
    }
    if table.len() as u64 != theirs.held {
        return None;
    }
    work.add(table.len(), table.iter().map(Entry::memory).sum());
    (sum(table.iter()) == theirs.digest).then(|| store.cut(slot))
}
