//! Updates that build on an edit which is not known yet. They wait as bytes; nothing of them is applied, their deletions neither:
//! so nobody deletes what another has yet to write.
//!
//! Among honest clients this is rare: channel and log keep the order in which edits were made. Where a burst comes out of order,
//! each update costs a look at the edit it waits for, not at all that waits.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::super::update::walk::Id;
use crate::limits::{PENDING_BYTES_MAX, PENDING_UPDATES_MAX};

#[derive(Debug, Default)]
pub(super) struct Pending {
    /// By the edit that is missing.
    waiting: BTreeMap<Id, Vec<Vec<u8>>>,
    updates: usize,
    bytes: usize,
}

impl Pending {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Lets an update wait. False if there is no room: then it is dropped, and its author must be synced anew.
    pub(super) fn push(&mut self, missing: Id, update: &[u8]) -> bool {
        if self.waiting.get(&missing).is_some_and(|same| same.iter().any(|waiting| waiting == update)) {
            return true;
        }
        let room = self.updates < PENDING_UPDATES_MAX && self.bytes + update.len() <= PENDING_BYTES_MAX;
        room && self.keep(missing, update)
    }

    /// Lets an update wait whether there is room or not.
    pub(super) fn keep(&mut self, missing: Id, update: &[u8]) -> bool {
        let same = self.waiting.entry(missing).or_default();
        if !same.iter().take(PENDING_UPDATES_MAX).any(|waiting| waiting == update) {
            self.updates += 1;
            self.bytes += update.len();
            same.push(update.to_vec());
        }
        true
    }

    /// Takes out one update whose edit is now known. Of a client all edits up to some clock are known, so only the first that is
    /// missing of each is looked at.
    pub(super) fn take_ready(&mut self, is_known: impl Fn(Id) -> bool) -> Option<Vec<u8>> {
        let mut after = Bound::Unbounded;
        let ready = loop {
            let (&id, _) = self.waiting.range((after, Bound::Unbounded)).next()?;
            if is_known(id) {
                break id;
            }
            after = Bound::Excluded(Id { clock: u32::MAX, ..id });
        };
        let same = self.waiting.get_mut(&ready)?;
        let update = same.pop()?;
        if same.is_empty() {
            self.waiting.remove(&ready);
        }
        self.updates -= 1;
        self.bytes -= update.len();
        Some(update)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.waiting.values().flatten().map(|update| &update[..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(client: u64, clock: u32) -> Id {
        Id { client, clock }
    }

    #[test]
    fn what_is_known_comes_out_whoever_waits_before_it() {
        let mut pending = Pending::default();
        for (client, clock) in [(1, 5), (2, 9), (2, 3), (2, 3), (3, u32::MAX)] {
            assert!(pending.push(id(client, clock), &[client as u8, clock as u8]));
        }
        assert_eq!(pending.iter().count(), 4, "the same twice is one");
        let known = |id: Id| id.client == 2 && id.clock < 5;
        assert_eq!(pending.take_ready(known), Some(vec![2, 3]));
        assert_eq!(pending.take_ready(known), None);
        let mut rest = 0;
        while pending.take_ready(|_| true).is_some() {
            rest += 1;
        }
        assert!(rest == 3 && pending.is_empty() && pending.bytes == 0 && pending.updates == 0);
    }

    #[test]
    fn there_is_room_for_so_many_and_no_more() {
        let mut pending = Pending::default();
        for clock in 0..PENDING_UPDATES_MAX as u32 {
            assert!(pending.push(id(1, clock), &clock.to_le_bytes()));
        }
        assert!(!pending.push(id(1, u32::MAX), b"one more"));
        assert!(pending.push(id(1, 0), &0u32.to_le_bytes()), "what waits already is not refused");
    }
}
