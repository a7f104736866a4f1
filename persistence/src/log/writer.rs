//! Takes what is pending in all ranges and writes it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use shared::limits::{RANGE_PENDING_BYTES_KEPT, RANGES};

use crate::error::Error;
use crate::generation::Generation;
use crate::header::{HEADER_BYTES, Header, Kind};
use crate::log::LogFile;
use crate::log::pending::NextLog;
use crate::record::seal;
use crate::store::Core;

/// The one writer of a store: a passive object, stepped by a thread ([`Store::start`](crate::Store::start)) or by a simulation.
#[derive(Debug)]
pub struct Writer {
    pub(crate) core: Arc<Core>,
    increments: Vec<Increment>,
    /// What was taken from the range that is being written; swapped with each range's buffer in turn, so that both keep their room.
    taken: Vec<Vec<u8>>,
}

/// The growing increment of a range.
#[derive(Debug)]
pub(crate) struct Increment {
    pub(crate) log: Arc<LogFile>,
    pub(crate) number: u64,
    /// The end of the log stream as written.
    pub(crate) end: u64,
    /// Its header is written.
    pub(crate) headed: bool,
}

impl Writer {
    pub(crate) fn new(core: Arc<Core>, increments: Vec<Increment>) -> Writer {
        Writer { core, increments, taken: vec![Vec::new(); RANGES] }
    }

    /// Takes and writes one generation. Call it when something was appended, or when somebody waits.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when a write or fsync fails, [`Error::Poisoned`] ever after.
    pub fn step(&mut self) -> Result<(), Error> {
        self.core.writer_signal.clear();
        self.core.poison.check()?;
        // Whoever appends to a buffer that is not taken yet is in `generation` still, and its buffer says so.
        let generation = Generation(self.core.open_generation.fetch_add(1, Ordering::AcqRel));
        for range in 0..RANGES {
            if let Err(error) = self.write_range(range, Generation(generation.0 + 1)) {
                self.core.poison(&error);
                return Err(error);
            }
        }
        self.core.written_up_to(generation);
        Ok(())
    }

    fn write_range(&mut self, range: usize, next: Generation) -> Result<(), Error> {
        let state = &self.core.ranges[range];
        let (increment, taken) = (&mut self.increments[range], &mut self.taken[range]);
        let next_logs = state.pending.lock().take(next, taken);
        if !taken.is_empty() {
            seal(taken);
            let headed = increment.write(range, taken)?;
            let bytes = taken.len() + if headed { HEADER_BYTES } else { 0 };
            state.log_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
            state.written(&increment.log, increment.end);
            self.core.followers.wrote(range, Generation(next.0 - 1), taken);
            taken.clear();
            taken.shrink_to(RANGE_PENDING_BYTES_KEPT);
        }
        for next_log in next_logs {
            let restart = next_log.restart;
            increment.switch(next_log)?;
            if let Some(start) = restart {
                increment.end = start;
                state.restarted(start);
                self.core.followers.restarted(range, start);
            }
            state.increment_start.store(increment.end, Ordering::Release);
        }
        Ok(())
    }
}

impl Increment {
    /// Writes sealed records, before them the header if it is missing (then the answer is `true`).
    fn write(&mut self, range: usize, records: &[u8]) -> Result<bool, Error> {
        let headed = !self.headed;
        if headed {
            let header =
                Header { kind: Kind::Log, range: range as u16, number: self.number, start: self.end };
            self.log.write(&header.encode())?;
            self.headed = true;
        }
        self.log.write(records)?;
        self.end += records.len() as u64;
        Ok(headed)
    }

    /// Goes on in another file. This one is durable before the other gets its first byte: recovery relies on it.
    fn switch(&mut self, next: NextLog) -> Result<(), Error> {
        self.log.sync()?;
        self.log = next.log;
        self.number = next.number;
        self.headed = false;
        Ok(())
    }
}
