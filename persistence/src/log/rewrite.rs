//! A log becomes a base, without fork and without stopping writes. FORMAT.md, "Rewriting a range", says why this is right.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::Mutex;
use shared::limits::SLOTS_PER_RANGE;
use shared::rt::fs;
use shared::rt::time::Instant;
use shared::slot::Slot;

use crate::base::SlotEntries;
use crate::base::writer::{BaseWriter, Written};
use crate::disk;
use crate::error::Error;
use crate::generation::Generation;
use crate::layout::RangeFolder;
use crate::log::LogFile;
use crate::log::pending::{NextLog, Pending};
use crate::manifest::{Manifest, Unplaced};
use crate::range::Range;
use crate::store::Core;

/// The rewriting of one range, to be stepped. Dropped before it is done, it leaves the store as good as before.
#[derive(Debug)]
pub struct Rewrite {
    core: Arc<Core>,
    folder: RangeFolder,
    /// Of the new base, and of the increment that begins with it.
    number: u64,
    base: BaseWriter,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// Until this generation is written, the writer has not switched to the new increment.
    Switching(Generation),
    /// Slots from this one on (0 is the first of the range) are not dumped.
    Dumping(usize),
    /// Until this generation is durable, the log may end before the base does.
    Syncing(Generation, Written),
    Done,
}

/// What a step has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RewriteStep {
    /// One slot was dumped, or another stage begins.
    Working,
    /// The writer or the syncer must move first.
    Waiting,
    /// The new base counts.
    Done(RewriteReport),
}

/// What a rewriting has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RewriteReport {
    /// The range, 0 to 15.
    pub range: usize,
    /// Entries in the new base.
    pub entries: u64,
    /// Length of the new base, bytes.
    pub base_bytes: u64,
    /// What the files that were removed took on disk, bytes.
    pub freed_bytes: u64,
}

/// The dump of one slot, not begun.
#[derive(Debug)]
pub struct SlotDump<'a> {
    slot: Slot,
    pending: &'a Mutex<Pending>,
    base: &'a mut BaseWriter,
}

impl<'a> SlotDump<'a> {
    /// Begins the dump. Call it while holding the lock that orders the writes of this slot, and hold that lock until every entry is pushed:
    /// effects appended before are then in the entries, effects appended after are not.
    pub fn begin(self) -> SlotEntries<'a> {
        let cut = self.pending.lock().end();
        self.base.begin_slot(self.slot, cut)
    }
}

impl Rewrite {
    pub(crate) fn begin(core: &Arc<Core>, range: usize) -> Result<Rewrite, Error> {
        core.poison.check()?;
        let state = core.ranges.get(range).ok_or(Error::NoSuchRange { range })?;
        if state.rewriting.swap(true, Ordering::AcqRel) {
            return Err(Error::RewriteRunning { range });
        }
        let begun = Rewrite::prepare(core, state, core.layout.range(range));
        if begun.is_err() {
            state.rewrite_ended(Some(Instant::now()));
        }
        begun
    }

    fn prepare(core: &Arc<Core>, state: &Range, folder: RangeFolder) -> Result<Rewrite, Error> {
        let mut manifest = state.manifest.lock();
        let number = manifest.next_number();
        // The base first: once a manifest names the increment, the writer must switch to it.
        let base = BaseWriter::create(&folder.base(number), folder.range, number)?;
        let log = LogFile::create(&folder.log(number))?;
        let next = Manifest {
            logs: manifest.logs.iter().copied().chain([number]).collect(),
            reaches: state.durable_end.load(Ordering::Acquire),
            ..manifest.clone()
        };
        if let Err(unplaced) = next.place(&folder) {
            return Err(match unplaced {
                Unplaced::Before(error) => {
                    remove(&folder.log(number));
                    error
                }
                Unplaced::Unknown(error) => {
                    core.poison(&error);
                    error
                }
            });
        }
        *manifest = next;
        let switched = state.pending.lock().switch(NextLog { log: Arc::new(log), number });
        core.want_written(switched);
        Ok(Rewrite { core: Arc::clone(core), folder, number, base, stage: Stage::Switching(switched) })
    }

