//! What commands took: for INFO commandstats and the slow log.
//!
//! Reading the clock twice a command would cost a tenth of a short one. Commands that are fast by their nature (flag FAST) are
//! timed together, a run of the same name at once; others one by one, and only those can be slow.

use std::time::Duration;

use shared::rt::time::Instant;

use super::session::Session;
use crate::command::table::Found;
use crate::command::{Args, flag};
use crate::config::Config;
use crate::node::Shared;
use crate::stats::Stats;

/// The commands of one turn.
pub(super) struct Tally {
    since: Instant,
    run: Option<(usize, u64)>,
}

impl Tally {
    pub(super) fn start() -> Tally {
        Tally { since: Instant::now(), run: None }
    }

    /// Before a command.
    #[inline]
    pub(super) fn begin(&mut self, found: Found, stats: &Stats) {
        let timed_alone = !found.spec.has(flag::FAST) && !found.spec.has(flag::QUICK);
        match &mut self.run {
            Some((index, calls)) if *index == found.index && !timed_alone => *calls += 1,
            Some(_) => {
                self.flush(stats);
                self.run = Some((found.index, 1));
            }
            None => self.run = Some((found.index, 1)),
        }
    }

    /// After a command.
    #[inline]
    pub(super) fn end(
        &mut self,
        found: Found,
        args: &Args<'_>,
        session: &Session,
        config: &Config,
        shared: &Shared,
    ) {
        if found.spec.has(flag::FAST) || found.spec.has(flag::QUICK) {
            return;
        }
        let took = self.flush(&shared.stats);
        let slower_than = config.slowlog_slower_than_us;
        if slower_than >= 0 && took.as_micros() >= slower_than as u128 && !found.spec.has(flag::SECRET) {
            shared.slowlog.add(args, took, session, config.slowlog_len_max);
        }
    }

    /// Counts the run until now; how long it took.
    pub(super) fn flush(&mut self, stats: &Stats) -> Duration {
        let Some((index, calls)) = self.run.take() else { return Duration::ZERO };
        let now = Instant::now();
        let took = now - self.since;
        self.since = now;
        stats.called(index, calls, took);
        took
    }
}
