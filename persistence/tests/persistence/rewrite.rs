//! Rewriting a range while others write to it.

use std::sync::atomic::{AtomicBool, Ordering};

use persistence::{Error, Rewriting};
use shared::rt::time::Instant;

use crate::folder::Folder;
use crate::model::{block_on, open, quiet, slot};

#[test]
fn writes_go_on_while_a_range_is_rewritten_and_every_crash_in_between_recovers_whole() {
    let folder = Folder::new();
    let (store, keyspace, _) = open(&quiet(&folder)).unwrap();
    store.start().unwrap();
    // Also the first rewriting has something to free, however late the threads begin.
    let first = keyspace.add(&store, slot(0), 0).unwrap().generation;
    block_on(store.wait_written(first)).unwrap();
    let (stop, mut crashes) = (AtomicBool::new(false), Vec::new());
    std::thread::scope(|scope| {
        for thread in 0..3u64 {
            let (keyspace, store, stop) = (&keyspace, &store, &stop);
            scope.spawn(move || {
                let mut number = 0;
                while !stop.load(Ordering::Relaxed) {
                    keyspace.add(store, slot((number * 7 % 100) as u16), thread << 32 | number).unwrap();
                    number += 1;
                    if number.is_multiple_of(16) {
                        let written = keyspace.add(store, slot(99), thread).unwrap().generation;
                        block_on(store.wait_written(written)).unwrap();
                    }
                }
            });
        }
        for round in 0..10 {
            let mut dumped = 0;
            let report = store
                .rewrite(0, |slot, dump| {
                    keyspace.dump(slot, dump);
                    dumped += 1;
                    if dumped == 40 + round {
                        crashes.push(folder.copy());
                    }
                })
                .unwrap();
            assert_eq!(dumped, 1_024);
            assert!(report.freed_bytes > 0);
            crashes.push(folder.copy());
        }
        stop.store(true, Ordering::Relaxed);
    });
    store.close().unwrap();
    drop(store);
    let (_store, recovered, _) = open(&quiet(&folder)).unwrap();
    assert_eq!(recovered.state(), keyspace.state());
    let all = keyspace.state();
    for crash in crashes {
        // A copy is not one moment of all files; each range's log is, and only range 0 was written.
        let (_store, recovered, _) = open(&quiet(&crash)).unwrap();
        for (slot, list) in recovered.state() {
            assert!(all[&slot].starts_with(&list), "slot {slot} holds what was never there");
        }
    }
}

#[test]
fn a_range_is_rewritten_once_at_a_time_and_an_abandoned_rewriting_changes_nothing() {
    let folder = Folder::new();
    let (store, keyspace, _) = open(&quiet(&folder)).unwrap();
    store.start().unwrap();
    for number in 0..100 {
        keyspace.add(&store, slot(number), u64::from(number)).unwrap();
    }
    for _ in 0..3 {
        let mut rewrite = store.begin_rewrite(0).unwrap();
        assert!(matches!(store.begin_rewrite(0), Err(Error::RewriteRunning { range: 0 })));
        for _ in 0..20 {
            rewrite.step(&mut |slot, dump| keyspace.dump(slot, dump)).unwrap();
        }
        drop(rewrite);
        keyspace.add(&store, slot(3), 1).unwrap();
    }
    assert!(matches!(store.begin_rewrite(16), Err(Error::NoSuchRange { range: 16 })));
    assert!(matches!(store.rewrite(0, |_, _| ()), Err(Error::SlotNotDumped { slot: 0 })));
    store.close().unwrap();
    drop(store);
    let (_store, recovered, _) = open(&quiet(&folder)).unwrap();
    assert_eq!(recovered.state(), keyspace.state());
}

#[test]
fn a_range_is_due_when_its_log_has_outgrown_base_and_least_size() {
    let folder = Folder::new();
    let (store, keyspace, _) = open(&quiet(&folder)).unwrap();
    store.start().unwrap();
    let now = Instant::now();
    assert_eq!(store.rewrite_due(now), None);
    store.set_rewriting(Rewriting { percentage: 100, min_bytes: 16 * 100_000 });
    let mut last = Default::default();
    for number in 0..5_000 {
        last = keyspace.add(&store, slot(2_048 + (number % 2) as u16), number).unwrap().generation;
    }
    store.wait_durable_blocking(last).unwrap();
    assert_eq!(store.rewrite_due(now), None, "70 KB");
    for number in 0..5_000 {
        last = keyspace.add(&store, slot(2_048), number).unwrap().generation;
    }
    store.wait_durable_blocking(last).unwrap();
    assert_eq!(store.rewrite_due(now), Some(2));
    store.rewrite(2, |slot, dump| keyspace.dump(slot, dump)).unwrap();
    assert_eq!(store.rewrite_due(now), None);
    let status = store.status().ranges[2];
    assert!(status.base_bytes > 80_000 && status.log_bytes == 0 && !status.rewriting, "{status:?}");
}
