//! The only door to sockets, files, clocks and randomness: whatever is simulated later is swapped here and nowhere else.
//!
//! # Layout
//!
//! - [`fs`]: files and folders, blocking.
//! - [`mod@net`]: TCP sockets and listeners.
//! - [`task`]: starting tasks.
//! - [`time`]: clocks, sleeping, deadlines.
//! - [`rng`]: random bits.

pub mod fs;
pub mod net;
pub mod rng;
pub mod task;
pub mod time;