    /// Does the next piece of work: at most one slot is dumped. `dump` is what [`Store::rewrite`](crate::Store::rewrite) asks for.
    ///
    /// # Errors
    ///
    /// [`Error::Poisoned`], [`Error::SlotNotDumped`], [`Error::Io`]: drop it then. Unless poisoned, the store is as good as before.
    pub fn step(&mut self, dump: &mut impl FnMut(Slot, SlotDump<'_>)) -> Result<RewriteStep, Error> {
        self.core.poison.check()?;
        match self.stage {
            Stage::Switching(generation) if self.core.written.reached() < generation => {
                self.core.want_written(generation);
                Ok(RewriteStep::Waiting)
            }
            Stage::Switching(_) => {
                self.stage = Stage::Dumping(0);
                Ok(RewriteStep::Working)
            }
            Stage::Dumping(SLOTS_PER_RANGE) => {
                let written = self.base.finish()?;
                let generation = Generation(self.core.open_generation.load(Ordering::Acquire));
                self.core.want_durable(generation);
                self.stage = Stage::Syncing(generation, written);
                Ok(RewriteStep::Working)
            }
            Stage::Dumping(next) => {
                if let Some(slot) = Slot::of_range(self.folder.range).nth(next) {
                    let pending = &self.core.ranges[self.folder.range].pending;
                    dump(slot, SlotDump { slot, pending, base: &mut self.base });
                    self.base.end_slot(slot)?;
                }
                self.stage = Stage::Dumping(next + 1);
                Ok(RewriteStep::Working)
            }
            Stage::Syncing(generation, _) if self.core.durable.reached() < generation => {
                self.core.want_durable(generation);
                Ok(RewriteStep::Waiting)
            }
            Stage::Syncing(_, written) => self.commit(written).map(RewriteStep::Done),
            Stage::Done => Ok(RewriteStep::Waiting),
        }
    }

    /// Waits as a thread for what [`RewriteStep::Waiting`] means.
    pub(crate) fn wait_blocking(&self) -> Result<(), Error> {
        match self.stage {
            Stage::Switching(generation) => self.core.written.wait_blocking(generation, &self.core.poison),
            Stage::Syncing(generation, _) => self.core.durable.wait_blocking(generation, &self.core.poison),
            Stage::Dumping(_) | Stage::Done => Ok(()),
        }
    }

    fn commit(&mut self, written: Written) -> Result<RewriteReport, Error> {
        let state = &self.core.ranges[self.folder.range];
        let mut manifest = state.manifest.lock();
        let next = Manifest {
            range: self.folder.range,
            base: Some((self.number, written.length)),
            start: state.increment_start.load(Ordering::Acquire),
            logs: manifest.logs.iter().copied().filter(|number| *number >= self.number).collect(),
            reaches: state.durable_end.load(Ordering::Acquire).max(self.base.highest_cut()),
        };
        match next.place(&self.folder) {
            Ok(()) => self.base.keep(),
            Err(Unplaced::Before(error)) => return Err(error),
            Err(Unplaced::Unknown(error)) => {
                self.base.keep();
                self.core.poison(&error);
                return Err(error);
            }
        }
        let old = std::mem::replace(&mut *manifest, next);
        let old_logs = old.logs.iter().filter(|number| **number < self.number);
        let log_freed: u64 = old_logs.map(|number| remove(&self.folder.log(*number))).sum();
        let base_freed = old.base.map_or(0, |(number, _)| remove(&self.folder.base(number)));
        state.base_bytes.store(written.length, Ordering::Relaxed);
        state.log_bytes.fetch_sub(log_freed, Ordering::Relaxed);
        state.rewrite_ended(None);
        self.stage = Stage::Done;
        Ok(RewriteReport {
            range: self.folder.range,
            entries: written.entries,
            base_bytes: written.length,
            freed_bytes: log_freed + base_freed,
        })
    }
}

impl Drop for Rewrite {
    fn drop(&mut self) {
        if !matches!(self.stage, Stage::Done) {
            self.core.ranges[self.folder.range].rewrite_ended(Some(Instant::now()));
        }
    }
}

/// Removes a file that no manifest names; how long it was, bytes. If that fails, recovery does it.
fn remove(path: &std::path::Path) -> u64 {
    let length = fs::metadata(path).map(|metadata| metadata.len()).unwrap_or_default();
    if let Err(error) = disk::remove(path) {
        tracing::warn!(%error, "recovery will remove what no manifest names");
    }
    length
}
