//! A store whose log is copied to another one: followed, read back from files, or received with the entries of a range.

use persistence::{Error, Follower, Replay, Store};
use proptest::prelude::*;
use shared::limits::{FOLLOWED_BYTES_MAX, RANGES};
use shared::slot::Slot;

use crate::folder::Folder;
use crate::model::{Keyspace, block_on, open, quiet, slot};

struct Side {
    folder: Folder,
    store: Store,
    keyspace: Keyspace,
}

impl Side {
    fn new() -> Side {
        let folder = Folder::fast();
        let (store, keyspace, _) = open(&quiet(&folder)).unwrap();
        store.start().unwrap();
        Side { folder, store, keyspace }
    }

    fn written(&self) {
        block_on(self.store.wait_written(self.store.generation())).unwrap();
    }

    fn take(&self, range: usize, records: &[u8]) -> Result<(), Error> {
        let effect = |slot: Slot, _: u64, bytes: &[u8]| self.keyspace.effect(slot, bytes);
        let unapplied = self.store.append_records(range, records)?;
        self.store.apply(unapplied, effect).map(drop)
    }

    /// Takes over everything that a follower is told of now.
    fn catch_up(&self, from: &Side, follower: &mut Follower) {
        from.written();
        for run in follower.take().unwrap().runs {
            self.take(run.range, &run.bytes).unwrap();
        }
    }

    /// Takes over what lies in the files of the other side, if they reach back so far.
    fn read_from(&self, from: &Side) -> bool {
        let (mine, theirs) = (self.store.ends(), from.store.written_ends());
        (0..RANGES).all(|range| {
            if mine[range] == theirs[range] {
                return true;
            }
            let Some(mut piece) = from.store.read_log(range, mine[range], theirs[range]).unwrap() else {
                return false;
            };
            let mut records = Vec::new();
            while piece.read(&mut records, 100).unwrap() {
                self.take(range, &records).unwrap();
                records.clear();
            }
            true
        })
    }
}

