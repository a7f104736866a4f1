//! Whether a replica holds what its primary holds, asked in the background, and what comes of it if not.
//!
//! The primary walks through its slots, again and again, for each replica. Under the lock of a slot it computes the digest of what
//! the slot holds and reads where the log of its range ends: the cut. The replica compares when it has applied everything before
//! the cut and nothing behind it, which is the same moment of the slot's history: the digest travels before any record that begins
//! at the cut, as all records that were sent until then were written before the lock was taken. So nothing of it is in the log.
//!
//! A slot that holds much is asked about in portions, so that no lock is held for long. As the two nodes hash their keys in ways of
//! their own, a portion names its keys; that the replica has no others is told by how many keys the slot holds.
//!
//! The primary is right: a range that differs is not continued from its log by the replica's next link, which brings what differs of it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use persistence::{Offsets, Store};
use shared::limits::{RANGES, SLOTS};
use shared::rt::rng::random_u64;
use shared::rt::time::{Duration, Instant};
use shared::slot::Slot;

use super::entries;
use super::frame::{Content, Frame};
use crate::keyspace::digest::digest;
use crate::keyspace::entry::Entry;
use crate::keyspace::{Keyspace, Partition};
use crate::node::Shared;

/// Keys beyond which a slot is asked about in portions, and after which a step ends: about 0.2 ms.
pub(super) const KEYS_MAX: usize = 1_024;

/// The same in bytes; a value that is larger is digested under one hold of a lock, as it is dumped under one.
pub(super) const BYTES_MAX: usize = 1024 * 1024;

/// Most digests of a step. The next step waits until the replica is told everything that they are about.
pub(super) const OPEN_MAX: usize = 64;

/// A step may take one part in so many of the time until the next.
const SHARE: u32 = 100;

/// How often it is looked whether the settings ask for digests, if they do not.
const OFF: Duration = Duration::from_secs(1);

/// How long a range that was received because it differed is not received again for that.
const REPAIR_EVERY: Duration = Duration::from_secs(60);

/// What was compared, and what is to be repaired.
#[derive(Debug, Default)]
pub struct Digests {
    /// Digests that were sent to replicas.
    pub sent: AtomicU64,
    /// Digests of the primary that were compared with what is here.
    pub checked: AtomicU64,
    /// Of these, how many differed.
    pub differed: AtomicU64,
    /// Ranges that were received whole because they differed.
    pub repaired: AtomicU64,
    repairs: Mutex<[Repair; RANGES]>,
}

/// How the repair of a range does.
#[derive(Debug, Default, Clone, Copy)]
struct Repair {
    /// It is to be received whole.
    asked: bool,
    /// When that was asked for last.
    at: Option<Instant>,
}

impl Digests {
    /// A range differs from what the primary holds; true if it is to be received whole now.
    fn differs(&self, range: usize, now: Instant) -> bool {
        self.differed.fetch_add(1, Ordering::Relaxed);
        let mut repairs = self.repairs.lock();
        let repair = &mut repairs[range];
        if repair.asked || repair.at.is_some_and(|at| now.duration_since(at) < REPAIR_EVERY) {
            return false;
        }
        *repair = Repair { asked: true, at: Some(now) };
        true
    }

    /// Whether a range is to be received whole.
    pub(super) fn is_asked(&self, range: usize) -> bool {
        self.repairs.lock()[range].asked
    }

