//! Crashes and damage at any place: the exact prefix is recovered, or the damage is refused by file and offset; never a wrong value.

use std::fs;
use std::path::{Path, PathBuf};

use persistence::{Error, RecoveryReport};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::folder::Folder;
use crate::model::{State, open, quiet};
use crate::script::{History, World, of_range, script};

/// What happens to one file.
#[derive(Debug, Clone)]
enum Damage {
    Flip { byte: Index, bit: u8 },
    Cut { length: Index },
    Zeros { from: Index },
    Garbage { from: Index, bytes: Vec<u8> },
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        4 => (any::<Index>(), 0..8u8).prop_map(|(byte, bit)| Damage::Flip { byte, bit }),
        3 => any::<Index>().prop_map(|length| Damage::Cut { length }),
        1 => any::<Index>().prop_map(|from| Damage::Zeros { from }),
        1 => (any::<Index>(), prop::collection::vec(any::<u8>(), 1..100))
            .prop_map(|(from, bytes)| Damage::Garbage { from, bytes }),
    ]
}

impl Damage {
    /// Changes the bytes; `false`: they are as before.
    fn apply(&self, bytes: &mut Vec<u8>) -> bool {
        let before = bytes.clone();
        match self {
            _ if bytes.is_empty() => return false,
            Damage::Flip { byte, bit } => bytes[byte.index(before.len())] ^= 1 << bit,
            Damage::Cut { length } => bytes.truncate(length.index(before.len())),
            Damage::Zeros { from } => bytes[from.index(before.len())..].fill(0),
            Damage::Garbage { from, bytes: garbage } => {
                let from = from.index(before.len() + 1);
                bytes.truncate(from);
                bytes.extend_from_slice(garbage);
            }
        }
        *bytes != before
    }
}

/// The logs, bases and manifests of the two ranges that scripts use, what names the store, and the journal.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut files = vec![dir.join("format")];
    for range in ["range-00", "range-05"] {
        files.extend(fs::read_dir(dir.join(range)).unwrap().map(|entry| entry.unwrap().path()));
    }
    files.push(dir.join("journal"));
    files.retain(|path| path.exists());
    files.retain(|path| fs::metadata(path).unwrap().len() > 0);
    files.sort();
    files
}

/// How many of each range's effects were recovered: exactly the first ones, or the test fails.
fn prefixes(histories: &[History], state: &State) -> Vec<usize> {
    let prefix = |(range, history): (usize, &History)| {
        let state = of_range(state, range);
        history.prefix(&state).unwrap_or_else(|| panic!("range {range} holds what it never held: {state:?}"))
    };
    histories.iter().enumerate().map(prefix).collect()
}

fn reopen(folder: &Folder) -> Result<(State, RecoveryReport), Error> {
    let (_store, keyspace, report) = open(&quiet(folder))?;
    Ok((keyspace.state(), report))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_crash_of_the_process_loses_nothing_that_was_written(script in script(60)) {
        let (folder, histories) = World::run(&script).crash();
        let (state, report) = reopen(&folder).unwrap();
        let written: Vec<_> = histories.iter().map(|history| history.written).collect();
        prop_assert_eq!(prefixes(&histories, &state), written);
        prop_assert_eq!(report.torn().count(), 0);
    }

    #[test]
    fn a_loss_of_power_loses_nothing_that_was_durable(
        script in script(60), lost in any::<Index>(), zeros: bool,
    ) {
        let (folder, histories) = World::run(&script).crash();
        for history in &histories {
            // An increment begun later is lost whole: nothing of it was durable.
            let Some((path, durable)) = &history.durable_file else { continue };
            if !path.exists() {
                continue;
            }
            let mut bytes = fs::read(path).unwrap();
            let keep = *durable as usize + lost.index(bytes.len() - *durable as usize + 1);
            if zeros {
                // A sector is lost from where its last write began.
                bytes[(keep / 512 * 512).max(*durable as usize)..].fill(0);
            } else {
                bytes.truncate(keep);
            }
            let later_holds = fs::read_dir(path.parent().unwrap()).unwrap().any(|entry| {
                let path_of = entry.unwrap().path();
                let number = |path: &Path| path.file_name()?.to_str()?.strip_prefix("log.")?.parse::<u64>().ok();
                number(&path_of) > number(path) && fs::metadata(&path_of).unwrap().len() > 0
            });
            // The writer has switched since: then it has made this one durable itself.
            if !later_holds {
                fs::write(path, bytes).unwrap();
            }
        }
        let (state, _) = reopen(&folder).unwrap();
        for (prefix, history) in prefixes(&histories, &state).into_iter().zip(&histories) {
            prop_assert!((history.durable..=history.written).contains(&prefix));
        }
        let (again, report) = reopen(&folder).unwrap();
        prop_assert_eq!(again, state, "recovery is done once");
        prop_assert_eq!(report.torn().count(), 0);
    }

    #[test]
    fn damage_anywhere_is_refused_by_name_or_costs_the_tail_only(
        script in script(40), damages in prop::collection::vec((any::<Index>(), damage()), 20),
    ) {
        let (folder, histories) = World::run(&script).crash();
        for (file, damage) in damages {
            let copy = folder.copy();
            let files = files(copy.path());
            let path = file.get(&files);
            let mut bytes = fs::read(path).unwrap();
            let length = bytes.len();
            if !damage.apply(&mut bytes) {
                continue;
            }
            fs::write(path, &bytes).unwrap();
            match reopen(&copy) {
                Err(Error::Damaged { file, offset, .. }) => {
                    // A log that was cut between two records is told from what comes after or from the manifest; everything else by itself.
                    let folder_of = |path: &Path| path.parent().unwrap().to_path_buf();
                    prop_assert_eq!(folder_of(&file), folder_of(path));
                    prop_assert!(file == *path || !matches!(damage, Damage::Flip { .. }), "{} instead of {}", file.display(), path.display());
                    // The journal may have made it as long again as it was.
                    prop_assert!(file != *path || offset <= bytes.len().max(length) as u64);
                }
                Err(Error::Version { file, .. }) => prop_assert_eq!(&file, path),
                Err(other) => panic!("{other}"),
                Ok((state, report)) => {
                    let prefixes = prefixes(&histories, &state);
                    let lost: Vec<_> = (0..histories.len()).filter(|range| prefixes[*range] < histories[*range].written).collect();
                    let torn: Vec<_> = report.torn().collect();
                    prop_assert!(torn.iter().all(|torn| torn.file == *path));
                    // A cut between two records of the last log is a shorter log: nothing shows that there was more. So is what
                    // the journal mends and goes no further than that.
                    let cut = matches!(damage, Damage::Cut { .. } | Damage::Garbage { .. });
                    prop_assert!(lost.is_empty() || cut || (lost.len() == 1 && torn.len() == 1), "{lost:?} {torn:?}");
                }
            }
        }
    }
}
