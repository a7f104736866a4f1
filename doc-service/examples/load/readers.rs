//! People who come and go while others type: each connects, asks for all of the document, reads it, leaves, and comes again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::task::JoinHandle;

use super::client::{connect, step_1};

/// Readers at work.
pub(crate) struct Readers {
    tasks: Vec<JoinHandle<()>>,
    reads: Arc<AtomicU64>,
}

/// So many readers of a document.
pub(crate) fn start(server: &str, document: &str, count: usize) -> Readers {
    let reads = Arc::new(AtomicU64::new(0));
    let tasks = (0..count).map(|_| {
        let (server, document, reads) = (server.to_owned(), document.to_owned(), reads.clone());
        tokio::spawn(async move {
            loop {
                let (mut sender, mut receiver) = connect(&server, &document).await;
                sender.send(step_1()).await;
                while !receiver.next().await.expect("step 2").starts_with(&[0, 1]) {}
                reads.fetch_add(1, Ordering::Relaxed);
            }
        })
    });
    Readers { tasks: tasks.collect(), reads }
}

impl Readers {
    /// They stop; how often they have read the document.
    pub(crate) fn stop(self) -> u64 {
        self.tasks.iter().for_each(JoinHandle::abort);
        self.reads.load(Ordering::Relaxed)
    }
}
