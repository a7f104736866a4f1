//! What a store keeps of one range while it runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;
use shared::rt::time::{Duration, Instant};

use crate::log::LogFile;
use crate::log::pending::Pending;
use crate::manifest::Manifest;
use crate::recovery::Recovered;

/// How long a range whose rewriting failed (a full disk) is not due again.
const REWRITE_RETRY: Duration = Duration::from_secs(60);

/// One range. Aligned so that the mutexes of two ranges never share a cache line.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Range {
    /// Effects on their way to the writer. Taken under the caller's partition lock; takes no other lock.
    pub(crate) pending: Mutex<Pending>,
    /// Files with bytes that are written and not durable, and the offset up to which they are written.
    pub(crate) unsynced: Mutex<Vec<Unsynced>>,
    /// What the manifest on disk says.
    pub(crate) manifest: Mutex<Manifest>,
    /// Offset at which the growing increment starts.
    pub(crate) increment_start: AtomicU64,
    /// The log stream is durable up to here.
    pub(crate) durable_end: AtomicU64,
    /// How often the log stream has begun anew.
    pub(crate) restarts: AtomicU64,
    pub(crate) base_bytes: AtomicU64,
    /// Bytes of all increments.
    pub(crate) log_bytes: AtomicU64,
    pub(crate) rewriting: AtomicBool,
    /// Not due before this time, after a failed rewriting.
    pub(crate) retry_at: Mutex<Option<Instant>>,
}

/// A file with bytes that are not durable.
#[derive(Debug, Clone)]
pub(crate) struct Unsynced {
    pub(crate) log: Arc<LogFile>,
    pub(crate) end: u64,
    /// How often the log stream had begun anew.
    pub(crate) restarts: u64,
}

/// Sizes of one range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RangeStatus {
    /// Length of the base, bytes.
    pub base_bytes: u64,
    /// Length of all increments, bytes.
    pub log_bytes: u64,
    /// A rewriting is under way.
    pub rewriting: bool,
}

impl Range {
    pub(crate) fn new(recovered: &Recovered) -> Range {
        Range {
            pending: Mutex::new(Pending::new(recovered.end)),
            unsynced: Mutex::new(Vec::new()),
            manifest: Mutex::new(recovered.manifest.clone()),
            increment_start: AtomicU64::new(0),
            durable_end: AtomicU64::new(recovered.end),
            restarts: AtomicU64::new(0),
            base_bytes: AtomicU64::new(recovered.manifest.base.map_or(0, |(_, length)| length)),
            log_bytes: AtomicU64::new(recovered.log_bytes),
            rewriting: AtomicBool::new(false),
            retry_at: Mutex::new(None),
        }
    }

    /// Notes bytes that are written to this file up to this offset.
    pub(crate) fn written(&self, log: &Arc<LogFile>, end: u64) {
        let mut unsynced = self.unsynced.lock();
        match unsynced.last_mut() {
            Some(last) if Arc::ptr_eq(&last.log, log) => last.end = end,
            _ => {
                let restarts = self.restarts.load(Ordering::Acquire);
                unsynced.push(Unsynced { log: Arc::clone(log), end, restarts });
            }
        }
    }

    /// The log stream begins anew at this offset, in a file that holds nothing yet.
    pub(crate) fn restarted(&self, start: u64) {
        // Under the lock that the syncer takes when it notes an end, so that it notes none of the old stream afterwards.
        let mut unsynced = self.unsynced.lock();
        unsynced.clear();
        self.restarts.fetch_add(1, Ordering::AcqRel);
        self.durable_end.store(start, Ordering::Release);
        self.base_bytes.store(0, Ordering::Relaxed);
        self.log_bytes.store(0, Ordering::Relaxed);
    }

    /// These bytes of the log are durable.
    pub(crate) fn synced(&self, file: &Unsynced) {
        let _noted = self.unsynced.lock();
        if file.restarts == self.restarts.load(Ordering::Acquire) {
            self.durable_end.fetch_max(file.end, Ordering::Release);
        }
    }

    pub(crate) fn rewrite_ended(&self, failed_at: Option<Instant>) {
        *self.retry_at.lock() = failed_at.map(|now| now + REWRITE_RETRY);
        self.rewriting.store(false, Ordering::Release);
    }

    pub(crate) fn status(&self) -> RangeStatus {
        RangeStatus {
            base_bytes: self.base_bytes.load(Ordering::Relaxed),
            log_bytes: self.log_bytes.load(Ordering::Relaxed),
            rewriting: self.rewriting.load(Ordering::Relaxed),
        }
    }
}
