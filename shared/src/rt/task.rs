//! Starting tasks and threads.

use std::io;
use std::thread;

use tokio::runtime::Builder;

pub use tokio::runtime::Handle;
pub use tokio::task::{JoinError, JoinHandle, JoinSet, spawn, spawn_blocking, yield_now};

/// The machine that something is done on: there is one only.
#[derive(Debug, Clone)]
pub struct Place;

impl Place {
    /// Where the caller is.
    pub fn here() -> Place {
        Place
    }

    /// Has a future run there, whoever polls it.
    pub fn run<F: Future>(&self, future: F) -> F {
        future
    }
}

/// A thread with a runtime of its own.
#[derive(Debug)]
pub struct Thread(thread::JoinHandle<()>);

impl Thread {
    /// Starts a thread whose runtime runs `until`, and what is spawned on the handle, until `until` ends.
    ///
    /// # Errors
    /// The system gives no thread or no runtime.
    pub fn start(
        name: &str,
        until: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<(Handle, Thread)> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || runtime.block_on(until))?;
        Ok((handle, Thread(thread)))
    }

    /// Waits for its end, unless it is the calling one.
    ///
    /// # Errors
    /// It panicked.
    pub fn join(self) -> thread::Result<()> {
        if self.0.thread().id() == thread::current().id() { Ok(()) } else { self.0.join() }
    }
}

/// How many threads are worth having: as many as there are processors.
pub fn parallelism() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}
