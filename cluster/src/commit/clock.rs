//! What time it is for a command.

use shared::rt::rng::Rng;

use crate::config::Config;
use crate::config::high::EvictBy;
use crate::keyspace::clock::{self, Lfu};
use crate::keyspace::entry::Entry;

/// The clocks of one turn of a connection: one reading for all commands that arrived together.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    /// Unix milliseconds.
    pub now_ms: u64,
    /// The settings of LFU, if keys are evicted by that.
    pub lfu: Option<Lfu>,
    /// Whether looking at keys does not count as use: CLIENT NO-TOUCH.
    pub no_touch: bool,
    /// Whether keys past their deadline stay where they are, unseen: on a replica, whose primary removes them.
    pub keeps_dead: bool,
}

impl Clock {
    /// The clocks at this moment.
    #[inline]
    pub fn at(now_ms: u64, config: &Config) -> Clock {
        let lfu = (config.maxmemory_policy.by == EvictBy::Lfu)
            .then_some(Lfu { log_factor: config.lfu_log_factor, decay_min: config.lfu_decay_min });
        Clock { now_ms, lfu, no_touch: false, keeps_dead: false }
    }

    /// The access clock of a key that is made now.
    #[inline]
    pub fn new_key(&self) -> u32 {
        self.lfu.map_or_else(|| clock::lru(self.now_ms), |lfu| lfu.new_key(self.now_ms))
    }

    /// A key is used.
    #[inline]
    pub fn touch(&self, entry: &mut Entry, rng: &mut Rng) {
        if self.no_touch {
            return;
        }
        let clock = match self.lfu {
            None => clock::lru(self.now_ms),
            Some(lfu) => lfu.used(entry.clock(), self.now_ms, rng),
        };
        entry.set_clock(clock);
    }
}
