//! A hierarchical timing wheel: which keys of a partition expire when.
//!
//! Six levels of 64 buckets; a bucket of level *l* spans 64^*l* ticks. A key is put into the bucket of its deadline, moves down a
//! level at most five times, and comes out within a tick of its deadline. Nothing is taken out when a key is removed or gets another
//! deadline: what comes out is compared with the key, and [`Wheel::sweep`] forgets what is stale when that is most of it.

/// Length of a tick, milliseconds: how late a key may come out.
pub const TICK_MS: u64 = 8;

const LEVELS: usize = 6;
const BUCKETS: u64 = 64;
const BUCKET_BITS: u32 = 6;

/// Entries that are kept although they are stale, before a sweep is worth while.
const STALE_MIN: usize = 1_024;

/// Bits of [`Due::packed`] that are the slot within the partition.
const SLOT_BITS: u32 = 6;

/// A key with a deadline: found again by its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// Of the key.
    pub hash: u64,
    /// Deadline and slot in one word, so that an entry takes 16 bytes.
    packed: u64,
}

impl Due {
    /// A key of the slot with this place in its partition (0 to 63).
    pub fn new(hash: u64, place: usize, deadline_ms: u64) -> Due {
        let deadline = deadline_ms.min(u64::MAX >> SLOT_BITS);
        Due { hash, packed: deadline << SLOT_BITS | place as u64 }
    }

    /// When, Unix milliseconds; deadlines after the year 9 million are told as that year.
    pub fn deadline_ms(&self) -> u64 {
        self.packed >> SLOT_BITS
    }

    /// The place of its slot in the partition.
    pub fn place(&self) -> usize {
        (self.packed & ((1 << SLOT_BITS) - 1)) as usize
    }

    fn tick(&self) -> u64 {
        self.deadline_ms() / TICK_MS + 1
    }
}

/// The deadlines of a partition.
pub struct Wheel {
    /// The last tick that was handled.
    now: u64,
    levels: [Vec<Vec<Due>>; LEVELS],
    len: usize,
}

impl Wheel {
    /// An empty wheel that stands at this moment.
    pub fn new(now_ms: u64) -> Wheel {
        Wheel { now: now_ms / TICK_MS, levels: Default::default(), len: 0 }
    }

    /// How many entries it holds, stale ones included.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Puts a key in.
    pub fn insert(&mut self, due: Due) {
        self.place(due, self.now + 1);
        self.len += 1;
    }

    /// Moves to a moment and takes out at most about `limit` keys that are due; true if there may be more.
    pub fn advance(&mut self, now_ms: u64, limit: usize, out: &mut Vec<Due>) -> bool {
        let target = now_ms / TICK_MS;
        while self.now < target {
            if self.len == 0 {
                self.now = target;
                return false;
            }
            if out.len() >= limit {
                return true;
            }
            self.now += 1;
            // From the highest level down: what falls out of one may fall through the next.
            for level in (1..LEVELS).rev() {
                if self.now.trailing_zeros() >= BUCKET_BITS * level as u32 {
                    self.cascade(level);
                }
            }
            let bucket = (self.now % BUCKETS) as usize;
            if let Some(bucket) = self.levels[0].get_mut(bucket) {
                self.len -= bucket.len();
                out.append(bucket);
            }
        }
        false
    }

    /// Forgets what is stale, if most is: `volatile` keys have a deadline.
    pub fn sweep(&mut self, volatile: usize, live: impl Fn(&Due) -> bool) {
        if self.len <= 2 * volatile + STALE_MIN {
            return;
        }
        for bucket in self.levels.iter_mut().flatten() {
            bucket.retain(&live);
            bucket.shrink_to(2 * bucket.len());
        }
        self.len = self.levels.iter().flatten().map(Vec::len).sum();
    }

    fn cascade(&mut self, level: usize) {
        let bucket = (self.now >> (BUCKET_BITS * level as u32)) % BUCKETS;
        let fallen = self.levels[level].get_mut(bucket as usize).map(std::mem::take).unwrap_or_default();
        fallen.into_iter().for_each(|due| self.place(due, self.now));
    }

    /// Puts a key into the bucket of its tick, at the earliest into that of `earliest`.
    fn place(&mut self, due: Due, earliest: u64) {
        let tick = due.tick().max(earliest);
        let distance = tick - self.now;
        let level = (distance.max(1).ilog2() / BUCKET_BITS) as usize;
        // Beyond the last level: as far as it reaches, and looked at again then.
        let (level, tick) = match level {
            0..LEVELS => (level, tick),
            _ => (LEVELS - 1, self.now + (1 << (BUCKET_BITS * LEVELS as u32)) - 1),
        };
        let buckets = &mut self.levels[level];
        if buckets.is_empty() {
            buckets.resize_with(BUCKETS as usize, Vec::new);
        }
        buckets[((tick >> (BUCKET_BITS * level as u32)) % BUCKETS) as usize].push(due);
    }
}

#[cfg(test)]
mod tests {
    use shared::rt::rng::Rng;

    use super::*;

    #[test]
    fn every_key_comes_out_after_its_deadline_and_within_a_tick_of_being_looked_for() {
        let start = 1_700_000_000_123;
        for seed in 0..20 {
            let mut rng = Rng::from_seed(seed);
            let mut wheel = Wheel::new(start);
            let mut now = start;
            let mut waiting = Vec::new();
            for step in 0..400_u64 {
                for _ in 0..rng.below(4) {
                    let far = 1 << rng.below(30);
                    let ahead = rng.below(far);
                    let due = Due::new(rng.next_u64(), (step % 64) as usize, now + ahead);
                    wheel.insert(due);
                    waiting.push(due);
                }
                let span = 1 << rng.below(24);
                now += rng.below(span);
                let mut out = Vec::new();
                assert!(!wheel.advance(now, usize::MAX, &mut out));
                for due in out {
                    assert!(due.deadline_ms() < now, "seed {seed}: too early");
                    let place = waiting.iter().position(|other| *other == due).unwrap();
                    waiting.swap_remove(place);
                }
                let late = waiting.iter().filter(|due| due.deadline_ms() + 2 * TICK_MS < now).count();
                assert_eq!((late, wheel.len()), (0, waiting.len()), "seed {seed}");
            }
        }
    }

    #[test]
    fn stale_entries_are_forgotten_when_they_are_most() {
        let mut wheel = Wheel::new(0);
        (0..10_000).for_each(|hash| wheel.insert(Due::new(hash, 0, 1_000_000 + hash)));
        wheel.sweep(5_000, |_| false);
        assert_eq!(wheel.len(), 10_000);
        wheel.sweep(10, |due| due.hash < 10);
        assert_eq!(wheel.len(), 10);
    }

    #[test]
    fn a_limit_leaves_the_rest_for_the_next_time() {
        let mut wheel = Wheel::new(0);
        (0..1_000).for_each(|hash| wheel.insert(Due::new(hash, 0, hash)));
        let mut out = Vec::new();
        assert!(wheel.advance(10_000, 100, &mut out));
        assert!(out.len() >= 100 && out.len() < 200);
        assert!(!wheel.advance(10_000, usize::MAX, &mut out));
        assert_eq!(out.len(), 1_000);
    }
}