    /// A range was received whole.
    pub(super) fn received(&self, range: usize) {
        if std::mem::take(&mut self.repairs.lock()[range].asked) {
            self.repaired.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The node is a primary: what it holds is right.
    pub(super) fn leads(&self) {
        self.repairs.lock().iter_mut().for_each(|repair| repair.asked = false);
    }
}

/// What the primary asks one replica.
pub(super) struct Asking {
    slot: Slot,
    /// Where in the order of its keys the next portion of the slot begins.
    from: u64,
    /// When the next step may come.
    due: Instant,
    /// Ranges and cuts of what was asked last.
    open: Vec<(usize, u64)>,
}

impl Asking {
    /// Begins anywhere: links that break early would never come to the last slots.
    pub(super) fn new() -> Asking {
        Asking { slot: Slot::around(random_u64()), from: 0, due: Instant::now(), open: Vec::new() }
    }

    /// How long nothing is to be asked.
    pub(super) fn idle(&self) -> Duration {
        // What it waits for is written, and whoever waits is woken by that.
        if self.open.is_empty() { self.due.saturating_duration_since(Instant::now()) } else { Duration::MAX }
    }

    /// Adds the next digests if it is time; `told`: up to where the replica was told of each range.
    pub(super) fn step(&mut self, shared: &Shared, store: &Store, told: &Offsets, output: &mut Vec<u8>) {
        self.open.retain(|(range, cut)| told[*range] < *cut);
        let began = Instant::now();
        if !self.open.is_empty() || began < self.due {
            return;
        }
        let period = Duration::from_secs(shared.config().repl_digest_period_s);
        if period.is_zero() {
            self.due = began + OFF;
            return;
        }
        let (mut keys, mut bytes, mut slots) = (0, 0, 0_u32);
        for _ in 0..OPEN_MAX {
            let slot = self.slot;
            let partition = shared.keyspace.lock(slot.partition());
            let portion = Portion::of(&partition, slot, self.from);
            let cut = store.cut(slot);
            drop(partition);
            keys += portion.keys;
            bytes += portion.bytes;
            if !portion.is_nothing() {
                portion.frame(slot, cut).encode(output);
                self.open.push((slot.range(), cut));
            }
            self.from = portion.next.unwrap_or(0);
            if portion.next.is_none() {
                self.slot = Slot::around(slot.index() as u64 + 1);
                slots += 1;
            }
            if keys >= KEYS_MAX || bytes >= BYTES_MAX {
                break;
            }
        }
        shared.replication.digests.sent.fetch_add(self.open.len() as u64, Ordering::Relaxed);
        // Where nothing is being written everything is told already.
        self.open.retain(|(range, cut)| told[*range] < *cut);
        let pace = period * slots / SLOTS as u32;
        self.due = began + pace.max(began.elapsed() * SHARE);
    }
}

/// A slot, or some of its keys.
pub(super) struct Portion {
    /// How many keys the slot holds.
    pub(super) held: usize,
    /// The keys that it is about, each with its length before it; none if it is about all.
    named: Vec<u8>,
    pub(super) digest: u64,
    /// How many it is about.
    pub(super) keys: usize,
    pub(super) bytes: usize,
    /// Where the next begins in the order of keys.
    pub(super) next: Option<u64>,
}

impl Portion {
    pub(super) fn of(partition: &Partition, slot: Slot, from: u64) -> Portion {
        let table = partition.table(slot);
        let mut portion =
            Portion { held: table.len(), named: Vec::new(), digest: 0, keys: 0, bytes: 0, next: None };
        if from == 0 && table.len() <= KEYS_MAX {
            portion.bytes = table.iter().map(Entry::memory).sum();
            if portion.bytes <= BYTES_MAX {
                portion.keys = table.len();
                portion.digest = sum(table.iter());
                return portion;
            }
            portion.bytes = 0;
        }
        let (entries, next) = table.scan(from, partition.hasher());
        portion.next = next;
        let mut last = None;
        for (order, entry) in entries {
            // Those at one place of the order are taken together: the next portion begins at a place.
            if portion.bytes > BYTES_MAX && last != Some(order) {
                portion.next = Some(order);
                break;
            }
            last = Some(order);
            portion.bytes += entry.memory();
            portion.keys += 1;
            portion.digest = portion.digest.wrapping_add(digest(entry));
            portion.named.extend_from_slice(&(entry.key().len() as u32).to_le_bytes());
            portion.named.extend_from_slice(entry.key());
        }
        portion
    }

    /// A portion of a slot in which no key is left.
    fn is_nothing(&self) -> bool {
        self.keys == 0 && self.held > 0
    }

    fn frame(&self, slot: Slot, cut: u64) -> Frame<'_> {
        Frame::Digest { slot, cut, held: self.held as u64, digest: self.digest, keys: &self.named }
    }
}

pub(super) fn sum<'e>(entries: impl Iterator<Item = &'e Entry>) -> u64 {
    entries.map(digest).fold(0, u64::wrapping_add)
}