#[derive(Debug, Clone)]
enum Step {
    /// So many effects, a write of the log after every third.
    Append(u16, u8),
    Follow,
    /// The copy was away: what it missed is read from files.
    Away(u16, u8),
    /// The copy is killed and opened again.
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    let slot = prop::sample::select(vec![0u16, 500, 1_023, 5_120]);
    prop_oneof![
        4 => (slot.clone(), 1..20u8).prop_map(|(slot, times)| Step::Append(slot, times)),
        3 => Just(Step::Follow),
        2 => (slot, 1..20u8).prop_map(|(slot, times)| Step::Away(slot, times)),
        1 => Just(Step::Crash),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn a_copy_is_the_same_log_at_the_same_offsets(steps in prop::collection::vec(step(), 1..30)) {
        let (from, mut to) = (Side::new(), Side::new());
        let (mut follower, mut number) = (from.store.follow(), 0);
        let mut append = |at: u16, times: u8| {
            for count in 0..times {
                number += 1;
                from.keyspace.add(&from.store, slot(at), number).unwrap();
                if count % 3 == 0 {
                    from.written();
                }
            }
        };
        for step in steps {
            match step {
                Step::Append(slot, times) => append(slot, times),
                Step::Follow => to.catch_up(&from, &mut follower),
                Step::Away(slot, times) => {
                    to.catch_up(&from, &mut follower);
                    drop(std::mem::replace(&mut follower, from.store.follow()));
                    append(slot, times);
                    from.written();
                    follower = from.store.follow();
                    prop_assert!(to.read_from(&from));
                }
                Step::Crash => {
                    block_on(to.store.wait_written(to.store.generation())).unwrap();
                    let folder = to.folder.copy();
                    let (store, keyspace, _) = open(&quiet(&folder)).unwrap();
                    store.start().unwrap();
                    prop_assert_eq!(store.ends(), to.store.ends());
                    to = Side { folder, store, keyspace };
                }
            }
        }
        to.catch_up(&from, &mut follower);
        prop_assert_eq!(to.keyspace.state(), from.keyspace.state());
        prop_assert_eq!(to.store.ends(), from.store.ends());
        // What the copy appends by itself later begins a record of its own, and it reads back as well.
        to.keyspace.add(&to.store, slot(0), 0).unwrap();
        to.written();
        let third = Side::new();
        prop_assert!(third.read_from(&to));
        prop_assert_eq!(third.keyspace.state(), to.keyspace.state());
    }
}

#[test]
fn a_range_in_receipt_counts_as_empty_until_it_is_whole_whenever_a_crash_comes() {
    let (from, to) = (Side::new(), Side::new());
    for number in 0..2_000 {
        from.keyspace.add(&from.store, slot(number % 1_024), u64::from(number)).unwrap();
        to.keyspace.add(&to.store, slot(number % 7), u64::from(number)).unwrap();
    }
    to.keyspace.add(&to.store, slot(2_000), 7).unwrap();
    from.written();
    block_on(to.store.wait_durable(to.store.generation())).unwrap();
    let mut follower = from.store.follow();
    let start = follower.starts()[0];
    let mut receive = to.store.receive(0, start).unwrap();
    assert!(matches!(to.store.begin_rewrite(0), Err(Error::RewriteRunning { range: 0 })));
    let mut crashes = Vec::new();
    for (number, at) in Slot::of_range(0).enumerate() {
        // As the other side dumps it: list and cut under one lock; writes of others go on.
        let cut = from.store.cut(at);
        let list = from.keyspace.state().remove(&at).unwrap_or_default();
        let mut entries = receive.begin_slot(at, cut);
        entries.push(|bytes| list.iter().for_each(|number| bytes.extend_from_slice(&number.to_le_bytes())));
        receive.end_slot(at).unwrap();
        from.keyspace.add(&from.store, slot((number as u16 * 7) % 1_024), 100_000 + number as u64).unwrap();
        if number % 200 == 0 {
            to_log_only(&from, &to, &mut follower);
            crashes.push(to.folder.copy());
        }
    }
    assert!(!receive.is_reached(), "the log is behind the last cut");
    to_log_only(&from, &to, &mut follower);
    assert!(receive.is_reached());
    crashes.push(to.folder.copy());
    receive.finish().unwrap();
    for crash in crashes {
        let (store, keyspace, _) = open(&quiet(&crash)).unwrap();
        assert_eq!((keyspace.state().len(), store.ends()[0]), (1, 0), "only the other range holds something");
        store.start().unwrap();
        store.empty(0).unwrap();
        keyspace.add(&store, slot(3), 1).unwrap();
        store.close().unwrap();
        drop(store);
        let (_store, keyspace, _) = open(&quiet(&crash)).unwrap();
        assert_eq!(keyspace.state().len(), 2, "what is written into the emptied range stays");
    }
    to.store.close().unwrap();
    let whole = to.folder.copy();
    let (store, keyspace, _) = open(&quiet(&whole)).unwrap();
    let mut expected = from.keyspace.state();
    expected.insert(slot(2_000), vec![7]);
    assert_eq!(keyspace.state(), expected);
    assert_eq!(store.ends()[0], from.store.ends()[0]);
}

/// The records of range 0 that the other side has written go to the log.
fn to_log_only(from: &Side, to: &Side, follower: &mut Follower) {
    from.written();
    for run in follower.take().unwrap().runs {
        let _log_only = to.store.append_records(run.range, &run.bytes).unwrap();
    }
    to.written();
}

#[test]
fn a_receipt_that_is_given_up_leaves_the_range_empty_and_in_receipt_and_may_be_begun_again() {
    let to = Side::new();
    to.keyspace.add(&to.store, slot(1), 1).unwrap();
    to.written();
    for start in [500, 0, 70] {
        drop(to.store.receive(0, start).unwrap());
        assert_eq!(to.store.ends()[0], start);
        assert!(to.store.is_receiving(0) && !to.store.is_receiving(1));
        let rewriting = to.store.begin_rewrite(0).map(drop);
        assert!(
            matches!(rewriting, Err(Error::RewriteRunning { range: 0 })),
            "a part would count as the whole"
        );
    }
    let (store, keyspace, _) = open(&quiet(&to.folder.copy())).unwrap();
    assert_eq!((keyspace.state().len(), store.ends()[0]), (0, 0));
    assert!(store.is_receiving(0) && !store.is_receiving(1), "it is not taken for one that is empty");
    // Or it is left empty for good, and what is written then stays.
    to.store.empty(0).unwrap();
    assert!(!to.store.is_receiving(0));
    let number = to.store.append(slot(1), |bytes| bytes.extend_from_slice(&7u64.to_le_bytes())).unwrap();
    block_on(to.store.wait_written(number.generation)).unwrap();
    let (_store, keyspace, _) = open(&quiet(&to.folder.copy())).unwrap();
    assert_eq!(keyspace.state().into_iter().collect::<Vec<_>>(), [(slot(1), vec![7])]);
}

#[test]
fn records_that_do_not_fit_are_refused_and_change_nothing() {
    let (from, to) = (Side::new(), Side::new());
    let mut follower = from.store.follow();
    for number in 0..3 {
        from.keyspace.add(&from.store, slot(5), number).unwrap();
        from.written();
    }
    let runs = follower.take().unwrap().runs;
    let refused = |range: usize, records: &[u8]| {
        let result = to.take(range, records);
        assert!(matches!(result, Err(Error::Unfit { .. })), "{result:?}");
        assert_eq!(to.store.ends(), [0; RANGES]);
    };
    refused(0, &runs[1].bytes);
    refused(1, &runs[0].bytes);
    for end in 1..runs[0].bytes.len() {
        refused(0, &runs[0].bytes[..end]);
    }
    for bit in 0..runs[0].bytes.len() * 8 {
        let mut flipped = runs[0].bytes.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        refused(0, &flipped);
    }
    to.take(0, &runs[0].bytes).unwrap();
}

#[test]
fn a_follower_that_takes_nothing_is_cut_off_and_costs_nothing_more() {
    let from = Side::new();
    let (mut slow, mut quick) = (from.store.follow(), from.store.follow());
    let long = vec![7; 1024 * 1024];
    for _ in 0..=FOLLOWED_BYTES_MAX / long.len() {
        from.store.append(slot(0), |bytes| bytes.extend_from_slice(&long)).unwrap();
        from.written();
        assert_eq!(quick.take().unwrap().runs.len(), 1);
    }
    assert!(matches!(slow.take(), Err(Error::Behind)));
    assert!(quick.take().unwrap().runs.is_empty());
}
