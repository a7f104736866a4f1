//! Polling with a deadline: tests never sleep for luck.

use std::future::Future;
use std::thread;

use crate::rt::time::{Duration, Instant, sleep};

/// How long [`until`] waits: long enough for a cluster to fail over on a machine that also builds.
pub const PATIENCE: Duration = Duration::from_secs(30);

const POLL: Duration = Duration::from_millis(10);

/// Blocks until `done` is true; panics naming `what` after [`PATIENCE`].
#[track_caller]
pub fn until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        thread::sleep(POLL);
    }
}

/// As [`until`], for a value: blocks until `find` has one.
#[track_caller]
pub fn until_some<T>(what: &str, mut find: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = find() {
            return value;
        }
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        thread::sleep(POLL);
    }
}

/// As [`until`], without blocking the runtime.
pub async fn until_async<F: Future<Output = bool>>(what: &str, mut done: impl FnMut() -> F) {
    let deadline = Instant::now() + PATIENCE;
    while !done().await {
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        sleep(POLL).await;
    }
}
