//! The node's log: where effects go, and how the keyspace comes back from it.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use parking_lot::{Mutex, MutexGuard};
use persistence::{Appended, Fsync, Generation, Rewriting, Store};
use shared::limits::RANGES;
use shared::rt::time::{self, Duration, Instant};
use shared::slot::Slot;

use crate::command::CommandError;
use crate::config::Config;
use crate::config::high::AppendFsync;
use crate::keyspace::Keyspace;
use crate::replay::{KeyspaceReplay, write_base_entry};

/// How often a log that has outgrown its base is looked for, milliseconds.
const REWRITE_LOOK_MS: u64 = 500;

/// The log of a node. Without `appendonly` nothing is kept.
pub struct Log {
    store: Option<Store>,
    /// Ranges that BGREWRITEAOF asked for, one bit each.
    asked: AtomicU32,
    /// Ranges whose last rewriting failed, one bit each.
    rewrite_failed: AtomicU32,
    /// When everything was last known to be on disk, Unix seconds: LASTSAVE.
    saved_s: AtomicU64,
    /// See [`Log::intake`].
    intake: [Mutex<()>; RANGES],
}

impl Log {
    /// The log that settings ask for, its contents replayed.
    pub fn open(config: &Config, replay: &KeyspaceReplay<'_>) -> Result<Log, persistence::Error> {
        let mut log = Log {
            store: None,
            asked: AtomicU32::new(0),
            rewrite_failed: AtomicU32::new(0),
            saved_s: AtomicU64::new(time::now_ms() / 1_000),
            intake: Default::default(),
        };
        if !config.appendonly {
            return Ok(log);
        }
        let store_config = persistence::Config {
            dir: config.dir.join(&config.appenddirname),
            fsync: fsync(config.appendfsync),
            rewriting: rewriting(config),
            cut_torn: config.load_truncated,
        };
        let (store, report) = Store::open(&store_config, replay)?;
        for torn in report.torn() {
            tracing::warn!(file = %torn.file.display(), at = torn.at, bytes = torn.bytes, "cut off a torn end of the log");
        }
        tracing::info!("DB loaded from append only file: {report}");
        store.start()?;
        log.store = Some(store);
        Ok(log)
    }

    /// Appends effects to the log of a slot; called under the lock of its partition, so their order is the order of the changes.
    #[inline]
    pub fn append(&self, slot: Slot, effects: &[u8]) -> Result<Option<Appended>, CommandError> {
        #[cfg(feature = "sim")]
        if shared::rt::sim::strikes("answer-before-append") {
            return Ok(self.append_later(slot, effects));
        }
        match &self.store {
            None => Ok(None),
            Some(store) => match store.append(slot, |buffer| buffer.extend_from_slice(effects)) {
                Ok(appended) => Ok(Some(appended)),
                Err(error) => Err(refused(&error)),
            },
        }
    }

    /// A planted fault: what is answered is in the log only a moment later.
    #[cfg(feature = "sim")]
    fn append_later(&self, slot: Slot, effects: &[u8]) -> Option<Appended> {
        let (store, effects) = (self.store.clone()?, effects.to_owned());
        let generation = store.generation();
        shared::rt::task::spawn(async move {
            time::sleep(Duration::from_millis(20)).await;
            let _late = store.append(slot, |buffer| buffer.extend_from_slice(&effects));
        });
        Some(Appended { generation, pressed: false })
    }

    /// Refuses a write when the log can take no more.
    #[inline]
    pub fn check(&self) -> Result<(), CommandError> {
        match &self.store {
            None => Ok(()),
            Some(store) => store.check().map_err(|error| refused(&error)),
        }
    }

    /// The store, if anything is kept.
    pub fn store(&self) -> Option<&Store> {
        self.store.as_ref()
    }

    /// Takes over changed settings.
    pub fn configure(&self, config: &Config) {
        if let Some(store) = &self.store {
            store.set_fsync(fsync(config.appendfsync));
            store.set_rewriting(rewriting(config));
        }
    }

