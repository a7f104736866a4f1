//! Many threads append to one range: the log has the order of the locks. Ranges have none among them.

use std::collections::BTreeSet;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use persistence::{Replay, Store};
use shared::slot::Slot;

use crate::folder::Folder;
use crate::model::{quiet, slot};

/// Everything that is replayed, in its order.
#[derive(Default)]
struct Recorder {
    seen: Mutex<Vec<(Slot, u64)>>,
}

impl Replay for Recorder {
    fn base_entry(&self, _: Slot, _: &[u8]) -> Result<(), String> {
        Err("there is no base".into())
    }

    fn effect(&self, slot: Slot, effect: &[u8]) -> Result<(), String> {
        let number = effect.try_into().map_err(|_| "not a number")?;
        self.seen.lock().push((slot, u64::from_le_bytes(number)));
        Ok(())
    }
}

#[test]
fn effects_of_a_range_are_in_the_order_in_which_its_lock_was_held() {
    let folder = Folder::new();
    let (store, _) = Store::open(&quiet(&folder), &Recorder::default()).unwrap();
    store.start().unwrap();
    let order = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for thread in 0..8u64 {
            let (store, order) = (&store, &order);
            scope.spawn(move || {
                for number in 0..20_000u64 {
                    let (slot, number) = (slot((thread * 100 + number % 100) as u16), thread << 32 | number);
                    let mut order = order.lock();
                    store.append(slot, |bytes| bytes.extend_from_slice(&number.to_le_bytes())).unwrap();
                    order.push((slot, number));
                }
            });
        }
    });
    store.close().unwrap();
    drop(store);
    let recorder = Recorder::default();
    let _store = Store::open(&quiet(&folder), &recorder).unwrap();
    assert!(*recorder.seen.lock() == *order.lock(), "another order");
}

#[test]
fn without_a_common_lock_each_thread_still_finds_its_own_order() {
    let folder = Folder::new();
    let (store, _) = Store::open(&quiet(&folder), &Recorder::default()).unwrap();
    store.start().unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8u64 {
            let store = &store;
            scope.spawn(move || {
                let mut last = Default::default();
                for number in 0..20_000u64 {
                    let slot = slot((thread * 64 + number % 64) as u16);
                    let number = thread << 32 | number;
                    let appended =
                        store.append(slot, |bytes| bytes.extend_from_slice(&number.to_le_bytes())).unwrap();
                    assert!(appended.generation >= last, "generations come in order");
                    last = appended.generation;
                }
            });
        }
    });
    store.close().unwrap();
    drop(store);
    let recorder = Recorder::default();
    let _store = Store::open(&quiet(&folder), &recorder).unwrap();
    let seen = recorder.seen.lock();
    for thread in 0..8u64 {
        let own = seen.iter().map(|(_, number)| number).filter(|number| **number >> 32 == thread);
        assert!(own.copied().eq((0..20_000).map(|number| thread << 32 | number)), "thread {thread}");
    }
}

/// Replays an effect only when another range is being replayed too.
#[derive(Default)]
struct Together {
    ranges: Mutex<BTreeSet<usize>>,
    arrived: Condvar,
}

impl Replay for Together {
    fn base_entry(&self, _: Slot, _: &[u8]) -> Result<(), String> {
        Err("there is no base".into())
    }

    fn effect(&self, slot: Slot, _: &[u8]) -> Result<(), String> {
        let mut ranges = self.ranges.lock();
        ranges.insert(slot.range());
        self.arrived.notify_all();
        let deadline = Duration::from_secs(20);
        let waited = self.arrived.wait_while_for(&mut ranges, |ranges| ranges.len() < 2, deadline);
        if waited.timed_out() { Err("no other range was replayed meanwhile".into()) } else { Ok(()) }
    }
}

#[test]
fn ranges_are_recovered_at_the_same_time() {
    if std::thread::available_parallelism().map_or(1, usize::from) == 1 {
        return;
    }
    let folder = Folder::new();
    let (store, _) = Store::open(&quiet(&folder), &Recorder::default()).unwrap();
    for range in [3, 7] {
        store.append(slot(range * 1_024), |bytes| bytes.push(1)).unwrap();
    }
    store.close().unwrap();
    drop(store);
    Store::open(&quiet(&folder), &Together::default()).unwrap();
}
