//! The bytes are those of FORMAT.md, and a store written by version 1 is read for ever.

use std::fs;
use std::path::Path;

use persistence::Error;

use crate::folder::{Folder, copy_all};
use crate::model::{State, open, quiet, slot};

fn crc(bytes: &[u8]) -> [u8; 4] {
    crc32fast::hash(bytes).to_le_bytes()
}

/// A header as FORMAT.md lays it out.
pub(crate) fn header(magic: &[u8; 8], range: u16, number: u64, start: u64) -> Vec<u8> {
    let before = [&magic[..], &1u16.to_le_bytes(), &range.to_le_bytes()].concat();
    let after = [number.to_le_bytes(), start.to_le_bytes()].concat();
    let crc = crc(&[&before[..], &after].concat());
    [&before[..], &crc, &after].concat()
}

pub(crate) fn record(offset: u64, items: &[(u16, &[u8])]) -> Vec<u8> {
    let item = |(slot, bytes): &(u16, &[u8])| {
        [&slot.to_le_bytes()[..], &(bytes.len() as u32).to_le_bytes(), bytes].concat()
    };
    let payload: Vec<u8> = items.iter().flat_map(item).collect();
    let rest = [&(payload.len() as u32).to_le_bytes()[..], &offset.to_le_bytes(), &payload].concat();
    [&crc(&rest)[..], &rest].concat()
}

pub(crate) fn number(number: u64) -> [u8; 8] {
    number.to_le_bytes()
}

fn copy(dir: &Path, from: &str, to: &str) {
    fs::copy(dir.join(from), dir.join(to)).unwrap();
}

#[test]
fn the_bytes_are_those_of_the_format() {
    let folder = Folder::new();
    let (store, keyspace, _) = open(&quiet(&folder)).unwrap();
    let (mut writer, mut syncer) = store.drivers().unwrap();
    let add = |slot_number, value| keyspace.add(&store, slot(slot_number), value).unwrap();
    add(3_072, 7);
    add(4_095, 8);
    writer.step().unwrap();
    add(3_072, 9);
    writer.step().unwrap();
    let first = record(0, &[(3_072, &number(7)), (4_095, &number(8))]);
    let second = record(first.len() as u64, &[(3_072, &number(9))]);
    let log = [header(b"RUSTILOG", 3, 1, 0), first, second].concat();
    let range = folder.path().join("range-03");
    assert_eq!(fs::read(range.join("log.1")).unwrap(), log);
    assert_eq!(fs::read(folder.path().join("format")).unwrap(), b"rustidocs store 1\n");

    let mut rewrite = store.begin_rewrite(3).unwrap();
    loop {
        match rewrite.step(&mut |slot, dump| keyspace.dump(slot, dump)).unwrap() {
            persistence::RewriteStep::Working => {}
            persistence::RewriteStep::Waiting => {
                writer.step().unwrap();
                syncer.step(shared::rt::time::Instant::now()).unwrap();
            }
            persistence::RewriteStep::Done(_) => break,
        }
    }
    let end = log.len() as u64 - 32;
    let cuts = end.to_le_bytes().repeat(1_024);
    let list = [number(7), number(9)].concat();
    let entries = record(0, &[(3_072, &list), (4_095, &number(8)), (u16::MAX, &cuts)]);
    let base = [header(b"RUSTIBAS", 3, 2, 0), entries].concat();
    assert_eq!(fs::read(range.join("base.2")).unwrap(), base);
    let manifest =
        format!("rustidocs range manifest 1\nrange 3\nbase 2 {}\nlogs {end} 2\nreaches {end}\n", base.len());
    let manifest = format!("{manifest}crc {:08x}\n", crc32fast::hash(manifest.as_bytes()));
    assert_eq!(fs::read_to_string(range.join("manifest")).unwrap(), manifest);

    keyspace.add(&store, slot(3_073), 1).unwrap();
    writer.step().unwrap();
    let log = [header(b"RUSTILOG", 3, 2, end), record(end, &[(3_073, &number(1))])].concat();
    assert_eq!(fs::read(range.join("log.2")).unwrap(), log);
    assert!(!range.join("log.1").exists());
}

/// `tests/fixtures/v1` was written by the first version of this crate; it never changes.
#[test]
fn a_store_of_version_1_is_read() {
    let folder = Folder::new();
    copy_all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/v1"), folder.path());
    let (_store, keyspace, report) = open(&quiet(&folder)).unwrap();
    let expected: State = [(slot(0), vec![1, 2, 3]), (slot(1), vec![4, 5]), (slot(1_023), vec![6])].into();
    assert_eq!(keyspace.state(), expected);
    let range = &report.ranges[0];
    assert_eq!((range.entries, range.effects, range.covered), (2, 2, 0));
}

