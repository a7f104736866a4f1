//! What ends the process in order.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

use crate::node::Node;

/// Waits for SIGTERM, SIGINT or the end of one of the nodes by itself (SHUTDOWN); meanwhile runs a task.
pub fn wait(nodes: &[Node], meanwhile: impl Future<Output = ()>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut term = signal(SignalKind::terminate())?;
        let mut int = signal(SignalKind::interrupt())?;
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
            _ = term.recv() => tracing::info!("Received SIGTERM scheduling shutdown..."),
            _ = int.recv() => tracing::info!("Received SIGINT scheduling shutdown..."),
            _ = ends.join_next() => tracing::info!("User requested shutdown..."),
            () = meanwhile => {}
        }
        Ok(())
    })
}
