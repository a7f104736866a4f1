//! The access clock of a key: 24 bits, for LRU the second of the last use, for LFU a minute and a logarithmic counter.

use shared::rt::rng::Rng;

/// Bits of the clock.
const MASK: u32 = 0x00FF_FFFF;

/// The counter a new key begins with: not the first to go before it was used at all (Redis's `LFU_INIT_VAL`).
const LFU_START: u32 = 5;

/// The LRU clock of a moment.
#[inline]
pub fn lru(now_ms: u64) -> u32 {
    (now_ms / 1_000) as u32 & MASK
}

/// Seconds since an LRU clock was set, up to 194 days.
pub fn idle_s(clock: u32, now_ms: u64) -> u32 {
    lru(now_ms).wrapping_sub(clock) & MASK
}

/// The settings of LFU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lfu {
    /// `lfu-log-factor`: how slowly the counter grows.
    pub log_factor: u32,
    /// `lfu-decay-time`: minutes after which it falls by one; 0 is never.
    pub decay_min: u32,
}

impl Lfu {
    /// The counter of a clock now, 0 to 255: it has fallen since the last use.
    pub fn frequency(&self, clock: u32, now_ms: u64) -> u32 {
        let elapsed = minutes(now_ms).wrapping_sub(clock >> 8) & 0xFFFF;
        let fallen = elapsed.checked_div(self.decay_min).unwrap_or(0);
        (clock & 0xFF).saturating_sub(fallen)
    }

    /// The clock after a use: the higher the counter, the less likely it grows.
    pub fn used(&self, clock: u32, now_ms: u64, rng: &mut Rng) -> u32 {
        let counter = self.frequency(clock, now_ms);
        let above = u64::from(counter.saturating_sub(LFU_START));
        let grows = counter < 0xFF && rng.below(above * u64::from(self.log_factor) + 1) == 0;
        minutes(now_ms) << 8 | (counter + u32::from(grows))
    }

    /// The clock of a new key.
    pub fn new_key(&self, now_ms: u64) -> u32 {
        minutes(now_ms) << 8 | LFU_START
    }
}

fn minutes(now_ms: u64) -> u32 {
    (now_ms / 60_000) as u32 & 0xFFFF
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frequency_grows_with_use_and_falls_with_time() {
        let lfu = Lfu { log_factor: 10, decay_min: 1 };
        let mut rng = Rng::from_seed(1);
        let now = 1_700_000_000_000;
        let used = |times: usize, rng: &mut Rng| {
            (0..times).fold(lfu.new_key(now), |clock, _| lfu.used(clock, now, rng))
        };
        let (few, many) = (used(100, &mut rng), used(100_000, &mut rng));
        let frequency = |clock, now| lfu.frequency(clock, now);
        assert!(
            frequency(few, now) > 5
                && frequency(many, now) > 100
                && frequency(few, now) < frequency(many, now)
        );
        assert_eq!(frequency(many, now + 7 * 60_000), frequency(many, now) - 7);
        assert_eq!(frequency(few, now + 3_600_000), 0);
    }

    #[test]
    fn idle_time_survives_the_wrap_of_the_clock() {
        let wrap_ms = (u64::from(MASK) + 1) * 1_000;
        assert_eq!(idle_s(lru(wrap_ms - 2_000), wrap_ms + 3_000), 5);
    }
}
