//! What ends the process in order.

use std::io;

use tokio::signal::unix::{SignalKind, signal};

use crate::node::Shared;

/// Waits for SIGTERM, SIGINT or the node's own end (SHUTDOWN).
pub fn wait(shared: &Shared) -> io::Result<()> {
    let mut stopping = shared.workers.stopping();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut term = signal(SignalKind::terminate())?;
        let mut int = signal(SignalKind::interrupt())?;
        tokio::select! {
            biased;
            _ = term.recv() => tracing::info!("Received SIGTERM scheduling shutdown..."),
            _ = int.recv() => tracing::info!("Received SIGINT scheduling shutdown..."),
            _ = stopping.wait_for(|stopping| *stopping) => tracing::info!("User requested shutdown..."),
        }
        Ok(())
    })
}
