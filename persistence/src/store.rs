//! The door of a store: append, wait, rewrite, close.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

use parking_lot::Mutex;
use shared::limits::RANGES;
use shared::rt::time::{Duration, Instant};
use shared::slot::Slot;

use crate::config::{Config, Fsync, Rewriting};
use crate::disk;
use crate::error::Error;
use crate::follow::{Follower, Followers};
use crate::generation::{Generation, Progress};
use crate::history::{History, Offsets};
use crate::layout::Layout;
use crate::lock::DirectoryLock;
use crate::log::pending::Pending;
use crate::log::rewrite::{Rewrite, RewriteReport, RewriteStep, SlotDump};
use crate::log::stretch::LogPiece;
use crate::log::writer::{Increment, Writer};
use crate::manifest::{Unplaced, write_durably};
use crate::poison::Poison;
use crate::range::{Range, RangeStatus};
use crate::receive::Receive;
use crate::recovery::{self, RecoveryReport, Replay};
use crate::signal::{Signal, Urgency};
use crate::store_id::StoreId;
use crate::sync::Syncer;
use crate::threads::Threads;

/// What all parts of a running store share.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) layout: Layout,
    id: StoreId,
    pub(crate) ranges: Box<[Range; RANGES]>,
    pub(crate) poison: Poison,
    /// The generation that the writer takes next.
    pub(crate) open_generation: AtomicU64,
    pub(crate) written: Progress,
    pub(crate) durable: Progress,
    /// The highest generation that somebody waits for to be durable.
    pub(crate) wanted_durable: AtomicU64,
    /// An fsync is running.
    pub(crate) syncing: AtomicBool,
    pub(crate) writer_signal: Signal,
    pub(crate) syncer_signal: Signal,
    pub(crate) stop_writer: AtomicBool,
    pub(crate) stop_syncer: AtomicBool,
    /// For who would block for them.
    #[cfg(feature = "sim")]
    pub(crate) drivers: Mutex<std::sync::Weak<crate::threads::Drivers>>,
    pub(crate) group_commits: AtomicU64,
    /// How long the last one took, microseconds.
    pub(crate) last_commit_us: AtomicU64,
    pub(crate) followers: Followers,
    /// As it is on disk.
    history: Mutex<History>,
    fsync: AtomicU8,
    rewriting: Mutex<Rewriting>,
    _lock: DirectoryLock,
}

impl Core {
    pub(crate) fn fsync(&self) -> Fsync {
        Fsync::from_code(self.fsync.load(Ordering::Relaxed))
    }

    pub(crate) fn poison(&self, error: &Error) {
        self.poison_because(&error.to_string());
    }

    pub(crate) fn poison_because(&self, reason: &str) {
        self.poison.set(reason);
        self.written.wake();
        self.durable.wake();
    }

    /// The writer has written this generation.
    pub(crate) fn written_up_to(&self, generation: Generation) {
        self.written.publish(generation);
        let wanted = self.wanted_durable.load(Ordering::Acquire) > self.durable.reached().0;
        let now = wanted || self.fsync() == Fsync::Always;
        self.syncer_signal.raise(if now { Urgency::Now } else { Urgency::Soon });
    }

    /// Somebody waits for this generation to be durable: starts the next group commit at once.
    pub(crate) fn want_durable(&self, generation: Generation) {
        if self.durable.reached() < generation {
            self.wanted_durable.fetch_max(generation.0, Ordering::SeqCst);
            if self.written.reached() >= generation || !self.syncing.load(Ordering::SeqCst) {
                // It writes first what is not written, so that no fsync is spent on less and no other thread is woken for it.
                self.syncer_signal.raise(Urgency::Now);
            }
            // Else the next fsync begins when this one has ended: what comes until then is written in one go.
        }
    }

    pub(crate) fn want_written(&self, generation: Generation) {
        if self.written.reached() < generation {
            self.writer_signal.raise(Urgency::Now);
        }
    }

    /// Waits as a thread for the writer.
    pub(crate) fn wait_written_blocking(&self, generation: Generation) -> Result<(), Error> {
        #[cfg(feature = "sim")]
        while self.written.reached() < generation {
            crate::threads::drive(self)?;
        }
        self.written.wait_blocking(generation, &self.poison)
    }

