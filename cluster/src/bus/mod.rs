//! The cluster bus: the connections over which the nodes of a cluster speak, and the driver that performs what [`crate::gossip`]
//! decides.
//!
//! # Layout
//!
//! - [`packet`]: one message as bytes, checked whole before any of it is used; [`wire`]: its numbers and texts.
//! - [`queue`]: what waits to be sent on one link, bounded; [`links`]: all links of a node; [`connection`]: one of them at work.
//! - [`bus`]: the node's side of the bus: the engine behind one lock, and its effects performed in order.
//! - [`driver`]: the task that accepts, connects and lets time pass.
//! - [`counters`]: what `CLUSTER INFO` counts.

#[allow(clippy::module_inception)]
pub mod bus;
mod connection;
pub mod counters;
pub mod driver;
pub mod links;
pub mod packet;
pub mod queue;
mod wire;

pub use bus::{Bus, StartError, port};
pub use packet::{BadPacket, Body, Packet};
