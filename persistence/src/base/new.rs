//! A new base with the increment that begins beside it, and the manifest that makes it count.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use shared::rt::fs;
use shared::rt::time::Instant;

use crate::base::writer::{BaseWriter, Written};
use crate::disk;
use crate::error::Error;
use crate::layout::RangeFolder;
use crate::log::LogFile;
use crate::log::rewrite::RewriteReport;
use crate::manifest::{Manifest, Unplaced};
use crate::range::Range;
use crate::store::Core;

/// A base in the making; at most one a range. Dropped before it is placed, its file is removed.
#[derive(Debug)]
pub(crate) struct NewBase {
    pub(crate) core: Arc<Core>,
    pub(crate) base: BaseWriter,
    folder: RangeFolder,
    /// Of the base, and of the increment.
    number: u64,
    /// What counted before.
    older: Manifest,
    placed: bool,
}

impl NewBase {
    /// Makes both files, and puts the manifest in place that `manifest` makes of the old one and their number; none says that there
    /// can be no base now. The writer must be told to switch to the increment.
    pub(crate) fn create(
        core: &Arc<Core>,
        range: usize,
        manifest: impl FnOnce(&Manifest, u64) -> Option<Manifest>,
    ) -> Result<(NewBase, LogFile), Error> {
        core.poison.check()?;
        let state = core.ranges.get(range).ok_or(Error::NoSuchRange { range })?;
        if state.rewriting.swap(true, Ordering::AcqRel) {
            return Err(Error::RewriteRunning { range });
        }
        let made = NewBase::prepare(core, state, range, manifest);
        if made.is_err() {
            state.rewrite_ended(Some(Instant::now()));
        }
        made
    }

    fn prepare(
        core: &Arc<Core>,
        state: &Range,
        range: usize,
        manifest: impl FnOnce(&Manifest, u64) -> Option<Manifest>,
    ) -> Result<(NewBase, LogFile), Error> {
        let folder = core.layout.range(range);
        let mut old = state.manifest.lock();
        let number = old.next_number();
        let next = manifest(&old, number).ok_or(Error::RewriteRunning { range })?;
        // The base first: once a manifest names the increment, the writer must switch to it.
        let base = BaseWriter::create(&folder.base(number), range, number)?;
        let log = LogFile::create(&folder.log(number), number)?;
        match next.place(&folder) {
            Ok(()) => {}
            Err(Unplaced::Before(error)) => {
                remove(&folder.log(number));
                return Err(error);
            }
            Err(Unplaced::Unknown(error)) => {
                core.poison(&error);
                return Err(error);
            }
        }
        let older = std::mem::replace(&mut *old, next);
        Ok((NewBase { core: Arc::clone(core), base, folder, number, older, placed: false }, log))
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    pub(crate) fn range(&self) -> usize {
        self.folder.range
    }

    pub(crate) fn state(&self) -> &Range {
        &self.core.ranges[self.folder.range]
    }

    /// Puts the manifest in place that names the base and what was logged since, and removes what is older.
    pub(crate) fn place(&mut self, written: Written) -> Result<RewriteReport, Error> {
        let core = Arc::clone(&self.core);
        let state = &core.ranges[self.folder.range];
        let mut manifest = state.manifest.lock();
        let next = Manifest {
            range: self.folder.range,
            base: Some((self.number, written.length)),
            receiving: false,
            start: state.increment_start.load(Ordering::Acquire),
            logs: manifest.logs.iter().copied().filter(|number| *number >= self.number).collect(),
            reaches: state.durable_end.load(Ordering::Acquire).max(self.base.highest_cut()),
        };
        match next.place(&self.folder) {
            Ok(()) => self.base.keep(),
            Err(Unplaced::Before(error)) => return Err(error),
            Err(Unplaced::Unknown(error)) => {
                self.base.keep();
                core.poison(&error);
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
        self.placed = true;
        Ok(RewriteReport {
            range: self.folder.range,
            entries: written.entries,
            base_bytes: written.length,
            freed_bytes: log_freed + base_freed,
        })
    }

    /// Removes the files that counted before, where the manifest in place names them no more.
    pub(crate) fn remove_older(&self) {
        if let Some((number, _)) = self.older.base {
            remove(&self.folder.base(number));
        }
        for number in &self.older.logs {
            remove(&self.folder.log(*number));
        }
    }
}

impl Drop for NewBase {
    fn drop(&mut self) {
        if !self.placed {
            self.state().rewrite_ended(Some(Instant::now()));
        }
    }
}

/// Removes a file that no manifest names; how long it was, bytes. If that fails, recovery does it.
fn remove(path: &Path) -> u64 {
    let length = fs::metadata(path).map(|metadata| metadata.len()).unwrap_or_default();
    if let Err(error) = disk::remove(path) {
        tracing::warn!(%error, "recovery will remove what no manifest names");
    }
    length
}
