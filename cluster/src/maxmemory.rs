//! `maxmemory`: what happens when the data outgrows it.
//!
//! Keys are chosen as in Redis, by sampling: some keys of a partition chosen by chance are looked at, and the one that the policy
//! likes least goes. Every eviction is logged as a deletion.

use shared::limits::PARTITIONS;
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

/// Partitions looked at in vain before there is nothing to evict.
const FRUITLESS_MAX: usize = 4 * PARTITIONS;

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
    let room = loop {
        // The sum of all partitions is taken anew only now and then: a few keys more or less do not matter.
        if evicted % 16 == 0 && used(shared) <= config.maxmemory {
            break true;
        }
        if policy.by == EvictBy::Nothing || evicted >= EVICTIONS_PER_TURN || fruitless > FRUITLESS_MAX {
            break evicted >= EVICTIONS_PER_TURN;
        }
        let index = work.rng.below(PARTITIONS as u64) as usize;
        let rank = |entry: &Entry| rank(entry, policy, lfu, now_ms);
        let victim = {
            let partition = shared.keyspace.lock(index);
            victim(&partition, policy, config.maxmemory_samples, work, rank)
        };
        match victim {
            Some(key) if commit::evict(shared, work, Slot::of_key(&key), &key) => evicted += 1,
            _ => fruitless += 1,
        }
    };
    shared.stats.evicted(evicted as u64);
    room
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

/// Of some keys of a partition the one that ranks highest.
fn victim(
    partition: &Partition,
    policy: EvictionPolicy,
    samples: usize,
    work: &mut Work,
    rank: impl Fn(&Entry) -> u64,
) -> Option<Box<[u8]>> {
    let candidates = if policy.volatile { partition.volatile() } else { partition.len() };
    if candidates == 0 {
        return None;
    }
    let samples = if policy.by == EvictBy::Random { 1 } else { samples };
    let mut best: Option<(u64, &Entry)> = None;
    let mut seen = 0;
    for _ in 0..samples * if policy.volatile { TRIES_PER_SAMPLE } else { 1 } {
        let Some(entry) = partition.sample(work.rng.next_u64()) else { break };
        if policy.volatile && entry.deadline() == NEVER {
            continue;
        }
        let rank = rank(entry);
        if best.is_none_or(|(highest, _)| rank > highest) {
            best = Some((rank, entry));
        }
        seen += 1;
        if seen == samples {
            break;
        }
    }
    best.map(|(_, entry)| entry.key().into())
}