/// What the primary has told of a slot.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) slot: Slot,
    /// It is about what the log of the range did before this offset.
    pub(super) cut: u64,
    /// How many keys the slot holds.
    pub(super) held: u64,
    pub(super) digest: u64,
    /// The keys that the digest is of, each with its length before it; none if it is of all.
    pub(super) keys: Vec<u8>,
}

impl Told {
    /// Compares with what is here. The lock of the partition is not held.
    fn compare(&self, keyspace: &Keyspace) -> Content {
        let partition = keyspace.lock(self.slot.partition());
        let table = partition.table(self.slot);
        let digest = if self.keys.is_empty() {
            sum(table.iter())
        } else {
            let named = entries::each(&self.keys).flatten();
            sum(named.filter_map(|key| partition.at(self.slot, partition.find(self.slot, key)?)))
        };
        Content { held: table.len() as u64, digest }
    }
}

/// What the primary has told and could not be compared yet: its log is not here so far.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    told: VecDeque<Told>,
    /// A range that is to be received whole.
    pub(super) differs: Option<usize>,
}

impl Waiting {
    /// Takes in what the primary tells; false if that is more than it may.
    pub(super) fn add(&mut self, told: Told) -> bool {
        self.told.push_back(told);
        self.told.len() <= OPEN_MAX
    }

