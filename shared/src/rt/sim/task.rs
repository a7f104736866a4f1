//! Tasks of a simulated machine. A thread is tasks on the machine's only runtime.

use std::io;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::task::AbortHandle;

use super::sim::Host;
use super::sim::host::OnHost;

pub use tokio::task::{JoinError, JoinHandle, yield_now};

/// Starts a task on the machine that the caller is on.
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    tokio::spawn(Host::current().unwrap_or_default().run(future))
}

/// The machine that something is done on.
#[derive(Debug, Clone)]
pub struct Place(Host);

impl Place {
    /// Where the caller is.
    pub fn here() -> Place {
        Place(Host::current().unwrap_or_default())
    }

    /// Has a future run there, whoever polls it.
    pub fn run<F: Future>(&self, future: F) -> OnHost<F> {
        self.0.run(future)
    }
}

/// Does work that may take its time: here it takes none, in a task of its own.
pub fn spawn_blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    spawn(async move { work() })
}

/// Tasks that end with the set.
#[derive(Debug)]
pub struct JoinSet<T>(tokio::task::JoinSet<T>);

impl<T: Send + 'static> JoinSet<T> {
    /// A set of none.
    pub fn new() -> JoinSet<T> {
        JoinSet(tokio::task::JoinSet::new())
    }

    /// Starts a task on the machine that the caller is on.
    pub fn spawn(&mut self, future: impl Future<Output = T> + Send + 'static) {
        self.0.spawn(Host::current().unwrap_or_default().run(future));
    }

    /// One that has ended, if any has.
    pub fn try_join_next(&mut self) -> Option<Result<T, JoinError>> {
        self.0.try_join_next()
    }

    /// Waits for one to end; none if there is none.
    pub async fn join_next(&mut self) -> Option<Result<T, JoinError>> {
        self.0.join_next().await
    }
}

impl<T: Send + 'static> Default for JoinSet<T> {
    fn default() -> JoinSet<T> {
        JoinSet::new()
    }
}

/// What runs tasks on a "thread".
#[derive(Debug, Clone)]
pub struct Handle {
    host: Host,
    tasks: Arc<Mutex<Vec<AbortHandle>>>,
}

impl Handle {
    /// Starts a task.
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let task = tokio::spawn(self.host.run(future));
        let mut tasks = self.tasks.lock();
        tasks.retain(|task| !task.is_finished());
        tasks.push(task.abort_handle());
        task
    }

    /// The machine has one runtime, which is entered already.
    pub fn enter(&self) -> impl Sized + use<> {}
}

/// A "thread" of a simulated machine.
#[derive(Debug)]
pub struct Thread;

impl Thread {
    /// Runs `until`, and what is spawned on the handle, until `until` ends.
    ///
    /// # Errors
    /// None.
    pub fn start(
        name: &str,
        until: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<(Handle, Thread)> {
        let host = Host::current().ok_or_else(|| io::Error::other(format!("{name}: on no machine")))?;
        let handle = Handle { host: host.clone(), tasks: Arc::default() };
        let tasks = Arc::clone(&handle.tasks);
        let until = async move {
            until.await;
            tasks.lock().drain(..).for_each(|task| task.abort());
        };
        tokio::spawn(host.run(until));
        Ok((handle, Thread))
    }

    /// Waits for nothing: what it was ends with the next turn of the runtime.
    ///
    /// # Errors
    /// None.
    pub fn join(self) -> std::thread::Result<()> {
        Ok(())
    }
}

/// Everything is one thread.
pub fn parallelism() -> usize {
    1
}
