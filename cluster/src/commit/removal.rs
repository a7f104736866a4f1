//! Keys that the node removes by itself: their deadline has passed, or room is made.

use shared::slot::Slot;

use crate::command::work::Work;
use crate::keyspace::Partition;
use crate::keyspace::slot_table::SlotTable;
use crate::node::Shared;

/// Removes the keys of a partition that are due, at most about `limit`, and logs that; true if there may be more.
pub fn expire_due(shared: &Shared, work: &mut Work, index: usize, now_ms: u64, limit: usize) -> bool {
    let mut partition = shared.keyspace.lock(index);
    // The primary removes them, and says so.
    if shared.replication.is_replica() {
        return false;
    }
    let mut due = Vec::new();
    let more = partition.due(index, now_ms, limit, &mut due);
    for (slot, key) in due {
        // Of a slot that is still coming its old node decides; what has gone off meanwhile comes out once it is here.
        if shared.slot_migrations.is_importing(slot) {
            continue;
        }
        let Some(place) = partition.find(slot, &key) else { continue };
        partition.expire(slot, place);
        removed(shared, work, &mut partition, slot, &key);
    }
    more
}

/// Removes a key if its deadline has passed, and logs that.
pub fn expire_dead(shared: &Shared, work: &mut Work, key: &[u8], now_ms: u64) {
    let slot = Slot::of_key(key);
    let mut partition = shared.keyspace.lock(slot.partition());
    if shared.replication.is_replica() {
        return;
    }
    let Some(place) = partition.find(slot, key) else { return };
    if partition.at(slot, place).is_some_and(|entry| entry.deadline() < now_ms) {
        partition.expire(slot, place);
        removed(shared, work, &mut partition, slot, key);
    }
}

/// Removes a key to make room, and logs that; false if it was gone.
pub fn evict(shared: &Shared, work: &mut Work, slot: Slot, key: &[u8]) -> bool {
    let mut partition = shared.keyspace.lock(slot.partition());
    if shared.replication.is_replica() || shared.slot_migrations.is_importing(slot) {
        return false;
    }
    let Some(place) = partition.find(slot, key) else { return false };
    partition.remove(slot, place);
    removed(shared, work, &mut partition, slot, key);
    true
}

/// Removes all keys, and logs that: the node was a replica, and belongs to nobody now.
pub fn forget_all(shared: &Shared) {
    let mut work = Work::default();
    for slot in Slot::all() {
        let mut partition = shared.keyspace.lock(slot.partition());
        let keys =
            (!partition.table(slot).is_empty()).then(|| empty(shared, &mut work, &mut partition, slot));
        drop(partition);
        drop(keys);
    }
}

/// Removes all keys of slots, and logs that. Does nothing on a replica: its primary does.
pub fn forget(shared: &Shared, slots: impl Iterator<Item = Slot>) {
    let mut work = Work::default();
    for slot in slots {
        let mut partition = shared.keyspace.lock(slot.partition());
        if shared.replication.is_replica() {
            return;
        }
        let keys =
            (!partition.table(slot).is_empty()).then(|| empty(shared, &mut work, &mut partition, slot));
        drop(partition);
        // Gives back the memory, without a lock.
        drop(keys);
    }
}

/// Removes all keys of a slot, and logs that.
pub fn empty(shared: &Shared, work: &mut Work, partition: &mut Partition, slot: Slot) -> SlotTable {
    let keys = partition.take_slot(slot);
    work.start(false);
    work.encode(&[b"FLUSHALL"]);
    if let Err(error) = shared.log.append(slot, &work.payload) {
        tracing::debug!(%error, "the removal of all keys is not logged");
    }
    keys
}

/// A key was removed by the node itself.
pub(super) fn removed(shared: &Shared, work: &mut Work, partition: &mut Partition, slot: Slot, key: &[u8]) {
    partition.watched.changed(key);
    work.start(false);
    work.encode(&[b"DEL", key]);
    if let Err(error) = shared.log.append(slot, &work.payload) {
        // A store that takes nothing more says so to every write; here nobody asked.
        tracing::debug!(%error, "the removal of a key is not logged");
    }
    super::moving::changed(shared, slot);
}
