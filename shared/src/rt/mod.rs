//! The only door to sockets, files, clocks and randomness: whatever is simulated is swapped here and nowhere else.
//!
//! # Layout
//!
//! - [`fs`]: files and folders, blocking.
//! - [`mod@net`]: TCP sockets and listeners; [`ready`]: what a socket takes and has now.
//! - [`task`]: starting tasks and threads.
//! - [`time`]: clocks, sleeping, deadlines.
//! - [`rng`]: random bits.
//! - `sim` (feature `sim`): the same on machines that a seed makes up.

#[cfg_attr(feature = "sim", path = "sim/fs.rs")]
pub mod fs;
#[cfg_attr(feature = "sim", path = "sim/net.rs")]
pub mod net;
pub mod ready;
pub mod rng;
#[cfg(feature = "sim")]
pub mod sim;
#[cfg_attr(feature = "sim", path = "sim/task.rs")]
pub mod task;
#[cfg_attr(feature = "sim", path = "sim/time.rs")]
pub mod time;

/// Whether all of this is simulated: then everything runs on one thread, and nothing may spin or block.
pub const SIMULATED: bool = cfg!(feature = "sim");
