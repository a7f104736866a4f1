//! What the node counts, for INFO.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use shared::rt::time::Duration;

use crate::command::CommandError;
use crate::command::table;
use crate::keyspace::Keyspace;

/// Codes of errors that are counted apart; more are counted together, as the words come from clients' requests.
const ERROR_CODES_MAX: usize = 64;

/// Counters since the start or the last CONFIG RESETSTAT.
pub struct Stats {
    connections: AtomicU64,
    rejected: AtomicU64,
    commands: AtomicU64,
    unblocked: AtomicU64,
    evicted: AtomicU64,
    by_command: Box<[CommandStats]>,
    /// What the keyspace had counted at the last reset.
    lookups_before: Mutex<Lookups>,
    errors: Mutex<BTreeMap<String, u64>>,
}

/// One command's.
#[derive(Default)]
struct CommandStats {
    calls: AtomicU64,
    nanos: AtomicU64,
    rejected: AtomicU64,
    failed: AtomicU64,
}

/// What was counted of one command.
pub struct CommandCalls {
    /// Its name.
    pub name: &'static str,
    /// How often it was run.
    pub calls: u64,
    /// How long that took, microseconds.
    pub took_us: u64,
    /// How often it was refused before it was run.
    pub rejected: u64,
    /// How often it answered an error.
    pub failed: u64,
}

impl Default for Stats {
    fn default() -> Stats {
        Stats {
            connections: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
            commands: AtomicU64::new(0),
            unblocked: AtomicU64::new(0),
            evicted: AtomicU64::new(0),
            by_command: table::all().map(|_| CommandStats::default()).collect(),
            lookups_before: Mutex::default(),
            errors: Mutex::default(),
        }
    }
}

/// What the partitions of the keyspace count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lookups {
    /// Look-ups that found their key.
    pub hits: u64,
    /// Look-ups that did not.
    pub misses: u64,
    /// Keys removed because their deadline had passed.
    pub expired: u64,
}

impl Lookups {
    /// Since the start.
    fn of(keyspace: &Keyspace) -> Lookups {
        keyspace.stats().fold(Lookups::default(), |sum, stats| Lookups {
            hits: sum.hits + stats.hits(),
            misses: sum.misses + stats.misses(),
            expired: sum.expired + stats.expired(),
        })
    }
}

impl Stats {
    /// A client was accepted.
    pub fn connected(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    /// A client was refused at `maxclients`.
    pub fn rejected(&self) {
        self.rejected.fetch_add(1, Ordering::Relaxed);
    }

    /// So many requests were handled.
    pub fn ran(&self, commands: u64) {
        self.commands.fetch_add(commands, Ordering::Relaxed);
    }

    /// A waiting client was served.
    pub fn unblocked(&self) {
        self.unblocked.fetch_add(1, Ordering::Relaxed);
    }

    /// Keys were evicted.
    pub fn evicted(&self, keys: u64) {
        self.evicted.fetch_add(keys, Ordering::Relaxed);
    }

    /// The command at this place of the table was run so many times, which took so long.
    pub fn called(&self, index: usize, calls: u64, took: Duration) {
        if let Some(stats) = self.by_command.get(index) {
            stats.calls.fetch_add(calls, Ordering::Relaxed);
            stats.nanos.fetch_add(took.as_nanos() as u64, Ordering::Relaxed);
        }
    }

    /// The command at this place of the table was refused: it was not run.
    #[cold]
    pub fn command_rejected(&self, index: usize) {
        if let Some(stats) = self.by_command.get(index) {
            stats.rejected.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The command at this place of the table was run and answered an error.
    #[cold]
    pub fn command_failed(&self, index: usize) {
        if let Some(stats) = self.by_command.get(index) {
            stats.failed.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// An error was answered.
    pub fn failed(&self, error: &CommandError) {
        let code = error.code();
        let mut errors = self.errors.lock();
        if errors.len() < ERROR_CODES_MAX || errors.contains_key(&code) {
            *errors.entry(code).or_default() += 1;
        }
    }

    /// Connections, refused connections, commands, served waiters, evicted keys.
    pub fn totals(&self) -> [u64; 5] {
        [&self.connections, &self.rejected, &self.commands, &self.unblocked, &self.evicted]
            .map(|counter| counter.load(Ordering::Relaxed))
    }

    /// What was counted of each command that was called or refused.
    pub fn by_command(&self) -> impl Iterator<Item = CommandCalls> {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        table::all()
            .zip(&self.by_command)
            .map(move |(spec, stats)| CommandCalls {
                name: spec.name,
                calls: load(&stats.calls),
                took_us: load(&stats.nanos) / 1_000,
                rejected: load(&stats.rejected),
                failed: load(&stats.failed),
            })
            .filter(|command| command.calls > 0 || command.rejected > 0)
    }

    /// What the partitions counted since the last reset.
    pub fn lookups(&self, keyspace: &Keyspace) -> Lookups {
        let (now, before) = (Lookups::of(keyspace), *self.lookups_before.lock());
        Lookups {
            hits: now.hits.saturating_sub(before.hits),
            misses: now.misses.saturating_sub(before.misses),
            expired: now.expired.saturating_sub(before.expired),
        }
    }

    /// How often each code of error was answered.
    pub fn errors(&self) -> Vec<(String, u64)> {
        self.errors.lock().iter().map(|(code, count)| (code.clone(), *count)).collect()
    }

    /// Begins anew.
    pub fn reset(&self, keyspace: &Keyspace) {
        *self.lookups_before.lock() = Lookups::of(keyspace);
        let totals = [&self.connections, &self.rejected, &self.commands, &self.unblocked, &self.evicted];
        let by_command = self.by_command.iter();
        let by_command =
            by_command.flat_map(|stats| [&stats.calls, &stats.nanos, &stats.rejected, &stats.failed]);
        totals.into_iter().chain(by_command).for_each(|counter| counter.store(0, Ordering::Relaxed));
        self.errors.lock().clear();
    }
}
