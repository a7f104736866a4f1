//! A range that comes anew from another node: its entries, slot by slot, and the log stream from where the first was dumped.
//! FORMAT.md, "Receiving a range".

use std::sync::Arc;
use std::sync::atomic::Ordering;

use shared::slot::Slot;

use crate::base::SlotEntries;
use crate::base::new::NewBase;
use crate::error::Error;
use crate::generation::Generation;
use crate::log::pending::NextLog;
use crate::log::rewrite::RewriteReport;
use crate::manifest::Manifest;
use crate::store::Core;

/// A range in receipt. Until it is finished the range counts as empty: also after a crash, and after this is dropped.
#[derive(Debug)]
pub struct Receive {
    new: NewBase,
}

impl Receive {
    /// Forgets what the range holds, in memory and on disk, and has its log stream begin at `start`. Blocks for the disk.
    pub(crate) fn begin(core: &Arc<Core>, range: usize, start: u64) -> Result<Receive, Error> {
        let (new, log) = NewBase::create(core, range, |old, number| {
            let logs = vec![number];
            Some(Manifest { range: old.range, base: None, receiving: true, start, logs, reaches: start })
        })?;
        let next = NextLog { log: Arc::new(log), number: new.number(), restart: Some(start) };
        let switched = new.state().pending.lock().switch(next);
        core.want_written(switched);
        core.wait_written_blocking(switched)?;
        new.remove_older();
        Ok(Receive { new })
    }

    /// Takes the entries of a slot, which hold what the log stream did to it before `cut`.
    pub fn begin_slot(&mut self, slot: Slot, cut: u64) -> SlotEntries<'_> {
        self.new.base.begin_slot(slot, cut)
    }

    /// Goes on taking the entries of the slot that was begun last.
    pub fn same_slot(&mut self, slot: Slot) -> SlotEntries<'_> {
        self.new.base.same_slot(slot)
    }

    /// Writes what is gathered, if that is enough.
    ///
    /// # Errors
    ///
    /// [`Error::SlotNotDumped`]: it was not begun. [`Error::Io`].
    pub fn end_slot(&mut self, slot: Slot) -> Result<(), Error> {
        self.new.base.end_slot(slot)
    }

    /// Whether the log stream, as appended, has reached everything that the entries hold: then it can be finished.
    pub fn is_reached(&self) -> bool {
        self.new.state().pending.lock().end() >= self.new.base.highest_cut()
    }

    /// Makes entries and log durable and has the range count. Blocks for the disk.
    ///
    /// # Errors
    ///
    /// [`Error::SlotNotDumped`]: a slot is missing. [`Error::Poisoned`], [`Error::Io`].
    pub fn finish(mut self) -> Result<RewriteReport, Error> {
        let written = self.new.base.finish()?;
        let core = Arc::clone(&self.new.core);
        let generation = Generation(core.open_generation.load(Ordering::Acquire));
        core.want_durable(generation);
        core.wait_durable_blocking(generation)?;
        self.new.place(written)
    }
}
