//! A disk that is full or broken: nothing is acknowledged, nothing is tried again, what was saved stays.

use std::path::Path;

use persistence::{Error, Store};

use crate::child::{APPEND_DURABLY, Child, FILL_THE_DISK, OPEN_ON_FULL_DISK, REWRITE_ON_FULL_DISK};
use crate::folder::Folder;
use crate::model::{Keyspace, block_on, open, quiet, slot};

/// A store whose range 0 writes to a device.
fn store_on(device: &str, folder: &Folder) -> (Store, Keyspace) {
    let (store, ..) = open(&quiet(folder)).unwrap();
    store.close().unwrap();
    drop(store);
    let log = folder.path().join("range-00/log.1");
    std::fs::remove_file(&log).unwrap();
    std::os::unix::fs::symlink(Path::new(device), &log).unwrap();
    let (store, keyspace, _) = open(&quiet(folder)).unwrap();
    (store, keyspace)
}

#[test]
fn a_full_disk_poisons_the_store_for_everybody() {
    let folder = Folder::new();
    let (store, keyspace) = store_on("/dev/full", &folder);
    store.start().unwrap();
    let good = keyspace.add(&store, slot(5_000), 1).unwrap().generation;
    store.wait_durable_blocking(good).unwrap();
    let bad = keyspace.add(&store, slot(0), 2).unwrap().generation;
    let error = block_on(store.wait_written(bad)).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, Error::Poisoned { .. }));
    assert!(text.contains("log.1: cannot write: No space left on device"), "{text}");
    for error in [
        block_on(store.wait_durable(bad)).unwrap_err(),
        store.wait_durable_blocking(bad).unwrap_err(),
        store.append(slot(5_000), |bytes| bytes.push(1)).map(drop).unwrap_err(),
        store.begin_rewrite(3).map(drop).unwrap_err(),
        store.check().unwrap_err(),
        store.close().unwrap_err(),
    ] {
        assert_eq!(error.to_string(), text);
    }
    assert!(store.status().poisoned.is_some());
    // What was acknowledged before stays acknowledged.
    block_on(store.wait_durable(good)).unwrap();
}

#[test]
fn a_failed_fsync_is_not_tried_again() {
    let folder = Folder::new();
    let (store, keyspace) = store_on("/dev/null", &folder);
    let (mut writer, mut syncer) = store.drivers().unwrap();
    let bad = keyspace.add(&store, slot(0), 1).unwrap().generation;
    writer.step().unwrap();
    block_on(store.wait_written(bad)).unwrap();
    store.set_fsync(persistence::Fsync::EverySecond);
    let error = syncer.step(shared::rt::time::Instant::now()).unwrap_err();
    assert!(error.to_string().contains("log.1: cannot fsync"), "{error}");
    let again = syncer.step(shared::rt::time::Instant::now()).unwrap_err();
    assert!(matches!(again, Error::Poisoned { .. }));
    assert!(matches!(writer.step().unwrap_err(), Error::Poisoned { .. }));
    assert!(store.durable() < bad);
    assert!(matches!(block_on(store.wait_durable(bad)), Err(Error::Poisoned { .. })));
}

#[test]
fn an_increment_is_durable_before_the_next_one_gets_a_byte() {
    let folder = Folder::new();
    let (store, keyspace) = store_on("/dev/null", &folder);
    let (mut writer, _syncer) = store.drivers().unwrap();
    keyspace.add(&store, slot(0), 1).unwrap();
    writer.step().unwrap();
    let _rewrite = store.begin_rewrite(0).unwrap();
    keyspace.add(&store, slot(0), 2).unwrap();
    let error = writer.step().unwrap_err();
    assert!(error.to_string().contains("log.1: cannot fsync"), "{error}");
    assert_eq!(std::fs::metadata(folder.path().join("range-00/log.2")).unwrap().len(), 0);
}

#[test]
fn a_short_write_is_cut_off_at_the_next_start_and_everything_acknowledged_is_there() {
    let folder = Folder::new();
    let mut child = Child::start(FILL_THE_DISK, &folder);
    let (lines, refusal) = until_refused(&mut child);
    let acknowledged = lines.last().unwrap().parse::<u64>().unwrap();
    assert!(acknowledged > 100, "{acknowledged}");
    assert!(refusal.contains("log.1: cannot write: File too large"), "{refusal}");
    drop(child);
    let log = std::fs::metadata(folder.path().join("range-00/log.1")).unwrap();
    assert_eq!(log.len(), 64 * 1024, "the disk took a part of the last write");
    let (_store, recovered, report) = open(&quiet(&folder)).unwrap();
    let expected: Vec<u64> = (1..=acknowledged).collect();
    assert_eq!(recovered.state().into_values().collect::<Vec<_>>(), [expected]);
    assert_eq!(report.torn().count(), 1);
}

/// The lines before one that begins with `refused`, and that one.
fn until_refused(child: &mut Child) -> (Vec<String>, String) {
    let mut lines = Vec::new();
    loop {
        let line = child.line();
        if line.is_empty() || line.starts_with("refused") {
            return (lines, line);
        }
        lines.push(line);
    }
}

#[test]
fn a_rewriting_that_finds_the_disk_full_leaves_the_store_as_it_was() {
    let folder = Folder::new();
    let mut child = Child::start(REWRITE_ON_FULL_DISK, &folder);
    let error = child.line();
    assert!(error.contains("base.2: cannot write: File too large"), "{error}");
    assert_eq!(child.line(), "durable");
    drop(child);
    assert!(!folder.path().join("range-00/base.2").exists());
    let (_store, recovered, _) = open(&quiet(&folder)).unwrap();
    assert_eq!(recovered.state()[&slot(0)], [1, 2]);
}

#[test]
fn a_full_disk_keeps_no_store_from_being_read() {
    let folder = Folder::new();
    let (store, keyspace, _) = open(&quiet(&folder)).unwrap();
    let (mut writer, syncer) = store.drivers().unwrap();
    for number in 0..3 {
        keyspace.add(&store, slot(0), number).unwrap();
        writer.step().unwrap();
    }
    drop((store, writer, syncer));
    // A torn tail is to be cut and the log's end to be noted; only the first needs no room.
    let log = folder.path().join("range-00/log.1");
    let whole = std::fs::read(&log).unwrap();
    std::fs::write(&log, [&whole[..], b"torn"].concat()).unwrap();
    assert_eq!(Child::start(OPEN_ON_FULL_DISK, &folder).line(), "3");
    assert_eq!(std::fs::read(&log).unwrap(), whole);
    assert_eq!(open(&quiet(&folder)).unwrap().1.state(), keyspace.state());
}

#[test]
fn what_a_killed_process_called_durable_is_there_and_nothing_else_is_in_between() {
    let folder = Folder::new();
    for _ in 0..10 {
        let mut child = Child::start(APPEND_DURABLY, &folder);
        let mut last = 0;
        for _ in 0..20 {
            last = child.line().parse::<u64>().unwrap();
        }
        child.kill();
        let (store, recovered, _) = open(&quiet(&folder)).unwrap();
        let state = recovered.state();
        assert_eq!(state.len(), 40);
        for (slot, list) in &state {
            let run = list.iter().rposition(|number| *number == 1).unwrap();
            let expected: Vec<u64> = (1..).take(list.len() - run).collect();
            assert_eq!(&list[run..], expected, "slot {slot}");
            assert!(*list.last().unwrap() >= last, "slot {slot}: {last} was durable");
        }
        assert_eq!(last, 20);
        drop(store);
    }
}