    /// Whether nothing waits.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.told.is_empty()
    }

    /// An effect of this slot at this position is next: compares what is about the slot before.
    pub(super) fn before_effect(&mut self, shared: &Shared, slot: Slot, position: u64) {
        self.compare(shared, |told| told.slot == slot && told.cut <= position);
    }

    /// All of a range is applied up to this offset.
    pub(super) fn reached(&mut self, shared: &Shared, range: usize, end: u64) {
        self.compare(shared, |told| told.slot.range() == range && told.cut <= end);
    }

    fn compare(&mut self, shared: &Shared, is_due: impl Fn(&Told) -> bool) {
        let digests = &shared.replication.digests;
        let mut differs = self.differs;
        self.told.retain(|told| {
            if !is_due(told) {
                return true;
            }
            let here = told.compare(&shared.keyspace);
            digests.checked.fetch_add(1, Ordering::Relaxed);
            if (here.held, here.digest) != (told.held, told.digest) {
                let (slot, range) = (told.slot, told.slot.range());
                let repairs = digests.differs(range, Instant::now());
                let theirs = format_args!("{} keys, {:016x}", told.held, told.digest);
                let ours = format_args!("{} keys, {:016x}", here.held, here.digest);
                if repairs {
                    tracing::warn!(%slot, range, cut = told.cut, %theirs, %ours, "a slot differs from the primary's: its range is received anew");
                    differs = Some(range);
                } else {
                    tracing::debug!(%slot, range, cut = told.cut, %theirs, %ours, "a slot differs from the primary's");
                }
            }
            false
        });
        self.differs = differs;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use shared::rt::rng::Rng;

    use super::*;
    use crate::keyspace::entry::NEVER;

    const SLOT: &[u8] = b"{s}";

    fn put(keyspace: &Keyspace, number: u64, value: &[u8]) {
        let (slot, key) = (Slot::of_key(SLOT), format!("{{s}}{number}"));
        let mut partition = keyspace.lock(slot.partition());
        if let Some(place) = partition.find(slot, key.as_bytes()) {
            partition.remove(slot, place);
        }
        partition.insert(slot, Entry::string(key.as_bytes(), value, NEVER, 0));
    }

    fn remove(keyspace: &Keyspace, number: u64) {
        let (slot, key) = (Slot::of_key(SLOT), format!("{{s}}{number}"));
        let mut partition = keyspace.lock(slot.partition());
        let place = partition.find(slot, key.as_bytes()).unwrap();
        partition.remove(slot, place);
    }

    /// Asks about all portions, with `between` them; of how many of them the other one differs, and how many keys they were about.
    fn ask(here: &Keyspace, there: &Keyspace, mut between: impl FnMut()) -> (usize, usize) {
        let slot = Slot::of_key(SLOT);
        let (mut from, mut differ, mut keys) = (0, 0, 0);
        loop {
            let portion = Portion::of(&here.lock(slot.partition()), slot, from);
            keys += portion.keys;
            let Frame::Digest { slot, cut, held, digest, keys: named } = portion.frame(slot, 0) else {
                unreachable!()
            };
            if !portion.is_nothing() {
                let told = Told { slot, cut, held, digest, keys: named.to_vec() };
                let compared = told.compare(there);
                differ += usize::from((compared.held, compared.digest) != (held, digest));
            }
            match portion.next {
                Some(next) => from = next,
                None => return (differ, keys),
            }
            between();
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(30))]

        #[test]
        fn what_is_equal_never_differs_and_one_key_always_does(seed: u64, count in 1_u64..5_000, long in 1_usize..400) {
            let (here, there) = (Keyspace::new(seed, 0), Keyspace::new(seed ^ 1, 0));
            let mut rng = Rng::from_seed(seed);
            let mut value = |number: u64| vec![number as u8; rng.below(long as u64) as usize + 1];
            for number in 0..count {
                let value = value(number);
                put(&here, number, &value);
                put(&there, number, &value);
            }
            prop_assert_eq!(ask(&here, &there, || {}), (0, count as usize));
            let chosen = seed % count;
            put(&there, chosen, b"");
            prop_assert_eq!(ask(&here, &there, || {}).0, 1, "another value");
            remove(&there, chosen);
            prop_assert!(ask(&here, &there, || {}).0 > 0, "a key is missing");
            put(&there, count, b"");
            prop_assert!(ask(&here, &there, || {}).0 > 0, "a key has another name");
            put(&there, chosen, b"");
            put(&here, chosen, b"");
            prop_assert!(ask(&here, &there, || {}).0 > 0, "a key too many");
        }

        #[test]
        fn keys_that_stay_are_asked_about_while_others_come_and_go(seed: u64, count in 2_000_u64..5_000) {
            let (here, there) = (Keyspace::new(seed, 0), Keyspace::new(seed ^ 1, 0));
            for number in 0..count {
                put(&here, number, b"value");
                put(&there, number, b"value");
            }
            put(&there, seed % count, b"other");
            let mut next = count;
            let (differ, _) = ask(&here, &there, || {
                for _ in 0..700 {
                    for keyspace in [&here, &there] {
                        put(keyspace, next, b"value");
                        if next.is_multiple_of(3) && next - 9 >= count {
                            remove(keyspace, next - 9);
                        }
                    }
                    next += 1;
                }
            });
            prop_assert_eq!(differ, 1);
        }
    }

    #[test]
    fn no_portion_is_longer_than_it_may_by_more_than_a_value() {
        let keyspace = Keyspace::new(1, 0);
        let slot = Slot::of_key(SLOT);
        (0..40).for_each(|number| put(&keyspace, number, &vec![7; BYTES_MAX / 3]));
        let (mut from, mut portions) = (0, 0);
        loop {
            let portion = Portion::of(&keyspace.lock(slot.partition()), slot, from);
            assert!(portion.bytes <= 2 * BYTES_MAX && portion.keys <= KEYS_MAX);
            portions += 1;
            match portion.next {
                Some(next) => from = next,
                None => break,
            }
        }
        assert!(portions >= 10, "{portions}");
    }

    #[test]
    fn a_range_is_not_repaired_again_at_once() {
        let (digests, now) = (Digests::default(), Instant::now());
        assert!(digests.differs(3, now));
        assert!(!digests.differs(3, now), "it is asked for already");
        assert!(digests.is_asked(3) && !digests.is_asked(4));
        digests.received(3);
        digests.received(4);
        assert_eq!(digests.repaired.load(Ordering::Relaxed), 1);
        assert!(!digests.differs(3, now + REPAIR_EVERY / 2));
        assert!(!digests.is_asked(3));
        assert!(digests.differs(4, now + REPAIR_EVERY / 2), "another range");
        assert!(digests.differs(3, now + REPAIR_EVERY));
        assert_eq!(digests.differed.load(Ordering::Relaxed), 5);
        digests.leads();
        assert!(!digests.is_asked(3));
    }
}
