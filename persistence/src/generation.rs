//! What is written, what is durable, and who waits for it.

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Condvar, Mutex};
use tokio::sync::watch;

use crate::error::Error;
use crate::poison::Poison;

/// A group of effects that are written together. Every append answers with the generation it will be in; later ones are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Generation(pub(crate) u64);

impl Generation {
    /// Before everything that was appended: waiting for it never waits.
    pub const NONE: Generation = Generation(0);

    /// Its number, by which another process can name it as long as this one lives.
    pub fn number(self) -> u64 {
        self.0
    }
}

/// How far one stage (written, durable) has come, and everybody who waits for it.
#[derive(Debug)]
pub(crate) struct Progress {
    reached: AtomicU64,
    tasks: watch::Sender<u64>,
    threads: Mutex<()>,
    moved: Condvar,
}

impl Progress {
    pub(crate) fn new() -> Progress {
        Progress {
            reached: AtomicU64::new(0),
            tasks: watch::Sender::new(0),
            threads: Mutex::new(()),
            moved: Condvar::new(),
        }
    }

    #[inline]
    pub(crate) fn reached(&self) -> Generation {
        Generation(self.reached.load(Ordering::Acquire))
    }

    /// Tells everybody that this generation is reached. Generations come in order.
    pub(crate) fn publish(&self, generation: Generation) {
        self.reached.store(generation.0, Ordering::Release);
        self.wake();
    }

    /// Lets everybody look again: at the poison.
    pub(crate) fn wake(&self) {
        self.tasks.send_replace(self.reached.load(Ordering::Acquire));
        let _held = self.threads.lock();
        self.moved.notify_all();
    }

    /// Waits as a task; giving up is dropping it.
    pub(crate) async fn wait(&self, generation: Generation, poison: &Poison) -> Result<(), Error> {
        if self.reached() >= generation {
            return Ok(());
        }
        let mut watched = self.tasks.subscribe();
        let waited = watched.wait_for(|reached| *reached >= generation.0 || poison.is_set()).await;
        match waited {
            Ok(reached) if *reached >= generation.0 => Ok(()),
            _ => Err(poison.error()),
        }
    }

    /// Waits as a thread.
    pub(crate) fn wait_blocking(&self, generation: Generation, poison: &Poison) -> Result<(), Error> {
        let mut held = self.threads.lock();
        while self.reached() < generation {
            poison.check()?;
            self.moved.wait(&mut held);
        }
        Ok(())
    }
}
