//! A keyspace simple enough to be right: each slot holds the list of effects it has seen. Adding to a list is not idempotent, so
//! an effect that is replayed twice, dropped or out of order is seen at once.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use persistence::{Appended, Config, Error, Fsync, RecoveryReport, Replay, Rewriting, SlotDump, Store};
use shared::limits::RANGES;
use shared::slot::Slot;

use crate::folder::Folder;

/// What each slot holds; slots that hold nothing are absent.
pub(crate) type State = BTreeMap<Slot, Vec<u64>>;

/// A model keyspace: one lock a range stands for the partition locks.
#[derive(Default)]
pub(crate) struct Keyspace {
    ranges: [Mutex<State>; RANGES],
}

impl Keyspace {
    /// Adds a number to a slot's list, in memory and in the store, under one lock.
    pub(crate) fn add(&self, store: &Store, slot: Slot, number: u64) -> Result<Appended, Error> {
        let mut range = self.ranges[slot.range()].lock();
        let appended = store.append(slot, |bytes| bytes.extend_from_slice(&number.to_le_bytes()))?;
        range.entry(slot).or_default().push(number);
        Ok(appended)
    }

    /// As [`Store::rewrite`] wants it: an entry is a whole list.
    pub(crate) fn dump(&self, slot: Slot, dump: SlotDump<'_>) {
        let range = self.ranges[slot.range()].lock();
        let mut entries = dump.begin();
        if let Some(list) = range.get(&slot) {
            entries
                .push(|bytes| list.iter().for_each(|number| bytes.extend_from_slice(&number.to_le_bytes())));
        }
    }

    pub(crate) fn state(&self) -> State {
        self.ranges.iter().flat_map(|range| range.lock().clone()).collect()
    }
}

impl Replay for Keyspace {
    fn base_entry(&self, slot: Slot, entry: &[u8]) -> Result<(), String> {
        let list = numbers(entry)?;
        match self.ranges[slot.range()].lock().insert(slot, list) {
            None => Ok(()),
            Some(_) => Err("the slot was restored before".into()),
        }
    }

    fn effect(&self, slot: Slot, effect: &[u8]) -> Result<(), String> {
        let added = numbers(effect)?;
        self.ranges[slot.range()].lock().entry(slot).or_default().extend(added);
        Ok(())
    }
}

fn numbers(bytes: &[u8]) -> Result<Vec<u64>, String> {
    let (numbers, rest) = bytes.as_chunks::<8>();
    if rest.is_empty() {
        Ok(numbers.iter().map(|number| u64::from_le_bytes(*number)).collect())
    } else {
        Err("not a list of numbers".into())
    }
}

/// A configuration that syncs only when somebody waits, and never finds a rewriting due.
pub(crate) fn quiet(folder: &Folder) -> Config {
    Config {
        fsync: Fsync::No,
        rewriting: Rewriting { percentage: 0, min_bytes: 0 },
        ..Config::new(folder.path())
    }
}

/// Opens the store of a folder into a new keyspace.
pub(crate) fn open(config: &Config) -> Result<(Store, Keyspace, RecoveryReport), Error> {
    let keyspace = Keyspace::default();
    let (store, report) = Store::open(config, &keyspace)?;
    Ok((store, keyspace, report))
}

/// The slot with this number.
pub(crate) fn slot(number: u16) -> Slot {
    Slot::new(number).unwrap()
}

/// Runs a future to its end on this thread.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}
