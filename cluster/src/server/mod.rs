//! Connections: from the socket to the command table and back.
//!
//! # Layout
//!
//! - [`listener`]: accepts; [`workers`]: the threads that serve, which `linger` before they sleep; [`signals`]: what ends the process; [`housekeeping`]: what nobody asks for.
//! - [`connection`]: one connection: reads, runs, writes; `dispatch`: one request; `forwarding`: when it is another node's;
//!   `ahead`: those behind it; `tally`: what it took; [`pause`]: what a connection may wait for; [`hold`]: what its replies may.
//! - [`session`]: what a connection remembers; [`clients`]: the registry of all; [`outbox`]: messages pushed to one.

mod ahead;
pub mod clients;
pub mod connection;
mod dispatch;
mod forwarding;
pub mod hold;
pub mod housekeeping;
mod linger;
pub mod listener;
pub mod outbox;
pub mod pause;
mod scratch;
pub mod session;
pub mod signals;
mod tally;
pub mod workers;

#[cfg(test)]
pub(crate) mod tests;
