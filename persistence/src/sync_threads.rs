//! Several files made durable at once: the file system puts what fsyncs that run together wait for into one. The threads stay, as
//! starting one costs more processor time than the fsync that it is for.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use parking_lot::{Condvar, Mutex};
use shared::limits::FSYNC_THREADS_MAX;

use crate::error::Error;
use crate::log::LogFile;

/// The threads that help the syncer. They end when this is dropped.
#[derive(Debug)]
pub(crate) struct SyncThreads {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    work: Mutex<Work>,
    /// There are files, or it ends.
    given: Condvar,
    /// The last file is done.
    done: Condvar,
}

#[derive(Debug, Default)]
struct Work {
    files: VecDeque<Arc<LogFile>>,
    /// Files that a thread has taken and not done yet.
    running: usize,
    error: Option<Error>,
    ends: bool,
}

impl SyncThreads {
    /// As many as are useful beside the thread that calls.
    ///
    /// # Errors
    ///
    /// The system gives no thread.
    pub(crate) fn start() -> io::Result<SyncThreads> {
        let mut started = SyncThreads { shared: Arc::default(), threads: Vec::new() };
        for _ in 1..FSYNC_THREADS_MAX {
            let shared = Arc::clone(&started.shared);
            let thread = Builder::new().name("log-fsync".into()).spawn(move || help(&shared))?;
            started.threads.push(thread);
        }
        Ok(started)
    }

    /// Makes all these files durable.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] of one of them, once all were tried.
    pub(crate) fn sync(&self, files: impl Iterator<Item = Arc<LogFile>>) -> Result<(), Error> {
        let mut work = self.shared.work.lock();
        work.files.extend(files);
        // The caller does one itself.
        for _ in 0..work.files.len().saturating_sub(1).min(self.threads.len()) {
            self.shared.given.notify_one();
        }
        while let Some(file) = work.files.pop_front() {
            work = self.shared.sync_one(work, &file);
        }
        while work.running > 0 {
            self.shared.done.wait(&mut work);
        }
        work.error.take().map_or(Ok(()), Err)
    }
}

impl Drop for SyncThreads {
    fn drop(&mut self) {
        self.shared.work.lock().ends = true;
        self.shared.given.notify_all();
        for thread in self.threads.drain(..) {
            // It has nothing to panic with, and nobody waits for it any more.
            let _ended = thread.join();
        }
    }
}

type Held<'w> = parking_lot::MutexGuard<'w, Work>;

impl Shared {
    /// Makes a file durable that was taken from the work, without holding that.
    fn sync_one<'w>(&'w self, mut work: Held<'w>, file: &LogFile) -> Held<'w> {
        work.running += 1;
        drop(work);
        let synced = file.sync();
        let mut work = self.work.lock();
        work.running -= 1;
        if let Err(error) = synced {
            work.error.get_or_insert(error);
        }
        if work.running == 0 && work.files.is_empty() {
            self.done.notify_one();
        }
        work
    }
}

fn help(shared: &Shared) {
    let mut work = shared.work.lock();
    while !work.ends {
        match work.files.pop_front() {
            Some(file) => work = shared.sync_one(work, &file),
            None => shared.given.wait(&mut work),
        }
    }
}