    /// Waits as a thread for the syncer.
    pub(crate) fn wait_durable_blocking(&self, generation: Generation) -> Result<(), Error> {
        #[cfg(feature = "sim")]
        while self.durable.reached() < generation {
            crate::threads::drive(self)?;
        }
        self.durable.wait_blocking(generation, &self.poison)
    }
}

/// A store of slot ranges, open. Clones are the same store; the last one that is dropped writes what is pending and stops the threads.
#[derive(Debug, Clone)]
pub struct Store {
    owner: Arc<Owner>,
}

/// What only handles of the store share, not its threads: so its drop is the end of the store.
#[derive(Debug)]
struct Owner {
    core: Arc<Core>,
    /// Until somebody drives them.
    drivers: Mutex<Option<(Writer, Syncer)>>,
    threads: Mutex<Option<Threads>>,
}

/// What became of an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// What to wait for to know it written or durable.
    pub generation: Generation,
    /// More than [`RANGE_PENDING_BYTES_MAX`](shared::limits::RANGE_PENDING_BYTES_MAX) bytes of the range wait for the disk: hold the reply, and what
    /// the client sends next, until the generation is written.
    pub pressed: bool,
}

/// What a store does, for INFO and metrics.
#[derive(Debug, Clone)]
pub struct Status {
    /// Why it takes no more writes, if so.
    pub poisoned: Option<Arc<str>>,
    /// What is written.
    pub written: Generation,
    /// What is durable.
    pub durable: Generation,
    /// Bytes in memory, not written yet.
    pub pending_bytes: u64,
    /// How many times something was made durable for everybody who waited.
    pub group_commits: u64,
    /// How long the last time took.
    pub last_commit: Duration,
    /// Sizes of each range.
    pub ranges: Vec<RangeStatus>,
}

impl Store {
    /// Opens (or makes) the store of a directory and replays what it holds: ranges in parallel, within a range in order.
    ///
    /// Nothing is written until [`Store::start`] or until the [`Store::drivers`] are stepped.
    ///
    /// # Errors
    ///
    /// [`Error::InUse`], [`Error::Damaged`], [`Error::Version`], [`Error::Replay`]: no file that counts was changed. [`Error::Io`].
    pub fn open(config: &Config, replay: &impl Replay) -> Result<(Store, RecoveryReport), Error> {
        let layout = Layout::new(&config.dir);
        let (lock, recovered, report) = recovery::open(&layout, config.cut_torn, replay)?;
        let history = recovery::history(&layout)?;
        let id = recovery::id(&layout)?;
        let ends = std::array::from_fn(|range| recovered.get(range).map_or(0, |range| range.end));
        let ranges: Vec<Range> = recovered.iter().map(Range::new).collect();
        let ranges: Box<[Range; RANGES]> =
            ranges.try_into().map_err(|_| Error::NoSuchRange { range: recovered.len() })?;
        let core = Arc::new(Core {
            layout,
            id,
            ranges,
            poison: Poison::default(),
            open_generation: AtomicU64::new(1),
            written: Progress::new(),
            durable: Progress::new(),
            wanted_durable: AtomicU64::new(0),
            writer_signal: Signal::default(),
            syncer_signal: Signal::default(),
            syncing: AtomicBool::new(false),
            stop_writer: AtomicBool::new(false),
            stop_syncer: AtomicBool::new(false),
            #[cfg(feature = "sim")]
            drivers: Mutex::default(),
            group_commits: AtomicU64::new(0),
            last_commit_us: AtomicU64::new(0),
            followers: Followers::new(ends),
            history: Mutex::new(history),
            fsync: AtomicU8::new(config.fsync.code()),
            rewriting: Mutex::new(config.rewriting),
            _lock: lock,
        });
        let increments = recovered.into_iter().map(Increment::from).collect();
        let drivers = (Writer::new(Arc::clone(&core), increments), Syncer::new(Arc::clone(&core)));
        let owner = Owner { core, drivers: Mutex::new(Some(drivers)), threads: Mutex::new(None) };
        Ok((Store { owner: Arc::new(owner) }, report))
    }

    pub(crate) fn core(&self) -> &Core {
        &self.owner.core
    }

