//! One machine: what a simulation does to it from outside, and what its tasks ask about it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::task::futures::TaskLocalFuture;

use super::super::rng::Rng;
use super::super::time;

tokio::task_local! {
    static HOST: Host;
}

/// How a disk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Disk {
    /// It does what it is told.
    #[default]
    Healthy,
    /// Writing and syncing fail (EIO).
    Broken,
    /// Writing fails (ENOSPC).
    Full,
}

/// A machine. Clones are the same one.
#[derive(Debug, Clone, Default)]
pub struct Host {
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    frozen: AtomicBool,
    /// The process has been killed: what its destructors do must not be seen.
    dead: AtomicBool,
    /// Tasks that were to go on while it was frozen.
    waiting: Mutex<Vec<Waker>>,
    /// What its wall clock is ahead by, milliseconds.
    ahead_ms: AtomicI64,
    disk: Mutex<Disk>,
    /// How many of a hundred writes reach the disk in part before they are synced.
    written_back: AtomicU64,
    /// How long a group of writes waits for the disk at most, microseconds.
    disk_us_max: AtomicU64,
    locked: Mutex<BTreeSet<PathBuf>>,
    /// How much its process holds of what.
    held: Mutex<BTreeMap<&'static str, usize>>,
    /// Files that are open, so that they can be read when their names are gone.
    open: Mutex<BTreeMap<PathBuf, Vec<Weak<Orphan>>>>,
}

/// What a file holds whose name is gone; none while it has one.
pub(in crate::rt) type Orphan = Mutex<Option<Vec<u8>>>;

impl Host {
    /// The machine that the running task is on.
    pub fn current() -> Option<Host> {
        HOST.try_with(Host::clone).ok()
    }

    /// Runs a future on this machine: its tasks, clocks and files are this one's.
    pub fn run<F: Future>(&self, future: F) -> OnHost<F> {
        OnHost { host: self.clone(), future: Box::pin(HOST.scope(self.clone(), future)) }
    }

    /// A process begins: the last one is gone, with its locks.
    pub fn booted(&self) {
        self.state.dead.store(false, Ordering::Relaxed);
        self.state.locked.lock().clear();
        self.state.open.lock().clear();
        self.state.waiting.lock().clear();
        self.state.held.lock().clear();
    }

    /// The process is being killed: call it before turmoil drops its tasks.
    pub fn killed(&self) {
        self.state.dead.store(true, Ordering::Relaxed);
        self.state.frozen.store(false, Ordering::Relaxed);
    }

    /// Whether its process was killed and no other one has begun.
    pub fn is_dead(&self) -> bool {
        self.state.dead.load(Ordering::Relaxed)
    }

    /// Stops all its tasks where they stand (SIGSTOP).
    pub fn freeze(&self) {
        self.state.frozen.store(true, Ordering::Relaxed);
    }

    /// Lets them go on (SIGCONT).
    pub fn thaw(&self) {
        self.state.frozen.store(false, Ordering::Relaxed);
        self.state.waiting.lock().drain(..).for_each(Waker::wake);
    }

    /// Whether it is frozen.
    pub fn is_frozen(&self) -> bool {
        self.state.frozen.load(Ordering::Relaxed)
    }

    /// Sets its wall clock ahead of the simulation's, or behind.
    pub fn set_ahead_ms(&self, ms: i64) {
        self.state.ahead_ms.store(ms, Ordering::Relaxed);
    }

    pub(in crate::rt) fn ahead_ms(&self) -> i64 {
        self.state.ahead_ms.load(Ordering::Relaxed)
    }

    /// Its process holds so much of this.
    pub fn holds(&self, what: &'static str, count: usize) {
        self.state.held.lock().insert(what, count);
    }

    /// What its process has said last of what it holds.
    pub fn held(&self) -> BTreeMap<&'static str, usize> {
        self.state.held.lock().clone()
    }

    /// Breaks its disk, or mends it.
    pub fn set_disk(&self, disk: Disk) {
        *self.state.disk.lock() = disk;
    }

    /// How its disk is.
    pub fn disk(&self) -> Disk {
        *self.state.disk.lock()
    }

    /// Has the system write back by itself: of so many of a hundred writes a part, with all before it in the file, survives a power
    /// failure without having been synced.
    pub fn set_written_back(&self, of_a_hundred: u64) {
        self.state.written_back.store(of_a_hundred, Ordering::Relaxed);
    }

    /// Up to where a write of so many bytes is written back, if it is.
    pub(in crate::rt) fn writes_back(&self, bytes: usize) -> Option<usize> {
        let mut rng = Rng::from_system();
        let of_a_hundred = self.state.written_back.load(Ordering::Relaxed);
        (rng.below(100) < of_a_hundred).then(|| rng.below(bytes as u64 + 1) as usize)
    }

    /// How long its disk may take for a group of writes.
    pub fn set_disk_delay(&self, at_most: Duration) {
        let us = u64::try_from(at_most.as_micros()).unwrap_or(u64::MAX);
        self.state.disk_us_max.store(us, Ordering::Relaxed);
    }

    /// Waits as long as the disk takes.
    pub async fn disk_works(&self) {
        let us = Rng::from_system().below(self.state.disk_us_max.load(Ordering::Relaxed) + 1);
        time::sleep(Duration::from_micros(us)).await;
    }

    pub(in crate::rt) fn lock(&self, path: &Path) -> bool {
        self.state.locked.lock().insert(path.to_owned())
    }

    pub(in crate::rt) fn unlock(&self, path: &Path) {
        self.state.locked.lock().remove(path);
    }

    pub(in crate::rt) fn opened(&self, path: &Path, file: &Arc<Orphan>) {
        let mut open = self.state.open.lock();
        open.retain(|_, files| files.iter().any(|file| file.strong_count() > 0));
        open.entry(path.to_owned()).or_default().push(Arc::downgrade(file));
    }

    /// Files that are open under this name, which is about to go.
    pub(in crate::rt) fn orphans(&self, path: &Path) -> Vec<Arc<Orphan>> {
        let files = self.state.open.lock().remove(path).unwrap_or_default();
        files.iter().filter_map(Weak::upgrade).collect()
    }
}

/// A future that goes on only while its machine is not frozen.
pub struct OnHost<F: Future> {
    host: Host,
    future: Pin<Box<TaskLocalFuture<Host, F>>>,
}

impl<F: Future> Future for OnHost<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        if self.host.is_frozen() {
            self.host.state.waiting.lock().push(cx.waker().clone());
            return Poll::Pending;
        }
        self.future.as_mut().poll(cx)
    }
}
