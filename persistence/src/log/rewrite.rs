//! A log becomes a base, without fork and without stopping writes. FORMAT.md, "Rewriting a range", says why this is right.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::Mutex;
use shared::limits::SLOTS_PER_RANGE;
use shared::slot::Slot;

use crate::base::SlotEntries;
use crate::base::new::NewBase;
use crate::base::writer::{BaseWriter, Written};
use crate::error::Error;
use crate::generation::Generation;
use crate::log::pending::{NextLog, Pending};
use crate::manifest::Manifest;
use crate::store::Core;

/// The rewriting of one range, to be stepped. Dropped before it is done, it leaves the store as good as before.
#[derive(Debug)]
pub struct Rewrite {
    new: NewBase,
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
        let (new, log) = NewBase::create(core, range, |old, number| {
            // What is there of a range in receipt is a part: a base of it would count as the whole.
            (!old.receiving).then(|| Manifest {
                logs: old.logs.iter().copied().chain([number]).collect(),
                reaches: core.ranges[range].durable_end.load(Ordering::Acquire),
                ..old.clone()
            })
        })?;
        let next = NextLog { log: Arc::new(log), number: new.number(), restart: None };
        let switched = new.state().pending.lock().switch(next);
        core.want_written(switched);
        Ok(Rewrite { new, stage: Stage::Switching(switched) })
    }

    /// Does the next piece of work: at most one slot is dumped. `dump` is what [`Store::rewrite`](crate::Store::rewrite) asks for.
    ///
    /// # Errors
    ///
    /// [`Error::Poisoned`], [`Error::SlotNotDumped`], [`Error::Io`]: drop it then. Unless poisoned, the store is as good as before.
    pub fn step(&mut self, dump: &mut impl FnMut(Slot, SlotDump<'_>)) -> Result<RewriteStep, Error> {
        let core = Arc::clone(&self.new.core);
        core.poison.check()?;
        match self.stage {
            Stage::Switching(generation) if core.written.reached() < generation => {
                core.want_written(generation);
                Ok(RewriteStep::Waiting)
            }
            Stage::Switching(_) => {
                self.stage = Stage::Dumping(0);
                Ok(RewriteStep::Working)
            }
            Stage::Dumping(SLOTS_PER_RANGE) => {
                let written = self.new.base.finish()?;
                let generation = Generation(core.open_generation.load(Ordering::Acquire));
                core.want_durable(generation);
                self.stage = Stage::Syncing(generation, written);
                Ok(RewriteStep::Working)
            }
            Stage::Dumping(next) => {
                if let Some(slot) = Slot::of_range(self.new.range()).nth(next) {
                    let pending = &core.ranges[self.new.range()].pending;
                    dump(slot, SlotDump { slot, pending, base: &mut self.new.base });
                    self.new.base.end_slot(slot)?;
                }
                self.stage = Stage::Dumping(next + 1);
                Ok(RewriteStep::Working)
            }
            Stage::Syncing(generation, _) if core.durable.reached() < generation => {
                core.want_durable(generation);
                Ok(RewriteStep::Waiting)
            }
            Stage::Syncing(_, written) => {
                let report = self.new.place(written)?;
                self.stage = Stage::Done;
                Ok(RewriteStep::Done(report))
            }
            Stage::Done => Ok(RewriteStep::Waiting),
        }
    }

    /// Waits as a thread for what [`RewriteStep::Waiting`] means.
    pub(crate) fn wait_blocking(&self) -> Result<(), Error> {
        let core = &self.new.core;
        match self.stage {
            Stage::Switching(generation) => core.wait_written_blocking(generation),
            Stage::Syncing(generation, _) => core.wait_durable_blocking(generation),
            Stage::Dumping(_) | Stage::Done => Ok(()),
        }
    }
}