    /// Starts the two threads that write and sync. Does nothing if somebody drives them already.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the system gives no thread.
    pub fn start(&self) -> Result<(), Error> {
        if let Some((writer, syncer)) = self.drivers() {
            *self.owner.threads.lock() = Some(Threads::start(writer, syncer)?);
        }
        Ok(())
    }

    /// The passive writer and syncer, for who steps them by hand instead of [`Store::start`]. Once.
    pub fn drivers(&self) -> Option<(Writer, Syncer)> {
        self.owner.drivers.lock().take()
    }

    /// Appends an effect of a slot: `encode` adds its bytes to what the buffer holds. Call it under the lock that orders the writes of this slot.
    ///
    /// Never waits for the disk. Costs 20 ns more than encoding alone: the crate's documentation says how that was measured.
    ///
    /// # Errors
    ///
    /// [`Error::Poisoned`]: nothing was taken.
    #[inline]
    pub fn append(&self, slot: Slot, encode: impl FnOnce(&mut Vec<u8>)) -> Result<Appended, Error> {
        let core = &*self.owner.core;
        core.poison.check()?;
        let appended = core.ranges[slot.range()].pending.lock().append(slot, encode);
        let Ok(appended) = appended else { return Err(self.refuse_item(slot)) };
        core.writer_signal.raise_after_lock(if appended.pressed { Urgency::Now } else { Urgency::Soon });
        Ok(appended)
    }

    /// The keyspace has changed already, and the log cannot follow: nothing later may be acknowledged either.
    #[cold]
    fn refuse_item(&self, slot: Slot) -> Error {
        self.owner
            .core
            .poison_because(&format!("an effect of slot {slot} is too long, or its encoder cut the buffer"));
        self.owner.core.poison.error()
    }

    /// The generation that holds everything appended before this call, at the latest.
    pub fn generation(&self) -> Generation {
        Generation(self.owner.core.open_generation.load(Ordering::Acquire))
    }

    /// What is written: it survives the end of the process.
    pub fn written(&self) -> Generation {
        self.owner.core.written.reached()
    }

    /// What is durable: it survives the end of the machine's power.
    pub fn durable(&self) -> Generation {
        self.owner.core.durable.reached()
    }

    /// Waits until a generation is written; the writer does not dawdle then.
    ///
    /// # Errors
    ///
    /// [`Error::Poisoned`].
    pub async fn wait_written(&self, generation: Generation) -> Result<(), Error> {
        let core = &*self.owner.core;
        core.want_written(generation);
        core.written.wait(generation, &core.poison).await
    }

    /// Has a generation written without waiting for it: on the thread of the caller, as long as nothing keeps writes to the files waiting;
    /// else by the writer, which does not dawdle then.
    pub fn write_now(&self, generation: Generation) {
        let core = &*self.owner.core;
        if self.written() >= generation {
            return;
        }
        let wrote = !core.syncing.load(Ordering::Acquire)
            && self.owner.threads.lock().as_ref().is_some_and(Threads::write_now);
        if !wrote || self.written() < generation {
            core.writer_signal.raise(Urgency::Now);
        }
    }

    /// [`Store::wait_written`] for a thread that may block.
    ///
    /// # Errors
    ///
    /// [`Error::Poisoned`].
    pub fn wait_written_blocking(&self, generation: Generation) -> Result<(), Error> {
        let core = &*self.owner.core;
        core.want_written(generation);
        core.wait_written_blocking(generation)
    }

    /// Waits until a generation is durable; the next fsync starts at once, whatever the policy, and serves all who wait.
    ///
    /// # Errors
    ///
    /// [`Error::Poisoned`].
    pub async fn wait_durable(&self, generation: Generation) -> Result<(), Error> {
        let core = &*self.owner.core;
        core.want_durable(generation);
        core.durable.wait(generation, &core.poison).await
    }

    /// Has the next fsync start at once, whatever the policy, without waiting for it.
    pub fn want_durable(&self, generation: Generation) {
        self.owner.core.want_durable(generation);
    }

    /// Waits until a generation is durable without asking for that: the policy decides when.
    ///
    /// # Errors
    ///
    /// [`Error::Poisoned`].
    pub async fn reaches_durable(&self, generation: Generation) -> Result<(), Error> {
        let core = &*self.owner.core;
        core.durable.wait(generation, &core.poison).await
    }

