//! From a directory to a store: ranges in parallel.
//!
//! # Layout
//!
//! - [`range`]: recovers one range.
//! - [`create`]: makes a store.
//! - [`report`]: what was found.

mod create;
mod range;
mod report;

use std::io::ErrorKind;
use std::sync::Arc;

use parking_lot::Mutex;
use shared::limits::RANGES;
use shared::rt::fs;
use shared::rt::task;
use shared::rt::time::Instant;
use shared::slot::Slot;

pub use report::{RangeReport, RecoveryReport, TornTail};

use crate::disk;
use crate::error::{Doing, Error};
use crate::history::History;
use crate::journal::redo::redo;
use crate::layout::Layout;
use crate::lock::DirectoryLock;
use crate::log::LogFile;
use crate::log::writer::Increment;
use crate::manifest::{Manifest, write_durably};
use crate::store_id::StoreId;

/// Takes what a store holds. Called by several threads: in order within a range (all entries of the base first), in no order between ranges.
pub trait Replay: Sync {
    /// Restores an entry of the base, as it was pushed in a rewriting.
    ///
    /// # Errors
    ///
    /// In words, if the bytes are nothing that was ever pushed: recovery stops.
    fn base_entry(&self, slot: Slot, entry: &[u8]) -> Result<(), String>;

    /// Applies an effect, as it was appended.
    ///
    /// # Errors
    ///
    /// In words, if the bytes are nothing that was ever appended: recovery stops.
    fn effect(&self, slot: Slot, effect: &[u8]) -> Result<(), String>;
}

/// Takes it and forgets it: for who only writes.
impl Replay for () {
    fn base_entry(&self, _: Slot, _: &[u8]) -> Result<(), String> {
        Ok(())
    }

    fn effect(&self, _: Slot, _: &[u8]) -> Result<(), String> {
        Ok(())
    }
}

/// A recovered range, ready to be written on.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) manifest: Manifest,
    /// The increment that grows.
    pub(crate) log: LogFile,
    pub(crate) headed: bool,
    /// The end of the log stream.
    pub(crate) end: u64,
    /// Length of all increments, bytes.
    pub(crate) log_bytes: u64,
    pub(crate) report: RangeReport,
}

impl From<Recovered> for Increment {
    fn from(recovered: Recovered) -> Increment {
        Increment {
            number: recovered.manifest.logs.last().copied().unwrap_or_default(),
            log: Arc::new(recovered.log),
            end: recovered.end,
            headed: recovered.headed,
        }
    }
}

/// Takes the lock, makes the store if there is none, and recovers every range. `cut_torn`: see [`crate::Config::cut_torn`].
pub(crate) fn open(
    layout: &Layout,
    cut_torn: bool,
    replay: &impl Replay,
) -> Result<(DirectoryLock, Vec<Recovered>, RecoveryReport), Error> {
    let began = Instant::now();
    create::directory(layout.dir())?;
    let lock = DirectoryLock::take(layout)?;
    match fs::read(layout.format()) {
        Ok(bytes) => create::check_format(layout, &bytes)?,
        Err(error) if error.kind() == ErrorKind::NotFound => create::store(layout)?,
        Err(error) => return Err(error).doing("cannot read", &layout.format()),
    }
    redo(layout)?;
    let replayed = in_parallel(0..RANGES, |range| range::replay(&layout.range(range), replay))?;
    let recovered = in_parallel(replayed, |replayed| range::settle(replayed, cut_torn))?;
    let ranges = recovered.iter().map(|recovered| recovered.report.clone()).collect();
    Ok((lock, recovered, RecoveryReport { ranges, elapsed: began.elapsed() }))
}

/// Who wrote the logs of a store; nobody yet, if that was never noted.
pub(crate) fn history(layout: &Layout) -> Result<History, Error> {
    let path = layout.history();
    match fs::read(&path) {
        Ok(bytes) => History::decode(&bytes).map_err(|what| Error::damaged(&path, 0, what)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(History::default()),
        Err(error) => Err(error).doing("cannot read", &path),
    }
}

/// The name of a store; one that has none yet gets one.
pub(crate) fn id(layout: &Layout) -> Result<StoreId, Error> {
    let path = layout.id();
    match fs::read_to_string(&path) {
        Ok(text) => text.parse().map_err(|_| Error::damaged(&path, 0, "not the id of a store")),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let id = StoreId::random();
            let new = layout.dir().join("id.new");
            write_durably(&new, format!("{id}\n").as_bytes())?;
            disk::rename(&new, &path)?;
            disk::sync_dir(layout.dir())?;
            Ok(id)
        }
        Err(error) => Err(error).doing("cannot read", &path),
    }
}

/// Does the same for every range, on as many threads as there are processors. The error is that of the lowest range that has one.
fn in_parallel<T: Send, U: Send>(
    ranges: impl IntoIterator<Item = T, IntoIter: Send>,
    job: impl Fn(T) -> Result<U, Error> + Sync,
) -> Result<Vec<U>, Error> {
    let threads = task::parallelism().min(RANGES);
    if threads == 1 {
        return ranges.into_iter().map(job).collect();
    }
    let (next, done) = (Mutex::new(ranges.into_iter().enumerate()), Mutex::new(Vec::with_capacity(RANGES)));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let Some((range, of_range)) = next.lock().next() else { return };
                    let result = job(of_range);
                    done.lock().push((range, result));
                }
            });
        }
    });
    let mut done = done.into_inner();
    done.sort_by_key(|(range, _)| *range);
    done.into_iter().map(|(_, result)| result).collect()
}