    /// Has all ranges rewritten, one after another: BGREWRITEAOF.
    pub fn ask_rewrite(&self) {
        self.asked.store((1 << RANGES) - 1, Ordering::Release);
    }

    /// Whether ranges are being rewritten, or will be because somebody asked.
    pub fn rewriting(&self) -> bool {
        self.asked.load(Ordering::Acquire) != 0
            || self
                .store
                .as_ref()
                .is_some_and(|store| store.status().ranges.iter().any(|range| range.rewriting))
    }

    /// Whether the last rewriting of any range failed: its log goes on growing.
    pub fn rewrite_failed(&self) -> bool {
        self.rewrite_failed.load(Ordering::Relaxed) != 0
    }

    /// Everything was made durable just now.
    pub fn saved(&self) {
        self.saved_s.store(time::now_ms() / 1_000, Ordering::Relaxed);
    }

    /// When everything was last known to be on disk, Unix seconds.
    pub fn saved_s(&self) -> u64 {
        self.saved_s.load(Ordering::Relaxed)
    }

    /// Waits until this generation is on disk.
    pub async fn durable(&self, generation: Generation) -> Result<(), CommandError> {
        match &self.store {
            None => Ok(()),
            Some(store) => store.wait_durable(generation).await.map_err(|error| refused(&error)),
        }
    }

    /// Rewrites ranges that have outgrown their bases or were asked for, until the node stops. Blocks its thread.
    pub async fn run_rewriter(&self, keyspace: &Keyspace) {
        let Some(store) = &self.store else { return };
        loop {
            let asked = self.asked.load(Ordering::Acquire);
            let range = if asked != 0 {
                Some(asked.trailing_zeros() as usize)
            } else {
                store.rewrite_due(Instant::now())
            };
            let Some(range) = range else {
                time::sleep(Duration::from_millis(REWRITE_LOOK_MS)).await;
                continue;
            };
            self.rewrite(store, keyspace, range);
            self.asked.fetch_and(!(1 << range), Ordering::AcqRel);
            // Leaves the thread to the end of the node, if that is asked for.
            time::sleep(Duration::ZERO).await;
        }
    }

    /// While it is held, what comes from a primary for this range is either in the log and applied, or neither. Taken before the
    /// lock of any partition.
    pub fn intake(&self, range: usize) -> MutexGuard<'_, ()> {
        self.intake[range].lock()
    }

    fn rewrite(&self, store: &Store, keyspace: &Keyspace, range: usize) {
        let result = store.rewrite(range, |slot, dump| {
            let _intake = self.intake(range);
            let partition = keyspace.lock(slot.partition());
            let mut entries = dump.begin();
            partition
                .table(slot)
                .iter()
                .for_each(|entry| entries.push(|buffer| write_base_entry(entry, buffer)));
        });
        match result {
            Ok(report) => {
                self.saved();
                self.rewrite_failed.fetch_and(!(1 << range), Ordering::Relaxed);
                tracing::info!(
                    range,
                    entries = report.entries,
                    bytes = report.base_bytes,
                    "rewrote a range of the log"
                );
            }
            Err(error) => {
                self.rewrite_failed.fetch_or(1 << range, Ordering::Relaxed);
                tracing::warn!(range, %error, "rewriting a range of the log failed");
            }
        }
    }

    /// Makes everything durable and ends the store.
    pub fn close(&self) -> Result<(), persistence::Error> {
        self.store.as_ref().map_or(Ok(()), Store::close)
    }
}

fn refused(error: &persistence::Error) -> CommandError {
    CommandError::Misconfigured(error.to_string())
}

fn fsync(policy: AppendFsync) -> Fsync {
    match policy {
        AppendFsync::Always => Fsync::Always,
        AppendFsync::EverySecond => Fsync::EverySecond,
        AppendFsync::No => Fsync::No,
    }
}

fn rewriting(config: &Config) -> Rewriting {
    let percentage = u32::try_from(config.rewrite_percentage).unwrap_or(u32::MAX);
    Rewriting { percentage, min_bytes: config.rewrite_min_bytes }
}
