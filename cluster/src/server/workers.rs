//! The threads that serve connections: each with a runtime of its own, so that a connection lives on one thread and nothing is
//! stolen on the hot path. All tasks of a node are spawned here.

use std::future::Future;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use shared::rt;
use shared::rt::task::{self, Handle, Thread};
use tokio::sync::watch;

use super::linger;

/// Most workers: more never helped, and each has its buffers.
const WORKERS_MAX: usize = 128;

/// The workers of a node.
pub struct Workers {
    handles: Vec<Handle>,
    next: AtomicUsize,
    stopping: watch::Sender<bool>,
    threads: Mutex<Vec<Thread>>,
}

impl Workers {
    /// Starts so many workers; 0 is one for each core but one. That one is for the log's writer, the bus and the kernel's own work
    /// on sockets: with a worker there too, one request a round trip took 1.1 times the processor time on two cores.
    pub fn start(count: usize) -> io::Result<Workers> {
        let cores = task::parallelism();
        let count = if count == 0 { (cores - 1).max(1) } else { count }.min(WORKERS_MAX);
        let (stopping, _) = watch::channel(false);
        let mut workers =
            Workers { handles: Vec::new(), next: AtomicUsize::new(0), stopping, threads: Mutex::default() };
        for number in 0..count {
            let handle = workers.start_apart(&format!("worker-{number}"))?;
            if !rt::SIMULATED {
                handle.spawn(linger::linger());
            }
            workers.handles.push(handle);
        }
        Ok(workers)
    }

    /// Starts a thread with a runtime that serves no connections, for what must not wait behind commands. It ends with the
    /// workers.
    pub fn start_apart(&self, name: &str) -> io::Result<Handle> {
        let mut stop = self.stopping.subscribe();
        let until = async move { stop.wait_for(|stop| *stop).await.map(drop).unwrap_or_default() };
        let (handle, thread) = Thread::start(name, until)?;
        self.threads.lock().push(thread);
        Ok(handle)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.handles.len()
    }

    /// Whether there are none; never so.
    pub fn is_empty(&self) -> bool {
        self.handles.is_empty()
    }

    /// Makes the runtime of a worker the one that sockets made on this thread belong to, while the guard lives.
    pub fn enter(&self, worker: usize) -> impl Sized + use<'_> {
        self.handles[worker % self.handles.len()].enter()
    }

    /// Runs a task on the next worker in turn.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.spawn_on(self.next.fetch_add(1, Ordering::Relaxed), task);
    }

    /// Runs a task on the worker with this number (modulo their count).
    pub fn spawn_on(&self, worker: usize, task: impl Future<Output = ()> + Send + 'static) {
        self.handles[worker % self.handles.len()].spawn(task);
    }

    /// Runs a task on a thread of its own until the node stops: what must not wait behind commands.
    ///
    /// # Errors
    /// The system gives no thread or no runtime.
    pub fn spawn_apart(&self, name: &str, task: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
        let mut stop = self.stopping.subscribe();
        let until = async move {
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => {}
                () = task => {}
            }
        };
        let (_, thread) = Thread::start(name, until)?;
        self.threads.lock().push(thread);
        Ok(())
    }

    /// Turns true when the node stops: tasks that hold something end themselves then.
    pub fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }

    /// Has whoever runs the node stop it: SHUTDOWN.
    pub fn ask_stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Ends all tasks and waits for the threads.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
        for thread in self.threads.lock().drain(..) {
            if thread.join().is_err() {
                tracing::error!("a worker panicked");
            }
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.stop();
    }
}