    /// [`Store::wait_durable`] for a thread that may block.
    ///
    /// # Errors
    ///
    /// [`Error::Poisoned`].
    pub fn wait_durable_blocking(&self, generation: Generation) -> Result<(), Error> {
        let core = &*self.owner.core;
        core.want_durable(generation);
        core.wait_durable_blocking(generation)
    }

    /// Why the store takes no more writes, if so.
    pub fn check(&self) -> Result<(), Error> {
        self.owner.core.poison.check()
    }

    /// Changes the policy (`CONFIG SET appendfsync`).
    pub fn set_fsync(&self, fsync: Fsync) {
        self.owner.core.fsync.store(fsync.code(), Ordering::Relaxed);
        self.owner.core.syncer_signal.raise(Urgency::Now);
    }

    /// Changes when a range is due for rewriting (`CONFIG SET auto-aof-rewrite-…`).
    pub fn set_rewriting(&self, rewriting: Rewriting) {
        *self.owner.core.rewriting.lock() = rewriting;
    }

    /// The range whose log has most outgrown what is allowed, if any: call [`Store::rewrite`] for it.
    pub fn rewrite_due(&self, now: Instant) -> Option<usize> {
        let Rewriting { percentage, min_bytes } = *self.owner.core.rewriting.lock();
        let due = |range: &Range| {
            let status = range.status();
            let grown =
                u128::from(status.log_bytes) * 100 >= u128::from(status.base_bytes) * u128::from(percentage);
            percentage > 0
                && grown
                && status.base_bytes + status.log_bytes >= (min_bytes / RANGES as u64).max(1)
                && !status.rewriting
                && range.retry_at.lock().is_none_or(|at| at <= now)
        };
        let ranges = self.owner.core.ranges.iter().enumerate().filter(|(_, range)| due(range));
        ranges.max_by_key(|(_, range)| range.log_bytes.load(Ordering::Relaxed)).map(|(range, _)| range)
    }

    /// Begins to rewrite a range: its log becomes a new base, while writes go on. To be stepped; [`Store::rewrite`] does it on a thread that may block.
    ///
    /// # Errors
    ///
    /// [`Error::RewriteRunning`], [`Error::NoSuchRange`], [`Error::Poisoned`], [`Error::Io`] (the store is as good as before).
    pub fn begin_rewrite(&self, range: usize) -> Result<Rewrite, Error> {
        Rewrite::begin(&self.owner.core, range)
    }

    /// Rewrites a range. `dump` is called for each of its slots in order: it takes the lock that orders the writes of the slot, calls
    /// [`SlotDump::begin`], pushes every entry of the slot, and gives the lock back.
    ///
    /// Blocks for the disk; the writer must be driven by somebody else.
    ///
    /// # Errors
    ///
    /// Those of [`Store::begin_rewrite`], and [`Error::SlotNotDumped`].
    pub fn rewrite(
        &self,
        range: usize,
        mut dump: impl FnMut(Slot, SlotDump<'_>),
    ) -> Result<RewriteReport, Error> {
        let mut rewrite = self.begin_rewrite(range)?;
        loop {
            match rewrite.step(&mut dump)? {
                RewriteStep::Working => {}
                RewriteStep::Waiting => rewrite.wait_blocking()?,
                RewriteStep::Done(report) => return Ok(report),
            }
        }
    }

    /// Where the log stream of each range ends, with what is not written yet.
    pub fn ends(&self) -> Offsets {
        std::array::from_fn(|range| self.owner.core.ranges[range].pending.lock().end())
    }

    /// Whether a range is in receipt, also one that was given up: then it counts as empty, whatever was appended to it.
    pub fn is_receiving(&self, range: usize) -> bool {
        self.owner.core.ranges.get(range).is_some_and(|range| range.manifest.lock().receiving)
    }

    /// Has a range whose receipt was given up count as one that holds nothing. Blocks for the disk.
    ///
    /// # Errors
    ///
    /// Those of [`Store::receive`].
    pub fn empty(&self, range: usize) -> Result<(), Error> {
        let mut receive = self.receive(range, 0)?;
        for slot in Slot::of_range(range) {
            receive.begin_slot(slot, 0);
            receive.end_slot(slot)?;
        }
        receive.finish().map(drop)
    }

    /// Where the log stream of each range ends, as written.
    pub fn written_ends(&self) -> Offsets {
        self.owner.core.followers.ends()
    }

    /// Follows the log from now on.
    pub fn follow(&self) -> Follower {
        Follower::new(&self.owner.core)
    }

    /// A piece of the log stream of a range, from one offset to another; none if the files do not reach back so far.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn read_log(&self, range: usize, from: u64, until: u64) -> Result<Option<LogPiece>, Error> {
        let core = &*self.owner.core;
        let manifest = core.ranges.get(range).ok_or(Error::NoSuchRange { range })?.manifest.lock();
        LogPiece::open(&core.layout.range(range), &manifest, from, until)
    }

