//! The threads that drive writer and syncer in production.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{Builder, JoinHandle};

use parking_lot::Mutex;
use shared::limits::WRITE_DELAY_MS;
use shared::rt::time::{Duration, Instant};

use crate::error::{Doing, Error};
use crate::log::writer::Writer;
use crate::signal::Urgency;
use crate::store::Core;
use crate::sync::{Syncer, When};

#[derive(Debug)]
pub(crate) struct Threads {
    core: Arc<Core>,
    /// The thread's, lent to who writes at once.
    lent: Arc<Mutex<Writer>>,
    writer: JoinHandle<()>,
    syncer: JoinHandle<()>,
}

impl Threads {
    pub(crate) fn start(writer: Writer, mut syncer: Syncer) -> Result<Threads, Error> {
        let core = Arc::clone(&writer.core);
        let dir = core.layout.dir();
        let lent = Arc::new(Mutex::new(writer));
        let driven = Arc::clone(&lent);
        let writer = Builder::new()
            .name("log-writer".into())
            .spawn(move || run_writer(&driven))
            .doing("cannot start the log's writer", dir)?;
        let driven = Arc::clone(&lent);
        let syncer = Builder::new().name("log-syncer".into()).spawn(move || run_syncer(&mut syncer, &driven));
        match syncer.doing("cannot start the log's syncer", dir) {
            Ok(syncer) => Ok(Threads { core, lent, writer, syncer }),
            Err(error) => {
                core.poison(&error);
                stop(&core, writer);
                Err(error)
            }
        }
    }

    /// Writes what is pending on the thread of the caller; false: the writer is at it already.
    pub(crate) fn write_now(&self) -> bool {
        self.lent.try_lock().is_some_and(|mut writer| {
            // An error has poisoned the store: whoever waits hears of it.
            let _poisoned = writer.step();
            true
        })
    }

    /// Writes and makes durable what was appended, then ends both threads.
    pub(crate) fn stop(self) {
        // The writer first: what it writes last, the syncer still makes durable.
        self.core.stop_writer.store(true, Ordering::Release);
        stop(&self.core, self.writer);
        self.core.stop_syncer.store(true, Ordering::Release);
        stop(&self.core, self.syncer);
    }
}

fn stop(core: &Core, thread: JoinHandle<()>) {
    core.writer_signal.raise(Urgency::Now);
    core.syncer_signal.raise(Urgency::Now);
    if thread.join().is_err() {
        core.poison_because("a thread of the store panicked");
    }
}

/// Poisons the store if its thread ends by a panic: nobody would ever be answered.
struct PoisonOnPanic<'a>(&'a Core);

impl Drop for PoisonOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.poison_because("a thread of the store panicked");
        }
    }
}

fn run_writer(writer: &Mutex<Writer>) {
    let core = Arc::clone(&writer.lock().core);
    let _guard = PoisonOnPanic(&core);
    loop {
        // Asked anew after every step: a step clears the signal, also one that said that it is to stop.
        if !core.stop_writer.load(Ordering::Acquire) {
            core.writer_signal.wait(Urgency::Soon, None);
            let before = core.written.reached();
            let until = Instant::now() + Duration::from_millis(WRITE_DELAY_MS);
            let waited_for = core.writer_signal.wait(Urgency::Now, Some(until));
            if !waited_for && core.written.reached() > before {
                // Somebody wrote meanwhile: what there is now has not waited long.
                continue;
            }
        }
        let stop = core.stop_writer.load(Ordering::Acquire);
        if writer.lock().step().is_err() || stop {
            return;
        }
    }
}

fn run_syncer(syncer: &mut Syncer, writer: &Mutex<Writer>) {
    let core = Arc::clone(&syncer.core);
    let _guard = PoisonOnPanic(&core);
    loop {
        if core.stop_syncer.load(Ordering::Acquire) {
            let _ = syncer.sync_now();
            return;
        }
        if core.wants_write() {
            // Here, as waking the writer for it and being woken by it costs two switches a group commit.
            let _poisoned = writer.lock().step();
        }
        let when = syncer.step(Instant::now());
        if core.stop_syncer.load(Ordering::Acquire) || when.is_ok() && core.wants_write() {
            // The step may have cleared the signal that said so, or it came while this was at it.
            continue;
        }
        let _woken = match when {
            Ok(When::Woken) => core.syncer_signal.wait(Urgency::Soon, None),
            Ok(When::At(time)) => core.syncer_signal.wait(Urgency::Now, Some(time)),
            Err(_) => return,
        };
    }
}
