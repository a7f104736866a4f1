//! What commands took: for INFO commandstats and the slow log.
//!
//! Reading the clock twice a command would cost a tenth of a short one. So commands that are fast by their nature (flags FAST and
//! QUICK) are timed together, a run of the same name at once. One that can be slow all the same is timed by itself: a long
//! request, one that came alone, or any if the slow log is asked for what takes less than a millisecond. What is left is a short
//! request in the middle of a pipeline of its kind: it is counted, and never in the slow log.

use std::time::Duration;

use shared::rt::time::Instant;

use super::session::Session;
use crate::command::table::Found;
use crate::command::{Args, flag};
use crate::config::Config;
use crate::node::Shared;
use crate::stats::Stats;

/// A request of so many bytes is long: copying it takes longer than reading the clock.
const LONG_BYTES: usize = 4 * 1024;

/// Below so many microseconds for `slowlog-log-slower-than`, every command is timed by itself.
const PRECISE_US: i64 = 1_000;

/// The commands of one turn.
pub(super) struct Tally {
    since: Instant,
    /// The row of the last command.
    row: Option<usize>,
    /// How often it was called since `since`.
    calls: u64,
    /// Whether every command is timed by itself.
    precise: bool,
}

impl Tally {
    pub(super) fn start(config: &Config) -> Tally {
        let precise = (0..PRECISE_US).contains(&config.slowlog_slower_than_us);
        Tally { since: Instant::now(), row: None, calls: 0, precise }
    }

    /// Before a command.
    #[inline]
    pub(super) fn begin(&mut self, found: Found, args: &Args<'_>, stats: &Stats) {
        if self.calls > 0 && (self.row != Some(found.index) || self.is_timed_alone(found, args)) {
            self.flush(stats);
        }
        self.row = Some(found.index);
        self.calls += 1;
    }

    /// After a command; `last` if nothing more of what arrived can be run.
    #[inline]
    pub(super) fn end(
        &mut self,
        found: Found,
        args: &Args<'_>,
        last: bool,
        session: &Session,
        config: &Config,
        shared: &Shared,
    ) {
        if !last && !self.is_timed_alone(found, args) {
            return;
        }
        let alone = self.calls == 1;
        let took = self.flush(&shared.stats);
        if alone {
            shared.slowlog.note(found, args, took, session, config);
        }
    }

    /// Counts the run until now; how long it took.
    pub(super) fn flush(&mut self, stats: &Stats) -> Duration {
        let Some(row) = self.row.filter(|_| self.calls > 0) else { return Duration::ZERO };
        let now = Instant::now();
        let took = now - self.since;
        self.since = now;
        stats.called(row, std::mem::take(&mut self.calls), took);
        took
    }

    /// The row of the last command plus one; 0 if there was none.
    pub(super) fn last_command(&self) -> usize {
        self.row.map_or(0, |row| row + 1)
    }

    #[inline]
    fn is_timed_alone(&self, found: Found, args: &Args<'_>) -> bool {
        let quick = found.spec.flags & (flag::FAST | flag::QUICK) != 0;
        !quick || self.precise || args.raw().len() > LONG_BYTES
    }
}
