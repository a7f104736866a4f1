//! Appending, waiting, closing, recovering.

use persistence::{Error, Fsync, Generation};

use crate::folder::Folder;
use crate::model::{State, open, quiet, slot};

#[test]
fn what_was_appended_is_recovered_after_a_close_and_after_a_crash() {
    let folder = Folder::new();
    let (store, keyspace, report) = open(&quiet(&folder)).unwrap();
    assert_eq!(report.torn().count(), 0);
    store.start().unwrap();
    let mut last = Generation::NONE;
    for number in 0..10_000u64 {
        last = last
            .max(keyspace.add(&store, slot((number * 7_919 % 16_384) as u16), number).unwrap().generation);
    }
    store.wait_durable_blocking(last).unwrap();
    let crashed = folder.copy();
    store.close().unwrap();
    assert!(matches!(store.append(slot(1), |_| {}), Err(Error::Poisoned { .. })));
    drop(store);
    for folder in [folder, crashed] {
        let (_store, recovered, report) = open(&quiet(&folder)).unwrap();
        assert_eq!(recovered.state(), keyspace.state());
        assert_eq!(report.ranges.iter().map(|range| range.effects).sum::<u64>(), 10_000);
    }
}

#[test]
fn a_store_is_written_on_after_recovery() {
    let folder = Folder::new();
    let mut expected = State::new();
    for round in 0..5u64 {
        let (store, keyspace, _) = open(&quiet(&folder)).unwrap();
        assert_eq!(keyspace.state(), expected);
        store.start().unwrap();
        keyspace.add(&store, slot(round as u16), round).unwrap();
        keyspace.add(&store, slot(9_000), round).unwrap();
        expected = keyspace.state();
    }
}

#[test]
fn dropping_the_last_handle_writes_what_is_pending() {
    for fsync in [Fsync::Always, Fsync::EverySecond, Fsync::No] {
        let folder = Folder::new();
        let mut config = quiet(&folder);
        config.fsync = fsync;
        let (store, keyspace, _) = open(&config).unwrap();
        store.start().unwrap();
        keyspace.add(&store, slot(5), 1).unwrap();
        drop(store);
        assert_eq!(open(&config).unwrap().1.state(), keyspace.state());
    }
}
