//! The doors for WebSocket clients.
//!
//! # Layout
//!
//! - [`listener`]: accepts sockets, HTTP with deadlines. `linger`: how they are closed.
//! - [`handshake`]: `/ws/{ID}`: from an HTTP request to a member of a room.
//! - [`connection`]: the machine of one client: frames in, outputs out, no socket inside.
//! - [`socket`]: drives the machine with a real WebSocket.
//! - [`outbox`]: what waits to be written to one client, bounded.
//! - [`rate`]: how fast one client may send.
//! - [`close`]: why the service hangs up.

pub mod close;
pub mod connection;
pub mod handshake;
mod linger;
pub mod listener;
pub mod outbox;
pub mod rate;
pub mod socket;

pub use close::CloseReason;
pub use outbox::Outbox;
