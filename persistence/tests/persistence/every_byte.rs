//! One store with a base, several increments and a growing log: every byte of every file is flipped, and every file is cut at every
//! byte.

use std::fs;
use std::path::{Path, PathBuf};

use persistence::{Error, Store};

use crate::folder::Folder;
use crate::model::{Keyspace, State, open, quiet, slot};

/// What became of all the damage.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    refused: usize,
    /// Recovered without the end of the log.
    shorter: usize,
    /// Recovered whole.
    whole: usize,
}

/// Range 0: a base, the log behind it, and an empty increment of a rewriting that never came further. Everything else is empty.
fn make() -> (Folder, Vec<State>) {
    let folder = Folder::fast();
    let (store, keyspace, _) = open(&quiet(&folder)).unwrap();
    store.start().unwrap();
    // The states that the log may be cut back to: each written group is one record.
    let mut states = vec![State::new()];
    let mut write = |store: &Store, keyspace: &Keyspace, numbers: std::ops::Range<u64>| {
        for group in numbers.collect::<Vec<_>>().chunks(3) {
            let adds =
                group.iter().map(|number| keyspace.add(store, slot((number % 4) as u16), *number).unwrap());
            let last = adds.last().unwrap().generation;
            store.wait_durable_blocking(last).unwrap();
            states.push(keyspace.state());
        }
    };
    write(&store, &keyspace, 0..30);
    store.rewrite(0, |slot, dump| keyspace.dump(slot, dump)).unwrap();
    write(&store, &keyspace, 30..60);
    // Begun, switched, and given up: from here on there are two increments.
    let mut abandoned = store.begin_rewrite(0).unwrap();
    write(&store, &keyspace, 60..75);
    let _ = abandoned.step(&mut |slot, dump| keyspace.dump(slot, dump)).unwrap();
    drop(abandoned);
    // As a crash leaves it: nothing has noted yet how far the log reaches. The logs hold everything, and no journal mends them.
    let crashed = folder.copy();
    fs::remove_file(crashed.path().join("journal")).unwrap();
    (crashed, states)
}

fn files(folder: &Folder) -> Vec<PathBuf> {
    let range = folder.path().join("range-00");
    let mut files: Vec<_> = fs::read_dir(range).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.push(folder.path().join("format"));
    files.sort();
    files
}

/// Tries the store with other bytes in one of its files, all of which are given.
fn try_damaged(
    folder: &Folder,
    states: &[State],
    files: &[(PathBuf, Vec<u8>)],
    (path, bytes): (&Path, &[u8]),
    tally: &mut Tally,
) {
    // The last opening may have cut a log, or noted in the manifest where it ends.
    files.iter().for_each(|(path, whole)| fs::write(path, whole).unwrap());
    fs::write(path, bytes).unwrap();
    match open(&quiet(folder)) {
        Err(Error::Damaged { file, offset, .. }) => {
            assert!(file == path || bytes.len() < 40 || path.to_str().unwrap().contains("log"), "{file:?}");
            assert!(offset <= fs::metadata(&file).unwrap().len());
            tally.refused += 1;
        }
        Err(Error::Version { file, .. }) => {
            assert_eq!(file, path);
            tally.refused += 1;
        }
        Err(other) => panic!("{other}"),
        Ok((_store, keyspace, report)) => {
            let state = keyspace.state();
            let found = states.iter().position(|known| *known == state);
            let found =
                found.unwrap_or_else(|| panic!("{} holds what was never there: {state:?}", path.display()));
            if found + 1 == states.len() {
                tally.whole += 1;
            } else {
                assert!(report.torn().all(|torn| torn.file == path));
                tally.shorter += 1;
            }
        }
    }
}

#[test]
fn every_byte_flipped_and_every_cut_is_refused_or_costs_the_end_of_the_log_only() {
    let (folder, states) = make();
    let files = files(&folder);
    let names: Vec<_> = files.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(names, ["format", "base.2", "log.2", "log.3", "manifest"]);
    let files: Vec<_> = files.iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect();
    for (path, whole) in &files {
        let (mut flips, mut cuts) = (Tally::default(), Tally::default());
        // The table of cuts is most of a base, and one byte of it is like another.
        let step = if path.ends_with("base.2") { 7 } else { 1 };
        for at in (0..whole.len()).step_by(step) {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (at % 8);
            try_damaged(&folder, &states, &files, (path, &bytes), &mut flips);
            try_damaged(&folder, &states, &files, (path, &whole[..at]), &mut cuts);
        }
        let tried = whole.len().div_ceil(step);
        let all_refused = Tally { refused: tried, ..Tally::default() };
        match path.file_name().unwrap().to_str().unwrap() {
            // The growing log: cut anywhere it is a shorter one, but no crash flips a bit.
            "log.3" => {
                assert_eq!(cuts, Tally { shorter: tried, ..Tally::default() });
                assert_eq!(flips, all_refused);
            }
            _ => assert_eq!((&flips, &cuts), (&all_refused, &all_refused), "{}", path.display()),
        }
    }
}

#[test]
fn a_tail_is_not_torn_if_a_later_increment_holds_anything() {
    let (folder, _) = make();
    let [before, growing] = ["log.2", "log.3"].map(|name| folder.path().join("range-00").join(name));
    let whole = fs::read(&before).unwrap();
    fs::write(&before, &whole[..whole.len() - 1]).unwrap();
    // Nothing readable, but a byte: the one before was durable when it was written.
    fs::write(&growing, b"R").unwrap();
    let Err(Error::Damaged { file, offset, what }) = open(&quiet(&folder)).map(drop) else { panic!("taken") };
    assert_eq!((file, what.ends_with("a later increment holds something")), (before, true));
    assert!(offset > 32 && offset < whole.len() as u64);
}
