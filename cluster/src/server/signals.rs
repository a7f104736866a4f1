//! What ends the process in order.

use std::io;

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;

use crate::node::Node;

/// SIGTERM and SIGINT, heard from when this is made: whoever asks a node to end while it is starting is not killed by default,
/// but has it end in order once it runs.
pub struct Signals {
    runtime: Runtime,
    term: Signal,
    int: Signal,
}

impl Signals {
    /// Hears from now on.
    ///
    /// # Errors
    /// The system gives no runtime or no handler.
    pub fn hear() -> io::Result<Signals> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let entered = runtime.enter();
        let (term, int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        drop(entered);
        Ok(Signals { runtime, term, int })
    }

    /// Waits for one of them or the end of one of the nodes by itself (SHUTDOWN); meanwhile runs a task.
    pub fn wait(mut self, nodes: &[Node], meanwhile: impl Future<Output = ()>) {
        self.runtime.block_on(async {
            let mut ends = JoinSet::new();
            for node in nodes {
                let mut stopping = node.shared().workers.stopping();
                ends.spawn(async move { stopping.wait_for(|stopping| *stopping).await.is_ok() });
            }
            let meanwhile = async {
                meanwhile.await;
                std::future::pending::<()>().await;
            };
            tokio::select! {
                biased;
                _ = self.term.recv() => tracing::info!("Received SIGTERM scheduling shutdown..."),
                _ = self.int.recv() => tracing::info!("Received SIGINT scheduling shutdown..."),
                _ = ends.join_next() => tracing::info!("User requested shutdown..."),
                () = meanwhile => {}
            }
        });
    }
}
