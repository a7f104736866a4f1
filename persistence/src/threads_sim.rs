//! What drives writer and syncer on a simulated machine: two tasks, and whoever would block for them.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::Mutex;
use shared::limits::WRITE_DELAY_MS;
use shared::rt::sim::Host;
use shared::rt::task;
use shared::rt::time::{Duration, Instant, timeout, timeout_at};

use crate::error::Error;
use crate::log::writer::Writer;
use crate::signal::Urgency;
use crate::store::Core;
use crate::sync::{Syncer, When};

/// Writer and syncer, for who steps them.
pub(crate) type Drivers = Mutex<(Writer, Syncer)>;

#[derive(Debug)]
pub(crate) struct Threads {
    drivers: Arc<Drivers>,
}

impl Threads {
    pub(crate) fn start(writer: Writer, syncer: Syncer) -> Result<Threads, Error> {
        let core = Arc::clone(&writer.core);
        let drivers = Arc::new(Mutex::new((writer, syncer)));
        *core.drivers.lock() = Arc::downgrade(&drivers);
        task::spawn(run_writer(Arc::clone(&core), Arc::clone(&drivers)));
        task::spawn(run_syncer(core, Arc::clone(&drivers)));
        Ok(Threads { drivers })
    }

    /// Writes what is pending; false: somebody is at it.
    pub(crate) fn write_now(&self) -> bool {
        self.drivers.try_lock().is_some_and(|mut drivers| {
            let _poisoned = drivers.0.step();
            true
        })
    }

    /// Writes and makes durable what was appended; nothing of that if the process was killed.
    pub(crate) fn stop(self) {
        let core = Arc::clone(&self.drivers.lock().0.core);
        core.stop_writer.store(true, Ordering::Release);
        core.stop_syncer.store(true, Ordering::Release);
        if Host::current().is_some_and(|host| !host.is_dead()) {
            let (writer, syncer) = &mut *self.drivers.lock();
            let _ = writer.step().and_then(|()| syncer.sync_now());
        }
    }
}

/// Does what the threads would do while the caller blocks.
pub(crate) fn drive(core: &Core) -> Result<(), Error> {
    let Some(drivers) = core.drivers.lock().upgrade() else {
        core.poison_because("nobody drives the store");
        return Err(core.poison.error());
    };
    let (writer, syncer) = &mut *drivers.lock();
    writer.step()?;
    syncer.step(Instant::now()).map(drop)
}

async fn run_writer(core: Arc<Core>, drivers: Arc<Drivers>) {
    loop {
        core.writer_signal.raised(Urgency::Soon).await;
        let delay = Duration::from_millis(WRITE_DELAY_MS);
        let _early = timeout(delay, core.writer_signal.raised(Urgency::Now)).await;
        let stepped = drivers.lock().0.step();
        if stepped.is_err() || core.stop_writer.load(Ordering::Acquire) {
            return;
        }
    }
}

async fn run_syncer(core: Arc<Core>, drivers: Arc<Drivers>) {
    loop {
        if let Some(host) = Host::current() {
            host.disk_works().await;
        }
        let when = drivers.lock().1.step(Instant::now());
        if core.stop_syncer.load(Ordering::Acquire) {
            return;
        }
        if core.wants_write() {
            core.writer_signal.raise(Urgency::Now);
        }
        match when {
            Ok(When::Woken) => core.syncer_signal.raised(Urgency::Soon).await,
            Ok(When::At(time)) => {
                let _early = timeout_at(time, core.syncer_signal.raised(Urgency::Now)).await;
            }
            Err(_) => return,
        }
    }
}
