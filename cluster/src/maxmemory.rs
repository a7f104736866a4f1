//! `maxmemory`: what happens when the data outgrows it.
//!
//! Keys are chosen as in Redis, by sampling: some keys of the whole node are looked at, each as likely as any other, and the one
//! that the policy likes least goes. Every eviction is logged as a deletion.

use shared::rt::rng::Rng;
use shared::slot::Slot;

use crate::command::work::Work;
use crate::commit;
use crate::config::Config;
use crate::config::high::{EvictBy, EvictionPolicy};
use crate::keyspace::Partition;
use crate::keyspace::clock::{self, Lfu};
use crate::keyspace::entry::{Entry, NEVER};
use crate::node::Shared;

/// Bytes of an entry's place in its slot's table, with the free places beside it.
pub const PLACE_BYTES: usize = 26;

/// Keys evicted for one turn of a connection: more memory than a turn adds, and still a bound on how long it takes.
const EVICTIONS_PER_TURN: usize = 1_024;

/// Evictions tried in vain before there is nothing to evict.
const FRUITLESS_MAX: usize = 64;

/// Keys looked at for each that has a deadline, where only such may go.
const TRIES_PER_SAMPLE: usize = 8;

/// Bytes of all data.
pub fn used(shared: &Shared) -> u64 {
    shared.keyspace.stats().map(|stats| (stats.memory() + stats.keys() * PLACE_BYTES) as u64).sum()
}

/// Makes room as the policy says; false if there is none.
pub fn make_room(shared: &Shared, config: &Config, work: &mut Work, now_ms: u64) -> bool {
    let policy = config.maxmemory_policy;
    let lfu = Lfu { log_factor: config.lfu_log_factor, decay_min: config.lfu_decay_min };
    let (mut evicted, mut fruitless) = (0, 0);
    let mut candidates = Candidates::default();
    let room = loop {
        // The sums over all partitions are taken anew only now and then: a few keys more or less do not matter.
        if evicted % 16 == 0 {
            if used(shared) <= config.maxmemory {
                break true;
            }
            candidates = Candidates::count(shared, policy);
        }
        if policy.by == EvictBy::Nothing || evicted >= EVICTIONS_PER_TURN || fruitless > FRUITLESS_MAX {
            break evicted >= EVICTIONS_PER_TURN;
        }
        let rank = |entry: &Entry| rank(entry, policy, lfu, now_ms);
        match victim(shared, &candidates, policy, config.maxmemory_samples, work, rank) {
            Some(key) if commit::evict(shared, work, Slot::of_key(&key), &key) => evicted += 1,
            // What was counted is gone, or it was never there.
            _ => {
                fruitless += 1;
                candidates = Candidates::count(shared, policy);
            }
        }
    };
    shared.stats.evicted(evicted as u64);
    room
}

/// How many keys the policy may take from each partition and those before it: what a key is drawn by.
#[derive(Default)]
struct Candidates(Vec<usize>);

impl Candidates {
    fn count(shared: &Shared, policy: EvictionPolicy) -> Candidates {
        let mut sum = 0;
        let up_to = shared.keyspace.stats().map(|stats| {
            sum += if policy.volatile { stats.volatile() } else { stats.keys() };
            sum
        });
        Candidates(up_to.collect())
    }

    /// A partition, the likelier the more candidates lie in it; none if there are none.
    fn draw(&self, rng: &mut Rng) -> Option<usize> {
        let all = self.0.last().copied().filter(|all| *all > 0)?;
        let drawn = rng.below(all as u64) as usize;
        Some(self.0.partition_point(|up_to| *up_to <= drawn))
    }
}

/// How gladly an entry is evicted.
fn rank(entry: &Entry, policy: EvictionPolicy, lfu: Lfu, now_ms: u64) -> u64 {
    match policy.by {
        EvictBy::Nothing | EvictBy::Random => 0,
        EvictBy::Lru => u64::from(clock::idle_s(entry.clock(), now_ms)),
        EvictBy::Lfu => u64::from(u32::MAX - lfu.frequency(entry.clock(), now_ms)),
        EvictBy::Ttl => u64::MAX - entry.deadline(),
    }
}

/// Of some keys the one that ranks highest.
fn victim(
    shared: &Shared,
    candidates: &Candidates,
    policy: EvictionPolicy,
    samples: usize,
    work: &mut Work,
    rank: impl Fn(&Entry) -> u64,
) -> Option<Box<[u8]>> {
    let samples = if policy.by == EvictBy::Random { 1 } else { samples };
    let mut best: Option<(u64, Box<[u8]>)> = None;
    for _ in 0..samples {
        let partition = shared.keyspace.lock(candidates.draw(&mut work.rng)?);
        let Some(entry) = sample(&partition, policy.volatile, &mut work.rng) else { continue };
        let rank = rank(entry);
        if best.as_ref().is_none_or(|(highest, _)| rank > *highest) {
            best = Some((rank, entry.key().into()));
        }
    }
    best.map(|(_, key)| key)
}

/// A key of a partition; only one with a deadline, if only such may go.
fn sample<'p>(partition: &'p Partition, volatile: bool, rng: &mut Rng) -> Option<&'p Entry> {
    if !volatile {
        return partition.sample(rng.next_u64());
    }
    let mut tries = (0..TRIES_PER_SAMPLE).map_while(|_| partition.sample(rng.next_u64()));
    tries.find(|entry| entry.deadline() != NEVER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_is_drawn_as_often_as_it_has_candidates() {
        // 3 in partition 1, 1 in partition 4, none elsewhere.
        let candidates = Candidates(vec![0, 3, 3, 3, 4, 4]);
        let mut rng = Rng::from_seed(1);
        let mut drawn = [0; 6];
        (0..4_000).filter_map(|_| candidates.draw(&mut rng)).for_each(|partition| drawn[partition] += 1);
        assert_eq!(drawn[1] + drawn[4], 4_000, "{drawn:?}");
        assert!((2_800..3_200).contains(&drawn[1]), "{drawn:?}");
        assert_eq!(Candidates(vec![0, 0]).draw(&mut rng), None);
        assert_eq!(Candidates::default().draw(&mut rng), None);
    }
}