    /// The end of the log stream of a slot's range now: read under the lock that orders the writes of the slot, it is the cut of
    /// what the slot holds.
    pub fn cut(&self, slot: Slot) -> u64 {
        let pending: &Mutex<Pending> = &self.owner.core.ranges[slot.range()].pending;
        pending.lock().end()
    }

    /// Forgets what a range holds and receives it anew, with the log stream from `start` on. Blocks for the disk.
    ///
    /// # Errors
    ///
    /// [`Error::RewriteRunning`], [`Error::NoSuchRange`], [`Error::Poisoned`], [`Error::Io`].
    pub fn receive(&self, range: usize, start: u64) -> Result<Receive, Error> {
        Receive::begin(&self.owner.core, range, start)
    }

    /// The name of the store.
    pub fn id(&self) -> StoreId {
        self.owner.core.id
    }

    /// Who wrote the log.
    pub fn history(&self) -> History {
        self.owner.core.history.lock().clone()
    }

    /// Notes who wrote the log, durably: before anything is appended that it is about. Blocks for the disk.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]: the old one counts still, or the store is poisoned.
    pub fn set_history(&self, history: History) -> Result<(), Error> {
        let core = &*self.owner.core;
        let mut noted = core.history.lock();
        let new = core.layout.dir().join("history.new");
        write_durably(&new, history.encode().as_bytes())?;
        let placed =
            disk::rename(&new, &core.layout.history()).and_then(|()| disk::sync_dir(core.layout.dir()));
        placed.inspect_err(|error| core.poison(error))?;
        *noted = history;
        Ok(())
    }

    /// What the store does.
    pub fn status(&self) -> Status {
        let core = &*self.owner.core;
        Status {
            poisoned: core.poison.reason(),
            written: self.written(),
            durable: self.durable(),
            pending_bytes: core.ranges.iter().map(|range| range.pending.lock().bytes() as u64).sum(),
            group_commits: core.group_commits.load(Ordering::Relaxed),
            last_commit: Duration::from_micros(core.last_commit_us.load(Ordering::Relaxed)),
            ranges: core.ranges.iter().map(Range::status).collect(),
        }
    }

    /// Ends the store in order: everything appended is made durable, later appends are refused, the manifests learn how far the logs reach.
    /// The directory is free once the last handle is dropped.
    ///
    /// # Errors
    ///
    /// [`Error::Poisoned`] or [`Error::Io`]: not everything is durable.
    pub fn close(&self) -> Result<(), Error> {
        let core = &*self.owner.core;
        if let Some((mut writer, mut syncer)) = self.drivers() {
            writer.step()?;
            syncer.sync_now()?;
        }
        if let Some(threads) = self.owner.threads.lock().take() {
            threads.stop();
        }
        core.poison.check()?;
        core.poison.close();
        core.written.wake();
        core.durable.wake();
        for range in core.ranges.iter() {
            let mut manifest = range.manifest.lock();
            let reaches = range.durable_end.load(Ordering::Acquire);
            if reaches > manifest.reaches {
                manifest.reaches = reaches;
                match manifest.place(&core.layout.range(manifest.range)) {
                    Ok(()) => {}
                    Err(Unplaced::Before(error) | Unplaced::Unknown(error)) => return Err(error),
                }
            }
        }
        Ok(())
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        if let Some(threads) = self.threads.lock().take() {
            threads.stop();
        }
    }
}
