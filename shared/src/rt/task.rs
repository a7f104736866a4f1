//! Starting tasks.

pub use tokio::task::{JoinError, JoinHandle, JoinSet, spawn, yield_now};