#[test]
fn what_is_missing_or_foreign_is_refused_by_name() {
    let folder = Folder::new();
    let (store, keyspace, _) = open(&quiet(&folder)).unwrap();
    keyspace.add(&store, slot(0), 1).unwrap();
    store.close().unwrap();
    drop(store);
    let refused = |change: &dyn Fn(&Path), file: &str, what: &str| {
        let copy = folder.copy();
        change(copy.path());
        let Err(error) = open(&quiet(&copy)).map(drop) else { panic!("{file} was not refused") };
        assert!(matches!(error, Error::Damaged { .. } | Error::Version { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.starts_with(copy.path().join(file).to_str().unwrap()) && text.contains(what), "{text}");
    };
    refused(&|dir| fs::remove_file(dir.join("format")).unwrap(), "format", "range-00/log.1 holds something");
    refused(&|dir| fs::write(dir.join("format"), "rustidocs store 2\n").unwrap(), "format", "version 2");
    refused(&|dir| fs::write(dir.join("format"), "").unwrap(), "format", "not the title");
    refused(&|dir| fs::remove_file(dir.join("range-00/manifest")).unwrap(), "range-00/manifest", "missing");
    refused(&|dir| fs::remove_dir_all(dir.join("range-07")).unwrap(), "range-07/manifest", "missing");
    refused(&|dir| fs::remove_file(dir.join("range-00/log.1")).unwrap(), "range-00/log.1", "missing");
    refused(
        &|dir| copy(dir, "range-01/manifest", "range-00/manifest"),
        "range-00/manifest",
        "that of range 1",
    );
    refused(
        &|dir| copy(dir, "range-00/log.1", "range-01/log.1"),
        "range-01/log.1",
        "the header is that of log 1 of range 0",
    );
    let mut newer = header(b"RUSTILOG", 0, 1, 0);
    newer[8] = 9;
    let crc = crc(&[&newer[..12], &newer[16..]].concat());
    newer[12..16].copy_from_slice(&crc);
    refused(&|dir| fs::write(dir.join("range-00/log.1"), &newer).unwrap(), "range-00/log.1", "version 9");
    let foreign = [header(b"RUSTILOG", 0, 1, 0), record(0, &[(1_024, b"12345678")])].concat();
    refused(&|dir| fs::write(dir.join("range-00/log.1"), &foreign).unwrap(), "range-00/log.1", "slot 1024");
}

#[test]
fn a_damaged_range_leaves_the_torn_tail_of_another_as_it_is() {
    let folder = Folder::new();
    drop(open(&quiet(&folder)).unwrap());
    let torn = [&header(b"RUSTILOG", 0, 1, 0)[..], &record(0, &[(0, &number(1))])[..20]].concat();
    fs::write(folder.path().join("range-00/log.1"), &torn).unwrap();
    fs::write(folder.path().join("range-15/manifest"), "no manifest").unwrap();
    let Err(Error::Damaged { file, .. }) = open(&quiet(&folder)).map(drop) else { panic!("taken") };
    assert_eq!(file, folder.path().join("range-15/manifest"));
    assert_eq!(fs::read(folder.path().join("range-00/log.1")).unwrap(), torn);
}

#[test]
fn an_effect_that_the_caller_refuses_stops_recovery_by_name() {
    let folder = Folder::new();
    let (store, ..) = open(&quiet(&folder)).unwrap();
    store.append(slot(0), |bytes| bytes.extend_from_slice(b"not eight")).unwrap();
    store.close().unwrap();
    drop(store);
    let error = open(&quiet(&folder)).map(drop).unwrap_err().to_string();
    assert!(
        error.ends_with("range-00/log.1: cannot replay what lies at byte 32: not a list of numbers"),
        "{error}"
    );
}

#[test]
fn unfinished_steps_are_cleared_away_and_foreign_files_are_left() {
    let folder = Folder::new();
    drop(open(&quiet(&folder)).unwrap());
    let range = folder.path().join("range-00");
    for name in ["manifest.new", "base.9", "log.0", "notes", "log.07"] {
        fs::write(range.join(name), "something").unwrap();
    }
    fs::write(range.join("log.7"), "").unwrap();
    let (.., report) = open(&quiet(&folder)).unwrap();
    assert_eq!(
        report.ranges[0].removed,
        ["base.9", "log.0", "log.7", "manifest.new"].map(|name| range.join(name))
    );
    let mut left: Vec<_> = fs::read_dir(&range).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["log.07", "log.1", "manifest", "notes"]);
}

#[test]
fn a_making_that_was_cut_short_is_begun_again() {
    let folder = Folder::new();
    drop(open(&quiet(&folder)).unwrap());
    fs::remove_file(folder.path().join("format")).unwrap();
    fs::remove_file(folder.path().join("range-03/manifest")).unwrap();
    fs::remove_dir_all(folder.path().join("range-09")).unwrap();
    fs::write(folder.path().join("range-04/manifest.new"), "half a man").unwrap();
    let (store, keyspace, _) = open(&quiet(&folder)).unwrap();
    keyspace.add(&store, slot(9_999), 1).unwrap();
    store.close().unwrap();
    drop(store);
    assert_eq!(open(&quiet(&folder)).unwrap().1.state(), keyspace.state());
}
