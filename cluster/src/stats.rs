//! What the node counts, for INFO.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use shared::rt::time::Duration;

use crate::command::CommandError;
use crate::command::table;

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
    errors: Mutex<BTreeMap<String, u64>>,
}

/// One command's.
#[derive(Default)]
struct CommandStats {
    calls: AtomicU64,
    nanos: AtomicU64,
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
            errors: Mutex::default(),
        }
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

    /// Name, calls and microseconds of each command that was called.
    pub fn by_command(&self) -> impl Iterator<Item = (&'static str, u64, u64)> {
        table::all()
            .zip(&self.by_command)
            .map(|(spec, stats)| {
                let (calls, nanos) =
                    (stats.calls.load(Ordering::Relaxed), stats.nanos.load(Ordering::Relaxed));
                (spec.name, calls, nanos / 1_000)
            })
            .filter(|(_, calls, _)| *calls > 0)
    }

    /// How often each code of error was answered.
    pub fn errors(&self) -> Vec<(String, u64)> {
        self.errors.lock().iter().map(|(code, count)| (code.clone(), *count)).collect()
    }

    /// Begins anew.
    pub fn reset(&self) {
        let totals = [&self.connections, &self.rejected, &self.commands, &self.unblocked, &self.evicted];
        let by_command = self.by_command.iter().flat_map(|stats| [&stats.calls, &stats.nanos]);
        totals.into_iter().chain(by_command).for_each(|counter| counter.store(0, Ordering::Relaxed));
        self.errors.lock().clear();
    }
}
